"""Area under a curve of two ratios over all thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, ShapeError, message, nearest
from graphkeras.metrics.confusion import _Counting, add_counts

_CURVES = ("ROC", "PR", "PRGAIN")
_SUMS = ("interpolation", "majoring", "minoring")


class AUC(_Counting):
    """Area under the ROC or precision-recall curve, by sums over thresholds.

    Args:
        num_thresholds: how many thresholds approximate the curve.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation", "majoring" or "minoring": how an interval's
            height comes from its ends.
        name: name under which it is reported.
        dtype: dtype of the result.
        thresholds: thresholds between 0 and 1 of one's own, instead.
        multi_label: whether each column is a problem of its own.
        num_labels: number of columns, if known before the first batch.
        label_weights: weights of the columns.
        from_logits: whether scores are logits.

    Raises:
        ArgumentError: for an unknown curve or method, or too few thresholds.

    Example:
        >>> metric = AUC(num_thresholds=3)
        >>> metric.update_state([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        >>> float(metric.result())
        0.75
    """

    _KINDS = ("tp", "fp", "tn", "fn")
    _direction = "up"

    def __init__(
        self, num_thresholds: int = 200, curve: str = "ROC",
        summation_method: str = "interpolation", name: str | None = None,
        dtype: Any = None, thresholds: Any = None, multi_label: bool = False,
        num_labels: int | None = None, label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        self.curve = _one_of("curve", str(curve).upper(), _CURVES)
        method = str(summation_method).lower()
        self.summation_method = _one_of("summation_method", method, _SUMS)
        self._given = None if thresholds is None else sorted(map(float, thresholds))
        self._thresholds = _limits(self._given, num_thresholds)
        self.num_thresholds = len(self._thresholds)
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights = label_weights
        self.from_logits = from_logits
        self._built = False
        if num_labels and not multi_label:
            raise ArgumentError(
                message("AUC", "num_labels is for multi_label=True only.")
            )
        if not multi_label or num_labels:
            self._build((None, num_labels))

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, from just below 0 to just above 1."""
        return list(self._thresholds)

    def _build(self, shape: tuple[Any, ...]) -> None:
        if self.multi_label and len(shape) != 2:
            raise ShapeError(
                message(
                    "AUC", "multi_label=True expects scores (batch, labels).",
                    f"y_pred: {list(shape)}",
                )
            )  # fmt: skip
        columns = (shape[1],) if self.multi_label else ()
        self._make_counts((self.num_thresholds, *columns))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        y_pred = ops.convert_to_tensor(y_pred)
        if not self._built:
            self._build(tuple(y_pred.shape))
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        add_counts(
            self._counts, y_true, y_pred, self._thresholds,
            sample_weight=sample_weight, multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )  # fmt: skip

    def result(self) -> Any:
        """Return the area so far."""
        tp, fp, tn, fn = (v.value for v in self._counts.values())
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._over_labels(_interpolated_pr(tp, fp, fn))
        recall = ops.divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            x, y = ops.divide_no_nan(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, ops.divide_no_nan(tp, tp + fp)
        else:
            x, y = _gains(tp, fp, tn, fn)
        return self._over_labels((x[:-1] - x[1:]) * self._heights(y))

    def _heights(self, y: Any) -> Any:
        if self.summation_method == "interpolation":
            return (y[:-1] + y[1:]) / 2.0
        if self.summation_method == "minoring":
            return ops.minimum(y[:-1], y[1:])
        return ops.maximum(y[:-1], y[1:])

    def _over_labels(self, terms: Any) -> Any:
        if not self.multi_label:
            return ops.sum(terms)
        areas = ops.sum(terms, axis=0)
        if self.label_weights is None:
            return ops.mean(areas)
        weights = ops.convert_to_tensor(self.label_weights, dtype=self.dtype)
        return ops.divide_no_nan(ops.sum(areas * weights), ops.sum(weights))

    def reset_state(self) -> None:
        """Set all counts to zero."""
        if self._built:
            super().reset_state()

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        found = {
            **super().get_config(), "num_thresholds": self.num_thresholds,
            "curve": self.curve, "summation_method": self.summation_method,
            "multi_label": self.multi_label, "num_labels": self.num_labels,
            "label_weights": self.label_weights, "from_logits": self.from_logits,
        }  # fmt: skip
        if self._given is not None:
            found["thresholds"] = self._given
        return found


def _one_of(what: str, given: str, allowed: tuple[str, ...]) -> str:
    if given not in allowed:
        raise ArgumentError(
            message("AUC", f"{what} must be one of {', '.join(allowed)}.",
                    f"{what}={given!r}", nearest(given, allowed, what))
        )  # fmt: skip
    return given


def _limits(given: list[float] | None, count: int) -> tuple[float, ...]:
    """Thresholds with ends outside [0, 1], so that all scores lie between."""
    if given is None and count <= 1:
        raise ArgumentError(
            message("AUC", "num_thresholds must be at least 2.", f"{count}")
        )
    inner = np.linspace(0, 1, count)[1:-1].tolist() if given is None else given
    return (-config.epsilon(), *inner, 1.0 + config.epsilon())


def _interpolated_pr(tp: Any, fp: Any, fn: Any) -> Any:
    """Exact areas between thresholds, where precision is not linear in recall.

    Source: Davis and Goadrich, Precision-Recall and ROC Curves (2006).
    """
    dtp, p = tp[:-1] - tp[1:], tp + fp
    slope = ops.divide_no_nan(dtp, ops.maximum(p[:-1] - p[1:], 0.0))
    intercept = tp[1:] - slope * p[1:]
    both = ops.logical_and(p[:-1] > 0, p[1:] > 0)
    ratio = ops.where(both, ops.divide_no_nan(p[:-1], ops.maximum(p[1:], 0.0)), 1.0)
    area = slope * (dtp + intercept * ops.log(ratio))
    return ops.divide_no_nan(area, ops.maximum(tp[1:] + fn[1:], 0.0))


def _gains(tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
    """Recall gain and precision gain.

    Source: Flach and Kull, Precision-Recall-Gain Curves (2015).
    """
    scale = ops.divide_no_nan(tp + fn, tn + fp)
    none = ops.equal(tp, 0.0)
    recall = ops.where(none, 0.0, 1.0 - scale * ops.divide_no_nan(fn, tp))
    precision = ops.where(none, 1.0, 1.0 - scale * ops.divide_no_nan(fp, tp))
    return ops.maximum(recall, 0.0), precision
