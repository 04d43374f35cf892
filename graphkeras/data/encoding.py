"""Arrays as networks take them: one-hot rows, rows of length one, equal lengths."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.data.arrays import array_of
from graphkeras.errors import ArgumentError, DataError, message
from graphkeras.ir.tensor import Tensor


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Return class numbers as one-hot rows.

    Args:
        x: integers of any shape; a last axis of size 1 is dropped.
        num_classes: length of a row, by default the largest number plus one.

    Returns:
        float64, as Keras has it; a tensor (float32) for a tensor.

    Raises:
        ArgumentError: if there are no numbers to tell how many classes there are.
        IndexError: for a number beyond the last class.

    Example:
        >>> to_categorical([0, 2]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    numbers = np.asarray(x).astype(np.int64)
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    if not num_classes and not numbers.size:
        raise ArgumentError(
            message("to_categorical", "expected num_classes.", "no numbers",
                    "Give num_classes where there may be no rows.")
        )  # fmt: skip
    count = num_classes or int(numbers.max()) + 1
    flat = numbers.reshape(-1)
    beyond = flat[(flat < -count) | (flat >= count)]
    if beyond.size:
        raise IndexError(
            message("to_categorical", f"expected classes from 0 to {count - 1}.",
                    f"{beyond[0]}", "Give a larger num_classes.")
        )  # fmt: skip
    rows = np.zeros((len(flat), count))
    rows[np.arange(len(flat)), flat] = 1
    rows = rows.reshape((*numbers.shape, count))
    return Tensor.of(rows, "float32") if isinstance(x, Tensor) else rows


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Return `x` divided by its norm along `axis`; zero stays zero.

    Args:
        x: an array (an array comes back) or anything else (a tensor comes back).
        axis: along which the norm is taken.
        order: of the norm: 2 is the length.

    Example:
        >>> normalize(np.array([[3.0, 4.0]])).tolist()
        [[0.6, 0.8]]
    """
    if not isinstance(x, np.ndarray):
        return ops.normalize(ops.convert_to_tensor(x), axis=axis, order=order)
    norms = np.atleast_1d(np.linalg.norm(x, order, axis))
    norms[norms == 0] = 1
    return x / np.expand_dims(norms, axis)


def pad_sequences(
    sequences: Any, maxlen: int | None = None, dtype: Any = "int32",
    padding: str = "pre", truncating: str = "pre", value: Any = 0.0,
) -> np.ndarray:  # fmt: skip
    """Return sequences of different lengths as one array.

    Args:
        sequences: a list of sequences, of numbers or of rows of one shape.
        maxlen: length of all of them; that of the longest if None.
        dtype: of the array; `object` for strings of any length.
        padding: whether to fill up "pre" (before) or "post" (behind) a sequence.
        truncating: whether to cut off "pre" (its beginning) or "post" (its end).
        value: what to fill up with.

    Returns:
        (sequences, maxlen, ...).

    Raises:
        DataError: for what is no list of sequences, or rows of different shape.
        ArgumentError: for other words than "pre" and "post".

    Example:
        >>> pad_sequences([[1], [2, 3]]).tolist()
        [[0, 1], [2, 3]]
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ArgumentError(
                message("pad_sequences", f'{name} must be "pre" or "post".', repr(side))
            )
    kind = np.dtype(dtype)
    _check_fill(value, kind)
    rows = [_row(sequence, place) for place, sequence in enumerate(_sized(sequences))]
    if not rows and maxlen is None:
        raise DataError(
            message("pad_sequences", "expected maxlen.", "no sequences",
                    "Give maxlen where there may be none.")
        )  # fmt: skip
    shape = next((np.shape(row)[1:] for row in rows if len(row)), ())
    longest = max(map(len, rows), default=0) if maxlen is None else int(maxlen)
    out = np.full((len(rows), longest, *shape), value, kind)
    for place, row in enumerate(rows):
        kept = row[max(len(row) - longest, 0) :] if truncating == "pre" else row
        part = np.asarray(kept[:longest], kind)
        if len(row) and np.shape(row)[1:] != shape:
            raise DataError(
                message("pad_sequences", f"expected rows of shape {list(shape)}.",
                        f"shape {list(np.shape(row)[1:])} in sequence {place}")
            )  # fmt: skip
        start = longest - len(part) if padding == "pre" else 0
        if len(part):
            out[place, start : start + len(part)] = part
    return out


def _sized(sequences: Any) -> Any:
    if isinstance(sequences, Sized):
        return sequences
    raise DataError(
        message("pad_sequences", "expected a list of sequences.",
                type(sequences).__name__, "Make a list of it.")
    )  # fmt: skip


def _row(sequence: Any, place: int) -> Any:
    if hasattr(sequence, "__len__"):
        plain = isinstance(sequence, (list, tuple, np.ndarray))
        return sequence if plain else array_of(sequence)
    raise DataError(
        message("pad_sequences", "expected a list of sequences.",
                f"{sequence!r:.40} at place {place}")
    )  # fmt: skip


def _check_fill(value: Any, kind: np.dtype) -> None:
    if isinstance(value, str) and kind.kind not in "OSU":
        raise ArgumentError(
            message("pad_sequences", f"an array of {kind} takes numbers.", repr(value),
                    "Give dtype=object for strings.")
        )  # fmt: skip
