"""Products of matrices and tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, require, structured
from graphkeras.ir.types import TensorType, broadcast_shapes, normalize_axis
from graphkeras.ops.arrange import diagonal, unstack
from graphkeras.ops.compare import greater, not_equal, where
from graphkeras.ops.creation import cast, zeros_like
from graphkeras.ops.math import absolute, multiply, power, sqrt, square, subtract
from graphkeras.ops.namespaces import elsewhere
from graphkeras.ops.reduce import max as largest
from graphkeras.ops.reduce import min as smallest
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import (
    expand_dims,
    ndim,
    ravel,
    reshape,
    shape_of,
    squeeze,
    stack,
    swapaxes,
    transpose,
)

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _gemm_type(x1: TensorType, x2: TensorType) -> TensorType:
    require(x1.rank >= 2 and x2.rank >= 2, "expected at least rank 2")
    fits = x1.shape[-1] == x2.shape[-2]
    require(fits, f"expected x1.shape[-1] == x2.shape[-2]: {x1.shape[-1]} is not "
                  f"{x2.shape[-2]}")  # fmt: skip
    lead = broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    return TensorType(x1.dtype, (*lead, x1.shape[-2], x2.shape[-1]))


def _gemm_vjp(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    return gemm(g, swapaxes(x2, -1, -2)), gemm(swapaxes(x1, -1, -2), g)


@structured(
    infer=_gemm_type,
    kernel="matmul.gemm",
    vjp=_gemm_vjp,
    onnx="MatMul",
    promote="same",
    strided=True,
    operations=lambda y: 2 * dims.product(y.shape) * y.inputs[0].shape[-1],
)
def gemm(x1: Tensor, x2: Tensor) -> Any:
    """Product of the last two axes, the others broadcast: [..., m, k] x [..., k, n]."""
    return np.matmul(x1, x2)


@composite(operator="@")
def matmul(x1: Tensor, x2: Tensor) -> Any:
    """Matrix product with NumPy's rules for vectors and leading axes.

    Example:
        >>> matmul(np.ones((2, 3), "float32"), np.ones(3, "float32"))
        array([3., 3.], dtype=float32)
    """
    a, b = shape_of(x1), shape_of(x2)
    require(a and b, "matmul: expected at least rank 1")
    left = reshape(x1, (1, *a)) if len(a) == 1 else x1
    right = reshape(x2, (*b, 1)) if len(b) == 1 else x2
    # A matrix on the right makes one large product of many small ones.
    product = _flattened if len(b) == 2 and len(a) > 2 else gemm
    out = product(left, right)
    sizes = list(shape_of(out))
    if len(b) == 1:
        del sizes[-1]
    if len(a) == 1:
        del sizes[-1 if len(b) == 1 else -2]
    return out if len(sizes) == ndim(out) else reshape(out, tuple(sizes))


def _flattened(x1: Any, x2: Any) -> Any:
    a, b = shape_of(x1), shape_of(x2)
    require(
        a[-1] == b[0],
        "matmul: expected x1.shape[-1] == x2.shape[-2].\n"
        f"  Received x1: {list(a)}, x2: {list(b)}.",
    )
    return reshape(gemm(reshape(x1, (-1, a[-1])), x2), (*a[:-1], b[-1]))


# ------------------------------------------------------------------- other products


@composite()
def dot(x1: Tensor, x2: Tensor) -> Any:
    """Sum over the last axis of x1 and the last but one (or only) of x2.

    Example:
        >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        array(11.)
    """
    a, b = ndim(x1), ndim(x2)
    if not a or not b:
        return multiply(x1, x2)
    if b == 1:
        return tensordot(x1, x2, axes=((a - 1,), (0,)))
    return tensordot(x1, x2, axes=((a - 1,), (b - 2,)))


def _contracted(axes: Any, a: int, b: int) -> tuple[list[int], list[int]]:
    """Return the axes of both operands that are summed over."""
    if isinstance(axes, int):
        return list(range(a - axes, a)), list(range(axes))
    left, right = ([x] if isinstance(x, int) else list(x) for x in axes)
    return [normalize_axis(i, a) for i in left], [normalize_axis(i, b) for i in right]


@composite()
def tensordot(x1: Tensor, x2: Tensor, axes: Any = 2) -> Any:
    """Return the sum of products over axes of both.

    Args:
        x1: a tensor.
        x2: a tensor.
        axes: n (the last n of x1, the first n of x2), or a pair of lists of axes.

    Example:
        >>> tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=1).shape
        (2, 4)
    """
    a, b = shape_of(x1), shape_of(x2)
    left, right = _contracted(axes, len(a), len(b))
    require(
        [a[i] for i in left] == [b[i] for i in right],
        f"tensordot: sizes {[a[i] for i in left]} and {[b[i] for i in right]} differ",
    )
    rows = [i for i in range(len(a)) if i not in left]
    columns = [i for i in range(len(b)) if i not in right]
    middle = dims.product(a[i] for i in left)
    matrix = reshape(
        transpose(x1, (*rows, *left)), (dims.product(a[i] for i in rows), middle)
    )
    other = reshape(
        transpose(x2, (*right, *columns)), (middle, dims.product(b[i] for i in columns))
    )
    sizes = (*(a[i] for i in rows), *(b[i] for i in columns))
    return reshape(gemm(matrix, other), sizes)


@composite()
def inner(x1: Tensor, x2: Tensor) -> Any:
    """Sum of products over the last axes of both."""
    if not ndim(x1) or not ndim(x2):
        return multiply(x1, x2)
    return tensordot(x1, x2, axes=((ndim(x1) - 1,), (ndim(x2) - 1,)))


@composite()
def vdot(x1: Tensor, x2: Tensor) -> Any:
    """Sum of products of the flat tensors."""
    return dot(ravel(x1), ravel(x2))


@composite()
def outer(x1: Tensor, x2: Tensor) -> Any:
    """Products of all pairs of elements of the flat tensors."""
    return multiply(reshape(x1, (-1, 1)), reshape(x2, (1, -1)))


@composite()
def kron(x1: Tensor, x2: Tensor) -> Any:
    """Kronecker product: x2 scaled by each element of x1, laid out in blocks."""
    rank = max(ndim(x1), ndim(x2))
    a, b = ((1,) * (rank - ndim(x)) + shape_of(x) for x in (x1, x2))
    wide = reshape(x1, tuple(d for s in a for d in (s, 1)))
    blocks = multiply(wide, reshape(x2, tuple(d for s in b for d in (1, s))))
    return reshape(blocks, tuple(m * n for m, n in zip(a, b)))


@composite()
def cross(
    x1: Tensor, x2: Tensor, axisa: int = -1, axisb: int = -1, axisc: int = -1,
    axis: int | None = None,
) -> Any:  # fmt: skip
    """Cross product of vectors of size 2 or 3.

    Args:
        x1: vectors along `axisa`.
        x2: vectors along `axisb`.
        axisa: the axis of x1's vectors.
        axisb: the axis of x2's vectors.
        axisc: the axis of the result's vectors; two vectors of size 2 give scalars.
        axis: stands for all three.

    Example:
        >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
        array([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _components(x1, axisa), _components(x2, axisb)
    z = subtract(multiply(a[0], b[1]), multiply(a[1], b[0]))
    if len(a) == len(b) == 2:
        return z
    a, b = ([*v, zeros_like(v[0])] if len(v) == 2 else v for v in (a, b))
    x = subtract(multiply(a[1], b[2]), multiply(a[2], b[1]))
    y = subtract(multiply(a[2], b[0]), multiply(a[0], b[2]))
    return stack([x, y, z], axis=axisc)


def _components(x: Any, axis: int) -> list[Any]:
    axis = normalize_axis(axis, ndim(x))
    size = shape_of(x)[axis]
    require(size in (2, 3), f"cross: expected vectors of size 2 or 3, not {size}")
    return unstack(x, axis=axis)


@composite()
def trace(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum of a diagonal of two axes."""
    return sum(diagonal(x, offset=offset, axis1=axis1, axis2=axis2), axis=-1)


# ---------------------------------------------------------------------------- norms


@composite()
def norm(x: Tensor, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the norm of vectors or matrices.

    Args:
        x: a tensor.
        ord: for vectors a number p, inf or -inf (2 by default); for matrices "fro"
            (default), 1, -1, inf or -inf.
        axis: one axis (vectors), two (matrices), or None for all of x.
        keepdims: whether to keep the axes with size 1.

    Example:
        >>> norm(np.array([3.0, 4.0]))
        array(5.)
    """
    x = multiply(x, 1.0)
    if axis is None and ord is None:
        return sqrt(sum(square(x), keepdims=keepdims))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(range(ndim(x))) if axis is None else axes
    axes = tuple(normalize_axis(a, ndim(x)) for a in axes)
    require(len(axes) in (1, 2), f"norm: expected one or two axes, not {len(axes)}")
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes[0], keepdims)
    return _matrix_norm(x, ord, axes, keepdims)


def _vector_norm(x: Any, order: Any, axis: int, keepdims: bool) -> Any:
    size = absolute(x)
    if order == math.inf:
        return largest(size, axis=axis, keepdims=keepdims)
    if order == -math.inf:
        return smallest(size, axis=axis, keepdims=keepdims)
    if order == 0:
        return sum(cast(not_equal(x, 0), x.dtype), axis=axis, keepdims=keepdims)
    if order == 1:
        return sum(size, axis=axis, keepdims=keepdims)
    if order == 2:
        return sqrt(sum(square(x), axis=axis, keepdims=keepdims))
    total = sum(power(size, order), axis=axis, keepdims=keepdims)
    return power(total, 1.0 / order)


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if order in (None, "fro"):
        return sqrt(sum(square(x), axis=axes, keepdims=keepdims))
    if order not in (1, -1, math.inf, -math.inf):
        raise ArgumentError(
            message("norm", "expected ord 'fro', 1, -1, inf or -inf for matrices.",
                    f"ord={order!r}", "Use ops.svd for norms of singular values.")
        )  # fmt: skip
    rows, columns = axes
    inside, outside = (rows, columns) if abs(order) == 1 else (columns, rows)
    total = sum(absolute(x), axis=inside, keepdims=True)
    fold = largest if order > 0 else smallest
    result = fold(total, axis=outside, keepdims=True)
    return result if keepdims else squeeze(result, axes)


@composite()
def cdist(x: Tensor, y: Tensor) -> Any:
    """Euclidean distances of all pairs of rows: (..., m, d), (..., n, d) -> m by n."""
    gap = subtract(expand_dims(x, -2), expand_dims(y, -3))
    total = sum(square(gap), axis=-1)
    apart = greater(total, 0)  # the root has no slope at 0
    return where(apart, sqrt(where(apart, total, 1.0)), 0.0)


__getattr__ = elsewhere(__name__)  # `keras.ops.linalg` has ops of other families
