"""Sorting, the largest k, and places in sorted sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir.definers import composite, require, structured
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import item_of, nondifferentiable
from graphkeras.ir.types import TensorType, normalize_axis
from graphkeras.ops.compare import greater, greater_equal, less
from graphkeras.ops.creation import cast
from graphkeras.ops.index import gather_along_axis, scatter_add_along_axis
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import expand_dims, ndim, ravel

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

# The second result of the two sorts is the room a merge works in; nobody reads it.


def _sorted_type(x: TensorType, *, axis: int) -> tuple[TensorType, TensorType]:
    return x, x.with_shape((x.shape[axis],))


def _argsorted_type(x: TensorType, *, axis: int) -> tuple[TensorType, TensorType]:
    places = x.with_dtype("int32")
    return places, places.with_shape((x.shape[axis],))


def _sorted_vjp(g: Any, y: Any, x: Any) -> Any:
    places, _ = argsort_with_room(x, axis=y.axis)
    return scatter_add_along_axis(places, g[0], axis=y.axis, size=x.shape[y.axis])


def _sorted_onnx(b: Any, y: Any, x: Any) -> Any:
    values, places = _top_k_node(b, x, y.inputs[0].shape[y.axis], y.axis, largest=0)
    out = values if y.op.name == "sort_with_room" else b.cast_to(places, "int32")
    room = y.type[1]
    return out, b.Expand(b.scalar(0, room.dtype), b.shape(room.shape))


def _top_k_node(b: Any, x: Any, count: Dim, axis: int, largest: int) -> Any:
    k = b.shape((count,))
    return b.TopK(x, k, axis=axis, largest=largest, sorted=1, outputs=2)


@structured(infer=_sorted_type, kernel="sort.sort", vjp=_sorted_vjp, onnx=_sorted_onnx)
def sort_with_room(x: Tensor, *, axis: int) -> Any:
    """(x in rising order along `axis`, working room); NaN comes last."""
    return np.sort(x, axis=axis, kind="stable"), np.zeros(x.shape[axis], x.dtype)


@structured(
    infer=_argsorted_type, kernel="sort.argsort", vjp=nondifferentiable,
    onnx=_sorted_onnx,
)  # fmt: skip
def argsort_with_room(x: Tensor, *, axis: int) -> Any:
    """(places that sort x along `axis`, working room); equal elements keep order."""
    return np.argsort(x, axis=axis, kind="stable"), np.zeros(x.shape[axis], "int32")


def _flat_or_axis(x: Any, axis: Any) -> tuple[Any, int]:
    return (ravel(x), 0) if axis is None else (x, normalize_axis(axis, ndim(x)))


@composite()
def sort(x: Tensor, axis: Any = -1) -> Any:
    """Return x in rising order along `axis` (the flat x if None); NaN comes last.

    Example:
        >>> sort(np.array([3, 1, 2]))
        array([1, 2, 3])
    """
    line, axis = _flat_or_axis(x, axis)
    return sort_with_room(line, axis=axis)[0]


@composite()
def argsort(x: Tensor, axis: Any = -1) -> Any:
    """Return the places that put x in rising order along `axis`; stable.

    Example:
        >>> argsort(np.array([3, 1, 2]))
        array([1, 2, 0], dtype=int32)
    """
    line, axis = _flat_or_axis(x, axis)
    return argsort_with_room(line, axis=axis)[0]


@composite()
def argpartition(x: Tensor, kth: int, axis: Any = -1) -> Any:
    """Return places that put the k-th element (here: each one) where it belongs."""
    return argsort(x, axis=axis)


# ---------------------------------------------------------------------- largest k


def _top_k_type(x: TensorType, *, k: Dim) -> tuple[TensorType, TensorType]:
    require(x.rank > 0, "expected at least rank 1")
    size = x.shape[-1]
    known = isinstance(k, int) and isinstance(size, int)
    require(not known or 0 <= k <= size, f"k={k} is not within 0 .. {size}")
    values = x.with_shape((*x.shape[:-1], k))
    return values, values.with_dtype("int32")


def _top_k_vjp(g: Any, y: Any, x: Any) -> Any:
    axis = x.rank - 1
    return scatter_add_along_axis(item_of(y, 1), g[0], axis=axis, size=x.shape[-1])


def _top_k_onnx(b: Any, y: Any, x: Any) -> Any:
    values, places = _top_k_node(b, x, y.k, -1, largest=1)
    return values, b.cast_to(places, "int32")


@structured(infer=_top_k_type, kernel="sort.top_k", vjp=_top_k_vjp, onnx=_top_k_onnx)
def top_k_pair(x: Tensor, *, k: int) -> Any:
    """(values, places) of the largest k along the last axis, in falling order."""
    rank = np.argsort(-_ordered(x), axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, rank, -1), rank.astype("int32")


def _ordered(x: np.ndarray) -> np.ndarray:
    """Numbers of the same order that may be negated; NaN is the largest."""
    ranks = np.unique(x, return_inverse=True, equal_nan=True)[1]
    return np.asarray(ranks).reshape(x.shape)


@composite()
def top_k(x: Tensor, k: int, sorted: bool = True) -> Any:
    """Return (values, places) of the largest k along the last axis.

    Of equal elements the one with the lower place comes first.

    Example:
        >>> top_k(np.array([1.0, 4.0, 3.0], "float32"), 2)
        (array([4., 3.], dtype=float32), array([1, 2], dtype=int32))
    """
    return top_k_pair(x, k=k)


@composite()
def in_top_k(targets: Tensor, predictions: Tensor, k: int) -> Any:
    """Return whether each target class is among the k most likely of its row.

    Ties are counted in the target's favour.

    Example:
        >>> in_top_k(np.array([2, 0]), np.array([[.1, .3, .6], [.1, .3, .6]]), 2)
        array([ True, False])
    """
    place = expand_dims(cast(targets, "int32"), -1)
    mine = gather_along_axis(predictions, place, axis=ndim(predictions) - 1)
    better = cast(greater(predictions, mine), "int32")
    return less(sum(better, axis=-1), k)


# ------------------------------------------------------- places in sorted sequences


@composite()
def searchsorted(sorted_sequence: Tensor, values: Tensor, side: str = "left") -> Any:
    """Return how many elements of a sorted vector lie before each value.

    Args:
        sorted_sequence: (n,) in rising order.
        values: numbers of any shape.
        side: "left" counts elements < value, "right" elements <= value.

    Example:
        >>> searchsorted(np.array([1, 3, 5]), np.array([3, 4]))
        array([1, 2], dtype=int32)
    """
    require(ndim(sorted_sequence) == 1, "searchsorted: expected a vector")
    wide = expand_dims(values, -1)
    compare = greater if side == "left" else greater_equal
    return sum(cast(compare(wide, sorted_sequence), "int32"), axis=-1)


@composite()
def digitize(x: Tensor, bins: Tensor) -> Any:
    """Return the number of the bin of each element: how many edges are <= x.

    Example:
        >>> digitize(np.array([0.5, 1.0, 9.0]), np.array([1.0, 2.0]))
        array([0, 1, 2], dtype=int32)
    """
    return searchsorted(bins, x, side="right")
