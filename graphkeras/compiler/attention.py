"""Attention done head by head, where no memory for all its weights is wanted.

What is left by parts (a bias, huge heads, sizes nobody knows) goes through products
and loops like everything else.
"""

from __future__ import annotations

from typing import Any

from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import ITEM
from graphkeras.ir.pattern import rewrite
from graphkeras.ir.value import Graph, Value, users
from graphkeras.ops.attention import (
    NO_WORDS,
    attend,
    attend_backward,
    attended,
    attended_slopes,
    fits_the_cache,
)
from graphkeras.ops.attention_by_hand import by_hand
from graphkeras.ops.creation import cast, positions
from graphkeras.ops.shape import reshape

HALVES = ("float16", "bfloat16")  # are summed in float32 anyhow


def attend_whole(graph: Graph) -> Graph:
    """Return the graph with attention as kernels do it."""
    return rewrite(graph, _change)


def name_attention(graph: Graph) -> Graph:
    """Return the graph with attention written by hand as one op.

    What is wanted beside the means stays, and so does the way to it.
    """
    readers, roots = users(graph.walk()), set(graph.roots)

    def change(value: Value) -> Value:
        found = by_hand(value)
        if found is None or not roots.isdisjoint(found.between):
            return value
        inside = {value, *found.between}
        if not all(inside.issuperset(readers.get(v, ())) for v in found.between):
            return value
        return found.result

    return rewrite(graph, change)


def _change(value: Value) -> Value:
    if value.op is _op(attended) and fits_the_cache(value):
        out, _ = _forward(value)
        return _like(reshape(out, value.shape), value)
    whole = value.inputs[0] if value.op is ITEM else value
    if (
        whole is not value
        and whole.op is _op(attended_slopes)
        and fits_the_cache(whole)
    ):
        found = _backward(whole)[value.index]
        return _like(reshape(found, value.shape), value)
    return value


def _op(function: Any) -> Any:
    return function.op


def _like(x: Value, other: Value) -> Value:
    return x if x.dtype == other.dtype else cast(x, other.dtype)


def _operands(value: Value) -> list[Any]:
    """Return what both kernels are given first."""
    query, key, x, mask, words = value.inputs[:5]
    batch, _, heads, _ = query.shape
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


def _split(x: Value, groups: Dim) -> Value:
    batch, steps, heads, size = x.shape
    found: Value = reshape(x, (batch, steps, groups, heads // groups, size))
    return found


def _wide(x: Value) -> Value:
    return cast(x, "float32") if x.dtype in HALVES else x


def _forward(value: Value) -> Any:
    return attend(*_operands(value), **dict(value.attrs))


def _backward(value: Value) -> Any:
    out, g = value.inputs[5:]
    first, attrs = _operands(value), dict(value.attrs)
    groups = value.inputs[1].shape[2]
    _, stats = attend(*first, **attrs)
    made, slopes = (_wide(_split(x, groups)) for x in (out, g))
    operands: list[Any] = [*first, made, stats, slopes]
    return attend_backward(*operands, **attrs)
