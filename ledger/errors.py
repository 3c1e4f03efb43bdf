"""Why the ledger refuses; each docstring is the message that users read."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from eventstore.errors import Explained


class LedgerError(Explained):
    """The ledger refuses."""


@dataclass(eq=False)
class InvalidField(LedgerError):
    """{message}"""

    field: str
    message: str


class LineError(NamedTuple):
    """What is wrong with a line of a file, counted from 1; without a field it is the line as a whole."""

    line: int
    field: str
    message: str


@dataclass(eq=False)
class InvalidFile(LedgerError):
    """The file has lines that are not valid; nothing was recorded."""

    errors: list[LineError]


class BookNotFound(LedgerError):
    """There is no such book, or it is not yours."""


class EntryNotFound(LedgerError):
    """There is no such entry in this book."""


class BatchNotFound(LedgerError):
    """There is no such import in this book."""


class BatchReverted(LedgerError):
    """The import was reverted before."""


class CategoryNotFound(LedgerError):
    """There is no such category in this book."""


class NotPermitted(LedgerError):
    """Your role in this book does not allow this."""


@dataclass(eq=False)
class BooksShared(LedgerError):
    """Others belong to books of yours: hand them over first, or take everybody out, restoring deleted ones. {books}"""

    books: str


class BookDeleted(LedgerError):
    """The book is deleted: restore it before you change anything in it."""


class BookNotDeleted(LedgerError):
    """The book is not deleted, so there is nothing to restore."""


class EntryDeleted(LedgerError):
    """The entry is deleted: restore it before you change it."""


class EntryNotDeleted(LedgerError):
    """The entry is not deleted, so there is nothing to restore."""


class CategoryDeleted(LedgerError):
    """The category is deleted: restore it before you change it."""


class CategoryNotDeleted(LedgerError):
    """The category is not deleted, so there is nothing to restore."""


@dataclass(eq=False)
class CategoryExists(LedgerError):
    """This book already has a category of that kind with the name “{name}”."""

    name: str


@dataclass(eq=False)
class TooManyCategories(LedgerError):
    """A book has at most {categories_max} categories, deleted ones included."""

    categories_max: int


@dataclass(eq=False)
class Changed(LedgerError):
    """What your If-Match names is no longer so: read it again and decide anew."""

    version: int
    etag: str | None = None


class BookChanged(Changed):
    """The book is no longer what your If-Match names: read it again and decide anew."""


class CategoryChanged(Changed):
    """The category is no longer what your If-Match names: read it again and decide anew."""


class EntryChanged(Changed):
    """The entry is no longer what your If-Match names: read it again and decide anew."""


class MemberChanged(Changed):
    """The member is no longer what your If-Match names: read it again and decide anew."""


class MemberNotFound(LedgerError):
    """There is no such member in this book."""


class AlreadyMember(LedgerError):
    """You are a member of this book already."""


class OwnerMustStay(LedgerError):
    """A book always has one owner: make another member the owner first, then you can go."""


@dataclass(eq=False)
class TooManyMembers(LedgerError):
    """A book has at most {members_max} members."""

    members_max: int


class InvitationNotFound(LedgerError):
    """There is no such invitation, or it is for somebody else."""


class InvitationGone(LedgerError):
    """The invitation was used, or it expired: ask for another."""


@dataclass(eq=False)
class PeriodClosed(LedgerError):
    """The book is closed through {through}: nothing dated until then can change. Its owner may reopen it."""

    through: date


@dataclass(eq=False)
class AlreadyClosed(LedgerError):
    """The book is already closed through {through}: close it through a later day."""

    through: date


class ClosingNotFound(LedgerError):
    """No period of this book is closed, so there is nothing to reopen."""


class ShareNotFound(LedgerError):
    """There is no such link, or what it led to is deleted."""


class ShareGone(LedgerError):
    """The link has expired or was revoked."""


class ShareRevoked(LedgerError):
    """The link was revoked before."""


@dataclass(eq=False)
class TooManyChanges(LedgerError):
    """More than {changes_max} entries changed in between: ask for a shorter time."""

    changes_max: int
    field: str = "until"


@dataclass(eq=False)
class IdempotencyKeyReused(LedgerError):
    """This key came with another request before: take a new key for a new request, the same body for a retry."""

    field: str = "Idempotency-Key"


class TooBusy(LedgerError):
    """Too many others are changing this at the same moment: try again."""
