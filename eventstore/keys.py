"""Keys: one master key, from which everything else is derived, and one data key per journal, wrapped by it."""

import base64
import binascii
import os
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from cachetools import TTLCache
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from eventstore.errors import MasterKeyMismatch
from eventstore.files import private_file

KEY_BYTES = 32
NONCE_BYTES = 12
CACHED_KEYS_MAX = 10_000
OPEN_SECONDS_MAX = 600
"""How long a key is kept open, also by a process that has not heard that it was destroyed."""


class MasterKey:
    """The one secret of a deployment, 256 bits."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, base64-encoded, not {len(secret)}")
        self._secret = secret

    @property
    def text(self) -> str:
        """The key in base64."""
        return base64.b64encode(self._secret).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> "MasterKey":
        """Read a base64 key. Raises: ValueError."""
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except binascii.Error as error:
            raise ValueError(f"a master key is {KEY_BYTES} bytes in base64") from error

    @classmethod
    def kept_in(cls, path: Path) -> "MasterKey":
        """Read the key from a file, made with mode 0600 where it is missing."""
        if not path.exists():
            with private_file(path) as file:
                file.write(f"{cls(os.urandom(KEY_BYTES)).text}\n".encode())
        return cls.from_text(path.read_text("ascii"))

    def derive(self, purpose: str) -> bytes:
        """Derive 256 bits for one purpose (HKDF, RFC 5869)."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"gagyebu " + purpose.encode()).derive(self._secret)


class Keyring:
    """The data keys of journals; those in use are kept open."""

    def __init__(self, master_key: MasterKey, clock: Callable[[], float] = time.monotonic) -> None:
        self._wrapping_key = AESGCM(master_key.derive("data key wrapping"))
        self._open: TTLCache[UUID, AESGCM] = TTLCache(CACHED_KEYS_MAX, OPEN_SECONDS_MAX, clock)

    def create(self, journal_id: UUID) -> tuple[AESGCM, bytes]:
        """Make the data key of a new journal. Returns: the key, and its wrapped form to store."""
        secret, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
        return AESGCM(secret), nonce + self._wrapping_key.encrypt(nonce, secret, journal_id.bytes)

    def find(self, journal_id: UUID) -> AESGCM | None:
        """Look among the open keys."""
        return self._open.get(journal_id)

    def open(self, journal_id: UUID, wrapped_key: bytes) -> AESGCM:
        """Unwrap a data key. Raises: MasterKeyMismatch."""
        key = self._open.get(journal_id)
        if key is None:
            nonce, secret = wrapped_key[:NONCE_BYTES], wrapped_key[NONCE_BYTES:]
            try:
                key = AESGCM(self._wrapping_key.decrypt(nonce, secret, journal_id.bytes))
            except InvalidTag as error:
                raise MasterKeyMismatch(journal_id) from error
            self._open[journal_id] = key
        return key

    def keep(self, keys: dict[UUID, AESGCM]) -> None:
        """Remember the keys of journals that came into being."""
        self._open.update(keys)

    def forget(self, journal_id: UUID) -> None:
        """Let go of a key that was destroyed."""
        self._open.pop(journal_id, None)
