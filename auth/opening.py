"""Opening what accounts are made of: keys, passwords, brakes on guessing, and the ways to users."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import click
from uuid_utils.compat import uuid7

from auth.ceremonies import Ceremonies
from auth.commands.api_tokens import ApiTokens
from auth.commands.bearer import BearerTokens
from auth.commands.deciding import Auth, find_user
from auth.commands.delivery import Channel, Delivery
from auth.commands.keys import KeyFollower, open_keys, token_keys
from auth.commands.refusals import Refusals
from auth.later import Later
from auth.mail import FolderMail, SmtpMail
from auth.message import MAIL, PHONE
from auth.passwords import Passwords, owasp_hasher
from auth.phone import WebhookPhone
from auth.throttle import Throttle
from auth.tokens import AccessTokens
from eventstore.database import Database
from eventstore.keys import MasterKey
from eventstore.processes import running
from eventstore.settings import Settings
from eventstore.store import EventStore, Guard

FIRST_KEY: Final = "access token signing"
"""What the first key that signs access tokens is derived for."""
SPARE_KEY: Final = "access token signing without a journal"
"""What signs where their journal came without its data key."""
PEPPER: Final = "e-mail pepper"
LINK_KEY: Final = "mailed links"

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Identity:
    """What tells who somebody is, and changes it."""

    auth: Auth
    bearer: BearerTokens
    follower: KeyFollower
    later: Later

    async def find_user(self, user_id: UUID) -> tuple[str, Sequence[Guard]]:
        """A user's e-mail address, and the guard that nothing has happened to him since.

        Raises: Unauthenticated where the user is gone.
        """
        user = await find_user(self.auth, user_id)
        return user.email, [Guard(user_id, user_id, user.version)]


@asynccontextmanager
async def open_identity(
    settings: Settings,
    database: Database,
    store: EventStore,
    master_key: MasterKey,
    clock: Clock,
    list_sessions: Callable[[UUID], Awaitable[Sequence[UUID]]],
) -> AsyncIterator[Identity]:
    """`list_sessions`: those of a user that have not ended, up to now. Raises: StoreError."""
    async with AsyncExitStack() as stack:
        passwords, refusals = Passwords(owasp_hasher()), Refusals(store, clock)
        stack.callback(passwords.close)
        stack.push_async_callback(refusals.close)
        throttle, later = Throttle(database, master_key.derive("throttle")), Later()
        await stack.enter_async_context(running(throttle.run()))
        tokens, follower = await _open_tokens(settings, store, master_key, clock)
        await stack.enter_async_context(later.working())
        auth = Auth(
            store,
            passwords,
            tokens,
            throttle,
            refusals,
            master_key.derive(PEPPER),
            master_key.derive("refresh token rotation"),
            uuid7,
            clock,
            Ceremonies(settings.client_url, master_key.derive("passkey challenges"), clock),
            master_key.derive(LINK_KEY),
            list_sessions,
            can_text=bool(settings.sms_webhook_url),
        )
        yield Identity(auth, BearerTokens(tokens, ApiTokens(store, clock), follower), follower, later)


async def _open_tokens(
    settings: Settings, store: EventStore, master_key: MasterKey, clock: Clock
) -> tuple[AccessTokens, KeyFollower]:
    keys = await open_keys(store, master_key.derive(FIRST_KEY), str(uuid7()))
    spare_seed = master_key.derive(SPARE_KEY)
    tokens = AccessTokens(token_keys(keys, spare_seed), settings.client_url, settings.client_url, uuid7, clock)
    return tokens, KeyFollower(store, tokens, keys.version, spare_seed)


@asynccontextmanager
async def open_delivery(
    settings: Settings, store: EventStore, master_key: MasterKey, clock: Clock
) -> AsyncIterator[Delivery]:
    """Raises: click.UsageError."""
    async with aiohttp.ClientSession() as client:
        channels = _channels(settings, client, clock)
        yield Delivery(store, channels, master_key.derive(LINK_KEY), settings.client_url, clock)


def _channels(settings: Settings, client: aiohttp.ClientSession, clock: Clock) -> dict[str, Channel]:
    """The ways to users that are set; mail goes into a folder where it has no other way. Raises: click.UsageError."""
    sender = settings.mail_from or f"gagyebu@{urlsplit(settings.client_url).hostname}"
    channels: dict[str, Channel] = {MAIL: FolderMail(settings.data_dir / "mail", sender)}
    try:
        if settings.smtp_url:
            channels[MAIL] = SmtpMail(settings.smtp_url, sender)
        if settings.sms_webhook_url:
            channels[PHONE] = WebhookPhone(client, settings.sms_webhook_url, settings.sms_webhook_secret, clock)
    except ValueError as error:
        raise click.UsageError(f"GAGYEBU_SMTP_URL, GAGYEBU_SMS_WEBHOOK_URL and its _SECRET: {error}.") from None
    return channels
