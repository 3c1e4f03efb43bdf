"""Commands on share links."""

from datetime import timedelta
from uuid import UUID

from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change, Guard
from ledger.book import Book
from ledger.commands.deciding import Ledger, Placed, decide_on_book, guard_on, load_entry, made_before, require_writer
from ledger.commands.entries import Target
from ledger.errors import ShareNotFound
from ledger.share import CODE, CODE_BYTES, OPENS_MAX, ShareLink, ShareOpening, code_of, opening_id_of, share_id_of


async def share_entry(ledger: Ledger, target: Target, lifetime: timedelta) -> tuple[str, ShareLink, bool]:
    """Make a link to an entry. Returns: its code, itself, and whether this is a retry's answer."""
    metadata, book_id, entry_id = target.metadata, target.book_id, target.entry_id
    code = code_of(ledger.secret_for(metadata, CODE_BYTES))
    share_id = share_id_of(code, ledger.share_key)

    async def decide(book: Book) -> tuple[str, ShareLink, bool]:
        require_writer(book, metadata)
        entry = await load_entry(ledger, book_id, entry_id)
        target.check(Placed(book, entry))
        entry.require_live()
        share = ShareLink(id=share_id, entry_id=entry_id, expires_at=ledger.clock() + lifetime)
        guards = [guard_on(book), Guard(book_id, entry_id, entry.version)]
        await ledger.store.append(metadata, [Change(book_id, share)], guards)
        return code, share, False

    async def find_earlier(book: Book) -> tuple[str, ShareLink, bool] | None:
        earlier = await made_before(ledger, metadata, book, ShareLink, share_id)
        return (code, earlier, True) if earlier else None

    return await decide_on_book(ledger, book_id, decide, find_earlier)


async def revoke_share(ledger: Ledger, metadata: Metadata, book_id: UUID, entry_id: UUID, name: str) -> None:
    """Revoke a link, named by its code or its id."""
    share_id = share_id_in(ledger, name) if CODE.fullmatch(name) else _id(name)

    async def decide(book: Book) -> None:
        require_writer(book, metadata)
        share = await ledger.store.load(book_id, ShareLink, share_id)
        if share is None or share.entry_id != entry_id:
            raise ShareNotFound
        share.revoke()
        await ledger.store.append(metadata, [Change(book_id, share)], [guard_on(book)])

    await decide_on_book(ledger, book_id, decide)


async def note_opening(ledger: Ledger, metadata: Metadata, book_id: UUID, share_id: UUID, opens: int) -> None:
    """Count one look through a link that has been opened so many times, or more since; none beyond OPENS_MAX."""
    taken = ledger.openings  # those under way here, so that each takes the next number; other processes may conflict
    while (number := max(opens, taken.get(share_id, 0)) + 1) <= OPENS_MAX:
        taken[share_id] = number
        opening = ShareOpening(id=opening_id_of(share_id, number), share_id=share_id)
        try:
            await ledger.store.append(metadata, [Change(book_id, opening)])
        except Conflict:
            opens = number
        else:
            return


def share_id_in(ledger: Ledger, code: str) -> UUID:
    """The id of the link that a code would open. Raises: ShareNotFound for what is no code."""
    if CODE.fullmatch(code) is None:
        raise ShareNotFound
    return share_id_of(code, ledger.share_key)


def _id(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        raise ShareNotFound from None
