"""Choices in the graph: one branch runs, compiled, exported and differentiated."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import config, layers, ops, random, tree
from graphkeras.autodiff import GradientTape
from graphkeras.compiler.fuse import fuse
from graphkeras.compiler.lower import Choice
from graphkeras.compiler.memory import plan_memory
from graphkeras.compiler.pipeline import compile_graph, passed
from graphkeras.compiler.pseudo import program_text
from graphkeras.errors import ArgumentError
from graphkeras.export.onnx import export_graph
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace, trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.variables import Variable

ROWS = 40
INDEX = TensorType("int32", ())


def _many(i: Any, x: Any, w: Any) -> Any:
    steps = [
        lambda y: y @ w, lambda y: ops.softmax(y @ w + 1) * ops.sum(y),
        lambda y: y, lambda y: ops.sort(y, axis=0),
    ]  # fmt: skip
    return ops.switch(i, steps, ops.switch(i - 1, steps, x * 2))


def _inside(i: Any, x: Any, w: Any) -> Any:
    """A choice in a choice, with a value of the outer one."""
    outer = ops.tanh(x @ w)

    def deeper() -> Any:
        y = outer @ w
        return ops.cond(i > 1, lambda: y @ w, lambda: ops.sort(y))

    return ops.cond(i > 0, deeper, lambda: outer)


def _in_a_loop(i: Any, x: Any, w: Any) -> Any:
    """A choice each turn, and one turn's loop in a choice."""

    def turn(c: Any, e: Any) -> Any:
        c = ops.cond(ops.sum(c) > e[0], lambda: ops.tanh(c @ w), lambda: c + e)
        return c, ops.sum(c)

    last, sums = ops.scan(turn, x[:3], x)
    return ops.cond(
        i > 0, lambda: (ops.scan(lambda c, e: (c @ w, None), last, x)[0], sums),
        lambda: (last, sums),
    )  # fmt: skip


CASES: dict[str, Callable[..., Any]] = {
    "many": _many,
    "one in another": _inside,
    "in a loop": _in_a_loop,
    "in dicts": lambda i, x, w: ops.cond(
        i > 0, lambda: {"a": x @ w, "n": None}, lambda: {"a": x, "n": None}
    ),
    "what is constant": lambda i, x, w: ops.switch(
        i, [lambda: ops.ones((3, 4)) @ w, lambda: ops.eye(4)[:3] + 0 * w[:3]]
    ),
    "little": lambda i, x, w: ops.switch(
        i, [lambda: x + 1, lambda: w[0], lambda: 2, lambda: ops.sum(x)]
    ),
    "whole numbers": lambda i, x, w: ops.cond(
        i > 0, lambda: ops.argsort(x @ w), lambda: ops.zeros_like(x, "int32")
    ),
}
# Integers; and branches of several shapes, stretched to one if all are traced.
NO_SLOPES = ("whole numbers", "little")
every_case = pytest.mark.parametrize("name", CASES)


def types() -> list[TensorType]:
    rows = (dims.symbol("rows"), 4)
    return [INDEX, TensorType("float32", rows), TensorType("float32", (4, 4))]


def traced(function: Callable[..., Any]) -> Graph:
    def flat(*given: Any) -> list[Any]:
        return [x for x in tree.flatten(function(*given)) if x is not None]

    return trace_function(flat, types())[0]


@pytest.fixture
def arrays(rng: np.random.Generator) -> list[np.ndarray]:
    shapes = [(ROWS, 4), (4, 4)]
    return [rng.uniform(-0.7, 0.7, n).astype("float32") for n in shapes]


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    yield config.set_threads
    config.set_threads(None)


@every_case
def test_a_choice_compiles_to_what_its_reference_is(
    name: str, arrays: Any, threads: Any
) -> None:
    graph, found = traced(CASES[name]), []
    for count in (1, 2):
        threads(count)
        program = compile_graph(graph, name=name)
        found += [program.run([np.int32(i), *arrays]) for i in range(-1, 5)]
    for i in range(-1, 5):
        expected = interpret(graph, [np.int32(i), *arrays])[0]
        for one, two, wanted in zip(found[i + 1], found[i + 7], expected, strict=True):
            assert one.tobytes() == two.tobytes()
            np.testing.assert_allclose(one, wanted, rtol=1e-4, atol=1e-5)


