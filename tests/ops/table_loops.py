"""Samples of the ops that hold graphs: turns of a loop, branches of a choice."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras.ir.op import constant
from graphkeras.ir.types import type_of
from graphkeras.ir.value import Graph, Value
from graphkeras.ops.compare import less
from graphkeras.ops.linalg import gemm
from graphkeras.ops.loops import leaf
from graphkeras.ops.math import add, multiply, tanh
from graphkeras.ops.reduce import sum as sum_of
from tests.ops.sample import Sample, s, x

TIME = 5


def _x(*shape: int) -> Any:
    return x(*shape).astype("float64")


def _leaves(*arrays: Any) -> tuple[Value, ...]:
    return tuple(leaf("x", type_of(a)) for a in arrays)


def _scan(**attrs: Any) -> Sample:
    """h = tanh(h w + x) for each of five x; the turn gives h * h too."""
    state, line, weight = _x(2, 3), _x(TIME, 2, 3), _x(3)
    h, e, w = inputs = _leaves(state, line[0], weight)
    after = tanh(add(multiply(h, w), e))
    body = Graph(inputs, (after, multiply(after, h)))
    sizes = {"carries": 1, "sequences": 1, "length": TIME}
    return s([state, line, weight], body=body, **sizes, **attrs)


def _fixed() -> Sample:
    """Two values that change places, whatever the slices."""
    state, other, line = _x(4), _x(4), _x(TIME, 2)
    a, b, e = inputs = _leaves(state, other, line[0])
    body = Graph(inputs, (b, multiply(a, 0.5), e, a))
    return s([state, other, line], body=body, carries=2, sequences=1, length=TIME)


def _while() -> Sample:
    """x * w + 1 until the sum is 20."""
    state, weight = _x(4), x(4, kind="above_one").astype("float64")
    h, w = inputs = _leaves(state, weight)
    condition = Graph(inputs, (less(sum_of(h), 20.0),))
    body = Graph(inputs, (add(multiply(h, w), 1.0),))
    return s([state, weight], condition=condition, body=body, carries=1)


def _choice(index: int) -> Sample:
    """Of x and w: tanh(x w), x + 1 or w, and a number that tells which."""
    line, weight = _x(4), _x(4)
    e, w = inputs = _leaves(line, weight)
    branches = [(tanh(multiply(e, w)), 0), (add(e, 1.0), 1), (w, 2)]
    graphs = tuple(Graph(inputs, (y, constant(n, "int32"))) for y, n in branches)
    return s([np.int32(index), line, weight], branches=graphs)


def _heavy(index: int) -> Sample:
    """Of x and w: a product, or the sums of rows: too much to do both."""
    rows, weight = _x(3, 4), _x(4, 4)
    e, w = inputs = _leaves(rows, weight)
    branches = gemm(tanh(e), w), multiply(e, sum_of(w, axis=0))
    graphs = tuple(Graph(inputs, (y,)) for y in branches)
    return s([np.int32(index), rows, weight], branches=graphs)


LOOPS: dict[str, list[Sample]] = {
    "run_loop": [s([_x(4)], run=lambda xs: (tanh(xs[0]), multiply(xs[0], 2.0)))],
    "scan_steps": [_scan(), _scan(reverse=True), _scan(stash=(0,)), _fixed()],
    "while_steps": [_while()],
    "chosen_branch": [*map(_choice, (-3, 0, 1, 2, 9)), *map(_heavy, (0, 1))],
}
