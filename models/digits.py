"""Handwritten digits, 8 by 8: a convolutional network from raw pixels to a digit.

::

    python -m models.digits

The images are those that come with scikit-learn.
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime

import graphkeras as keras
from graphkeras import layers

Arrays = tuple[np.ndarray, np.ndarray]

TITLE = "Handwritten digits"
INPUT, OUTPUT = "image", "digit"
BATCH, EPOCHS = 32, 20


def load() -> tuple[Arrays, Arrays]:
    """Return images (n, 8, 8) with pixels 0..16 and their labels, to train and test."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8).astype("uint8")
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:1437], order[1437:]
    return (images[train], labels[train]), (images[test], labels[test])


def build(images: np.ndarray) -> keras.Model:
    """Return the compiled model; scaling is its first layer, so it takes raw pixels."""
    image = keras.Input(shape=images.shape[1:], dtype="uint8", name=INPUT)
    x = layers.Rescaling(1.0 / 16)(image)
    x = layers.Reshape((8, 8, 1))(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.25)(x)
    digit = layers.Dense(10, activation="softmax", name=OUTPUT)(x)
    model = keras.Model(image, digit, name="digits")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def serve(path: str, images: np.ndarray) -> np.ndarray:
    """Return what onnxruntime makes of raw images."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run([OUTPUT], {INPUT: images})[0]


def main(path: str = "digits.onnx") -> dict[str, float]:
    """Train, evaluate, export and serve; return the figures."""
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = load()
    model = build(x_train)
    model.summary()
    model.fit(x_train, y_train, batch_size=BATCH, epochs=EPOCHS, validation_split=0.1)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    model.export(path)
    predicted = model.predict(x_test, verbose=0)
    difference = float(np.abs(predicted - serve(path, x_test)).max())
    print(f"test accuracy {accuracy:.4f}")
    print(f"{path}: differs from predict by at most {difference:.1e}")
    return {"accuracy": accuracy, "difference": difference}


if __name__ == "__main__":
    main(*sys.argv[1:])