@every_case
def test_a_choice_is_an_if_in_onnxruntime(
    name: str, arrays: Any, tmp_path: Path
) -> None:
    graph = traced(CASES[name])
    names = [f"y{i}" for i in range(len(graph.outputs))]
    for i in range(3):
        export_graph(graph, [], tmp_path / "choice.onnx", input_names=["i", "x", "w"],
                     output_names=names, samples=[np.int32(i), *arrays])  # fmt: skip


def slopes(function: Callable[..., Any]) -> Callable[..., Any]:
    """The gradients of all floats that a function gives."""

    def derive(i: Any, x: Any, w: Any) -> list[Any]:
        with GradientTape() as tape:
            tape.watch([x, w])
            parts = [ops.sum(y * y) for y in tree.flatten(function(i, x, w))
                     if y is not None and "float" in y.dtype]  # fmt: skip
        return tape.gradient(parts, [x, w], unconnected_gradients="zero")

    return derive


@pytest.mark.parametrize("name", [n for n in CASES if n not in NO_SLOPES])
def test_the_gradient_is_that_of_the_chosen_branch(name: str, arrays: Any) -> None:
    program = compile_graph(traced(slopes(CASES[name])), name=name)
    for i in range(4):
        # With a number that is known, the branch is all that is traced.
        alone = traced(slopes(lambda _, x, w, i=i: CASES[name](np.int32(i), x, w)))
        expected = interpret(alone, [np.int32(i), *arrays])[0]
        found = program.run([np.int32(i), *arrays])
        for actual, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-4)


def test_the_second_gradient_goes_through_the_branch_too(arrays: Any) -> None:
    twice = slopes(slopes(CASES["one in another"]))
    program = compile_graph(traced(twice), name="twice")
    alone = traced(
        slopes(slopes(lambda _, x, w: CASES["one in another"](np.int32(2), x, w)))
    )
    expected = interpret(alone, [np.int32(2), *arrays])[0]
    for actual, wanted in zip(program.run([np.int32(2), *arrays]), expected):
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-3)


def text_of(function: Callable[..., Any]) -> str:
    return program_text(plan_memory(fuse(passed(traced(function)))))


def test_what_is_much_work_is_left_out_and_little_is_selected() -> None:
    assert "branch 1:" in text_of(lambda i, x, w: ops.cond(
        i > 0, lambda: x @ w, lambda: ops.sort(x)))  # fmt: skip
    assert "chosen_branch" not in text_of(
        lambda i, x, w: ops.cond(i > 0, lambda: x + w[0], lambda: x * 2)
    )


def test_branches_share_their_memory() -> None:
    def deep(i: Any, x: Any, w: Any) -> Any:
        def branch() -> Any:
            return ops.sort(ops.softmax(x @ w) @ w) @ w

        return ops.switch(i, [branch, lambda: branch() * 2, lambda: branch() + 1])

    blocks = plan_memory(fuse(passed(traced(deep)))).blocks
    lives = [(b.first, b.last) for b in blocks if b.size != 1]
    apart = [a for a in lives if any(b[1] < a[0] for b in lives)]
    assert len(apart) * 3 >= len(lives)


def softer(x: Any) -> Any:
    means = ops.average_pool(ops.average_pool(x, 3, 1, "same") ** 2, 3, 1, "same")
    return ops.sqrt(means)


def test_large_samples_are_worked_on_a_few_at_a_time(rng: Any, threads: Any) -> None:
    branches = [softer, lambda x: softer(ops.max_pool(x, 3, 1, "same") * 2), ops.flip]
    kind = TensorType("float32", (dims.symbol("batch"), 80, 80, 3))
    graph, _ = trace_function(lambda i, x: ops.switch(i, branches, x), [INDEX, kind])
    steps = plan_memory(fuse(passed(graph))).steps
    (step,) = [step for step in steps if isinstance(step, Choice)]
    assert all(memory.runs and memory.rooms for memory in step.memories[:2])
    images = rng.uniform(0, 1, (5, 80, 80, 3)).astype("float32")
    for i, count in itertools.product(range(3), (1, 2)):
        threads(count)
        (found,) = compile_graph(graph, name="few").run([np.int32(i), images])
        (expected,) = interpret(graph, [np.int32(i), images])[0]
        np.testing.assert_allclose(found, expected, rtol=1e-5)


