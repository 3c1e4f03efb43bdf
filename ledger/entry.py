"""The entry: one income or expense of a book, or one side of a transfer between two."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Final
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created
from ledger.errors import EntryDeleted, EntryNotDeleted

TRANSFER_OUT: Final = "transfer_out"
TRANSFER_IN: Final = "transfer_in"


@dataclass(frozen=True)
class Posting:
    """What an entry counts for: kind is income, expense, transfer_out or transfer_in. Every event says which posting
    it adds and which it removes, so any total is the sum over events alone, even after personal text was erased."""

    amount_minor: int
    category_id: UUID | None
    kind: str
    occurred_on: date


@dataclass(frozen=True)
class Transfer:
    """What moves between two books, and the entry on the other side."""

    transfer_id: UUID
    book_id: UUID
    entry_id: UUID


@dataclass(frozen=True)
class Content:
    """All of an entry that changes, as of one of its versions."""

    posting: Posting
    memo: str
    tags: list[str]
    deleted: bool


class Entry(Aggregate):
    """One short stream in the journal of its book."""

    TOPIC = "entry"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Recorded(Event, Created):
        """`batch_id`: of the import that brought it."""

        TOPIC = "entry.recorded"
        SEALED = frozenset({"memo", "tags"})
        class_version: ClassVar[int] = 2
        adds: Posting
        memo: str
        tags: list[str]
        copied_from: UUID | None
        batch_id: UUID | None
        transfer: Transfer | None

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state.update(batch_id=None, transfer=None)

    class Amended(Event):
        """None: as before; a posting is replaced as a whole."""

        TOPIC = "entry.amended"
        SEALED = frozenset({"memo", "tags"})
        removes: Posting | None
        adds: Posting | None
        memo: str | None
        tags: list[str] | None

    class Deleted(Event):
        """`batch_id`: of the import that was taken back by it."""

        TOPIC = "entry.deleted"
        class_version: ClassVar[int] = 2
        removes: Posting
        batch_id: UUID | None

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state.update(batch_id=None)

    class Restored(Event):
        TOPIC = "entry.restored"
        adds: Posting

    class Reverted(Event):
        """The entry is again what it was at an earlier version; text that is None stays."""

        TOPIC = "entry.reverted"
        SEALED = frozenset({"memo", "tags"})
        to_version: int
        removes: Posting | None
        adds: Posting | None
        posting: Posting
        memo: str | None
        tags: list[str] | None
        deleted: bool

    @event(Recorded)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        adds: Posting,
        memo: str,
        tags: list[str],
        copied_from: UUID | None = None,
        batch_id: UUID | None = None,
        transfer: Transfer | None = None,
    ) -> None:
        self.posting = adds
        self.memo = memo
        self.tags = tags
        self.copied_from = copied_from
        self.batch_id = batch_id
        self.transfer = transfer
        self.deleted = False

    @property
    def content(self) -> Content:
        return Content(self.posting, self.memo, self.tags, self.deleted)

    def amend(self, posting: Posting, memo: str, tags: list[str]) -> None:
        """Change what differs; nothing happens where nothing does."""
        self.require_live()
        moved = posting != self.posting
        new_memo = None if memo == self.memo else memo
        new_tags = None if tags == self.tags else tags
        if moved or new_memo is not None or new_tags is not None:
            self._amend(self.posting if moved else None, posting if moved else None, new_memo, new_tags)

    def delete(self, batch_id: UUID | None = None) -> None:
        self.require_live()
        self._delete(self.posting, batch_id)

    def restore(self) -> None:
        if not self.deleted:
            raise EntryNotDeleted
        self._restore(self.posting)

    def revert(self, to_version: int, content: Content, *, noted: bool = False) -> None:
        """Be again as at an earlier version; where nothing differs, nothing happens unless it must be noted."""
        if content == self.content and not noted:
            return
        moved = (self.posting, self.deleted) != (content.posting, content.deleted)
        self._revert(
            to_version,
            self.posting if moved and not self.deleted else None,
            content.posting if moved and not content.deleted else None,
            content.posting,
            None if content.memo == self.memo else content.memo,
            None if content.tags == self.tags else content.tags,
            content.deleted,
        )

    def require_live(self) -> None:
        """Raises: EntryDeleted."""
        if self.deleted:
            raise EntryDeleted

    @event(Amended)
    def _amend(self, removes: Posting | None, adds: Posting | None, memo: str | None, tags: list[str] | None) -> None:
        if adds is not None:
            self.posting = adds
        if memo is not None:
            self.memo = memo
        if tags is not None:
            self.tags = tags

    @event(Deleted)
    def _delete(self, removes: Posting, batch_id: UUID | None) -> None:
        self.deleted = True

    @event(Restored)
    def _restore(self, adds: Posting) -> None:
        self.deleted = False

    @event(Reverted)
    def _revert(
        self,
        to_version: int,
        removes: Posting | None,
        adds: Posting | None,
        posting: Posting,
        memo: str | None,
        tags: list[str] | None,
        deleted: bool,
    ) -> None:
        self.posting = posting
        self.deleted = deleted
        if memo is not None:
            self.memo = memo
        if tags is not None:
            self.tags = tags
