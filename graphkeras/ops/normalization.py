"""Normalization over axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphkeras import config, dtypes
from graphkeras.errors import ArgumentError, message
from graphkeras.ir.definers import composite
from graphkeras.ir.types import TensorType, normalize_axes, normalize_axis
from graphkeras.ops.creation import cast, ones, zeros
from graphkeras.ops.math import absolute, divide, maximum, minimum, power, rsqrt, square
from graphkeras.ops.reduce import mean, sum
from graphkeras.ops.shape import ndim, reshape, shape_of

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _wide(x: Any) -> tuple[Any, str]:
    """Return x in at least float32, and its own dtype."""
    given = getattr(x, "dtype", None)
    kind = dtypes.as_float(dtypes.standardize(given) if given is not None else "int32")
    return cast(x, dtypes.result_type(kind, "float32")), kind


# ---------------------------------------------------------------------- by sample


def _trailing(x: TensorType, *others: TensorType, axis: Any, **rest: Any) -> dict:
    return {**rest, "axis": normalize_axes(axis, x.rank)}


def _layer_norm_rule(b: Any, y: Any, x: Any, gamma: Any, beta: Any) -> Any:
    """ONNX normalizes the trailing axes: turn others there and back."""
    rank = y.inputs[0].rank
    order = [i for i in range(rank) if i not in y.axis] + list(y.axis)
    first = rank - len(y.axis)
    straight = order == list(range(rank))
    turned = x if straight else b.Transpose(x, perm=order)
    out = b.LayerNormalization(turned, gamma, beta, axis=first, epsilon=y.epsilon)
    back = [order.index(i) for i in range(rank)]
    return out if straight else b.Transpose(out, perm=back)


def _standardize_vjp(g: Any, y: Any, x: Any, gamma: Any, beta: Any) -> Any:
    """What comes by way of mean and variance is itself two means over `axis`."""
    axis, rest = y.axis, tuple(i for i in range(x.rank) if i not in y.axis)
    center = x - mean(x, axis=axis, keepdims=True)
    inverse = rsqrt(mean(square(center), axis=axis, keepdims=True) + y.epsilon)
    unit = center * inverse
    slope = g * reshape(
        gamma, tuple(s if i in axis else 1 for i, s in enumerate(x.shape))
    )
    level = mean(slope, axis=axis, keepdims=True)
    along = mean(slope * unit, axis=axis, keepdims=True)
    return (
        inverse * (slope - level - unit * along),
        reshape(sum(g * unit, axis=rest), gamma.shape),
        reshape(sum(g, axis=rest), beta.shape),
    )


@composite(
    vjp=_standardize_vjp, onnx=_layer_norm_rule, promote="same", canonical=_trailing
)
def standardize_and_scale(
    x: Tensor, gamma: Tensor, beta: Tensor, *, axis: Any, epsilon: float
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over `axis`."""
    shape = tuple(s if i in axis else 1 for i, s in enumerate(shape_of(x)))
    center = x - mean(x, axis=axis, keepdims=True)
    inverse = rsqrt(mean(square(center), axis=axis, keepdims=True) + epsilon)
    return center * (inverse * reshape(gamma, shape)) + reshape(beta, shape)


@composite()
def layer_normalization(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None,
    axis: Any = -1, epsilon: float | None = None,
) -> Any:  # fmt: skip
    """Return x with mean 0 and variance 1 over `axis`, scaled and moved.

    Half floats are normalized in float32. Source: Ba, Kiros and Hinton,
    arXiv:1607.06450.

    Args:
        x: a tensor.
        gamma: scale, of the sizes of `axis`; 1 if None.
        beta: offset, of the sizes of `axis`; 0 if None.
        axis: one axis or several.
        epsilon: added to the variance; `config.epsilon()` if None.

    Example:
        >>> layer_normalization(np.array([1.0, 3.0]))
        array([-0.99999995,  0.99999995])
    """
    wide, kind = _wide(x)
    axes = normalize_axes(axis, ndim(wide))
    sizes = tuple(shape_of(wide)[a] for a in axes)
    scale = _spread(1, sizes, wide) if gamma is None else reshape(gamma, sizes)
    offset = _spread(0, sizes, wide) if beta is None else reshape(beta, sizes)
    epsilon = config.epsilon() if epsilon is None else float(epsilon)
    return cast(
        standardize_and_scale(wide, scale, offset, axis=axes, epsilon=epsilon), kind
    )


def _spread(number: int, sizes: tuple, like: Any) -> Any:
    kind = dtypes.standardize(like.dtype)
    return (ones if number else zeros)(sizes, kind)


