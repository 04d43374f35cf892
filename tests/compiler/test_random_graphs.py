"""Graphs grown at random, with state and gradients: what no table thought of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.ops.shape import pad_interior
from graphkeras.variables import Variable
from tests.compiler.machine import BATCH
from tests.compiler.turns import ORDERS, sharing_all, taking_turns

SEEDS = range(24)
Rng = np.random.Generator


def _axis(a: Any, rng: Rng) -> int:
    return int(rng.integers(len(a.shape)))


def _padded(a: Any, rng: Rng) -> Any:
    _axis(a, rng)  # an error for a scalar
    low, high, gaps = (tuple(map(int, rng.integers(0, 2, len(a.shape)))) for _ in "abc")
    return pad_interior(a, 0.5, low, high, gaps)


def _product(a: Any, b: Any) -> Any:
    """A product of two matrices, either of them turned if that makes them fit."""
    if a.shape[1] == b.shape[0]:
        return a @ b * 0.2
    if a.shape[1] == b.shape[1]:
        return a @ ops.transpose(b) * 0.2
    return ops.transpose(a) @ b * 0.2


# Each makes a tensor of two others; an error of shape means: not here.
MOVES: tuple[Callable[[Any, Any, Rng], Any], ...] = (
    lambda a, b, rng: ops.tanh(a),
    lambda a, b, rng: ops.exp(-a),
    lambda a, b, rng: a + b,
    lambda a, b, rng: a * b,
    lambda a, b, rng: ops.maximum(a, b),
    lambda a, b, rng: ops.where(a > 0.5, a, ops.sqrt(ops.absolute(a) + 0.1)),
    lambda a, b, rng: ops.sum(a, _axis(a, rng), keepdims=bool(rng.integers(2))),
    lambda a, b, rng: ops.max(a, axis=-1, keepdims=True),
    lambda a, b, rng: ops.mean(ops.square(a)),
    lambda a, b, rng: ops.transpose(a),
    lambda a, b, rng: ops.reshape(a, (-1,)),
    lambda a, b, rng: ops.expand_dims(a, _axis(a, rng)),
    lambda a, b, rng: ops.flip(a),
    lambda a, b, rng: a[::2],
    lambda a, b, rng: _padded(a, rng),
    lambda a, b, rng: ops.concatenate([a, a * 2.0], _axis(a, rng)),
    lambda a, b, rng: _product(a, b),
)


def grown(seed: int) -> tuple[Graph, list[np.ndarray]]:
    """Return a random graph and the arrays of its state."""
    rng = np.random.default_rng(seed)
    shapes = [tuple(map(int, rng.choice([1, 3, 8, 17], n))) for n in (0, 1, 2)]
    variables = [Variable(rng.uniform(0.2, 1, s), name="v", dtype="float32")
                 for s in shapes]  # fmt: skip
    with Trace() as trace:
        x = trace.input("x", TensorType("float32", (BATCH, int(rng.choice([3, 16])))))
        y = trace.input("y", TensorType("float32", (4, BATCH)))
        pool = [x, y, *(v.value for v in variables)]
        for _ in range(16):
            _grow(pool, variables, rng)
        chosen = [pool[i] for i in rng.choice(len(pool), 3, replace=False)]
        loss = ops.mean(ops.tanh(chosen[0]))
        found = gradient(loss.value, [p.value for p in pool[:5]])
        chosen += [trace.tensor(g) for g in found if g is not None]
        graph, used = trace.graph(chosen)
    return graph, [v.array for v in used]


def _grow(pool: list[Any], variables: list[Variable], rng: Rng) -> None:
    """Add a tensor to the pool; sometimes move a variable by it."""
    a, b = (pool[rng.integers(len(pool))] for _ in "ab")
    try:
        new = MOVES[rng.integers(len(MOVES))](a, b, rng)
    except (ValueError, IndexError):
        return
    if len(new.shape) < 5:
        pool.append(new)
    if rng.random() < 0.2:
        variable = variables[rng.integers(len(variables))]
        variable.assign(variable.value * 0.5 + ops.tanh(ops.sum(new)) * 0.1)
        pool.append(variable.value)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_graph_computes_what_the_references_do(seed: int) -> None:
    graph, start = grown(seed)
    program = compile_graph(graph, name="random")
    rng = np.random.default_rng(seed)
    for rows in (1, 17, 40):
        shapes = [[rows if d == BATCH else d for d in i.shape] for i in graph.inputs]
        inputs = [rng.uniform(0.1, 1, s).astype(np.float32) for s in shapes]
        outputs, state = interpret(graph, inputs, start)
        own = [s.copy() for s in start]
        found = [*program.run(inputs, own), *own]
        for actual, wanted in zip(found, [*outputs, *state], strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("seed", SEEDS[::2])
def test_threads_in_any_order_compute_the_same_bits(seed: int) -> None:
    graph, start = grown(seed)
    with sharing_all():
        program = compile_graph(graph, name="shared")
    rng = np.random.default_rng(seed)
    for rows in (1, 17, 40):
        shapes = [[rows if d == BATCH else d for d in i.shape] for i in graph.inputs]
        inputs = [rng.uniform(0.1, 1, s).astype(np.float32) for s in shapes]
        alone = [s.copy() for s in start]
        wanted = [*program.run(inputs, alone), *alone]
        for count, order in ((2, "first to last"), (3, "last to first")):
            own = [s.copy() for s in start]
            with taking_turns(count, ORDERS[order]):
                found = [*program.run(inputs, own), *own]
            assert [a.tobytes() for a in found] == [a.tobytes() for a in wanted]
