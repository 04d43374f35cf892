"""One element of a data set: arrays in tuples and dicts, put together and described."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkeras import config, dtypes, tree
from graphkeras.data.arrays import array_of, is_frame, of_frame
from graphkeras.errors import DataError, message
from graphkeras.ir.tensor import Tensor

_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape and dtype of an array that is not there yet.

    Args:
        shape: sizes of the axes, None where they vary; None if nothing is known.
        dtype: name of the dtype.

    Example:
        >>> TensorSpec((None, 28, 28), "uint8")
        TensorSpec(shape=(None, 28, 28), dtype='uint8')
    """

    shape: tuple[int | None, ...] | None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.shape is not None:
            object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "dtype", dtypes.standardize(self.dtype))

    @classmethod
    def of(cls, array: np.ndarray) -> TensorSpec:
        """Return the spec of an array."""
        return cls(array.shape, dtypes.of_array(array))

    def stacked(self, size: int | None) -> TensorSpec:
        """Return the spec of `size` such arrays, along a new first axis."""
        shape = self.shape
        return TensorSpec(None if shape is None else (size, *shape), self.dtype)

    def row(self) -> TensorSpec:
        """Return the spec of one row of such an array."""
        return TensorSpec(self.shape and self.shape[1:], self.dtype)

    def takes(self, array: np.ndarray) -> bool:
        """Return whether an array has this shape."""
        if self.shape is None:
            return True
        sizes = zip(self.shape, array.shape)
        fits = all(size in (None, have) for size, have in sizes)
        return len(self.shape) == array.ndim and fits


