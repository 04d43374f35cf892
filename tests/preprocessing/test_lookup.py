"""StringLookup, IntegerLookup and their kin: vocabularies, configs, state, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras.compiler import host_ops
from graphkeras.errors import ArgumentError, DataError, DTypeError, ExportError

L = layers


def numbers(layer: layers.Layer, data: Any) -> Any:
    """Return the layer's answer as lists."""
    return layer(data).numpy().tolist()


@pytest.mark.parametrize(
    "layer",
    [
        L.StringLookup(vocabulary=["a", "b"], mask_token="", num_oov_indices=2),
        L.StringLookup(vocabulary=["a"], output_mode="tf_idf", idf_weights=[0.5]),
        L.IntegerLookup(vocabulary=[5, 7], output_mode="multi_hot"),
        L.IntegerLookup(vocabulary=[5], oov_method="farmhash", salt=3),
        L.Discretization([0.0, 1.5], output_mode="one_hot"),
        L.Hashing(9, salt=[1, 2], output_mode="count"),
        L.HashedCrossing(9, output_mode="one_hot"),
        L.CategoryEncoding(3, "count"),
    ],
    ids=lambda layer: layer.name,
)
def test_layer_is_made_again_from_its_config(layer: layers.Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("mode", ["int", "count", "tf_idf"])
@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup"])
def test_learned_state_is_kept_in_assets(name: str, mode: str, tmp_path: Path) -> None:
    data = np.array([[1, 2, 1], [3, 1, 4]])
    data = data if name == "IntegerLookup" else data.astype("U")
    layer = getattr(layers, name)(output_mode=mode)
    layer.adapt(data)
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    layer.save_assets(str(tmp_path))
    again = getattr(layers, name).from_config(layer.get_config())
    again.load_own_variables(store)
    again.load_assets(str(tmp_path))
    assert again.get_vocabulary() == layer.get_vocabulary()
    assert numbers(again, data) == numbers(layer, data)


def test_learned_boundaries_are_in_the_config() -> None:
    layer = L.Discretization(num_bins=3)
    layer.adapt(np.arange(100.0))
    again = L.Discretization.from_config(layer.get_config())
    assert again.bin_boundaries == layer.bin_boundaries
    assert again.num_bins == 3


def test_vocabulary_is_learned_from_batches_of_a_dataset() -> None:
    layer = L.IntegerLookup()
    layer.adapt(((np.array([[n, n + 1]]), 0) for n in range(3)), steps=2)
    assert layer.get_vocabulary() == [-1, 1, 2, 0]


def test_words_of_a_file_are_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes("a b\r\né\x85x\n".encode())
    layer = L.StringLookup(vocabulary=str(tmp_path / "v.txt"))
    assert layer.get_vocabulary() == ["[UNK]", "a b", "é\x85x"]
    assert layer.get_config()["vocabulary"] is None


def test_a_file_may_have_more_words_than_a_list(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("a\nm\nb\nc\n")
    layer = L.StringLookup(3, mask_token="m", vocabulary=str(tmp_path / "v.txt"))
    assert layer.get_vocabulary() == ["m", "[UNK]", "a", "m", "b", "c"]
    assert layer(["m", "c", "z"]).numpy().tolist() == [0, 5, 1]


def test_words_that_are_no_utf_8_are_exported_as_they_are(tmp_path: Path) -> None:
    words = L.StringLookup(vocabulary=[b"\xff", "a"])
    texts = keras.Input((1,), dtype="string")
    keras.Model(texts, words(texts)).export(tmp_path / "m.onnx")
    (node,) = onnx.load(tmp_path / "m.onnx").graph.node
    keys = next(a.strings for a in node.attribute if a.name == "keys_strings")
    assert [*keys] == [b"\xff", b"a"]


def test_shape_of_bins_is_known_with_a_word_as_the_mask() -> None:
    layer = L.Hashing(4, mask_value="", output_mode="one_hot")
    assert layer.compute_output_shape((None, 3)) == (None, 3, 4)


def test_special_words_may_lead_a_vocabulary() -> None:
    layer = L.StringLookup(vocabulary=["", "[UNK]", "a"], mask_token="")
    assert layer.get_vocabulary() == ["", "[UNK]", "a"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["a"]
    assert layer.vocabulary_size() == 3


def weighted_file() -> Any:
    """A layer of words of a file, and of weights; this one would do."""
    return L.StringLookup(vocabulary=__file__, output_mode="tf_idf", idf_weights=[1.0])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: L.StringLookup(max_tokens=1), "max_tokens to be None or an int >= 2"),
        (lambda: L.StringLookup(pad_to_max_tokens=True), "max_tokens, to pad to it"),
        (lambda: L.StringLookup(num_oov_indices=-1), "num_oov_indices to be an int"),
        (lambda: L.StringLookup(invert=True, output_mode="count"), "'int' with invert"),
        (lambda: L.StringLookup(output_mode="counts"), "expected output_mode in"),
        (lambda: L.StringLookup(sparse=True), "sparse=False"),
        (lambda: L.StringLookup(idf_weights=[1.0]), "only with output_mode 'tf_idf'"),
        (lambda: L.StringLookup(vocabulary=["a"], output_mode="tf_idf"), "idf_weights"),
        (lambda: L.StringLookup(vocabulary=["a", "a"]), "repeats 'a'"),
        (lambda: L.StringLookup(vocabulary=["a", "m"], mask_token="m"), "'m' at 1"),
        (lambda: L.StringLookup(vocabulary="no.txt"), "path of a vocabulary file"),
        (lambda: L.StringLookup(vocabulary=[]), "an empty one"),
        (lambda: weighted_file(), "vocabulary file cannot hold them: pass the words"),
        (lambda: L.StringLookup(salt="x"), "salt to be an int or two"),
        (lambda: L.IntegerLookup(salt=1), "oov_method 'farmhash' with a salt"),
        (lambda: L.IntegerLookup(vocabulary_dtype="int32"), "vocabulary_dtype"),
        (lambda: L.CategoryEncoding(), "num_tokens to be a positive int"),
        (lambda: L.CategoryEncoding(3, "int"), "output_mode in"),
        (lambda: L.Hashing(0), "num_bins to be a positive int"),
        (lambda: L.Hashing(3, dtype="float32"), "dtype int32 or int64"),
        (lambda: L.HashedCrossing(3, "count"), "output_mode in"),
        (lambda: L.Discretization(), "either bin_boundaries or num_bins"),
        (lambda: L.Discretization([1.0], 3), "either bin_boundaries or num_bins"),
    ],
)
def test_argument_is_refused(make: Any, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        make()


@pytest.mark.parametrize(
    ("layer", "data", "error", "says"),
    [
        (L.StringLookup(), ["a"], ArgumentError, "expected a vocabulary"),
        (L.StringLookup(output_mode="count"), ["a"], ArgumentError, "a vocabulary"),
        (L.StringLookup(vocabulary=["a"]), [1], DTypeError, "expected strings"),
        (L.StringLookup(vocabulary=["a"]), [["a"], ["b", "c"]], DataError, "one len"),
        (L.IntegerLookup(vocabulary=[1]), ["a"], DTypeError, "expected integers"),
        (L.StringLookup(None, 0, vocabulary=["a"]), ["b"], DataError, "'b'"),
        (L.CategoryEncoding(3), ["a"], DTypeError, "expected integers"),
        (L.Hashing(3, mask_value=1), ["a"], DTypeError, "mask_value"),
        (L.HashedCrossing(3), np.array([1]), ArgumentError, "at least two inputs"),
        (L.HashedCrossing(3), [[1.0], [2]], ArgumentError, "integers or strings"),
        (L.Discretization(num_bins=3), [1.0], ArgumentError, "bin boundaries"),
    ],
)
def test_input_is_refused(layer: Any, data: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        layer(data)


@pytest.mark.parametrize(
    ("layer", "data", "error", "says"),
    [
        (
            L.StringLookup(vocabulary=["a"]),
            ["b"],
            ArgumentError,
            "without a vocabulary",
        ),
        (L.StringLookup(), [], DataError, "at least one word"),
        (L.StringLookup(), "text", DataError, "an array, a list or batches"),
        (L.Discretization([1.0]), [2.0], ArgumentError, "without bin_boundaries"),
        (L.Discretization(num_bins=2), [np.nan], DataError, "NaN"),
        (L.IntegerLookup(), [np.nan], DataError, "NaN or infinity"),
    ],
)
def test_data_is_refused(layer: Any, data: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        layer.adapt(data)


NO_NUMBERS = np.array([[np.nan, np.inf, -np.inf, 1e30, 2.7, 1.0]]).T


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (L.IntegerLookup(vocabulary=[1, 2]), [0, 0, 0, 0, 2, 1]),
        (L.IntegerLookup(vocabulary=[1, 2], mask_token=9), [1, 1, 1, 1, 3, 2]),
        (L.CategoryEncoding(3, "count"), [[0] * 3] * 4 + [[0, 0, 1], [0, 1, 0]]),
        (L.CategoryEncoding(3, "one_hot"), [[0] * 3] * 4 + [[0, 0, 1], [0, 1, 0]]),
        (L.Discretization([1.0, 2.0]), [2, 2, 0, 2, 2, 1]),
    ],
)
def test_what_is_no_number_is_the_same_everywhere(
    layer: Any, expected: Any, kind: str, tmp_path: Path
) -> None:
    with np.errstate(over="ignore"):
        batch = NO_NUMBERS.astype(kind)
    x = keras.Input((1,), dtype=kind)
    model = keras.Model(x, layer(x))
    model.export(tmp_path / "m.onnx", samples=batch)
    session = onnxruntime.InferenceSession(
        tmp_path / "m.onnx", providers=["CPUExecutionProvider"]
    )
    (served,) = session.run(None, {x.name: batch})
    for found in (layer(batch), model.predict(batch, verbose=0), served):
        assert np.squeeze(np.asarray(found)).tolist() == expected


@pytest.mark.parametrize("kind", ["uint8", "int8", "int64"])
def test_a_mask_that_no_number_can_be_hides_none(kind: str) -> None:
    numbers_ = np.array([[3, 0]], kind)
    found = L.Hashing(5, mask_value=300)(numbers_).numpy()
    assert found.tolist() == (1 + L.Hashing(4)(numbers_).numpy()).tolist()


def test_one_hot_bins_lose_two_axes_of_one_as_in_keras() -> None:
    layer = L.Hashing(3, output_mode="one_hot")
    assert layer(np.array([[["a"]], [["b"]]])).shape == (2, 3)


def test_vocabulary_keeps_its_size_where_it_is_a_width() -> None:
    layer = L.StringLookup(vocabulary=["a", "b"], output_mode="count")
    with pytest.raises(ArgumentError, match="a vocabulary of 3 as before"):
        layer.set_vocabulary(["a"])


def exported(layer: layers.Layer, kind: str, path: Path) -> Any:
    """Return an onnxruntime session of a model of one layer."""
    x = keras.Input((), dtype=kind, name="x")
    keras.Model(x, layer(x)).export(path / "m.onnx", check=False)
    return onnxruntime.InferenceSession(
        path / "m.onnx", providers=["CPUExecutionProvider"]
    )


def test_unknown_word_fails_in_onnxruntime_too_where_it_is_an_error(
    tmp_path: Path,
) -> None:
    layer = L.StringLookup(num_oov_indices=0, vocabulary=["a", "b"], mask_token="")
    session = exported(layer, "string", tmp_path)
    known = np.array(["b", "", "a"], object)
    assert session.run(None, {"x": known})[0].tolist() == [2, 0, 1]
    with pytest.raises(Exception, match="out of data bounds"):
        session.run(None, {"x": np.array(["z"], object)})


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (L.StringLookup(vocabulary=["a"], num_oov_indices=2), "string"),
        (L.Hashing(5), "string"),
        (L.Hashing(5, salt=1), "int64"),
    ],
)
def test_what_onnx_cannot_hash_is_refused(
    layer: Any, kind: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=r"reads the bytes(.|\n)*look strings up:"):
        exported(layer, kind, tmp_path)
    assert not list(tmp_path.iterdir())


