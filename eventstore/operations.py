"""Operations: what a client asks for under one Idempotency-Key, done once, however often it asks."""

import hmac
import re
from typing import Final
from uuid import UUID

from eventstore.ids import id_of

KEY_HEADER: Final = "Idempotency-Key"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


def operation_id(secret: bytes, key: str, *scope: str) -> UUID:
    """The id of the operation that a key names within a scope; without the secret it cannot be foreseen.

    Only the last part of the scope may hold line breaks.
    Raises: ValueError, with a sentence for users, where this is no key.
    """
    if _KEY.fullmatch(key) is None:
        raise ValueError("A key is 1 to 255 visible ASCII characters.")
    return id_of(hmac.digest(secret, "\n".join(["operation", key, *scope]).encode(), "sha256"))
