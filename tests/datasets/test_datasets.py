"""Well-known data sets from small files of their format, placed where they are kept."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.datasets import idx, kept
from graphkeras.errors import ArgumentError, DataError

sets = keras.datasets
Place = Callable[..., None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHKERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Put a file where data sets are kept, and expect its hash."""

    def put(module: Any, name: str, data: bytes, constant: str = "HASH") -> None:
        (folder / name).write_bytes(data)
        monkeypatch.setattr(module, constant, hashlib.sha256(data).hexdigest())

    return put


def npz(**arrays: Any) -> bytes:
    held = io.BytesIO()
    np.savez(held, **arrays)
    return held.getvalue()


def lists(*rows: Any) -> np.ndarray:
    out = np.empty(len(rows), object)
    out[:] = rows
    return out


def test_mnist_is_what_its_file_holds(place: Place) -> None:
    x, y = np.ones((3, 28, 28), np.uint8), np.arange(3, dtype=np.uint8)
    place(
        sets.mnist, "mnist.npz", npz(x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])
    )
    (x_train, y_train), (x_test, _) = sets.mnist.load_data()
    np.testing.assert_array_equal(x_train, x)
    assert y_train.tolist() == [0, 1, 2] and x_test.shape == (1, 28, 28)


def idx_bytes(array: np.ndarray) -> bytes:
    sizes = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def test_mnist_is_read_from_idx_files_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mnist").mkdir()
    arrays = [
        np.arange(8, dtype=np.uint8).reshape(2, 2, 2),
        np.arange(2, dtype="u1"),
    ] * 2
    for name, array in zip(idx.NAMES, arrays):
        (folder / "mnist" / name).write_bytes(idx_bytes(array))
    hashes = [hashlib.sha256(idx_bytes(a)).hexdigest() for a in arrays]
    monkeypatch.setattr(sets.mnist, "IDX_HASHES", hashes)
    (x, y), _ = sets.mnist.load_data()
    assert x.tolist() == arrays[0].tolist() and y.tolist() == [0, 1]
    monkeypatch.setattr(sets.mnist, "IDX_HASHES", ["0"] * 4)
    with pytest.raises(DataError, match="with another hash"):
        sets.mnist.load_data()


def test_fashion_mnist_has_a_folder_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "fashion-mnist").mkdir()
    arrays = [
        np.zeros((n, 2, 2) if i == 0 else n, "u1") for n in (3, 2) for i in (0, 1)
    ]
    packed = [gzip.compress(idx_bytes(array)) for array in arrays]
    for name, data in zip(idx.NAMES, packed):
        (folder / "fashion-mnist" / f"{name}.gz").write_bytes(data)
    hashes = [hashlib.md5(data).hexdigest() for data in packed]
    monkeypatch.setattr(sets.fashion_mnist, "HASHES", hashes)
    (x, y), (x_test, _) = sets.fashion_mnist.load_data()
    assert x.shape == (3, 2, 2) and len(y) == 3 and len(x_test) == 2


