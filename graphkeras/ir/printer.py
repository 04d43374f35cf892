"""Graph -> text: stable, diffable, the form in which rules and passes are tested."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphkeras.ir.op import CONSTANT, DIM, ITEM
from graphkeras.ir.value import Graph, Value, type_text


def graph_text(graph: Graph, origins: bool = False) -> str:
    """Return the graph as text, one line a value.

    Args:
        origins: also print the layer and source line each value came from.
    """
    names = _leaf_names((*graph.inputs, *graph.state))
    lines: list[str] = []
    for value in graph.walk():
        if value in names:
            continue
        if value.op is CONSTANT or value.op is DIM:
            names[value] = _literal(value)
            continue
        if value.op is ITEM:
            names[value] = f"{names[value.inputs[0]]}.{value.index}"
            continue
        name = f"%{len(lines)}"
        lines.append(f"  {name}: {value_text(value, names)}{_origin(value, origins)}")
        names[value] = name
    head = ", ".join(f"{names[v]}: {v.type}" for v in (*graph.inputs, *graph.state))
    results = [names[v] for v in graph.outputs]
    results += [f"{names[old]} <- {names[new]}" for old, new in graph.changed]
    return "\n".join([f"graph({head}):", *lines, f"  return {', '.join(results)}"])


def value_text(value: Value, names: dict[Value, str]) -> str:
    """Return ``type = op(operands, attribute=...)``."""
    parts = [names[i] for i in value.inputs]
    parts += [f"{k}={_attribute(v)}" for k, v in value.attrs]
    return f"{type_text(value.type)} = {value.op.name}({', '.join(parts)})"


def _leaf_names(leaves: Iterable[Value]) -> dict[Value, str]:
    names: dict[Value, str] = {}
    taken: dict[str, int] = {}
    for leaf in leaves:
        name = str(leaf.attributes["name"])
        count = taken[name] = taken.get(name, 0) + 1
        names[leaf] = f"%{name}" if count == 1 else f"%{name}.{count}"
    return names


def _literal(value: Value) -> str:
    if value.op is DIM:
        return f"size({value.size})"
    return f"{value.data!r}:{type_text(value.type)}"


def _attribute(value: Any) -> str:
    if isinstance(value, tuple):
        inner = ", ".join(map(_attribute, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Graph):
        return f"<graph of {len(value.walk())}>"
    return str(value)


def _origin(value: Value, wanted: bool) -> str:
    return f"    # {value.origin}" if wanted and value.origin else ""
