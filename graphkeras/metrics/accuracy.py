"""How often predictions are right."""

from __future__ import annotations

from typing import Any

from graphkeras import config, ops
from graphkeras.losses.loss import squeeze_or_expand_to_same_rank
from graphkeras.metrics.metric import NamedMean


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where y_true == y_pred, else 0."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    return _as_float(ops.equal(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where y_true == (y_pred > threshold), else 0.

    Example:
        >>> binary_accuracy([1.0, 0.0], [0.6, 0.7]).numpy()
        array([1., 0.], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    return _as_float(ops.equal(y_true, ops.cast(y_pred > threshold, y_true.dtype)))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_true and of y_pred are at the same place, else 0."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    return _as_float(
        ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
    )


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred is at index y_true, else 0.

    Example:
        >>> sparse_categorical_accuracy([1, 1], [[0.1, 0.9], [0.8, 0.2]]).numpy()
        array([1., 0.], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = _labels(y_true, y_pred)
    return _as_float(ops.equal(labels, ops.argmax(y_pred, axis=-1)))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the largest of y_true is among the k largest of y_pred, else 0."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    return _in_top(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """1 where index y_true is among the k largest of y_pred, else 0.

    Args:
        y_true: (batch, ...) integer labels.
        y_pred: (batch, ..., classes) scores, or ids sorted by score.
        k: how many may be looked at.
        from_sorted_ids: whether `y_pred` holds ids, the best first.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = _labels(y_true, y_pred)
    if not from_sorted_ids:
        return _in_top(labels, y_pred, k)
    hits = ops.equal(ops.expand_dims(labels, -1), y_pred[..., :k])
    return _as_float(ops.any(hits, axis=-1))


def _labels(y_true: Any, y_pred: Any) -> Any:
    """Integer labels, without a last axis of size 1 that predictions lack."""
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    return ops.cast(y_true, "int32")


def _in_top(labels: Any, y_pred: Any, k: int) -> Any:
    labels = ops.cast(labels, "int32")
    classes, shape = y_pred.shape[-1], tuple(labels.shape)
    flat = ops.in_top_k(
        ops.reshape(labels, (-1,)), ops.reshape(y_pred, (-1, classes)), k=k
    )
    return ops.reshape(_as_float(flat), shape)


def _as_float(matches: Any) -> Any:
    return ops.cast(matches, config.floatx())


class Accuracy(NamedMean):
    """How often targets and predictions are equal.

    Example:
        >>> metric = Accuracy()
        >>> metric.update_state([1, 2, 3, 4], [0, 2, 3, 4])
        >>> float(metric.result())
        0.75
    """

    _direction = "up"

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(NamedMean):
    """How often predictions are on the right side of a threshold."""

    _direction = "up"

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(NamedMean):
    """How often the largest score is at the one of a one-hot target."""

    _direction = "up"

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(NamedMean):
    """How often the largest score is at the integer label.

    Example:
        >>> metric = SparseCategoricalAccuracy()
        >>> metric.update_state([[2], [1]], [[0.1, 0.6, 0.3], [0.05, 0.95, 0.0]])
        >>> float(metric.result())
        0.5
    """

    _direction = "up"

    def __init__(
        self, name: str = "sparse_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(NamedMean):
    """How often a one-hot target is among the k largest scores."""

    _direction = "up"

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(NamedMean):
    """How often an integer label is among the k largest scores."""

    _direction = "up"

    def __init__(
        self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None, from_sorted_ids: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k,
            from_sorted_ids=from_sorted_ids,
        )  # fmt: skip
