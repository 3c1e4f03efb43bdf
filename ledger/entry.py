"""The entry: one income or expense of a book."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created
from ledger.errors import EntryDeleted, EntryNotDeleted


@dataclass(frozen=True)
class Posting:
    """What an entry counts for. Every event says which posting it adds and which it removes,
    so any total is the sum over events alone, even after personal text was erased."""

    amount_minor: int
    category_id: UUID | None
    kind: str
    occurred_on: date


class Entry(Aggregate):
    """One short stream in the journal of its book."""

    TOPIC = "entry"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Recorded(Event, Created):
        TOPIC = "entry.recorded"
        SEALED = frozenset({"memo", "tags"})
        adds: Posting
        memo: str
        tags: list[str]
        copied_from: UUID | None

    class Amended(Event):
        """None: as before; a posting is replaced as a whole."""

        TOPIC = "entry.amended"
        SEALED = frozenset({"memo", "tags"})
        removes: Posting | None
        adds: Posting | None
        memo: str | None
        tags: list[str] | None

    class Deleted(Event):
        TOPIC = "entry.deleted"
        removes: Posting

    class Restored(Event):
        TOPIC = "entry.restored"
        adds: Posting

    @event(Recorded)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        adds: Posting,
        memo: str,
        tags: list[str],
        copied_from: UUID | None,
    ) -> None:
        self.posting = adds
        self.memo = memo
        self.tags = tags
        self.copied_from = copied_from
        self.deleted = False

    def amend(self, posting: Posting, memo: str, tags: list[str]) -> None:
        """Change what differs; nothing happens where nothing does."""
        self.require_live()
        moved = posting != self.posting
        new_memo = None if memo == self.memo else memo
        new_tags = None if tags == self.tags else tags
        if moved or new_memo is not None or new_tags is not None:
            self._amend(self.posting if moved else None, posting if moved else None, new_memo, new_tags)

    def delete(self) -> None:
        self.require_live()
        self._delete(self.posting)

    def restore(self) -> None:
        if not self.deleted:
            raise EntryNotDeleted
        self._restore(self.posting)

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
    def _delete(self, removes: Posting) -> None:
        self.deleted = True

    @event(Restored)
    def _restore(self, adds: Posting) -> None:
        self.deleted = False
