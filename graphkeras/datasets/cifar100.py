"""CIFAR-100: 60,000 small pictures in colour, in 100 classes or 20 groups of them."""

from __future__ import annotations

from graphkeras.datasets import cifar
from graphkeras.datasets.kept import Parts
from graphkeras.errors import ArgumentError, message

HASH = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode: str = "fine") -> Parts:
    """Return images (rows, 32, 32, 3) of uint8 and classes (rows, 1).

    50,000 are to train on and 10,000 to test; channels come first if `keras.config`
    says so. Source: Krizhevsky (2009).

    Args:
        label_mode: "fine" for 100 classes, "coarse" for 20.

    Returns:
        (x_train, y_train), (x_test, y_test).
    """
    if label_mode not in ("fine", "coarse"):
        raise ArgumentError(
            message("load_data", 'label_mode must be "fine" or "coarse".',
                    repr(label_mode))
        )  # fmt: skip
    parts = (["cifar-100-python/train"], ["cifar-100-python/test"])
    key = f"{label_mode}_labels"
    train, test = cifar.read("cifar-100-python.tar.gz", HASH, parts, key)
    return train, test
