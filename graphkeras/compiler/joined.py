"""Products of what was only joined to be multiplied: each part by its rows of weights.

    concatenate([x, y], 1) @ w    ->    x @ w[:a] + y @ w[a:]

Nothing is copied, and the sum is taken where the second product is stored anyway.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

from graphkeras.ir.op import rebuild
from graphkeras.ir.value import Graph, Value, note_origin, users
from graphkeras.ops.linalg import gemm
from graphkeras.ops.math import add
from graphkeras.ops.shape import concatenate, slice_axes

NARROWEST = 32  # columns of a part
LONG = 4  # times as many columns as each part's result has
DTYPES = ("float32", "float64")  # others round each product before it is added


def part_joined(graph: Graph) -> Graph:
    """Return the graph without the joins that only a product reads."""
    values, roots = graph.walk(), set(graph.roots)
    readers = users(values)
    new: dict[Value, Value] = {}
    for value in values:
        alone = _is_parted(value) and readers[value.inputs[0]] == [value]
        if alone and value.inputs[0] not in roots:
            new[value] = _parted(value, new)
        else:
            new[value] = rebuild(value, [new[i] for i in value.inputs])
        if new[value].origin is None and value.origin is not None:
            note_origin(new[value], value.origin)
    return graph.with_roots(new[root] for root in graph.roots)


def _is_parted(value: Value) -> bool:
    """Whether a value is a product of a join, of parts that are worth it."""
    if value.op is not _op(gemm) or value.dtype not in DTYPES:
        return False
    joined, w = value.inputs
    if joined.op is not _op(concatenate) or (joined.rank, w.rank) != (2, 2):
        return False
    widths = [part.shape[1] for part in joined.inputs]
    (rows, columns), extra = w.shape, len(widths) - 1
    if joined.axis != 1 or not all(isinstance(n, int) for n in (*widths, columns)):
        return False
    return min(widths) >= NARROWEST and rows >= LONG * columns * extra


def _parted(value: Value, new: dict[Value, Value]) -> Value:
    """Return the sum of the parts' products."""
    joined, w = value.inputs
    ends = [0, *accumulate(part.shape[1] for part in joined.inputs)]
    columns, total = w.shape[1], None
    for part, (start, stop) in zip(joined.inputs, pairwise(ends), strict=True):
        at: Any = {"start": (start, 0), "limit": (stop, columns), "step": (1, 1)}
        rows = slice_axes(new[w], **at)
        product = gemm(new[part], rows)
        total = product if total is None else add(total, product)
    assert total is not None
    return total


def _op(function: Any) -> Any:
    return function.op
