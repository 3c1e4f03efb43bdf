"""Who competes in the append, and with how many writers at a time."""

from typing import NamedTuple

STORE, STORE_ONE_JOURNAL = "gagyebu append", "gagyebu append, one journal"
RECORDER = "eventsourcing recorder"
INSERT, INSERT_WITH_RESET = "asyncpg INSERT", "asyncpg INSERT, pool's reset"
PGBENCH = "pgbench INSERT"
WRITERS = (1, 8, 64, 256)


class Contender(NamedTuple):
    """A way to append; those of one server share it, one after another."""

    name: str
    writers: int
    server: str


CONTENDERS = (
    *(Contender(STORE, writers, "store") for writers in WRITERS),
    *(Contender(STORE_ONE_JOURNAL, writers, "store") for writers in WRITERS),
    *(Contender(RECORDER, writers, "recorder") for writers in WRITERS),
    Contender(PGBENCH, 64, "plain"),
    Contender(INSERT, 1, "plain"),
    Contender(INSERT_WITH_RESET, 1, "plain"),
)
