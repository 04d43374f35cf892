"""Fourier transforms of real numbers and of pairs (real part, imaginary part).

A transform of size a * b is one of size a along the columns of the signal written row by
row, a turn of each element, and one of size b along the rows. Small or prime sizes are
products with a matrix. Source: Cooley and Tukey, Math. Comp. 19 (1965).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, require
from graphkeras.ops.arrange import pad
from graphkeras.ops.creation import cast, dtype_of
from graphkeras.ops.linalg import matmul
from graphkeras.ops.math import add, multiply, negative, subtract
from graphkeras.ops.patches import extract_sequences
from graphkeras.ops.shape import (
    concatenate,
    flip,
    ndim,
    reshape,
    shape_of,
    slice_axes,
    swapaxes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphkeras.ir.typing import Tensor

Pair = tuple[Any, Any]  # real and imaginary part
_SMALL = 48  # a matrix up to this size costs less than taking it apart


# ----------------------------------------------------------------------- transforms


@functools.lru_cache(maxsize=64)
def _waves(rows: int, columns: int, size: int, kind: str) -> tuple[Any, Any]:
    """cos and sin of 2 pi j k / size for row j and column k."""
    angles = np.outer(np.arange(rows), np.arange(columns)) % size * (2 * np.pi / size)
    held = dtypes.to_numpy(kind)
    return np.cos(angles).astype(held), np.sin(angles).astype(held)


def _divisor(size: int) -> int:
    """Return the largest divisor up to the root, 1 for a prime."""
    return next(d for d in range(math.isqrt(size), 0, -1) if size % d == 0)


def _transformed(real: Any, imag: Any, sign: int) -> Pair:
    """Transform the last axis; no imaginary part is given as None."""
    *lead, size = shape_of(real)
    require(isinstance(size, int), "expected a known size of the last axis")
    first = _divisor(size)
    if size <= _SMALL or first == 1:
        return _by_matrix(real, imag, sign)
    second = size // first
    shape = (*lead, first, second)
    columns = [None if x is None else swapaxes(reshape(x, shape), -1, -2)
               for x in (real, imag)]  # fmt: skip
    real, imag = _transformed(columns[0], columns[1], sign)
    cos, sin = _waves(second, first, size, dtype_of(real))
    real, imag = _product((real, imag), (cos, sign * sin))
    real, imag = _transformed(swapaxes(real, -1, -2), swapaxes(imag, -1, -2), sign)
    parts = (reshape(swapaxes(x, -1, -2), (*lead, size)) for x in (real, imag))
    return tuple(parts)  # type: ignore[return-value]


def _by_matrix(real: Any, imag: Any, sign: int) -> Pair:
    size = shape_of(real)[-1]
    cos, sin = _waves(size, size, size, dtype_of(real))
    if imag is None:
        return matmul(real, cos), matmul(real, sign * sin)
    return (
        subtract(matmul(real, cos), matmul(imag, sign * sin)),
        add(matmul(real, sign * sin), matmul(imag, cos)),
    )


def _product(x: Pair, y: Pair) -> Pair:
    return (
        subtract(multiply(x[0], y[0]), multiply(x[1], y[1])),
        add(multiply(x[0], y[1]), multiply(x[1], y[0])),
    )


def _along_two(parts: Sequence[Any], sign: int) -> Pair:
    real, imag = _transformed(parts[0], parts[1], sign)
    real, imag = _transformed(swapaxes(real, -1, -2), swapaxes(imag, -1, -2), sign)
    return swapaxes(real, -1, -2), swapaxes(imag, -1, -2)


@composite()
def fft(x: Sequence[Tensor]) -> Any:
    """Transform of (real, imaginary) along the last axis, as such a pair.

    Example:
        >>> real, imag = fft((np.array([1.0, 0.0]), np.array([0.0, 0.0])))
        >>> real, imag
        (array([1., 1.]), array([0., 0.]))
    """
    return _transformed(x[0], x[1], -1)


@composite()
def fft2(x: Sequence[Tensor]) -> Any:
    """Transform of (real, imaginary) along the last two axes, as such a pair."""
    return _along_two(x, -1)


@composite()
def ifft2(x: Sequence[Tensor]) -> Any:
    """Inverse of `fft2`."""
    real, imag = _along_two(x, 1)
    share = 1 / dims.product(shape_of(real)[-2:])
    return multiply(real, share), multiply(imag, share)


def _fitted(x: Any, size: int) -> Any:
    """Cut the last axis, or fill it up with zeros."""
    *lead, now = shape_of(x)
    if now < size:
        return pad(x, [(0, 0)] * len(lead) + [(0, size - now)])
    return _part(x, 0, size)


def _part(x: Any, start: Any, stop: Any) -> Any:
    """Return places of the last axis."""
    *lead, _ = shape_of(x)
    return slice_axes(
        x, start=(*(0,) * len(lead), start), limit=(*lead, stop),
        step=(1,) * (len(lead) + 1),
    )  # fmt: skip


@composite()
def rfft(x: Tensor, fft_length: int | None = None) -> Any:
    """Transform of real numbers along the last axis: the half that says it all.

    Args:
        x: real numbers.
        fft_length: size to which they are cut or filled up with zeros.

    Returns:
        (real, imaginary) parts, each of size ``fft_length // 2 + 1``.

    Example:
        >>> rfft(np.array([1.0, 2.0, 3.0, 4.0]))[0]
        array([10., -2., -2.])
    """
    size = shape_of(x)[-1] if fft_length is None else fft_length
    real, imag = _transformed(_fitted(x, size), None, -1)
    return _part(real, 0, size // 2 + 1), _part(imag, 0, size // 2 + 1)


@composite()
def irfft(x: Sequence[Tensor], fft_length: int | None = None) -> Any:
    """Inverse of `rfft`.

    Args:
        x: (real, imaginary) parts.
        fft_length: size of the result; an even one if None.

    Example:
        >>> irfft((np.array([10.0, -2.0, -2.0]), np.array([0.0, 2.0, 0.0])))
        array([1., 2., 3., 4.])
    """
    size = 2 * (shape_of(x[0])[-1] - 1) if fft_length is None else fft_length
    real, imag = (_fitted(part, size // 2 + 1) for part in x)
    rest = [flip(_part(part, 1, (size + 1) // 2), axis=-1) for part in (real, imag)]
    whole = (
        concatenate([real, rest[0]], axis=-1),
        concatenate([imag, negative(rest[1])], axis=-1),
    )
    return multiply(_transformed(*whole, 1)[0], 1 / size)


# -------------------------------------------------------------- frames of a signal


def _window(window: Any, length: int, fft_length: int, kind: str, who: str) -> Any:
    """Return the window, zeros on both sides to the size of a transform."""
    if fft_length < length:
        raise ArgumentError(
            message(who, "expected fft_length >= sequence_length.",
                    f"{fft_length} and {length}")
        )  # fmt: skip
    if window is None:
        return np.ones(fft_length, dtypes.to_numpy(kind))
    if isinstance(window, str):
        heights = {"hann": 0.5, "hamming": 0.54}
        if window not in heights:
            raise ArgumentError(
                message(who, "expected window in 'hann', 'hamming'.", repr(window))
            )
        turn = np.cos(2 * np.pi * np.arange(length) / length)
        window = heights[window] - (1 - heights[window]) * turn
    shape = np.asarray(window)
    require(shape.shape == (length,), f"{who}: expected a window of {length} numbers")
    low = (fft_length - length) // 2
    return np.pad(shape, (low, fft_length - length - low)).astype(
        dtypes.to_numpy(kind)
    )


@composite()
def stft(
    x: Tensor, sequence_length: int, sequence_stride: int, fft_length: int,
    window: Any = "hann", center: bool = True,
) -> Any:  # fmt: skip
    """Transforms of overlapping frames of a signal (..., samples).

    Args:
        x: real numbers.
        sequence_length: size of the window.
        sequence_stride: distance of frames.
        fft_length: size of each transform.
        window: "hann", "hamming", an array, or None for ones.
        center: whether a frame lies around its place, the signal mirrored at its ends.

    Returns:
        (real, imaginary) parts: (..., frames, fft_length // 2 + 1).

    Example:
        >>> stft(np.ones((1, 16)), 4, 2, 8)[0].shape
        (1, 9, 5)
    """
    kind = dtypes.as_float(dtype_of(x))
    shape = _window(window, sequence_length, fft_length, kind, "stft")
    x = cast(x, kind)
    if center:
        half = (fft_length // 2, fft_length // 2)
        x = pad(x, [(0, 0)] * (ndim(x) - 1) + [half], mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return rfft(multiply(frames, shape), fft_length)


def _laid_over(frames: Any, stride: int) -> Any:
    """Add frames (..., count, length) at places `stride` apart: (..., samples)."""
    *lead, count, length = shape_of(frames)
    blocks = -(-length // stride)
    full = _fitted(frames, blocks * stride)
    total = None
    for j in range(blocks):
        part = _part(full, j * stride, (j + 1) * stride)
        ends = [(0, 0)] * len(lead) + [(j, blocks - 1 - j), (0, 0)]
        placed = pad(part, ends)
        total = placed if total is None else add(total, placed)
    whole = reshape(total, (*lead, (count + blocks - 1) * stride))
    return _part(whole, 0, (count - 1) * stride + length)


@composite()
def istft(
    x: Sequence[Tensor], sequence_length: int, sequence_stride: int, fft_length: int,
    length: int | None = None, window: Any = "hann", center: bool = True,
) -> Any:  # fmt: skip
    """Inverse of `stft`: the signal whose frames come nearest.

    Args:
        x: (real, imaginary) parts, whose number of frames is known.
        sequence_length, sequence_stride, fft_length, window, center: as for `stft`.
        length: number of samples; all there are if None.

    Example:
        >>> signal = np.arange(8.0)
        >>> parts = stft(signal, 4, 2, 4)
        >>> istft(parts, 4, 2, 4).round(6)
        array([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    kind = dtype_of(x[0])
    shape = _window(window, sequence_length, fft_length, kind, "istft")
    frames = multiply(irfft(x, fft_length), shape)
    count = shape_of(frames)[-2]
    require(isinstance(count, int), "istft: expected a known number of frames")
    weight = _laid_over(np.broadcast_to(shape * shape, (count, fft_length)), sequence_stride)
    weight = np.where(weight > 1e-10, weight, 1)
    if window is None:
        weight = weight * sequence_stride / fft_length
    signal = multiply(_laid_over(frames, sequence_stride), (1 / weight).astype(shape.dtype))
    start = fft_length // 2 if center else 0
    samples = shape_of(signal)[-1]
    stop = samples - start if length is None else min(start + length, samples)
    return _part(signal, start, stop)
