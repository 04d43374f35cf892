"""Graphs that begin with strings: prepared by the interpreter, then compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.compiler.host import split_host
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import ArgumentError, KernelError
from graphkeras.ir.interpret import interpret
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.ops.lookup import look_up
from graphkeras.ops.text import text_to_numbers
from graphkeras.runtime.prepared import PreparedProgram
from tests.compiler.machine import BATCH, floats, traced

WORDS = ["a", "cat", "sat"]
TEXTS = np.array(["a cat", "the cat sat", "", "sat sat a cat"], object)
STRINGS = TensorType("string", (BATCH,))


def ids(x: Any, width: int | str = 3) -> Any:
    how = {"standardize": "lower", "vocabulary": WORDS, "width": width}
    return text_to_numbers(x, **how)


def other_words(x: Any) -> Any:
    return look_up(x, keys=["a", "b"], values=np.array(["x", "y"]), default="")


def embedded(x: Any, table: Any) -> Any:
    return ops.mean(ops.take(table, ids(x, "words"), axis=0), axis=1)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return traced(embedded, STRINGS, floats(5, 4))


@pytest.fixture
def table(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(5, 4)).astype(np.float32)


def test_strings_run_first_and_numbers_are_compiled(graph: Graph, table: Any) -> None:
    program = compile_graph(graph, name="text")
    assert isinstance(program, PreparedProgram)
    (expected,), _ = interpret(graph, [TEXTS, table])
    np.testing.assert_allclose(program.run([TEXTS, table])[0], expected, rtol=1e-6)


def test_an_epoch_prepares_its_rows_once(
    graph: Graph, table: Any, monkeypatch: Any
) -> None:
    program = compile_graph(graph, name="text")
    calls: list[int] = []
    run = program._preparation.run  # type: ignore[attr-defined]
    monkeypatch.setattr(
        type(program._preparation), "run",  # type: ignore[attr-defined]
        lambda self, *given: calls.append(1) or run(*given),
    )  # fmt: skip
    found = np.zeros((4, 4), np.float32)
    for _ in range(3):
        program.run_epoch([TEXTS, table], [], batch_size=3, collect=[found])
    np.testing.assert_allclose(found, interpret(graph, [TEXTS, table])[0][0], rtol=1e-6)
    assert len(calls) == 1


def test_other_rows_are_prepared_anew(graph: Graph, table: Any) -> None:
    program, texts = compile_graph(graph, name="text"), TEXTS.copy()
    found = np.zeros((4, 4), np.float32)
    for word in ("a", "sat"):
        texts[2] = word  # in the same array
        program.run_epoch([texts, table], [], batch_size=4, collect=[found])
        expected = interpret(graph, [texts, table])[0][0]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_strings_may_be_outputs_of_a_single_run() -> None:
    graph = traced(lambda x: (other_words(x), ids(x) * 2), STRINGS)
    program = compile_graph(graph, name="text")
    found, doubled = program.run([np.array(["b", "A CAT"], object)])
    assert found.tolist() == ["y", ""]
    assert doubled.tolist() == [[2, 0, 0], [4, 6, 0]]
    with pytest.raises(KernelError, match="made of strings"):
        program.run_epoch([TEXTS], [], batch_size=2)


def test_a_graph_of_strings_only_needs_no_code() -> None:
    program = compile_graph(traced(other_words, STRINGS), name="text")
    assert program.run([np.array(["a"], object)])[0].tolist() == ["x"]


def test_numbers_beside_strings_go_straight_in() -> None:
    graph = traced(
        lambda x, y: ids(x) + ops.cast(y, "int64"), STRINGS, floats(BATCH, 1)
    )
    first, rest = split_host(graph) or (None, None)
    assert first is not None and rest is not None
    assert [i.dtype for i in rest.inputs] == ["float32", "int64"]


def test_a_graph_without_strings_is_whole() -> None:
    assert split_host(traced(ops.exp, floats(BATCH))) is None


def test_a_missing_input_is_counted(graph: Graph) -> None:
    with pytest.raises(ArgumentError, match="expected 2 inputs"):
        compile_graph(graph, name="text").run([TEXTS])
