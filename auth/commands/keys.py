"""Commands on the signing keys, and how a process keeps up with them."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from auth.commands.deciding import retrying
from auth.signing_keys import JOURNAL_ID, SigningKey, SigningKeys
from auth.tokens import LIFETIME, AccessTokens, TokenKey
from eventstore.codec import Metadata
from eventstore.errors import Conflict, JournalErased
from eventstore.store import Change, EventStore

SUPERSEDED_LIFETIME: Final = LIFETIME + timedelta(minutes=5)
"""How long a superseded key verifies. The margin is for clocks that disagree, and for processes that sign with it for
a moment longer because they have not heard."""
LOOK_SECONDS_MIN: Final = 0.2
"""Between two looks at the store: unknown keys may be named by anybody, as often as he likes."""

_log = structlog.get_logger("security")


async def open_keys(store: EventStore, first_seed: bytes, request_id: str) -> SigningKeys:
    """Load the keys; the first process of all begins with this one, which earlier versions derived by themselves.

    So what they signed stays good, and processes of both versions understand each other during an upgrade.
    """
    keys = await store.load(JOURNAL_ID, SigningKeys, JOURNAL_ID)
    if keys is not None:
        return keys
    keys = SigningKeys(id=JOURNAL_ID)
    keys.generate(*_pair(first_seed))
    try:
        await store.append(Metadata(None, request_id), [Change(JOURNAL_ID, keys)])
    except Conflict:  # another process was faster
        return await _load(store)
    _log.info("signing key generated", kid=keys.current.kid, request_id=request_id)
    return await _load(store)


async def rotate_keys(store: EventStore, first_seed: bytes, request_id: str, *, at_once: bool) -> SigningKey:
    """Let a new key sign. `at_once`: what all others signed is refused from now on. Raises: TooManySignIns."""

    async def attempt() -> str:
        keys = await open_keys(store, first_seed, request_id)
        seed = Ed25519PrivateKey.generate().private_bytes_raw()
        keys.rotate(*_pair(seed), at_once=at_once)
        await store.append(Metadata(None, request_id), [Change(JOURNAL_ID, keys)])
        return keys.current.kid

    kid = await retrying(attempt)
    _log.warning("signing key rotated", kid=kid, at_once=at_once, request_id=request_id)
    return (await _load(store)).keys[kid]  # others may have rotated since


def verifies_until(key: SigningKey) -> datetime | None:
    """Until when tokens of a superseded key are good (exclusive)."""
    return key.superseded_at + SUPERSEDED_LIFETIME if key.superseded_at else None


def token_keys(keys: SigningKeys, spare_seed: bytes) -> list[TokenKey]:
    """The keys that verify tokens, the one that signs last.

    Where the journal came back from an archive without its data key, its private keys are gone, and no other can be
    kept there: then the spare one signs, which all processes derive alike.
    """
    found = [
        TokenKey(base64url_to_bytes(key.private_key), verifies_until(key))
        for key in keys.keys.values()
        if not key.retired and key.private_key is not None
    ]
    return found or [_spare_key(spare_seed)]


def _spare_key(seed: bytes) -> TokenKey:
    """Never silently: whoever runs the service must know that rotating is over until he has the data keys again."""
    key = TokenKey(seed)
    _log.warning("the signing keys cannot be read, a spare one signs", kid=key.kid)
    return key


class KeyFollower:
    """Keeps the keys of access tokens up with the store."""

    def __init__(self, store: EventStore, tokens: AccessTokens, version: int, spare_seed: bytes) -> None:
        self._store = store
        self._spare_seed = spare_seed
        self._tokens = tokens
        self._version = version
        self._look_at = 0.0  # of the monotonic clock
        self._look: asyncio.Task[None] | None = None

    async def note_version(self, version: int) -> None:
        """Take the keys over where there are newer ones than this process knows."""
        if version > self._version:
            await self._take()

    async def look(self) -> None:
        """See what is stored now or a moment later; all who ask meanwhile share that look. Raises: StoreUnavailable."""
        if self._look is None:
            self._look = asyncio.create_task(self._look_soon())
        await asyncio.shield(self._look)

    async def _look_soon(self) -> None:
        await asyncio.sleep(self._look_at - time.monotonic())
        self._look_at = time.monotonic() + LOOK_SECONDS_MIN
        self._look = None  # who asks from here on may know of what this look does not see
        await self._take()

    async def _take(self) -> None:
        keys = await _load(self._store)
        if keys.version > self._version:
            self._tokens.use(token_keys(keys, self._spare_seed))
            self._version = keys.version
            _log.info("signing keys changed", kid=keys.current.kid)


async def _load(store: EventStore) -> SigningKeys:
    keys = await store.load(JOURNAL_ID, SigningKeys, JOURNAL_ID)
    if keys is None:
        raise JournalErased(JOURNAL_ID)
    return keys


def _pair(seed: bytes) -> tuple[str, str, str]:
    """A key as its event tells it: kid, public and private half."""
    key = TokenKey(seed)
    return key.kid, key.jwk["x"], bytes_to_base64url(seed)


def states(keys: SigningKeys, now: datetime) -> Sequence[tuple[SigningKey, str]]:
    """Each key with what it does: `signs`, `verifies`, `expired` or `retired`."""
    return [(key, _state(keys, key, now)) for key in keys.keys.values()]


def _state(keys: SigningKeys, key: SigningKey, now: datetime) -> str:
    until = verifies_until(key)
    if key.retired:
        return "retired"
    if key is keys.current:
        return "signs"
    return "verifies" if until and now < until else "expired"
