"""Transfers: two entries in two books, appended together, changed together."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from eventstore.codec import Metadata
from eventstore.store import Change, replay
from ledger.book import Book
from ledger.commands.deciding import (
    Ledger,
    Placed,
    decide_on_book,
    guard_on,
    load_book,
    made_before,
    minor_units,
    position_of,
    require_writer,
)
from ledger.entry import TRANSFER_IN, TRANSFER_OUT, Content, Entry, Posting, Transfer
from ledger.errors import BookNotFound, EntryNotFound, IdempotencyKeyReused, InvalidField, NotPermitted


@dataclass(frozen=True)
class Transferred:
    """Both sides of a transfer."""

    transfer_id: UUID
    source: Placed
    target: Placed


@dataclass(frozen=True)
class Amounts:
    """What leaves one book and arrives in the other, as given; the second is needed between two currencies."""

    amount: str
    to_amount: str | None


async def transfer(
    ledger: Ledger,
    metadata: Metadata,
    from_book: UUID,
    to_book: UUID,
    amounts: Amounts,
    occurred_on: date,
    memo: str,
) -> Transferred:
    """Move money from one book to another: one entry in each, both or neither."""
    if from_book == to_book:
        raise InvalidField("to_book", "A transfer goes to another book.")
    ids = (ledger.id_for(metadata), ledger.id_for(metadata, "target"), ledger.id_for(metadata, "transfer"))

    async def decide(source: Book) -> Transferred:
        require_writer(source, metadata)
        target = await load_book(ledger, to_book)
        require_writer(target, metadata)
        for book in (source, target):
            book.require_open(occurred_on)
        sides = _both_sides(source, target, amounts, occurred_on, memo, ids)
        changes = [Change(placed.book.id, placed.entry) for placed in (sides.source, sides.target)]
        await ledger.store.append(metadata, changes, [guard_on(source), guard_on(target)])
        return sides

    async def find_earlier(source: Book) -> Transferred | None:
        return await _made_before(ledger, metadata, source, to_book, ids)

    return await decide_on_book(ledger, from_book, decide, find_earlier)


def _both_sides(
    source: Book, target: Book, amounts: Amounts, occurred_on: date, memo: str, ids: tuple[UUID, UUID, UUID]
) -> Transferred:
    out_id, in_id, transfer_id = ids
    out_minor, in_minor = _both_amounts(source, target, amounts)
    leaving = Entry(
        id=out_id,
        adds=Posting(out_minor, None, TRANSFER_OUT, occurred_on),
        memo=memo,
        tags=[],
        transfer=Transfer(transfer_id, target.id, in_id),
    )
    arriving = Entry(
        id=in_id,
        adds=Posting(in_minor, None, TRANSFER_IN, occurred_on),
        memo=memo,
        tags=[],
        transfer=Transfer(transfer_id, source.id, out_id),
    )
    return Transferred(transfer_id, Placed(source, leaving), Placed(target, arriving))


def _both_amounts(source: Book, target: Book, amounts: Amounts) -> tuple[int, int]:
    out_minor = minor_units("amount", amounts.amount, source.currency, positive=True)
    if amounts.to_amount is None:
        if source.currency != target.currency:
            raise InvalidField("to_amount", f"Say how much arrives in {target.currency}.")
        return out_minor, out_minor
    in_minor = minor_units("to_amount", amounts.to_amount, target.currency, positive=True)
    if source.currency == target.currency and in_minor != out_minor:
        raise InvalidField("to_amount", "Between books of one currency, what leaves is what arrives.")
    return out_minor, in_minor


async def _made_before(
    ledger: Ledger, metadata: Metadata, source: Book, to_book: UUID, ids: tuple[UUID, UUID, UUID]
) -> Transferred | None:
    out_id, in_id, transfer_id = ids
    leaving = await made_before(ledger, metadata, source, Entry, out_id)
    if leaving is None:
        return None
    target = await load_book(ledger, to_book)
    arriving = await made_before(ledger, metadata, target, Entry, in_id)
    if arriving is None:
        raise IdempotencyKeyReused
    sides = [
        Placed(await load_book(ledger, book.id, position_of(entry, metadata)), entry, replayed=True)
        for book, entry in ((source, leaving), (target, arriving))
    ]
    return Transferred(transfer_id, *sides)


def renewed(ledger: Ledger, metadata: Metadata, original: Transfer) -> Transfer:
    """A transfer like another, with ids of its own."""
    return Transfer(ledger.id_for(metadata, "transfer"), original.book_id, ledger.id_for(metadata, "target"))


async def mirrored(
    ledger: Ledger, metadata: Metadata, book: Book, was: Content, changed: Entry, transfer: Transfer
) -> tuple[Book, Entry]:
    """Bring about on the other side what has just been done on this one. Returns: the other book and entry.

    Raises: NotPermitted where the actor may not write in the other book.
    """
    other_book = await _load_other_book(ledger, metadata, transfer.book_id)
    if changed.version == len(changed.unrecorded_events()):
        return other_book, await _copied(ledger, other_book, book.id, changed, transfer)
    other = await _load_side(ledger, other_book.id, transfer.entry_id)
    content = await _other_content(ledger, book, was, changed, other_book, other)
    if content != other.content:
        other_book.require_open(other.posting.occurred_on, content.posting.occurred_on)
        _become(other, content)
    return other_book, other


async def _load_other_book(ledger: Ledger, metadata: Metadata, book_id: UUID) -> Book:
    book = await load_book(ledger, book_id)
    try:
        require_writer(book, metadata)
    except BookNotFound:  # the entry here is the actor's to see, so the other book is no secret
        raise NotPermitted from None
    return book


async def _copied(ledger: Ledger, other_book: Book, book_id: UUID, copy: Entry, transfer: Transfer) -> Entry:
    """The other side of a copy; what is not the same on both sides follows the original's."""
    original = await _load_side(ledger, book_id, copy.copied_from)
    model = await _load_side(ledger, other_book.id, original.transfer.entry_id if original.transfer else None)
    other_book.require_open(copy.posting.occurred_on)
    return Entry(
        id=transfer.entry_id,
        adds=replace(model.posting, occurred_on=copy.posting.occurred_on),
        memo=model.memo,
        tags=model.tags,
        copied_from=model.id,
        transfer=Transfer(transfer.transfer_id, book_id, copy.id),
    )


