"""Constants: what depends on nothing else is computed now, by the references."""

from __future__ import annotations

from typing import Any

from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.op import constant, is_constant, run
from graphkeras.ir.pattern import rewrite
from graphkeras.ir.value import Graph, Value

LARGEST = 4096  # elements of a result that may be larger than its operands


def fold(graph: Graph) -> Graph:
    """Return the graph with constant expressions replaced by their results."""
    return rewrite(graph, _computed)


def _computed(value: Value) -> Value:
    if not is_foldable(value):
        return value
    operands = [i.data.array for i in value.inputs]
    return constant(run(value.op, operands, value.attributes), value.dtype)


def is_foldable(value: Value) -> bool:
    """Whether a value has one known result that is no burden to keep."""
    if isinstance(value.type, tuple) or not value.inputs:
        return False
    if value.op.family == "leaf" or value.op.is_hosted:
        return False
    if not all(map(is_constant, value.inputs)) or _is_free(value.attrs):
        return False
    size = value.type.size
    before = sum(i.data.array.size for i in value.inputs)
    stretches = value.op.family == "movement"  # costs nothing in the loop that reads it
    return isinstance(size, int) and size <= (
        before if stretches else max(before, LARGEST)
    )


def _is_free(attribute: Any) -> bool:
    """Whether an attribute holds a size that is not known yet."""
    if isinstance(attribute, tuple):
        return any(map(_is_free, attribute))
    return isinstance(attribute, SymbolicDim)