def cifar(**files: dict[bytes, Any]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for name, batch in files.items():
            data = pickle.dumps(batch, protocol=2)
            info = tarfile.TarInfo(name.replace("__", "/").replace("_is_", "-"))
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


def batch(start: int, **labels: Any) -> dict[bytes, Any]:
    images = (np.arange(2 * 3072) + start).astype(np.uint8).reshape(2, 3072)
    return {b"data": images, **{key.encode(): v for key, v in labels.items()}}


def test_cifar10_joins_its_five_parts(place: Place) -> None:
    batches = {f"data_batch_{i}": batch(i, labels=[i, 0]) for i in range(1, 6)}
    parts = {**batches, "test_batch": batch(9, labels=[9, 9])}
    named = {f"cifar_is_10_is_batches_is_py__{name}": b for name, b in parts.items()}
    place(sets.cifar10, "cifar-10-python.tar.gz", cifar(**named))
    (x, y), (_, y_test) = sets.cifar10.load_data()
    assert x.shape == (10, 32, 32, 3) and x.dtype == y.dtype == y_test.dtype == np.uint8
    assert y[:, 0].tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    assert x[0, 0, :2, 0].tolist() == [1, 2] and x[0, 0, 0, 1] == (1 + 1024) % 256
    keras.config.set_image_data_format("channels_first")
    assert sets.cifar10.load_data()[1][0].shape == (2, 3, 32, 32)


@pytest.mark.parametrize("mode, wanted", [("fine", [[7], [8]]), ("coarse", [[1], [2]])])
def test_cifar100_has_two_kinds_of_labels(
    mode: str, wanted: list, place: Place
) -> None:
    held = batch(0, fine_labels=[7, 8], coarse_labels=[1, 2])
    data = cifar(cifar_is_100_is_python__train=held, cifar_is_100_is_python__test=held)
    place(sets.cifar100, "cifar-100-python.tar.gz", data)
    (x, y), _ = sets.cifar100.load_data(mode)
    assert y.tolist() == wanted and x.shape == (2, 32, 32, 3)


def reviews(place: Place) -> None:
    x = lists([5, 6, 7], [8], [9, 10])
    y = np.array([0, 1, 0])
    place(sets.imdb, "imdb.npz", npz(x_train=x, y_train=y, x_test=x[:2], y_test=y[:2]))


# arguments -> each text's words, in the order of the file (the test sorts by label)
TEXTS: list[tuple[dict[str, Any], list[list[int]]]] = [
    ({}, [[1, 8, 9, 10], [1, 11], [1, 12, 2]]),
    ({"num_words": 10}, [[1, 8, 9, 2], [1, 2], [1, 2, 2]]),
    ({"skip_top": 9, "num_words": 99}, [[2, 2, 9, 10], [2, 11], [2, 12, 13]]),
    ({"oov_char": None, "num_words": 12}, [[1, 8, 9, 10], [1, 11], [1]]),
    ({"start_char": None, "num_words": 99}, [[8, 9, 10], [11], [12, 13]]),
    ({"start_char": None, "index_from": None, "num_words": 99},
     [[5, 6, 7], [8], [9, 10]]),
]  # fmt: skip


@pytest.mark.parametrize("how, wanted", TEXTS)
def test_reviews_are_numbers_of_words(how: Any, wanted: list, place: Place) -> None:
    reviews(place)
    (x, y), (x_test, _) = sets.imdb.load_data(**how)
    assert x.dtype == object and sorted(x.tolist()) == sorted(wanted)
    assert y[x.tolist().index(wanted[1])] == 1 and len(x_test) == 2


def test_reviews_are_in_the_order_of_keras(place: Place) -> None:
    x, y = lists(*([i] for i in range(10))), np.arange(10)
    place(sets.imdb, "imdb.npz", npz(x_train=x, y_train=y, x_test=x, y_test=y))
    (_, y_train), (_, y_test) = sets.imdb.load_data()
    assert y_train.tolist() == [9, 3, 6, 1, 0, 7, 4, 8, 2, 5]
    assert y_test.tolist() == [6, 9, 5, 0, 1, 4, 8, 3, 7, 2]  # the stream goes on


def test_long_reviews_are_left_out(place: Place) -> None:
    reviews(place)
    (x, y), (x_test, _) = sets.imdb.load_data(maxlen=4, num_words=99)
    assert sorted(map(len, x)) == [2, 3] and sorted(y.tolist()) == [0, 1]
    assert [len(text) for text in x_test] == [2]
    with pytest.raises(DataError, match="no text has fewer than 2 words"):
        sets.imdb.load_data(maxlen=2)
    with pytest.raises(ArgumentError, match="start_char needs index_from"):
        sets.imdb.load_data(index_from=None)


def test_news_are_split_as_keras_does(place: Place) -> None:
    x = lists(*([i] for i in range(10)))
    place(sets.reuters, "reuters.npz", npz(x=x, y=np.arange(10)))
    (x_train, y_train), (_, y_test) = sets.reuters.load_data(
        num_words=99, start_char=None, index_from=0
    )
    # numpy.random.RandomState(113).shuffle, as every data set of Keras
    assert [*y_train, *y_test] == [9, 3, 6, 1, 0, 7, 4, 8, 2, 5]
    assert x_train.tolist() == [[label] for label in y_train] and len(y_test) == 2
    assert len(sets.reuters.get_label_names()) == 46


def test_words_are_found_by_name(place: Place) -> None:
    for module, name in ((sets.imdb, "imdb"), (sets.reuters, "reuters")):
        data = json.dumps({"the": 1, "café": 2}).encode()
        place(module, f"{name}_word_index.json", data, "INDEX_HASH")
        assert module.get_word_index() == {"the": 1, "café": 2}


@pytest.mark.parametrize("name", ["boston_housing", "california_housing"])
def test_houses_are_split_as_keras_does(name: str, place: Place) -> None:
    module = getattr(sets, name)
    x = np.arange(20.0).reshape(10, 2)
    place(module, f"{name}.npz", npz(x=x, y=np.arange(10.0)))
    (x_train, y_train), (_, y_test) = module.load_data(test_split=0.3)
    assert [*y_train, *y_test] == [9, 3, 6, 1, 0, 7, 4, 8, 2, 5] and len(y_test) == 3
    np.testing.assert_array_equal(x_train[:, 0], 2 * y_train)


def test_the_small_version_has_600_districts(place: Place) -> None:
    data = npz(x=np.zeros((1000, 8)), y=np.zeros(1000))
    place(sets.california_housing, "california_housing.npz", data)
    (x_train, _), (x_test, _) = sets.california_housing.load_data("small")
    assert len(x_train) + len(x_test) == 600


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: sets.california_housing.load_data("tiny"), 'version must be "small"'),
    (lambda: sets.boston_housing.load_data(test_split=1), "test_split must be in"),
    (lambda: sets.cifar100.load_data("rough"), 'label_mode must be "fine"'),
]