# --------------------------------------------------------------- variables and seeds


def drawn(i: Any, x: Any, w: Any, seed: Any, count: Variable) -> Any:
    def first() -> Any:
        count.assign_add(1.0)
        return random.normal((3, 4), seed=seed) @ w

    def second() -> Any:
        draws = [random.normal((3, 4), seed=seed) for _ in range(2)]
        return ops.sort(draws[0] + draws[1])

    chosen = ops.switch(i, [first, second, lambda: x[:3] @ w])
    return chosen, random.uniform((3,), seed=seed)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_seeds_and_variables_move_on_as_the_chosen_branch_says(
    number: int, arrays: Any
) -> None:
    def states() -> tuple[Any, Variable]:
        return random.SeedGenerator(7), Variable(1.0, name="count")

    seed, count = states()
    graph, variables = trace_function(
        lambda *given: list(drawn(*given, seed, count)), types()
    )
    after = [v.array.copy() for v in variables]
    program = compile_graph(graph, name="drawn")
    found = program.run([np.int32(number), *arrays], after)
    seed, count = states()
    expected = drawn(number, *arrays, seed, count)  # eagerly
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-6)
    kept = {v.name: a for v, a in zip(variables, after)}
    assert kept["count"] == count.numpy()
    assert any(np.array_equal(a, seed.state.numpy()) for a in after)


def test_only_the_chosen_branch_adds_its_losses() -> None:
    with Trace() as trace:
        i = trace.input("i", INDEX)

        def branch(amount: float) -> Any:
            trace.losses.append(("layer", ops.ones(()) * amount))
            return ops.zeros(())

        ops.cond(i > 0, lambda: branch(2.0), lambda: branch(3.0))
    graph = Graph(tuple(trace.inputs), tuple(loss.value for _, loss in trace.losses))
    found = [interpret(graph, [np.int32(number)])[0] for number in (1, 0)]
    assert [sum(row) for row in found] == [2, 3]


class Either(layers.Layer):
    """One of two dense layers, as the mean of the batch says."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.one, self.two = layers.Dense(8, "relu"), layers.Dense(8, "tanh")

    def build(self, shape: Any) -> None:
        self.one.build(shape)
        self.two.build(shape)
        super().build(shape)

    def call(self, x: Any) -> Any:
        return ops.cond(ops.mean(x) > 0, lambda: self.one(x), lambda: self.two(x))


def test_training_moves_the_weights_of_the_chosen_branch_alone(tmp_path: Path) -> None:
    layer = Either()
    model = keras.Sequential([keras.Input((4,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    before = [w.copy() for w in layer.get_weights()]
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    moved = [not np.array_equal(a, b) for a, b in zip(before, layer.get_weights())]
    assert moved == [True, True, False, False]
    model.export(tmp_path / "either.onnx")  # is compared with the model


def test_a_choice_of_symbolic_tensors_is_a_part_of_the_model() -> None:
    x = keras.Input((3,))
    total = ops.sum(x)
    y = ops.cond(total > 5, lambda: x * 2, lambda: x)
    branches = [lambda a: (a, None), lambda a: (-a, None)]
    z, none = ops.switch(ops.cast(total, "int32"), branches, x)
    assert none is None
    model = keras.Model(x, [y, z])
    found = model.predict(np.ones((2, 3), "float32"), verbose=0)
    assert [f[0, 0] for f in found] == [2, -1]


# ------------------------------------------------------------------------------ errors

REFUSED: list[tuple[Any, str]] = [
    (lambda i, x, w: ops.cond(i > 0, lambda: (x, x), lambda: x),
     r"cond: (?s:.*)one structure(?s:.*)\(\*, \*\) and \*"),
    (lambda i, x, w: ops.cond(i > 0, lambda: x, lambda: None),
     r"one structure(?s:.*)\* and None"),
    (lambda i, x, w: ops.switch(i, [lambda: x @ w, lambda: w[:3]]),
     "switch: (?s:.*)agree in shape and dtype(?s:.*)Cast, pad"),
    (lambda i, x, w: ops.cond(x > 0, lambda: x, lambda: -x),
     "one number that says which(?s:.*)ops.where"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "words"), REFUSED)
def test_what_is_no_choice_is_said(function: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        traced(function)
