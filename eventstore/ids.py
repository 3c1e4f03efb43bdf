"""Ids that follow from what they stand for."""

from uuid import UUID

from asyncpg.pgproto import pgproto

_VERSION_8 = 0x8000 << 64
_VARIANT = 0x8000 << 48
_NEITHER = ~((0xF000 << 64) | (0xC000 << 48))


def id_of(digest: bytes) -> UUID:
    """Make a UUID of version 8 (RFC 9562, 5.8) of the first 128 bits of a digest."""
    value = int.from_bytes(digest[:16]) & _NEITHER | _VERSION_8 | _VARIANT
    made: UUID = pgproto.UUID(value.to_bytes(16))  # the driver's own kind: made, and sent, in a third of the time
    return made
