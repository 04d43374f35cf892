"""What steps are cut into, and where threads wait for each other."""

from __future__ import annotations

from typing import Any

import pytest

from graphkeras import ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.binding import Binder, Sizing
from graphkeras.compiler.fuse import fuse
from graphkeras.compiler.lower import Barrier, Call
from graphkeras.compiler.memory import Memory, plan_memory
from graphkeras.compiler.pipeline import PASSES
from graphkeras.compiler.pseudo import program_text
from graphkeras.ir.value import Graph
from tests.compiler.machine import BATCH, floats, traced


def planned(graph: Graph) -> Memory:
    for _, run in PASSES:
        graph = run(graph)
    return plan_memory(fuse(graph))


def plan(function: Any, *types: Any) -> Memory:
    return planned(traced(function, *types))


def barriers(memory: Memory) -> int:
    return sum(isinstance(step, Barrier) for step in memory.steps)


def test_rows_of_the_same_samples_need_no_barrier() -> None:
    def forward(x: Any, w: Any) -> Any:
        return ops.softmax(ops.tanh(x @ w) @ w @ w) * 2.0

    memory = plan(forward, floats(BATCH, 32), floats(32, 32))
    assert barriers(memory) == 0
    assert all(step.share for step in memory.steps if not isinstance(step, Barrier))


def test_a_product_over_samples_waits_for_all_of_them() -> None:
    def gram(x: Any, w: Any) -> Any:
        y = ops.tanh(x @ w)
        return ops.transpose(y) @ y

    assert barriers(plan(gram, floats(BATCH, 64), floats(64, 64))) == 1


def test_a_sum_over_samples_is_cut_along_them() -> None:
    def total(x: Any) -> Any:
        return ops.sum(ops.tanh(x), 0)

    memory = plan(total, floats(BATCH, 100))
    first, barrier, second = memory.steps
    assert not isinstance(first, (Barrier, Call)) and first.share is not None
    assert first.share.parts == 16 and isinstance(barrier, Barrier)
    assert not isinstance(second, Barrier) and second.share is None


@pytest.mark.parametrize(("length", "axis"), [(64, 0), (8, 3)])
def test_weights_of_many_pixels_are_summed_up_where_these_are(
    length: int, axis: int
) -> None:
    def slopes(x: Any, w: Any) -> Any:
        y = ops.conv(x, w, strides=2)
        return gradient(ops.sum(y * y).value, [w.value])[0]

    images = floats(BATCH, length, length, 32)
    memory = plan(slopes, images, floats(5, 5, 32, 128))
    calls = [step for step in memory.steps if isinstance(step, Call)]
    assert calls[-1].kernel == "conv.conv2d_backward_weights"
    share = calls[-1].share
    assert share and {a for _, a in share.axes} == {axis}


def test_a_single_number_is_made_by_one_thread() -> None:
    (step,) = plan(lambda x: ops.sum(x) * 2.0, floats(BATCH)).steps  # x is all there
    assert not isinstance(step, Barrier) and step.share is None


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_large_layers_still_share_memory(rows: int) -> None:
    def deep(x: Any, w: Any) -> Any:
        for _ in range(12):
            x = ops.tanh(x @ w)
        return x

    graph = traced(deep, floats(BATCH, 8192), floats(8192, 8192))
    memory = planned(graph)
    sizing = Sizing((), (), tuple(memory.blocks), ())
    shapes = [(rows, 8192), (8192, 8192)]
    _, arena = Binder(graph, sizing, list).bind([shapes])
    assert arena.size <= 4 * rows * 8192 * 4


def test_the_text_of_a_program_shows_cuts_and_barriers() -> None:
    text = program_text(plan(lambda x: ops.sum(ops.tanh(x), 0), floats(BATCH, 100)))
    assert "# cut: batch x 1" in text
    assert "\nbarrier" in text
