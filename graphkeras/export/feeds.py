"""What to run a file on: the user's arrays, or random ones that fit its inputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ExportError, message
from graphkeras.export.check import (
    FREE_SIZES,
    INTEGER_LIMITS,
    arrays_by_order,
    random_array,
)
from graphkeras.export.nodes import DTYPE_NAMES
from graphkeras.ir import dims
from graphkeras.ir.op import as_dtype
from graphkeras.ir.types import TensorType

Feeds = dict[str, np.ndarray]
Types = Mapping[str, TensorType]


def input_types(model: Any) -> dict[str, TensorType]:
    """Return the type of each input of an `onnx.ModelProto`, by name.

    Raises:
        ExportError: for an input that is no tensor of a known dtype and rank.
    """
    weights = {t.name for t in model.graph.initializer}
    return {
        v.name: _type_of(v) for v in model.graph.input if v.name not in weights
    }  # fmt: skip


def _type_of(value: Any) -> TensorType:
    tensor = value.type.tensor_type
    dtype = DTYPE_NAMES.get(tensor.elem_type)
    if dtype is None or not tensor.HasField("shape"):
        raise ExportError(
            message(
                f"input {value.name!r}", "expected a tensor of known dtype and rank.",
                value.type.WhichOneof("value") or "one of no type",
                "Other inputs cannot be fed here.",
            )
        )  # fmt: skip
    sizes = [
        dim.dim_value if dim.HasField("dim_value")
        else dims.symbol(dim.dim_param or ("batch" if i == 0 else f"{value.name}/{i}"))
        for i, dim in enumerate(tensor.shape.dim)
    ]  # fmt: skip
    return TensorType(dtype, tuple(sizes))


def given_feeds(samples: Any, types: Types) -> Feeds:
    """Return the user's arrays by the names of the inputs, in their dtypes.

    Raises:
        ExportError: if names, ranks or sizes do not fit.
    """
    arrays = arrays_by_order(samples, list(types))
    feeds = {}
    for (name, type_), array in zip(types.items(), arrays, strict=True):
        try:
            feeds[name] = as_dtype(array, type_.dtype)
        except (ValueError, TypeError) as error:
            raise _misfit(name, type_, str(error)) from error
        _check_shape(name, type_, feeds[name])
    return feeds


def _check_shape(name: str, type_: TensorType, array: np.ndarray) -> None:
    pairs = zip(array.shape, type_.shape, strict=False)
    sizes = all(isinstance(n, dims.SymbolicDim) or m == n for m, n in pairs)
    if array.ndim != type_.rank or not sizes or not array.size:
        raise _misfit(name, type_, f"{array.dtype}{[*array.shape]}")


def _misfit(name: str, type_: TensorType, received: str) -> ExportError:
    return ExportError(
        message(
            f"data for the input {name!r}", f"expected an array {type_}.", received,
            "Its first axis counts the samples.",
        )
    )  # fmt: skip


def batches(feeds: Feeds, types: Types, rows: int) -> Iterator[Feeds]:
    """Yield the feeds in parts of so many rows; whole if the batch is not free."""
    free = all(t.shape and isinstance(t.shape[0], dims.SymbolicDim)
               for t in types.values())  # fmt: skip
    counts = {len(array) for array in feeds.values() if array.ndim}
    if not free or len(counts) != 1:
        yield feeds
        return
    for start in range(0, counts.pop(), rows):
        yield {name: array[start : start + rows] for name, array in feeds.items()}


def random_feeds(
    types: Types, rows: int, seed: int = 0, limits: Mapping[str, int] | None = None
) -> Iterator[Feeds]:
    """Yield random inputs, each time of other sizes, until some of them suit a model.

    Args:
        types: of the inputs.
        rows: size of the batch.
        seed: of the numbers.
        limits: inputs that are indices, with the size of their table.
    """
    firsts = {s for t in types.values() if t.shape for s in dims.symbols(t.shape[0])}
    names = sorted(
        {s for t in types.values() for d in t.shape for s in dims.symbols(d)}
    )
    free_sizes = FREE_SIZES if {*names} - firsts else FREE_SIZES[:1]
    known = limits or {}
    for free, limit in itertools.product(free_sizes, INTEGER_LIMITS):
        rng = np.random.default_rng(seed)
        sizes = {n: rows if n in firsts else free + i for i, n in enumerate(names)}
        yield {
            name: random_array(
                type_, sizes, known.get(name, limit), rng, whole=name in known
            )
            for name, type_ in types.items()
        }


def is_number(array: np.ndarray) -> bool:
    """Return whether an array holds floats, of any kind."""
    return dtypes.is_float(dtypes.of_array(array))
