"""The commands of the command line on users."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import click

from auth.cli import AS_JSON, print_rows
from auth.commands.erasure import erase_account
from auth.commands.users import WholeAccounts, change_roles, end_all_sessions, find_any_user, find_user_id
from auth.user import ROLES, User
from eventstore.codec import Metadata
from eventstore.processes import run
from eventstore.settings import Settings


@dataclass(frozen=True)
class UserAdministration:
    """What a command on users works with."""

    accounts: WholeAccounts
    request_id: str
    list_users: Callable[[], AsyncIterator[dict[str, Any]]]

    @property
    def metadata(self) -> Metadata:
        """It is the system that acts: who may run the command line needs no account."""
        return Metadata(None, self.request_id)


Open = Callable[[Settings], AbstractAsyncContextManager[UserAdministration]]
Work = Callable[[UserAdministration, UUID], Coroutine[Any, Any, Any]]

_USER: Final = click.argument("user")
_ROLE: Final = click.argument("role", type=click.Choice(ROLES))


def user_group(open_administration: Open) -> click.Group:
    """Make `gagyebu user`."""
    group = click.Group("user", help="The users. USER is an id or an e-mail address; of an erased one the id.")

    def on_user(settings: Settings, user: str, work: Work) -> Any:
        async def found() -> Any:
            async with open_administration(settings) as admin:
                return await work(admin, await find_user_id(admin.accounts, user))

        return run(found())

    _add_views(group, open_administration, on_user)
    _add_changes(group, on_user)
    return group


OnUser = Callable[[Settings, str, Work], Any]


def _add_views(group: click.Group, open_administration: Open, on_user: OnUser) -> None:
    @group.command("list")
    @AS_JSON
    @click.pass_obj
    def list_users(settings: Settings, as_json: bool) -> None:
        """List the users: id, e-mail address, name. Those that were erased have the id alone."""

        async def work() -> list[dict[str, Any]]:
            async with open_administration(settings) as admin:
                return [row async for row in admin.list_users()]

        print_rows(run(work()), as_json=as_json)

    @group.command("show")
    @_USER
    @AS_JSON
    @click.pass_obj
    def show(settings: Settings, user: str, as_json: bool) -> None:
        """Show one user, with roles, and how many sessions and API tokens there are."""
        shown = on_user(settings, user, _show)
        print_rows(
            shown if as_json else [{"key": key, "value": value} for key, value in shown.items()], as_json=as_json
        )


def _add_changes(group: click.Group, on_user: OnUser) -> None:
    @group.command("end-sessions")
    @_USER
    @click.pass_obj
    def end_sessions(settings: Settings, user: str) -> None:
        """End all sessions of a user and revoke the API tokens: they are refused within a second."""
        on_user(settings, user, lambda admin, user_id: end_all_sessions(admin.accounts, admin.metadata, user_id))

    @group.command("erase")
    @_USER
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.pass_obj
    def erase(settings: Settings, user: str, yes: bool) -> None:
        """Erase an account and the books that it owns alone, for ever. To do it again does no harm."""
        if not yes:
            click.confirm(f"Erase {user} for ever?", abort=True)
        on_user(settings, user, lambda admin, user_id: erase_account(admin.accounts, admin.metadata, user_id))

    @group.command("grant")
    @_USER
    @_ROLE
    @click.pass_obj
    def grant(settings: Settings, user: str, role: str) -> None:
        """Give a user a role."""
        on_user(settings, user, _changing_roles(lambda user: user.grant_role(role)))

    @group.command("take")
    @_USER
    @_ROLE
    @click.pass_obj
    def take(settings: Settings, user: str, role: str) -> None:
        """Take a role from a user."""
        on_user(settings, user, _changing_roles(lambda user: user.take_role(role)))


def _changing_roles(change: Callable[[User], None]) -> Work:
    return lambda admin, user_id: change_roles(admin.accounts, admin.metadata, user_id, change)


async def _show(admin: UserAdministration, user_id: UUID) -> dict[str, Any]:
    """Raises: UserNotFound."""
    accounts = admin.accounts
    user = await find_any_user(accounts, user_id)
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "created_at": user.created_on,
        "roles": sorted(user.roles),
        "erased": user.erased,
        "sessions": len(await accounts.list_sessions(user_id)),
        "api_tokens": len(await accounts.list_api_tokens(user_id)),
    }
