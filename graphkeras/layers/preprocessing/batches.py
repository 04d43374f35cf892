"""What data `adapt` takes: an array of everything, or batches one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphkeras.data.arrays import is_frame, of_frame
from graphkeras.errors import DataError, DTypeError, message


def is_whole(data: Any) -> bool:
    """Return whether `data` is an array, or a list, tuple or frame that makes one."""
    plain = isinstance(data, (list, tuple)) or hasattr(data, "__array__")
    return plain or hasattr(data, "to_numpy")


def batches_of(who: str, data: Any, steps: int | None) -> Iterator[Any]:
    """Yield `data` if it is an array, else its first `steps` batches, inputs only.

    Raises:
        DataError: if it is neither an array nor an iterable.
    """
    if is_whole(data):
        yield _of_columns(who, data) if is_frame(data) else data
        return
    if isinstance(data, (str, bytes)) or not (
        hasattr(data, "__iter__") or hasattr(data, "__getitem__")
    ):
        raise DataError(
            message(
                who, "adapt expected an array, a list or batches.", f"{data!r:.60}",
                "Put a single value into a list.",
            )
        )  # fmt: skip
    for batch in itertools.islice(data, steps):
        yield inputs_of(batch)


def _of_columns(who: str, frame: Any) -> np.ndarray:
    found = of_frame(frame)
    if isinstance(found, dict):
        raise DataError(
            message(who, "adapt expected columns of one kind.", "text and numbers",
                    'Adapt to one column at a time: layer.adapt(frame[["name"]]).')
        )  # fmt: skip
    return found


def inputs_of(batch: Any) -> Any:
    """Return the inputs of a batch that may hold targets too."""
    pair = isinstance(batch, list) and batch and hasattr(batch[0], "shape")
    return batch[0] if isinstance(batch, tuple) or pair else batch


def strings_of(data: Any) -> np.ndarray:
    """Return texts as an array of strings of any kind; no data counts as no text.

    Raises:
        DTypeError: for numbers.
    """
    plain = isinstance(data, (str, bytes, list, tuple))
    # As objects: NumPy's own kind is slow to make, and drops zeros at the end.
    array = np.array(data, object) if plain else np.asarray(data)
    if not array.size:
        return array.astype(object)
    if array.dtype.kind not in "OUST":
        raise DTypeError(
            message(
                "", "expected strings.", str(array.dtype),
                'Declare the input as keras.Input((), dtype="string").',
            )
        )  # fmt: skip
    return array


def plain_as_array(data: Any) -> Any:
    """Return a number of Python, or lists of such, as an array; all else as it is.

    Fractions are float32 and whole numbers int32, if they fit, as everywhere.

    Raises:
        DataError: for rows of several lengths.
    """
    first = data
    while isinstance(first, (list, tuple)):
        if not first:
            return np.asarray(data, "float32")
        first = first[0]
    if not isinstance(first, (bool, int, float)):
        return data
    try:
        array = np.asarray(data)
    except ValueError:
        raise DataError(
            message("", "expected numbers in rows of one length.", f"{data!r:.60}",
                    "Pad the rows, or pass them one by one.")
        ) from None  # fmt: skip
    fits = array.dtype == np.int64 and (array == array.astype(np.int32)).all()
    kind = "float32" if array.dtype == np.float64 else "int32" if fits else None
    return array.astype(kind or array.dtype, copy=False)


def numbers_of(data: Any) -> np.ndarray:
    """Return numbers as an array.

    Raises:
        DTypeError: for anything but numbers.
    """
    array = np.asarray(data)
    if array.size and array.dtype.kind not in "biuf":
        raise DTypeError(
            message("", "expected integers.", f"{array.ravel()[0]!r}",
                    "Use StringLookup for words, and fill missing values.")
        )  # fmt: skip
    return array


def integers_of(data: Any) -> np.ndarray:
    """Return numbers to learn from as int64; fractions are cut off.

    Raises:
        DTypeError: for anything but numbers.
        DataError: for NaN and infinite numbers.
    """
    array = numbers_of(data)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(
            message("", "expected integers.", "NaN or infinity",
                    "Fill missing values beforehand.")
        )  # fmt: skip
    return array.astype(np.int64)
