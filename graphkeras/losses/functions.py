"""Losses as functions: one value a sample, the last axis folded away."""

from __future__ import annotations

from typing import Any

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.losses.labels import note_labels
from graphkeras.losses.loss import squeeze_or_expand_to_same_rank


def _pair(y_true: Any, y_pred: Any, align: bool = True) -> tuple[Any, Any]:
    """Return both as tensors of the predictions' dtype (and rank, if they align)."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    if align:
        return squeeze_or_expand_to_same_rank(y_true, y_pred)
    return y_true, y_pred


# ---------------------------------------------------------------------- regression


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred)^2) over the last axis.

    Example:
        >>> mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]]).numpy()
        array([2.5], dtype=float32)
    """
    y_true, y_pred = _pair(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|) over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 mean(|y_true - y_pred| / |y_true|) over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred)
    scale = ops.maximum(ops.absolute(y_true), config.epsilon())
    return 100.0 * ops.mean(ops.absolute((y_true - y_pred) / scale), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred)
    small = config.epsilon()
    first = ops.log(ops.maximum(y_pred, small) + 1.0)
    second = ops.log(ops.maximum(y_true, small) + 1.0)
    return ops.mean(ops.square(first - second), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """mean of e^2 / 2 where |e| <= delta, else of delta |e| - delta^2 / 2."""
    y_true, y_pred = _pair(y_true, y_pred)
    error = y_pred - y_true
    size = ops.absolute(error)
    far = delta * size - 0.5 * delta * delta
    return ops.mean(ops.where(size <= delta, 0.5 * ops.square(error), far), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """mean(log(cosh(y_pred - y_true))) over the last axis, without overflow."""
    y_true, y_pred = _pair(y_true, y_pred)
    x = y_pred - y_true
    return ops.mean(x + ops.softplus(x * -2.0) - 0.6931471805599453, axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """-(y_true . y_pred) of the vectors of length 1 along `axis`: -1 is best."""
    return -cosine_of_angle(y_true, y_pred, axis)


def cosine_of_angle(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between the vectors along `axis`: 1 is best."""
    y_true, y_pred = _pair(y_true, y_pred)
    return ops.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis=axis)


def _unit(x: Any, axis: int) -> Any:
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x / ops.maximum(ops.sqrt(square), config.epsilon())


def poisson(y_true: Any, y_pred: Any) -> Any:
    """mean(y_pred - y_true log(y_pred)) over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum(y_true log(y_true / y_pred)) over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    y_true = ops.clip(y_true, config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


# --------------------------------------------------------------------------- hinge


def _signs(y_true: Any) -> Any:
    """Labels 0 and 1 become -1 and 1, but only if there are no others."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true y_pred, 0)) over the last axis; labels are -1 or 1."""
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    return ops.mean(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true y_pred, 0)^2) over the last axis; labels are -1 or 1."""
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    margin = ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0)
    return ops.mean(ops.square(margin), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(1 + best wrong score - right score, 0); y_true is one-hot."""
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


# ------------------------------------------------------------------- cross-entropy


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(y_true log(y_pred)) over `axis`; y_true is one-hot or probabilities.

    Args:
        y_true: (batch, ..., classes).
        y_pred: probabilities of that shape, or logits.
        from_logits: whether `y_pred` is logits.
        label_smoothing: part of the certainty spread evenly over the classes.
        axis: the axis of the classes.

    Raises:
        ArgumentError: if the shapes differ.
    """
    y_true, y_pred = _classes(y_true, y_pred, label_smoothing, "categorical", axis)
    return ops.categorical_crossentropy(
        y_true, y_pred, from_logits=from_logits, axis=axis
    )


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """-sum(alpha (1 - y_pred)^gamma y_true log(y_pred)) over `axis`.

    Source: Lin et al., Focal Loss for Dense Object Detection (2017).
    """
    y_true, y_pred = _classes(y_true, y_pred, label_smoothing, "focal", axis)
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    output = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    output = ops.clip(output, config.epsilon(), 1.0 - config.epsilon())
    focus = ops.power(1.0 - output, gamma) * alpha
    return ops.sum(focus * (-y_true * ops.log(output)), axis=axis)


def _classes(
    y_true: Any, y_pred: Any, smoothing: float, kind: str, axis: int
) -> tuple[Any, Any]:
    """Return targets (smoothed) and predictions over classes, of one shape."""
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    if len(y_true.shape) != len(y_pred.shape) or (
        y_true.shape[axis] != y_pred.shape[axis]
    ):
        raise ArgumentError(
            message(
                f"{kind} crossentropy", "targets must have one column a class.",
                f"y_true: {list(y_true.shape)}, y_pred: {list(y_pred.shape)}",
                "For integer labels use sparse_categorical_crossentropy; or make them"
                " one-hot with keras.utils.to_categorical.",
            )
        )  # fmt: skip
    if smoothing:
        y_true = y_true * (1.0 - smoothing) + smoothing / y_true.shape[-1]
    return y_true, y_pred


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """-log(y_pred[y_true]): cross-entropy with integer labels.

    Args:
        y_true: (batch, ...) integers from 0 to classes - 1.
        y_pred: (batch, ..., classes) probabilities, or logits.
        from_logits: whether `y_pred` is logits.
        ignore_class: a label whose samples cost nothing.
        axis: the axis of the classes.

    Raises:
        ArgumentError: if the shapes do not fit.
        DataError: if a label is out of range.

    Example:
        >>> sparse_categorical_crossentropy([1], [[0.25, 0.75]]).numpy().round(4)
        array([0.2877], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
    _require_sparse(y_true, y_pred, axis)
    note_labels(y_true, y_pred.shape[axis], ignore_class)
    if ignore_class is None:
        return _sparse(y_true, y_pred, from_logits, axis)
    valid = ops.not_equal(y_true, ops.cast(ignore_class, y_true.dtype))
    y_true = ops.where(valid, y_true, 0)
    y_pred = ops.where(ops.expand_dims(valid, axis), y_pred, 0.0)
    values = ops.where(valid, _sparse(y_true, y_pred, from_logits, axis), 0.0)
    values._keras_mask = valid
    return values


def _sparse(y_true: Any, y_pred: Any, from_logits: bool, axis: int) -> Any:
    return ops.sparse_categorical_crossentropy(
        ops.cast(y_true, "int32"), y_pred, from_logits=from_logits, axis=axis
    )


def _require_sparse(y_true: Any, y_pred: Any, axis: int) -> None:
    rest = list(y_pred.shape)
    del rest[axis]
    if rest != list(y_true.shape):
        raise ArgumentError(
            message(
                "sparse_categorical_crossentropy",
                "expected one integer label where y_pred has a row of classes.",
                f"y_true: {list(y_true.shape)}, y_pred: {list(y_pred.shape)}",
                "For one-hot targets use categorical_crossentropy.",
            )
        )  # fmt: skip


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """mean(-y_true log(y_pred) - (1 - y_true) log(1 - y_pred)) over `axis`.

    Args:
        y_true: 0 or 1 (or probabilities), of the shape of `y_pred`.
        y_pred: probabilities, or logits.
        from_logits: whether `y_pred` is logits.
        label_smoothing: how far labels are moved towards 1/2.
        axis: the axis folded away.
    """
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    y_true = _towards_half(y_true, label_smoothing)
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    return ops.mean(values, axis=axis)


def _towards_half(y_true: Any, smoothing: float) -> Any:
    if not smoothing:
        return y_true
    return y_true * (1.0 - smoothing) + 0.5 * smoothing


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Mean over `axis` of (1 - p)^gamma times cross-entropy, p of the true class.

    Source: Lin et al., Focal Loss for Dense Object Detection (2017).
    """
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    y_true = _towards_half(y_true, label_smoothing)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    entropy = ops.binary_crossentropy(y_true, y_pred, from_logits=False)
    p_true = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = ops.power(1.0 - p_true, gamma) * entropy
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """(1 - p^q) / q, p the probability of the label; robust to wrong labels.

    Source: Zhang and Sabuncu, Generalized Cross Entropy Loss (2018).
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = ops.cast(y_true, "int32")
    chosen = ops.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype)
    return (1.0 - ops.power(ops.sum(y_pred * chosen, axis=-1), q)) / q


# ------------------------------------------------------------------------- overlap


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 |both| / (|y_true| + |y_pred|) over `axis` (everything by default)."""
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    both = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * both / (total + config.epsilon())


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """1 - |both| / (|both| + alpha |only y_true| + beta |only y_pred|) over `axis`.

    Source: Salehi et al., Tversky loss function for image segmentation (2017).
    """
    y_true, y_pred = _pair(y_true, y_pred, align=False)
    both = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum((1.0 - y_pred) * y_true, axis=axis)
    extra = ops.sum(y_pred * (1.0 - y_true), axis=axis)
    total = both + missed * alpha + extra * beta + config.epsilon()
    return 1.0 - both / total


# ------------------------------------------------------------ rows and embeddings


def ctc(y_true: Any, y_pred: Any) -> Any:
    """-log of the chance that logits (batch, steps, classes) are read as the labels.

    Labels (batch, labels) are numbered from 1; 0 is blank. Source: Graves et al.,
    Connectionist temporal classification (2006).
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, "int32")
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ShapeError(
            message(
                "ctc", "expected labels of rank 2 and logits of rank 3.",
                f"shapes {list(y_true.shape)} and {list(y_pred.shape)}",
            )
        )  # fmt: skip
    batch, steps = y_pred.shape[:2]
    said = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    return ops.ctc_loss(y_true, y_pred, said, ops.full((batch,), steps, "int32"))


_NOTHING = -1e30  # in the place of minus infinity, whose gradient is none


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """How much nearer others are than one's own, of embeddings (batch, size) of norm 1.

    Source: Sun et al., arXiv:2002.10857.

    Args:
        y_true: (batch,) integer labels.
        y_pred: embeddings of norm 1.
        ref_labels, ref_embeddings: those to compare with; the batch itself by default.
        remove_diagonal: whether a sample is not compared with itself.
        gamma: scale.
        margin: how far apart the two shall be.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    others = y_pred if ref_embeddings is None else ops.convert_to_tensor(ref_embeddings)
    labels = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
    known = labels if ref_labels is None else ops.cast(ref_labels, "int32")
    same = ops.equal(labels, ops.reshape(known, (1, -1)))
    other = ops.logical_not(same)
    if remove_diagonal:
        itself = ops.eye(y_pred.shape[0], others.shape[0], dtype="bool")
        same = ops.logical_and(same, ops.logical_not(itself))
    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(others)), 0.0)
    pull = ops.maximum(margin + distance, 0.0) * (margin - distance) * -gamma
    push = ops.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance) * gamma
    total = [
        ops.logsumexp(ops.where(chosen, weighted, _NOTHING), axis=1)
        for chosen, weighted in ((same, pull), (other, push))
    ]
    values = ops.softplus(total[0] + total[1])
    values._keras_mask = ops.greater(values, 0)
    return values
