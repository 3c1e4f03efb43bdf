"""Who may read: a query tells the role of its reader beside the rows."""

from collections.abc import Sequence

import asyncpg

from ledger.errors import BookNotFound


def head_of(rows: Sequence[asyncpg.Record]) -> asyncpg.Record:
    """The first row, for who may read the book. Raises: BookNotFound, where it tells no `role`."""
    if not rows or rows[0]["role"] is None:
        raise BookNotFound
    return rows[0]
