"""Epochs in compiled code: order, batches, casts, results, progress."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import ArgumentError, DataError, DTypeError
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.kernels.cpu.batch import permutation_reference
from graphkeras.runtime.pace import Pace
from graphkeras.runtime.program import Program
from graphkeras.variables import Variable
from tests.compiler.machine import BATCH, compiled, floats
from tests.runtime.threaded import threads

ROWS, SIZE = 70, 16  # four full batches and one of six rows


class Regression:
    """One layer and its gradient descent, as graph, program and data."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        w = Variable(rng.normal(size=(5, 2)).astype(np.float32), name="w")
        with Trace() as trace:
            x = trace.input("x", floats(BATCH, 5))
            y = trace.input("y", floats(BATCH, 2))
            loss = ops.mean(ops.square(ops.tanh(x @ w) - y))
            (g,) = gradient(loss.value, [w.value.value])
            w.assign_sub(trace.tensor(g) * 0.5)
            self.graph, self.variables = trace.graph([loss])
        self.program = compile_graph(self.graph, name="regression")
        self.start = w.array.copy()
        self.x = rng.integers(0, 3, (ROWS, 5)).astype(np.uint8)
        self.y = rng.normal(size=(ROWS, 2))

    def fresh(self) -> list[np.ndarray]:
        """Return the state as it is before the first step."""
        self.variables[0].array[...] = self.start
        return [self.variables[0].array]

    def by_hand(self, order: np.ndarray, steps: range) -> tuple[list[float], Any]:
        """Return the losses and the state after these steps, by the references."""
        state, losses = [self.start], []
        for step in steps:
            rows = order[step * SIZE : (step + 1) * SIZE]
            (loss,), state = interpret(self.graph, [self.x[rows], self.y[rows]], state)
            losses.append(float(loss))
        return losses, state


@pytest.fixture(scope="module")
def task() -> Regression:
    return Regression()


@pytest.fixture(scope="module")
def double() -> Program:
    return compiled(lambda x: (x * 2.0, ops.sum(x)), floats(BATCH, 3))


def test_rows_are_visited_in_order_and_the_last_batch_is_smaller(task: Any) -> None:
    state, track = task.fresh(), np.zeros(5, np.float32)
    task.program.run_epoch([task.x, task.y], state, batch_size=SIZE, track=track)
    losses, expected = task.by_hand(np.arange(ROWS), range(5))
    np.testing.assert_allclose(track, losses, rtol=1e-5)
    np.testing.assert_allclose(state[0], expected[0], rtol=1e-4, atol=1e-6)


def test_last_partial_batch_compiles_nothing_new(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = task.program.code.entry
    monkeypatch.delattr("graphkeras.runtime.link.compile_entry")
    for rows in (ROWS, 64, 17, 1):
        sources = [task.x[:rows], task.y[:rows]]
        task.program.run_epoch(sources, task.fresh(), batch_size=SIZE)
    assert task.program.code.entry is entry


def test_shuffle_is_a_permutation_and_equals_its_reference(task: Any) -> None:
    state, track = task.fresh(), np.zeros(5, np.float32)
    order = permutation_reference(3, 4, ROWS)
    task.program.run_epoch(
        [task.x, task.y], state, batch_size=SIZE, shuffle=(3, 4), track=track
    )
    assert sorted(order) == list(range(ROWS))
    np.testing.assert_allclose(track, task.by_hand(order, range(5))[0], rtol=1e-5)


def test_an_order_chooses_rows(double: Program) -> None:
    x = np.arange(30, dtype=np.float64).reshape(10, 3)
    order, found = np.array([7, 7, 0, 9]), np.zeros((4, 3), np.float32)
    double.run_epoch([x], [], batch_size=3, order=order, collect=[found])
    assert found.tolist() == (x[order] * 2).tolist()


@pytest.mark.parametrize("width", [1, 40, 70_000])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_rows_are_gathered_ahead_by_all_threads(count: int, width: int) -> None:
    program = compiled(lambda x: x * 2.0, floats(BATCH, width))
    x = np.random.default_rng(0).random((20, width), np.float32)
    found = np.zeros_like(x)
    with threads(count):
        program.run_epoch([x], [], batch_size=6, shuffle=(1, 2), collect=[found])
    assert found.tobytes() == (x[permutation_reference(1, 2, 20)] * 2).tobytes()


def test_a_trial_of_threads_is_decided_on_before_its_steps(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    threads_of, steps_of = Pace.threads, Pace.steps
    monkeypatch.setattr(
        Pace, "threads", lambda p, most: asked.append("threads") or threads_of(p, most)
    )
    monkeypatch.setattr(
        Pace, "steps", lambda p, left: asked.append("steps") or steps_of(p, left)
    )
    task.program.run_epoch([task.x, task.y], task.fresh(), batch_size=SIZE)
    assert asked[:2] == ["threads", "steps"]


def test_an_epoch_may_be_run_in_pieces(task: Any) -> None:
    whole, parts = task.fresh()[0].copy(), task.fresh()
    task.program.run_epoch([task.x, task.y], [whole], batch_size=SIZE)
    parts = task.fresh()
    for start, steps in ((0, 2), (2, 1), (3, None)):
        task.program.run_epoch(
            [task.x, task.y], parts, batch_size=SIZE, start=start, steps=steps
        )
    np.testing.assert_array_equal(whole, parts[0])


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "int64", "float16", "float32", "float64"]
)
def test_rows_of_any_dtype_are_cast_as_they_are_read(
    double: Program, dtype: str
) -> None:
    x = (np.arange(21).reshape(7, 3) % 5).astype(dtype)
    found = np.zeros((7, 3), np.float32)
    double.run_epoch([x], [], batch_size=2, collect=[found])
    assert found.tolist() == (x.astype(np.float32) * 2).tolist()


