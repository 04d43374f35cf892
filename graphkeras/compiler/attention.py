"""Attention done head by head, where no memory for all its weights is wanted.

What is left by parts (a bias, huge heads, sizes nobody knows) goes through products
and loops like everything else.
"""

from __future__ import annotations

from typing import Any

from graphkeras.ir import dims
from graphkeras.ir.op import ITEM
from graphkeras.ir.pattern import rewrite
from graphkeras.ir.value import Graph, Value
from graphkeras.ops.attention import (
    NO_WORDS,
    attend,
    attend_backward,
    attended,
    attended_slopes,
    is_drawn_by_sixteen,
)
from graphkeras.ops.creation import cast, positions
from graphkeras.ops.shape import reshape

DTYPES = ("float32", "float64")
HALVES = ("float16", "bfloat16")  # are summed in float32 anyhow
LARGEST = 512  # elements of a query: blocks of fewer keys and queries would not pay


def attend_whole(graph: Graph) -> Graph:
    """Return the graph with attention as kernels do it."""
    return rewrite(graph, _change)


def _change(value: Value) -> Value:
    if value.op is _op(attended) and _fits(value):
        out, _ = _forward(value)
        return _like(reshape(out, value.shape), value)
    if value.op is ITEM and value.inputs[0].op is _op(attended_slopes):
        if _fits(value.inputs[0]):
            found = _backward(value.inputs[0])[value.index]
            return _like(reshape(found, value.shape), value)
    return value


def _op(function: Any) -> Any:
    return function.op


def _like(x: Value, other: Value) -> Value:
    return x if x.dtype == other.dtype else cast(x, other.dtype)


def _fits(value: Value) -> bool:
    """Whether kernels can do it: they must know how large a query and a value are."""
    query, key, x = value.inputs[:3]
    batch, _, heads, size = query.shape
    keys, groups = key.shape[1:3]
    widths = (size, x.shape[3])
    if not all(isinstance(n, int) and 0 < n <= LARGEST for n in widths):
        return False
    alike = key.shape == (batch, keys, groups, size) and x.shape[:3] == key.shape[:3]
    whole = isinstance(groups, int) and isinstance(heads, int) and keys != 0
    return (
        alike and whole and query.dtype in DTYPES + HALVES
        and (not value.rate or is_drawn_by_sixteen(value.rate))
    )  # fmt: skip


def _operands(value: Value) -> list[Any]:
    """Return what both kernels are given first."""
    query, key, x, mask, words = value.inputs[:5]
    batch, steps, heads, size = query.shape
    groups = key.shape[2]
    if mask.rank > 1:
        first, own, *sizes = mask.shape
        each = (1, 1) if own == 1 else (groups, heads // groups)
        mask = reshape(mask, (first, *each, *sizes))
    numbers: Any = NO_WORDS
    if value.rate:
        numbers = positions(query, (dims.product((batch, heads)),), 0, "uint32")
        numbers = reshape(numbers, (batch, groups, heads // groups))
    return [_wide(_split(query, groups)), _wide(key), _wide(x), mask, numbers, words]


def _split(x: Value, groups: int) -> Value:
    batch, steps, heads, size = x.shape
    found: Value = reshape(x, (batch, steps, groups, heads // groups, size))
    return found


def _wide(x: Value) -> Value:
    return cast(x, "float32") if x.dtype in HALVES else x


def _forward(value: Value) -> Any:
    return attend(*_operands(value), **dict(value.attrs))


def _backward(value: Value) -> Any:
    out, g = value.inputs[5:]
    first = _operands(value)
    groups = value.inputs[1].shape[2]
    _, stats = attend(*first, **dict(value.attrs))
    wide = (_wide(_split(x, groups)) for x in (out, g))
    made = next(wide)
    return attend_backward(*first, made, stats, next(wide), **dict(value.attrs))
