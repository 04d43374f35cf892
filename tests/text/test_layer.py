"""TextVectorization: Keras's vocabulary, ids and refusals, from any form of data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    ExportError,
    ShapeError,
)
from graphkeras.layers import Embedding, Input, StringLookup, TextVectorization
from graphkeras.models import Model, Sequential
from graphkeras.saving import CustomObjectScope, load_model
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
        ({"ngrams": [1, 2]}, "expected ngrams to be None, an int > 0 or a tuple"),
        ({"ngrams": (0,)}, "expected ngrams to be None, an int > 0 or a tuple"),
        ({"ngrams": 0}, "expected ngrams to be None, an int > 0 or a tuple"),
        ({"ngrams": ()}, "expected ngrams to be None, an int > 0 or a tuple"),
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
        ([["a"], ["b", "c"]], DataError, "expected rows of one length"),
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


# ------------------------------------------------------------------ functions of users


def shouted(x: Any) -> Any:
    """What a user may write: NumPy's functions of strings."""
    return np.char.upper(x)


def by_commas(x: Any) -> list[list[str]]:
    """Tokens of a user's own."""
    return [text.split(",") for text in x.tolist()]


def test_functions_may_standardize_and_split() -> None:
    layer = adapted(["a,b,,c", "a"], standardize=shouted, split=by_commas, ngrams=2)
    assert layer.get_vocabulary() == ["", "[UNK]", "A", "C", "B ", "B", "A B", " C"]
    assert ids(layer, ["a,b", "b"]) == [[2, 5, 6], [5, 0, 0]]


def test_a_function_sees_the_texts_of_a_batch() -> None:
    seen: list[Any] = []
    layer = TextVectorization(
        vocabulary=["b"], standardize=lambda x: seen.append(x) or np.char.lower(x)
    )
    assert ids(layer, [["A B"], ["B"]]) == [[1, 2], [2, 0]]
    assert seen[0].tolist() == ["A B", "B"] and seen[0].dtype.kind == "U"


