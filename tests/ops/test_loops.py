"""Loops in the graph: compiled, exported and differentiated like what they repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import config, ops, random, tree
from graphkeras.autodiff import GradientTape
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import (
    ArgumentError,
    GradientError,
    SavingError,
    ShapeError,
    TraceError,
)
from graphkeras.export.onnx import export_graph
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace, trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.ops import control
from graphkeras.variables import Variable

TURNS, BATCH = 11, 4


class Case(NamedTuple):
    """A loop over (time, batch, 3) with a state (batch, 3) and weights (3, 3)."""

    loop: Callable[..., Any]
    differs: bool = True  # whether it has a gradient


def _cell(c: Any, e: Any, w: Any) -> tuple[Any, Any]:
    return ops.tanh(ops.matmul(c, w) + e), ops.elu(c) * e


def _rows(x: Any, h: Any, w: Any) -> Any:
    """A loop inside of a loop: prefix sums of each row."""

    def row(c: Any, e: Any) -> Any:
        inner = ops.scan(lambda a, f: (a + f * ops.sum(c), a * f), ops.sum(w), e)
        return c * 0.5 + inner[0], inner[1]

    return ops.scan(row, h[0], ops.transpose(x[:, 0]))


def _steps(x: Any, h: Any, w: Any) -> Any:
    start, count = (0, h), ops.cast(ops.shape(x)[0], "int32")
    end = ops.while_loop(lambda i, y: i < count, lambda i, y: (i + 1, y * 0.9), start)
    bounded = ops.while_loop(lambda y: ops.max(y) < 9, lambda y: y * y + 1, w, 2)
    return end, bounded, ops.fori_loop(0, count, lambda i, y: y + x[i], h)


CASES: dict[str, Case] = {
    "cell": Case(lambda x, h, w: ops.scan(lambda c, e: _cell(c, e, w), h, x)),
    "backwards": Case(
        lambda x, h, w: ops.scan(lambda c, e: _cell(c, e, w), h, x, reverse=True)
    ),
    "inside a loop": Case(_rows),
    "changing places": Case(
        lambda x, h, w: ops.scan(lambda c, _: (c[::-1], c[0]), (h, h * 2), x)
    ),
    "what came before": Case(lambda x, h, w: ops.scan(lambda c, e: (e, c), h, x)),
    "no state": Case(lambda x, h, w: ops.map(lambda e: (e @ w, e[0]), x)),
    "vectorized": Case(lambda x, h, w: ops.vectorized_map(ops.softmax, x)),
    "no slices": Case(
        lambda x, h, w: ops.scan(lambda c, _: (c @ w, ops.sum(c)), h, length=TURNS)
    ),
    "in dicts": Case(
        lambda x, h, w: ops.scan(
            lambda c, e: ({"a": c["a"] * 0.5 + e["p"]}, {"z": c["a"], "n": None}),
            {"a": h},
            {"p": x},
        )
    ),
    "counting": Case(
        lambda x, h, w: ops.scan(lambda c, e: (c + 1, e * x[c]), 0, x), False
    ),
    "until": Case(_steps, False),
}


def traced(loop: Any) -> tuple[Graph, list[Any]]:
    """The graph of a loop over free sizes."""
    time, batch = dims.symbol("time"), dims.symbol("batch")
    shapes = [(time, batch, 3), (batch, 3), (3, 3)]

    def flat(*tensors: Any) -> list[Any]:
        return [x for x in tree.flatten(loop(*tensors)) if x is not None]

    return trace_function(flat, [TensorType("float32", n) for n in shapes])


@pytest.fixture
def arrays(rng: np.random.Generator) -> list[np.ndarray]:
    shapes = [(TURNS, BATCH, 3), (BATCH, 3), (3, 3)]
    return [rng.uniform(-0.7, 0.7, n).astype("float32") for n in shapes]


@pytest.fixture
def written_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """What has loops of known length written out from now on."""
    yield lambda: monkeypatch.setattr(control, "MOST_WRITTEN_OUT", 1000)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    yield config.set_threads
    config.set_threads(None)


every_case = pytest.mark.parametrize("name", CASES)


@every_case
def test_a_loop_compiles_to_what_its_reference_is(
    name: str, arrays: Any, threads: Any
) -> None:
    graph, _ = traced(CASES[name].loop)
    expected, found = interpret(graph, arrays)[0], []
    for count in (1, 2):
        threads(count)
        found.append(compile_graph(graph, name=name).run(arrays))
    for one, two, wanted in zip(*found, expected, strict=True):
        assert one.tobytes() == two.tobytes()
        np.testing.assert_allclose(one, wanted, rtol=1e-5, atol=1e-5)


@every_case
def test_a_loop_is_a_loop_in_onnxruntime(
    name: str, arrays: Any, tmp_path: Path
) -> None:
    graph, _ = traced(CASES[name].loop)
    names = [f"y{i}" for i in range(len(graph.outputs))]
    export_graph(graph, [], tmp_path / "loop.onnx", input_names=["x", "h", "w"],
                 output_names=names, samples=arrays)  # fmt: skip


def slopes(loop: Any, types: list[TensorType]) -> Graph:
    """The gradients of all floats that a loop gives."""

    def derive(*tensors: Any) -> list[Any]:
        with GradientTape() as tape:
            tape.watch(list(tensors))
            parts = [
                ops.sum(y * y) for y in tree.flatten(loop(*tensors)) if y is not None
            ]
        found = tape.gradient(parts, list(tensors))
        return [g for g in found if g is not None]

    return trace_function(derive, types)[0]


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.differs])
def test_the_gradient_is_that_of_the_turns_written_out(
    name: str, arrays: Any, written_out: Any
) -> None:
    types = [TensorType("float32", a.shape) for a in arrays]
    graph = slopes(CASES[name].loop, types)
    assert any(v.op.name == "scan_steps" for v in graph.walk())
    found = compile_graph(graph, name=name).run(arrays)
    written_out()
    long = slopes(CASES[name].loop, types)
    assert not any(v.op.name == "scan_steps" for v in long.walk())
    for actual, wanted in zip(found, interpret(long, arrays)[0], strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-4)


def test_second_order_goes_through_a_loop(arrays: Any, written_out: Any) -> None:
    def twice(x: Any, h: Any, w: Any) -> Any:
        with GradientTape() as tape:
            loss = ops.sum(CASES["cell"].loop(x, h, w)[0])
        return tape.gradient(loss, [w])[0]

    types = [TensorType("float32", a.shape) for a in arrays]
    found = compile_graph(slopes(twice, types), name="twice").run(arrays)
    written_out()
    for actual, wanted in zip(found, interpret(slopes(twice, types), arrays)[0]):
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-3)


def test_no_turns_leave_the_first_state(arrays: Any) -> None:
    graph, _ = traced(CASES["cell"].loop)
    x, h, w = arrays
    last, rows = compile_graph(graph, name="none").run([x[:0], h, w])
    np.testing.assert_array_equal(last, h)
    assert rows.shape == (0, BATCH, 3)


# -------------------------------------------------------------------- variables, losses


def stateful(x: Any, h: Any, w: Any, total: Variable, seed: Any) -> Any:
    """A loop that assigns a variable and draws random numbers."""

    def turn(c: Any, e: Any) -> Any:
        total.assign(total * 0.5 + ops.sum(e))
        return random.dropout(c, 0.5, seed=seed) + e, c * total

    return ops.scan(turn, h, x)


def with_state(time: Any, arrays: Any) -> tuple[Graph, list[np.ndarray]]:
    """The graph of a loop of so many turns, and what its variables begin with."""
    total, seed = Variable(1.0, name="total"), random.SeedGenerator(3)
    types = [TensorType("float32", a.shape) for a in arrays]
    types[0] = types[0].with_shape((time, *types[0].shape[1:]))
    graph, variables = trace_function(
        lambda *tensors: list(stateful(*tensors, total, seed)), types
    )
    return graph, [v.array.copy() for v in variables]


def test_variables_and_seeds_move_on_from_turn_to_turn(
    arrays: Any, written_out: Any
) -> None:
    graph, state = with_state(dims.symbol("time"), arrays)
    found = compile_graph(graph, name="stateful").run(arrays, state)
    written_out()
    long, first = with_state(TURNS, arrays)
    expected, after = interpret(long, arrays, first)
    for actual, wanted in zip((*found, *state), (*expected, *after), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-6)


def test_losses_of_all_turns_add_up() -> None:
    with Trace() as trace:
        x = trace.input("x", TensorType("float32", (dims.symbol("n"),)))

        def turn(c: Any, e: Any) -> Any:
            trace.losses.append(("layer", e * 2))
            return c + e, None

        ops.scan(turn, ops.zeros(()), x)
    ((_, loss),) = trace.losses
    graph = Graph(tuple(trace.inputs), (loss.value,))
    assert interpret(graph, [np.arange(4, dtype="float32")])[0] == [12]


def test_a_loop_over_symbolic_tensors_is_one_call_of_the_model() -> None:
    x = keras.Input((3,))
    end = ops.while_loop(lambda y: ops.sum(y) < 20, lambda y: y + 1, x)
    last, rows = ops.scan(lambda c, e: (c + e, {"c": c, "n": None}), ops.zeros(3), x)
    assert rows["n"] is None
    model = keras.Model(x, [end, last, rows["c"], ops.map(ops.sum, x)])
    found = model.predict(np.ones((2, 3), "float32"), verbose=0)
    assert [f.tolist() for f in found] == [
        [[4, 4, 4]] * 2, [2, 2, 2], [[0, 0, 0], [1, 1, 1]], [3, 3]
    ]  # fmt: skip


def test_a_model_whose_loop_no_file_can_hold_is_not_saved(tmp_path: Path) -> None:
    x = keras.Input((3,))
    model = keras.Model(x, ops.while_loop(lambda y: ops.sum(y) < 20, ops.square, x))
    with pytest.raises(SavingError, match="a loop or a branch over symbolic tensors"):
        model.save(tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------ errors

FREE = TensorType("float32", (dims.symbol("n"),))
REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda x: ops.scan(lambda c, e: (ops.concatenate([c, c]), e), x, x),
     TraceError, r"keep their shape(?s:.*)2\*n\] after f32\[n\](?s:.*)Cast or"),
    (lambda x: ops.scan(lambda c, e: ((c, c), e), x, x),
     ArgumentError, r"structure in which it began(?s:.*)\(\*, \*\) after \*"),
    (lambda x: ops.scan(lambda c, e: c, x, x), ArgumentError, "return a pair"),
    (lambda x: ops.while_loop(lambda y: y < 5, lambda y: y + 1, x),
     ArgumentError, "a scalar(?s:.*)ops.all or ops.any"),
    (lambda x: ops.while_loop(lambda y: ops.sum(y) < 5, lambda y: y[None], x),
     TraceError, "while_loop: expected carried values that keep"),
    (lambda x: ops.map(lambda e: e, (x, ops.zeros(3))),
     ShapeError, "one length(?s:.*)n, 3(?s:.*)slices of one"),
]  # fmt: skip


@pytest.mark.parametrize(("loop", "kind", "words"), REFUSED)
def test_what_is_no_loop_is_said(loop: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        trace_function(loop, [FREE])


def test_while_loop_has_no_gradient_and_says_so() -> None:
    def derive(x: Any) -> Any:
        with GradientTape() as tape:
            y = ops.while_loop(lambda y: ops.sum(y) < 5, lambda y: y + 1, x)
        return tape.gradient(y, [x])

    with pytest.raises(GradientError, match=r"while_loop: (?s:.*)Use ops.scan"):
        trace_function(derive, [FREE])


def test_a_known_loop_whose_state_grows_is_written_out() -> None:
    def grow(x: Any) -> Any:
        return ops.scan(lambda c, _: (ops.concatenate([c, x]), None), x, length=20)[0]

    graph, _ = trace_function(grow, [TensorType("float32", (2,))])
    assert graph.outputs[0].shape == (42,)
