"""F-scores and intersection over union."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.metrics.metric import Metric
from graphkeras.variables import Variable


class FBetaScore(Metric):
    """(1 + beta^2) precision recall / (beta^2 precision + recall).

    Args:
        average: over the columns: None (one score each), "micro" (count them all as
            one), "macro" (mean) or "weighted" (mean weighted by frequency).
        beta: how much recall counts against precision.
        threshold: a score above it is positive; None: the largest of a row.
        name: name under which it is reported.
        dtype: dtype of the result.

    Raises:
        ArgumentError: for an unknown average, or numbers out of range.
    """

    _direction = "up"
    _AVERAGES = (None, "micro", "macro", "weighted")

    def __init__(
        self, average: str | None = None, beta: float = 1.0,
        threshold: float | None = None, name: str = "fbeta_score", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        in_range = threshold is None or 0 < threshold <= 1
        if average not in self._AVERAGES or beta <= 0 or not in_range:
            raise ArgumentError(
                message(
                    type(self).__name__, f"average must be one of {self._AVERAGES},"
                    " beta > 0 and 0 < threshold <= 1.",
                    f"average={average!r}, beta={beta}, threshold={threshold}",
                )
            )  # fmt: skip
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, shape: tuple[Any, ...]) -> None:
        if len(shape) != 2 or not isinstance(shape[1], int):
            raise ShapeError(
                message(
                    type(self).__name__, "expected (batch, classes), classes known.",
                    f"y_pred: {list(shape)}",
                )
            )  # fmt: skip
        size = () if self.average == "micro" else (shape[1],)
        for name in (
            "true_positives", "false_positives", "false_negatives",
            "intermediate_weights",
        ):  # fmt: skip
            variable = self.add_variable(size, "zeros", self.dtype, name=name)
            setattr(self, name, variable)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if not self._built:
            self._build(tuple(y_pred.shape))
        chosen = ops.cast(self._positive(y_pred), self.dtype)
        weight: Any = 1.0
        if sample_weight is not None:
            weight = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weight = ops.expand_dims(weight, -1)
        axis = None if self.average == "micro" else 0
        for variable, values in (
            (self.true_positives, chosen * y_true),
            (self.false_positives, chosen * (1.0 - y_true)),
            (self.false_negatives, (1.0 - chosen) * y_true),
            (self.intermediate_weights, y_true),
        ):
            variable.assign_add(ops.sum(values * weight, axis=axis))

    def _positive(self, y_pred: Any) -> Any:
        if self.threshold is not None:
            return y_pred > self.threshold
        largest = ops.max(y_pred, axis=-1, keepdims=True)
        return ops.logical_and(y_pred >= largest, ops.absolute(y_pred) > 1e-9)

    def result(self) -> Any:
        """Return the score so far."""
        small, square = config.epsilon(), self.beta**2
        right = self.true_positives.value
        precision = right / (right + self.false_positives + small)
        recall = right / (right + self.false_negatives + small)
        score = precision * recall / (square * precision + recall + small)
        score = score * (1.0 + square)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return ops.sum(score * (weights / (ops.sum(weights) + small)))
        return score if self.average is None else ops.mean(score)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(), "average": self.average, "beta": self.beta,
            "threshold": self.threshold,
        }  # fmt: skip

    true_positives: Variable
    false_positives: Variable
    false_negatives: Variable
    intermediate_weights: Variable


class F1Score(FBetaScore):
    """2 precision recall / (precision + recall).

    Example:
        >>> metric = F1Score(threshold=0.5)
        >>> metric.update_state([[1.0, 1.0], [1.0, 0.0]], [[0.9, 0.2], [0.6, 0.8]])
        >>> metric.result().numpy().round(3)
        array([1., 0.], dtype=float32)
    """

    def __init__(
        self, average: str | None = None, threshold: float | None = None,
        name: str = "f1_score", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        found = super().get_config()
        del found["beta"]
        return found


class IoU(Metric):
    """tp / (tp + fp + fn) of chosen classes, averaged.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes to average over.
        name: name under which it is reported.
        dtype: dtype of the counts, int32 by default.
        ignore_class: a label whose elements do not count.
        sparse_y_true: whether targets are integers (else one-hot).
        sparse_y_pred: whether predictions are integers (else scores).
        axis: the axis of the classes.

    Raises:
        ArgumentError: for a target class that does not exist.

    Example:
        >>> metric = IoU(num_classes=2, target_class_ids=[0])
        >>> metric.update_state([0, 0, 1, 1], [0, 1, 0, 1])
        >>> round(float(metric.result()), 4)
        0.3333
    """

    _direction = "up"

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int],
        name: str | None = None, dtype: Any = None, ignore_class: int | None = None,
        sparse_y_true: bool = True, sparse_y_pred: bool = True, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype or "int32")
        if max(target_class_ids) >= num_classes:
            raise ArgumentError(
                message(
                    type(self).__name__, f"there are {num_classes} classes.",
                    f"target class {max(target_class_ids)}",
                )
            )  # fmt: skip
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", self.dtype,
            name="total_confusion_matrix",
        )  # fmt: skip

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred)
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        y_true, y_pred = (
            ops.reshape(ops.cast(y, "int32"), (-1,)) for y in (y_true, y_pred)
        )
        weight = ops.cast(self._inside(y_true, y_pred), self.dtype)
        if sample_weight is not None:
            given = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weight = weight * (ops.reshape(given, (-1,)) if given.ndim > 1 else given)
        place = ops.where(weight > 0, y_true * self.num_classes + y_pred, 0)
        counts = ops.segment_sum(weight, place, num_segments=self.num_classes**2)
        self.total_cm.assign_add(ops.reshape(counts, self.total_cm.shape))

    def _inside(self, y_true: Any, y_pred: Any) -> Any:
        inside = y_true >= 0
        for other in (
            y_true < self.num_classes, y_pred >= 0, y_pred < self.num_classes,
        ):  # fmt: skip
            inside = ops.logical_and(inside, other)
        if self.ignore_class is None:
            return inside
        return ops.logical_and(inside, ops.not_equal(y_true, self.ignore_class))

    def result(self) -> Any:
        """Return the mean over the target classes that occur."""
        counts = ops.cast(self.total_cm.value, config.floatx())
        diagonal = np.eye(self.num_classes, dtype=bool)
        right = ops.sum(ops.where(diagonal, counts, 0.0), axis=0)
        union = ops.sum(counts, axis=0) + ops.sum(counts, axis=1) - right
        right, union = (
            ops.take(part, self.target_class_ids, axis=0) for part in (right, union)
        )
        occurs = ops.cast(union > 1e-9, config.floatx())
        ratio = right / (union + config.epsilon()) * occurs
        return ops.sum(ratio) / (ops.sum(occurs) + config.epsilon())

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(), "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class, "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred, "axis": self.axis,
        }  # fmt: skip


class MeanIoU(IoU):
    """tp / (tp + fp + fn), the mean over all classes."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: Any = None,
        ignore_class: int | None = None, sparse_y_true: bool = True,
        sparse_y_pred: bool = True, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true,
            sparse_y_pred, axis,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        found = super().get_config()
        del found["target_class_ids"]
        return found


class BinaryIoU(IoU):
    """`IoU` of two classes told apart by a threshold on one score."""

    def __init__(
        self, target_class_ids: Sequence[int] = (0, 1), threshold: float = 0.5,
        name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        above = ops.convert_to_tensor(y_pred) >= self.threshold
        super().update_state(y_true, ops.cast(above, "int32"), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **Metric.get_config(self), "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
        }  # fmt: skip


class OneHotIoU(IoU):
    """`IoU` of one-hot targets and scores."""

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int],
        name: str | None = None, dtype: Any = None, ignore_class: int | None = None,
        sparse_y_pred: bool = False, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False,
            sparse_y_pred, axis,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        found = super().get_config()
        del found["sparse_y_true"]
        return found


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot targets and scores."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: Any = None,
        ignore_class: int | None = None, sparse_y_pred: bool = False, axis: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        found = super().get_config()
        del found["sparse_y_true"]
        return found