def test_empty_tokens_of_a_function_are_padding() -> None:
    layer = TextVectorization(vocabulary=["a", "b"], split=by_commas, standardize=None)
    assert ids(layer, ["a,,b", ",a", ""]) == [[2, 0, 3], [0, 2, 0], [0, 0, 0]]
    counting = TextVectorization(
        vocabulary=["a", "b"], split=by_commas, standardize=None, output_mode="count"
    )
    assert ids(counting, ["a,,b,z", ""]) == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"standardize": lambda x: x[:1]}, "expected one text for each of 2"),
        ({"split": lambda x: x}, "expected a list of tokens for each of 2 texts"),
        ({"split": lambda x: [["a"]]}, "expected a list of tokens for each of 2 texts"),
    ],
)
def test_a_function_gives_what_is_asked_of_it(
    arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(ShapeError, match=says):
        TextVectorization(vocabulary=["a"], **arguments)(["a", "b"])


def test_functions_work_inside_a_model_and_are_not_exported(tmp_path: Path) -> None:
    text = Input((), dtype="string")
    layer = TextVectorization(vocabulary=["A"], standardize=shouted, split=by_commas)
    model = Model(text, layer(text))
    found = model.predict(texts(["a,b", "a"]), verbose=0)
    assert np.asarray(found).tolist() == [[2, 1], [2, 0]]
    with pytest.raises(ExportError, match="standardize is a function of Python"):
        model.export(tmp_path / "m.onnx")


def test_registered_functions_are_saved_with_the_layer(tmp_path: Path) -> None:
    with CustomObjectScope({"shouted": shouted, "by_commas": by_commas}):
        text = Input((), dtype="string")
        layer = TextVectorization(standardize=shouted, split=by_commas)
        layer.adapt(["a,b", "a"])
        Model(text, layer(text)).save(tmp_path / "m.keras")
        again = load_model(tmp_path / "m.keras")
    assert np.asarray(again.predict(texts(["b,a"]), verbose=0)).tolist() == [[3, 2]]


# --------------------------------------------------------------------- state and files


def saved_and_loaded(layer: TextVectorization, folder: Path) -> TextVectorization:
    """The layer of a model that went through a file."""
    text = Input((), dtype="string")
    Model(text, layer(text)).save(folder / "m.keras")
    return load_model(folder / "m.keras").layers[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        {"ngrams": (1, 2), "output_sequence_length": 6}, {"output_mode": "multi_hot"},
        {"output_mode": "tf_idf"}, {"split": "character", "output_mode": "count"},
        {"output_mode": "tf_idf", "max_tokens": 30, "pad_to_max_tokens": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_was_learned_goes_through_a_file(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    layer = adapted([*TEXTS, "a\u2028b \x85 c\nd"], **arguments)
    again = saved_and_loaded(layer, tmp_path)
    assert again.get_config() == layer.get_config()
    assert again.get_vocabulary() == layer.get_vocabulary()
    assert ids(again, [*TEXTS, "d"]) == ids(layer, [*TEXTS, "d"])


def test_words_that_are_no_text_are_kept_as_they_are(tmp_path: Path) -> None:
    layer = adapted(np.array([b"\xff\xfe a", b"\xff\xfe"]), output_sequence_length=1)
    again = saved_and_loaded(layer, tmp_path)
    assert ids(again, np.array([b"\xff\xfe", b"a"])) == [[2], [3]]


def test_a_given_vocabulary_is_in_the_config() -> None:
    layer = TextVectorization(vocabulary=("a", b"b"), output_mode="count")
    assert layer.get_config()["vocabulary"] == ["a", "b"]
    assert layer.get_config()["vocabulary_size"] == 3


def test_state_may_be_updated_batch_by_batch() -> None:
    layer = TextVectorization(output_mode="tf_idf")
    layer.update_state(["a b", "a"])
    layer.update_state("b a")
    layer.finalize_state()
    whole = adapted(["a b", "a", "b a"], output_mode="tf_idf")
    assert layer.get_vocabulary() == whole.get_vocabulary() == ["[UNK]", "a", "b"]
    np.testing.assert_allclose(layer(["a b z"]), whole(["a b z"]))


def test_resetting_forgets_what_was_counted() -> None:
    layer = TextVectorization()
    layer.update_state(["a"])
    layer.reset_state()
    layer.update_state(["b"])
    layer.finalize_state()
    assert layer.get_vocabulary() == ["", "[UNK]", "b"]


def test_size_of_counts_stays_as_it_was() -> None:
    layer = adapted(["a b"], output_mode="count")
    with pytest.raises(ArgumentError, match="expected a vocabulary of 3 as before"):
        layer.adapt(["a b c"])


def test_words_are_read_in_the_encoding_named() -> None:
    layer = TextVectorization(vocabulary=["é"], encoding="latin-1")
    assert layer.get_vocabulary() == ["", "[UNK]", "Ã©"]
    assert ids(layer, ["é"]) == [[2]]


# ----------------------------------------------------------------------------- the rest


def test_it_starts_a_sequential_model() -> None:
    layer = adapted(TEXTS, output_sequence_length=3)
    model = Sequential([layer, Embedding(layer.vocabulary_size(), 2)])
    assert model(texts(TEXTS)).shape == (3, 3, 2)


def test_a_layer_beside_the_model_is_joined_to_it() -> None:
    layer = adapted(TEXTS, output_sequence_length=3)
    numbers = Input((3,), dtype="int64")
    inner = Model(numbers, Embedding(9, 2)(numbers))
    text = Input((1,), dtype="string")
    whole = Model(text, inner(layer(text)))
    column = texts(TEXTS)[:, None]
    expected = inner.predict(layer(TEXTS), verbose=0)
    np.testing.assert_array_equal(whole.predict(column, verbose=0), expected)


def test_a_very_long_text_is_read_to_its_end() -> None:
    long = "word " * 400_000 + "x" * 300_000 + " end"
    layer = TextVectorization(vocabulary=["end", "x" * 300_000], output_mode="count")
    assert ids(layer, [long, ""]) == [[400_000, 1, 1], [0, 0, 0]]


def test_symbolic_tokens_are_cut_and_padded() -> None:
    tokens = Input((None,), dtype="string")
    layer = TextVectorization(
        vocabulary=["a"], split=None, output_sequence_length=3, ngrams=(1, 2)
    )
    model = Model(tokens, layer(tokens))
    assert model.output_shape == (None, 3)
    batch = texts([["a", "b"]] * 2)  # type: ignore[list-item]
    assert np.asarray(model.predict(batch, verbose=0)).tolist() == [[2, 1, 1]] * 2


@pytest.mark.parametrize("mode", ["int", "count", "multi_hot", "tf_idf", "one_hot"])
@pytest.mark.parametrize("given", [["!?"], [""] * 3, [], ["a b", ""]])
def test_model_takes_texts_without_any_word(mode: str, given: list[str]) -> None:
    weights = {"idf_weights": [1.0, 2.0]} if mode == "tf_idf" else {}
    layer = TextVectorization(
        vocabulary=["a", "b"], output_mode=mode, ngrams=2, **weights
    )
    text = Input((1,), dtype="string")
    batch = texts(given).reshape(-1, 1)
    found = Model(text, layer(text)).predict_on_batch(batch)
    expected = layer(batch).numpy()
    assert (found.shape, found.tolist()) == (expected.shape, expected.tolist())


@pytest.mark.parametrize("length", [None, 3, 9])
def test_predict_gives_the_ids_of_all_batches_as_of_one(length: int | None) -> None:
    layer = TextVectorization(vocabulary=["a", "b"], output_sequence_length=length)
    text = Input((1,), dtype="string")
    given = texts(["a b", "b", "", "a a b b z", "b a"])[:, None]
    found = Model(text, layer(text)).predict(given, batch_size=2, verbose=0)
    assert found.tolist() == layer(given).numpy().tolist()


@pytest.mark.parametrize("shape", [(), (1,), (2,)])
def test_predict_gives_words_of_all_batches(shape: tuple[int, ...]) -> None:
    ids_ = Input(shape, dtype="int64")
    layer = StringLookup(vocabulary=["a", "b"], invert=True)
    given = np.arange(5 * int(np.prod(shape))).reshape(5, *shape)
    found = Model(ids_, layer(ids_)).predict(given, batch_size=2, verbose=0)
    assert found.tolist() == layer(given).numpy().tolist()


@pytest.mark.parametrize("mode", ["int", "count"])
@pytest.mark.parametrize(("split", "shape"), [(None, (2, 2)), ("whitespace", (2, 1))])
def test_predict_takes_rows_of_several_texts(split: Any, shape: Any, mode: str) -> None:
    layer = TextVectorization(vocabulary=["a"], split=split, output_mode=mode)
    text = Input(shape, dtype="string")
    given = texts(["a b", "a", "", "c c"] * 3).reshape(-1, *shape)
    found = Model(text, layer(text)).predict(given, batch_size=2, verbose=0)
    assert found.tolist() == layer(given).numpy().tolist()
