"""Memory of the CPU: aligned arrays, and the addresses compiled code is given."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from ctypes import addressof, c_char
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import DTypeError, message

ALIGNMENT = 64  # bytes: one cache line, one AVX-512 vector
SMALL = 4096  # bytes: in so few it does not matter where they start


def aligned(nbytes: int) -> np.ndarray:
    """Return `nbytes` bytes that start on a cache line; not initialised."""
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -address(raw) % ALIGNMENT
    return raw[start : start + nbytes]


def empty(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Return an array in C order, aligned unless it is small; not initialised."""
    return placed(shape, dtype)[0]


def placed(shape: Sequence[int], dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Return an array as of `empty`, and where its elements begin."""
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes <= SMALL:
        small = np.empty(shape, dtype)
        return small, address(small)
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    first = address(raw)
    ahead = -first % ALIGNMENT
    return np.ndarray(shape, dtype, raw, ahead), first + ahead


def address(array: np.ndarray) -> int:
    """Return where the elements of an array begin."""
    try:  # a fifth of the time that `array.ctypes` takes
        return addressof(c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # read-only, empty, or a dtype of ml_dtypes
        return array.ctypes.data


def place_of(array: np.ndarray) -> int | None:
    """Return where the elements begin if they are in C order and can be written."""
    try:
        return addressof(c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def addresses(arrays: Sequence[np.ndarray]) -> list[int]:
    """Return where the elements of each array begin."""
    return [address(array) for array in arrays]


def as_input(array: Any, dtype: np.dtype) -> np.ndarray:
    """Return an array of that dtype in C order; values are cast as by `astype`."""
    if type(array) is np.ndarray and array.dtype == dtype and array.flags.c_contiguous:
        return array
    with np.errstate(all="ignore"):
        return np.require(np.asarray(array), dtype, "C")


def apart(inputs: list[np.ndarray], taken: Collection[int]) -> list[np.ndarray]:
    """Return the inputs, copies of those that lie at addresses taken by the state."""
    return [a.copy() if address(a) in taken else a for a in inputs]


def as_source(name: str, array: Any) -> np.ndarray:
    """Return an array whose rows compiled code can read in place.

    Raises:
        DTypeError: if it holds no numbers.
    """
    found = np.require(np.asarray(array), requirements="C")
    if not found.dtype.isnative:
        found = found.astype(found.dtype.newbyteorder("="))
    try:
        held = dtypes.of_array(found)
    except DTypeError:
        held = "string"
    if held == "string":
        raise DTypeError(
            message(
                name, "expected numbers.", f"an array of dtype {found.dtype}",
                "Turn it into numbers, or use a layer that takes strings.",
            )
        )  # fmt: skip
    return found
