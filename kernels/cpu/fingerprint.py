"""Hashes of texts that agree with TensorFlow's, bit for bit.

Sources: FarmHash's 64-bit fingerprint (G. Pike, 2014, farmhashna); SipHash-2-4
(Aumasson and Bernstein, 2012). All arithmetic is modulo 2**64, on uint64.
"""

import numpy as np

from graphkeras.kernels.cpu.memory import (
    load,
    load_byte,
    load_half,
    store,
    store_byte,
)
from graphkeras.kernels.cpu.text import measured
from graphkeras.kernels.jit import inner

U = np.uint64
K0, K1, K2 = U(0xC3A5C85C97CB3127), U(0xB492B66FBE98F273), U(0x9AE16A3B2F90404F)
SEED = U(81)
ALL, TEN = U(0xFF), U(10)
MINUS, ZERO = 45, 48  # characters

# SipHash's first state, "somepseudorandomlygeneratedbytes".
SIP = (
    U(0x736F6D6570736575), U(0x646F72616E646F6D), U(0x6C7967656E657261),
    U(0x7465646279746573),
)  # fmt: skip


@inner
def word(address: int) -> np.uint64:
    """Return 8 bytes."""
    return U(load(address))


@inner
def turned(x: np.uint64, count: int) -> np.uint64:
    """Turn a word to the right by `count` bits."""
    return x >> U(count) | x << U(64 - count)


@inner
def mixed(x: np.uint64) -> np.uint64:
    """Xor the upper bits into the lower."""
    return x ^ x >> U(47)


@inner
def joined(u: np.uint64, v: np.uint64, factor: np.uint64) -> np.uint64:
    """Return one word of two."""
    a = mixed((u ^ v) * factor)
    return mixed((v ^ a) * factor) * factor


@inner
def up_to_16(s: int, n: int) -> np.uint64:
    """Return the hash of s[n], n <= 16."""
    size = U(n)
    factor = K2 + size * U(2)
    if n >= 8:
        a, b = word(s) + K2, word(s + n - 8)
        c = turned(b, 37) * factor + a
        return joined(c, (turned(a, 25) + b) * factor, factor)
    if n >= 4:
        start, end = U(load_half(s)), U(load_half(s + n - 4))
        return joined(size + (start << U(3)), end, factor)
    if n > 0:
        y = U(load_byte(s)) + (U(load_byte(s + (n >> 1))) << U(8))
        z = size + (U(load_byte(s + n - 1)) << U(2))
        return mixed(y * K2 ^ z * K0) * K2
    return K2


@inner
def four(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, factor: np.uint64
) -> np.uint64:
    """Return one word of four."""
    first = turned(a + b, 43) + turned(c, 30) + d
    return joined(first, a + turned(b + K2, 18) + c, factor)


@inner
def up_to_64(s: int, n: int) -> np.uint64:
    """Return the hash of s[n], 16 < n <= 64."""
    factor = K2 + U(n) * U(2)
    if n <= 32:
        return four(
            word(s) * K1, word(s + 8), word(s + n - 8) * factor, word(s + n - 16) * K2,
            factor,
        )  # fmt: skip
    a, b, c, d = word(s) * K2, word(s + 8), word(s + n - 8) * factor, K2
    d *= word(s + n - 16)
    y = turned(a + b, 43) + turned(c, 30) + d
    z = four(a, b, c, d, factor)
    e, f = word(s + 16) * factor, word(s + 24)
    g, h = (y + word(s + n - 32)) * factor, (z + word(s + n - 24)) * factor
    first = turned(e + f, 43) + turned(g, 30) + h
    return joined(first, e + turned(f + a, 18) + g, factor)


