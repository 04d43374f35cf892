"""Anything array-like as NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphkeras import config, tree
from graphkeras.errors import DataError, message
from graphkeras.ir.tensor import Tensor

_PLAIN = "fiub"  # kinds of arrays that hold numbers of NumPy's own
_NUMBERS = (bool, int, float, np.generic)


def is_array_like(x: Any) -> bool:
    """Return whether one leaf is (or can become) an array."""
    return (
        isinstance(x, (np.ndarray, Tensor, *_NUMBERS, str, bytes))
        or hasattr(x, "__array__") or hasattr(x, "to_numpy") or hasattr(x, "toarray")
    )  # fmt: skip


def holds_arrays(structure: Any) -> bool:
    """Return whether all leaves are arrays (or None), so that rows can be picked."""
    leaves = [leaf for leaf in tree.flatten(structure) if leaf is not None]
    return bool(leaves) and all(map(is_array_like, leaves))


def as_arrays(structure: Any) -> Any:
    """Return the structure with arrays for leaves; a list of numbers is one array.

    Example:
        >>> as_arrays({"a": [[1, 2], [3, 4]]})["a"].shape
        (2, 2)
    """
    if type(structure) is np.ndarray and structure.dtype.kind in _PLAIN:
        return structure  # as nearly always where a call takes microseconds
    if type(structure) is dict:
        return {key: as_arrays(child) for key, child in structure.items()}
    if tree.is_nested(structure) and not _is_plain_list(structure):
        if isinstance(structure, Mapping):
            return {key: as_arrays(child) for key, child in structure.items()}
        parts = [as_arrays(child) for child in structure]
        return tuple(parts) if isinstance(structure, tuple) else parts
    if is_frame(structure):
        found = of_frame(structure)
        return map_arrays(lambda a: a[:, None] if a.ndim == 1 else a, found)
    return None if structure is None else as_array(structure)


def is_frame(x: Any) -> bool:
    """Return whether `x` is a table with named columns, as of pandas or polars."""
    return hasattr(x, "to_numpy") and hasattr(x, "columns")


def of_frame(frame: Any) -> Any:
    """Return a matrix of a frame's columns, or text beside numbers: each by its name.

    Raises:
        DataError: for missing values among text, and what is neither text nor number.
    """
    columns = {str(name): array_of(frame[name]) for name in frame.columns}
    if len({column.dtype.kind == "O" for column in columns.values()}) > 1:
        return columns
    whole = np.asarray(frame.to_numpy())
    # Truth beside numbers is an array of objects to pandas, to NumPy it is not.
    mixed = whole.dtype.kind == "O" and bool(columns)
    return array_of(np.stack(list(columns.values()), 1) if mixed else whole)


def _is_plain_list(x: Any) -> bool:
    """Whether a list holds numbers or strings rather than arrays."""
    if not isinstance(x, (list, tuple)):
        return False
    leaves = tree.flatten(x)
    return bool(leaves) and all(isinstance(v, (*_NUMBERS, str, bytes)) for v in leaves)


def as_array(x: Any) -> np.ndarray:
    """Return one array-like as an array; a column of a frame gets a second axis.

    Raises:
        DataError: for what is no array, such as rows of different lengths.
    """
    array = array_of(x)
    return array[:, None] if hasattr(x, "to_numpy") and array.ndim == 1 else array


def array_of(x: Any) -> np.ndarray:
    """Return one array-like as an array; text becomes an array of objects.

    Raises:
        DataError: for what is no array, such as rows of different lengths.
    """
    if isinstance(x, np.ndarray):
        array = x
    elif isinstance(x, Tensor):
        array = x.numpy_view()
    else:
        array = _converted(x)
    if array.dtype.kind in "US":
        return array.astype(object)
    if array.dtype.kind == "O":
        _check_text(array)
    return array


def _check_text(array: np.ndarray) -> None:
    """Raise unless an array of objects holds text only."""
    kinds = set(map(type, array.flat))
    if all(issubclass(kind, (str, bytes)) for kind in kinds):
        return
    known = (*_NUMBERS, str, bytes)
    odd = [i for i, value in enumerate(array.flat) if not isinstance(value, known)]
    texts = [i for i, value in enumerate(array.flat) if isinstance(value, (str, bytes))]
    if not odd:  # numbers; among text, a float that is no number says "missing"
        odd = [i for i, value in enumerate(array.flat) if i not in set(texts)]
    value, place = array.flat[odd[0]], np.unravel_index(odd[0], array.shape)
    among = " among strings" if texts else ""
    missing = value is None or texts or value != value
    raise DataError(
        message(
            "data", "expected numbers or strings in rows of one length.",
            f"an array of objects such as {type(value).__name__}: {value!r:.40} at"
            f" {list(map(int, place))}{among}",
            'Fill missing values, e.g. with "" or 0.' if missing else
            "Pad the rows to one length (keras.utils.pad_sequences).",
        )
    )  # fmt: skip


def _converted(x: Any) -> np.ndarray:
    if hasattr(x, "toarray"):  # scipy.sparse
        return x.toarray()
    if hasattr(x, "to_numpy"):  # pandas, polars
        return x.to_numpy()
    if hasattr(x, "detach"):  # torch
        return x.detach().cpu().numpy()
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise DataError(
            message(
                "data", "expected rows of one length.", str(error),
                "Pad the rows to one length (keras.utils.pad_sequences).",
            )
        ) from None  # fmt: skip
    weak = isinstance(x, (list, tuple, int, float)) and array.dtype == np.float64
    return array.astype(config.floatx()) if weak else array


def map_arrays(function: Callable[[np.ndarray], Any], structure: Any) -> Any:
    """Apply `function` to the arrays of a structure, leaving None."""
    return tree.map_structure(lambda a: None if a is None else function(a), structure)
