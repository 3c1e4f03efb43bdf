"""A list that is too long for memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Final, Generic, TypeVar

import msgspec

CHUNK_ITEMS: Final = 250
MEMORY_BYTES_MAX: Final = 1024**2
_SIZE_BYTES: Final = 4

Item = TypeVar("Item", bound=msgspec.Struct)


class Spool(Generic[Item]):
    """Items of one kind in a temporary file, read chunk by chunk, as often as one likes."""

    def __init__(self, kind: type[Item], file: IO[bytes]) -> None:
        self._file = file
        self._waiting: list[Item] = []
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[list[Item]] = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]
        self.length = 0

    def add(self, item: Item) -> None:
        self._waiting.append(item)
        self.length += 1
        if len(self._waiting) == CHUNK_ITEMS:
            self._write()

    def chunks(self) -> Iterator[list[Item]]:
        """Read all items, in their order."""
        self._write()
        place = 0
        while True:
            self._file.seek(place)
            if not (head := self._file.read(_SIZE_BYTES)):
                return
            content = self._file.read(int.from_bytes(head))
            place = self._file.tell()
            yield self._decoder.decode(content)

    def _write(self) -> None:
        if self._waiting:
            content = self._encoder.encode(self._waiting)
            self._file.seek(0, 2)
            self._file.write(len(content).to_bytes(_SIZE_BYTES) + content)
            self._waiting.clear()


@contextmanager
def spooled(kind: type[Item]) -> Iterator[Spool[Item]]:
    """Keep a list of items of a kind for as long as the context lasts; a short one needs no disk."""
    with SpooledTemporaryFile(MEMORY_BYTES_MAX) as file:
        yield Spool(kind, file)
