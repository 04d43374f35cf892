"""TextVectorization: Keras's vocabulary, ids and refusals, from any form of data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkeras.errors import ArgumentError, DataError, DTypeError, ShapeError
from graphkeras.layers import Input, TextVectorization
from tests.text.samples import BATCHES, lowered, stripped, texts, words

TEXTS = ["foo bar", "bar baz", "baz bada boom"]
FORMS: dict[str, Any] = {
    "list": TEXTS,
    "tuple": tuple(TEXTS),
    "column of lists": [[t] for t in TEXTS],
    "array of objects": texts(TEXTS),
    "array of characters": np.array(TEXTS),
    "array of bytes": np.array([t.encode() for t in TEXTS]),
    "column": texts(TEXTS)[:, None],
    "batches": iter([TEXTS[:2], texts(TEXTS[2:])]),
}


def adapted(data: Any, **arguments: Any) -> TextVectorization:
    """Return a layer whose vocabulary comes from `data`."""
    layer = TextVectorization(**arguments)
    layer.adapt(data)
    return layer


def ids(layer: TextVectorization, batch: Any) -> list[Any]:
    """Return the layer's answer as lists."""
    return layer(batch).numpy().tolist()


@pytest.mark.parametrize("form", FORMS)
def test_vocabulary_is_learned_from_any_form_of_texts(form: str) -> None:
    layer = adapted(FORMS[form])
    assert layer.get_vocabulary() == ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]


@given(st.lists(st.text(alphabet="aAbBé.\x85 \n"), min_size=1))
def test_words_stand_by_count_then_backwards(batch: list[str]) -> None:
    counts = Counter(w for t in batch for w in words(stripped(lowered(t))))
    if counts:
        known = adapted(batch).get_vocabulary(include_special_tokens=False)
        assert known == sorted(counts, key=lambda w: (-counts[w], _backwards(w)))


def _backwards(word: str) -> tuple[int, ...]:
    """A key that sorts as the UTF-8 bytes do, last first; a prefix comes after."""
    return (*(-byte for byte in word.encode()), 1)


def test_ids_of_the_guide_are_these() -> None:
    batch = texts(["This is the 1st sample.", "And here's the 2nd sample."])[:, None]
    assert ids(adapted(batch), batch) == [[4, 5, 2, 9, 3], [7, 6, 2, 8, 3]]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (None, [[3, 2, 1], [4, 0, 0]]),
        (2, [[3, 2], [4, 0]]),
        (4, [[3, 2, 1, 0], [4, 0, 0, 0]]),
    ],
)
def test_texts_are_cut_and_padded(length: int | None, expected: list[Any]) -> None:
    layer = adapted(TEXTS, output_sequence_length=length)
    assert ids(layer, ["bar baz what", "foo"]) == expected


@pytest.mark.parametrize(
    ("standardize", "expected"),
    [
        ("lower_and_strip_punctuation", ["dont", "émile", "É"]),
        ("lower", ["don't", "émile,", "É"]),
        ("strip_punctuation", ["DonT", "émile", "É"]),
        (None, ["Don'T", "émile,", "É"]),
    ],
)
def test_text_is_standardized(standardize: str | None, expected: list[str]) -> None:
    layer = adapted(["Don'T Don'T Don'T émile, émile, É"], standardize=standardize)
    assert layer.get_vocabulary(include_special_tokens=False) == expected


@pytest.mark.parametrize("name", BATCHES)
def test_every_batch_has_its_shape(name: str) -> None:
    batch = texts(BATCHES[name])
    longest = max((len(words(stripped(t))) for t in batch), default=0)
    assert adapted(TEXTS)(batch).shape == (len(batch), longest)
    assert adapted(TEXTS)(batch[:, None]).shape == (len(batch), longest)


def test_one_text_and_texts_of_texts_keep_their_shape() -> None:
    layer = adapted(TEXTS)
    assert ids(layer, "foo bar") == [4, 3]
    assert ids(layer, [[["foo"], ["bar baz"]]]) == [[[4, 0], [3, 2]]]


@pytest.mark.parametrize("shape", [(), (1,)])
def test_output_of_an_input_is_ids_of_free_or_given_length(shape: tuple) -> None:
    text = Input(shape, dtype="string")
    assert adapted(TEXTS)(text).shape == (None, None)
    assert adapted(TEXTS, output_sequence_length=7)(text).shape == (None, 7)
    assert adapted(TEXTS)(text).dtype == "int64"


def test_most_frequent_words_are_kept() -> None:
    layer = adapted(TEXTS, max_tokens=4)
    assert layer.get_vocabulary() == ["", "[UNK]", "baz", "bar"]
    assert layer.vocabulary_size() == 4


