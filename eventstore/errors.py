"""What can go wrong in the store."""

from dataclasses import dataclass
from uuid import UUID


class Explained(Exception):
    """An error whose docstring is the sentence that its user reads, with its attributes in the places for them."""

    def __str__(self) -> str:
        return (self.__doc__ or "").format(**vars(self))


class StoreError(Explained):
    """The event store could not do what was asked."""


@dataclass(eq=False)
class Conflict(StoreError):
    """The stream moved on since it was read."""

    stream_id: UUID
    version: int


@dataclass(eq=False)
class JournalNotWritable(StoreError):
    """This would change something that your API token is not for."""

    journal_id: UUID


class StoreUnavailable(StoreError):
    """The database cannot be reached at the moment; whether a write in flight was kept is unknown."""


@dataclass(eq=False)
class SchemaOutdated(StoreError):
    """The database is not migrated to this version: run `gagyebu migrate` as its owner first."""

    missing: list[str]


@dataclass(eq=False)
class MasterKeyMismatch(StoreError):
    """The master key does not open this journal's data key: it is not the key that wrote it."""

    journal_id: UUID


@dataclass(eq=False)
class JournalErased(StoreError):
    """The journal's data key was destroyed: its personal text is gone and nothing can be written to it."""

    journal_id: UUID


@dataclass(eq=False)
class JournalNotFound(StoreError):
    """There is no such journal."""

    journal_id: UUID


class NotEmpty(StoreError):
    """The database has journals already: only an empty one, which never served, can be built from an archive."""


@dataclass(eq=False)
class ArchiveInvalid(StoreError):
    """The archive cannot be taken; nothing was written."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}. Nothing was written."
