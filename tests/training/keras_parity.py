"""Training runs that Keras and graphkeras must make alike, as a script.

``python keras_parity.py keras`` and ``python keras_parity.py graphkeras`` print the
same JSON: for each run the history, the evaluation and the size of the weights.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

rng = np.random.default_rng(0)
WEIGHTS = [
    rng.normal(size=s).astype("float32") * 0.3 for s in ((8, 16), (16,), (16, 3), (3,))
]
X = rng.normal(size=(300, 8)).astype("float32")
Y = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0)
ONE_HOT = np.eye(3, dtype="float32")[Y]
PARTS = rng.random(300).astype("float32")
SPARSE = "sparse_categorical_crossentropy"
LOSSES = (
    "categorical_crossentropy", "mse", "mae", "mape", "msle", "kl_divergence",
    "poisson", "cosine_similarity", "huber", "log_cosh", "hinge", "squared_hinge",
    "categorical_hinge", "binary_crossentropy", "categorical_focal_crossentropy",
    "binary_focal_crossentropy", "dice", "tversky",
)  # fmt: skip


def classifier(keras: Any, activation: str | None = "softmax") -> Any:
    """Three classes, with weights that are always the same."""
    x = keras.Input((8,))
    h = keras.layers.Dense(16, activation="relu", name="h")(x)
    y = keras.layers.Dense(3, activation=activation, name="out")(h)
    model = keras.Model(x, y)
    model.set_weights(WEIGHTS)
    return model


def two_headed(keras: Any) -> Any:
    """A class and a number."""
    x = keras.Input((8,))
    h = keras.layers.Dense(16, activation="relu", name="h")(x)
    a = keras.layers.Dense(3, activation="softmax", name="a")(h)
    b = keras.layers.Dense(1, name="b")(h)
    model = keras.Model(x, [a, b])
    model.set_weights([*WEIGHTS, WEIGHTS[0][:1].T, WEIGHTS[3][:1]])
    return model


def results(model: Any, y: Any, compiled: dict[str, Any], **fit: Any) -> dict[str, Any]:
    """Train without shuffling and return all numbers."""
    model.compile(**{"optimizer": "adam", "loss": SPARSE, **compiled})
    how = {"epochs": 2, "batch_size": 32, "shuffle": False, "verbose": 0, **fit}
    history = model.fit(X, y, **how).history
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    size = float(sum(np.abs(w).sum() for w in model.get_weights()))
    found = {name: [float(v) for v in values] for name, values in history.items()}
    return {**found, "evaluate": [float(logs[k]) for k in sorted(logs)], "size": size}


def optimizers(keras: Any) -> dict[str, Any]:
    """Every optimizer and option, every schedule."""
    o, s = keras.optimizers, keras.optimizers.schedules
    made = [
        o.SGD(0.05), o.SGD(0.05, 0.9), o.SGD(0.05, 0.9, True), o.RMSprop(0.01),
        o.RMSprop(0.01, momentum=0.5, centered=True), o.Adam(0.01),
        o.Adam(0.01, amsgrad=True), o.AdamW(0.01), o.Adagrad(0.05), o.Adadelta(1.0),
        o.Adamax(0.01), o.Nadam(0.01), o.Lion(0.001), o.SGD(0.1, clipnorm=0.05),
        o.Ftrl(
            0.05, l1_regularization_strength=0.01, l2_regularization_strength=0.01,
            l2_shrinkage_regularization_strength=0.01, beta=0.1,
        ),
        o.SGD(0.1, global_clipnorm=0.05), o.SGD(0.1, clipvalue=0.01),
        o.SGD(0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5),
        o.Adam(0.01, gradient_accumulation_steps=3), o.SGD(0.05, weight_decay=0.01),
        o.SGD(0.05, loss_scale_factor=1024.0), o.SGD(s.ExponentialDecay(0.1, 10, 0.9)),
        o.SGD(s.PiecewiseConstantDecay([5, 20], [0.1, 0.05, 0.01])),
        o.SGD(s.PolynomialDecay(0.1, 10, cycle=True)),
        o.SGD(s.InverseTimeDecay(0.1, 10, 0.5, staircase=True)),
        o.SGD(s.CosineDecay(0.01, 30, warmup_target=0.1, warmup_steps=10)),
        o.SGD(s.CosineDecayRestarts(0.1, 7)),
        o.Adafactor(0.05), o.Lamb(0.01), o.Muon(0.02), o.ScheduleFreeAdamW(0.02),
        o.Muon(0.02, rms_rate=None, nesterov=False, exclude_layers=["out"]),
    ]  # fmt: skip
    return {f"{i} {type(opt).__name__}": opt for i, opt in enumerate(made)}


def metrics(keras: Any) -> list[Any]:
    """Every kind of metric at once."""
    m = keras.metrics
    return [
        m.AUC(name="a"), m.AUC(curve="PR", name="b"), m.AUC(curve="PRGAIN", name="c"),
        m.AUC(20, summation_method="majoring", name="d"), m.KLDivergence(name="e"),
        m.AUC(multi_label=True, name="f"), m.AUC(thresholds=[0.3, 0.5], name="g"),
        m.F1Score("macro", name="h"), m.FBetaScore("weighted", 2.0, 0.4, name="i"),
        m.R2Score(name="j"), m.OneHotMeanIoU(3, name="k"), m.TruePositives(name="m"),
        m.TopKCategoricalAccuracy(2, name="l"), m.PrecisionAtRecall(0.5, name="n"),
        m.SensitivityAtSpecificity(0.5, name="o"), m.RootMeanSquaredError(name="p"),
        m.CosineSimilarity(name="q"), m.PearsonCorrelation(name="r"),
        m.ConcordanceCorrelation(name="s"), m.Precision(class_id=1, name="t"),
        m.RecallAtPrecision(0.6, name="u"), m.Recall(top_k=1, name="v"),
        m.SpecificityAtSensitivity(0.6, name="w"), m.LogCoshError(name="x"),
    ]  # fmt: skip


Run = Callable[[], dict[str, Any]]


def by_optimizer_and_loss(keras: Any) -> dict[str, Run]:
    """A run for every optimizer and for every loss."""
    ce = keras.losses
    found: dict[str, Run] = {}
    for name, optimizer in optimizers(keras).items():
        settings = {"optimizer": optimizer, "metrics": ["accuracy"]}
        found[name] = lambda c=settings: results(classifier(keras), Y, c)
    for loss in LOSSES:
        settings = {"loss": loss, "metrics": ["accuracy", "mse"]}
        found[loss] = lambda c=settings: results(classifier(keras), ONE_HOT, c)
    for loss, y in (
        (ce.SparseCategoricalCrossentropy(from_logits=True), Y),
        (ce.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), ONE_HOT),
        (ce.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), ONE_HOT),
    ):
        found[f"{loss.name} of logits"] = lambda c=loss, y=y: results(
            classifier(keras, None), y, {"loss": c}
        )
    return found


def by_argument(keras: Any) -> dict[str, Run]:
    """A run for each way to weigh, split and cut the data, and all metrics."""
    weighted = {"metrics": ["accuracy"], "weighted_metrics": ["accuracy", SPARSE]}
    every = {"loss": "categorical_crossentropy", "metrics": metrics(keras)}
    ignoring = {"loss": keras.losses.SparseCategoricalCrossentropy(False, 1)}

    def run(compiled: dict[str, Any], y: Any = Y, **fit: Any) -> Run:
        return lambda: results(classifier(keras), y, compiled, **fit)

    return {
        "ignored class": run(ignoring),
        "sample weights": run(weighted, sample_weight=PARTS),
        "class weights": run(weighted, class_weight={0: 1.0, 1: 3.0, 2: 0.5}),
        "validation": run({}, validation_split=0.3),
        "steps": run({}, steps_per_epoch=4),
        "metrics": run(every, ONE_HOT),
    }


def by_output(keras: Any) -> dict[str, Run]:
    """A run for each way to name two outputs."""
    both, pair = {"a": SPARSE, "b": "mse"}, {"a": Y, "b": X[:, 2:3]}
    losses, listed = list(both.values()), list(pair.values())
    by_list = {"loss": losses, "metrics": [["accuracy"], ["mae", "mse"]]}
    weights = {"a": 0.5, "b": 2.0}
    by_name = {"loss": both, "metrics": {"b": "mae"}, "loss_weights": weights}
    weighted = {"loss": losses, "loss_weights": list(weights.values())}

    def run(compiled: dict[str, Any], y: Any, **fit: Any) -> Run:
        return lambda: results(two_headed(keras), y, compiled, **fit)

    return {
        "two by list": run(by_list, listed),
        "two by name": run(by_name, pair),
        "two with weights": run(weighted, listed, sample_weight=[PARTS, PARTS * 2]),
    }


if __name__ == "__main__":
    library = importlib.import_module(sys.argv[1])
    groups = (by_optimizer_and_loss, by_argument, by_output)
    runs = {name: run for group in groups for name, run in group(library).items()}
    print(json.dumps({name: run() for name, run in runs.items()}))
