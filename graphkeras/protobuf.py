"""How protobuf writes numbers and fields; enough for files that we write ourselves.

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

_BYTES = 2  # the type of a field with a length


def varint(number: int) -> bytes:
    """Return a number seven bits a byte, the low ones first.

    Example:
        >>> varint(300).hex()
        'ac02'
    """
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def header(number: int, size: int) -> bytes:
    """Return what stands before the `size` bytes of a field."""
    return varint(number << 3 | _BYTES) + varint(size)


def field(number: int, content: bytes) -> bytes:
    """Return a field: a string, or a message within a message."""
    return header(number, len(content)) + content
