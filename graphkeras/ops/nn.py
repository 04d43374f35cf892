"""Activations, encodings of labels, and what losses are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, message
from graphkeras.ir.definers import composite, require
from graphkeras.ir.types import normalize_axes, normalize_axis
from graphkeras.ops.compare import equal, greater, less, where
from graphkeras.ops.creation import cast, dtype_of, positions
from graphkeras.ops.index import cumulative
from graphkeras.ops.math import (
    absolute,
    add,
    clip,
    exp,
    expm1,
    log,
    logaddexp,
    maximum,
    minimum,
    multiply,
    sigmoid,
    sqrt,
    square,
    subtract,
    tanh,
)
from graphkeras.ops.namespaces import elsewhere
from graphkeras.ops.reduce import max, mean, sum, var
from graphkeras.ops.shape import expand_dims, flip, ndim, reshape, shape_of, slice_axes
from graphkeras.ops.sort import sort
from graphkeras.ops.special import erf

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


# ---------------------------------------------------------------- rectified units


@composite(vjp=lambda g, y, x: where(greater(y, 0), g, 0), onnx="Relu")
def relu(x: Tensor) -> Any:
    """max(x, 0), elementwise; the gradient at 0 is 0.

    Example:
        >>> relu(np.array([-1.0, 2.0], "float32"))
        array([0., 2.], dtype=float32)
    """
    return maximum(x, 0)


def _between(g: Any, x: Any, low: float, high: float) -> Any:
    """The gradient where low < x < high, else 0."""
    return where(greater(x, low), where(less(x, high), g, 0), 0)


def _clip_rule(low: float, high: float) -> Any:
    return lambda b, y, x: b.Clip(x, b.scalar(low, y.dtype), b.scalar(high, y.dtype))


@composite(vjp=lambda g, y, x: _between(g, x, 0, 6), onnx=_clip_rule(0, 6))
def relu6(x: Tensor) -> Any:
    """min(max(x, 0), 6), elementwise."""
    return minimum(maximum(x, 0), 6)


@composite(vjp=lambda g, y, x: _between(g, x, -1, 1), onnx=_clip_rule(-1, 1))
def hard_tanh(x: Tensor) -> Any:
    """min(max(x, -1), 1), elementwise."""
    return minimum(maximum(x, -1), 1)


@composite(
    vjp=lambda g, y, x: where(greater(x, 0), g, g * y.negative_slope),
    onnx=lambda b, y, x: b.LeakyRelu(x, alpha=y.negative_slope),
    promote="float",
    canonical=lambda x, *, negative_slope: {"negative_slope": float(negative_slope)},
)
def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Any:
    """x where x > 0, else negative_slope * x, elementwise."""
    return where(greater(x, 0), x, multiply(x, negative_slope))


def _alpha(x: Any, *, alpha: Any) -> dict[str, Any]:
    return {"alpha": float(alpha)}


@composite(
    vjp=lambda g, y, x: where(greater(x, 0), g, g * (y + y.alpha)),
    onnx=lambda b, y, x: b.Elu(x, alpha=y.alpha), promote="float", canonical=_alpha,
)  # fmt: skip
def elu(x: Tensor, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha * (exp(x) - 1), elementwise.

    Source: Clevert, Unterthiner and Hochreiter, arXiv:1511.07289.
    """
    return where(greater(x, 0), x, multiply(expm1(minimum(x, 0)), alpha))


