"""Random tensors as pure functions of a key: two 32-bit words.

Everything comes from one elementwise op, Threefry on a counter, so a fused loop makes
its random numbers on the fly and results depend on neither order nor threads. A key
must be used once; `graphkeras.random.SeedGenerator` hands out fresh ones.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir import dims
from graphkeras.ir.definers import elementwise, require
from graphkeras.ir.op import nondifferentiable, unsupported
from graphkeras.ops.bitwise import right_shift
from graphkeras.ops.compare import equal, greater_equal, less, logical_and, where
from graphkeras.ops.creation import broadcast_to, cast, full_like, positions
from graphkeras.ops.index import argmax, gather
from graphkeras.ops.math import add, exp, log, mod, multiply, sqrt
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import expand_dims, reshape, shape_of
from graphkeras.ops.sort import argsort
from graphkeras.ops.special import erfinv

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

# Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
_PARITY = np.uint32(0x1BD11BDA)
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


def _words(kinds: Any) -> list[str]:
    return ["uint32"] * len(kinds)


@elementwise(
    scalar="threefry2x32({0}, {1}, {2})", promote=_words, vjp=nondifferentiable,
    onnx=unsupported("no operator for random bits"), domain="integer",
)  # fmt: skip
def threefry2x32(key0: Tensor, key1: Tensor, counter: Tensor) -> Any:
    """First word of the Threefry-2x32 block (counter, 0), 20 rounds, elementwise."""
    return _block(key0, key1, counter, 20)[0]


def _block(key0: Any, key1: Any, counter: Any, rounds: int) -> tuple[Any, Any]:
    """Both words of a Threefry-2x32 block, in NumPy."""
    keys = (key0, key1, key0 ^ key1 ^ _PARITY)
    x0, x1 = counter + keys[0], np.zeros_like(counter) + keys[1]
    for turn in range(rounds):
        bits = _ROTATIONS[turn % 8]
        low, high = np.uint32(bits), np.uint32(32 - bits)
        x0 = x0 + x1
        x1 = ((x1 << low) | (x1 >> high)) ^ x0
        if turn % 4 == 3:
            step = turn // 4 + 1
            x0 = x0 + keys[step % 3]
            x1 = x1 + keys[(step + 1) % 3] + np.uint32(step)
    return x0, x1


@elementwise(
    scalar="random_bits16({0}, {1}, {2})", promote=_words, vjp=nondifferentiable,
    onnx=unsupported("no operator for random bits"), domain="integer",
)  # fmt: skip
def random_bits16(key0: Tensor, key1: Tensor, position: Tensor) -> Any:
    """Sixteen random bits for each position, elementwise.

    One Threefry-2x32 block of 13 rounds, the fewest that pass the tests of its authors,
    gives bits to four positions, 16 from one to the next: so four vectors of a loop
    share the work of one.
    """
    counter = (position >> np.uint32(6) << np.uint32(4)) | (position & np.uint32(15))
    x0, x1 = _block(key0, key1, counter, 13)
    word = np.where(position & np.uint32(32), x1, x0)
    upper = (position & np.uint32(16)).astype(bool)
    return np.where(upper, word >> np.uint32(16), word & np.uint32(0xFFFF))


def bits(key: Any, shape: Any, stream: int = 0) -> Any:
    """Return uniform random words of `shape`; streams of one key are independent."""
    sizes = tuple(shape)
    count = dims.product(sizes)
    counter = positions(key, (count,), 0, "uint32")
    if stream:
        counter = add(counter, cast(_size(key, count * stream), "uint32"))
    words = threefry2x32(key[0], key[1], counter)
    return reshape(words, sizes)


def _size(key: Any, size: Any) -> Any:
    """A size as something that can be an operand beside the key."""
    return np.asarray(size % 2**32, "uint32") if isinstance(size, int) else size


def unit(key: Any, shape: Any, dtype: str, stream: int = 0) -> Any:
    """Return numbers uniform in [0, 1), each bit pattern exact in `dtype`."""
    digits = {"float64": 32, "float32": 24, "float16": 11, "bfloat16": 8}[dtype]
    words = bits(key, shape, stream)
    kept = right_shift(words, 32 - digits) if digits < 32 else words
    return multiply(cast(kept, dtype), 2.0**-digits)


def uniform(key: Any, shape: Any, minval: Any, maxval: Any, dtype: str) -> Any:
    """Return numbers uniform in [minval, maxval)."""
    span = maxval - minval
    scaled = multiply(unit(key, shape, dtype), span)
    return add(scaled, minval)


def _open_unit(key: Any, shape: Any, dtype: str, stream: int = 0) -> Any:
    """Numbers uniform in (-1, 1), neither end included."""
    digits = 53 if dtype == "float64" else 24
    half = 2.0**-31 if dtype == "float64" else 2.0 ** -(digits - 1)
    return unit(key, shape, dtype, stream) * 2.0 - (1.0 - half / 2)


def _working(dtype: str) -> str:
    """Half floats are drawn in float32."""
    return dtype if dtype == "float64" else "float32"


def normal(key: Any, shape: Any, mean: Any, stddev: Any, dtype: str) -> Any:
    """Return numbers of the normal distribution, by inversion."""
    drawn = standard_normal(key, shape, _working(dtype))
    return cast(add(multiply(drawn, stddev), mean), dtype)


def standard_normal(key: Any, shape: Any, dtype: str, stream: int = 0) -> Any:
    """Return numbers of mean 0 and variance 1."""
    return erfinv(_open_unit(key, shape, dtype, stream)) * math.sqrt(2)


def truncated_normal(key: Any, shape: Any, mean: Any, stddev: Any, dtype: str) -> Any:
    """Return normal numbers no further than two deviations from the mean."""
    kind = _working(dtype)
    inside = _open_unit(key, shape, kind) * math.erf(math.sqrt(2))
    drawn = erfinv(inside) * math.sqrt(2)
    return cast(add(multiply(drawn, stddev), mean), dtype)


def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: str) -> Any:
    """Return integers uniform in [minval, maxval)."""
    span = cast(maxval - minval, "uint32")
    return cast(cast(mod(bits(key, shape), span), "int64") + minval, dtype)


def gumbel(key: Any, shape: Any, dtype: str) -> Any:
    """Return -log(-log(u)) of uniform numbers."""
    tiny = 2.0**-25 if dtype != "float64" else 2.0**-33
    return -log(-log(unit(key, shape, dtype) + tiny))


def categorical(key: Any, logits: Any, num_samples: int, dtype: str) -> Any:
    """Return class numbers drawn from rows of logits: (batch, num_samples)."""
    require(len(shape_of(logits)) == 2, "categorical: expected logits of rank 2")
    batch, classes = shape_of(logits)
    kind = _working(dtypes.as_float(dtypes.standardize(logits.dtype)))
    noise = gumbel(key, (batch, num_samples, classes), kind)
    return cast(argmax(expand_dims(logits, 1) + noise, axis=-1), dtype)


def keep_mask(key: Any, shape: Any, rate: float) -> Any:
    """Return bools that are false with probability `rate`.

    Sixteen bits are enough for a rate that they can say to one part in a thousand.
    """
    limit = round(rate * 2**16)
    if abs(limit - rate * 2**16) > 1e-3 * min(limit, 2**16 - limit):
        words = bits(key, shape)
        return greater_equal(words, np.uint32(min(rate * 2.0**32, 2**32 - 1)))
    sizes = tuple(shape)
    place = positions(key, (dims.product(sizes),), 0, "uint32")
    drawn = reshape(random_bits16(key[0], key[1], place), sizes)
    return greater_equal(drawn, np.uint32(limit))


def dropout(key: Any, x: Any, rate: float, noise_shape: Any = None) -> Any:
    """Return x with a share `rate` set to 0 and the rest scaled by 1 / (1 - rate)."""
    sizes = shape_of(x)
    if noise_shape is not None:
        pairs = zip(noise_shape, sizes, strict=True)
        sizes = tuple(s if n is None else n for n, s in pairs)
    if rate >= 1:
        return full_like(x, 0)
    return where(keep_mask(key, sizes, rate), multiply(x, 1 / (1 - rate)), 0)


def shuffle(key: Any, x: Any, axis: int) -> Any:
    """Return x with its slices along `axis` in random order."""
    size = shape_of(x)[axis]
    return gather(x, argsort(bits(key, (size,))), axis=axis)


def binomial(key: Any, shape: Any, counts: Any, probabilities: Any, dtype: str) -> Any:
    """Return how many of `counts` trials succeed, each with its probability."""
    most = int(np.max(np.asarray(counts), initial=0))
    drawn = unit(key, (*shape, most), "float32")
    trial = positions(key, (most,), 0, "float32")
    success = less(drawn, expand_dims(cast(probabilities, "float32"), -1))
    counted = logical_and(
        success, less(trial, expand_dims(cast(counts, "float32"), -1))
    )
    return cast(sum(cast(counted, "int32"), axis=-1), dtype)


_ATTEMPTS = 8  # at 95% acceptance or more, all fail once in 25 thousand million draws


def gamma(key: Any, shape: Any, alpha: Any, dtype: str, stream: int = 0) -> Any:
    """Return numbers of the gamma distribution of shape `alpha` and scale 1.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables"
    (2000), with a fixed number of attempts.
    """
    kind, tries = _working(dtype), (*shape, _ATTEMPTS)
    alpha = cast(alpha, kind)
    boosted = where(less(alpha, 1.0), alpha + 1.0, alpha)
    d = expand_dims(broadcast_to(boosted, shape), -1) - 1 / 3
    x = standard_normal(key, tries, kind, stream)
    v = 1.0 + x * (1 / 3 / sqrt(d))
    cube = v * v * v
    log_cube = log(where(less(0.0, cube), cube, 1.0))
    bound = 0.5 * x * x + d - d * cube + d * log_cube
    log_u = log(unit(key, tries, kind, stream + _ATTEMPTS) + 2.0**-25)
    accepted = logical_and(less(0.0, cube), less(log_u, bound))
    at = expand_dims(argmax(cast(accepted, "int32"), axis=-1), -1)
    first = logical_and(accepted, equal(positions(key, (_ATTEMPTS,), 0), at))
    result = sum(where(first, d * cube, 0.0), axis=-1)
    log_u = log(unit(key, shape, kind, stream + 2 * _ATTEMPTS) + 2.0**-25)
    shrink = where(less(alpha, 1.0), exp(log_u / alpha), 1.0)
    return cast(result * shrink, dtype)


def beta(key: Any, shape: Any, alpha: Any, beta: Any, dtype: str) -> Any:
    """Return numbers of the beta distribution, as a ratio of gammas."""
    kind = _working(dtype)
    first = gamma(key, shape, alpha, kind)
    second = gamma(key, shape, beta, kind, 2 * _ATTEMPTS + 1)
    return cast(first / (first + second), dtype)
