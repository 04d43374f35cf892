"""Every metric: data it takes, and what it must be over all of them, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.training.loss_samples import SAMPLES as LOSSES

Formula = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]


@dataclass
class Sample:
    """A metric's data and its formula of (targets, outputs, weights)."""

    formula: Formula
    targets: str = "real"
    outputs: str = "real"
    arguments: dict[str, Any] = field(default_factory=dict)
    metric: str = ""  # the class, if the key of the table is not its name
    weighted: bool = True  # whether sample weights are tried as well


def _mean(values: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Formula:
    return lambda t, p, w: (values(t, p) * w).sum() / w.sum()


def _of_loss(name: str, **more: Any) -> Sample:
    sample = LOSSES[name]
    arguments = {**sample.arguments, **more}
    return Sample(_mean(sample.formula), sample.targets, sample.outputs, arguments)


def _counts(t: Any, p: Any, w: Any, at: float = 0.5) -> tuple[Any, Any, Any, Any]:
    """Weighted true and false positives, true and false negatives."""
    w = np.broadcast_to(w[:, None], t.shape)
    yes, high = t > 0, p > at
    return tuple(
        (w * both).sum()
        for both in (yes & high, ~yes & high, ~yes & ~high, yes & ~high)
    )  # type: ignore[return-value]


def _curve(t: Any, p: Any, w: Any) -> tuple[Any, Any, Any]:
    """(false positive rate, recall, precision) at every score, exactly."""
    limits = [-1.0, *np.unique(p), 2.0]
    rows = np.array([_counts(t, p, w, at) for at in limits])
    tp, fp, tn, fn = rows.T
    precision = np.divide(tp, tp + fp, out=np.zeros_like(tp), where=tp + fp > 0)
    return fp / (fp + tn), tp / (tp + fn), precision


def _area(t: Any, p: Any, w: Any) -> Any:
    x, y, _ = _curve(t, p, w)
    return ((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2).sum()


def _lower_area(x: Any, y: Any) -> Any:
    return ((x[:-1] - x[1:]) * np.minimum(y[:-1], y[1:])).sum()


def _best(wanted: int, other: int, least: float) -> Formula:
    """The largest of ratio `wanted` where ratio `other` is at least `least`."""

    def formula(t: Any, p: Any, w: Any) -> Any:
        found = []
        for at in np.linspace(0, 1, 200):
            tp, fp, tn, fn = _counts(t, p, w, at)
            pairs = ((tp, fn), (tn, fp), (tp, fp))
            ratios = [a / (a + b) if a + b else 0.0 for a, b in pairs]
            if ratios[other] >= least:
                found.append(ratios[wanted])
        return max(found, default=0.0)

    return formula


def _fscore(beta: float, at: float) -> Formula:
    def formula(t: Any, p: Any, w: Any) -> Any:
        found = []
        for column in range(t.shape[1]):
            tp, fp, _, fn = _counts(t[:, [column]], p[:, [column]], w, at)
            top = (1 + beta**2) * tp
            found.append(top / (top + beta**2 * fn + fp))
        return found

    return formula


def _r2(t: Any, p: Any, w: Any) -> Any:
    w = w[:, None]
    mean = (t * w).sum(0) / w.sum()
    return (1 - ((t - p) ** 2 * w).sum(0) / ((t - mean) ** 2 * w).sum(0)).mean()


def _iou(t: Any, p: Any, w: Any) -> Any:
    t, p = t.argmax(-1), p.argmax(-1)
    both = [(t == c) & (p == c) for c in range(4)]
    any_ = [(t == c) | (p == c) for c in range(4)]
    return np.mean([b.sum() / a.sum() for b, a in zip(both, any_)])


def _pearson(t: Any, p: Any) -> Any:
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(t, p)])


def _concordance(t: Any, p: Any) -> Any:
    covariance = ((t - t.mean(-1, keepdims=True)) * p).mean(-1)
    spread = t.var(-1) + p.var(-1) + (t.mean(-1) - p.mean(-1)) ** 2
    return 2 * covariance / spread


def _rank(t: Any, p: Any) -> Any:
    """How many scores are above that of the label."""
    return (p > np.take_along_axis(p, t[:, None].astype(int), 1)).sum(-1)


def _top(t: Any, k: int) -> Any:
    """Which are the k largest of each row."""
    return t >= np.sort(t, -1)[:, -k][:, None]


