"""CIFAR-10: 60,000 small pictures in colour, in ten classes."""

from __future__ import annotations

import numpy as np

from graphkeras.datasets import cifar
from graphkeras.datasets.kept import Parts

HASH = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_FOLDER = "cifar-10-batches-py"


def load_data() -> Parts:
    """Return images (rows, 32, 32, 3) of uint8 and classes (rows, 1).

    50,000 are to train on and 10,000 to test; channels come first if `keras.config`
    says so. The classes are airplane, automobile, bird, cat, deer, dog, frog, horse,
    ship and truck. Source: Krizhevsky (2009).

    Returns:
        (x_train, y_train), (x_test, y_test).
    """
    train = [f"{_FOLDER}/data_batch_{i}" for i in range(1, 6)]
    parts = (train, [f"{_FOLDER}/test_batch"])
    first, second = cifar.read("cifar-10-python.tar.gz", HASH, parts, "labels")
    return (
        (first[0], first[1].astype(np.uint8)),
        (second[0], second[1].astype(np.uint8)),
    )
