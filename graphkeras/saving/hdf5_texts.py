"""How long the texts of an HDF5 file's attributes say they are.

Texts of any length lie in heaps, and an attribute holds for each its length, and where
it is. The library takes memory for that length before it looks at the heap, so one bit
that is wrong can ask for gigabytes. Here the lengths are looked up in the headers of
objects, by the format's specification (version 3.0, IV.A.1 and III.E).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from graphkeras.errors import SavingError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CONTINUATION = 0x10  # type of the message that says where a header goes on
_MOST = 4 << 20  # bytes of one header


class Headers:
    """The headers of the objects in a file.

    Args:
        source: the file, open for reading bytes.
        size: how many it has.

    Raises:
        SavingError: for a file that does not begin as Keras's do.
    """

    def __init__(self, source: BinaryIO, size: int) -> None:
        self._source, self._size = source, size
        self._heaps: dict[int, bool] = {}
        start = self._read(0, 16)
        widths = start[13:15] if start[8:9] in (b"\0", b"\1") else start[9:11]
        if start[:8] != _SIGNATURE or widths != b"\x08\x08":
            raise SavingError("expected a whole HDF5 file, with addresses of 64 bits")

    def check_texts(self, address: int, name: str) -> None:
        """See to it that no text in an object's attributes is longer than the file.

        Args:
            address: of the object.
            name: of the attribute that will be read.

        Raises:
            SavingError: if one is, or the attribute is not in the header.
        """
        header = b"".join(self._chunks(address))
        if name.encode() not in header:
            raise SavingError(f"expected attribute {name} in the header of its group")
        for at in range(4, len(header) - 11):
            (heap,) = struct.unpack_from("<Q", header, at)
            if 0 < heap < self._size and self._is_heap(heap):
                (length,) = struct.unpack_from("<I", header, at - 4)
                if length > self._size:
                    raise SavingError(
                        f"expected texts that lie in the file; one in the attributes "
                        f"beside {name} says it has {length:,} bytes"
                    )

    def _is_heap(self, address: int) -> bool:
        if address not in self._heaps:
            self._heaps[address] = self._read(address, 4) == b"GCOL"
        return self._heaps[address]

    def _read(self, address: int, count: int) -> bytes:
        self._source.seek(address)
        return self._source.read(min(count, _MOST))

    def _chunks(self, address: int) -> Iterator[bytes]:
        """Yield the parts of a header: the first, and where others say they are."""
        prefix = self._read(address, 34)
        newer = prefix[:4] == b"OHDR"
        start, count = _newer_prefix(prefix) if newer else _older_prefix(prefix)
        waiting = [(address + start, count)]
        seen: set[int] = set()
        total = 0
        while waiting:
            place, count = waiting.pop()
            total += count
            if place in seen or total > min(_MOST, self._size):
                raise SavingError("expected a whole HDF5 file; a header is too long")
            seen.add(place)
            chunk = self._read(place, count)
            tracked = newer and bool(prefix[5] & 4)
            signed = 4 if chunk[:4] == b"OCHK" else 0
            for kind, message in _messages(chunk[signed:], newer, tracked):
                if kind == _CONTINUATION and len(message) >= 16:
                    waiting.append(struct.unpack_from("<QQ", message))
            yield chunk


def _older_prefix(prefix: bytes) -> tuple[int, int]:
    """Where the messages of a header of version 1 begin, and their bytes."""
    if len(prefix) < 16 or prefix[0] != 1:
        raise SavingError("expected a whole HDF5 file; a header is of no known kind")
    return 16, struct.unpack_from("<I", prefix, 8)[0]


def _newer_prefix(prefix: bytes) -> tuple[int, int]:
    """The same for version 2, whose parts depend on flags."""
    flags = prefix[5]
    start = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    return start + width, int.from_bytes(prefix[start : start + width], "little")


def _messages(chunk: bytes, newer: bool, tracked: bool) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of each message."""
    head = (6 if tracked else 4) if newer else 8
    at = 0
    while at + head <= len(chunk):
        kind, size = struct.unpack_from("<BH" if newer else "<HH", chunk, at)
        yield kind, chunk[at + head : at + head + size]
        at += head + size
