"""Weights by themselves: in one file, in several, in a folder; parts left out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras.errors import SavingError

GIBIBYTE = 1 << 30


def model(units: int = 5) -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(units), layers.Dense(units, name="last")]
    )


def zeroed(of: Any) -> Any:
    of.set_weights([w * 0 for w in of.get_weights()])
    return of


def assert_same(a: Any, b: Any) -> None:
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    path = tmp_path / "m.weights.json"
    model().save_weights(path, max_shard_size=104 / GIBIBYTE)
    return path


def test_weights_are_spread_over_files(shards: Path) -> None:
    names = sorted(os.listdir(shards.parent))
    assert names[1:] == [f"m_{i:05}.weights.h5" for i in range(3)]
    listed = json.loads(shards.read_text())
    assert listed["metadata"]["total_size"] == 55 * 4
    parts = listed["weight_map"]
    assert parts["/layers/dense/vars"] == "m_00000.weights.h5"
    assert parts["/layers/dense_1/vars"] == [f"m_0000{i}.weights.h5" for i in (1, 2)]
    again = zeroed(model())
    again.load_weights(shards)
    assert_same(again, model())


def test_an_array_larger_than_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SavingError, match="Raise max_shard_size"):
        model().save_weights(tmp_path / "m.weights.json", max_shard_size=1e-9)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, -1, "5", True, float("nan")])
def test_a_shard_size_is_a_number_of_gibibytes(size: Any, tmp_path: Path) -> None:
    with pytest.raises(SavingError, match="max_shard_size to be a number of GiB"):
        model().save_weights(tmp_path / "m.weights.json", max_shard_size=size)


def test_files_of_two_saves_are_not_mixed(shards: Path, tmp_path: Path) -> None:
    listed = shards.read_text()
    model().save_weights(shards, max_shard_size=104 / GIBIBYTE)
    shards.write_text(listed)
    with pytest.raises(SavingError, match=r"m_0000.* is of another"):
        model().load_weights(shards)


@pytest.mark.parametrize("name", ["../m.h5", "/m.h5", "m.txt", 3, "a\\b.h5", None])
def test_a_list_names_files_beside_it(name: Any, shards: Path) -> None:
    listed = json.loads(shards.read_text())
    listed["weight_map"]["/layers/dense/vars"] = name
    shards.write_text(json.dumps(listed))
    with pytest.raises(SavingError, match="beside it, not"):
        model().load_weights(shards)


def test_a_file_that_is_missing_is_named(shards: Path) -> None:
    shards.with_name("m_00001.weights.h5").unlink()
    with pytest.raises(SavingError, match=r"the file 'm_00001\.weights\.h5' beside it"):
        model().load_weights(shards)


def test_parts_can_be_left_out(tmp_path: Path) -> None:
    made = model()
    path = tmp_path / "m.weights.h5"
    keras.saving.save_weights(made, path, objects_to_skip=[made.get_layer("last")])
    with pytest.raises(SavingError, match="layers/dense_1: last"):
        model().load_weights(path)
    again = zeroed(model())
    again.load_weights(path, objects_to_skip=[again.get_layer("last")])
    np.testing.assert_array_equal(again.get_weights()[0], made.get_weights()[0])
    assert not again.get_weights()[2].any()


def test_a_folder_holds_the_parts_of_a_file(tmp_path: Path) -> None:
    for _ in range(2):  # the second takes the place of the first
        model().save(tmp_path / "m", zipped=False)
    parts = sorted(os.listdir(tmp_path / "m"))
    assert parts == ["assets", "config.json", "metadata.json", "model.weights.h5"]
    assert_same(keras.saving.load_model(tmp_path / "m"), model())
    again = zeroed(model())
    again.load_weights(tmp_path / "m")
    assert_same(again, model())
    assert os.listdir(tmp_path) == ["m"]


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(SavingError, match=r"one that holds letter\.txt"):
        model().save(tmp_path, zipped=False)
    with pytest.raises(SavingError, match="expected the path of a folder"):
        model().save(tmp_path / "m.keras", zipped=False)
    with pytest.raises(SavingError, match="overwrite=False"):
        model().save(tmp_path, zipped=False, overwrite=False)
    assert os.listdir(tmp_path) == ["letter.txt"]


def test_links_in_a_folder_are_refused(tmp_path: Path) -> None:
    model().save(tmp_path / "m", zipped=False)
    os.symlink("/etc/passwd", tmp_path / "m" / "assets" / "words")
    with pytest.raises(SavingError, match="plain files in the folder, and no links"):
        keras.saving.load_model(tmp_path / "m")


def test_by_name_is_for_older_files(tmp_path: Path) -> None:
    model().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(SavingError, match=r"by_name is for older \.h5 files"):
        model().load_weights(tmp_path / "m.weights.h5", by_name=True)


def test_arguments_keras_3_dropped_are_named(tmp_path: Path) -> None:
    model().save(tmp_path / "m.keras", save_format="keras")
    with pytest.raises(SavingError, match="Received options=3"):
        model().save(tmp_path / "m.keras", options=3)
