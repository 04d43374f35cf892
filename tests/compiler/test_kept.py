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


# ---- products


class Dense(Net):
    """Two products, the first with weights of another shape."""

    def __init__(self, rows: int, trained: bool = False) -> None:
        self.x = RNG.standard_normal((rows, 150)).astype("float32")
        shapes = ((150, 11, 10), (110, 300))
        self.w = [Variable(RNG.standard_normal(shape) / 9) for shape in shapes]
        self.graph, self.variables = self._traced(trained)

    def _traced(self, trained: bool) -> tuple[Graph, list[Variable]]:
        with Trace() as trace:
            x = trace.input("x", TensorType("float32", self.x.shape))
            y = ops.relu(x @ ops.reshape(self.w[0], (150, 110)))
            return trace.graph([y @ self.w[1]])


@pytest.mark.parametrize("rows", [1, 2, 40])
def test_products_read_panels_that_are_kept(rows: int) -> None:
    net = Dense(rows)
    program = net.program()
    assert isinstance(program, KeptProgram)
    found, plain = net.answer(program), net.plain()
    assert len(program._kept) == 2
    close = 0 if rows > 1 else 1e-4  # one row is summed in another order
    np.testing.assert_allclose(found, plain, close, close)


def test_panels_are_laid_anew_when_weights_change() -> None:
    net = Dense(40)
    program = net.program()
    net.answer(program)
    net.w[1].assign(net.w[1] * -3.0)
    assert net.answer(program).tobytes() == net.plain().tobytes()


@pytest.mark.parametrize(
    ("rows", "shape", "kept"),
    [(1, (64, 16), True), (1, (64, 15), False), (1, (2048, 1), False),
     (2, (300, 64), False), (2, (300, 65), True), (2, (100, 81), False)],
)  # fmt: skip
def test_small_products_and_narrow_ones_stay_as_they_are(
    rows: int, shape: tuple[int, int], kept: bool
) -> None:
    w = Variable(RNG.standard_normal(shape))
    with Trace() as trace:
        x = trace.input("x", TensorType("float32", (rows, shape[0])))
        graph, _ = trace.graph([x @ w])
    assert (split_kept(graph) is not None) == kept


def test_what_finds_room_is_kept_though_larger_weights_find_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 4 * 150 * 110)
    parts = split_kept(Dense(40).graph)  # 150 x 110 weights, then 110 x 300
    assert parts is not None and [o.shape for o in parts.first.outputs] == [(110, 150)]


def test_parts_of_joined_inputs_keep_their_own_panels() -> None:
    w = Variable(RNG.standard_normal((700, 40)))
    x = [RNG.standard_normal((1, n)).astype("float32") for n in (300, 400)]
    with Trace() as trace:
        given = [
            trace.input(f"x{i}", TensorType("float32", a.shape))
            for i, a in enumerate(x)
        ]
        graph, _ = trace.graph([ops.concatenate(given, 1) @ w])
    program = compile_graph(graph, name="joined", keeps=True)
    (found,) = program.run(x, [w.array])
    np.testing.assert_allclose(found, np.concatenate(x, 1) @ w.array, 1e-3, 1e-3)
    assert [a.shape for a in program._kept] == [(40, 300), (40, 400)]  # type: ignore[attr-defined]
