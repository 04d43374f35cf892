"""Anything array-like as NumPy arrays, and what a batch is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphkeras import config, tree
from graphkeras.errors import ArgumentError, DataError, message
from graphkeras.ir.tensor import Tensor

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
    if tree.is_nested(structure) and not _is_plain_list(structure):
        if isinstance(structure, Mapping):
            return {key: as_arrays(child) for key, child in structure.items()}
        parts = [as_arrays(child) for child in structure]
        return tuple(parts) if isinstance(structure, tuple) else parts
    return None if structure is None else as_array(structure)


def _is_plain_list(x: Any) -> bool:
    """Whether a list holds numbers or strings rather than arrays."""
    if not isinstance(x, (list, tuple)):
        return False
    leaves = tree.flatten(x)
    return bool(leaves) and all(isinstance(v, (*_NUMBERS, str, bytes)) for v in leaves)


def as_array(x: Any) -> np.ndarray:
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
    if (
        array.dtype == object
        and array.size
        and not isinstance(array.flat[0], (str, bytes))
    ):
        raise DataError(
            message(
                "data", "expected numbers or strings in rows of one length.",
                f"an array of objects such as {type(array.flat[0]).__name__}",
                "Pad the rows to one length (keras.utils.pad_sequences).",
            )
        )  # fmt: skip
    return array


def _converted(x: Any) -> np.ndarray:
    if hasattr(x, "toarray"):  # scipy.sparse
        return x.toarray()
    if hasattr(x, "to_numpy"):  # pandas, polars
        array = x.to_numpy()
        return array[:, None] if array.ndim == 1 else array
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


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Split a batch into inputs, targets and weights, None where there are none.

    Raises:
        ArgumentError: if a tuple has more than three parts.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if len(data) > 3:
        raise ArgumentError(
            message(
                "batch", "expected x, (x,), (x, y) or (x, y, sample_weight).",
                f"a tuple of {len(data)}",
            )
        )  # fmt: skip
    x, y, sample_weight = (*data, None, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return a batch as short as can be: x, (x, y) or (x, y, sample_weight).

    Example:
        >>> pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (tuple, list)) else x


def class_weight_to_sample_weights(y: Any, class_weight: Mapping[int, float]) -> Any:
    """Return one weight a sample from the weights of classes, 1 where none is given.

    Args:
        y: (batch,) or (batch, 1) labels, or (batch, classes) one-hot.
        class_weight: weights by label.
    """
    labels = as_array(y)
    if labels.ndim > 1:
        one = labels.shape[-1] == 1
        labels = labels[..., 0] if one else labels.argmax(-1)
    labels = np.round(labels).astype(np.int64)
    found, places = np.unique(labels, return_inverse=True)
    weights = [class_weight.get(int(label), 1.0) for label in found]
    return np.asarray(weights, config.floatx())[places].reshape(labels.shape)


def map_arrays(function: Callable[[np.ndarray], Any], structure: Any) -> Any:
    """Apply `function` to the arrays of a structure, leaving None."""
    return tree.map_structure(lambda a: None if a is None else function(a), structure)