def as_element(value: Any) -> Any:
    """Return tuples and dicts of arrays; anything else, lists too, is one array.

    Python's integers become int32 and its floats the default float, as in Keras.

    Raises:
        DataError: for what is no array, such as rows of different lengths.

    Example:
        >>> as_element(([1, 2], "text"))
        (array([1, 2], dtype=int32), array('text', dtype=object))
    """
    if isinstance(value, Mapping):
        return {key: as_element(child) for key, child in value.items()}
    if isinstance(value, tuple):
        parts = [as_element(child) for child in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if is_frame(value):
        return of_frame(value)
    return None if value is None else _as_leaf(value)


def _as_leaf(value: Any) -> np.ndarray:
    if isinstance(value, list):
        if not any(hasattr(leaf, "shape") for leaf in tree.flatten(value)):
            return _narrowed(array_of(value))
        return _stack([_as_leaf(list(v) if isinstance(v, tuple) else v) for v in value])
    if isinstance(value, (bool, int, float)):
        return _narrowed(array_of(value))
    return array_of(value)


def _narrowed(array: np.ndarray) -> np.ndarray:
    """What Python's numbers become: int32 if they fit, the default float."""
    if array.dtype == np.float64:
        return array.astype(dtypes.to_numpy(config.floatx()))
    if array.dtype != np.int64 or array.size == 0:
        return array
    fits = _INT32.min <= array.min() and array.max() <= _INT32.max
    return array.astype(np.int32) if fits else array


def stacked(elements: Sequence[Any]) -> Any:
    """Return one element whose arrays hold those of `elements` along a new first axis.

    Raises:
        DataError: if they differ in structure, shape or kind.
    """
    return _combined(elements, _stack)


def _combined(elements: Sequence[Any], combine: Callable[[Sequence[Any]], Any]) -> Any:
    first = elements[0]
    if not tree.is_nested(first):
        return combine(elements)
    for other in elements:
        if not tree.same_structure(first, other):
            raise DataError(
                message(
                    "batch", "elements must have one structure.",
                    f"{_shapes(first)} and {_shapes(other)}",
                    "Let the map or generator before it return the same each time.",
                )
            )  # fmt: skip
    columns = zip(*map(tree.flatten, elements))
    return tree.pack_like(first, [combine(column) for column in columns])


def _shapes(element: Any) -> Any:
    return map_leaves(lambda a: list(a.shape), element)


def _stack(parts: Sequence[Any]) -> Any:
    if any(part is None for part in parts):
        return _nothing(parts)
    kinds = {part.dtype for part in parts}
    if len({part.shape for part in parts}) > 1:
        first = parts[0].shape
        other = next(part.shape for part in parts if part.shape != first)
        raise DataError(
            message(
                "batch", "elements must have one shape.",
                f"{list(first)} and {list(other)}",
                "Bring them to one size by a map, or use padded_batch.",
            )
        )  # fmt: skip
    out = np.stack(parts)
    if len(kinds) > 1:
        return out.astype(dtypes.to_numpy(_meeting_of(kinds)))
    return out


def _nothing(parts: Sequence[Any]) -> None:
    if all(part is None for part in parts):
        return
    raise DataError(
        message("batch", "elements must be alike.", "None for some of them",
                "Leave it out everywhere, or give an array everywhere.")
    )  # fmt: skip


def _meeting_of(kinds: set[np.dtype]) -> str:
    return dtypes.result_type(*sorted(dtypes.standardize(kind) for kind in kinds))


def padded(elements: Sequence[Any], shapes: Any = None, values: Any = None) -> Any:
    """Return `stacked` elements, each first made as large as the largest.

    Args:
        elements: elements of one structure.
        shapes: the size of each axis, None or -1 for the largest of these elements;
            None for the largest everywhere.
        values: what to fill up with, one for all or one for each array: 0 or "".
    """
    first = elements[0]
    count = len(tree.flatten(first))
    wanted = _spread(shapes, first, count)
    fills = _spread(values, first, count)
    rest = iter(zip(wanted, fills))
    return _combined(elements, lambda parts: _pad(parts, *next(rest)))


def _spread(given: Any, element: Any, count: int) -> list[Any]:
    """One setting for each array: a structure of settings, or the same for all."""
    if not isinstance(element, (tuple, Mapping)):
        return [given]
    if isinstance(given, Mapping):
        return [given[key] for key in tree.sorted_keys(given)]
    if isinstance(given, tuple) and len(given) == count:
        return list(given)
    return [given] * count


def _pad(parts: Sequence[np.ndarray], shape: Any, value: Any) -> np.ndarray:
    ranks = {part.ndim for part in parts}
    if len(ranks) > 1:
        raise DataError(
            message("padded_batch", "elements must have one rank.",
                    f"ranks {sorted(ranks)}")
        )  # fmt: skip
    largest = np.max([part.shape for part in parts], axis=0).astype(int).tolist()
    given = [None] * len(largest) if shape is None else list(shape)
    size = tuple(
        most if g in (None, -1) else int(g)
        for g, most in zip(given, largest, strict=True)
    )
    if any(most > limit for most, limit in zip(largest, size)):
        raise DataError(
            message(
                "padded_batch", f"elements must fit into padded_shapes {list(size)}.",
                f"an element of shape {largest}", "Give larger sizes, or None.",
            )
        )  # fmt: skip
    kind = parts[0].dtype
    blank = "" if kind.kind == "O" else 0
    out = np.full((len(parts), *size), blank if value is None else value, kind)
    for place, part in enumerate(parts):
        corner: tuple[Any, ...] = (place, *(slice(size) for size in part.shape))
        out[corner] = part
    return out


def rows(element: Any, numbers: Any) -> Any:
    """Return those rows of every array: a number gives one, a slice or list several."""
    return map_leaves(lambda a: np.asarray(a[numbers], a.dtype), element)


def length(who: str, element: Any) -> int:
    """Return the number of rows of all arrays.

    Raises:
        DataError: if there are none, or they differ.
    """
    pairs = [(p, a) for p, a in tree.flatten_with_path(element) if a is not None]
    if not pairs or any(a.ndim == 0 for _, a in pairs):
        raise DataError(
            message(who, "expected arrays with rows.", "no array" if not pairs else
                    "a single number or text")
        )  # fmt: skip
    lengths = {len(a) for _, a in pairs}
    if len(lengths) > 1:
        listed = ", ".join(f"{list(path)}: {len(a)}" for path, a in pairs)
        raise DataError(
            message(who, "all arrays must have the same number of rows.", listed,
                    "Cut or repeat them to one length.")
        )  # fmt: skip
    return lengths.pop()


def tensors(element: Any) -> Any:
    """Return the element as users see it: tensors in place of arrays."""
    return map_leaves(_tensor, element)


def _tensor(array: np.ndarray) -> Tensor:
    """A tensor whose array cannot be written to: it may be a part of the user's."""
    view = array.view()
    view.flags.writeable = False
    return Tensor(None, view)


def map_leaves(function: Callable[..., Any], *structures: Any) -> Any:
    """Apply `function` to the leaves of structures, leaving None."""
    return tree.map_structure(
        lambda *leaves: None if leaves[0] is None else function(*leaves), *structures
    )


def spec_of(element: Any) -> Any:
    """Return the TensorSpec of each array."""
    return map_leaves(TensorSpec.of, element)
