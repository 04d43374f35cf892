"""The operators of an ONNX file as cards."""

from __future__ import annotations

from typing import Any

from graphkeras.drawing import Card, Group, Link
from graphkeras.export.report import typed
from graphkeras.export.rewriting import inferred

_PORT = "#d9e2ec"
_COLOURS = {
    "Conv": "#c6dbf7", "ConvTranspose": "#c6dbf7", "Gemm": "#cfe3d4",
    "MatMul": "#cfe3d4", "LSTM": "#f6e2b3", "GRU": "#f6e2b3", "Loop": "#f6e2b3",
    "Scan": "#f6e2b3", "If": "#f6e2b3", "Cast": "#eceff1", "Reshape": "#e7e5d8",
    "Transpose": "#e7e5d8", "QuantizeLinear": "#f3cfd9",
    "DequantizeLinear": "#f3cfd9",
}  # fmt: skip


def diagram_of(model: Any) -> Group:
    """Return the outermost graph of an `onnx.ModelProto`.

    Weights are left out, and what is made of nothing but weights.
    """
    types = _types(model)
    weights = {t.name for t in model.graph.initializer}
    parts: list[Card | Group] = []
    made: dict[str, int] = {}
    links: dict[Link, None] = {}
    for value in model.graph.input:
        if value.name not in weights:
            made[value.name] = len(parts)
            parts.append(Card(value.name, "(input)", _row(types, value.name), _PORT))
    for node in model.graph.node:
        if node.input and weights.issuperset(node.input):
            weights.update(node.output)
            continue
        for name in node.input:
            if name in made:
                links[Link(made[name], len(parts))] = None
        made.update((name, len(parts)) for name in node.output if name)
        shown = next(iter(node.output), "")
        parts.append(Card(node.op_type, "", _row(types, shown), _colour(node.op_type)))
    for value in model.graph.output:
        if value.name in made:
            links[Link(made[value.name], len(parts))] = None
        parts.append(Card(value.name, "(output)", _row(types, value.name), _PORT))
    return Group(model.graph.name, parts, [*links])


def _types(model: Any) -> dict[str, str]:
    from onnx import checker

    try:
        checker.check_model(model)
        graph = inferred(model).graph
    except Exception:  # a file of others may defy inference; it is drawn all the same
        graph = model.graph
    return dict(map(typed, [*graph.input, *graph.output, *graph.value_info]))


def _row(types: dict[str, str], name: str) -> tuple[tuple[str, str], ...]:
    return (("gives", types[name]),) if name in types else ()


def _colour(kind: str) -> str:
    return _COLOURS.get(kind, "#ffffff")
