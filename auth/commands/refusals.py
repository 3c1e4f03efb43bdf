"""Noting refused sign-ins: each in the log, and as many in the journal of the user as a flood may put there."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from cachetools import LRUCache

from auth.refusal import RECORDED_MAX, SignInRefusal, refusal_id
from eventstore.codec import Metadata
from eventstore.errors import Conflict, StoreError
from eventstore.store import Change, EventStore

TALLIES_MAX: Final = 10_000
RECORDING_MAX: Final = 100
"""How many may be on their way to the store at once."""

_log = structlog.get_logger("auth")


@dataclass
class _Tally:
    """Of one user: the next number in this hour, and how many refusals were not recorded."""

    hour: datetime
    number: int = 0
    unrecorded: int = 0


class Refusals:
    """Records after the answer, which would otherwise tell by its time that there is an account."""

    def __init__(self, store: EventStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._tallies: LRUCache[UUID, _Tally] = LRUCache(TALLIES_MAX)
        self._recording: set[asyncio.Task[None]] = set()

    def note(self, user_id: UUID | None, reason: str, request_id: str, user_agent: str, ip: str) -> None:
        """Note that a sign-in was refused; without a user nothing but a line in the log."""
        _log.warning("sign-in refused", reason=reason, user_id=user_id, address=ip, request_id=request_id)
        if user_id is None:
            return
        tally = self._tally(user_id)
        if tally.number >= RECORDED_MAX or len(self._recording) >= RECORDING_MAX:
            tally.unrecorded += 1
            return
        task = asyncio.create_task(self._record(tally, user_id, reason, request_id, user_agent, ip))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def close(self) -> None:
        """Record what is noted."""
        await asyncio.gather(*self._recording)

    def _tally(self, user_id: UUID) -> _Tally:
        hour = self._clock().replace(minute=0, second=0, microsecond=0)
        tally = self._tallies.setdefault(user_id, _Tally(hour))
        if tally.hour != hour:
            tally.hour, tally.number = hour, 0
        return tally

    async def _record(
        self, tally: _Tally, user_id: UUID, reason: str, request_id: str, user_agent: str, ip: str
    ) -> None:
        """Take the first number that is free; other workers may have taken some."""
        hour, unrecorded, tally.unrecorded = tally.hour, tally.unrecorded, 0
        while tally.hour == hour and tally.number < RECORDED_MAX:
            stream_id = refusal_id(user_id, hour, tally.number)
            tally.number += 1
            refusal = SignInRefusal(stream_id, reason, user_agent, ip, unrecorded)
            try:
                await self._store.append(Metadata(None, request_id), [Change(user_id, refusal)])
            except Conflict:
                continue
            except StoreError as error:
                _log.warning("a refused sign-in was not recorded", error=str(error), request_id=request_id)
                break
            return
        tally.unrecorded += unrecorded + 1