@composite()
def rms_normalization(
    x: Tensor, scale: Tensor | None = None, axis: Any = -1,
    epsilon: float | None = None,
) -> Any:  # fmt: skip
    """Return x / sqrt(mean(x**2) + epsilon) * scale over `axis`.

    Half floats are normalized in float32. Source: Zhang and Sennrich,
    arXiv:1910.07467.
    """
    wide, kind = _wide(x)
    epsilon = config.epsilon() if epsilon is None else epsilon
    out = wide * rsqrt(mean(square(wide), axis=axis, keepdims=True) + epsilon)
    return cast(out if scale is None else out * cast(scale, out.dtype), kind)


# ----------------------------------------------------------------------- by batch


def _one_axis(x: TensorType, *others: TensorType, axis: int, epsilon: float) -> dict:
    return {"axis": normalize_axis(axis, x.rank), "epsilon": float(epsilon)}


def _batch_norm_rule(
    b: Any, y: Any, x: Any, mean: Any, variance: Any, *rest: Any
) -> Any:
    """ONNX has the channels on axis 1."""
    offset, scale = rest
    rank = y.inputs[0].rank
    if rank == 1 or y.axis == 0:
        b.refuse("BatchNormalization needs a batch axis before the channels")
    order = [0, y.axis, *(i for i in range(1, rank) if i != y.axis)]
    straight = order == list(range(rank))
    turned = x if straight else b.Transpose(x, perm=order)
    out = b.BatchNormalization(turned, scale, offset, mean, variance, epsilon=y.epsilon)
    back = [order.index(i) for i in range(rank)]
    return out if straight else b.Transpose(out, perm=back)


def _batch_norm_vjp(
    g: Any, y: Any, x: Any, mean: Any, variance: Any, offset: Any, scale: Any
) -> Any:
    """Sums are over distances from the mean: those over x would cancel."""
    axes = tuple(i for i in range(x.rank) if i != y.axis)
    shape = tuple(-1 if i == y.axis else 1 for i in range(x.rank))
    inverse = rsqrt(variance + y.epsilon)
    factor = inverse * scale
    total = sum(g, axis=axes)
    along = sum(g * (x - reshape(mean, shape)), axis=axes) * inverse
    return (
        g * reshape(factor, shape), -total * factor,
        along * factor * inverse * -0.5, total, along,
    )  # fmt: skip


@composite(
    vjp=_batch_norm_vjp, onnx=_batch_norm_rule, promote="same", canonical=_one_axis
)
def shift_and_scale(
    x: Tensor, mean: Tensor, variance: Tensor, offset: Tensor, scale: Tensor, *,
    axis: int, epsilon: float,
) -> Any:  # fmt: skip
    """(x - mean) / sqrt(variance + epsilon) * scale + offset along `axis`."""
    shape = tuple(-1 if i == axis else 1 for i in range(ndim(x)))
    inverse = rsqrt(variance + epsilon) * scale
    rest = offset - mean * inverse
    return x * reshape(inverse, shape) + reshape(rest, shape)


@composite()
def batch_normalization(
    x: Tensor, mean: Tensor, variance: Tensor, axis: int,
    offset: Tensor | None = None, scale: Tensor | None = None, epsilon: float = 1e-3,
) -> Any:  # fmt: skip
    """Return (x - mean) / sqrt(variance + epsilon) * scale + offset.

    Source: Ioffe and Szegedy, arXiv:1502.03167.

    Args:
        x: a tensor.
        mean: (channels,), the mean along `axis`.
        variance: (channels,), the variance along `axis`.
        axis: the axis of channels.
        offset: (channels,), 0 if None.
        scale: (channels,), 1 if None.
        epsilon: added to the variance.
    """
    kind = dtypes.standardize(mean.dtype) if hasattr(mean, "dtype") else config.floatx()
    sizes = shape_of(mean)
    offset = zeros(sizes, kind) if offset is None else offset
    scale = ones(sizes, kind) if scale is None else scale
    return shift_and_scale(
        x, mean, variance, offset, scale, axis=axis, epsilon=float(epsilon)
    )


# --------------------------------------------------------------------- unit length


@composite()
def normalize(
    x: Tensor, axis: Any = -1, order: int = 2, epsilon: float | None = None
) -> Any:
    """Return x / max(norm(x), epsilon) along `axis`.

    Args:
        x: a tensor.
        axis: one axis or several.
        order: which norm: ``sum(|x|**order) ** (1 / order)``.
        epsilon: lower bound of the norm; `config.epsilon()` if None.

    Example:
        >>> normalize(np.array([3.0, 4.0], "float32"))
        array([0.6, 0.8], dtype=float32)
    """
    if not isinstance(order, int) or order < 1:
        raise ArgumentError(
            message("normalize", "expected an int of at least 1.", f"order={order!r}")
        )
    x = reshape(x, (1,)) if not ndim(x) else x
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        squares = sum(square(x), axis=axis, keepdims=True)
        return x * minimum(rsqrt(squares), 1.0 / epsilon)
    total = sum(power(absolute(x), order), axis=axis, keepdims=True)
    return divide(x, maximum(power(total, 1.0 / order), epsilon))
