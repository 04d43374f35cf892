"""Training on any number of threads ends with the same weights, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from tests.runtime.threaded import threads

ROWS, BATCH = 45, 16  # two full batches and one of 13 rows
CLASSES = 3


def dense(rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """Return images of bytes and layers with dropout, of odd widths."""
    return rng.integers(0, 255, (ROWS, 5, 7), dtype=np.uint8), [
        layers.Rescaling(1 / 255), layers.Flatten(),
        layers.Dense(130, activation="gelu", kernel_regularizer="l2"),
        layers.Dropout(0.3),
    ]  # fmt: skip


def long(rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """Return many features, whose weights are parted between threads."""
    return rng.random((ROWS, 1030), dtype=np.float32), [
        layers.Dense(66, activation="relu")
    ]


def wide_bytes(rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """Return many bytes, of which each thread gathers those that it multiplies."""
    x, parts = long(rng)
    return (x * 255).astype(np.uint8), [layers.Rescaling(1 / 255), *parts]


def convolutional(rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """Return images and layers with batch normalization and pools."""
    return rng.random((ROWS, 9, 8, 3), dtype=np.float32), [
        layers.Conv2D(20, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(7, 3, padding="same"), layers.BatchNormalization(),
        layers.AveragePooling2D(2), layers.GlobalAveragePooling2D(),
    ]  # fmt: skip


def pictures(rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """Return large images and layers that are done part by part."""
    return rng.random((ROWS, 26, 26, 8), dtype=np.float32), [
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.DepthwiseConv2D(3, activation="relu"), layers.MaxPooling2D(3, 2),
        layers.Flatten(),
    ]  # fmt: skip


def recurrent(rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """Return words and layers that look them up and read them in order."""
    return rng.integers(0, 50, (ROWS, 6)), [
        layers.Embedding(50, 17), layers.LSTM(9),
    ]  # fmt: skip


def trained(make: Callable[..., Any]) -> list[bytes]:
    """Return losses, weights and predictions after two epochs."""
    keras.utils.clear_session()  # equal names: what is compiled once serves all
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    x, parts = make(rng)
    y = rng.integers(0, CLASSES, ROWS)
    model = keras.Sequential([*parts, layers.Dense(CLASSES, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0).history
    found = [np.array(v) for v in history.values()] + model.get_weights()
    found.append(model.predict(x, batch_size=BATCH, verbose=0))
    return [np.asarray(a).tobytes() for a in found]


@pytest.mark.parametrize(
    "make", [dense, long, wide_bytes, convolutional, pictures, recurrent]
)
def test_any_number_of_threads_gives_the_same_bits(make: Callable[..., Any]) -> None:
    with threads(1):
        alone = trained(make)
    for count in (2, 3, 5):
        with threads(count):
            assert trained(make) == alone
