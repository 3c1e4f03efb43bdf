"""Commands on share links."""

from datetime import timedelta
from uuid import UUID

from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change
from ledger.book import Book
from ledger.commands.deciding import (
    ATTEMPTS_MAX,
    Ledger,
    decide_on_book,
    guard_on,
    load_book,
    made_before,
    require_writer,
)
from ledger.entry import Entry
from ledger.errors import EntryNotFound, ShareNotFound, TooBusy
from ledger.share import CODE_BYTES, CODE_LENGTH, ShareLink, ShareOpening, code_of, share_id_of


async def share_entry(
    ledger: Ledger, metadata: Metadata, book_id: UUID, entry_id: UUID, lifetime: timedelta
) -> tuple[str, ShareLink, bool]:
    """Make a link to an entry. Returns: its code, itself, and whether this is a retry's answer."""
    code = code_of(ledger.secret_for(metadata, CODE_BYTES))
    share_id = share_id_of(code)

    async def decide(book: Book) -> tuple[str, ShareLink, bool]:
        require_writer(book, metadata)
        entry = await ledger.store.load(book_id, Entry, entry_id)
        if entry is None:
            raise EntryNotFound
        entry.require_live()
        share = ShareLink(id=share_id, entry_id=entry_id, expires_at=ledger.clock() + lifetime)
        await ledger.store.append(metadata, [Change(book_id, share)], [guard_on(book)])
        return code, share, False

    async def find_earlier(book: Book) -> tuple[str, ShareLink, bool] | None:
        earlier = await made_before(ledger, metadata, book, ShareLink, share_id)
        return (code, earlier, True) if earlier else None

    return await decide_on_book(ledger, book_id, decide, find_earlier)


async def revoke_share(ledger: Ledger, metadata: Metadata, book_id: UUID, entry_id: UUID, name: str) -> None:
    """Revoke a link, named by its code or its id."""
    share_id = share_id_of(name) if len(name) == CODE_LENGTH else _id(name)
    for _ in range(ATTEMPTS_MAX):
        book = await load_book(ledger, book_id)
        require_writer(book, metadata)
        share = await ledger.store.load(book_id, ShareLink, share_id)
        if share is None or share.entry_id != entry_id:
            raise ShareNotFound
        share.revoke()
        try:
            await ledger.store.append(metadata, [Change(book_id, share)], [guard_on(book)])
        except Conflict:
            continue
        return
    raise TooBusy


async def note_opening(ledger: Ledger, metadata: Metadata, book_id: UUID, share_id: UUID) -> None:
    """Count one look through a link."""
    opening = ShareOpening(id=ledger.new_id(), share_id=share_id)
    await ledger.store.append(metadata, [Change(book_id, opening)])


def _id(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        raise ShareNotFound from None
