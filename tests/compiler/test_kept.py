"""What is made of weights alone is made once, until the weights change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.compiler import kept
from graphkeras.compiler.kept import split_kept
from graphkeras.compiler.programs import compile_graph
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.runtime.kept import KeptProgram
from graphkeras.variables import Variable

IMAGES = (3, 12, 12, 8)
RNG = np.random.default_rng(0)


class Net:
    """Two convolutions of one kind, the second maybe of weights that change."""

    def __init__(self, trained: bool = False) -> None:
        shape = (3, 3, 8, 8)
        self.x = RNG.standard_normal(IMAGES).astype("float32")
        self.w = [Variable(RNG.standard_normal(shape) / 9) for _ in range(2)]
        self.graph, self.variables = self._traced(trained)

    def _traced(self, trained: bool) -> tuple[Graph, list[Variable]]:
        with Trace() as trace:
            y = x = trace.input("x", TensorType("float32", IMAGES))
            for w in self.w:
                y = ops.relu(ops.conv(y, w, padding="same"))
            if trained:
                self.w[1].assign(self.w[1] * 2.0 + ops.sum(x) * 0.0)
            return trace.graph([y])

    def program(self) -> Any:
        return compile_graph(self.graph, name="net", keeps=True)

    def plain(self) -> np.ndarray:
        program = compile_graph(self.graph, name="net")
        return program.run([self.x], [v.array.copy() for v in self.variables])[0]

    def answer(self, program: Any) -> np.ndarray:
        return program.run([self.x], [v.array for v in self.variables])[0]


def test_a_program_that_keeps_gives_the_same_bits() -> None:
    net = Net()
    program = net.program()
    assert isinstance(program, KeptProgram)
    for _ in range(2):
        assert net.answer(program).tobytes() == net.plain().tobytes()


def test_what_is_kept_is_not_made_again() -> None:
    net = Net()
    program = net.program()
    net.answer(program)
    before = program._kept
    net.answer(program)
    assert program._kept is before and len(before) == 2


def test_a_new_array_is_noticed() -> None:
    net = Net()
    program = net.program()
    old = net.answer(program)
    net.w[0].assign(net.w[0] * -1.0)
    new = net.answer(program)
    assert not np.array_equal(old, new) and new.tobytes() == net.plain().tobytes()


def test_what_another_program_wrote_is_noticed() -> None:
    net = Net()
    program, arrays = net.program(), [v.array for v in net.variables]
    old = net.answer(program)
    writing = Net(trained=True)
    other = compile_graph(writing.graph, name="other")
    other.run([writing.x], arrays)
    new = net.answer(program)
    assert not np.array_equal(old, new) and new.tobytes() == net.plain().tobytes()


def test_what_an_epoch_wrote_is_noticed() -> None:
    net = Net()
    program, arrays = net.program(), [v.array for v in net.variables]
    old = net.answer(program)
    writing = Net(trained=True)
    other = compile_graph(writing.graph, name="other")
    other.run_epoch([writing.x], arrays, batch_size=3)
    new = net.answer(program)
    assert not np.array_equal(old, new) and new.tobytes() == net.plain().tobytes()


def test_nothing_is_kept_of_weights_that_change() -> None:
    parts = split_kept(Net(trained=True).graph)
    assert parts is not None and len(parts.weights) == 1


@pytest.mark.parametrize(("most", "count"), [(0, 0), (36 * 64 * 4, 1), (1 << 20, 2)])
def test_no_more_is_kept_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, most: int, count: int
) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", most)
    parts = split_kept(Net().graph)
    assert (0 if parts is None else len(parts.weights)) == count


def test_a_weight_used_twice_is_kept_once() -> None:
    net = Net()
    net.w[1] = net.w[0]
    graph, variables = net._traced(False)
    parts = split_kept(graph)
    assert parts is not None and len(variables) == len(parts.first.outputs) == 1
