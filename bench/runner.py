"""The library's own ProjectionRunner on as many entries, as a user of the library would write it.

Run as `python -m bench.runner DSN EVENTS`; prints events per second.
"""

import sys
import time
from typing import Any, Final
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner

from bench.library import library_environment

EVENTS_OF_SAVE: Final = 500
SECONDS_MAX: Final = 300

_ENTRIES: Final = """CREATE TABLE IF NOT EXISTS runner_entries (
    entry_id uuid PRIMARY KEY, amount_minor bigint, kind text, memo text, occurred_on date)"""
_TOTALS: Final = "CREATE TABLE IF NOT EXISTS runner_totals (occurred_on date PRIMARY KEY, sum_minor bigint)"
_ADD_ENTRY: Final = "INSERT INTO runner_entries VALUES (%s, %s, %s, %s, %s)"
_ADD_TOTAL: Final = """INSERT INTO runner_totals AS t VALUES (%s, %s)
    ON CONFLICT (occurred_on) DO UPDATE SET sum_minor = t.sum_minor + excluded.sum_minor"""


class Entry(Aggregate):
    """An entry as the library has it."""

    def __init__(self, amount_minor: int, kind: str, memo: str, occurred_on: str) -> None:
        self.amount_minor, self.kind, self.memo, self.occurred_on = amount_minor, kind, memo, occurred_on


class View(PostgresTrackingRecorder):
    """Entries and totals, with the place reached, in one transaction an event."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        with datastore.transaction(commit=True) as cursor:
            cursor.execute(_ENTRIES)
            cursor.execute(_TOTALS)

    def add(self, tracking: Tracking, event: Any) -> None:
        """Fold one event."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            values = (event.originator_id, event.amount_minor, event.kind, event.memo, event.occurred_on)
            cursor.execute(_ADD_ENTRY, values)
            cursor.execute(_ADD_TOTAL, (event.occurred_on, event.amount_minor))


class Lists(Projection[View]):
    """What the runner runs."""

    name = "lists"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.add(tracking, domain_event)


def main(dsn: str, events: int) -> float:
    """Record so many entries, then have them projected. Returns: events per second."""
    environment = library_environment(dsn)
    application: Application[UUID] = Application(environment)
    entries = [Entry(1_000 + n, "expense", f"점심 {n:05}", f"2026-11-{n % 28 + 1:02}") for n in range(events)]
    last = None
    for start in range(0, events, EVENTS_OF_SAVE):
        last = application.save(*entries[start : start + EVENTS_OF_SAVE])[-1].notification.id
    began = time.perf_counter()
    with ProjectionRunner(
        application_class=Application, projection_class=Lists, view_class=View, env=environment
    ) as running:
        running.wait(last, SECONDS_MAX)
        return events / (time.perf_counter() - began)


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