@pytest.mark.parametrize("act, text", WRONG)
def test_mistakes_are_named(act: Callable[[], Any], text: str, place: Place) -> None:
    place(sets.boston_housing, "boston_housing.npz", npz(x=np.ones(3), y=np.ones(3)))
    with pytest.raises(ArgumentError, match=text):
        act()


LOADERS = [sets.boston_housing, sets.california_housing, sets.cifar10, sets.cifar100,
           sets.fashion_mnist, sets.imdb, sets.mnist, sets.reuters]  # fmt: skip


@pytest.mark.parametrize("module", LOADERS)
def test_without_a_connection_the_file_and_its_place_are_named(
    module: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(DataError, match=r"(?s)could not download.*Put the file at"):
        module.load_data()


# ------------------------------------------------------------------- files of strangers


class Call:
    """A pickle of it calls a function when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.made = function, arguments

    def __reduce__(self) -> Any:
        return self.made


def test_a_file_runs_nothing(tmp_path: Path) -> None:
    held = io.BytesIO()
    np.savez(held, x=lists(Call(print, "ran")))
    (tmp_path / "x.npz").write_bytes(held.getvalue())
    with pytest.raises(DataError, match=r"(?s)expected arrays.*builtins\.print"):
        kept.arrays_of(str(tmp_path / "x.npz"))


@pytest.mark.parametrize(
    "held", [np.array([b"x" * 8], "V8"), np.array(["x"]), np.datetime64("2020")]
)
def test_only_arrays_of_numbers_are_made_of_pickles(held: Any) -> None:
    with pytest.raises(pickle.UnpicklingError):
        kept.unpickled(io.BytesIO(pickle.dumps(np.atleast_1d(held), protocol=2)))


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("kind", ["u1", "<i8", ">f4", "bool"])
def test_arrays_in_pickles_are_what_they_were(protocol: int, kind: str) -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3) % 2, kind)
    data = pickle.dumps({"a": [array, 3, "x"]}, protocol=protocol)
    found = kept.unpickled(io.BytesIO(data))
    np.testing.assert_array_equal(found["a"][0], array)
    assert found["a"][1:] == [3, "x"]


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04"])
def test_a_damaged_file_is_named(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(DataError, match=r"(?s)expected arrays in .*Remove the file"):
        kept.arrays_of(str(tmp_path / "x.npz"))
    with pytest.raises(DataError, match="expected an IDX file of bytes"):
        idx.read_idx(str(tmp_path / "x.npz"))
