"""The throttle: who has failed often has to wait, on every worker, longer each time."""

import asyncio
import hmac
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from auth.addresses import network_of
from auth.errors import TooManyAttempts
from eventstore.database import Database
from eventstore.errors import StoreUnavailable
from eventstore.ids import id_of
from eventstore.sql import statement

WAIT_SECONDS_MAX: Final = 15 * 60.0
WAITS: Final = (*(2.0**n for n in range(10)), WAIT_SECONDS_MAX)
"""Seconds to wait after the last free failure, after the next, and so on."""
KNOWN_SECONDS: Final = 30 * 24 * 3600.0
"""How long an address is known from which an account was signed in to."""

ATTEMPTS_MAX: Final = 300_000
KNOWN_MAX: Final = 1_000_000
PURGE_SECONDS: Final = 30.0
PURGED_AT_ONCE: Final = 2_000

_ADMIT = statement(__package__, "admit_attempt")
_PASS = statement(__package__, "pass_attempt")
_WITHDRAW = statement(__package__, "withdraw_attempt")
_PURGE = statement(__package__, "purge_attempts")
_PURGE_KNOWN = statement(__package__, "purge_known_addresses")

_log = structlog.get_logger("throttle")


class Limit(NamedTuple):
    """How many failures nobody has to wait after, and in how many seconds one is forgotten."""

    free: int
    forget_seconds: float


@dataclass(frozen=True)
class Purpose:
    """What is tried, and what limits it; None: nothing.

    `pair` counts for one account from one address, `account` for it from all addresses that are not known, `address`
    for all accounts. From a known address, one that an attempt on the account has passed from lately, the pair alone
    counts: strangers cannot lock out an owner who is at home.
    """

    name: str
    pair: Limit
    account: Limit | None
    address: Limit | None

    @property
    def knows_addresses(self) -> bool:
        return self.account is not None


SIGN_IN: Final = Purpose("sign-in", Limit(5, 900.0), Limit(20, 900.0), Limit(100, 60.0))
SIGN_UP: Final = Purpose("sign-up", Limit(5, 900.0), None, Limit(50, 60.0))
"""Each counts, also one that succeeds. Not by account: every address is unknown to an account that is not there yet,
so whoever wants could keep others from making theirs."""
FORGOT_PASSWORD: Final = Purpose("forgot-password", Limit(10, 900.0), None, Limit(50, 60.0))
"""Each counts. Not by account: how much is sent to one is limited already, and its owner must be able to ask."""


@dataclass(frozen=True)
class Attempt:
    """What somebody is about to try; the account is told by any id that follows from what was entered."""

    purpose: Purpose
    account: UUID
    address: str


class Admitted(NamedTuple):
    """An attempt that was let through, and counts as failed unless it is passed or withdrawn."""

    attempt: Attempt
    keys: list[UUID]


class Throttle:
    """Counts attempts in the database, under keys that tell of nobody without the secret."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    async def admit(self, attempt: Attempt) -> Admitted:
        """Let an attempt through. Raises: TooManyAttempts, StoreUnavailable."""
        keys, limits = zip(*self._limits(attempt), strict=True)
        free, forget_seconds = zip(*limits, strict=True)
        (row,) = await self._database.fetch(_ADMIT, keys, free, forget_seconds, WAITS)
        if row["wait_seconds"] > 0:
            raise TooManyAttempts(ceil(row["wait_seconds"]))
        return Admitted(attempt, row["counted"])

    async def passed(self, admitted: Admitted) -> None:
        """The attempt was right: it does not count, and its address is known from now on."""
        known_seconds = KNOWN_SECONDS if admitted.attempt.purpose.knows_addresses else 0.0
        await self._database.fetch(_PASS, admitted.keys, known_seconds)

    async def withdraw(self, admitted: Admitted) -> None:
        """The attempt was neither right nor wrong: it does not count."""
        await self._database.fetch(_WITHDRAW, admitted.keys)

    async def run(self) -> None:
        """Keep the tables small until cancelled."""
        while True:
            try:
                await self.purge()
            except StoreUnavailable:
                _log.warning("database lost", retry_seconds=PURGE_SECONDS)
            await asyncio.sleep(PURGE_SECONDS)

    async def purge(self, attempts_max: int = ATTEMPTS_MAX, known_max: int = KNOWN_MAX) -> None:
        """Forget what has expired, and what expires first of what is too much. Raises: StoreUnavailable."""
        for sql, rows_max in ((_PURGE, attempts_max), (_PURGE_KNOWN, known_max)):
            while len(await self._database.fetch(sql, rows_max, PURGED_AT_ONCE)) == PURGED_AT_ONCE:
                pass

    def _limits(self, attempt: Attempt) -> list[tuple[UUID, Limit]]:
        purpose, account, network = attempt.purpose, attempt.account.bytes, network_of(attempt.address).encode()
        limits = [
            ("pair", account + network, purpose.pair),
            ("account", account, purpose.account),
            ("address", network, purpose.address),
        ]
        return [(self._key(purpose, kind, who), limit) for kind, who, limit in limits if limit is not None]

    def _key(self, purpose: Purpose, kind: str, who: bytes) -> UUID:
        return id_of(hmac.digest(self._secret, f"{purpose.name} {kind} ".encode() + who, "sha256"))
