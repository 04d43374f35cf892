"""What the MNIST models share: the images, and the run from pixels to a served file.

The files are looked for in the folder given, in ``$GRAPHKERAS_MNIST``, and in
``~/.graphkeras/datasets/mnist``. They are the usual ``train-images-idx3-ubyte.gz`` ...,
packed or not. Without them scikit-learn's 1,797 digits, enlarged to 28 by 28, stand in:
the same models train on them, but the scores are not those of MNIST.
"""

from __future__ import annotations

import argparse
import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

import graphkeras as keras

KEPT = Path("~/.graphkeras/datasets/mnist")


class Images(NamedTuple):
    """Images (n, 28, 28) of uint8 and labels (n,), to train on and to test with."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    real: bool


def load(folder: str | None = None) -> Images:
    """Return MNIST, or its stand-in.

    Raises:
        FileNotFoundError: if a folder was named and holds no MNIST.
    """
    named = folder or os.environ.get("GRAPHKERAS_MNIST")
    place = Path(named or KEPT).expanduser()
    if named or place.is_dir():
        names = ("train-images", "train-labels", "t10k-images", "t10k-labels")
        x_train, y_train, x_test, y_test = (read_idx(place, n) for n in names)
        return Images(x_train, y_train, x_test, y_test, real=True)
    return _enlarged_digits()


def read_idx(folder: Path, name: str) -> np.ndarray:
    """Return one array: four bytes say the rank, then the sizes, then the numbers."""
    found = [*folder.glob(f"{name}*.gz"), *folder.glob(f"{name}*ubyte")]
    if not found:
        raise FileNotFoundError(f"{folder}: no file {name}-idx?-ubyte.gz")
    opener = gzip.open if found[0].suffix == ".gz" else open
    with opener(found[0], "rb") as file:
        data = file.read()
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _enlarged_digits() -> Images:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    small = (pixels.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    large = np.kron(small, np.ones((1, 3, 3), np.uint8))  # each pixel three by three
    large = np.pad(large, ((0, 0), (2, 2), (2, 2)))
    order = np.random.default_rng(0).permutation(len(large))
    train, test = order[:1437], order[1437:]
    return Images(large[train], labels[train], large[test], labels[test], real=False)


def run(
    model: keras.Model, epochs: int, arguments: Sequence[str] | None
) -> dict[str, float]:
    """Train, evaluate, export and serve a compiled model; return the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", help="folder with the four IDX files")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--out", default=f"{model.name}.onnx", help="the file to write")
    options = parser.parse_args(arguments)
    data = load(options.data)
    model.summary()
    model.fit(data.x_train, data.y_train, batch_size=64, epochs=options.epochs)
    loss, accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)
    model.export(options.out)
    predicted = model.predict(data.x_test, verbose=0)
    difference = float(np.abs(predicted - serve(options.out, data.x_test)).max())
    print(f"test accuracy {accuracy:.4f}{'' if data.real else ' (not of MNIST)'}")
    print(f"{options.out}: differs from predict by at most {difference:.1e}")
    return {"loss": loss, "accuracy": accuracy, "difference": difference}


def serve(path: str, images: np.ndarray) -> np.ndarray:
    """Return what onnxruntime makes of raw images."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["digit"], {"image": images})[0]
