"""The routes that change who belongs to a book."""

from typing import Final
from uuid import UUID

from aiohttp import web

from ledger import schemas
from ledger.answers import IF_MATCH, answer, require_match
from ledger.book import Book
from ledger.commands import members as commands
from ledger.commands.deciding import BookCheck
from ledger.errors import MemberChanged, MemberNotFound
from ledger.http.requests import (
    LEDGER,
    METADATA,
    READS,
    View,
    body_of,
    book_id,
    id_in_path,
    operation_of,
    read_book,
)

_INVITE: Final = schemas.Invite()
_CHANGE_ROLE: Final = schemas.ChangeRole()
_NOTHING: Final = schemas.Nothing()


def routes() -> list[web.RouteDef]:
    member = "/books/{book}/members/{user}"
    return [
        web.patch(member, change_role),
        web.delete(member, remove_member),
        web.post("/books/{book}/invitations", invite),
        web.post("/invitations/{token}/accept", accept_invitation),
    ]


async def invite(request: web.Request) -> web.Response:
    body, metadata = await body_of(request, _INVITE), await operation_of(request)
    token, invitation, replayed = await commands.invite(request.app[LEDGER], metadata, book_id(request), **body)
    view = {"token": token.text, "expires_at": invitation.expires_at}
    return answer(request, view, status=201, replayed=replayed)


async def accept_invitation(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    metadata, token = await operation_of(request), request.match_info["token"]
    settled, role = await commands.accept_invitation(request.app[LEDGER], metadata, token)
    await read_book(request, settled.book.id)  # the lists of the new member's books must know of it
    return answer(request, {"book_id": settled.book.id, "role": role}, replayed=settled.replayed)


async def change_role(request: web.Request) -> web.Response:
    body = await body_of(request, _CHANGE_ROLE)
    book, user = book_id(request), _user_id(request)
    await commands.change_role(
        request.app[LEDGER], request[METADATA], book, user, **body, check=_if_match(request, user)
    )
    return answer(request, await _read_member(request, book, user))


async def remove_member(request: web.Request) -> web.Response:
    await body_of(request, _NOTHING)
    book, user = book_id(request), _user_id(request)
    await commands.remove_member(request.app[LEDGER], request[METADATA], book, user, _if_match(request, user))
    return web.Response(status=204)


def _user_id(request: web.Request) -> UUID:
    return id_in_path(request, "user", MemberNotFound)


async def _read_member(request: web.Request, book: UUID, user: UUID) -> View:
    """Raises: BookNotFound, MemberNotFound."""
    return await request.app[READS].member(request[METADATA].actor, book, user)


def _if_match(request: web.Request, user: UUID) -> BookCheck:
    async def check(book: Book) -> None:
        if IF_MATCH in request.headers:
            require_match(request, await _read_member(request, book.id, user), MemberChanged, book.version)

    return check
