"""Programs refuse what they cannot run, and keep their memory to themselves."""

from __future__ import annotations

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import ArgumentError, DTypeError
from graphkeras.ir.trace import Trace
from graphkeras.runtime import cpu, link
from graphkeras.runtime.program import MOST_BINDINGS, Program
from graphkeras.variables import Variable
from tests.compiler.machine import BATCH, compiled, floats


@pytest.fixture(scope="module")
def counter() -> Program:
    """A program that adds its input to a variable."""
    total = Variable(np.zeros(3, np.float32), name="total")
    with Trace() as trace:
        total.assign_add(trace.input("x", floats(3)))
        return compile_graph(trace.graph([])[0], name="counter")


def test_state_is_updated_in_place(counter: Program) -> None:
    state = np.zeros(3, np.float32)
    for _ in range(3):
        assert counter.run([np.ones(3)], [state]) == []
    assert state.tolist() == [3.0] * 3


def test_a_missing_input_is_named(counter: Program) -> None:
    with pytest.raises(ArgumentError, match=r"counter: expected 1 inputs \(x\)"):
        counter.run([], [np.zeros(3, np.float32)])


@pytest.mark.parametrize(
    "state",
    [np.zeros(3), np.zeros(6, np.float32)[::2], np.broadcast_to(np.float32(0), 3)],
)
def test_state_that_cannot_be_updated_in_place_is_refused(
    counter: Program, state: np.ndarray
) -> None:
    with pytest.raises(DTypeError, match="total: expected a writeable float32 array"):
        counter.run([np.ones(3)], [state])


def test_results_belong_to_the_caller() -> None:
    program = compiled(lambda x: x + 1.0, floats(BATCH))
    first = program.run([np.zeros(4)])[0]
    program.run([np.full(4, 8.0)])
    assert first.tolist() == [1.0] * 4


def test_two_programs_of_one_code_do_not_share_memory() -> None:
    programs = [compiled(lambda x: ops.exp(x) @ x, floats(4, 4)) for _ in range(2)]
    for program in programs:
        program.run([np.ones((4, 4))])
    assert programs[0].code is programs[1].code
    assert not np.shares_memory(*(program._arena for program in programs))


def test_an_input_may_be_a_variable_that_is_updated(counter: Program) -> None:
    state = np.ones(3, np.float32)
    counter.run([state], [state])
    assert state.tolist() == [2.0] * 3


def test_only_the_latest_sizes_are_remembered() -> None:
    program = compiled(lambda x: x + 1.0, floats(BATCH))
    for size in range(3 * MOST_BINDINGS):
        program.run([np.zeros(size)])
    assert len(program._bindings) == MOST_BINDINGS


@pytest.mark.parametrize("nbytes", [1, 63, 64, 1000])
def test_memory_begins_on_a_cache_line(nbytes: int) -> None:
    assert cpu.address(cpu.aligned(nbytes)) % 64 == 0


def test_kernels_are_found_by_name() -> None:
    assert link.has_kernel("matmul.gemm")
    assert not link.has_kernel("matmul.nothing")
    assert not link.has_kernel("nothing.at_all")
