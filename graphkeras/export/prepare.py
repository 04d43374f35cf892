"""What happens to a graph before its nodes are written: open, simplify, fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphkeras.compiler.bodies import pass_bodies
from graphkeras.compiler.fold import fold
from graphkeras.compiler.simplify import simplify
from graphkeras.export.widen import widened
from graphkeras.ir import dims
from graphkeras.ir.definers import expand_call
from graphkeras.ir.interpret import evaluate
from graphkeras.ir.op import (
    CONSTANT,
    DIM,
    INPUT,
    ITEM,
    OPS,
    STATE,
    inline,
    state_value,
)  # fmt: skip
from graphkeras.ir.pattern import is_literal, rewrite
from graphkeras.ir.types import type_of
from graphkeras.ir.value import Graph, Value, note_origin, walk
from graphkeras.ops.linalg import gemm


def prepare(
    graph: Graph, state: Sequence[np.ndarray]
) -> tuple[Graph, dict[Value, np.ndarray]]:
    """Return the graph as it will be written, and the arrays of its state leaves.

    Updates of state are left out: a file computes outputs only. What depends on weights
    alone is computed now, and stands as a weight named after the layer.
    """
    graph = Graph(graph.inputs, graph.outputs, graph.state, graph.state)
    graph = _joined(widened(_simpler(graph)))
    arrays = dict(zip(graph.state, map(np.asarray, state), strict=True))
    return _fold_weights(graph, arrays)


def _simpler(graph: Graph) -> Graph:
    """Open what has no rule, simplify and fold, in the bodies of loops first."""
    opened = rewrite(pass_bodies(graph, _simpler, gather=False), _open)
    return _joined(fold(simplify(opened)))


def _joined(graph: Graph) -> Graph:
    return rewrite(graph, lambda value: _join_leading_axes(_drop_zero(value)))


def _drop_zero(value: Value) -> Value:
    """x + 0 is x; the one exception, -0.0 + 0.0, is equal all the same."""
    if value.op is OPS["add"]:
        for x, zero in (value.inputs, value.inputs[::-1]):
            if is_literal(zero, 0) and x.type == value.type:
                return x
    return value


def _join_leading_axes(value: Value) -> Value:
    """A product over flattened leading axes is one product: MatMul keeps them."""
    product = value.inputs[0] if value.op is OPS["reshape"] else None
    if product is None or product.op is not OPS["gemm"]:
        return value
    flat, w = product.inputs
    x = flat.inputs[0] if flat.op is OPS["reshape"] else flat
    whole = w.rank == 2 and x.rank > 2 and x.shape[-1] == w.shape[0]
    return gemm(x, w) if whole and (*x.shape[:-1], w.shape[1]) == value.shape else value


def _open(value: Value) -> Value:
    """Replace a composite that has no ONNX rule by its body."""
    if value.op is ITEM and _is_open(value.inputs[0]):
        parent = value.inputs[0]
        return expand_call(parent.op, parent.inputs, parent.attributes)[value.index]
    if _is_open(value) and not isinstance(value.type, tuple):
        return expand_call(value.op, value.inputs, value.attributes)
    return value


def _is_open(value: Value) -> bool:
    return value.op.family == "composite" and value.op.onnx is inline


def _fold_weights(
    graph: Graph, arrays: dict[Value, np.ndarray]
) -> tuple[Graph, dict[Value, np.ndarray]]:
    """Compute what needs no input, where that does not make the file larger."""
    fixed: dict[Value, set[Value]] = {}  # value -> the weights it is made of
    for value in graph.walk():
        if value.op is STATE:
            fixed[value] = {value}
        elif value.op is CONSTANT:
            fixed[value] = set()
        elif value.inputs and value.op not in (DIM, INPUT) and _foldable(value, fixed):
            fixed[value] = set().union(*(fixed[i] for i in value.inputs))
    roots = [v for v in _frontier(graph, fixed) if fixed[v] and _small(v, fixed[v])]
    return _with_weights(graph, roots, arrays)


def _foldable(value: Value, fixed: dict[Value, Any]) -> bool:
    types = value.type if isinstance(value.type, tuple) else (value.type,)
    return all(t.is_static for t in types) and all(i in fixed for i in value.inputs)


def _frontier(graph: Graph, fixed: dict[Value, Any]) -> list[Value]:
    """Return the fixed results that something not fixed, or the caller, reads."""
    found: dict[Value, None] = dict.fromkeys(r for r in graph.outputs if r in fixed)
    for value in graph.walk():
        if value not in fixed:
            found.update(dict.fromkeys(i for i in value.inputs if i in fixed))
    return [v for v in found if v.inputs and not isinstance(v.type, tuple)]


def _small(value: Value, sources: set[Value]) -> bool:
    return dims.product(value.shape) <= sum(dims.product(s.shape) for s in sources)


def _weight_name(value: Value) -> str:
    """A weight that only moved keeps its name; any other is called by its op."""
    parts = walk([value])
    weights = [part for part in parts if part.op is STATE]
    moved = all(part.op.family in ("leaf", "movement") for part in parts)
    if moved and len(weights) == 1:
        return weights[0].name
    path = value.origin.path if value.origin else ""
    return f"{path}/{value.op.name}".lstrip("/")


def _with_weights(
    graph: Graph, roots: list[Value], arrays: dict[Value, np.ndarray]
) -> tuple[Graph, dict[Value, np.ndarray]]:
    results = evaluate(roots, arrays, {})
    swap: dict[Value, Value] = {}
    for i, (value, array) in enumerate(zip(roots, results, strict=True)):
        leaf = state_value(_weight_name(value), type_of(array), i, -1)
        if value.origin:
            note_origin(leaf, value.origin)
        swap[value], arrays[leaf] = leaf, array
    graph = rewrite(graph, lambda v: swap.get(v, v))
    used = {v for v in walk(graph.outputs) if v.op is STATE}
    return graph, {leaf: a for leaf, a in arrays.items() if leaf in used}
