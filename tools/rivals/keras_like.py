"""graphkeras and Keras on its backends: one program for all of them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from tools.workloads import Workload, rows_of

BACKENDS = {"keras-tf": "tensorflow", "keras-jax": "jax", "keras-torch": "torch"}


class KerasLike:
    """Trains a workload through `fit`."""

    def __init__(self, name: str, workload: Workload) -> None:
        self.workload = workload
        if name in BACKENDS:
            os.environ["KERAS_BACKEND"] = BACKENDS[name]
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        keras = importlib.import_module(name if name == "graphkeras" else "keras")
        self.keras, self.version = keras, keras.__version__
        self.model = workload.compile(keras)

    def first(self, x: Any, y: Any) -> None:
        """Make one step."""
        self.model.fit(x, y, batch_size=self.workload.batch, epochs=1, verbose=0)

    def epochs(self, x: Any, y: Any, count: int, tick: Callable[[], None]) -> None:
        """Train, calling `tick` after each epoch."""
        callback = self.keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: tick()
        )
        self.model.fit(
            x, y, batch_size=self.workload.batch, epochs=count, verbose=0,
            callbacks=[callback],
        )  # fmt: skip

    def predict(self, x: Any, batch: int) -> Any:
        """Return the answers to all rows."""
        return self.model.predict(x, batch_size=batch, verbose=0)

    def one(self, x: Any) -> Callable[[], Any]:
        """Return a function that answers one row."""
        row = rows_of(x, slice(0, 1))
        return lambda: self.model.predict_on_batch(row)
