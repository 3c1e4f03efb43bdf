"""Why the ledger refuses; each docstring is the message that users read."""

from dataclasses import dataclass


class LedgerError(Exception):
    """The ledger refuses."""

    def __str__(self) -> str:
        return (self.__doc__ or "").format(**vars(self))


@dataclass(eq=False)
class InvalidField(LedgerError):
    """{message}"""

    field: str
    message: str


class BookNotFound(LedgerError):
    """There is no such book, or it is not yours."""


class EntryNotFound(LedgerError):
    """There is no such entry in this book."""


class CategoryNotFound(LedgerError):
    """There is no such category in this book."""


class NotPermitted(LedgerError):
    """Your role in this book does not allow this."""


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


class BookChanged(LedgerError):
    """The book is no longer what your If-Match names: read it again and decide anew."""


class CategoryChanged(LedgerError):
    """The category is no longer what your If-Match names: read it again and decide anew."""


class EntryChanged(LedgerError):
    """The entry is no longer what your If-Match names: read it again and decide anew."""


class TooBusy(LedgerError):
    """Too many others are changing this at the same moment: try again."""
