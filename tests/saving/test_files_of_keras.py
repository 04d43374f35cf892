"""Files that real Keras saved: they open here and give what they gave there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from tests.saving import zoo

EXPECTED = dict(np.load(zoo.FOLDER / "expected.npz"))


@pytest.fixture(autouse=True)
def _classes_of_the_user() -> None:
    zoo.classes(keras)


def opened(name: str) -> Any:
    return keras.saving.load_model(zoo.FOLDER / f"{name}.keras")


def assert_equal_outputs(model: Any, name: str) -> None:
    for key, value in zoo.outputs_of(model, name).items():
        np.testing.assert_allclose(value, EXPECTED[key], atol=1e-6)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_a_file_of_keras_gives_equal_outputs(name: str) -> None:
    assert_equal_outputs(opened(name), name)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_saved_again_it_still_does(name: str, tmp_path: Path) -> None:
    opened(name).save(tmp_path / "m.keras")
    assert_equal_outputs(keras.saving.load_model(tmp_path / "m.keras"), name)


@pytest.mark.parametrize("name", zoo.COMPILED)
def test_a_compiled_one_goes_on_training(name: str) -> None:
    model = opened(name)
    steps = int(model.optimizer.iterations.numpy())
    zoo.train(model, name)
    assert int(model.optimizer.iterations.numpy()) == 2 * steps == 4


def test_compile_false_leaves_it_uncompiled() -> None:
    path = zoo.FOLDER / "sequential.keras"
    assert not keras.models.load_model(path, compile=False).compiled


@pytest.mark.parametrize("file", ["custom.weights.h5", "custom.keras"])
def test_weights_of_keras_go_into_a_model_made_here(file: str) -> None:
    model = zoo.custom(keras)
    model.load_weights(zoo.FOLDER / file)
    assert_equal_outputs(model, "custom")


def test_classes_may_be_passed_instead_of_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"Scale": zoo.classes(keras)["Scale"]}
    for name in ("zoo>Scale", "zoo>Net"):
        monkeypatch.delitem(keras.saving.get_custom_objects(), name)
    path = zoo.FOLDER / "custom.keras"
    assert_equal_outputs(keras.saving.load_model(path, custom_objects=given), "custom")
    with keras.saving.CustomObjectScope(given):
        assert_equal_outputs(keras.saving.load_model(path), "custom")
