"""Products and sums of bfloat16 in float32: few runtimes know more of it than Cast."""

from __future__ import annotations

from collections.abc import Sequence

from graphkeras.ir.op import CONSTANT, INPUT, ITEM, OPS, STATE, apply_to_values, item_of
from graphkeras.ir.pattern import rebuild
from graphkeras.ir.value import Graph, Value, note_origin
from graphkeras.ops.creation import cast
from graphkeras.ops.loops import inner_graphs

_NARROW, _WIDE = "bfloat16", "float32"
_KEPT = (CONSTANT, INPUT, STATE)


def widened(graph: Graph) -> Graph:
    """Compute in float32 what the graph does in bfloat16, each result rounded to it.

    That is how the references compute, so the numbers stay the same. Outputs of
    bfloat16 are handed over in float32, since callers hardly have the other.
    """
    computed = _computed_widely(graph)
    outputs = tuple(map(_wide, computed.outputs))
    return Graph(graph.inputs, outputs, graph.state, graph.updates)


def _computed_widely(graph: Graph) -> Graph:
    """The graph with results of the types it had."""
    done: dict[Value, Value] = {}
    for value in graph.walk():
        done[value] = _one(value, done)
        if value.origin and done[value].inputs:
            note_origin(done[value], value.origin)
    outputs = tuple(done[value] for value in graph.outputs)
    return Graph(graph.inputs, outputs, graph.state, graph.updates)


def _dtypes(value: Value) -> list[str]:
    return [type_.dtype for type_ in value.types]


def _one(value: Value, done: dict[Value, Value]) -> Value:
    inputs = [done[i] for i in value.inputs]
    if value.op is ITEM:
        return _like(item_of(inputs[0], value.index), value)
    if inner_graphs(value):  # which say of what types their operands are
        return _with_wide_graphs(value, inputs)
    near = [*_dtypes(value), *(d for i in value.inputs for d in _dtypes(i))]
    kept = value.op in _KEPT or value.op is OPS["cast"]
    if kept or _NARROW not in near:
        return rebuild(value, inputs)
    given = {k: _WIDE if v == _NARROW else v for k, v in value.attributes.items()}
    made = apply_to_values(value.op, [_wide(i) for i in inputs], given)
    if isinstance(value.type, tuple):  # the items are rounded where they are taken
        return made[0].inputs[0]
    return _like(made, value)


def _with_wide_graphs(value: Value, inputs: list[Value]) -> Value:
    names = value.op.fact("graphs", ())
    attrs = tuple((k, _inside(v) if k in names else v) for k, v in value.attrs)
    return Value(value.op, inputs, attrs, value.type)


def _inside(held: Graph | Sequence[Graph]) -> Graph | tuple[Graph, ...]:
    if isinstance(held, Graph):
        return _computed_widely(held)
    return tuple(map(_computed_widely, held))


def _wide(value: Value) -> Value:
    return cast(value, _WIDE) if value.dtype == _NARROW else value


def _like(made: Value, value: Value) -> Value:
    """Round a result of the wide type to the one it had."""
    return cast(made, _NARROW) if value.dtype == _NARROW else made