def test_sources_need_not_be_contiguous_or_native(double: Program) -> None:
    x = np.arange(60, dtype=">f4").reshape(6, 10)[::2, ::4]
    found = np.zeros((3, 3), np.float32)
    double.run_epoch([x], [], batch_size=2, collect=[found])
    assert found.tolist() == (x * 2).tolist()


def test_the_outputs_of_the_last_step_come_back(double: Program) -> None:
    x = np.ones((7, 3), np.float32)
    outputs = double.run_epoch([x], [], batch_size=4)
    assert [o.shape for o in outputs] == [(3, 3), ()]
    collected = double.run_epoch(
        [x], [], batch_size=4, collect=[np.zeros((7, 3), "f4")]
    )
    assert [o.tolist() for o in collected] == [o.tolist() for o in outputs]


def test_results_of_one_call_are_not_touched_by_the_next(double: Program) -> None:
    (first, _) = double.run_epoch([np.ones((2, 3), "f4")], [], batch_size=4)
    double.run_epoch([np.zeros((2, 3), "f4")], [], batch_size=4)
    assert first.tolist() == [[2.0] * 3] * 2


def test_no_rows_make_no_step(double: Program) -> None:
    progress = np.array([9, 0])
    outputs = double.run_epoch([np.ones((0, 3))], [], batch_size=4, progress=progress)
    assert outputs == []
    assert progress[0] == 0


def test_progress_counts_steps_and_a_request_stops(task: Any) -> None:
    progress = np.zeros(2, np.int64)
    sources = [task.x, task.y]
    task.program.run_epoch(sources, task.fresh(), batch_size=SIZE, progress=progress)
    assert progress[0] == 5
    progress[1] = 1
    task.program.run_epoch(sources, task.fresh(), batch_size=SIZE, progress=progress)
    assert progress[0] == 0


def test_another_thread_sees_progress_and_stops_the_epoch() -> None:
    program = compiled(lambda x: ops.sum(ops.tanh(x)), floats(BATCH, 1))
    progress, rows = np.zeros(2, np.int64), np.ones((5_000_000, 1), np.float32)
    thread = threading.Thread(
        target=program.run_epoch, args=([rows], []),
        kwargs={"batch_size": 1, "progress": progress},
    )  # fmt: skip
    thread.start()
    while progress[0] < 10 and thread.is_alive():  # the lock of Python is free
        time.sleep(0.001)
    progress[1] = 1
    thread.join(timeout=30)
    assert 10 <= progress[0] < len(rows)


def test_an_input_without_rows_serves_every_step() -> None:
    program = compiled(
        lambda x, w: x * w, floats(BATCH, 2), TensorType("float32", (2,))
    )
    found = np.zeros((5, 2), np.float32)
    x = np.ones((5, 2), np.float32)
    program.run_epoch([x, np.array([2, 3])], [], batch_size=2, collect=[found])
    assert found.tolist() == [[2.0, 3.0]] * 5


def test_arrays_of_different_length_are_refused(task: Any) -> None:
    with pytest.raises(DataError, match=r"same number of rows .*\n.*x: 70, y: 69"):
        task.program.run_epoch([task.x, task.y[1:]], task.fresh(), batch_size=SIZE)


def test_row_numbers_outside_are_refused(double: Program) -> None:
    for order in ([0, 3], [-1]):
        with pytest.raises(DataError, match=r"row numbers in \[0, 3\)"):
            double.run_epoch([np.ones((3, 3))], [], batch_size=1, order=np.array(order))


def test_strings_are_refused(double: Program) -> None:
    with pytest.raises(DTypeError, match="expected numbers"):
        double.run_epoch([np.array([["a"] * 3])], [], batch_size=1)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_size": 0}, "batch_size >= 1"),
        ({"order": np.array([0]), "shuffle": (1, 2)}, "not both"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    double: Program, options: Any, match: str
) -> None:
    with pytest.raises(ArgumentError, match=match):
        double.run_epoch([np.ones((3, 3))], [], **{"batch_size": 2, **options})


@pytest.mark.parametrize(
    "options",
    [
        {"collect": [np.zeros((2, 3), np.float32)]},
        {"collect": [np.zeros((3, 3), np.float64)]},
        {"collect": [np.zeros((3, 4), np.float32)]},
        {"track": np.zeros(1, np.float32)},
        {"progress": np.zeros(2, np.int32)},
    ],
)
def test_memory_that_is_too_small_or_of_another_dtype_is_refused(
    double: Program, options: Any
) -> None:
    with pytest.raises(DataError, match=r"expected"):
        double.run_epoch([np.ones((3, 3))], [], batch_size=2, **options)
