"""The string ops: exact by an independent reading, alike in onnxruntime."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkeras import ops
from graphkeras.errors import ArgumentError, DTypeError, ExportError, ShapeError
from graphkeras.export.onnx import export_graph
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace, trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph
from graphkeras.ir.verify import verify
from graphkeras.ops import text
from tests.text.samples import BATCHES, NASTY, lowered, stripped, texts, words

VOCABULARY = ["hello", "dont", "a", "日本語", "unk", "[unk]"]
VECTOR = TensorType("string", (dims.symbol("batch"),))


def to_ids(x: Any, width: int | str = 6) -> Any:
    """All four ops, as TextVectorization strings them together."""
    clean = text.strip_punctuation(text.lower_ascii(x))
    found = text.split_words(clean, width=width)
    return text.lookup_words(found, vocabulary=VOCABULARY)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "lower": text.lower_ascii,
    "strip": text.strip_punctuation,
    "first words": lambda x: text.split_words(x, width=3),
    "all words": lambda x: text.split_words(x, width="words"),
    "look up": lambda x: text.lookup_words(x, vocabulary=VOCABULARY),
    "ids": to_ids,
    "all ids": lambda x: to_ids(x, "words"),
    "free size used": lambda x: ops.full_like(ids := to_ids(x, "words"), 7) + ids,
    "column": lambda x: text.strip_punctuation(
        text.lower_ascii(ops.reshape(x, (-1, 1)))
    ),
}


def traced(function: Callable[[Any], Any]) -> Graph:
    """Return the graph of a function of one vector of strings."""
    return verify(trace_function(function, [VECTOR], ["texts"])[0])


@given(st.text())
def test_lower_changes_ascii_letters_only(item: str) -> None:
    assert text.lower_ascii(texts([item])).tolist() == [lowered(item)]


@given(st.text())
def test_strip_deletes_ascii_marks_only(item: str) -> None:
    assert text.strip_punctuation(texts([item])).tolist() == [stripped(item)]


@given(st.text(alphabet=st.sampled_from("ab \t\n\v\f\r\x1c\x85\xa0\u2003")))
def test_only_ascii_white_space_separates_words(item: str) -> None:
    assert text.split_words(texts([item]), width="words").tolist() == [words(item)]


@pytest.mark.parametrize("item", NASTY)
def test_nasty_text_is_read_as_its_bytes_say(item: str) -> None:
    found = words(stripped(lowered(item)))[:6]
    ids = [VOCABULARY.index(w) + 2 if w in VOCABULARY else 1 for w in found]
    assert to_ids(texts([item])).tolist() == [ids + [0] * (6 - len(ids))]


def test_marks_are_the_32_of_ascii() -> None:
    assert sorted(text.COMMON_MARKS + text.RARE_MARKS) == sorted(string.punctuation)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("batch", BATCHES)
def test_graph_computes_what_the_references_do(name: str, batch: str) -> None:
    function, data = FUNCTIONS[name], texts(BATCHES[batch])
    (result,), _ = interpret(traced(function), [data])
    assert result.tolist() == function(data).tolist()


@pytest.fixture(scope="module", params=FUNCTIONS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Callable[[Any], Any], onnxruntime.InferenceSession]:
    """A function of strings, and the same in onnxruntime."""
    function = FUNCTIONS[request.param]
    path = tmp_path_factory.mktemp("onnx") / "texts.onnx"
    names = {"input_names": ["texts"], "output_names": ["out"]}
    export_graph(traced(function), [], path, samples=[texts(NASTY)], **names)
    providers = ["CPUExecutionProvider"]
    return function, onnxruntime.InferenceSession(path, providers=providers)


@pytest.mark.parametrize("batch", BATCHES)
def test_onnxruntime_gives_the_same_strings_and_ids(served: Any, batch: str) -> None:
    function, session = served
    data = texts(BATCHES[batch])
    (result,) = session.run(None, {"texts": data})
    expected = function(data)
    assert result.shape == expected.shape
    assert result.tolist() == expected.tolist()


def test_bytes_are_read_as_utf8() -> None:
    assert text.lower_ascii(np.array(["É A".encode()])).tolist() == ["É a"]


def test_width_of_the_longest_text_is_a_size_of_the_graph() -> None:
    graph = traced(lambda x: ops.reshape(to_ids(x, "words"), (-1,)))
    (result,), _ = interpret(graph, [texts(["a", "a b c"])])
    assert str(graph.outputs[0].type) == "i64[batch*words]"
    assert result.tolist() == [4, 0, 0, 4, 1, 1]


def test_eager_trace_knows_the_width_at_once() -> None:
    with Trace(eager=True) as trace:
        x = trace.input("x", TensorType("string", (2,)), texts(["a", "a b c"]))
        ids = to_ids(x, "words")
        assert ids.shape == (2, 3)
        assert ops.cast(ids, "float32").numpy().sum() == 4 + 4 + 1 + 1


def test_missing_text_is_refused_with_the_way_out() -> None:
    with pytest.raises(DTypeError, match=r"expected strings(.|\n)*None(.|\n)*as ''"):
        text.lower_ascii(np.array(["a", None], object))


def test_numbers_are_refused_as_text() -> None:
    with pytest.raises(ShapeError, match="lower_ascii: expected strings"):
        text.lower_ascii(np.zeros(3))


def test_empty_vocabulary_knows_no_word() -> None:
    found = text.lookup_words(texts(["a", ""]), vocabulary=())
    assert found.tolist() == [1, 0]


def test_lookup_without_a_vocabulary_says_to_adapt() -> None:
    with pytest.raises(ArgumentError, match=r"expected a vocabulary(.|\n)*adapt"):
        text.lookup_words(texts(["a"]), vocabulary=None)


def test_lookup_without_a_vocabulary_is_not_exported(tmp_path: Path) -> None:
    graph = traced(lambda x: text.lookup_words(x, vocabulary=None))
    names = {"input_names": ["texts"], "output_names": ["out"]}
    with pytest.raises((ArgumentError, ExportError), match="expected a vocabulary"):
        export_graph(graph, [], tmp_path / "no.onnx", **names)
    assert not list(tmp_path.iterdir())
