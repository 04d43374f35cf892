"""MNIST by a multilayer perceptron: raw pixels in, 97% right after three epochs.

::

    python -m models.mnist_mlp --data FOLDER
"""

from __future__ import annotations

from collections.abc import Sequence

import graphkeras as keras
from graphkeras import layers
from models.mnist import run

TARGET = 0.97  # of MNIST's test images, after EPOCHS
EPOCHS = 3


def build() -> keras.Model:
    """Return the compiled model; scaling the pixels is its first layer."""
    image = keras.Input(shape=(28, 28), dtype="uint8", name="image")
    x = layers.Rescaling(1.0 / 255)(image)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dense(128, activation="relu")(x)
    digit = layers.Dense(10, activation="softmax", name="digit")(x)
    model = keras.Model(image, digit, name="mnist_mlp")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Train, evaluate, export and serve the model; return the figures."""
    keras.utils.set_random_seed(0)
    return run(build(), EPOCHS, arguments)


if __name__ == "__main__":
    main()
