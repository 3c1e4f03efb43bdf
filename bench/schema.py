"""One plain table of events, and one row of it: what the limits without an event store insert into."""

import asyncpg

TABLE = """
CREATE TABLE IF NOT EXISTS plain_events (
    journal_id uuid, position bigint, stream_id uuid, version int,
    topic text, state bytea, recorded_at timestamptz,
    PRIMARY KEY (journal_id, position),
    UNIQUE (journal_id, stream_id, version)
)"""

INSERT = "INSERT INTO plain_events VALUES ($1, $2, $3, 1, $4, $5, now())"

TOPIC = "entry.recorded:1"

STATE = (
    b'{"actor":"019aae3c-7a10-7b5e-9d7a-3f6f6f6d1c11","amount_minor":12500,"kind":"expense",'
    b'"memo":"bench 00001","occurred_on":"2026-11-23",'
    b'"request_id":"019aae3c-7a10-7b5e-9d7a-3f6f6f6d1c12","tags":[]}'
)


async def keep_session(_connection: object) -> None:
    """Replace the pool's reset of a returned connection, which is a second round trip for every INSERT."""


async def open_pool(dsn: str, size: int, *, reset: bool = False) -> "asyncpg.Pool[asyncpg.Record]":
    """Open a pool on a database that has the table, with all its connections made."""
    pool = await asyncpg.create_pool(dsn, min_size=size, max_size=size, reset=None if reset else keep_session)
    await pool.execute(TABLE)
    return pool


async def make_table(dsn: str) -> None:
    """Make the table where it is missing."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(TABLE)
    await connection.close()
