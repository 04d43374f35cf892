"""Small models and data that the tests of training share."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphkeras as keras
from graphkeras import layers

ROWS = 50


def inputs(rows: int = ROWS) -> np.ndarray:
    """(rows, 4) numbers, the same at each call."""
    return np.random.default_rng(1).normal(size=(rows, 4)).astype("float32")


def labels(rows: int = ROWS) -> np.ndarray:
    """Which of three classes each row of `inputs` is."""
    x = inputs(rows)
    return (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)


def sequential() -> Any:
    """Three classes by Sequential."""
    return keras.Sequential(
        [
            keras.Input((4,)), layers.Dense(5, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )  # fmt: skip


def functional() -> Any:
    """Three classes by the functional API."""
    x = keras.Input((4,))
    h = layers.Dense(5, activation="relu")(x)
    return keras.Model(x, layers.Dense(3, activation="softmax")(h))


class Subclass(keras.Model):
    """Three classes by a class."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(5, activation="relu")
        self.last = layers.Dense(3, activation="softmax")

    def call(self, x: Any) -> Any:
        """Return probabilities."""
        return self.last(self.first(x))


def line(units: int = 1) -> Any:
    """One Dense layer: the quickest model to compile."""
    return keras.Sequential([keras.Input((4,)), layers.Dense(units)])


def two_headed(as_dict: bool = False) -> Any:
    """A class and a number from one input."""
    x = keras.Input((4,), name="x")
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    size = layers.Dense(1, name="size")(x)
    outputs = {"kind": kind, "size": size} if as_dict else [kind, size]
    return keras.Model(x, outputs)
