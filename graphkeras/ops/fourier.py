"""Fourier transforms, as products with matrices of at most some dozen rows.

A transform of n = a * b numbers is made of transforms of a and of b numbers with a
turn of each number between them (Cooley and Tukey, "An algorithm for the machine
calculation of complex Fourier series", 1965). So every target that has a matrix product
has it, with gradients and in ONNX. Complex numbers are pairs (real, imaginary), as in
Keras.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, DTypeError, ShapeError, message
from graphkeras.ir.definers import composite
from graphkeras.ir.dims import Dim
from graphkeras.ops.arrange import along, pad
from graphkeras.ops.creation import cast, dtype_of
from graphkeras.ops.linalg import matmul
from graphkeras.ops.math import add, multiply, negative, subtract
from graphkeras.ops.patches import extract_sequences
from graphkeras.ops.shape import (
    concatenate,
    flip,
    ndim,
    pad_interior,
    reshape,
    shape_of,
    swapaxes,
)
from graphkeras.ops.windows import window_of

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

Pair = tuple[Any, Any]
_DIRECT = 64  # numbers that are transformed by one product

# ---------------------------------------------------------------------------- tables


def _split(n: int) -> tuple[int, int] | None:
    """Return factors of n near its root, None if one product is as good."""
    if n <= _DIRECT:
        return None
    root = int(n**0.5)
    low = next((a for a in range(root, 1, -1) if n % a == 0), 1)
    return (low, n // low) if low > 1 else None


@functools.lru_cache(maxsize=64)
def _turns(rows: int, columns: int, n: int, dtype: str) -> tuple[np.ndarray, ...]:
    """cos and -sin of row * column of n-th parts of a turn."""
    steps = np.outer(np.arange(rows), np.arange(columns)) % n
    angle = steps * (2 * np.pi / n)
    kind = dtypes.to_numpy(dtype)
    return np.cos(angle).astype(kind), -np.sin(angle).astype(kind)


def _turned(z: Pair, cos: np.ndarray, sin: np.ndarray) -> Pair:
    """Multiply complex numbers one by one."""
    real, imag = z
    return (
        subtract(multiply(real, cos), multiply(imag, sin)),
        add(multiply(real, sin), multiply(imag, cos)),
    )


def _transformed(real: Any, imag: Any, n: int) -> Pair:
    """Transform the last axis, of n numbers; `imag` is None for real ones."""
    split, kind = _split(n), dtype_of(real)
    if split is None:
        cos, sin = _turns(n, n, n, kind)
        if imag is None:
            return matmul(real, cos), matmul(real, sin)
        table = np.block([[cos, sin], [-sin, cos]])
        both = matmul(concatenate([real, imag], axis=-1), table)
        axis = ndim(both) - 1
        return along(both, axis, 0, n), along(both, axis, n, 2 * n)
    a, b = split
    lead = shape_of(real)[:-1]

    def folded(x: Any) -> Any:
        return swapaxes(reshape(x, (*lead, a, b)), -1, -2)

    inner = _transformed(folded(real), None if imag is None else folded(imag), a)
    turned = _turned(inner, *_turns(b, a, n, kind))
    real, imag = (swapaxes(x, -1, -2) for x in turned)
    outer = _transformed(real, imag, b)
    real, imag = (reshape(swapaxes(x, -1, -2), (*lead, n)) for x in outer)
    return real, imag


# ------------------------------------------------------------------------------- ops


@composite()
def discrete_fourier(real: Tensor, imag: Tensor) -> Any:
    """The Fourier transform of the last axis, as (real, imaginary)."""
    return _transformed(real, imag, shape_of(real)[-1])


@composite()
def discrete_fourier_of_real(x: Tensor, *, count: int) -> Any:
    """The first `count` numbers of the Fourier transform of the last axis."""
    n, axis = shape_of(x)[-1], ndim(x) - 1
    real, imag = _transformed(x, None, n)
    return along(real, axis, 0, count), along(imag, axis, 0, count)


def _pair(who: str, x: Any, rank: int) -> Pair:
    """Return real and imaginary parts as floats.

    Raises:
        ArgumentError: unless x is a pair of tensors of one shape.
    """
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(
            message(who, "expected a pair of tensors, (real, imaginary).",
                    type(x).__name__)
        )  # fmt: skip
    real, imag = (_floating(part) for part in x)
    shapes = tuple(shape_of(real)), tuple(shape_of(imag))
    if shapes[0] != shapes[1] or len(shapes[0]) < rank:
        raise ShapeError(
            message(who, f"expected real and imaginary parts of one shape, of rank "
                    f"{rank} or more.", f"{list(shapes[0])} and {list(shapes[1])}")
        )  # fmt: skip
    for size in shapes[0][-rank:]:
        _known(who, size)
    return real, imag


def _floating(x: Any) -> Any:
    x = x if hasattr(x, "shape") else np.asarray(x)
    kind = dtype_of(x)
    return x if kind in ("float32", "float64") else cast(x, "float32")


def _known(who: str, size: Any) -> int:
    if not isinstance(size, (int, np.integer)):
        raise ShapeError(
            message(who, "expected a known size of the last axis.", str(size),
                    "Give the Input a fixed size, or take frames with ops.stft.")
        )  # fmt: skip
    return int(size)


def fft(x: Any) -> Pair:
    """Return the Fourier transform of the last axis.

    Args:
        x: (real, imaginary).

    Returns:
        (real, imaginary).

    Example:
        >>> real, imag = fft((np.array([1.0, 0, 0, 0]), np.zeros(4)))
        >>> real
        array([1., 1., 1., 1.])
    """
    return discrete_fourier(*_pair("fft", x, 1))


def fft2(x: Any) -> Pair:
    """Return the Fourier transform of the last two axes; as `fft`."""
    real, imag = discrete_fourier(*_pair("fft2", x, 2))
    turned = (swapaxes(part, -1, -2) for part in (real, imag))
    real, imag = discrete_fourier(*turned)
    return swapaxes(real, -1, -2), swapaxes(imag, -1, -2)


def ifft2(x: Any) -> Pair:
    """Return the pair whose `fft2` is x."""
    real, imag = _pair("ifft2", x, 2)
    count = float(np.prod([int(n) for n in shape_of(real)[-2:]]))
    real, imag = fft2((real, negative(imag)))
    return real / count, negative(imag) / count


def _fitted(x: Any, size: int) -> Any:
    """x with its last axis cut, or lengthened by zeros."""
    axis, have = ndim(x) - 1, shape_of(x)[-1]
    if have == size:
        return x
    if isinstance(have, int) and have > size:
        return along(x, axis, 0, size)
    none = (0,) * axis
    return pad_interior(
        x, value=0, low=(*none, 0), high=(*none, size - have), interior=(*none, 0)
    )


def rfft(x: Any, fft_length: int | None = None) -> Pair:
    """Return the first half of the Fourier transform of real numbers.

    Args:
        x: a tensor; its last axis is transformed.
        fft_length: to which it is cut or lengthened by zeros before.

    Returns:
        (real, imaginary), of fft_length // 2 + 1 numbers.

    Example:
        >>> rfft(np.array([1.0, 2.0, 3.0, 4.0]))[0]
        array([10., -2., -2.])
    """
    x = _floating(x)
    n = _known("rfft", shape_of(x)[-1]) if fft_length is None else int(fft_length)
    return discrete_fourier_of_real(_fitted(x, n), count=n // 2 + 1)


def irfft(x: Any, fft_length: int | None = None) -> Any:
    """Return the real numbers whose `rfft` is x.

    Args:
        x: (real, imaginary).
        fft_length: how many numbers to return; by default an even number.

    Example:
        >>> irfft(rfft(np.array([1.0, 2.0, 3.0, 4.0]))).round(6)
        array([1., 2., 3., 4.])
    """
    real, imag = _pair("irfft", x, 1)
    m = _known("irfft", shape_of(real)[-1])
    n = 2 * (m - 1) if fft_length is None else int(fft_length)
    real, imag = (_fitted(part, n // 2 + 1) for part in (real, imag))
    axis, tail = ndim(real) - 1, n - n // 2
    back = [flip(along(part, axis, 1, tail), axis) for part in (real, imag)]
    whole = concatenate([real, back[0]], axis=axis)
    # The inverse is the transform of the conjugate; its real part needs no other turn.
    turned = concatenate([negative(imag), back[1]], axis=axis)
    return multiply(discrete_fourier(whole, turned)[0], 1.0 / n)


# --------------------------------------------------------------------- short transforms


def _window(who: str, window: Any, length: int, fft_length: int, kind: str) -> Any:
    """Return the window, lengthened by zeros on both sides; None for none."""
    if window is None:
        return None
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ArgumentError(
                message(who, "expected window 'hann', 'hamming', an array or None.",
                        f"window={window!r}")
            )  # fmt: skip
        window = window_of(who, window, length, True)
    window = np.asarray(window) if not hasattr(window, "__apply_op__") else window
    if tuple(shape_of(window)) != (length,):
        raise ShapeError(
            message(who, f"expected a window of {length} numbers, as sequence_length "
                    "says.", f"shape {list(shape_of(window))}")
        )  # fmt: skip
    before = (fft_length - length) // 2
    return pad(cast(window, kind), ((before, fft_length - length - before),))


def _check_lengths(who: str, length: Any, stride: Any, fft_length: Any) -> None:
    if fft_length < length or length < 1 or stride < 1:
        raise ArgumentError(
            message(who, "expected 1 <= sequence_length <= fft_length and "
                    "sequence_stride >= 1.", f"sequence_length={length}, "
                    f"sequence_stride={stride}, fft_length={fft_length}")
        )  # fmt: skip


def _check_mirror(size: Any, half: int) -> None:
    if isinstance(size, int) and size <= half:
        raise ShapeError(
            message("stft", f"expected more than {half} numbers, to mirror half a "
                    "frame at each end.", f"{size}",
                    "Lengthen the signal, shorten fft_length, or pass center=False.")
        )  # fmt: skip


def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> Pair:
    """Return the Fourier transforms of frames of a signal.

    Args:
        x: (..., time), of float32 or float64.
        sequence_length: numbers in a window.
        sequence_stride: distance of frames.
        fft_length: numbers in a frame; windows lie in its middle.
        window: "hann", "hamming", an array of `sequence_length` numbers, or None.
        center: whether the signal is mirrored at its ends, so that the first frame
            lies about the first number.

    Returns:
        (real, imaginary): (..., frames, fft_length // 2 + 1).

    Example:
        >>> real, imag = stft(np.ones(16, "float32"), 4, 2, 4, center=False)
        >>> real.shape, float(real[0, 0])
        ((7, 3), 2.0)
    """
    x = x if hasattr(x, "shape") else np.asarray(x)
    kind = dtype_of(x)
    if kind not in ("float32", "float64"):
        raise DTypeError(
            message("stft", "expected float32 or float64.", kind, "Cast the signal.")
        )
    _check_lengths("stft", sequence_length, sequence_stride, fft_length)
    if center:
        half = fft_length // 2
        _check_mirror(shape_of(x)[-1], half)
        x = pad(x, (*((0, 0),) * (ndim(x) - 1), (half, half)), "reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    weights = _window("stft", window, sequence_length, fft_length, kind)
    return rfft(frames if weights is None else multiply(frames, weights), fft_length)


def _undone(window: Any, stride: int) -> np.ndarray:
    """The window by which frames are weighted so that they add up to the signal."""
    window = np.asarray(window, "float64")
    overlaps = -(-len(window) // stride)
    power = np.zeros(overlaps * stride)
    power[: len(window)] = window**2
    total = np.tile(power.reshape(overlaps, stride).sum(0), overlaps)[: len(window)]
    return window / np.where(total == 0, 1, total)


def _overlapped(frames: Any, stride: int) -> Any:
    """Add up (..., count, length) frames that begin `stride` apart."""
    *lead, count, length = shape_of(frames)
    parts = -(-length // stride)
    cells = reshape(_fitted(frames, parts * stride), (*lead, count, parts, stride))
    axis, total = len(lead) + 1, None
    none = (0,) * len(lead)
    for k in range(parts):
        part = reshape(along(cells, axis, k, k + 1), (*lead, count, stride))
        moved = pad_interior(
            part, value=0, low=(*none, k, 0), high=(*none, parts - 1 - k, 0),
            interior=(*none, 0, 0),
        )  # fmt: skip
        total = moved if total is None else add(total, moved)
    flat = reshape(total, (*lead, (count + parts - 1) * stride))
    return along(flat, len(lead), 0, (count - 1) * stride + length)


def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: Dim | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """Return the signal whose `stft` is x.

    Args:
        x: (real, imaginary): (..., frames, fft_length // 2 + 1).
        sequence_length: as for `stft`, like what is not named here.
        sequence_stride: distance of frames.
        fft_length: numbers in a frame.
        length: how many numbers to return; all by default.
        window: "hann", "hamming", an array or None.
        center: whether the signal was mirrored at its ends.

    Example:
        >>> signal = np.sin(np.arange(32.0))
        >>> again = istft(stft(signal, 8, 4, 8), 8, 4, 8)
        >>> bool(np.allclose(again, signal))
        True
    """
    real, imag = _pair("istft", x, 2)
    _check_lengths("istft", sequence_length, sequence_stride, fft_length)
    frames = irfft((real, imag), fft_length)
    kind = dtype_of(frames)
    weights = _window("istft", window, sequence_length, fft_length, "float64")
    if weights is not None:
        undo = _undone(weights, sequence_stride).astype(dtypes.to_numpy(kind))
        frames = multiply(frames, undo)
    signal = _overlapped(frames, sequence_stride)
    axis, total = ndim(signal) - 1, shape_of(signal)[-1]
    start = fft_length // 2 if center else 0
    if length is not None:
        stop = start + length
        if isinstance(total, int) and isinstance(stop, int):
            stop = min(stop, total)
    else:
        stop = total - fft_length // 2 if center else total
    return along(signal, axis, start, stop)
