"""Transfers: two entries in two books, appended together, changed together."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from eventstore.codec import Metadata
from eventstore.store import Change
from ledger.book import MEMBERS, Book
from ledger.commands.deciding import (
    Ledger,
    Placed,
    decide_on_book,
    guard_on,
    load_book,
    load_entry,
    minor_units,
    placed_before,
    position_of,
    require_writer,
)
from ledger.entry import TRANSFER_IN, TRANSFER_OUT, Content, Entry, Posting, Transfer
from ledger.errors import BookNotFound, EntryNotFound, InvalidField, NotPermitted
from ledger.operation import Operation


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
    ids = (ledger.id_for(metadata, "source"), ledger.id_for(metadata, "target"), ledger.id_for(metadata, "transfer"))

    async def load_target(source: Book) -> Book:
        target = await load_book(ledger, to_book)
        for book in (source, target):
            book.require_role(metadata.actor, MEMBERS)  # what is not there is told before what is not allowed
        return target

    async def decide(source: Book) -> Transferred:
        target = await load_target(source)
        for book in (source, target):
            require_writer(book, metadata)
        for book in (source, target):
            book.require_open(occurred_on)
        sides = _both_sides(source, target, amounts, occurred_on, memo, ids)
        changes = [Change(placed.book.id, placed.entry) for placed in (sides.source, sides.target)]
        if metadata.operation is not None:
            changes.append(Change(metadata.operation, Operation(id=metadata.operation)))
        await ledger.store.append(metadata, changes, [guard_on(source), guard_on(target)])
        return sides

    async def find_earlier(source: Book) -> Transferred | None:
        return await _made_before(ledger, metadata, source, await load_target(source), ids)

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
    ledger: Ledger, metadata: Metadata, source: Book, target: Book, ids: tuple[UUID, UUID, UUID]
) -> Transferred | None:
    """Both sides as the same operation made them. Raises: IdempotencyKeyReused, also where it was in other books."""
    if metadata.operation is None:
        return None
    claimed = await ledger.store.load(metadata.operation, Operation, metadata.operation)
    if claimed is None or position_of(claimed, metadata) is None:
        return None
    out_id, in_id, transfer_id = ids
    sides = [
        await placed_before(ledger, metadata, book, entry_id) for book, entry_id in ((source, out_id), (target, in_id))
    ]
    return Transferred(transfer_id, *(side for side in sides if side))


def renewed(ledger: Ledger, metadata: Metadata, original: Transfer) -> Transfer:
    """A transfer like another, with ids of its own."""
    return Transfer(ledger.id_for(metadata, "transfer"), original.book_id, ledger.id_for(metadata, "target"))


async def mirrored(
    ledger: Ledger, metadata: Metadata, book: Book, changed: Entry, transfer: Transfer
) -> tuple[Book, Entry] | None:
    """Bring about on the other side what has just been done on this one.

    Returns: the other book and entry; None where nothing is to be done there.
    Raises: NotPermitted where the actor may not write in the other book.
    """
    other_book = await load_book(ledger, transfer.book_id)
    if changed.version == len(changed.unrecorded_events()):
        other = await _copied(ledger, other_book, book.id, changed, transfer)
        days = [other.posting.occurred_on]
    else:
        other = await load_entry(ledger, other_book.id, transfer.entry_id)
        days = [other.posting.occurred_on, changed.posting.occurred_on]
        _follow(other, changed, same_currency=book.currency == other_book.currency)
    if not other.unrecorded_events():
        return None
    _require_writer_too(other_book, metadata)
    other_book.require_open(*days)
    return other_book, other


def _require_writer_too(other_book: Book, metadata: Metadata) -> None:
    """Raises: NotPermitted, BookDeleted."""
    try:
        require_writer(other_book, metadata)
    except BookNotFound:  # the entry here is the actor's to see, so the other book is no secret
        raise NotPermitted from None


async def _copied(ledger: Ledger, other_book: Book, book_id: UUID, copy: Entry, transfer: Transfer) -> Entry:
    """The other side of a copy; what is not the same on both sides follows the original's."""
    original = await load_entry(ledger, book_id, copy.copied_from) if copy.copied_from else None
    if original is None or original.transfer is None:
        raise EntryNotFound
    model = await load_entry(ledger, other_book.id, original.transfer.entry_id)
    return Entry(
        id=transfer.entry_id,
        adds=replace(model.posting, occurred_on=copy.posting.occurred_on),
        memo=model.memo,
        tags=model.tags,
        copied_from=model.id,
        transfer=Transfer(transfer.transfer_id, book_id, copy.id),
    )


def _follow(other: Entry, changed: Entry, *, same_currency: bool) -> None:
    """Day, memo and deletion are the same on both sides, and so is the amount within one currency; the rest stays.

    Told by the events that would have brought it about there.
    """
    now = changed.content
    amount_minor = now.posting.amount_minor if same_currency else other.posting.amount_minor
    posting = replace(other.posting, amount_minor=amount_minor, occurred_on=now.posting.occurred_on)
    if other.content == Content(posting, now.memo, other.tags, now.deleted):
        return
    if other.deleted:
        other.restore()
    other.amend(posting, now.memo, other.tags)
    if now.deleted:
        other.delete()
