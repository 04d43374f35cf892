"""Check that a graph is well formed; run after every pass in tests and debug mode."""

from __future__ import annotations

from graphkeras.errors import KernelError
from graphkeras.ir.op import ITEM, infer_type
from graphkeras.ir.value import Graph, Value, type_text


def verify(graph: Graph, after: str = "") -> Graph:
    """Return the graph if every type re-infers to itself and every leaf is declared.

    Raises:
        KernelError: names the first value that is wrong and the pass it came from.
    """
    declared = {*graph.inputs, *graph.state}
    for value in graph.walk():
        problem = _problem(value, declared)
        if problem:
            where = f" after {after}" if after else ""
            raise KernelError(f"verify{where}: {value!r}: {problem}")
    for old, new in graph.changed:
        if old.type != new.type:
            raise KernelError(f"verify: state {old.name} is {old.type}, got {new.type}")
    return graph


def _problem(value: Value, declared: set[Value]) -> str:
    if value.op.family == "leaf":
        if value.op.name in ("input", "state") and value not in declared:
            return f"leaf {value.name!r} is not declared by the graph"
        if value.op is ITEM and value.inputs[0].types[value.index] != value.type:
            return "item has another type than the op it belongs to"
        return ""
    types = [i._tensor_type for i in value.inputs]
    expected = infer_type(value.op, types, value.attributes)
    if expected != value.type:
        return f"type should be {type_text(expected)}"
    return ""
