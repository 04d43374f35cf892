"""Ops that fold axes away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, reduced_shape, reduction
from graphkeras.ir.op import nondifferentiable
from graphkeras.ir.types import TensorType, normalize_axes
from graphkeras.ops.compare import equal, isfinite, not_equal, where
from graphkeras.ops.creation import broadcast_to, cast
from graphkeras.ops.math import exp, log, sqrt, square
from graphkeras.ops.shape import reshape

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def keep_axes(value: Any, y: Any, x: Any) -> Any:
    """Give a reduced value its axes of size 1 back, so that it stretches over x."""
    return reshape(value, reduced_shape(x.shape, y.axis, True))


def axes_canonical(x: TensorType, **attrs: Any) -> dict[str, Any]:
    """Axes positive and sorted, None made all of them."""
    attrs["axis"] = normalize_axes(attrs["axis"], x.rank)
    if "keepdims" in attrs:
        attrs["keepdims"] = bool(attrs["keepdims"])
    return attrs


def reduce_rule(name: str) -> Any:
    """The ONNX rule of a Reduce operator: axes are an input, empty axes do nothing."""

    def rule(b: Any, y: Any, x: Any) -> Any:
        if not y.axis:
            return b.Identity(x)
        return getattr(b, name)(x, b.ints(y.axis), keepdims=int(y.keepdims))

    return rule


def _sum_dtype(dtype: str) -> str:
    """Small integers are summed in 32 bits, as in Keras."""
    if dtype in ("bool", "int8", "int16"):
        return "int32"
    return "uint32" if dtype in ("uint8", "uint16") else dtype


@reduction(
    combine="{0} + {1}",
    identity=0,
    vjp=lambda g, y, x: broadcast_to(keep_axes(g, y, x), x.shape),
    onnx=lambda b, y, x: reduce_rule("ReduceSum")(b, y, b.cast_to(x, y.dtype)),
    dtype=_sum_dtype,
)
def sum(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum over `axis` (all axes by default).

    Example:
        >>> sum(np.ones((2, 3), "float32"), axis=1)
        array([3., 3.], dtype=float32)
    """
    kind = dtypes.to_numpy(_sum_dtype(dtypes.of_array(np.asarray(x))))
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=kind)


def _prod_vjp(g: Any, y: Any, x: Any) -> Any:
    """Zeros are set aside: y / x alone would be 0 / 0."""
    zero = equal(x, 0)
    others = where(zero, 1.0, x)
    product = keep_axes(prod(others, axis=y.axis), y, x)
    count = keep_axes(sum(cast(zero, x.dtype), axis=y.axis), y, x)
    only = where(equal(count, 1.0), where(zero, product, 0.0), 0.0)
    return keep_axes(g, y, x) * where(equal(count, 0.0), product / others, only)


