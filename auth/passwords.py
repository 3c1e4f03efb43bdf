"""Passwords: judged by zxcvbn, hashed by Argon2id, both in threads that leave a core to everything else."""

import asyncio
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from auth.errors import TooManySignIns, WeakPassword

WAITING_MAX: Final = 256
"""How many may be at work or wait for it: some eight seconds for a thread."""

SCORE_MIN: Final = 2
"""Below it a password falls within a million guesses, so it is on the lists; eight random characters score 2."""

JUDGED_LENGTH_MAX: Final = 32
"""zxcvbn's cost explodes with length: 72 characters made for it take half a second; what is longer only gains."""

SERVICE_WORDS: Final = ("gagyebu", "가계부")
"""What this service is called: in a password as easy to guess as the person's own name (ASVS 6.1.2)."""

Result = TypeVar("Result")


def owasp_hasher() -> PasswordHasher:
    """Argon2id with the parameters of OWASP's Password Storage Cheat Sheet."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def threads_max() -> int:
    """How many passwords are worked on at once: a core stays free for the event loop and the database."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


class Passwords:
    """Hashes and verifies without stalling the loop; close() when done."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._nobodys_hash = hasher.hash(os.urandom(16))
        self._threads = ThreadPoolExecutor(threads_max(), "passwords")
        self._waiting = 0
        self._judging = Lock()

    async def require_strong(self, password: str, email: str, name: str) -> None:
        """Raises: WeakPassword, which says why, where it is common or made of the e-mail address or name."""
        reason = await self._in_thread(lambda: self._weakness(password, email, name))
        if reason is not None:
            raise WeakPassword(reason)

    async def hash(self, password: str) -> str:
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether this is the password; for nobody's (None) never, in the same time."""
        matches = await self._in_thread(lambda: self._matches(password_hash or self._nobodys_hash, password))
        return matches and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Tell whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def require_room(self) -> None:
        """Raises: TooManySignIns where so many wait that it is not worth to begin."""
        if self._waiting >= WAITING_MAX:
            raise TooManySignIns

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        self.require_room()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except VerifyMismatchError:
            return False

    def _weakness(self, password: str, email: str, name: str) -> str | None:
        # Imported at the first sign-up: its dictionaries take 12 MB that a service without sign-ups need not hold.
        from zxcvbn import zxcvbn  # noqa: PLC0415

        judged = password[:JUDGED_LENGTH_MAX]
        with self._judging:  # zxcvbn keeps the inputs of its caller in a module-level table
            known = [email, email.partition("@")[0], name, *_words(email), *_words(name), *SERVICE_WORDS]
            verdict = zxcvbn(judged, known)
        return None if verdict["score"] >= SCORE_MIN else _reason(verdict)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def _reason(verdict: Mapping[str, Any]) -> str:
    if any(match.get("dictionary_name") == "user_inputs" for match in verdict["sequence"]):
        return "This is too close to your e-mail address or name, or to the name of this service."
    return verdict["feedback"]["warning"] or "This is easy to guess."
