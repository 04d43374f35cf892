"""Cross-entropies, from probabilities as Keras computes them and from logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphkeras import config, dtypes
from graphkeras.errors import ShapeError, message
from graphkeras.ir.definers import composite
from graphkeras.ir.tensor import Tensor as TracedTensor
from graphkeras.ir.trace import current_trace
from graphkeras.ir.types import TensorType, normalize_axis
from graphkeras.ir.value import Value
from graphkeras.ops.compare import equal, greater_equal, less, logical_and, where
from graphkeras.ops.creation import cast, positions
from graphkeras.ops.math import absolute, clip, log, maximum, multiply, sigmoid
from graphkeras.ops.nn import log_softmax, softmax, softplus
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import expand_dims, ndim, shape_of, squeeze

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _same_shape(who: str, target: Any, output: Any) -> None:
    if shape_of(target) != shape_of(output):
        raise ShapeError(
            message(
                who, "expected target and output of one shape.",
                f"target: {list(shape_of(target))}, output: {list(shape_of(output))}",
                "Reshape the target, or use the sparse loss for integer labels.",
            )
        )  # fmt: skip


def _probabilities(output: Any) -> Any:
    """Kept away from 0 and 1, so that logarithms are finite."""
    small = config.epsilon()
    return clip(output, small, 1.0 - small)


def _logits_behind(output: Any, op: str, **attrs: Any) -> Any:
    """Return the operand of the softmax or sigmoid that gave `output`, or None.

    A loss from logits is finite and exact where one from probabilities is clipped, and
    its gradient is their difference from the target. Keras on TensorFlow looks behind
    the activation likewise.
    """
    value = output.value if isinstance(output, TracedTensor) else output
    if not isinstance(value, Value):
        return None
    while value.op.name == "cast" and value.dtype == value.inputs[0].dtype:
        value = value.inputs[0]
    if value.op.name != op or any(getattr(value, k) != v for k, v in attrs.items()):
        return None
    logits, trace = value.inputs[0], current_trace()
    if isinstance(output, Value):
        return logits
    if trace is None or (trace.eager and logits not in trace.known):
        return None
    return trace.tensor(logits, trace.known.get(logits))


# ------------------------------------------------------------------------- binary


def _sigmoid_vjp(g: Any, y: Any, target: Any, logits: Any) -> Any:
    return -g * logits, g * (sigmoid(logits) - target)


@composite(vjp=_sigmoid_vjp, promote="float")
def sigmoid_crossentropy(target: Tensor, logits: Tensor) -> Any:
    """-target * log(p) - (1 - target) * log(1 - p) for p = sigmoid(logits)."""
    return maximum(logits, 0.0) - logits * target + softplus(-absolute(logits))


@composite()
def binary_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False
) -> Any:
    """Return the cross-entropy of each pair of a 0/1 target and a prediction.

    Args:
        target: 0 or 1, or probabilities.
        output: probabilities, or logits; of the target's shape.
        from_logits: whether `output` holds logits.

    Returns:
        A tensor of the shape of `output`.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> binary_crossentropy(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
        array([0.69314718, 0.69314718])
    """
    _same_shape("binary_crossentropy", target, output)
    logits = output if from_logits else _logits_behind(output, "sigmoid")
    if logits is not None:
        return sigmoid_crossentropy(target, logits)
    p = _probabilities(output)
    return -(multiply(target, log(p)) + (1 - target) * log(1 - p))


# -------------------------------------------------------------------- categorical


def _axis(target: TensorType, logits: TensorType, *, axis: int) -> dict[str, Any]:
    return {"axis": normalize_axis(axis, logits.rank)}


def _softmax_vjp(g: Any, y: Any, target: Any, logits: Any) -> Any:
    """softmax * sum(target) - target; for probabilities the sum is 1."""
    g = expand_dims(g, y.axis)
    total = sum(target, axis=y.axis, keepdims=True)
    slope = softmax(logits, axis=y.axis) * total - target
    return -g * log_softmax(logits, axis=y.axis), g * slope


@composite(vjp=_softmax_vjp, promote="float", canonical=_axis)
def softmax_crossentropy(target: Tensor, logits: Tensor, *, axis: int) -> Any:
    """-sum(target * log(softmax(logits))) along `axis`."""
    return -sum(target * log_softmax(logits, axis=axis), axis=axis)


@composite()
def categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return the cross-entropy of one-hot (or any) distributions and predictions.

    Args:
        target: probabilities along `axis`.
        output: probabilities (scaled to sum to 1), or logits; of the target's shape.
        from_logits: whether `output` holds logits.
        axis: the axis of classes.

    Returns:
        A tensor of the shape of `output` without `axis`.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> categorical_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))
        array([0.69314718])
    """
    _same_shape("categorical_crossentropy", target, output)
    axis = normalize_axis(axis, ndim(output))
    logits = output if from_logits else _logits_behind(output, "softmax", axis=axis)
    if logits is not None:
        return softmax_crossentropy(target, logits, axis=axis)
    p = _probabilities(output / sum(output, axis=axis, keepdims=True))
    return -sum(multiply(target, log(p)), axis=axis)


# ------------------------------------------------------------------------- sparse


def _is_class(target: Any, output: Any, axis: int) -> Any:
    """Whether each class along `axis` is the one the target names."""
    sizes = shape_of(output)
    axis = normalize_axis(axis, len(sizes))
    line = tuple(s if i == axis else 1 for i, s in enumerate(sizes))
    return equal(expand_dims(target, axis), positions(output, line, axis))


def _sparse_promotion(kinds: Any) -> list[str]:
    return ["int32", dtypes.as_float(dtypes.resolve(kinds[1]))]


def _sparse_vjp(g: Any, y: Any, target: Any, logits: Any) -> Any:
    """softmax - one_hot; a label that is no class costs nothing, so nothing moves."""
    chosen = _is_class(target, logits, y.axis)
    known = logical_and(greater_equal(target, 0), less(target, logits.shape[y.axis]))
    p = softmax(logits, axis=y.axis)
    slope = where(chosen, p - 1.0, p)
    return None, expand_dims(where(known, g, 0), y.axis) * slope


@composite(vjp=_sparse_vjp, promote=_sparse_promotion, canonical=_axis)
def sparse_softmax_crossentropy(target: Tensor, logits: Tensor, *, axis: int) -> Any:
    """-log(softmax(logits)) of the class each integer target names, along `axis`."""
    chosen = _is_class(target, logits, axis)
    return -sum(where(chosen, log_softmax(logits, axis=axis), 0.0), axis=axis)


@composite()
def sparse_categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return the cross-entropy of integer labels and predictions.

    A label outside ``0 .. classes - 1`` gives 0.

    Args:
        target: class numbers; an axis of size 1 at the end is dropped.
        output: probabilities (scaled to sum to 1), or logits.
        from_logits: whether `output` holds logits.
        axis: the axis of classes in `output`.

    Returns:
        A tensor of the shape of `output` without `axis`.

    Raises:
        ShapeError: if the other sizes differ.

    Example:
        >>> sparse_categorical_crossentropy(np.array([1]), np.array([[0.5, 0.5]]))
        array([0.69314718])
    """
    target = _labels(target, output, axis)
    axis = normalize_axis(axis, ndim(output))
    logits = output if from_logits else _logits_behind(output, "softmax", axis=axis)
    if logits is not None:
        return sparse_softmax_crossentropy(target, logits, axis=axis)
    p = _probabilities(output / sum(output, axis=axis, keepdims=True))
    return -sum(where(_is_class(target, p, axis), log(p), 0.0), axis=axis)


def _labels(target: Any, output: Any, axis: int) -> Any:
    """Integer labels of the shape of `output` without `axis`."""
    sizes = shape_of(output)
    if ndim(target) == len(sizes) and shape_of(target)[-1] == 1:
        target = squeeze(target, -1)
    axis = normalize_axis(axis, len(sizes))
    expected = sizes[:axis] + sizes[axis + 1 :]
    if shape_of(target) != expected:
        raise ShapeError(
            message(
                "sparse_categorical_crossentropy",
                f"expected target of shape {list(expected)}.",
                f"target: {list(shape_of(target))}, output: {list(sizes)}",
                "For one-hot targets use categorical_crossentropy.",
            )
        )  # fmt: skip
    return cast(target, "int32")