@composite(
    vjp=lambda g, y, x: where(greater(x, 0), g, g * (y / y.alpha + 1.0)),
    onnx=lambda b, y, x: b.Celu(x, alpha=y.alpha), promote="float", canonical=_alpha,
)  # fmt: skip
def celu(x: Tensor, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha * (exp(x / alpha) - 1), elementwise.

    Source: Barron, arXiv:1704.07483.
    """
    return where(greater(x, 0), x, multiply(expm1(minimum(x, 0) / alpha), alpha))


# Klambauer, Unterthiner, Mayr and Hochreiter, arXiv:1706.02515, section 2.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def _selu_vjp(g: Any, y: Any, x: Any) -> Any:
    return where(greater(x, 0), g * SELU_SCALE, g * (y + SELU_SCALE * SELU_ALPHA))


@composite(
    vjp=_selu_vjp, promote="float",
    onnx=lambda b, y, x: b.Selu(x, alpha=SELU_ALPHA, gamma=SELU_SCALE),
)  # fmt: skip
def selu(x: Tensor) -> Any:
    """scale * elu(x, alpha) with the constants that keep mean 0 and variance 1."""
    negative = multiply(expm1(minimum(x, 0)), SELU_ALPHA)
    return where(greater(x, 0), x, negative) * SELU_SCALE


# ------------------------------------------------------------------- smooth units


def _gelu_rule(b: Any, y: Any, x: Any) -> Any:
    return b.Gelu(x, approximate="tanh" if y.approximate else "none")


@composite(
    onnx=_gelu_rule, promote="float",
    canonical=lambda x, *, approximate: {"approximate": bool(approximate)},
)  # fmt: skip
def gelu(x: Tensor, approximate: bool = True) -> Any:
    """x * P(N(0, 1) < x), elementwise, exactly or by tanh.

    Source: Hendrycks and Gimpel, arXiv:1606.08415.
    """
    if not approximate:
        return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
    return 0.5 * x * (1.0 + tanh(inner))


@composite()
def silu(x: Tensor) -> Any:
    """x * sigmoid(x), elementwise."""
    return multiply(x, sigmoid(x))


@composite(
    vjp=lambda g, y, x: g * sigmoid(x), onnx="Softplus", promote="float", monotone=True
)
def softplus(x: Tensor) -> Any:
    """log(1 + exp(x)) without overflow, elementwise."""
    return logaddexp(x, 0.0)


@composite(
    vjp=lambda g, y, x: g / square(1.0 + absolute(x)), onnx="Softsign",
    promote="float", monotone=True,
)  # fmt: skip
def softsign(x: Tensor) -> Any:
    """x / (1 + |x|), elementwise."""
    return x / (1.0 + absolute(x))


@composite()
def log_sigmoid(x: Tensor) -> Any:
    """log(sigmoid(x)) without overflow, elementwise."""
    return -softplus(-multiply(x, 1))


@composite()
def mish(x: Tensor) -> Any:
    """x * tanh(softplus(x)), elementwise. Source: Misra, arXiv:1908.08681."""
    return multiply(x, tanh(softplus(x)))


@composite()
def squareplus(x: Tensor, b: float = 4) -> Any:
    """(x + sqrt(x**2 + b)) / 2, elementwise."""
    return add(x, sqrt(add(square(x), float(b)))) * 0.5


# --------------------------------------------------------------- piecewise pieces


@composite(
    vjp=lambda g, y, x: _between(g / 6.0, x, -3, 3), promote="float",
    onnx=lambda b, y, x: b.HardSigmoid(x, alpha=1 / 6, beta=0.5),
)  # fmt: skip
def hard_sigmoid(x: Tensor) -> Any:
    """min(max(x + 3, 0), 6) / 6, elementwise."""
    return minimum(maximum(x + 3.0, 0.0), 6.0) / 6.0


@composite()
def hard_silu(x: Tensor) -> Any:
    """x * hard_sigmoid(x), elementwise."""
    return multiply(x, hard_sigmoid(x))


@composite()
def sparse_sigmoid(x: Tensor) -> Any:
    """0 for x <= -1, 1 for x >= 1, (x + 1) / 2 between, elementwise."""
    return clip(multiply(x, 0.5) + 0.5, 0.0, 1.0)


@composite()
def sparse_plus(x: Tensor) -> Any:
    """0 for x <= -1, x for x >= 1, (x + 1)**2 / 4 between, elementwise."""
    curve = square(multiply(x, 1.0) + 1.0) * 0.25
    return where(less(x, -1), 0.0, where(less(x, 1), curve, x))


@composite()
def tanh_shrink(x: Tensor) -> Any:
    """x - tanh(x), elementwise."""
    return subtract(x, tanh(x))


@composite()
def soft_shrink(x: Tensor, threshold: float = 0.5) -> Any:
    """x moved toward 0 by `threshold`, and 0 within it, elementwise."""
    low = where(less(x, -threshold), subtract(x, -threshold), 0.0)
    return where(greater(x, threshold), subtract(x, threshold), low)


@composite()
def hard_shrink(x: Tensor, threshold: float = 0.5) -> Any:
    """x where |x| > threshold, else 0, elementwise."""
    return where(greater(absolute(x), threshold), x, 0.0)


@composite()
def threshold(x: Tensor, threshold: float, default_value: float) -> Any:
    """x where x > threshold, else `default_value`, elementwise."""
    return where(greater(x, threshold), x, default_value)


@composite()
def glu(x: Tensor, axis: int = -1) -> Any:
    """a * sigmoid(b) for the two halves a, b of x along `axis`.

    Source: Dauphin et al., arXiv:1612.08083.
    """
    sizes = shape_of(x)
    axis = normalize_axis(axis, len(sizes))
    require(sizes[axis] % 2 == 0, f"glu: axis {axis} has the odd size {sizes[axis]}")
    half, step = sizes[axis] // 2, (1,) * len(sizes)
    middle = tuple(half if i == axis else s for i, s in enumerate(sizes))
    start = tuple(half if i == axis else 0 for i in range(len(sizes)))
    first = slice_axes(x, start=(0,) * len(sizes), limit=middle, step=step)
    second = slice_axes(x, start=start, limit=tuple(sizes), step=step)
    return first * sigmoid(second)


# ------------------------------------------------------------------------ softmax


def _axes(x: Any, *, axis: Any) -> dict[str, Any]:
    if isinstance(axis, int):
        return {"axis": normalize_axis(axis, x.rank)}
    return {"axis": normalize_axes(axis, x.rank)}


def _softmax_vjp(g: Any, y: Any, x: Any) -> Any:
    return y * (g - sum(g * y, axis=y.axis, keepdims=True))


def _softmax_rule(b: Any, y: Any, x: Any) -> Any:
    if isinstance(y.axis, int):
        return b.Softmax(x, axis=y.axis)
    axes = b.ints(y.axis)
    e = b.Exp(b.Sub(x, b.ReduceMax(x, axes)))
    return b.Div(e, b.ReduceSum(e, axes))


@composite(vjp=_softmax_vjp, onnx=_softmax_rule, promote="float", canonical=_axes)
def softmax(x: Tensor, axis: Any = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis` (one axis or several).

    Example:
        >>> softmax(np.array([0.0, 0.0], "float32"))
        array([0.5, 0.5], dtype=float32)
    """
    e = exp(x - max(x, axis=axis, keepdims=True))
    return e / sum(e, axis=axis, keepdims=True)


def _log_softmax_vjp(g: Any, y: Any, x: Any) -> Any:
    return g - exp(y) * sum(g, axis=y.axis, keepdims=True)


def _log_softmax_rule(b: Any, y: Any, x: Any) -> Any:
    if isinstance(y.axis, int):
        return b.LogSoftmax(x, axis=y.axis)
    return b.Log(_softmax_rule(b, y, x))


@composite(
    vjp=_log_softmax_vjp, onnx=_log_softmax_rule, promote="float", canonical=_axes
)
def log_softmax(x: Tensor, axis: Any = -1) -> Any:
    """x - log(sum(exp(x))) along `axis` (one axis or several)."""
    shifted = x - max(x, axis=axis, keepdims=True)
    return shifted - log(sum(exp(shifted), axis=axis, keepdims=True))


@composite()
def sparsemax(x: Tensor, axis: int = -1) -> Any:
    """max(x - tau, 0) along `axis`, with tau so that small elements become 0.

    Source: Martins and Astudillo, arXiv:1602.02068. As in Keras, tau is found from
    the sum of the running sums of the elements kept, where algorithm 1 of the paper
    has the last running sum: with more than one kept the result sums to less than 1.
    """
    sizes = shape_of(x)
    axis = normalize_axis(axis, len(sizes))
    falling = flip(sort(x, axis=axis), axis)
    total = cumulative(
        falling, axis=axis, combine="add", reverse=False, exclusive=False
    )
    rank = cast(positions(x, sizes, axis), dtype_of(total)) + 1.0
    inside = greater(falling - (total - 1.0) / rank, 0)
    count = sum(cast(inside, dtype_of(total)), axis=axis, keepdims=True)
    kept = sum(where(inside, total, 0.0), axis=axis, keepdims=True)
    return maximum(subtract(x, (kept - 1.0) / count), 0.0)


# --------------------------------------------------------------- labels, moments


def _classes_last(x: Any, count: Any, axis: int) -> tuple[Any, Any]:
    """Return x with a new axis of size 1 and the class numbers along it."""
    rank = ndim(x) + 1
    axis = normalize_axis(axis, rank)
    line = tuple(count if i == axis else 1 for i in range(rank))
    return expand_dims(x, axis), positions(x, line, axis)


@composite()
def one_hot(
    x: Tensor, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """Return 1 at the class each integer names, else 0, along a new axis.

    An integer outside ``0 .. num_classes - 1`` gives zeros.

    Args:
        x: integers of any shape.
        num_classes: size of the new axis.
        axis: place of the new axis.
        dtype: dtype of the result, the default float if None.

    Example:
        >>> one_hot(np.array([2, 0]), 3)
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    refuse_sparse("one_hot", sparse)
    labels, classes = _classes_last(x, num_classes, axis)
    return cast(equal(cast(labels, "int32"), classes), dtypes.standardize(dtype))


@composite()
def multi_hot(
    inputs: Tensor, num_classes: Any = None, axis: int = -1, dtype: Any = None,
    sparse: bool = False, num_tokens: Any = None,
) -> Any:  # fmt: skip
    """Return 1 at each class that occurs in a row of integers, else 0.

    Example:
        >>> multi_hot(np.array([0, 4]), 5)
        array([1., 0., 0., 0., 1.], dtype=float32)
    """
    count = num_tokens if num_classes is None else num_classes
    if count is None:
        raise ArgumentError(message("multi_hot", "expected num_classes.", "None"))
    encoded = one_hot(inputs, count, axis=axis, dtype=dtype, sparse=sparse)
    return max(encoded, axis=1 if ndim(inputs) > 1 else 0)


def refuse_sparse(who: str, sparse: bool) -> None:
    """Raise ArgumentError for `sparse=True`: tensors here are dense."""
    if sparse:
        raise ArgumentError(
            message(who, "tensors are dense.", "sparse=True", "Leave `sparse` out.")
        )


@composite()
def moments(
    x: Tensor, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> Any:
    """Return (mean, variance) of x over `axes`.

    Half floats are averaged in float32.

    Example:
        >>> moments(np.array([1.0, 3.0], "float32"), axes=0)
        (array(2., dtype=float32), array(1., dtype=float32))
    """
    kind = x.dtype if hasattr(x, "dtype") else None
    half = kind is not None and dtypes.standardize(kind) in ("float16", "bfloat16")
    wide = cast(x, "float32") if half else x
    center = mean(wide, axis=axes, keepdims=True)
    spread = var(wide, axis=axes, keepdims=keepdims)
    if not keepdims:
        center = reshape(center, shape_of(spread))
    if half:
        return cast(center, kind), cast(spread, kind)
    return center, spread


swish = silu
hard_swish = hard_silu
exponential = exp


__getattr__ = elsewhere(__name__)  # `keras.ops.nn` has ops of other families
