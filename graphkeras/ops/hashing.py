"""Hashes that agree with TensorFlow's, bit for bit.

Numbers are hashed as their decimal digits. That is written in ops on words, so it is
compiled and exported; strings are hashed on the host, since no standard ONNX operator
reads the bytes of a string.

Sources: FarmHash's 64-bit fingerprint (G. Pike, 2014, farmhashna); SipHash-2-4
(Aumasson and Bernstein, 2012).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import DTypeError, message
from graphkeras.ir.definers import composite, elementwise, require, structured
from graphkeras.ir.op import Host, nondifferentiable, unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ops.bitwise import bitwise_or, bitwise_xor, right_shift
from graphkeras.ops.compare import equal, greater_equal, less, logical_and, where
from graphkeras.ops.creation import cast, dtype_of
from graphkeras.ops.index import gather
from graphkeras.ops.math import add, mod, multiply, negative, subtract
from graphkeras.ops.reduce import sum as sum_of
from graphkeras.ops.shape import expand_dims

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
MIX = 0xC6A4A7935BD1E995  # of FingerprintCat64
CROSSING_SEED = 956888297470  # with which TensorFlow starts a crossing
_WORD = 2**64

# ------------------------------------------------------------ FarmHash of any bytes


def _fetch(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _turn(value: int, count: int) -> int:
    """Turn a word to the right by `count` bits."""
    value %= _WORD
    return (value >> count | value << (64 - count)) % _WORD


def _shift_mix(value: int) -> int:
    value %= _WORD
    return value ^ (value >> 47)


def _two_words(u: int, v: int, factor: int) -> int:
    a = _shift_mix((u ^ v) * factor)
    b = _shift_mix(((v ^ a) % _WORD) * factor)
    return b * factor % _WORD


def _up_to_16(s: bytes) -> int:
    n = len(s)
    factor = _K2 + n * 2
    if n >= 8:
        a, b = _fetch(s, 0) + _K2, _fetch(s, n - 8)
        c = _turn(b, 37) * factor + a
        d = (_turn(a, 25) + b) * factor
        return _two_words(c % _WORD, d % _WORD, factor)
    if n >= 4:
        first, last = _fetch(s[:4], 0), _fetch(s[-4:], 0)
        return _two_words(n + (first << 3), last, factor)
    if n:
        y, z = s[0] + (s[n // 2] << 8), n + (s[-1] << 2)
        return _shift_mix(y * _K2 % _WORD ^ z * _K0 % _WORD) * _K2 % _WORD
    return _K2


def _four_words(words: Sequence[int], factor: int) -> int:
    a, b, c, d = words
    first = _turn(a + b, 43) + _turn(c, 30) + d
    second = a + _turn(b + _K2, 18) + c
    return _two_words(first % _WORD, second % _WORD, factor)


def _up_to_32(s: bytes) -> int:
    n = len(s)
    factor = _K2 + n * 2
    words = (_fetch(s, 0) * _K1, _fetch(s, 8), _fetch(s, n - 8) * factor,
             _fetch(s, n - 16) * _K2)  # fmt: skip
    return _four_words(words, factor)


def _up_to_64(s: bytes) -> int:
    n = len(s)
    factor = _K2 + n * 2
    a, b, c = _fetch(s, 0) * _K2, _fetch(s, 8), _fetch(s, n - 8) * factor
    d = _fetch(s, n - 16) * _K2
    y = _turn(a + b, 43) + _turn(c, 30) + d
    z = _four_words((a, b, c, d), factor)
    e, f = _fetch(s, 16) * factor, _fetch(s, 24)
    g, h = (y + _fetch(s, n - 32)) * factor, (z + _fetch(s, n - 24)) * factor
    first = _turn(e + f, 43) + _turn(g, 30) + h
    second = e + _turn(f + a, 18) + g
    return _two_words(first % _WORD, second % _WORD, factor)


def _weak(s: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Mix 32 bytes into two seeds."""
    w, x, y, z = (_fetch(s, at + 8 * i) for i in range(4))
    a += w
    b = _turn(b + a + z, 21)
    kept = a
    a += x + y
    b += _turn(a, 44)
    return (a + z) % _WORD, (b + kept) % _WORD


