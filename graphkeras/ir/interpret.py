"""Run a graph by the NumPy references: slow, obvious, and the oracle of everything."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from graphkeras.errors import ShapeError
from graphkeras.ir import dims
from graphkeras.ir.op import CONSTANT, DIM, INPUT, ITEM, STATE, Op, as_dtype, run
from graphkeras.ir.value import Graph, Value, walk


def interpret(
    graph: Graph, inputs: Sequence[Any], state: Sequence[Any] = ()
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return (outputs, new state) of a graph on arrays.

    Example:
        >>> from graphkeras import ops
        >>> from graphkeras.ir.op import input_value
        >>> from graphkeras.ir.types import TensorType
        >>> x = input_value("x", TensorType("float32", (2,)))
        >>> interpret(Graph((x,), (ops.add(x, x),)), [np.ones(2, "float32")])[0]
        [array([2., 2.], dtype=float32)]
    """
    sizes: dict[str, int] = {}
    known: dict[Value, Any] = {}
    leaves = (*graph.inputs, *graph.state)
    for leaf, data in zip(leaves, (*inputs, *state), strict=True):
        known[leaf] = as_dtype(data, leaf.dtype)
        bind_sizes(str(leaf.attributes["name"]), leaf.type, known[leaf].shape, sizes)
    results = evaluate(graph.roots, known, sizes)
    outputs = results[: len(graph.outputs)]
    changed = iter(results[len(graph.outputs) :])
    pairs = zip(graph.state, graph.updates, strict=True)
    return outputs, [known[o] if o is n else next(changed) for o, n in pairs]


def bind_sizes(
    name: str, type_: Any, shape: tuple[int, ...], sizes: dict[str, int]
) -> None:
    """Learn the sizes of symbols from an array's shape.

    Raises:
        ShapeError: if the shape does not fit the type or what is already known.
    """
    wrong = len(shape) != len(type_.shape)
    for dim, actual in zip(type_.shape, shape):
        known = dims.symbols(dim) <= set(sizes)
        if known:
            wrong = wrong or dims.evaluate(dim, sizes) != actual
        elif str(dim) in dims.symbols(dim):
            sizes[str(dim)] = actual
    if wrong:
        learned = ", ".join(f"{k}={v}" for k, v in sizes.items())
        raise ShapeError(
            f"{name}: expected {type_}{f' with {learned}' if learned else ''}."
            f"\n  Received shape {list(shape)}."
            "\n  Give an array of that shape."
        )


def evaluate(
    roots: Sequence[Value],
    known: Mapping[Value, Any],
    sizes: Mapping[str, int],
    run: Callable[[Op, list[Any], dict[str, Any]], Any] = run,
) -> list[Any]:
    """Return the arrays of `roots`, computing only what `known` does not hold.

    Args:
        run: what computes an op on arrays; by default the references.
    """
    computed: dict[Value, Any] = {}
    sizes, kept = dict(sizes), set(roots)

    def find(value: Value) -> Any:
        return known[value] if value in known else computed[value]

    order = host_first(roots, known)
    last = {operand: value for value in order for operand in value.inputs}
    for value in order:
        operands = [find(i) for i in value.inputs]
        computed[value] = _evaluate_one(value, operands, sizes, run)
        if value.op.is_hosted:  # the words of a text: a size found only now
            bind_sizes(value.op.name, value.type, computed[value].shape, sizes)
        for operand in value.inputs:
            if last[operand] is value and operand not in kept:
                computed.pop(operand, None)
    return [find(root) for root in roots]


def host_first(roots: Sequence[Value], stop: Container[Value] = ()) -> list[Value]:
    """Return ``walk(roots, stop)``, string ops first: they find sizes for others."""
    order = walk(roots, stop)
    hosts = [value for value in order if value.op.is_hosted]
    return walk([*hosts, *roots], stop) if hosts else order


def _evaluate_one(
    value: Value, operands: list[Any], sizes: Mapping[str, int], run: Any
) -> Any:
    if value.op is CONSTANT:
        return value.data.array
    if value.op is ITEM:
        return operands[0][value.index]
    if value.op is DIM:
        return np.asarray(dims.evaluate(value.size, sizes), value.dtype)
    if value.op in (INPUT, STATE):
        raise KeyError(f"interpret: no array for {value.op.name} {value.name!r}")
    attrs = {k: at_sizes(v, sizes) for k, v in value.attrs}
    return run(value.op, operands, attrs)


def at_sizes(attribute: Any, sizes: Mapping[str, int]) -> Any:
    """Return an attribute with its symbolic sizes replaced by numbers."""
    if isinstance(attribute, dims.SymbolicDim):
        return dims.evaluate(attribute, sizes)
    if isinstance(attribute, tuple):
        return tuple(at_sizes(a, sizes) for a in attribute)
    return attribute
