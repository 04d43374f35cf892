"""Whole training steps: several of them, compiled, keep to the references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from graphkeras import config, ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.emit_feed import columns_of
from graphkeras.compiler.fuse import fuse
from graphkeras.compiler.loops import Loop
from graphkeras.compiler.lower import Call
from graphkeras.compiler.memory import plan_memory
from graphkeras.compiler.pipeline import compile_graph, passed
from graphkeras.compiler.sharing import SPREAD
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.variables import Variable
from tests.compiler.machine import BATCH

Net = Callable[[Any, Sequence[Variable]], Any]


def adam(trace: Trace, weights: Sequence[Variable], loss: Any) -> None:
    """One step of Adam, as an optimizer traces it."""
    step = Variable(np.zeros((), np.int32), name="step")
    step.assign_add(1)
    t = ops.cast(step.value, "float32")
    rate = 0.01 * ops.sqrt(1 - ops.power(0.999, t)) / (1 - ops.power(0.9, t))
    parts = gradient(loss.value, [w.value.value for w in weights])
    for w, part in zip(weights, parts, strict=True):
        assert part is not None
        m, v = (Variable(np.zeros(w.shape, np.float32), name=n) for n in "mv")
        g = trace.tensor(part)
        m.assign_add((g - m.value) * 0.1)
        v.assign_add((ops.square(g) - v.value) * 0.001)
        w.assign_sub(m.value * rate / (ops.sqrt(v.value) + 1e-7))


def training_step(net: Net, shape: tuple[Any, ...], sizes: Sequence[Any]) -> Any:
    """Return the graph of a step and the arrays of its state."""
    rng = np.random.default_rng(0)
    weights = [
        Variable(rng.normal(size=s).astype(np.float32) * 0.3, name=f"w{i}")
        for i, s in enumerate(sizes)
    ]
    seen = Variable(np.zeros((), np.float32), name="seen")
    with Trace() as trace:
        x = trace.input("x", TensorType("uint8", (BATCH, *shape)))
        y = trace.input("y", TensorType("int32", (BATCH,)))
        logits = net(ops.cast(x, "float32") / 255.0, weights)
        rows = ops.logsumexp(logits, axis=-1)
        loss = ops.mean(rows - ops.sum(logits * ops.one_hot(y, 10), axis=-1))
        adam(trace, weights, loss)
        seen.assign_add(ops.sum(ops.cast(ops.argmax(logits, -1) == y, "float32")))
        graph, variables = trace.graph([loss])
    return graph, [v.array.copy() for v in variables]


def mlp(x: Any, w: Sequence[Variable]) -> Any:
    hidden = ops.relu(x @ w[0] + w[1])
    hidden = ops.tanh(hidden @ w[2] + w[3])
    return hidden @ w[4] + w[5]


def cnn(x: Any, w: Sequence[Variable]) -> Any:
    images = ops.relu(ops.conv(x, w[0], padding="same") + w[1])
    images = ops.max_pool(images, 2)
    images = ops.relu(ops.conv(images, w[2], strides=2) + w[3])
    return ops.reshape(images, (-1, 2 * 2 * 8)) @ w[4] + w[5]


def normalized(x: Any, w: Sequence[Variable]) -> Any:
    hidden = x @ w[0]
    centred = hidden - ops.mean(hidden, axis=0)
    hidden = centred / ops.sqrt(ops.mean(ops.square(centred), axis=0) + 1e-3)
    rows = hidden - ops.mean(hidden, axis=-1, keepdims=True)
    return ops.relu(rows * w[1]) @ w[2]


def words(x: Any, w: Sequence[Variable]) -> Any:
    rows = ops.take(w[0], ops.cast(ops.round(x * 255.0), "int32"), axis=0)
    return ops.mean(rows, axis=1) @ w[1]


NETS: dict[str, tuple[Net, tuple[Any, ...], list[Any]]] = {
    "mlp": (mlp, (30,), [(30, 33), 33, (33, 17), 17, (17, 10), 10]),
    "wide": (mlp, (140,), [(140, 512), 512, (512, 544), 544, (544, 10), 10]),
    "long": (mlp, (1030,), [(1030, 66), 66, (66, 17), 17, (17, 10), 10]),
    "cnn": (cnn, (11, 11, 3), [(3, 3, 3, 5), 5, (3, 3, 5, 8), 8, (32, 10), 10]),
    "normalized": (normalized, (20,), [(20, 18), 18, (18, 10)]),
    "words": (words, (12,), [(256, 21), (21, 10)]),
}


def spread(name: str) -> list[Any]:
    """Return how the products of a step that leave sums are cut."""
    net, shape, sizes = NETS[name]
    steps = plan_memory(fuse(passed(training_step(net, shape, sizes)[0]))).steps
    return [
        step.share.axes for step in steps
        if isinstance(step, Call) and step.share and step.share.parts == SPREAD
    ]  # fmt: skip


def test_long_weights_stay_with_the_thread_that_trains_them() -> None:
    assert spread("long") == [((0, 1), (1, 0))]
    assert spread("mlp") == []


def test_inputs_of_long_weights_are_made_and_gathered_by_columns() -> None:
    net, shape, sizes = NETS["long"]
    memory = plan_memory(fuse(passed(training_step(net, shape, sizes)[0])))
    pixels, product, *_ = memory.steps
    assert isinstance(pixels, Loop) and isinstance(product, Call)
    assert pixels.share and product.share and pixels.share.of == SPREAD
    assert (pixels.share.size, pixels.share.cells) == (1030, product.share.cells)
    columns = columns_of(memory.steps, memory.buffer)
    assert [c.width for c in columns.values()] == [1030]


def by_columns(name: str) -> list[Call]:
    """Return the products of a step that are cut between columns of wide weights."""
    net, shape, sizes = NETS[name]
    steps = plan_memory(fuse(passed(training_step(net, shape, sizes)[0]))).steps
    calls = [step for step in steps if isinstance(step, Call) and step.share]
    return [c for c in calls if c.share and c.share.axes == ((1, 1), (2, 1))]


def test_wide_weights_stay_with_the_threads_that_own_their_columns() -> None:
    products = by_columns("wide")
    assert len(products) == 6  # two forward, two back, two gradients
    assert sum(p.finish is not None and p.finish.once for p in products) == 2
    assert by_columns("mlp") == []


def test_a_single_weight_of_many_columns_is_read_by_a_loop_without_axes() -> None:
    def net(x: Any, w: Sequence[Variable]) -> Any:
        Variable(np.zeros((), np.float32), name="one").assign(w[0].value[3, 5])
        return mlp(x, w)

    _, shape, sizes = NETS["wide"]
    graph, _ = training_step(net, shape, sizes)
    assert plan_memory(fuse(passed(graph))).steps


@pytest.mark.parametrize("name", NETS)
def test_steps_keep_to_the_references(name: str) -> None:
    net, shape, sizes = NETS[name]
    graph, state = training_step(net, shape, sizes)
    program, own = compile_graph(graph, name=name), [s.copy() for s in state]
    rng = np.random.default_rng(1)
    for rows in (300, 17):  # more than a block of a product holds, and a few
        x = rng.integers(0, 255, (rows, *shape)).astype(np.uint8)
        inputs = [x, rng.integers(0, 10, rows).astype(np.int32)]
        (expected,), state = interpret(graph, inputs, state)
        (loss,) = program.run(inputs, own)
        np.testing.assert_allclose(loss, expected, rtol=1e-4)
    # Adam divides by the size of a gradient: of a tiny one not much is certain.
    for actual, wanted in zip(own, state, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("name", NETS)
def test_every_pass_keeps_the_meaning_of_a_step(name: str) -> None:
    config.set_debug("ir")  # each pass is verified and compared with the one before
    net, shape, sizes = NETS[name]
    graph, _ = training_step(net, shape, sizes)
    assert compile_graph(unknown_to_the_cache(graph), name=name)


def unknown_to_the_cache(graph: Graph) -> Graph:
    """The graph with one more output, so that it is not the one compiled before."""
    outputs = (*graph.outputs, graph.outputs[0])
    return Graph(graph.inputs, outputs, graph.state, graph.updates)
