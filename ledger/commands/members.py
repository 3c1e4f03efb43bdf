"""Commands on who belongs to a book."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import structlog

from eventstore.codec import Metadata
from eventstore.store import Change, EventStore
from eventstore.tokens import StreamToken
from ledger.book import MEMBERS, OWNER, OWNERS, Book
from ledger.commands.deciding import (
    BookCheck,
    Ledger,
    Settled,
    change_book,
    decide_on_book,
    guard_on,
    made_before,
    position_of,
    retrying,
    unconditional,
)
from ledger.errors import BooksShared, InvitationNotFound
from ledger.invitation import LIFETIME, Invitation

NO_ROLE: Final = "none"

_log = structlog.get_logger("security")


async def invite(
    ledger: Ledger, metadata: Metadata, book_id: UUID, email: str, role: str
) -> tuple[StreamToken, Invitation, bool]:
    """Make an invitation. Returns: its token, itself, and whether this is a retry's answer."""
    secret = ledger.secret_for(metadata, StreamToken.SECRET_BYTES)
    token = StreamToken(book_id, ledger.id_for(metadata), secret)

    async def decide(book: Book) -> tuple[StreamToken, Invitation, bool]:
        book.require_role(metadata.actor, OWNERS)
        book.require_live()
        expires_at = ledger.clock() + LIFETIME
        invitation = Invitation(
            id=token.stream_id, email=email, role=role, token_hash=token.digest, expires_at=expires_at
        )
        await ledger.store.append(metadata, [Change(book_id, invitation)], [guard_on(book)])
        return token, invitation, False

    async def find_earlier(book: Book) -> tuple[StreamToken, Invitation, bool] | None:
        earlier = await made_before(ledger, metadata, book, Invitation, token.stream_id)
        return (token, earlier, True) if earlier else None

    return await decide_on_book(ledger, book_id, decide, find_earlier)


async def accept_invitation(ledger: Ledger, metadata: Metadata, text: str) -> tuple[Settled, str]:
    """Join the book that an invitation is for. Returns: the book, and the role in it."""
    token = StreamToken.parse(text)
    actor = metadata.actor
    if token is None or actor is None:
        raise InvitationNotFound

    async def attempt() -> tuple[Settled, str]:
        email, not_erased = await ledger.find_user(actor)
        # The book first: one that has somebody more than the invitation tells would refuse the retry that it owes.
        book = await ledger.store.load(token.journal_id, Book, token.journal_id)
        invitation = await ledger.store.load(token.journal_id, Invitation, token.stream_id)
        if book is None or invitation is None or not book.members:
            raise InvitationNotFound
        done_at = position_of(invitation, metadata)
        if done_at is not None and invitation.accepted_by == actor:
            return Settled(book, done_at, replayed=True), invitation.role
        invitation.accept(actor, email, token, ledger.clock())
        book.join(actor, invitation.role, invitation.id)
        await ledger.store.append(metadata, [Change(book.id, book), Change(book.id, invitation)], not_erased)
        ledger.books[book.id] = book
        return _tell(Settled(book), metadata, actor, invitation.role), invitation.role

    return await retrying(attempt)


async def part_with(store: EventStore, user_id: UUID, book_ids: Iterable[UUID]) -> list[Change]:
    """Let somebody go who is to be erased. Returns: what is to be recorded with that, of every book that there is.

    Raises: BooksShared where the user owns some that others belong to.
    """
    found = [await store.load(book_id, Book, book_id) for book_id in book_ids]
    books = [book for book in found if book is not None and user_id in book.members]
    shared = [book.name for book in books if book.members[user_id] == OWNER and len(book.members) > 1]
    if shared:
        raise BooksShared(", ".join(f"“{name}”" for name in shared))
    for book in books:
        book.part_with(user_id)
    return [Change(book.id, book) for book in books]


async def change_role(
    ledger: Ledger, metadata: Metadata, book_id: UUID, user_id: UUID, role: str, check: BookCheck = unconditional
) -> Settled:
    """Give a member another role; `owner` hands the book over."""
    settled = await change_book(ledger, metadata, book_id, OWNERS, lambda book: book.change_role(user_id, role), check)
    return _tell(settled, metadata, user_id, role)


async def remove_member(
    ledger: Ledger, metadata: Metadata, book_id: UUID, user_id: UUID, check: BookCheck = unconditional
) -> Settled:
    """Take somebody out of the book, or leave it."""
    roles = MEMBERS if user_id == metadata.actor else OWNERS
    settled = await change_book(ledger, metadata, book_id, roles, lambda book: book.remove_member(user_id), check)
    return _tell(settled, metadata, user_id, NO_ROLE)


def _tell(settled: Settled, metadata: Metadata, user_id: UUID, role: str) -> Settled:
    """Log who may do what in a book from now on: that is an event of security."""
    if not settled.replayed:
        told = {
            "book_id": settled.book.id,
            "user_id": user_id,
            "actor": metadata.actor,
            "request_id": metadata.request_id,
        }
        _log.info("role in a book", role=role, **told)
    return settled
