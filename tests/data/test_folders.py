"""Files in folders as data sets: which files, in which order, with which labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.data.text_folder import read_text
from graphkeras.errors import ArgumentError, DataError

load = keras.utils.text_dataset_from_directory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of four files, one of them further down; a hidden folder."""
    for name in ("b", "a"):
        (tmp_path / name / "sub").mkdir(parents=True)
        for i in range(3):
            (tmp_path / name / f"{i}.txt").write_text(f"{name} {i}")
        (tmp_path / name / "sub" / "9.TXT").write_text(f"{name} 9")
        (tmp_path / name / "not.csv").write_text("1,2")
    (tmp_path / ".hid").mkdir()
    (tmp_path / ".hid" / "1.txt").write_text("hidden")
    return tmp_path


# The orders are those of Keras 3.15 for these files.
ORDERS: dict[str, tuple[dict[str, Any], str, Any, Any]] = {
    "by name": (
        {}, "a/0 a/1 a/2 a/sub/9 b/0 b/1 b/2 b/sub/9", [0, 0, 0, 0, 1, 1, 1, 1],
        ["a", "b"],
    ),
    "shuffled": (
        {"shuffle": True, "seed": 7}, "a/2 b/1 a/0 b/2 a/sub/9 a/1 b/0 b/sub/9", None,
        ["a", "b"],
    ),
    "without labels": (
        {"labels": None}, ".hid/1 a/0 a/1 a/2 a/sub/9 b/0 b/1 b/2 b/sub/9", None, None
    ),
    "given labels": (
        {"labels": [5, 1, 1, 1, 1, 1, 1, 5, 5]},
        ".hid/1 a/0 a/1 a/2 a/sub/9 b/0 b/1 b/2 b/sub/9", [5, 1, 1, 1, 1, 1, 1, 5, 5],
        ["1", "5"],
    ),
    "classes in another order": (
        {"class_names": ["b", "a"]}, "b/0 b/1 b/2 b/sub/9 a/0 a/1 a/2 a/sub/9",
        [0, 0, 0, 0, 1, 1, 1, 1], ["b", "a"],
    ),
    "one class": ({"class_names": ["b"]}, "b/0 b/1 b/2 b/sub/9", [0] * 4, ["b"]),
    "training": (
        {"subset": "training", "validation_split": 0.3},
        "a/0 a/1 a/2 a/sub/9 b/0 b/1", [0, 0, 0, 0, 1, 1], ["a", "b"],
    ),
    "validation": (
        {"subset": "validation", "validation_split": 0.3, "shuffle": True, "seed": 7},
        "b/0 b/sub/9", None, ["a", "b"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_files_and_labels_are_those_of_keras(name: str, folder: Path) -> None:
    arguments, files, labels, classes = ORDERS[name]
    dataset = load(folder, **{"shuffle": False, "verbose": False, **arguments})
    short = [Path(path).relative_to(folder) for path in dataset.file_paths]
    assert [path.with_suffix("").as_posix() for path in short] == files.split()
    assert dataset.class_names == classes
    if labels is not None:
        found = np.concatenate([y for _, y in dataset.as_numpy_iterator()])
        assert found.dtype == np.int32 and found.tolist() == labels


MODES: dict[str, tuple[dict[str, Any], Any]] = {
    "int": ({"label_mode": "int"}, ((8,), "int32")),
    "binary": ({"label_mode": "binary"}, ((8, 1), "float32")),
    "categorical": ({"label_mode": "categorical"}, ((8, 2), "float32")),
    "no mode": ({"label_mode": None}, None),
}


@pytest.mark.parametrize("name", MODES)
def test_labels_have_the_form_of_their_mode(name: str, folder: Path) -> None:
    arguments, wanted = MODES[name]
    element = next(iter(load(folder, verbose=False, seed=1, **arguments)))
    text = element if wanted is None else element[0]
    # Without labels Keras does not look at the names of folders, hidden or not.
    assert text.shape == ((8,) if wanted else (9,)) and text.dtype == "string"
    if wanted is not None:
        assert (element[1].shape, element[1].dtype) == wanted
        classes = np.ravel(element[1])[-8:] if name != "categorical" else (
            np.argmax(element[1], 1)
        )  # fmt: skip
        firsts = ["ab".index(t[0]) for t in text.numpy().tolist()]
        assert classes.tolist() == firsts


def test_batches_and_single_texts(folder: Path) -> None:
    single = load(folder, batch_size=None, verbose=False)
    text, label = next(iter(single))
    assert text.shape == () and label.shape == () and len(single) == 8
    assert [x.shape for x, _ in load(folder, batch_size=3, verbose=False)] == [
        (3,), (3,), (2,)
    ]  # fmt: skip


def test_passes_differ_unless_not_shuffled(folder: Path) -> None:
    def order(dataset: Any) -> list[str]:
        return [t for x, _ in dataset.as_numpy_iterator() for t in x]

    shuffled = load(folder, seed=3, verbose=False)
    first, second = order(shuffled), order(shuffled)
    assert first != second and sorted(first) == sorted(second)
    assert order(load(folder, seed=3, verbose=False)) == first
    plain = load(folder, shuffle=False, verbose=False)
    assert order(plain) == order(plain) == sorted(first)


def test_names_of_classes_stay_known(folder: Path) -> None:
    dataset = load(folder, verbose=False).map(lambda x, y: (x, y)).cache().prefetch(2)
    assert dataset.class_names == ["a", "b"] and len(dataset.file_paths or ()) == 8


def test_both_subsets_share_no_file(folder: Path) -> None:
    first, last = load(folder, validation_split=0.5, subset="both", seed=1,
                       verbose=False)  # fmt: skip
    assert not set(first.file_paths) & set(last.file_paths)
    assert len(first.file_paths) == len(last.file_paths) == 4


def test_what_was_found_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(folder, validation_split=0.25, subset="training", seed=1)
    assert capsys.readouterr().out.splitlines() == [
        "Found 8 files belonging to 2 classes.", "Using 6 files for training."
    ]  # fmt: skip


def test_links_are_followed_when_asked(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b")
    assert len(load(folder, verbose=False).file_paths) == 8
    assert len(load(folder, verbose=False, follow_links=True).file_paths) == 12


def test_text_is_cut_after_bytes_and_never_within_a_character(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes("한글ab".encode() + b"\xff")
    cut = {n: str(read_text(str(tmp_path / "t"), n)) for n in (None, 3, 4, 7, 99)}
    whole = "한글ab\ufffd"
    assert cut == {None: whole, 3: "한", 4: "한", 7: "한글a", 99: whole}


def test_a_model_learns_from_a_folder(folder: Path) -> None:
    vectorize = keras.layers.TextVectorization(output_sequence_length=2)
    train = load(folder, batch_size=4, seed=1, verbose=False)
    vectorize.adapt(train.map(lambda x, y: x))
    assert set("ab") <= set(vectorize.get_vocabulary())
    text = keras.Input((), dtype="string")
    x = keras.layers.Embedding(9, 4)(vectorize(text))
    x = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(x))
    model = keras.Model(text, x)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(train, validation_data=train, verbose=0)
    assert model.predict(train, verbose=0).shape == (8, 2)


SPLIT = {"validation_split": 0.5}
WRONG: dict[str, tuple[type[Exception], dict[str, Any]]] = {
    "label_mode must be one of": (ArgumentError, {"label_mode": "ints"}),
    'labels must be "inferred", None, or a list': (ArgumentError, {"labels": "folder"}),
    'class_names goes with labels="inferred"': (
        ArgumentError, {"labels": [1, 2], "class_names": ["a"]}
    ),
    "class_names goes.*only": (ArgumentError, {"labels": None, "class_names": ["a"]}),
    "class_names goes.*there are none": (
        ArgumentError, {"label_mode": None, "class_names": ["a"]}
    ),
    "class_names must be among the folders.*no folder 'c'": (
        ArgumentError, {"class_names": ["a", "c"]}
    ),
    "expected one label for each file.*2 labels, 9 files": (
        ArgumentError, {"labels": [1, 2]}
    ),
    "validation_split must be between 0 and 1": (
        ArgumentError, {"validation_split": 1.5, "subset": "training"}
    ),
    'subset must be "training"': (ArgumentError, {"subset": "test", **SPLIT}),
    "validation_split and subset go together.*Give both": (ArgumentError, SPLIT),
    "validation_split and subset go together": (ArgumentError, {"subset": "both"}),
    "a shuffled split needs a seed": (ArgumentError, {"subset": "both", **SPLIT}),
    'label_mode="binary" is for two classes': (
        ArgumentError, {"label_mode": "binary", "class_names": ["a"]}
    ),
    "batch_size must be at least 1": (ArgumentError, {"batch_size": 0}),
    'format must be "tf" or "grain"': (ArgumentError, {"format": "torch"}),
    "expected files for validation.*none in": (
        DataError, {"validation_split": 0.01, "subset": "validation", "seed": 1}
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_are_named(text: str, folder: Path) -> None:
    error, arguments = WRONG[text]
    with pytest.raises(error, match=f"(?s){text}"):
        load(folder, verbose=False, **arguments)


def test_a_folder_must_be_there_and_hold_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected a folder.\n.*nowhere"):
        load(tmp_path / "nowhere")
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match=r"(?s)none in .*must end in .txt"):
        load(tmp_path, verbose=False)


LOADERS: list[Callable[..., Any]] = [
    keras.utils.text_dataset_from_directory,
    keras.utils.image_dataset_from_directory,
    keras.utils.audio_dataset_from_directory,
]


@pytest.mark.parametrize("loader", LOADERS)
def test_every_kind_of_file_looks_at_its_endings(
    loader: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.bin").write_bytes(b"")
    with pytest.raises(DataError, match="expected files"):
        loader(tmp_path, verbose=False)
