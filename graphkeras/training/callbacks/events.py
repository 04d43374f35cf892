"""Event files of TensorBoard: what was measured, record after record.

A record is the length of its bytes, the bytes, and a checksum of each; the bytes are a
protobuf message `Event` with a `Summary` in it.

Sources: tensorflow/core/util/event.proto and framework/summary.proto (which field has
which number), lib/io/record_writer.h; Castagnoli et al., "Optimization of cyclic
redundancy-check codes with 24 and 32 parity bits" (1993).
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
from functools import cache
from typing import BinaryIO

import numpy as np

from graphkeras.protobuf import field, varint

_NUMBERS = itertools.count()  # of the files of this process
_MASK = 0xA282EAD8
_CASTAGNOLI = 0x82F63B78  # the polynomial, lowest power first
_BINS = 30


class EventFile:
    """A file of events, open for writing.

    Args:
        folder: where it goes; made if it is not there.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        name = (
            f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
            f".{os.getpid()}.{next(_NUMBERS)}.v2"
        )
        self._file: BinaryIO = open(os.path.join(folder, name), "wb")  # noqa: SIM115
        self._event(0, field(3, b"brain.Event:2"))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Note a number."""
        self._summary(tag, b"\x15" + struct.pack("<f", value), step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Note how numbers are spread."""
        numbers = np.asarray(values, np.float64).ravel()
        counts, edges = np.histogram(numbers, _BINS)
        ends = (numbers.min(), numbers.max(), numbers.size, numbers.sum(),
                np.square(numbers).sum())  # fmt: skip
        parts = [_double(i + 1, float(x)) for i, x in enumerate(ends)]
        parts += [field(6, edges[1:].tobytes())]
        parts += [field(7, counts.astype(np.float64).tobytes())]
        self._summary(tag, field(5, b"".join(parts)), step)

    def model(self, config: str) -> None:
        """Note the config of a model, as JSON, from which its graph is drawn."""
        plugin = field(1, b"graph_keras_model") + field(2, b"1")
        tensor = b"\x08\x07" + field(2, b"") + field(8, config.encode())  # a string
        self._summary("keras", field(8, tensor) + field(9, field(1, plugin)), 0)

    def flush(self) -> None:
        """Let readers see what was noted."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _summary(self, tag: str, content: bytes, step: int) -> None:
        value = field(1, tag.encode()) + content
        self._event(step, field(5, field(1, value)))

    def _event(self, step: int, content: bytes) -> None:
        event = _double(1, time.time()) + b"\x10" + varint(step) + content
        length = struct.pack("<Q", len(event))
        self._file.write(length + _checksum(length) + event + _checksum(event))


def _double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


@cache
def _table() -> tuple[int, ...]:
    """Return what each byte does to the checksum."""
    found = list(range(256))
    for _ in range(8):
        found = [(x >> 1) ^ (_CASTAGNOLI * (x & 1)) for x in found]
    return tuple(found)


def _checksum(content: bytes) -> bytes:
    """Return the CRC-32C, masked: a sum of bytes that hold sums is no good sum.

    Example:
        >>> _checksum(b"123456789").hex()  # 0xe3069283, turned and shifted
        'e5b08ac7'
    """
    table, crc = _table(), 0xFFFFFFFF
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)
