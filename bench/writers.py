"""The writers of one append run, in a process of their own: `python -m bench.writers NAME DSN WRITERS SECONDS`.

Every writer appends one event to a new stream, waits for the commit, and does it again.
"""

import asyncio
import sys
import threading

import orjson
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory, StoredEvent
from eventsourcing.utils import Environment
from uuid_utils.compat import uuid7

from bench import contenders, schema, store_writer
from bench.clock import WARM_APPENDS, Clock, Figures, run_tasks
from bench.library import library_environment


def run_recorder(dsn: str, writers: int, seconds: float) -> Figures:
    """Write with the library's recorder as its factory sets it up, a thread per writer."""
    recorder = _recorder(dsn)

    def write() -> None:
        recorder.insert_events([StoredEvent(uuid7(), 1, schema.TOPIC, schema.STATE)])

    for _ in range(WARM_APPENDS):
        write()
    clock = Clock(seconds)
    threads = [threading.Thread(target=clock.write_until_over, args=[write]) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clock.figures()


def _recorder(dsn: str) -> ApplicationRecorder:
    environment = Environment("Bench", library_environment(dsn))
    return InfrastructureFactory.construct(environment).application_recorder()


async def run_insert(dsn: str, writers: int, seconds: float, *, reset: bool) -> Figures:
    """Write with a prepared INSERT on a pool; `reset` as the driver's pool does by default."""
    pool = await schema.open_pool(dsn, writers, reset=reset)
    journal_id = uuid7()
    positions = iter(range(1, sys.maxsize))

    async def write() -> None:
        position = next(positions)
        await pool.execute(schema.INSERT, journal_id, position, uuid7(), schema.TOPIC, schema.STATE)

    figures = await run_tasks(write, writers, seconds)
    await pool.close()
    return figures


def main(name: str, dsn: str, writers: int, seconds: float) -> Figures:
    """Do one run."""
    if name == contenders.RECORDER:
        return run_recorder(dsn, writers, seconds)
    if name in {contenders.STORE, contenders.STORE_ONE_JOURNAL}:
        journals = writers if name == contenders.STORE else 1
        return asyncio.run(store_writer.run(dsn, writers, seconds, journals=journals))
    reset = name == contenders.INSERT_WITH_RESET
    return asyncio.run(run_insert(dsn, writers, seconds, reset=reset))


if __name__ == "__main__":
    print(orjson.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))).decode())
