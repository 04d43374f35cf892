"""When two graphs compute the same of whatever stands for their leaves."""

from __future__ import annotations

from typing import Any

from graphkeras.ir.op import INPUT, STATE
from graphkeras.ir.value import Graph, Value, attribute_key


def identity(graph: Graph) -> Any:
    """Return what two graphs share that differ only in whose variables they read."""
    numbers: dict[Value, int] = {}
    parts: list[Any] = []
    for value in (*graph.inputs, *graph.state, *graph.walk()):
        if value in numbers:
            continue
        numbers[value] = len(numbers)
        leaf = value.op in (INPUT, STATE)
        attrs = value.name if leaf else tuple((k, _held(v)) for k, v in value.attrs)
        operands = tuple(numbers[i] for i in value.inputs)
        parts.append((value.op, operands, attrs, value.type))
    results = (*graph.outputs, *graph.updates)
    counts = len(graph.inputs), len(graph.state), len(graph.outputs)
    return tuple(parts), tuple(numbers[r] for r in results), counts


def _held(attribute: Any) -> Any:
    """Return the key of an attribute; graphs that are alike have one."""
    if isinstance(attribute, Graph):
        return identity(attribute)
    several = isinstance(attribute, tuple) and attribute
    if several and all(isinstance(part, Graph) for part in attribute):
        return tuple(map(identity, attribute))
    return attribute_key(attribute)
