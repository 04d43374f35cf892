"""Losses of the first steps of each workload, from equal weights, as a script.

``python curves.py keras`` and ``python curves.py graphkeras`` print the same JSON.
Dropout is left out: no two libraries draw the same masks.
"""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np

from tools.workloads import WORKLOADS, Workload, rows_of

STEPS, BATCH = 50, 16
# Large steps in a rough landscape tear any two float32 programs apart: one rounding
# turns one ReLU, and every weight moves. There the steps are small.
RATES = {"resnet20_cifar": 1e-4, "ticket": 1e-6, "cnn_seed": 1e-4}


def without_dropout(keras: Any) -> Any:
    """Return the library with layers that drop nothing."""
    layers = SimpleNamespace(**{n: getattr(keras.layers, n) for n in dir(keras.layers)})
    layers.Dropout = lambda rate: keras.layers.Identity()
    names = ("Input", "Model", "Sequential", "optimizers")
    return SimpleNamespace(layers=layers, **{n: getattr(keras, n) for n in names})


def weights(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Return random matrices that keep the size of what goes through them.

    Vectors are zeros; variances and scales of batch normalization are ones.
    """
    rng, made = np.random.default_rng(0), []
    vectors = 0
    for shape in shapes:
        if len(shape) > 1:
            size = 0.05 if shape[0] == 20000 else np.sqrt(2 / np.prod(shape[:-1]))
            made.append(rng.normal(size=shape).astype("float32") * np.float32(size))
        else:  # of batch normalization: gamma, beta, mean, variance
            batch_norm = len(shapes) > 40
            made.append(
                np.full(shape, float(batch_norm and vectors % 4 in (0, 3)), "f")
            )
            vectors += 1
    return made


def losses(keras: Any, workload: Workload) -> list[float]:
    """Return the loss of each of the first steps."""
    model = workload.compile(without_dropout(keras))
    model.optimizer.learning_rate = RATES.get(workload.name, 1e-3)
    model.set_weights(weights([w.shape for w in model.get_weights()]))
    x, y = workload.data(STEPS * BATCH)
    found = []
    for start in range(0, STEPS * BATCH, BATCH):
        part = slice(start, start + BATCH)
        model.reset_metrics()
        logs = model.train_on_batch(rows_of(x, part), rows_of(y, part))
        found.append(float(logs[0]))
    return found


if __name__ == "__main__":
    library = importlib.import_module(sys.argv[1])
    chosen = sys.argv[2:] or list(WORKLOADS)
    print(json.dumps({n: losses(library, WORKLOADS[n]) for n in chosen}))