SAMPLES: dict[str, Sample] = {
    "Sum": Sample(lambda t, p, w: (t.sum(-1) * w).sum()),
    "Mean": Sample(lambda t, p, w: (t.mean(-1) * w).sum() / w.sum()),
    "MeanMetricWrapper": Sample(
        _mean(lambda t, p: abs(t - p).mean(-1)),
        arguments={"fn": lambda t, p: abs(t - p), "name": "distance"},
    ),
    "Accuracy": Sample(_mean(lambda t, p: t == p), "labels", "labels"),
    "BinaryAccuracy": Sample(
        _mean(lambda t, p: (t == (p > 0.4)).mean(-1)), "binary", "unit",
        {"threshold": 0.4},
    ),
    "CategoricalAccuracy": Sample(
        _mean(lambda t, p: t.argmax(-1) == p.argmax(-1)), "one-hot"
    ),
    "SparseCategoricalAccuracy": Sample(
        _mean(lambda t, p: t == p.argmax(-1)), "labels"
    ),
    "TopKCategoricalAccuracy": Sample(
        _mean(lambda t, p: _rank(t.argmax(-1), p) < 2), "one-hot", arguments={"k": 2}
    ),
    "SparseTopKCategoricalAccuracy": Sample(
        _mean(lambda t, p: _rank(t, p) < 2), "labels", arguments={"k": 2}
    ),
    **{
        name: _of_loss(name)
        for name in (
            "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
            "MeanSquaredLogarithmicError", "Hinge", "SquaredHinge", "CategoricalHinge",
            "KLDivergence", "Poisson", "BinaryCrossentropy", "CategoricalCrossentropy",
            "SparseCategoricalCrossentropy",
        )
    },
    "LogCoshError": _of_loss("LogCosh"),
    "RootMeanSquaredError": Sample(
        lambda t, p, w: np.sqrt((((t - p) ** 2).mean(-1) * w).sum() / w.sum())
    ),
    "CosineSimilarity": Sample(
        _mean(lambda t, p: -LOSSES["CosineSimilarity"].formula(t, p))
    ),
    "PearsonCorrelation": Sample(_mean(_pearson)),
    "ConcordanceCorrelation": Sample(_mean(_concordance)),
    "R2Score": Sample(_r2),
    "TruePositives": Sample(lambda *d: _counts(*d)[0], "binary", "unit"),
    "FalsePositives": Sample(lambda *d: _counts(*d)[1], "binary", "unit"),
    "TrueNegatives": Sample(lambda *d: _counts(*d)[2], "binary", "unit"),
    "FalseNegatives": Sample(lambda *d: _counts(*d)[3], "binary", "unit"),
    "counts at two thresholds": Sample(
        lambda *d: [_counts(*d, at)[0] for at in (0.3, 0.6)], "binary", "unit",
        {"thresholds": [0.3, 0.6]}, "TruePositives",
    ),
    "counts at even thresholds": Sample(
        lambda *d: [_counts(*d, at)[1] for at in (0.0, 0.25, 0.5, 0.75, 1.0)], "binary",
        "unit", {"thresholds": [0, 0.25, 0.5, 0.75, 1]}, "FalsePositives",
    ),
    "Precision": Sample(
        lambda *d: (c := _counts(*d))[0] / (c[0] + c[1]), "binary", "unit"
    ),
    "Recall": Sample(
        lambda *d: (c := _counts(*d))[0] / (c[0] + c[3]), "binary", "unit"
    ),
    "precision of one class": Sample(
        lambda t, p, w: (c := _counts(t[:, [1]], p[:, [1]], w))[0] / (c[0] + c[1]),
        "binary", "unit", {"class_id": 1}, "Precision",
    ),
    "recall of the two largest": Sample(
        lambda t, p, w: (c := _counts(t, _top(p, 2), w))[0] / (c[0] + c[3]), "binary",
        "unit", {"top_k": 2}, "Recall",
    ),
    "SensitivityAtSpecificity": Sample(
        _best(0, 1, 0.6), "binary", "unit", {"specificity": 0.6}
    ),
    "SpecificityAtSensitivity": Sample(
        _best(1, 0, 0.6), "binary", "unit", {"sensitivity": 0.6}
    ),
    "PrecisionAtRecall": Sample(_best(2, 0, 0.6), "binary", "unit", {"recall": 0.6}),
    "RecallAtPrecision": Sample(_best(0, 2, 0.5), "binary", "unit", {"precision": 0.5}),
    "AUC": Sample(_area, "binary", "unit", {"num_thresholds": 4000}),
    "area of each column": Sample(
        lambda t, p, w: np.mean([_area(t[:, [c]], p[:, [c]], w) for c in range(4)]),
        "binary", "unit", {"num_thresholds": 4000, "multi_label": True}, "AUC",
    ),
    "area under precision and recall": Sample(
        lambda t, p, w: _lower_area(*_curve(t, p, w)[1:]),
        "binary", "unit",
        {"num_thresholds": 4000, "curve": "PR", "summation_method": "minoring"}, "AUC",
    ),
    "FBetaScore": Sample(
        _fscore(2.0, 0.5), "binary", "unit", {"beta": 2.0, "threshold": 0.5}
    ),
    "F1Score": Sample(_fscore(1.0, 0.5), "binary", "unit", {"threshold": 0.5}),
    "IoU": Sample(
        lambda t, p, w: ((t == 1) & (p == 1)).sum() / ((t == 1) | (p == 1)).sum(),
        "labels", "labels", {"num_classes": 4, "target_class_ids": [1]}, weighted=False,
    ),
    "MeanIoU": Sample(
        lambda t, p, w: _iou(np.eye(4)[t], np.eye(4)[p], w), "labels", "labels",
        {"num_classes": 4}, weighted=False,
    ),
    "OneHotMeanIoU": Sample(
        _iou, "one-hot", "unit", {"num_classes": 4}, weighted=False
    ),
    "OneHotIoU": Sample(
        _iou, "one-hot", "unit",
        {"num_classes": 4, "target_class_ids": [0, 1, 2, 3]}, weighted=False,
    ),
    "BinaryIoU": Sample(
        lambda t, p, w: ((t == 1) & (p >= 0.3)).sum() / ((t == 1) | (p >= 0.3)).sum(),
        "binary", "unit", {"target_class_ids": [1], "threshold": 0.3}, weighted=False,
    ),
}  # fmt: skip
