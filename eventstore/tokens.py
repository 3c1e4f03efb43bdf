"""Opaque tokens that name a stream, and prove themselves by a secret of which only the hash is kept."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import ClassVar, Self
from uuid import UUID


@dataclass(frozen=True)
class StreamToken:
    """Where a token belongs, and random bits enough that nobody guesses them."""

    SECRET_BYTES: ClassVar[int] = 32
    PREFIX: ClassVar[str] = ""
    """Tells the kind of token, to us and to those who look for secrets in published code."""

    journal_id: UUID
    stream_id: UUID
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a token as `text` writes it, in that one form; None where it is none."""
        try:
            content = base64.b64decode(f"{text.removeprefix(cls.PREFIX)}==", altchars=b"-_", validate=True)
            token = cls(UUID(bytes=content[:16]), UUID(bytes=content[16:32]), content[32:])
        except (binascii.Error, ValueError):
            return None
        return token if len(token.secret) == cls.SECRET_BYTES and token.text == text else None

    @property
    def text(self) -> str:
        content = self.journal_id.bytes + self.stream_id.bytes + self.secret
        return self.PREFIX + base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")

    @property
    def digest(self) -> str:
        """What is stored of the secret: random bits need no slow hash."""
        return hashlib.sha256(self.secret).hexdigest()

    def matches(self, digest: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.digest, digest)