def _beyond_64(s: bytes) -> int:
    n = len(s)
    x, y = 81 * _K2 + _fetch(s, 0), 81 * _K1 + 113
    z = _shift_mix(y * _K2 + 113) * _K2
    v, w = (0, 0), (0, 0)
    for at in range(0, (n - 1) // 64 * 64, 64):
        x = _turn(x + y + v[0] + _fetch(s, at + 8), 37) * _K1
        y = _turn(y + v[1] + _fetch(s, at + 48), 42) * _K1
        x = x % _WORD ^ w[1]
        y += v[0] + _fetch(s, at + 40)
        z = _turn(z + w[0], 33) * _K1
        v = _weak(s, at, v[1] * _K1, x + w[0])
        w = _weak(s, at + 32, z + w[1], y + _fetch(s, at + 16))
        z, x = x, z
    return _last_64(s, x, y, z, v, w)


def _last_64(
    s: bytes, x: int, y: int, z: int, v: tuple[int, int], w: tuple[int, int]
) -> int:
    factor, at = _K1 + ((z & 0xFF) << 1), len(s) - 64
    w = (w[0] + ((len(s) - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x = _turn(x + y + v[0] + _fetch(s, at + 8), 37) * factor
    y = _turn(y + v[1] + _fetch(s, at + 48), 42) * factor
    x = x % _WORD ^ (w[1] * 9) % _WORD
    y += v[0] * 9 + _fetch(s, at + 40)
    z = _turn(z + w[0], 33) * factor
    v = _weak(s, at, v[1] * factor, x + w[0])
    w = _weak(s, at + 32, z + w[1], y + _fetch(s, at + 16))
    z, x = x, z
    first = _two_words(v[0], w[0], factor) + _shift_mix(y) * _K0 + z
    second = _two_words(v[1], w[1], factor) + x
    return _two_words(first % _WORD, second % _WORD, factor)


def farmhash64(data: bytes) -> int:
    """Return FarmHash's 64-bit fingerprint.

    Example:
        >>> farmhash64(b"") == 0x9AE16A3B2F90404F
        True
    """
    longest: tuple[tuple[int, Callable[[bytes], int]], ...] = (
        (16, _up_to_16), (32, _up_to_32), (64, _up_to_64),
    )  # fmt: skip
    rule = next((rule for size, rule in longest if len(data) <= size), _beyond_64)
    return rule(data)


def siphash24(data: bytes, key: Sequence[int]) -> int:
    """Return SipHash-2-4 of `data` with a key of two words.

    Example:
        >>> hex(siphash24(bytes(range(15)), struct.unpack("<QQ", bytes(range(16)))))
        '0xa129ca6149be45e5'
    """
    low, high = (k % _WORD for k in key)
    v = [low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D,
         low ^ 0x6C7967656E657261, high ^ 0x7465646279746573]  # fmt: skip
    tail = data[len(data) // 8 * 8 :].ljust(7, b"\0") + bytes([len(data) % 256])
    for (word,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8] + tail):
        v[3] ^= word
        v = _sip_rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    a, b, c, d = _sip_rounds(v, 4)
    return a ^ b ^ c ^ d


def _sip_rounds(v: list[int], count: int) -> list[int]:
    a, b, c, d = v
    for _ in range(count):
        a, c = (a + b) % _WORD, (c + d) % _WORD
        b, d = _turn(b, 64 - 13) ^ a, _turn(d, 64 - 16) ^ c
        a = _turn(a, 32)
        c, a = (c + b) % _WORD, (a + d) % _WORD
        b, d = _turn(b, 64 - 17) ^ c, _turn(d, 64 - 21) ^ a
        c = _turn(c, 32)
    return [a, b, c, d]


# ------------------------------------------------------------------- host fingerprints


def _fingerprint_type(x: TensorType, *, salt: tuple[int, ...] | None) -> TensorType:
    require(not dtypes.is_float(x.dtype), "expected strings or integers")
    return x.with_dtype("uint64")


def _as_bytes(item: Any) -> bytes:
    """Return what TensorFlow hashes: text as UTF-8, numbers as their digits."""
    if isinstance(item, bytes):
        return item
    if isinstance(item, str):
        return item.encode("utf-8", "surrogateescape")
    if isinstance(item, (bool, np.bool_)):
        return b"true" if item else b"false"
    if isinstance(item, (int, np.integer)):
        return str(int(item)).encode()
    raise DTypeError(
        message(
            "hashing", "expected strings or integers.",
            f"{item!r} ({type(item).__name__})", "Write missing texts as ''.",
        )
    )  # fmt: skip


_NO_BYTES = "no standard operator reads the bytes of a string, or hashes with a key"
_INSTEAD = (
    "Hash before the model and give it the numbers; or hash integers without a salt, "
    "or look strings up: StringLookup(vocabulary=words, num_oov_indices=1)."
)


@structured(
    infer=_fingerprint_type, kernel=Host("host_ops.fingerprint"),
    vjp=nondifferentiable, onnx=unsupported(_NO_BYTES, _INSTEAD),
)  # fmt: skip
def fingerprint(x: Tensor, *, salt: tuple[int, ...] | None = None) -> Any:
    """Return FarmHash64 of each text (or number as text), SipHash with a `salt`.

    Args:
        x: strings or integers of any shape.
        salt: two ints, the key of SipHash; None for FarmHash.

    Example:
        >>> fingerprint(np.array(["a"], object)) % np.uint64(1000)
        array([939], dtype=uint64)
    """
    rule = farmhash64 if salt is None else lambda data: siphash24(data, salt)
    words = np.frompyfunc(lambda item: rule(_as_bytes(item)), 1, 1)(x)
    return np.asarray(words).astype(np.uint64)


# --------------------------------------------------------- FarmHash of decimal digits

# Words are int64, whose sums and products are those of uint64: not every runtime has
# arithmetic on uint64. Only what moves bits to the right, or divides, sees the sign.


def _quotient_onnx(b: Any, y: Any, x1: Any, x2: Any) -> Any:
    """Div of integers drops the rest; of floats it does not."""
    whole = b.Div(x1, x2)
    return b.Floor(whole) if dtypes.is_float(y.dtype) else whole


@elementwise(
    scalar="{0} // {1}", vjp=nondifferentiable, onnx=_quotient_onnx, promote="same",
)  # fmt: skip
def quotient(x1: Tensor, x2: Tensor) -> Any:
    """x1 // x2 of integers that are not negative, elementwise."""
    return np.floor_divide(x1, x2)


def _word(number: int) -> np.ndarray:
    return np.array((number + 2**63) % _WORD - 2**63, np.int64)


def _unsigned(x: Any) -> Any:
    return cast(x, "uint64")


def _right(x: Any, count: int) -> Any:
    """Move bits to the right, zeros coming in."""
    return cast(right_shift(_unsigned(x), np.array(count, np.uint64)), "int64")


def _rotated(x: Any, count: int) -> Any:
    """Turn words to the right by `count` bits."""
    return bitwise_or(_right(x, count), multiply(x, _word(2 ** (64 - count))))


def _mixed(x: Any) -> Any:
    return bitwise_xor(x, _right(x, 47))


def _joined(u: Any, v: Any, factor: Any) -> Any:
    a = _mixed(multiply(bitwise_xor(u, v), factor))
    b = _mixed(multiply(bitwise_xor(v, a), factor))
    return multiply(b, factor)


def _digit(number: Any) -> Any:
    """The last digit of numbers, as ASCII."""
    return add(mod(number, _word(10)), _word(48))


def _eight_digits(number: Any) -> Any:
    """Numbers below 10**8 as eight ASCII digits, the first in the lowest byte."""
    word: Any = _word(0x3030303030303030)
    for i in range(8):
        digit = mod(quotient(number, _word(10**i)), _word(10))
        word = add(word, multiply(digit, _word(1 << 8 * (7 - i))))
    return word


class _Decimal:
    """Integers as text: "-" if they are negative, then their digits.

    Attributes:
        size: how many characters there are, 1 to 20.
    """

    def __init__(self, x: Any) -> None:
        signed = not dtype_of(x).startswith("u")
        wide = cast(x, "int64")
        self.negative = less(wide, 0) if signed else None
        self.number = where(self.negative, negative(wide), wide) if signed else wide
        self._half = _right(self.number, 1)  # half of them is never negative
        halves = np.array([10**i // 2 for i in range(1, 20)], np.int64)
        reached = greater_equal(expand_dims(self._half, -1), halves)
        self.size = add(sum_of(cast(reached, "int32"), axis=-1), 1)
        if self.negative is not None:
            self.size = add(self.size, cast(self.negative, "int32"))

    def last(self, count: int) -> Any:
        """The last `count` digits, as a number."""
        rest = mod(_unsigned(self.number), np.array(10**count, np.uint64))
        return cast(rest, "int64")

    def without(self, count: int) -> Any:
        """The number without its last `count` digits, of which there is one at least.

        Powers of 10 are even, so that halves have the same quotient.
        """
        return quotient(self._half, _word(10**count // 2))

    def start(self, count: int) -> Any:
        """The first `count` characters of texts that have so many, as digits."""
        halves = np.array([1, *(10**i // 2 for i in range(1, 20))], np.int64)
        rest = where(less(self.size, count), 0, subtract(self.size, count))
        whole = quotient(self._half, gather(halves, rest, axis=0))
        return where(equal(rest, 0), self.number, whole)

    def signed(self, word: Any, here: Any = None) -> Any:
        """Put "-" in the place of the leading "0" of negative numbers."""
        if self.negative is None:
            return word
        sign = self.negative if here is None else logical_and(self.negative, here)
        return subtract(word, cast(sign, "int64") * 3)


def _short(d: _Decimal) -> Any:
    """The hash of one to three characters."""
    first = d.signed(_digit(d.start(1)))
    last = _digit(d.last(1))
    before = _digit(d.without(1))
    middle = where(equal(d.size, 3), before, last)
    y = add(first, multiply(middle, _word(256)))
    z = add(cast(d.size, "int64"), multiply(last, _word(4)))
    both = bitwise_xor(multiply(y, _word(_K2)), multiply(z, _word(_K0)))
    return multiply(_mixed(both), _word(_K2))


def _four_to_seven(d: _Decimal, factor: Any) -> Any:
    start = d.signed(_right(_eight_digits(mod(d.start(4), _word(10**4))), 32))
    end = d.signed(_right(_eight_digits(d.last(4)), 32), equal(d.size, 4))
    u = add(cast(d.size, "int64"), multiply(start, _word(8)))
    return _joined(u, end, factor)


def _longer(d: _Decimal, factor: Any) -> tuple[Any, Any]:
    """The hashes of 8 to 16 and of 17 to 20 characters."""
    first = d.signed(_eight_digits(mod(d.start(8), _word(10**8))))
    last = d.signed(_eight_digits(d.last(8)), equal(d.size, 8))
    a = add(first, _word(_K2))
    c = add(multiply(_rotated(last, 37), factor), a)
    medium = _joined(c, multiply(add(_rotated(a, 25), last), factor), factor)

    second = _eight_digits(mod(d.start(16), _word(10**8)))
    third = _eight_digits(mod(d.without(8), _word(10**8)))
    e, g, h = (multiply(first, _word(_K1)), multiply(last, factor),
               multiply(third, _word(_K2)))  # fmt: skip
    u = add(add(_rotated(add(e, second), 43), _rotated(g, 30)), h)
    v = add(add(e, _rotated(add(second, _word(_K2)), 18)), g)
    return medium, _joined(u, v, factor)


@composite()
def fingerprint_of_digits(x: Tensor) -> Any:
    """Return FarmHash64 of the decimal digits of integers, as uint64.

    Args:
        x: integers of any shape.

    Example:
        >>> fingerprint_of_digits(np.array([1, -20])) % np.uint64(1000)
        array([849, 745], dtype=uint64)
    """
    d = _Decimal(x)
    factor = add(multiply(cast(d.size, "int64"), _word(2)), _word(_K2))
    medium, long = _longer(d, factor)
    result = where(less(d.size, 17), medium, long)
    result = where(less(d.size, 8), _four_to_seven(d, factor), result)
    return _unsigned(where(less(d.size, 4), _short(d), result))


@composite()
def combine_fingerprints(first: Tensor, second: Tensor) -> Any:
    """Return one uint64 fingerprint of two, as TensorFlow's FingerprintCat64.

    Example:
        >>> combine_fingerprints(np.array([1], "uint64"), np.array([2], "uint64"))
        array([14454907135238785252], dtype=uint64)
    """
    factor = _word(MIX)
    first, second = cast(first, "int64"), cast(second, "int64")
    x = bitwise_xor(first, factor)
    x = bitwise_xor(x, multiply(_mixed(multiply(second, factor)), factor))
    return _unsigned(_mixed(multiply(_mixed(multiply(x, factor)), factor)))


@composite()
def bucket(x: Tensor, *, count: int) -> Any:
    """Return fingerprints modulo `count`, as int64.

    Example:
        >>> bucket(np.array([7], "uint64"), count=4)
        array([3])
    """
    return cast(mod(x, np.array(count, np.uint64)), "int64")