@reduction(
    combine="{0} * {1}", identity=1, vjp=_prod_vjp, dtype=_sum_dtype,
    onnx=lambda b, y, x: reduce_rule("ReduceProd")(b, y, b.cast_to(x, y.dtype)),
)  # fmt: skip
def prod(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Product over `axis` (all axes by default)."""
    kind = dtypes.to_numpy(_sum_dtype(dtypes.of_array(np.asarray(x))))
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=kind)


def _extremum_vjp(g: Any, y: Any, x: Any) -> Any:
    """Ties share the gradient equally, as in TensorFlow and JAX."""
    winner = equal(x, keep_axes(y, y, x))
    share = where(winner, broadcast_to(keep_axes(g, y, x), x.shape), 0.0)
    count = sum(cast(winner, g.dtype), axis=y.axis)
    return share / keep_axes(count, y, x)


@reduction(
    combine="maximum({0}, {1})", identity="lowest", vjp=_extremum_vjp,
    onnx=reduce_rule("ReduceMax"), needs_elements=True,
)  # fmt: skip
def max(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element over `axis` (all axes by default)."""
    return np.max(x, axis=axis, keepdims=keepdims)


@reduction(
    combine="minimum({0}, {1})", identity="highest", vjp=_extremum_vjp,
    onnx=reduce_rule("ReduceMin"), needs_elements=True,
)  # fmt: skip
def min(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element over `axis` (all axes by default)."""
    return np.min(x, axis=axis, keepdims=keepdims)


def _any_onnx(b: Any, y: Any, x: Any) -> Any:
    """Counting is right for no elements too; ReduceMax is not."""
    count = reduce_rule("ReduceSum")(b, y, b.cast_to(x, "int32"))
    return b.Greater(count, b.scalar(0, "int32"))


def _all_onnx(b: Any, y: Any, x: Any) -> Any:
    return b.Not(_any_onnx(b, y, b.Not(b.cast_to(x, "bool"))))


@reduction(
    combine="{0} | {1}", identity=0, vjp=nondifferentiable, domain="bool",
    onnx=_any_onnx, dtype=lambda _: "bool",
)  # fmt: skip
def any(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any element over `axis` is true."""
    return np.any(x, axis=axis, keepdims=keepdims)


@reduction(
    combine="{0} & {1}", identity=1, vjp=nondifferentiable, domain="bool",
    onnx=_all_onnx, dtype=lambda _: "bool",
)  # fmt: skip
def all(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements over `axis` are true."""
    return np.all(x, axis=axis, keepdims=keepdims)


def count_along(x: Any, axis: tuple[int, ...]) -> Any:
    """Return how many elements are folded: an int or a symbolic size."""
    shape = np.shape(x) if not hasattr(x, "shape") else x.shape
    return dims.product(shape[a] for a in axis)


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    return normalize_axes(
        axis, len(np.shape(x) if not hasattr(x, "shape") else x.shape)
    )


def _promoted(kinds: Sequence[Any]) -> list[Any]:
    return [dtypes.as_float(k) for k in map(dtypes.resolve, kinds)]


@composite(
    onnx=reduce_rule("ReduceMean"), canonical=axes_canonical, promote=_promoted,
)  # fmt: skip
def mean(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Arithmetic mean over `axis` (all axes by default)."""
    axes = _axes(x, axis)
    return sum(x, axis=axes, keepdims=keepdims) / count_along(x, axes)


def _var_vjp(g: Any, y: Any, x: Any) -> Any:
    """By way of the mean nothing comes: distances from it add up to 0."""
    center = x - mean(x, axis=y.axis, keepdims=True)
    return keep_axes(g, y, x) * 2.0 / count_along(x, y.axis) * center


@composite(vjp=_var_vjp, canonical=axes_canonical, promote=_promoted)
def var(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean squared distance from the mean over `axis`."""
    return mean(square(x - mean(x, axis=axis, keepdims=True)), axis, keepdims)


@composite()
def std(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Square root of the variance over `axis`."""
    return sqrt(var(x, axis=axis, keepdims=keepdims))


@composite()
def logsumexp(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over `axis` without overflow.

    Example:
        >>> logsumexp(np.array([1000.0, 1000.0]))
        array(1000.69314718)
    """
    top = max(x, axis=axis, keepdims=True)
    top = where(isfinite(top), top, 0)
    total = log(sum(exp(x - top), axis=axis, keepdims=True)) + top
    axes = _axes(x, axis)
    shape = total.shape
    return total if keepdims else reshape(total, reduced_shape(shape, axes, False))


@composite()
def count_nonzero(x: Tensor, axis: Any = None) -> Any:
    """Number of elements over `axis` that are not zero."""
    return sum(cast(not_equal(x, 0), "int32"), axis=axis)


@composite()
def average(x: Tensor, axis: Any = None, weights: Tensor | None = None) -> Any:
    """Weighted arithmetic mean over `axis`.

    Args:
        x: a tensor.
        axis: axes to average over, all by default.
        weights: of x's shape, or a vector along the one `axis`.

    Example:
        >>> average(np.array([1.0, 3.0]), weights=np.array([3.0, 1.0]))
        array(1.5)
    """
    if weights is None:
        return mean(x, axis=axis)
    if np.ndim(weights) != len(x.shape) and isinstance(axis, int):
        line = [1] * len(x.shape)
        line[axis] = -1
        weights = reshape(weights, tuple(line))
    weights = broadcast_to(weights, x.shape)
    return sum(x * weights, axis=axis) / sum(weights, axis=axis)


@composite()
def ptp(x: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest minus smallest element over `axis`."""
    return max(x, axis=axis, keepdims=keepdims) - min(x, axis=axis, keepdims=keepdims)


amax = max
amin = min
