"""Composites open up: what no kernel computes whole becomes what its body says."""

from __future__ import annotations

from graphkeras.ir.definers import expand_call
from graphkeras.ir.op import ITEM
from graphkeras.ir.pattern import rewrite
from graphkeras.ir.value import Graph, Value


def expand(graph: Graph) -> Graph:
    """Return the graph with the body of each composite in its place."""
    return rewrite(graph, _open)


def _open(value: Value) -> Value:
    """Replace a composite by its body; one with several results, by its items."""
    whole = value.inputs[0] if value.op is ITEM else value
    if whole.op.family != "composite":
        return value
    if isinstance(whole.type, tuple) and whole is value:
        return value  # its items are replaced one by one
    body = expand_call(whole.op, whole.inputs, whole.attributes)
    return body[value.index] if value.op is ITEM else body
