"""The op of texts: its reference, its compiled function and its ONNX file agree."""

from __future__ import annotations

import itertools
import string
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from graphkeras import ops
from graphkeras.compiler import host_ops
from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    ExportError,
    ShapeError,
)
from graphkeras.export.onnx import export_graph
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace, trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import ConstantData, Graph
from graphkeras.ir.verify import verify
from graphkeras.ops import text_onnx
from graphkeras.ops.text import text_to_numbers
from tests.text.cases import ROWS, SPLIT, STANDARDIZE, TEXTS, VOCABULARY
from tests.text.samples import BATCHES, texts

VECTOR = TensorType("string", (dims.symbol("batch"),))
TABLE = TensorType("string", (dims.symbol("batch"), dims.symbol("tokens")))
WORDS = ConstantData.of(texts(VOCABULARY))
# Every way to standardize, split and join at least once with each other's ways.
WAYS = [
    {"standardize": STANDARDIZE[i % 4], "split": split, "ngrams": sizes}
    for i, (split, sizes) in enumerate(itertools.product(SPLIT, [(1,), (2,), (3, 1)]))
]
SERVED = [
    {**way, "width": None if (way["split"], width) == (None, "words") else width}
    for way, width in zip(WAYS, itertools.cycle(["words", 4, "words", 30]))
]


def numbers(x: Any, **attrs: Any) -> Any:
    """The op on the vocabulary of the cases."""
    return text_to_numbers(x, **{"vocabulary": WORDS, "width": "words", **attrs})


def batch_of(way: dict[str, Any]) -> np.ndarray:
    return texts(ROWS if way["split"] is None else TEXTS)  # type: ignore[arg-type]


def traced(function: Any, type_: TensorType = VECTOR) -> Graph:
    """Return the graph of a function of strings."""
    return verify(trace_function(function, [type_], ["texts"])[0])


def ways(given: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(w, id="-".join(map(str, w.values()))) for w in given]


@pytest.fixture
def used_memory(monkeypatch: Any) -> None:
    """What NumPy hands out uncleared has been written to before."""
    empty = np.empty

    def written(*args: Any, **kwargs: Any) -> np.ndarray:
        array = empty(*args, **kwargs)
        if array.dtype != object:
            array.fill(77)
        return array

    monkeypatch.setattr(np, "empty", written)


@pytest.mark.usefixtures("used_memory")
@pytest.mark.parametrize("way", ways(WAYS))
def test_compiled_function_gives_what_the_reference_does(way: dict[str, Any]) -> None:
    way = {"first": 5, "unknown": 9, "padding": -2, "vocabulary": WORDS, **way}
    for width in (None if way["split"] is None else "words", 0, 1, 3, 7):
        expected = text_to_numbers(batch_of(way), **way, width=width)
        found = host_ops.text_to_numbers(batch_of(way), **way, width=width)
        np.testing.assert_array_equal(found, expected)


CONTRIB = [{**way, "ops": "contrib"} for way in SERVED if way["standardize"]]


@pytest.fixture(scope="module", params=ways(SERVED + CONTRIB))
def served(request: Any, tmp_path_factory: Any) -> Any:
    """A way to make numbers of texts, and the same in onnxruntime."""
    way = dict(request.param)
    allowed = "contrib" if way["split"] == "character" else "standard"
    allowed = way.pop("ops", allowed)
    path = tmp_path_factory.mktemp("onnx") / "texts.onnx"
    type_ = TABLE if way["split"] is None else VECTOR
    export_graph(
        traced(lambda x: numbers(x, **way), type_), [], path, check=False,
        ops=allowed, input_names=["texts"], output_names=["out"],
    )  # fmt: skip
    return way, onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def assert_served(served: Any, batch: np.ndarray) -> None:
    way, session = served
    (found,) = session.run(None, {"texts": batch})
    np.testing.assert_array_equal(found, numbers(batch, **way))


def test_onnxruntime_gives_the_same_numbers(served: Any) -> None:
    assert_served(served, batch_of(served[0]))


def test_onnxruntime_takes_small_batches_too(served: Any) -> None:
    if served[0]["split"] is None:
        small = [np.empty((0, 2), object), np.empty((2, 0), object), texts([["a"]])]  # type: ignore[list-item]
    else:
        small = [texts(batch) for batch in BATCHES.values()]
    for batch in small:
        assert_served(served, batch)


def test_marks_are_the_32_of_ascii() -> None:
    marks = text_onnx.COMMON_MARKS + text_onnx.RARE_MARKS
    assert sorted(marks) == sorted(string.punctuation)


def test_width_of_the_longest_text_is_a_size_of_the_graph() -> None:
    graph = traced(lambda x: ops.reshape(numbers(x), (-1,)))
    (result,), _ = interpret(graph, [texts(["a", "a b c"])])
    assert str(graph.outputs[0].type) == "i64[batch*words]"
    assert result.tolist() == [2, 0, 0, 2, 3, 4]