async def _load_side(ledger: Ledger, book_id: UUID, entry_id: UUID | None) -> Entry:
    entry = await ledger.store.load(book_id, Entry, entry_id) if entry_id else None
    if entry is None:
        raise EntryNotFound
    return entry


async def _other_content(
    ledger: Ledger, book: Book, was: Content, changed: Entry, other_book: Book, other: Entry
) -> Content:
    """Day, memo and deletion are the same on both sides, the amount is within one currency."""
    now, event = changed.content, changed.unrecorded_events()[-1]
    amount_minor = other.posting.amount_minor
    if book.currency == other_book.currency:
        amount_minor = now.posting.amount_minor
    elif isinstance(event, Entry.Reverted):
        amount_minor = await _amount_then(ledger, book.id, event, other_book.id, other)
    memo = now.memo if now.memo != was.memo else other.memo
    posting = replace(other.posting, amount_minor=amount_minor, occurred_on=now.posting.occurred_on)
    return Content(posting, memo, other.tags, now.deleted)


async def _amount_then(ledger: Ledger, book_id: UUID, event: Entry.Reverted, other_book_id: UUID, other: Entry) -> int:
    """What the other side amounted to when this one was at the version that it went back to."""
    here = await ledger.store.load_events(book_id, event.originator_id)
    until = here[event.to_version - 1].recorded_at  # what is changed on both sides is recorded at one time
    events = await ledger.store.load_events(other_book_id, other.id)
    then = replay(Entry, (earlier for earlier in events if earlier.recorded_at <= until))
    return (then or other).posting.amount_minor


def _become(entry: Entry, content: Content) -> None:
    """Change an entry by the event that says best what happened."""
    if content.deleted and not entry.deleted and content == replace(entry.content, deleted=True):
        entry.delete()
    elif entry.deleted and not content.deleted and content == replace(entry.content, deleted=False):
        entry.restore()
    elif not (content.deleted or entry.deleted):
        entry.amend(content.posting, content.memo, content.tags)
    else:
        entry.revert(entry.version, content)
