"""The batch: what one import recorded together, and can take back together."""

import hashlib
from datetime import date
from functools import lru_cache
from uuid import UUID

from eventsourcing.domain import event
from msgspec import Struct

from eventstore.aggregate import Aggregate, Created
from eventstore.codec import canonical
from eventstore.ids import id_of
from ledger.book import CATEGORIES_MAX, fold_case
from ledger.errors import BatchReverted


class Row(Struct, array_like=True, frozen=True, gc=False):
    """One entry of a file, validated, before it has an id."""

    line: int  # where it starts in the file, from 1
    kind: str
    amount_minor: int
    occurred_on: date
    category: str | None  # by name
    memo: str
    tags: tuple[str, ...]
    known_as: UUID | None = None  # its id in the book that the file was exported from


class Batch(Aggregate):
    """An import; its entries follow its first event in the journal, one after the other."""

    TOPIC = "batch"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Imported(Event, Created):
        """`created`: the entries that it recorded; `duplicates`: those of the file that were there before."""

        TOPIC = "batch.imported"
        format: str
        created: int
        duplicates: int

    class Reverted(Event):
        """`deleted`: its entries that were live until then."""

        TOPIC = "batch.reverted"
        deleted: int

    @event(Imported)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        format: str,  # noqa: A002 - the word of the API
        created: int,
        duplicates: int,
    ) -> None:
        self.format = format
        self.created = created
        self.duplicates = duplicates
        self.reverted = False
        self.deleted = 0

    def revert(self, deleted: int) -> None:
        self.require_unreverted()
        self._revert(deleted)

    def require_unreverted(self) -> None:
        """Raises: BatchReverted."""
        if self.reverted:
            raise BatchReverted

    @event(Reverted)
    def _revert(self, deleted: int) -> None:
        self.reverted = True
        self.deleted = deleted


class Recogniser:
    """Gives each row of a file an identity that follows from what it says, so that it is known when it comes again.

    Of equal rows in one file each has its own: two equal coffees are two entries, and the same two the next time.
    The key keeps those who know an id from guessing the text that it stands for.
    """

    def __init__(self, key: bytes) -> None:
        self._hash = hashlib.blake2b(digest_size=16, key=key)
        self._seen: dict[bytes, int] = {}
        self._folded = lru_cache(CATEGORIES_MAX)(fold_case)

    def identify(self, row: Row) -> bytes:
        """Tell the identity of the next row of the file."""
        category = None if row.category is None else self._folded(row.category)
        told = canonical([row.kind, row.amount_minor, row.occurred_on, category, row.memo, row.tags])
        digest = self._digest(told)
        before = self._seen.get(digest, 0)
        self._seen[digest] = before + 1
        return self._digest(b"repeated" + digest + before.to_bytes(4)) if before else digest

    def entry_id(self, identity: bytes, generation: int) -> UUID:
        """The id of the entry; it needs another one each time that it comes again after its batch was reverted."""
        return id_of(self._digest(b"again" + identity + generation.to_bytes(4)) if generation else identity)

    def _digest(self, content: bytes) -> bytes:
        keyed = self._hash.copy()  # which is spared the key each time
        keyed.update(content)
        return keyed.digest()