@inner
def weak(s: int, a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Mix 32 bytes into two seeds."""
    a += word(s)
    b = turned(b + a + word(s + 24), 21)
    kept = a
    a += word(s + 8) + word(s + 16)
    return a + word(s + 24), b + turned(a, 44) + kept


@inner
def beyond_64(s: int, n: int) -> np.uint64:
    """Return the hash of s[n], n > 64."""
    x, y = SEED * K2 + word(s), SEED * K1 + U(113)
    z = mixed(y * K2 + U(113)) * K2
    v, w = (U(0), U(0)), (U(0), U(0))
    stop = s + ((n - 1) & ~63)
    at = s
    factor = K1
    while True:
        last = at == stop
        if last:  # the last 64 bytes, which may have been seen in part
            factor = K1 + ((z & ALL) << U(1))
            at = s + n - 64
            w = (w[0] + U((n - 1) & 63), w[1])
            v = (v[0] + w[0], v[1])
            w = (w[0] + v[0], w[1])
        weight = U(9) if last else U(1)
        x = turned(x + y + v[0] + word(at + 8), 37) * factor
        y = turned(y + v[1] + word(at + 48), 42) * factor
        x ^= w[1] * weight
        y += v[0] * weight + word(at + 40)
        z = turned(z + w[0], 33) * factor
        v = weak(at, v[1] * factor, x + w[0])
        w = weak(at + 32, z + w[1], y + word(at + 16))
        z, x = x, z
        if last:
            break
        at += 64
    first = joined(v[0], w[0], factor) + mixed(y) * K0 + z
    return joined(first, joined(v[1], w[1], factor) + x, factor)


def farmhash(views: int, count: int, out: int) -> int:
    """views[count] -> out[count]: FarmHash64 of each text."""
    for i in range(count):
        text, size = load(views + 16 * i), load(views + 16 * i + 8)
        if size <= 16:
            found = up_to_16(text, size)
        elif size <= 64:
            found = up_to_64(text, size)
        else:
            found = beyond_64(text, size)
        store(out + 8 * i, np.int64(found))
    return 0


@inner
def length_of(number: np.uint64) -> int:
    """Return how many digits a number has."""
    count = 1
    while number >= TEN:
        number //= TEN
        count += 1
    return count


def digits(numbers: int, count: int, signed: int, views: int, out: int) -> int:
    """numbers[count] -> views[count + 1], out: integers as decimal texts."""
    for i in range(count):
        wide = load(numbers + 8 * i)
        left, begin = U(wide), out
        if signed != 0 and wide < 0:
            store_byte(out, MINUS)
            out += 1
            left = U(0) - left
        size = length_of(left)
        for k in range(size - 1, -1, -1):
            store_byte(out + k, ZERO + np.int64(left % TEN))
            left //= TEN
        out += size
        store(views + 16 * i, begin)
        store(views + 16 * i + 8, out - begin)
    return measured(views, count)


@inner
def sip_rounds(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, count: int
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return SipHash's state after some rounds."""
    for _ in range(count):
        a, c = a + b, c + d
        b, d = turned(b, 64 - 13) ^ a, turned(d, 64 - 16) ^ c
        a = turned(a, 32)
        c, a = c + b, a + d
        b, d = turned(b, 64 - 17) ^ c, turned(d, 64 - 21) ^ a
        c = turned(c, 32)
    return a, b, c, d


@inner
def last_word(s: int, n: int) -> np.uint64:
    """Return the last n % 8 bytes of s[n], and in the highest byte n."""
    found = U(n) << U(56)
    for i in range(n & 7):
        found |= U(load_byte(s + (n & ~7) + i)) << U(8 * i)
    return found


def siphash(views: int, count: int, out: int, low: int, high: int) -> int:
    """views[count] -> out[count]: SipHash-2-4 of each text, with a key of two words."""
    for i in range(count):
        text, size = load(views + 16 * i), load(views + 16 * i + 8)
        a, b, c, d = SIP[0] ^ U(low), SIP[1] ^ U(high), SIP[2] ^ U(low), SIP[3]
        d ^= U(high)
        for k in range((size >> 3) + 1):
            whole = 8 * k + 8 <= size
            data = word(text + 8 * k) if whole else last_word(text, size)
            a, b, c, d = sip_rounds(a, b, c, d ^ data, 2)
            a ^= data
        a, b, c, d = sip_rounds(a, b, c ^ ALL, d, 4)
        store(out + 8 * i, np.int64(a ^ b ^ c ^ d))
    return 0
