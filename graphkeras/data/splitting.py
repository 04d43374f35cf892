"""One data set made two: to train and to test."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphkeras import config
from graphkeras.data import elements
from graphkeras.data.dataset import Dataset
from graphkeras.data.steps import Batch, Prefetch
from graphkeras.errors import ArgumentError, DataError, DTypeError, message

_WHO = "split_dataset"


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Return two data sets: the first part of one, and the last.

    It is read once, into memory. Batches are split into their rows, and both parts are
    batched again.

    Args:
        dataset: an array, a list or tuple of arrays of one length, or a data set:
            `keras.data.Dataset`, tf.data, torch or anything that iterates.
        left_size: rows of the first part: a number, or a share within (0, 1).
        right_size: rows of the last part; what is left if None.
        shuffle: whether rows change places before.
        seed: decides how.
        preferred_backend: taken for Keras's sake.

    Returns:
        (left, right), each a `keras.data.Dataset`.

    Raises:
        ArgumentError: for sizes that leave a part empty, or are more than there is.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.7)
        >>> len(left), len(right)
        (7, 3)
    """
    arrays, batch = _arrays(dataset)
    count = elements.length(_WHO, arrays)
    left, right = _sizes(left_size, right_size, count)
    order = list(range(count))
    if shuffle:
        random.Random(config.draw_seed() if seed is None else seed).shuffle(order)
    parts = []
    for chosen in (slice(left), slice(count - right, None)):
        rows = np.asarray(order[chosen]) if shuffle else chosen
        part = Dataset.from_tensor_slices(elements.rows(arrays, rows))
        parts.append(part.batch(batch) if batch else part)
    return parts[0], parts[1]


def _arrays(dataset: Any) -> tuple[Any, int | None]:
    """Return all rows as arrays, and how many of them a batch had."""
    if isinstance(dataset, (str, bytes)):
        raise _not_data(dataset)
    if isinstance(dataset, (np.ndarray, list, tuple)):
        parts = dataset if isinstance(dataset, np.ndarray) else tuple(dataset)
        return elements.as_element(parts), None
    if isinstance(dataset, Dataset):
        size = _batch_size(dataset)
        with (dataset.unbatch() if size else dataset)._step.open() as items:
            return _stacked(list(items)), size
    size = getattr(dataset, "_batch_size", None)  # as tf.data keeps it
    if size is not None:
        dataset = dataset.unbatch()
    elif not isinstance(dataset, Iterable):
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise _not_data(dataset)
        numbered = dataset  # as torch has them
        dataset = (numbered[i] for i in range(len(numbered)))
    return _stacked([elements.as_element(item) for item in dataset]), size and int(size)


def _not_data(given: Any) -> DTypeError:
    return DTypeError(
        message(_WHO, "expected arrays or a data set.", type(given).__name__,
                "Give an array, a tuple of arrays, or something that iterates.")
    )  # fmt: skip


def _stacked(rows: list[Any]) -> Any:
    if not rows:
        raise DataError(message(_WHO, "expected data.", "an empty data set"))
    return elements.stacked(rows)


def _batch_size(dataset: Dataset) -> int | None:
    step = dataset._step
    while isinstance(step, Prefetch):
        step = step.source
    return step.size if isinstance(step, Batch) else None


def _sizes(left: Any, right: Any, count: int) -> tuple[int, int]:
    """Return the rows of both parts."""
    if left is None and right is None:
        raise ArgumentError(
            message(_WHO, "expected left_size or right_size.", "neither",
                    "Give a number of rows, or a share within (0, 1).")
        )  # fmt: skip
    found = [
        _size(name, size, count)
        for name, size in (("left_size", left), ("right_size", right))
    ]
    first = count - (found[1] or 0) if found[0] is None else found[0]
    last = count - first if found[1] is None else found[1]
    if first < 1 or last < 1 or first + last > count:
        raise ArgumentError(
            message(_WHO, f"both parts must have rows, together {count} at most.",
                    f"left_size={left}, right_size={right}: {first} and {last} rows")
        )  # fmt: skip
    return first, last


def _size(name: str, size: Any, count: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, (int, float)):
        raise DTypeError(
            message(_WHO, f"{name} must be an int, a float or None.",
                    type(size).__name__)
        )  # fmt: skip
    fits = 0 < size < (1 if isinstance(size, float) else count)
    if not fits:
        raise ArgumentError(
            message(_WHO, f"{name} must be below {count} rows, or a share in (0, 1).",
                    f"{name}={size}")
        )  # fmt: skip
    return round(size * count) if isinstance(size, float) else size