def test_steps_bound_the_batches_taken() -> None:
    layer = TextVectorization()
    layer.adapt(iter([["a"], ["b"], ["c"]]), steps=2)
    assert layer.get_vocabulary(include_special_tokens=False) == ["b", "a"]


def test_special_words_are_no_part_of_what_is_learned() -> None:
    layer = adapted(["[UNK] a"], standardize=None)
    assert layer.get_vocabulary() == ["", "[UNK]", "a"]


def test_adapting_anew_replaces_the_vocabulary() -> None:
    layer = adapted(TEXTS)
    layer.adapt(["new"])
    assert layer.get_vocabulary() == ["", "[UNK]", "new"]


@pytest.mark.parametrize("given", [["a", "b"], ["", "[UNK]", "a", "b"], ("a", b"b")])
def test_vocabulary_may_be_given(given: Any) -> None:
    layer = TextVectorization(vocabulary=given)
    assert layer.get_vocabulary() == ["", "[UNK]", "a", "b"]
    assert ids(layer, ["b a c"]) == [[3, 2, 1]]


def test_vocabulary_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("naïve\nb\n", encoding="utf-8")
    layer = TextVectorization(vocabulary=str(tmp_path / "words.txt"))
    assert layer.get_vocabulary(include_special_tokens=False) == ["naïve", "b"]


def test_layer_is_made_again_from_its_config() -> None:
    layer = TextVectorization(vocabulary=["a", "b"], output_sequence_length=3)
    again = TextVectorization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert ids(again, ["b x"]) == [[3, 1, 0]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"split": "words"}, "split to be 'whitespace', 'character', None or a fun"),
        ({"standardize": "upper"}, "expected standardize to be .* 'lower', "),
        ({"ngrams": [1, 2]}, "expected ngrams to be None, an int or a tuple"),
        ({"ngrams": (0,)}, "expected ngrams to be None, an int or a tuple"),
        ({"output_mode": "ids"}, "expected output_mode in 'int', 'one_hot'"),
        ({"pad_to_max_tokens": True}, "expected max_tokens, to pad to it"),
        ({"ragged": True}, "expected ragged=False: tensors are dense here"),
        ({"sparse": True}, "expected sparse=False: tensors are dense here"),
        ({"idf_weights": [1.0]}, "idf_weights only with output_mode 'tf_idf'"),
        ({"output_mode": "tf_idf", "vocabulary": ["a"]}, "idf_weights beside the voc"),
        ({"encoding": "utf-9"}, "expected the name of an encoding"),
        ({"max_tokens": 1}, "max_tokens to be None or an int >= 2"),
        (
            {"output_sequence_length": 2, "output_mode": "count"},
            "output_sequence_length only with output_mode 'int'",
        ),
        ({"output_sequence_length": -1}, "output_sequence_length to be None or an int"),
        (
            {"output_sequence_length": 2.5},
            "output_sequence_length to be None or an int",
        ),
        ({"vocabulary": ["a", "a"]}, "Received one that repeats 'a'"),
        ({"vocabulary": ["a", ""]}, "Received one with '' at 1"),
        ({"vocabulary": []}, "Received an empty one"),
        ({"vocabulary": ["a", "b"], "max_tokens": 3}, "Received one of 4, special"),
    ],
)
def test_argument_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        TextVectorization(**arguments)


@pytest.mark.parametrize(
    ("batch", "error", "says"),
    [
        ([1, 2], DTypeError, r"expected strings(.|\n)*numbers as str"),
        (np.ones(2), DTypeError, r"expected strings(.|\n)*dtype=\"string\""),
        ([["a", "b"]], ShapeError, "expected one text a row"),
        (texts(["a", None]), DTypeError, "expected strings"),  # type: ignore[list-item]
    ],
)
def test_input_is_refused(batch: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=f"text_vectorization.*: .*{says}"):
        adapted(TEXTS)(batch)


def test_layer_without_a_vocabulary_says_to_adapt() -> None:
    with pytest.raises(ArgumentError, match=r"expected a vocabulary(.|\n)*adapt\("):
        TextVectorization()(["a"])


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        ("one text", DataError, "adapt expected an array, a list or batches"),
        (["", " \n"], DataError, "adapt expected at least one word"),
        ([], DataError, "adapt expected at least one word"),
    ],
)
def test_data_is_refused(data: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        TextVectorization().adapt(data)


def test_given_vocabulary_is_not_adapted_over() -> None:
    with pytest.raises(
        ArgumentError, match="expected a layer made without a vocabulary"
    ):
        TextVectorization(vocabulary=["a"]).adapt(["b"])


def test_idf_weights_are_refused_with_a_vocabulary() -> None:
    with pytest.raises(ArgumentError, match="idf_weights with output_mode 'tf_idf'"):
        TextVectorization().set_vocabulary(["a"], idf_weights=[1.0])
