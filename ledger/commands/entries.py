"""Commands on entries; a change of one side of a transfer changes both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change, Guard, replay
from ledger.book import MEMBERS, Book
from ledger.commands import transfers
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
    usable_category,
)
from ledger.entry import Entry, Posting
from ledger.errors import IdempotencyKeyReused, InvalidField

EntryCheck = Callable[[Placed], None]
"""A precondition of the caller (If-Match) on the entry as it is stored; raises to refuse."""

EntryChange = Callable[[Book, Entry], Entry]
"""Changes an entry, or makes another of it. Returns: the one to append."""


@dataclass(frozen=True)
class Target:
    """An entry to change, by whom, and on what condition."""

    metadata: Metadata
    book_id: UUID
    entry_id: UUID
    check: EntryCheck


async def record_entry(
    ledger: Ledger,
    metadata: Metadata,
    book_id: UUID,
    kind: str,
    amount: str,
    occurred_on: date,
    category_id: UUID | None,
    memo: str,
    tags: list[str],
) -> Placed:
    entry_id = ledger.id_for(metadata)

    async def decide(book: Book) -> Placed:
        require_writer(book, metadata)
        book.require_open(occurred_on)
        amount_minor = minor_units("amount", amount, book.currency, positive=True)
        posting = Posting(amount_minor, usable_category(book, category_id), kind, occurred_on)
        entry = Entry(id=entry_id, adds=posting, memo=memo, tags=tags)
        await ledger.store.append(metadata, [Change(book.id, entry)], [guard_on(book)])
        return Placed(book, entry)

    async def find_earlier(book: Book) -> Placed | None:
        return await placed_before(ledger, metadata, book, entry_id)

    return await decide_on_book(ledger, book_id, decide, find_earlier)


async def amend_entry(ledger: Ledger, target: Target, changes: dict[str, Any]) -> Placed:
    """Apply a merge patch: the fields given, by name; the rest stays."""

    def change(book: Book, entry: Entry) -> Entry:
        if entry.transfer and changes.get("kind"):
            raise InvalidField("kind", "A transfer stays a transfer: delete it, and record what it should be.")
        posting = _amended_posting(book, entry.posting, changes)
        entry.amend(posting, changes.get("memo", entry.memo), changes.get("tags", entry.tags))
        return entry

    return await _change_entry(ledger, target, change)


async def delete_entry(ledger: Ledger, target: Target) -> Placed:
    def change(_book: Book, entry: Entry) -> Entry:
        entry.delete()
        return entry

    return await _change_entry(ledger, target, change)


async def restore_entry(ledger: Ledger, target: Target) -> Placed:
    def change(_book: Book, entry: Entry) -> Entry:
        entry.restore()
        return entry

    return await _change_entry(ledger, target, change)


async def revert_entry(ledger: Ledger, target: Target, version: int) -> Placed:
    """Make the entry what it was at an earlier version, deletion included, by a new event."""
    events = await ledger.store.load_events(target.book_id, target.entry_id)
    then = replay(Entry, events[:version])

    def change(_book: Book, entry: Entry) -> Entry:
        if then is None or not 1 <= version <= len(events):
            raise InvalidField("version", f"This entry has the versions 1 to {entry.version}.")
        # What an operation did is found again by its event, so there is one also where nothing differs.
        entry.revert(version, then.content, noted=target.metadata.operation is not None)
        return entry

    return await _change_entry(ledger, target, change)


async def duplicate_entry(ledger: Ledger, target: Target, occurred_on: date | None) -> Placed:
    """Record the entry anew, dated like the original unless said."""
    copy_id = ledger.id_for(target.metadata)

    def change(_book: Book, entry: Entry) -> Entry:
        entry.require_live()
        posting = replace(entry.posting, occurred_on=occurred_on or entry.posting.occurred_on)
        transfer = entry.transfer and transfers.renewed(ledger, target.metadata, entry.transfer)
        return Entry(
            id=copy_id, adds=posting, memo=entry.memo, tags=entry.tags, copied_from=entry.id, transfer=transfer
        )

    return await _change_entry(ledger, target, change)


async def _change_entry(ledger: Ledger, target: Target, change: EntryChange) -> Placed:
    """Load an entry, change it or make another of it, and append what came of it."""
    metadata = target.metadata

    async def decide(book: Book) -> Placed:
        book.require_role(metadata.actor, MEMBERS)
        entry = await load_entry(ledger, book.id, target.entry_id)
        done_at = position_of(entry, metadata)
        if done_at is not None:
            await _require_current(ledger, book)
            return await _as_of(ledger, book.id, entry.id, done_at)
        require_writer(book, metadata)
        target.check(Placed(book, entry))
        day = entry.posting.occurred_on
        changed = change(book, entry)
        if not changed.unrecorded_events():
            await _require_current(ledger, book)
            return Placed(book, changed)
        book.require_open(changed.posting.occurred_on, *([day] if changed is entry else []))
        # A copy is of its original as it stands: of one moment, also on both sides of a transfer.
        originals = [] if changed is entry else [Guard(book.id, entry.id, entry.version)]
        await _append(ledger, metadata, book, changed, originals)
        return Placed(book, changed)

    async def find_earlier(book: Book) -> Placed | None:
        return await placed_before(ledger, metadata, book, metadata.operation)

    return await decide_on_book(ledger, target.book_id, decide, find_earlier)


async def _append(ledger: Ledger, metadata: Metadata, book: Book, changed: Entry, originals: Sequence[Guard]) -> None:
    sides = [(book, changed)]
    if changed.transfer is not None:
        other_side = await transfers.mirrored(ledger, metadata, book, changed, changed.transfer)
        sides += [other_side] if other_side else []
    changes = [Change(of_book.id, entry) for of_book, entry in sides]
    await ledger.store.append(metadata, changes, [*originals, *(guard_on(of_book) for of_book, _ in sides)])


async def _as_of(ledger: Ledger, book_id: UUID, entry_id: UUID, position: int) -> Placed:
    """The entry, and its book, as they were at a position of the journal."""
    entry = await ledger.store.load(book_id, Entry, entry_id, position)
    if entry is None:
        raise IdempotencyKeyReused
    return Placed(await load_book(ledger, book_id, position), entry, replayed=True)


async def _require_current(ledger: Ledger, book: Book) -> None:
    """With nothing to append there is no guard either: look whether the book has moved on since it was cached.

    Raises: Conflict.
    """
    stored = await load_book(ledger, book.id)
    if stored.version != book.version:
        raise Conflict(book.id, stored.version)


def _amended_posting(book: Book, was: Posting, changes: dict[str, Any]) -> Posting:
    amount_minor, category_id = was.amount_minor, changes.get("category_id", was.category_id)
    if "amount" in changes:
        amount_minor = minor_units("amount", changes["amount"], book.currency, positive=True)
    if category_id != was.category_id:  # a deleted category may stay, but not be chosen
        category_id = usable_category(book, category_id)
    return Posting(
        amount_minor, category_id, changes.get("kind", was.kind), changes.get("occurred_on", was.occurred_on)
    )
