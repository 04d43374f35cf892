"""Tensors made of numbers alone: identities, ranges, grids, windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import config, dtypes
from graphkeras.ir import dims
from graphkeras.ops.compare import equal, greater_equal
from graphkeras.ops.creation import broadcast_to, cast, iota_value, traced
from graphkeras.ops.math import add, divide, exp, log, multiply, power, subtract
from graphkeras.ops.shape import moveaxis, reshape, shape_of


def _corners(N: Any, M: Any, k: int) -> tuple[Any, Any]:
    """Row number plus k, and column number, of an N by M grid of free size."""
    rows = iota_value((N, N if M is None else M), 0, "int32")
    columns = iota_value((N, N if M is None else M), 1, "int32")
    return rows + k, columns


def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Return an N by M matrix with ones on the k-th diagonal.

    Example:
        >>> eye(2, 3)
        array([[1., 0., 0.],
               [0., 1., 0.]], dtype=float32)
    """
    kind = dtypes.standardize(dtype)
    if dims.is_static((N, 0 if M is None else M)):
        return np.eye(N, M, k, dtypes.to_numpy(kind))
    rows, columns = _corners(N, M, k)
    return traced(cast(equal(rows, columns), kind))


def identity(n: Any, dtype: Any = None) -> Any:
    """Return the n by n identity matrix."""
    return eye(n, dtype=dtype)


def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Return an N by M matrix with ones on and below the k-th diagonal."""
    kind = dtypes.standardize(dtype)
    if dims.is_static((N, 0 if M is None else M)):
        return np.tri(N, M, k, dtypes.to_numpy(kind))
    rows, columns = _corners(N, M, k)
    return traced(cast(greater_equal(rows, columns), kind))


# -------------------------------------------------------------------------- ranges


def _range_dtype(dtype: Any, *ends: Any) -> str:
    if dtype is not None:
        return dtypes.standardize(dtype)
    kinds = [dtypes.weak_of(e) or dtypes.standardize(getattr(e, "dtype", None))
             for e in ends]  # fmt: skip
    return dtypes.as_float(dtypes.result_type(*kinds, "weak_float"))


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """Return `num` evenly spaced numbers from `start` to `stop`.

    Args:
        start: first number, or a tensor of them.
        stop: last number (left out if not `endpoint`).
        num: how many.
        endpoint: whether `stop` is the last.
        retstep: whether to return (numbers, step).
        dtype: dtype of the result.
        axis: where the numbers run, if `start` or `stop` are tensors.

    Example:
        >>> linspace(0, 1, 5)
        array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    kind = _range_dtype(dtype, start, stop)
    work = dtypes.as_float(kind)
    count = max(num - 1 if endpoint else num, 1)
    step = divide(cast(subtract(stop, start), work), count)
    rank = max(len(shape_of(start)), len(shape_of(stop)))
    line = np.arange(num, dtype=dtypes.to_numpy(work)).reshape((num,) + (1,) * rank)
    numbers = add(multiply(line, step), cast(start, work))
    if endpoint and num > 1 and not hasattr(numbers, "__apply_op__"):
        numbers[-1] = stop  # not a rounding short of it
    out = cast(moveaxis(numbers, 0, axis) if rank else numbers, kind)
    return (out, step) if retstep else out


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """Return powers of `base` with evenly spaced exponents."""
    kind = _range_dtype(dtype, start, stop)
    exponents = linspace(start, stop, num, endpoint, dtype=dtypes.as_float(kind),
                         axis=axis)  # fmt: skip
    return cast(power(cast(base, dtypes.as_float(kind)), exponents), kind)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None,
    axis: int = 0,
) -> Any:  # fmt: skip
    """Return `num` positive numbers from `start` to `stop` with one ratio."""
    kind = _range_dtype(dtype, start, stop)
    work = dtypes.as_float(kind)
    low, high = (log(cast(e, work)) for e in (start, stop))
    line = linspace(low, high, num, endpoint, dtype=work, axis=axis)
    return cast(exp(line), kind)


def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Return the coordinates of a grid whose axes are the given vectors.

    Example:
        >>> meshgrid(np.array([1, 2]), np.array([5, 6, 7]))[0].shape
        (3, 2)
    """
    rank = len(x)
    axes = list(range(rank))
    if indexing == "xy" and rank > 1:
        axes[:2] = [1, 0]
    sizes: list[Any] = [1] * rank
    for axis, vector in zip(axes, x):
        sizes[axis] = dims.product(shape_of(vector))
    found = []
    for axis, vector in zip(axes, x):
        around = tuple(sizes[axis] if i == axis else 1 for i in range(rank))
        found.append(broadcast_to(reshape(vector, around), tuple(sizes)))
    return found


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return the powers of a vector as columns, the highest first.

    Example:
        >>> vander(np.array([1.0, 2.0]), 3)
        array([[1., 1., 1.],
               [4., 2., 1.]])
    """
    count = shape_of(x)[0] if N is None else N
    exponents = np.arange(count) if increasing else np.arange(count)[::-1]
    column = reshape(x, (-1, 1))
    return power(column, cast(exponents.copy(), column.dtype))


# ------------------------------------------------------------------------- windows


def _window(name: str, count: int, *more: Any) -> np.ndarray:
    return getattr(np, name)(int(count), *more).astype(config.floatx())


def bartlett(x: int) -> np.ndarray:
    """Return the triangular window of x points."""
    return _window("bartlett", x)


def blackman(x: int) -> np.ndarray:
    """Return the Blackman window of x points."""
    return _window("blackman", x)


def hamming(x: int) -> np.ndarray:
    """Return the Hamming window of x points."""
    return _window("hamming", x)


def hanning(x: int) -> np.ndarray:
    """Return the Hann window of x points."""
    return _window("hanning", x)


def kaiser(x: int, beta: float) -> np.ndarray:
    """Return the Kaiser window of x points."""
    return _window("kaiser", x, beta)
