"""The part of a graph that strings force onto the host, and what follows it.

Strings are Python's. Ops on them, and all that leads to them, run first, one by one;
their numeric results are inputs of the rest.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkeras.errors import KernelError, message
from graphkeras.ir import dims
from graphkeras.ir.interpret import bind_sizes, evaluate
from graphkeras.ir.op import STATE, Host, Op, input_value, rebuild, run
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph, Value, dims_of, walk
from graphkeras.ops.shape import reshape


@dataclass(frozen=True, slots=True)
class HostPart:
    """What runs by the interpreter before the compiled part.

    Attributes:
        graph: the whole graph.
        fed: for each input of the compiled part, the value that it stands for.
        outputs: by number, the outputs that the compiled part does not give.
    """

    graph: Graph
    fed: tuple[Value, ...]
    outputs: dict[int, Value]

    def run(
        self, inputs: Sequence[np.ndarray], state: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], dict[int, np.ndarray]]:
        """Return the inputs of the compiled part, and the outputs it does not give."""
        sizes: dict[str, int] = {}
        known = {}
        leaves = (*self.graph.inputs, *self.graph.state)
        for leaf, data in zip(leaves, (*inputs, *state), strict=True):
            array = np.asarray(data)
            bind_sizes(str(leaf.attributes["name"]), leaf.type, array.shape, sizes)
            known[leaf] = array
        found = evaluate([*self.fed, *self.outputs.values()], known, sizes, _run)
        rest = found[len(self.fed) :]
        return found[: len(self.fed)], dict(zip(self.outputs, rest))


def _run(op: Op, operands: list[Any], attrs: dict[str, Any]) -> Any:
    """Compute an op by its compiled function, if it has one, else by its reference."""
    name = op.kernel.function if isinstance(op.kernel, Host) else ""
    if not name:
        return run(op, operands, attrs)
    module, _, function = name.partition(".")
    found = importlib.import_module(f"graphkeras.compiler.{module}")
    return getattr(found, function)(*operands, **attrs)


def split_host(graph: Graph) -> tuple[HostPart, Graph] | None:
    """Return the part for the interpreter and the graph to compile, None if no strings.

    Raises:
        KernelError: if a string op depends on a variable.
    """
    hosted = [v for v in graph.walk() if _is_hosted(v)]
    if not hosted:
        return None
    closure = set(walk(hosted))
    for value in graph.walk():
        if _is_reshaped(value, closure):
            closure.add(value)
    _refuse_state(closure)
    outputs = {i: o for i, o in enumerate(graph.outputs) if o in closure}
    rest = Graph(
        graph.inputs, tuple(o for o in graph.outputs if o not in closure),
        graph.state, graph.updates,
    )  # fmt: skip
    fed = _boundary(rest, closure)
    needed = set(walk(rest.roots, stop=fed))
    used = tuple(i for i in graph.inputs if i in needed)
    leaves = {v: _leaf(v, i) for i, v in enumerate(fed)}
    return HostPart(graph, (*used, *fed), outputs), _compiled_part(rest, used, leaves)


def _is_reshaped(value: Value, closure: set[Value]) -> bool:
    """Whether a value only puts what the host makes into another shape.

    Rows of several texts were one after another: here each row gets its axis back, by
    which the rest counts batches.
    """
    reshapes = value.op is reshape.op  # type: ignore[attr-defined]
    return reshapes and value.inputs[0] in closure and bool(value.inputs[0].inputs)


def _leaf(value: Value, number: int) -> Value:
    """Return the input that stands for a value in the compiled part."""
    return input_value(f"host_{number}", TensorType(value.dtype, value.shape), number)


def _is_hosted(value: Value) -> bool:
    """Whether a value is or takes strings."""
    if value.op.is_hosted:
        return True
    return any("string" in _dtypes(v) for v in (value, *value.inputs))


def _dtypes(value: Value) -> set[str]:
    types = value.type if isinstance(value.type, tuple) else (value.type,)
    return {t.dtype for t in types}


def _boundary(rest: Graph, closure: set[Value]) -> tuple[Value, ...]:
    """Return what the compiled part takes from the other, and what gives it sizes."""
    found = {new: None for _, new in rest.changed if new in closure and new.inputs}
    given = {n for leaf in rest.inputs for n in _symbols(leaf)}
    for value in rest.walk():
        if value in closure:
            numeric = value.op.is_hosted and value.dtype != "string"
            if numeric and _symbols(value) - given:
                found[value] = None
            continue
        for operand in value.inputs:
            if operand in closure and operand.inputs:
                found[operand] = None
    return tuple(found)


def _symbols(value: Value) -> set[str]:
    return {name for d in dims_of(value) for name in dims.symbols(d)}


def _refuse_state(closure: set[Value]) -> None:
    """Strings are prepared once for many steps: they must be all that decides."""
    for value in closure:
        if value.op is STATE:
            raise KernelError(
                message(
                    str(value.name), "a string op depends on a variable.",
                    str(value.type), "Run eagerly, or keep strings apart from it.",
                )
            )  # fmt: skip


def _compiled_part(
    rest: Graph, used: tuple[Value, ...], leaves: dict[Value, Value]
) -> Graph:
    """Return the graph of what is left, with inputs for what the other part gives."""
    new = dict(leaves)
    for value in walk(rest.roots, stop=leaves):
        new[value] = rebuild(value, [new[i] for i in value.inputs])
    graph = rest.with_roots(new[root] for root in rest.roots)
    inputs = (*used, *leaves.values())
    return Graph(inputs, graph.outputs, graph.state, graph.updates)
