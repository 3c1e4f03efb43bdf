"""The background projector: woken by NOTIFY, and by a sweep for what no notification told of."""

import asyncio
import time
from typing import Final
from uuid import UUID

import structlog

from eventstore.errors import StoreUnavailable
from eventstore.listener import Feed, listening
from projections.engine import FIRST_JOURNAL, Engine

CHANNEL: Final = "journals"
GATHER_SECONDS: Final = 0.015
"""Appends of this long are folded together; reads never wait for it, they catch up themselves."""
SWEEP_SECONDS: Final = 1.0
SWEEP_JOURNALS_MAX: Final = 10_000
RETRY_SECONDS: Final = 0.5

_log = structlog.get_logger("projector")


class Projector:
    """Catches journals up in the background; reads do not depend on it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._behind_since: float | None = time.monotonic()

    @property
    def lag_seconds(self) -> float:
        """How long the oldest event that was heard of has been waiting."""
        return time.monotonic() - self._behind_since if self._behind_since is not None else 0.0

    async def run(self, dsn: str) -> None:
        """Keep the read models up with the journals until cancelled; a lost database is waited for."""
        while True:
            try:
                async with listening(dsn, CHANNEL) as feed:
                    await self._sweep_all()
                    await self._follow(feed)
            except StoreUnavailable:
                self._behind_since = self._behind_since or time.monotonic()
                _log.warning("database lost", retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, feed: Feed) -> None:
        """Raises: StoreUnavailable once the feed ends."""
        place = FIRST_JOURNAL
        while True:
            self._behind_since = None
            payloads = await feed.next(SWEEP_SECONDS)
            if not payloads:
                place = await self._sweep_page(place)
                continue
            self._behind_since = time.monotonic()
            await asyncio.sleep(GATHER_SECONDS)
            payloads += await feed.next(0)
            if "" in payloads:  # too many journals to be named
                await self._sweep_all()
            await self._catch_up({UUID(name) for payload in payloads for name in payload.split(",") if name})

    async def _sweep_all(self) -> None:
        place = await self._sweep_page(FIRST_JOURNAL)
        while place != FIRST_JOURNAL:
            place = await self._sweep_page(place)

    async def _sweep_page(self, after: UUID) -> UUID:
        """Catch up the stale ones of the next journals. Returns: where to go on, FIRST_JOURNAL after the last."""
        stale, last = await self._engine.find_stale(after, SWEEP_JOURNALS_MAX)
        await self._catch_up(set(stale))
        return last or FIRST_JOURNAL

    async def _catch_up(self, journal_ids: set[UUID]) -> None:
        """One journal that cannot be folded must not hold up the others: they are then done one by one."""
        try:
            await self._engine.catch_up(journal_ids)
        except StoreUnavailable:
            raise
        except Exception:
            if len(journal_ids) == 1:
                _log.exception("journal cannot be folded", journal_id=str(*journal_ids))
                return
            for journal_id in journal_ids:
                await self._catch_up({journal_id})
