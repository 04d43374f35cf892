"""Metrics made of true and false positives and negatives, at one or more thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir import dims
from graphkeras.losses.loss import squeeze_or_expand_to_same_rank
from graphkeras.metrics.metric import Metric
from graphkeras.variables import Variable

_LOWEST = -1e10  # below any score: with top_k every score that is left counts
_NAMES = {
    "tp": "true_positives", "fp": "false_positives",
    "tn": "true_negatives", "fn": "false_negatives",
}  # fmt: skip


def as_thresholds(thresholds: Any, default: float = 0.5) -> list[float]:
    """Return thresholds as a list of numbers from 0 to 1.

    Raises:
        ArgumentError: if one is outside.
    """
    if thresholds is None:
        return [default]
    listed = list(thresholds) if np.ndim(thresholds) else [thresholds]
    if any(t is None or not 0 <= t <= 1 for t in listed):
        raise ArgumentError(
            message("thresholds", "must be from 0 to 1.", f"thresholds={thresholds}")
        )
    return [float(t) for t in listed]


def evenly_spaced(thresholds: Sequence[float]) -> bool:
    """Return whether thresholds are 0, 1/n, 2/n ... 1, so that a division finds one."""
    if len(thresholds) < 3:
        return False
    even = np.arange(len(thresholds), dtype=np.float32) / (len(thresholds) - 1)
    return bool(np.allclose(thresholds, even, atol=config.epsilon()))


def add_counts(
    counts: Mapping[str, Variable],
    y_true: Any,
    y_pred: Any,
    thresholds: Sequence[float],
    *,
    sample_weight: Any = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: Any = None,
) -> None:
    """Add what a batch holds of each kind to the variables.

    Args:
        counts: variables by kind ("tp", "fp", "tn", "fn"), of shape (thresholds,) or
            (thresholds, labels).
        y_true: labels, 0 or not.
        y_pred: scores of their shape.
        thresholds: a score above one is a positive.
        sample_weight: weights that stretch over the scores.
        top_k: count only the k largest scores of a row.
        class_id: look at this column only.
        multi_label: keep the columns apart.
        label_weights: one weight a column.
    """
    dtype = next(iter(counts.values())).dtype
    y_true, y_pred, weight = _prepared(
        y_true, y_pred, sample_weight, dtype, top_k, class_id
    )
    if label_weights is not None:
        weight = weight * ops.expand_dims(ops.cast(label_weights, dtype), 0)
    weight = ops.broadcast_to(weight, tuple(y_pred.shape))
    if not multi_label:
        y_true, y_pred, weight = (
            ops.reshape(t, (-1, 1)) for t in (y_true, y_pred, weight)
        )
    positive = ops.cast(ops.not_equal(y_true, 0), dtype)
    true, false = positive * weight, (1.0 - positive) * weight
    count = _by_bucket if evenly_spaced(thresholds) else _by_comparison
    tp, fp = count(y_pred, thresholds, true), count(y_pred, thresholds, false)
    found = {"tp": tp, "fp": fp}
    if "fn" in counts:
        found["fn"] = ops.sum(true, axis=0, keepdims=True) - tp
    if "tn" in counts:
        found["tn"] = ops.sum(false, axis=0, keepdims=True) - fp
    for kind, variable in counts.items():
        variable.assign_add(ops.reshape(found[kind], variable.shape))


def _prepared(
    y_true: Any, y_pred: Any, sample_weight: Any, dtype: str, top_k: Any, class_id: Any
) -> tuple[Any, Any, Any]:
    """Return labels, scores and weights (1 without any) of ranks that fit."""
    y_true = ops.cast(ops.convert_to_tensor(y_true), dtype)
    y_pred = ops.cast(ops.convert_to_tensor(y_pred), dtype)
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    weight = ops.ones_like(y_pred[..., :1] if y_pred.ndim > 1 else y_pred)
    if sample_weight is not None:
        given = ops.cast(ops.convert_to_tensor(sample_weight), dtype)
        given = ops.expand_dims(given, -1)
        _, weight = squeeze_or_expand_to_same_rank(y_true, given, expand_rank_1=False)
    if top_k is not None:
        y_pred = _only_top(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = _column(y_true, class_id), _column(y_pred, class_id)
    return y_true, y_pred, weight


def _column(x: Any, class_id: int) -> Any:
    if x.ndim < 2:
        raise ShapeError(
            message(
                "class_id", "expected scores of shape (batch, ..., classes).",
                f"{list(x.shape)}", "Leave class_id out.",
            )
        )  # fmt: skip
    return x[..., class_id : class_id + 1]


def _only_top(x: Any, k: int) -> Any:
    """Scores that are not among the k largest of their row become the lowest."""
    _, places = ops.top_k(x, k)
    chosen = ops.sum(ops.one_hot(places, x.shape[-1], dtype=x.dtype), axis=-2)
    return x * chosen + _LOWEST * (1.0 - chosen)


def _by_bucket(y_pred: Any, thresholds: Sequence[float], weight: Any) -> Any:
    """Weights of scores above each threshold, (thresholds, columns).

    Each score goes into one bucket, and the sums run from the right: O(n + thresholds)
    instead of O(n thresholds).
    """
    count, (rows, columns) = len(thresholds), tuple(y_pred.shape)
    scaled = ops.clip(y_pred, 0.0, 1.0) * float(count - 1)
    bucket = ops.ceil(scaled) - 1.0
    if thresholds[0] < 0.0 or thresholds[-1] > 1.0:
        bucket = ops.maximum(bucket, 0.0)  # a score of 0 is above the first
        weight_in = weight
    else:
        weight_in = ops.where(bucket >= 0.0, weight, 0.0)
        bucket = ops.maximum(bucket, 0.0)
    column = ops.arange(columns, dtype="int32")
    place = ops.cast(bucket, "int32") * columns + ops.expand_dims(column, 0)
    total = dims.product((rows, columns))
    sums = ops.segment_sum(
        ops.reshape(weight_in, (total,)), ops.reshape(place, (total,)),
        num_segments=count * columns,
    )  # fmt: skip
    table = ops.reshape(sums, (count, columns))
    return ops.flip(ops.cumsum(ops.flip(table, axis=0), axis=0), axis=0)


def _by_comparison(y_pred: Any, thresholds: Sequence[float], weight: Any) -> Any:
    """Weights of scores above each threshold, (thresholds, columns)."""
    limits = np.asarray(thresholds, np.float32).reshape(-1, 1, 1)
    above = ops.expand_dims(y_pred, 0) > limits
    return ops.sum(ops.where(above, ops.expand_dims(weight, 0), 0.0), axis=1)


class _Counting(Metric):
    """A metric that keeps some of the four counts at thresholds."""

    _KINDS: tuple[str, ...] = ()

    def _make_counts(self, shape: tuple[int, ...]) -> None:
        for kind in self._KINDS:
            name = _NAMES[kind]
            setattr(self, name, self.add_variable(shape, "zeros", name=name))

    @property
    def _counts(self) -> dict[str, Variable]:
        return {kind: getattr(self, _NAMES[kind]) for kind in self._KINDS}


class _OneCount(_Counting):
    """How many (weighted) of one kind there are."""

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = as_thresholds(thresholds)
        shape = (len(self.thresholds),)
        self.accumulator = self.add_variable(shape, "zeros", name="accumulator")

    @property
    def _counts(self) -> dict[str, Variable]:
        return {self._KINDS[0]: self.accumulator}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        add_counts(
            self._counts, y_true, y_pred, self.thresholds, sample_weight=sample_weight
        )

    def result(self) -> Any:
        """Return the count: a number, or one a threshold."""
        found = self.accumulator.value
        return found[0] if len(self.thresholds) == 1 else found

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_OneCount):
    """How many are labelled 1 and score above the threshold."""

    _KINDS = ("tp",)


class FalsePositives(_OneCount):
    """How many are labelled 0 and score above the threshold."""

    _KINDS = ("fp",)


class TrueNegatives(_OneCount):
    """How many are labelled 0 and score at most the threshold."""

    _KINDS = ("tn",)


class FalseNegatives(_OneCount):
    """How many are labelled 1 and score at most the threshold."""

    _KINDS = ("fn",)


class _Ratio(_Counting):
    """True positives divided by what one wishes were true positives."""

    _direction = "up"

    def __init__(
        self, thresholds: Any = None, top_k: int | None = None,
        class_id: int | None = None, name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        default = 0.5 if top_k is None else _LOWEST
        self.thresholds = as_thresholds(thresholds, default)
        self._make_counts((len(self.thresholds),))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        add_counts(
            self._counts, y_true, y_pred, self.thresholds, top_k=self.top_k,
            class_id=self.class_id, sample_weight=sample_weight,
        )  # fmt: skip

    def result(self) -> Any:
        """Return the ratio: a number, or one a threshold; 0 where there is nothing."""
        right, wrong = (v.value for v in self._counts.values())
        found = ops.divide_no_nan(right, right + wrong)
        return found[0] if len(self.thresholds) == 1 else found

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(), "thresholds": self.init_thresholds,
            "top_k": self.top_k, "class_id": self.class_id,
        }  # fmt: skip


class Precision(_Ratio):
    """Of those scored above the threshold, the part labelled 1: tp / (tp + fp).

    Args:
        thresholds: a number or a list of them, 0.5 by default.
        top_k: count only the k largest scores of a row as positive.
        class_id: look at this column only.
        name: name under which it is reported.
        dtype: dtype of the result.

    Example:
        >>> metric = Precision()
        >>> metric.update_state([0, 1, 1, 1], [1, 0, 1, 1])
        >>> round(float(metric.result()), 4)
        0.6667
    """

    _KINDS = ("tp", "fp")


class Recall(_Ratio):
    """Of those labelled 1, the part scored above the threshold: tp / (tp + fn).

    The arguments are those of `Precision`.

    Example:
        >>> metric = Recall()
        >>> metric.update_state([0, 1, 1, 1], [1, 0, 1, 1])
        >>> round(float(metric.result()), 4)
        0.6667
    """

    _KINDS = ("tp", "fn")


# ----------------------------------------------------------- one value where another


class _AtConstraint(_Counting):
    """The best of one ratio over the thresholds at which another is high enough."""

    _KINDS = ("tp", "fp", "tn", "fn")
    _direction = "up"
    _WANTED = ""  # name of the argument: which ratio must be high enough

    def __init__(
        self, value: float, num_thresholds: int = 200, class_id: int | None = None,
        name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1 or num_thresholds <= 0:
            raise ArgumentError(
                message(
                    type(self).__name__, f"{self._WANTED} must be from 0 to 1 and"
                    " num_thresholds positive.",
                    f"{self._WANTED}={value}, num_thresholds={num_thresholds}",
                )
            )  # fmt: skip
        setattr(self, self._WANTED, value)
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        self.thresholds = (
            [0.5] if num_thresholds == 1 else np.linspace(0, 1, num_thresholds).tolist()
        )
        self._make_counts((len(self.thresholds),))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        add_counts(
            self._counts, y_true, y_pred, self.thresholds, class_id=self.class_id,
            sample_weight=sample_weight,
        )  # fmt: skip

    def _ratio(self, right: str, wrong: str) -> Any:
        counts = self._counts
        top = counts[right].value
        return ops.divide_no_nan(top, top + counts[wrong].value)

    def _best(self, constrained: Any, wanted: Any) -> Any:
        return ops.max(ops.where(constrained >= self.value, wanted, 0.0))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(), "num_thresholds": self.num_thresholds,
            self._WANTED: self.value, "class_id": self.class_id,
        }  # fmt: skip


class SensitivityAtSpecificity(_AtConstraint):
    """The best tp / (tp + fn) where tn / (tn + fp) is at least `specificity`."""

    _WANTED = "specificity"

    def __init__(
        self, specificity: float, num_thresholds: int = 200,
        class_id: int | None = None, name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def result(self) -> Any:
        """Return the best sensitivity so far."""
        return self._best(self._ratio("tn", "fp"), self._ratio("tp", "fn"))


class SpecificityAtSensitivity(_AtConstraint):
    """The best tn / (tn + fp) where tp / (tp + fn) is at least `sensitivity`."""

    _WANTED = "sensitivity"

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200,
        class_id: int | None = None, name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def result(self) -> Any:
        """Return the best specificity so far."""
        return self._best(self._ratio("tp", "fn"), self._ratio("tn", "fp"))


class PrecisionAtRecall(_AtConstraint):
    """The best tp / (tp + fp) where tp / (tp + fn) is at least `recall`."""

    _WANTED = "recall"

    def __init__(
        self, recall: float, num_thresholds: int = 200, class_id: int | None = None,
        name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def result(self) -> Any:
        """Return the best precision so far."""
        return self._best(self._ratio("tp", "fn"), self._ratio("tp", "fp"))


class RecallAtPrecision(_AtConstraint):
    """The best tp / (tp + fn) where tp / (tp + fp) is at least `precision`."""

    _WANTED = "precision"

    def __init__(
        self, precision: float, num_thresholds: int = 200, class_id: int | None = None,
        name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def result(self) -> Any:
        """Return the best recall so far."""
        return self._best(self._ratio("tp", "fp"), self._ratio("tp", "fn"))
