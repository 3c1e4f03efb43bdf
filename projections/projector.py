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
GATHER_SECONDS: Final = 0.01
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
        self._held: set[UUID] = set()

    @property
    def lag_seconds(self) -> float:
        """How long the oldest event that was heard of has been waiting."""
        return time.monotonic() - self._behind_since if self._behind_since is not None else 0.0

    async def run(self, dsn: str) -> None:
        """Keep the read models up with the journals until cancelled, come what may; a lost database is waited for."""
        while True:
            try:
                async with listening(dsn, CHANNEL) as feed:
                    await self._sweep_all()
                    await self._follow(feed)
            except StoreUnavailable:
                _log.warning("database lost", retry_seconds=RETRY_SECONDS)
            except Exception:
                _log.exception("the projector begins again", retry_seconds=RETRY_SECONDS)
            self._behind_since = self._behind_since or time.monotonic()
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, feed: Feed) -> None:
        """Raises: StoreUnavailable once the feed ends."""
        place = FIRST_JOURNAL
        retry_at = 0.0
        while True:
            self._behind_since = None
            payloads = await feed.next(GATHER_SECONDS if self._held else SWEEP_SECONDS)
            held, self._held = self._held, set()
            if time.monotonic() >= retry_at:  # also where there is never a pause to sweep in
                await self._catch_up(set(await self._engine.find_due()))
                retry_at = time.monotonic() + SWEEP_SECONDS
            if payloads or held:
                await self._catch_up(held | await self._gather(feed, payloads))
            else:
                place = await self._sweep_page(place)

    async def _gather(self, feed: Feed, payloads: list[str]) -> set[UUID]:
        """Wait for what comes close behind these notifications. Returns: the journals that all of them name."""
        if payloads:
            self._behind_since = time.monotonic()
            await asyncio.sleep(GATHER_SECONDS)
            payloads += await feed.next(0)
        if "" in payloads:  # too many journals to be named
            await self._sweep_all()
        return {UUID(name) for payload in payloads for name in payload.split(",") if name}

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
        """Fold what no other process folds just now.

        What others held is looked at again soon: they may have read before the latest events, or die.
        """
        try:
            self._held |= await self._engine.work_off(journal_ids)
        except StoreUnavailable:
            raise
        except Exception as error:
            # Of no event: tables of another version, or in the way of others. It passes, or is repaired.
            _log.error("journals cannot be folded", journals=len(journal_ids), error=type(error).__name__)