@pytest.mark.parametrize(
    ("split", "ngrams", "shape"),
    [
        ("whitespace", (1,), "i64[batch, words]"),
        (None, (1, 2), "i64[batch, tokens + max(tokens-1, 0)]"),
    ],
)
def test_type_says_how_many_numbers_there_are(
    split: Any, ngrams: Any, shape: str
) -> None:
    type_, width = (TABLE, None) if split is None else (VECTOR, "words")
    graph = traced(lambda x: numbers(x, split=split, ngrams=ngrams, width=width), type_)
    assert str(graph.outputs[0].type).replace(" ", "") == shape.replace(" ", "")


def test_eager_trace_knows_the_width_at_once() -> None:
    with Trace(eager=True) as trace:
        x = trace.input("x", TensorType("string", (2,)), texts(["a", "a b c"]))
        ids = numbers(x)
        assert ids.shape == (2, 3)
        assert ops.cast(ids, "float32").numpy().sum() == 2 + 2 + 3 + 4


FORMS = {
    "objects": texts(["É a", "b", ""]),
    "bytes in objects": np.array(["É a".encode(), b"b", ""], object),
    "characters": np.array(["É a", "b", ""]),
    "characters of another machine": np.array(["É a", "b", ""]).astype(">U3"),
    "bytes": np.array(["É a".encode(), b"b", b""]),
    "numpy's variable strings": np.array(["É a", "b", ""], np.dtypes.StringDType()),
    "every other": texts(["É a", "x", "b", "x", "", "x"])[::2],
    "every other character": np.array(["É a", "x", "b", "x", "", "x"])[::2],
}


@pytest.mark.parametrize("form", FORMS)
def test_texts_come_in_any_form_of_array(form: str) -> None:
    assert _compiled(FORMS[form]).tolist() == [[14, 2], [3, 0], [0, 0]]


@pytest.mark.parametrize("compute", [numbers, "compiled"])
def test_missing_text_is_refused_with_the_way_out(compute: Any) -> None:
    if compute == "compiled":
        compute = _compiled
    for missing in (None, float("nan"), 3):
        with pytest.raises(DTypeError, match=r"expected strings(.|\n)*as ''"):
            compute(texts(["a", missing]))  # type: ignore[list-item]
    with pytest.raises(DataError, match=r"rows of one length(.|\n)*up, with ''"):
        compute(texts(["a", ["b"]]))  # type: ignore[list-item]


def _compiled(x: np.ndarray) -> np.ndarray:
    attrs = text_to_numbers.op.complete({"vocabulary": WORDS, "width": 2})  # type: ignore[attr-defined]
    return host_ops.text_to_numbers(x, **attrs)


@pytest.mark.parametrize("batch", [["a", "\ud800"], np.array(["a", "\ud800b"])])
def test_half_a_surrogate_pair_is_no_text(batch: Any) -> None:
    batch = texts(batch) if isinstance(batch, list) else batch
    with pytest.raises(DataError, match=r"surrogate pair(.|\n)*errors='replace'"):
        _compiled(batch)


def test_escaped_bytes_are_those_bytes() -> None:
    escaped = b"\xff a".decode("utf-8", "surrogateescape")
    assert _compiled(texts([escaped])).tolist() == [[1, 2]]


def test_numbers_are_refused_as_text() -> None:
    with pytest.raises(ShapeError, match="text_to_numbers: expected strings"):
        numbers(np.zeros(3))


def test_empty_vocabulary_knows_no_word() -> None:
    found = text_to_numbers(texts(["a", ""]), vocabulary=(), width=1)
    assert found.tolist() == [[1], [0]]


def test_lookup_without_a_vocabulary_says_to_adapt() -> None:
    with pytest.raises(ArgumentError, match=r"expected a vocabulary(.|\n)*adapt"):
        numbers(texts(["a"]), vocabulary=None)


def refusal(function: Any, folder: Path, **options: Any) -> str:
    """Return why the graph of a function cannot be exported."""
    names = {"input_names": ["texts"], "output_names": ["out"]}
    with pytest.raises((ArgumentError, ExportError)) as caught:
        export_graph(traced(function), [], folder / "no.onnx", **names, **options)
    assert not list(folder.iterdir())
    return str(caught.value)


def test_lookup_without_a_vocabulary_is_not_exported(tmp_path: Path) -> None:
    said = refusal(lambda x: numbers(x, vocabulary=None), tmp_path)
    assert "expected a vocabulary" in said


@pytest.mark.parametrize("name", ["standardize", "split"])
def test_a_function_is_not_exported(name: str, tmp_path: Path) -> None:
    said = refusal(lambda x: numbers(x, **{name: lambda t: t}), tmp_path)
    assert f"{name} is a function of Python" in said
    assert "before the model" in said


def test_characters_need_an_operator_of_onnxruntime(tmp_path: Path) -> None:
    said = refusal(lambda x: numbers(x, split="character"), tmp_path)
    assert "no standard operator cuts a text into characters" in said
    assert "ops='contrib'" in said


def test_ops_are_standard_or_contrib(tmp_path: Path) -> None:
    said = refusal(numbers, tmp_path, ops="own")
    assert "expected ops to be 'standard' or 'contrib'" in said
