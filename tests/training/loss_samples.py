"""Every loss: data it takes, and its formula in NumPy, one value a sample."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EPSILON = 1e-7


def probabilities(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Rows that sum to 1."""
    x = rng.random(shape) + 0.1
    return (x / x.sum(-1, keepdims=True)).astype("float32")


def softmax(x: np.ndarray) -> np.ndarray:
    """Rows of exponentials, normalized."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _binary(t: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = np.clip(p, EPSILON, 1 - EPSILON)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


@dataclass
class Sample:
    """A loss class, its arguments, its data, its formula."""

    formula: Callable[[np.ndarray, np.ndarray], np.ndarray]
    targets: str = "real"  # real, positive, signs, one-hot, labels, binary, words
    outputs: str = "real"  # real, positive, probabilities, unit, directions, steps
    arguments: dict[str, Any] = field(default_factory=dict)
    loss: str = ""  # the class, if the key of the table is not its name

    def data(self, rng: np.random.Generator, rows: int = 17) -> Any:
        """Return (y_true, y_pred) of 4 classes."""
        return make(self.targets, rng, rows), make(self.outputs, rng, rows)


def make(kind: str, rng: np.random.Generator, rows: int, classes: int = 4) -> Any:
    """Return targets or outputs of a kind."""
    labels = rng.integers(0, classes, rows)
    made: dict[str, Any] = {
        "real": rng.normal(size=(rows, classes)),
        "positive": rng.random((rows, classes)) + 0.2,
        "signs": rng.choice([-1.0, 1.0], (rows, classes)),
        "binary": rng.integers(0, 2, (rows, classes)),
        "unit": rng.uniform(0.05, 0.95, (rows, classes)),
        "one-hot": np.eye(classes)[labels],
        "directions": _unit(rng.normal(size=(rows, classes))),
        "words": rng.integers(1, classes, (rows, 2)),
        "steps": rng.normal(size=(rows, 3, classes)),
        "probabilities": probabilities(rng, rows, classes),
    }
    if kind in ("labels", "words"):
        return labels if kind == "labels" else made[kind]
    return made[kind].astype("float32")


def _pick(t: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.take_along_axis(p, t[:, None], 1)[:, 0]


def _sum_of_exp(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.log((np.exp(x) * chosen).sum(1))


def _circle(t: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Pairs pulled together and pushed apart, with gamma 4 and margin 0.3."""
    distance = np.maximum(1 - p @ p.T, 0)
    same = t[:, None] == t
    pull = -4 * (0.3 + distance) * (0.3 - distance)
    push = 4 * np.maximum(1.3 - distance, 0) * (0.7 - distance)
    others = same & ~np.eye(len(t), dtype=bool)
    return np.log1p(np.exp(_sum_of_exp(pull, others) + _sum_of_exp(push, ~same)))


def _read(path: tuple[int, ...]) -> list[int]:
    """Drop repetitions, then blanks."""
    return [c for c, before in zip(path, (-1, *path)) if c not in (before, 0)]


def _ctc(t: np.ndarray, p: np.ndarray) -> np.ndarray:
    """By all outputs there could be."""
    chances = softmax(p)
    paths = [*itertools.product(range(p.shape[2]), repeat=p.shape[1])]
    return np.array([
        -np.log(sum(np.prod([row[k, c] for k, c in enumerate(path)])
                    for path in paths if _read(path) == [*label]))
        for label, row in zip(t, chances)
    ])  # fmt: skip


