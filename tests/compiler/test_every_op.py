"""Every op, on every sample: compiled, it computes what its reference does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras.autodiff import gradient
from graphkeras.compiler.agree import agree
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.op import OPS, constant, input_value, nondifferentiable
from graphkeras.ir.types import TensorType, type_of
from graphkeras.ir.value import Graph, Value
from graphkeras.ops.math import multiply
from graphkeras.ops.reduce import sum as sum_of
from tests.ops.samples import Sample, flat, names, samples_of

TOGETHER = 12  # ops in one program: compiling is what takes the time
# A sort works in its second result; what it leaves there is its own affair.
ROOM = ("sort_with_room", "argsort_with_room")
NAMES = [name for name in names() if name not in ROOM]
GROUPS = [NAMES[i : i + TOGETHER] for i in range(0, len(NAMES), TOGETHER)]


class Collected:
    """Calls of several ops as one graph, each with inputs and sizes of its own."""

    def __init__(self) -> None:
        self.inputs: list[Value] = []
        self.arrays: list[np.ndarray] = []
        self.outputs: list[Value] = []
        self.owners: list[str] = []

    def call(self, name: str, sample: Sample, free: tuple[int, ...]) -> list[Value]:
        """Call an op on fresh inputs; those named in `free` have a free first axis."""
        arrays, count = sample.arrays(), len(self.inputs)
        types = [type_of(a) for a in arrays]
        for k in free:
            size = dims.symbol(f"n{count}")
            types[k] = TensorType(types[k].dtype, (size, *types[k].shape[1:]))
        own = [input_value(f"x{count + k}", t, count + k) for k, t in enumerate(types)]
        self.inputs += own
        self.arrays += arrays
        results = flat(sample.call(OPS[name], list(own)))
        return [r if isinstance(r, Value) else constant(r) for r in results]

    def add(self, name: str, outputs: list[Value]) -> None:
        """Make values outputs of the graph."""
        self.outputs += outputs
        self.owners += [name] * len(outputs)

    def wrong(self) -> list[str]:
        """Return the ops whose results differ."""
        graph = Graph(tuple(self.inputs), tuple(self.outputs))
        actual = compile_graph(graph, name="ops").run(self.arrays)
        expected = interpret(graph, self.arrays)[0]
        rows = zip(self.owners, expected, actual, strict=True)
        return [name for name, e, a in rows if not _same(e, a)]


def _same(expected: np.ndarray, actual: np.ndarray) -> bool:
    if expected.dtype == object:
        return bool(np.array_equal(expected, actual))
    return agree(expected, actual)


def title(group: list[str]) -> str:
    return f"{group[0]}..{group[-1]}"


@pytest.mark.parametrize("group", GROUPS, ids=title)
def test_compiled_ops_compute_their_references(group: list[str]) -> None:
    collected = Collected()
    for name in group:
        for sample in samples_of(OPS[name]):
            collected.add(name, collected.call(name, sample, ()))
            if sample.free:
                collected.add(name, collected.call(name, sample, sample.free))
    assert not collected.wrong()


def weighted(outputs: list[Value]) -> Value | None:
    """A scalar that each element of each float output moves in its own way."""
    total: Any = None
    for number, output in enumerate(outputs):
        if output.dtype != "float32":
            continue
        weights = np.random.default_rng(number).uniform(0.5, 1.5, output.shape)
        part = sum_of(multiply(output, constant(weights, "float32")))
        total = part if total is None else total + part
    return total


@pytest.mark.parametrize("group", GROUPS, ids=title)
def test_compiled_gradients_are_those_of_the_references(group: list[str]) -> None:
    collected = Collected()
    for name in group:
        for sample in samples_of(OPS[name]):
            if OPS[name].vjp is nondifferentiable:
                continue
            first = len(collected.inputs)
            loss = weighted(collected.call(name, sample, ()))
            own = [v for v in collected.inputs[first:] if v.dtype == "float32"]
            if loss is not None and own:
                found = gradient(loss, own)
                collected.add(name, [g for g in found if g is not None])
    assert not collected.wrong()