def test_counts_feed_a_dense_layer_in_training(rng: np.random.Generator) -> None:
    x = keras.Input((3,), dtype="int64")
    counts = L.IntegerLookup(vocabulary=[1, 2, 3], output_mode="multi_hot")(x)
    model = keras.Model(x, L.Dense(1)(counts))
    model.compile("sgd", "mse")
    data = rng.integers(0, 5, (32, 3))
    losses = model.fit(data, (data == 2).any(1), epochs=9, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_predict_gives_words_of_all_rows() -> None:
    x = keras.Input((3,), name="x")
    name = L.StringLookup(vocabulary=["cat", "dog"], invert=True)
    best = keras.ops.argmax(x, axis=-1)
    model = keras.Model(x, {"word": name(best), "best": best})
    found = model.predict(np.eye(3, dtype="float32")[[2, 1, 0]], 2, verbose=0)
    assert found["word"].tolist() == ["dog", "cat", "[UNK]"]
    assert found["best"].tolist() == [2, 1, 0]


FEW: list[Any] = [
    np.array(["a", "zz", "b\0c", "b", "b\0"], object), np.array([["a"], ["é"]], object),
    np.array([], object), np.array("a", object), np.array(["a\0", "Ab"]),
    np.array([b"a", "a", "x" * 40], object), ["", " a"], "a",
    np.array(["\udcff"], object),
]  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"mask_token": ""}, {"num_oov_indices": 2}])
def test_a_few_texts_are_looked_up_as_many_are(
    options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = layers.StringLookup(vocabulary=["a", "b\0c", "é", "x" * 40], **options)
    few = [layer(x).numpy() for x in FEW]
    monkeypatch.setattr(host_ops, "FEW_TEXTS", -1)
    for x, found in zip(FEW, few, strict=True):
        wanted = layer(x).numpy()
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("wrong", [None, 3])
def test_what_is_no_text_is_refused_of_a_few_too(wrong: Any) -> None:
    with pytest.raises(DTypeError):
        layers.StringLookup(vocabulary=["a"])(np.array(["a", wrong], object))
