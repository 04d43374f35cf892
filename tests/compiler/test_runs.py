"""Steps done part by part: which they are, what memory they need, what they compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.autodiff import gradient
from graphkeras.compiler import runs, touches
from graphkeras.compiler.agree import sample
from graphkeras.compiler.lower import Call
from graphkeras.compiler.memory import Memory
from graphkeras.compiler.shares import TICKS
from graphkeras.ir import dims
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.ops.recurrent import simple_rnn
from tests.compiler.machine import BATCH, assert_agrees, compiled, floats, traced
from tests.compiler.test_memory import memory_of

TYPES = (floats(BATCH, 28, 28, 4), floats(3, 3, 4, 8), floats(8))


def network(x: Any, w: Any, b: Any) -> Any:
    """Large images that become small ones."""
    return ops.max_pool(ops.relu(ops.conv(x, w) + b), 4)


def slopes(x: Any, w: Any, b: Any) -> Any:
    """The network's gradients by its weights."""
    y = network(x, w, b)
    return tuple(gradient(ops.sum(y * y).value, [w.value, b.value]))


def rows(memory: Memory, sizes: dict[str, int] | None = None) -> dict[int, int]:
    """Bytes of each block that each thread has, for a batch of 160 or as told."""
    sizes = sizes or {"batch": 160}
    return {
        number: dims.evaluate(block.size, sizes) * block.itemsize
        for number, block in enumerate(memory.blocks)
        if block.own
    }


def test_large_steps_run_part_by_part() -> None:
    memory = memory_of(traced(network, *TYPES))
    (run,) = memory.runs
    assert run.stop - run.first >= 2


def test_what_nobody_else_wants_has_memory_for_a_few_samples() -> None:
    memory = memory_of(traced(network, *TYPES))
    (size,) = rows(memory).values()
    whole = 160 * 26 * 26 * 8 * 4
    assert whole / runs.PARTS <= size < whole / 4


def test_small_steps_run_whole() -> None:
    def small(x: Any, w: Any) -> Any:
        return ops.relu(ops.relu(x @ w) @ w)

    memory = memory_of(traced(small, floats(BATCH, 50), floats(50, 50)))
    assert not memory.runs
    assert not memory.rooms


def test_steps_in_time_take_all_samples_of_a_thread_together() -> None:
    def layer(*given: Any) -> Any:
        states, _ = simple_rnn(*given, activation="tanh", reverse=False)
        return ops.max_pool(states, 4)

    kernels = floats(64, 64), floats(64, 64), floats(64)
    state, mask = floats(BATCH, 64), TensorType("bool", (0,))
    graph = traced(layer, floats(BATCH, 100, 64), *kernels, state, mask)
    loops = [
        (number, step.share)
        for number, step in enumerate(memory_of(graph).steps)
        if isinstance(step, Call) and step.kernel == "recurrent.simple_loop"
    ]
    ((number, share),) = loops
    assert share and share.together
    assert not any(r.first <= number < r.stop for r in memory_of(graph).runs)


def test_what_is_wanted_later_is_kept_whole() -> None:
    def kept(x: Any, w: Any, b: Any) -> Any:
        y = ops.relu(ops.conv(x, w) + b)
        return ops.max_pool(y, 4), y - ops.mean(y)

    memory = memory_of(traced(kept, *TYPES))
    assert all(size < 160 * 26 * 26 * 8 for size in rows(memory).values())


@pytest.mark.parametrize("function", [network, slopes])
@pytest.mark.parametrize("size", [0, 1, 5, 33])
def test_part_by_part_gives_what_the_references_do(function: Any, size: int) -> None:
    graph: Graph = traced(function, *TYPES)
    rng = np.random.default_rng(size)
    inputs = [sample(t, {"batch": size}, rng) for t in TYPES]
    assert_agrees(graph, inputs)


def test_known_sizes_run_part_by_part_too() -> None:
    image = TensorType("float32", (40, 42, 42, 8))
    graph = traced(network, image, floats(3, 3, 8, 8), floats(8))
    assert memory_of(graph).runs
    rng = np.random.default_rng(0)
    inputs = [sample(leaf.type, {}, rng) for leaf in graph.inputs]  # type: ignore[arg-type]
    assert_agrees(graph, inputs)


def test_each_thread_has_memory_of_its_own() -> None:
    program = compiled(network, *TYPES)
    rng = np.random.default_rng(0)
    inputs = [sample(t, {"batch": 64}, rng) for t in TYPES]
    program.run(inputs)
    arena = program._bound[1].arena
    assert 0 < arena.own < 64 * 26 * 26 * 8 * 4
    assert len(program._arena) >= arena.size + arena.own


@pytest.mark.parametrize("function", [network, slopes])
@pytest.mark.parametrize("size", [0, 3, 50])
def test_a_part_too_large_for_the_cache_is_done_tick_by_tick(
    function: Any, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CACHE", 1 << 12)
    graph = traced(function, *TYPES)
    memory = memory_of(graph)
    assert {dims.evaluate(run.ticks, {"batch": 50}) for run in memory.runs} == {1}
    rng = np.random.default_rng(size)
    assert_agrees(graph, [sample(t, {"batch": size}, rng) for t in TYPES])


def test_what_lives_within_a_tick_has_room_for_a_tick() -> None:
    memory = memory_of(traced(network, *TYPES))
    (number,) = memory.rooms
    sizes = {"batch": 100_000}  # a part is some six thousand samples
    (run,) = memory.runs
    ticks = dims.evaluate(run.ticks, sizes)
    assert ticks == 1
    samples = -(-sizes["batch"] // TICKS)
    assert rows(memory, sizes)[number] == 26 * 26 * 8 * 4 * samples


@pytest.mark.parametrize(("size", "most"), [(1, 1), (5, 5), (32, 28), (160, 20)])
def test_small_batches_are_done_many_samples_at_a_time(size: int, most: int) -> None:
    memory = memory_of(traced(network, *TYPES))
    (number,) = memory.rooms
    samples = rows(memory, {"batch": size})[number] // (26 * 26 * 8 * 4)
    assert samples == most
    assert samples * (28 * 28 * 4 + 26 * 26 * 8) * 4 <= runs.CACHE


def images(x: Any, v: Any, w: Any) -> Any:
    return ops.relu(ops.conv(ops.relu(ops.conv(x, v)), w))


@pytest.mark.parametrize(("common", "together"), [(1 << 20, True), (600, False)])
def test_a_run_reads_few_weights_again_and_again(
    monkeypatch: pytest.MonkeyPatch, common: int, together: bool
) -> None:
    monkeypatch.setattr(runs, "COMMON", common)
    types = floats(BATCH, 40, 40, 4), floats(3, 3, 4, 12), floats(3, 3, 12, 4)
    assert bool(memory_of(traced(images, *types)).runs) == together


def joined(x: Any, y: Any, w: Any) -> Any:
    return ops.concatenate([x * 2.0, y], axis=1) @ w


@pytest.mark.parametrize(("heavy", "together"), [(1 << 30, True), (1 << 20, False)])
def test_heavy_weights_are_not_read_again_for_every_few_rows(
    monkeypatch: pytest.MonkeyPatch, heavy: int, together: bool
) -> None:
    monkeypatch.setattr(touches, "HEAVY", heavy)
    types = floats(BATCH, 9000), floats(BATCH, 20), floats(9020, 40)
    assert bool(memory_of(traced(joined, *types)).runs) == together