SAMPLES: dict[str, Sample] = {
    "MeanSquaredError": Sample(lambda t, p: ((t - p) ** 2).mean(-1)),
    "MeanAbsoluteError": Sample(lambda t, p: abs(t - p).mean(-1)),
    "MeanAbsolutePercentageError": Sample(
        lambda t, p: 100 * (abs(t - p) / abs(t)).mean(-1)
    ),
    "MeanSquaredLogarithmicError": Sample(
        lambda t, p: ((np.log1p(p) - np.log1p(t)) ** 2).mean(-1), "positive", "positive"
    ),
    "CosineSimilarity": Sample(lambda t, p: -(_unit(t) * _unit(p)).sum(-1)),
    "Huber": Sample(
        lambda t, p: np.where(
            abs(p - t) <= 0.5, (p - t) ** 2 / 2, 0.5 * abs(p - t) - 0.125
        ).mean(-1),
        arguments={"delta": 0.5},
    ),
    "LogCosh": Sample(lambda t, p: np.log(np.cosh(p - t)).mean(-1)),
    "Hinge": Sample(lambda t, p: np.maximum(1 - t * p, 0).mean(-1), "signs"),
    "SquaredHinge": Sample(
        lambda t, p: (np.maximum(1 - t * p, 0) ** 2).mean(-1), "signs"
    ),
    "hinge of 0 and 1": Sample(
        lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0).mean(-1), "binary", loss="Hinge"
    ),
    "CategoricalHinge": Sample(
        lambda t, p: np.maximum(1 + ((1 - t) * p).max(-1) - (t * p).sum(-1), 0),
        "one-hot",
    ),
    "KLDivergence": Sample(
        lambda t, p: (t * np.log(t / p)).sum(-1), "probabilities", "probabilities"
    ),
    "Poisson": Sample(
        lambda t, p: (p - t * np.log(p + EPSILON)).mean(-1), "positive", "positive"
    ),
    "BinaryCrossentropy": Sample(
        lambda t, p: _binary(t, p).mean(-1), "binary", "unit"
    ),
    "binary of logits, smoothed": Sample(
        lambda t, p: _binary(0.9 * t + 0.05, sigmoid(p)).mean(-1), "binary",
        arguments={"from_logits": True, "label_smoothing": 0.1},
        loss="BinaryCrossentropy",
    ),
    "BinaryFocalCrossentropy": Sample(
        lambda t, p: (np.where(t == 1, 1 - p, p) ** 2 * _binary(t, p)).mean(-1),
        "binary", "unit",
    ),
    "CategoricalCrossentropy": Sample(
        lambda t, p: -(t * np.log(p)).sum(-1), "one-hot", "probabilities"
    ),
    "categorical of logits, smoothed": Sample(
        lambda t, p: -((0.8 * t + 0.05) * np.log(softmax(p))).sum(-1), "one-hot",
        arguments={"from_logits": True, "label_smoothing": 0.2},
        loss="CategoricalCrossentropy",
    ),
    "CategoricalFocalCrossentropy": Sample(
        lambda t, p: -(0.25 * (1 - p) ** 2 * t * np.log(p)).sum(-1), "one-hot",
        "probabilities",
    ),
    "SparseCategoricalCrossentropy": Sample(
        lambda t, p: -np.log(_pick(t, p)), "labels", "probabilities"
    ),
    "sparse of logits": Sample(
        lambda t, p: -np.log(_pick(t, softmax(p))), "labels",
        arguments={"from_logits": True}, loss="SparseCategoricalCrossentropy",
    ),
    "CategoricalGeneralizedCrossEntropy": Sample(
        lambda t, p: (1 - _pick(t, p) ** 0.5) / 0.5, "labels", "probabilities"
    ),
    "Circle": Sample(
        _circle, "labels", "directions", {"gamma": 4.0, "margin": 0.3}
    ),
    "CTC": Sample(_ctc, "words", "steps"),
    "Dice": Sample(
        lambda t, p: 1 - 2 * (t * p).sum(-1) / (t.sum(-1) + p.sum(-1) + EPSILON),
        "binary", "unit", {"axis": -1},
    ),
    "Tversky": Sample(
        lambda t, p: 1 - (t * p).sum(-1)
        / (
            (t * p).sum(-1) + 0.3 * ((1 - p) * t).sum(-1)
            + 0.7 * ((1 - t) * p).sum(-1) + EPSILON
        ),
        "binary", "unit", {"axis": -1, "alpha": 0.3, "beta": 0.7},
    ),
}  # fmt: skip
