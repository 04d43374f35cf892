"""Tables: from words or integers to numbers, or back to words."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, DataError, message
from graphkeras.ir.definers import composite, require, structured
from graphkeras.ir.op import Host, nondifferentiable
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import ConstantData
from graphkeras.ops.compare import equal, greater_equal, less, logical_or, where
from graphkeras.ops.creation import cast, dtype_of, full
from graphkeras.ops.index import scatter_add_along_axis
from graphkeras.ops.math import minimum
from graphkeras.ops.shape import expand_dims, moveaxis, ndim, reshape, shape_of

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

_FAR = 2**62  # a place in no table


def _canonical(x: TensorType, **attrs: Any) -> dict[str, Any]:
    for name in ("keys", "values"):
        table = attrs.get(name)
        if table is not None and not isinstance(table, ConstantData):
            attrs[name] = ConstantData.of(_table(table))
    return {"default": None, **attrs}


def _table(entries: Any) -> np.ndarray:
    array = np.asarray(entries)
    return array.astype(object if array.dtype.kind in "OUS" else np.int64)


def _type(
    x: TensorType, *, keys: ConstantData | None, values: ConstantData, default: Any
) -> TensorType:
    kind = "string" if keys is None else dtypes.of_array(keys.array)
    require(keys is None or x.dtype == kind, f"expected {kind}")
    return x.with_dtype(dtypes.of_array(values.array))


@lru_cache(maxsize=32)
def _entries(keys: ConstantData | None, values: ConstantData) -> dict[Any, Any]:
    if keys is None:
        refuse_no_table()
    assert keys is not None
    return dict(zip(keys.array.tolist(), values.array.tolist(), strict=True))


def refuse_no_table() -> None:
    """Say what is to be done first.

    Raises:
        ArgumentError: always.
    """
    raise ArgumentError(
        message(
            "lookup", "expected a vocabulary.", "none",
            "Call adapt(data) or set_vocabulary(words) before the model runs.",
        )
    )  # fmt: skip


def _kind(array: np.ndarray) -> str:
    return "strings" if array.dtype == object else "int64s"


def _onnx(b: Any, y: Any, x: Any) -> Any:
    """LabelEncoder; where every key must be known, a read past a table's end fails."""
    entries = _entries(y.keys, y.values)
    strict = y.default is None
    default = _FAR if strict else y.default
    names = {
        f"keys_{_kind(y.keys.array)}": [*entries],
        f"values_{_kind(y.values.array)}": [*entries.values()],
        f"default_{_kind(y.values.array)[:-1]}": default,
    }
    found = b.LabelEncoder(x, domain="ai.onnx.ml", **names)
    if not strict:
        return found
    places = np.arange(max(entries.values()) + 1, dtype=np.int64)
    return b.Gather(b.constant(places), found, axis=0)


@structured(
    infer=_type, kernel=Host("host_ops.look_up"), vjp=nondifferentiable, onnx=_onnx,
    canonical=_canonical,
)  # fmt: skip
def look_up(x: Tensor, *, keys: Any, values: Any, default: Any = None) -> Any:
    """Return the value beside each key.

    Args:
        x: strings or int64 of any shape.
        keys: different strings or integers; None as long as there is no table, for
            tracing: running it is an error.
        values: as many integers or strings.
        default: value of an unknown key; None makes it an error (not to be used with
            values that are strings).

    Returns:
        int64 or strings of the shape of `x`.

    Raises:
        DataError: for an unknown key without a default.

    Example:
        >>> look_up(np.array(["b", "c"], object), keys=["a", "b"], values=[5, 6],
        ...         default=0)
        array([6, 0])
    """
    entries = _entries(keys, values)
    unknown = [k for k in np.ravel(x).tolist() if k not in entries]
    if unknown and default is None:
        refuse_unknown(unknown)
    found = np.frompyfunc(lambda key: entries.get(key, default), 1, 1)(x)
    return np.asarray(found).astype(values.array.dtype)


def refuse_unknown(words: Any) -> None:
    """Say which words are in no vocabulary.

    Raises:
        DataError: always.
    """
    raise DataError(
        message(
            "lookup", "expected only words of the vocabulary.",
            ", ".join(map(repr, dict.fromkeys(words[:5]))),
            "num_oov_indices=1 gives all others an id of their own.",
        )
    )  # fmt: skip


# --------------------------------------------------------------------------- encoding


@composite()
def count_classes(x: Tensor, weights: Tensor | None = None, *, depth: int) -> Any:
    """Return how often each class occurs in a row; other numbers are not counted.

    No table of ones is made, so that long texts and large vocabularies fit.

    Args:
        x: integers; a row lies along axis 1, or along the only axis.
        weights: of the shape of `x`: added instead of 1.
        depth: number of classes, the size of a new last axis.

    Returns:
        int64, or the dtype of the weights.

    Example:
        >>> count_classes(np.array([[1, 1, 7], [0, 2, -1]]), depth=3)
        array([[0, 2, 0],
               [1, 0, 1]])
    """
    ids = cast(x, "int64")
    outside = logical_or(less(ids, 0), greater_equal(ids, depth))
    ids = where(outside, depth, ids)  # a spare class, cut off below
    ones = full(shape_of(ids), 1, "int64") if weights is None else weights
    if ndim(ids) > 2:
        ids, ones = moveaxis(ids, 1, -1), moveaxis(ones, 1, -1)
    counts = scatter_add_along_axis(ids, ones, axis=ndim(ids) - 1, size=depth + 1)
    return counts[..., :depth]


@composite()
def encode_classes(
    x: Tensor, weights: Tensor | None = None, *, mode: str, depth: int, dtype: str
) -> Any:
    """Encode integers in one of Keras's output modes.

    Args:
        x: integers of any shape.
        weights: for "count": of the shape of `x`, added instead of 1.
        mode: "int": as they are; "one_hot": each along an axis of its own, in the place
            of a last axis of size 1; "multi_hot": which occur in a row; "count": how
            often.
        depth: number of classes; other numbers give zeros.
        dtype: of the result.

    Example:
        >>> encode_classes(np.array([[2, 2]]), mode="multi_hot", depth=3, dtype="int32")
        array([[0, 0, 1]], dtype=int32)
    """
    if mode == "int":
        return cast(x, dtype)
    ids = x if ndim(x) else reshape(x, (1,))
    if mode == "one_hot":
        sizes = shape_of(ids)
        if len(sizes) > 1 and sizes[-1] == 1:
            ids = reshape(ids, sizes[:-1])
        columns = expand_dims(cast(ids, "int64"), -1)
        return cast(equal(columns, np.arange(depth, dtype=np.int64)), dtype)
    counts = count_classes(ids, weights, depth=depth)
    if mode == "multi_hot":
        counts = minimum(counts, 1)
    return counts if dtype_of(counts) == dtype else cast(counts, dtype)
