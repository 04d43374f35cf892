"""Small helpers on arrays that Keras keeps in `keras.utils`."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Return class numbers as one-hot rows.

    Args:
        x: integers of any shape; a last axis of size 1 is dropped.
        num_classes: length of a row, by default the largest number plus one.

    Example:
        >>> to_categorical([0, 2]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    numbers = np.asarray(x, dtype="int64")
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    count = num_classes or int(numbers.max(initial=-1)) + 1
    return np.eye(count, dtype="float32")[numbers]


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """Return `x` divided by its norm along `axis`; zero stays zero.

    Example:
        >>> normalize(np.array([[3.0, 4.0]])).tolist()
        [[0.6, 0.8]]
    """
    norms = np.atleast_1d(np.linalg.norm(x, order, axis))
    norms[norms == 0] = 1
    return np.asarray(x) / np.expand_dims(norms, axis)
