"""The ``.h5`` files of Keras 2 and 3: they open, and what is written opens again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import SavingError
from graphkeras.saving.legacy_config import modern_config, modern_training
from tests.saving import zoo

OLDER = zoo.FOLDER / "older"
EXPECTED = dict(np.load(OLDER / "expected.npz"))


@pytest.fixture(autouse=True)
def _classes_of_the_user() -> None:
    zoo.classes(keras)


def assert_equal_outputs(model: Any, name: str, expected: Any = EXPECTED) -> None:
    for key, value in zoo.outputs_of(model, name).items():
        np.testing.assert_allclose(value, expected[key], atol=1e-6)


@pytest.mark.parametrize("name", zoo.OLDER)
def test_a_file_of_keras_2_gives_equal_outputs(name: str, tmp_path: Path) -> None:
    model = keras.saving.load_model(OLDER / f"{name}.h5")
    assert_equal_outputs(model, name)
    model.save(tmp_path / "m.h5")
    assert_equal_outputs(keras.saving.load_model(tmp_path / "m.h5"), name)


def test_a_keras_file_of_keras_2_opens() -> None:
    assert_equal_outputs(keras.saving.load_model(OLDER / "frozen.keras"), "frozen")


def test_layers_that_were_frozen_stay_so() -> None:
    model = keras.saving.load_model(OLDER / "frozen.h5")
    assert len(model.trainable_weights) == 4


def test_training_goes_on_from_a_file_of_keras_2() -> None:
    model = keras.saving.load_model(OLDER / "sequential.h5")
    assert int(model.optimizer.iterations.numpy()) == 2
    assert any(np.any(v.numpy()) for v in model.optimizer.variables[2:])
    assert not keras.saving.load_model(OLDER / "sequential.h5", compile=False).compiled


def test_an_optimizer_in_another_form_starts_afresh(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    path.write_bytes((OLDER / "sequential.h5").read_bytes())
    with h5py.File(path, "a") as file:
        names = file["optimizer_weights"].attrs["weight_names"]
        file["optimizer_weights"].attrs["weight_names"] = names[:3]
    with pytest.warns(UserWarning, match="a fresh optimizer"):
        keras.saving.load_model(path)


def test_a_file_of_keras_3_gives_equal_outputs() -> None:
    expected = np.load(zoo.FOLDER / "expected.npz")
    model = keras.saving.load_model(zoo.FOLDER / "custom.h5")
    assert_equal_outputs(model, "custom", expected)


@pytest.mark.parametrize("file", ["frozen.h5", "frozen_weights.h5"])
@pytest.mark.parametrize("by_name", [False, True])
def test_weights_go_by_order_or_by_name(file: str, by_name: bool) -> None:
    model = keras.saving.load_model(OLDER / "frozen.h5")
    model.set_weights([w * 0 for w in model.get_weights()])
    model.load_weights(OLDER / file, by_name=by_name)
    assert_equal_outputs(model, "frozen")


def test_by_name_takes_what_is_there() -> None:
    other = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(7, name="own"),
            keras.layers.Dense(1, name="dense_7"),
        ]
    )
    with pytest.raises(SavingError, match="expected a saved shape"):
        other.load_weights(OLDER / "frozen.h5", by_name=True)
    with pytest.raises(SavingError, match="expected 2 layers"):
        other.load_weights(OLDER / "frozen.h5")
    with pytest.warns(UserWarning, match="skips .*dense_7"):
        other.load_weights(OLDER / "frozen.h5", skip_mismatch=True, by_name=True)


def test_training_resumes_from_an_older_file_bit_for_bit(tmp_path: Path) -> None:
    model = keras.saving.load_model(OLDER / "sequential.h5")
    model.save(tmp_path / "m.h5")
    again = keras.saving.load_model(tmp_path / "m.h5")
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    model.save(tmp_path / "m.h5", include_optimizer=False)
    assert not keras.saving.load_model(tmp_path / "m.h5").compiled


def test_weights_alone_are_no_model() -> None:
    with pytest.raises(SavingError, match=r"frozen_weights\.h5: .* only weights"):
        keras.saving.load_model(OLDER / "frozen_weights.h5")


def test_functions_of_tensorflow_are_refused() -> None:
    config = {"class_name": "TFOpLambda", "config": {"function": "math.add"}}
    with pytest.raises(SavingError, match="a function of TensorFlow in a model"):
        modern_config(config)


SMALL_CHANGES = {
    "LeakyReLU": ({"alpha": 0.1}, {"negative_slope": 0.1}),
    "BatchNormalization": ({"axis": [3]}, {"axis": 3}),
    "DepthwiseConv2D": ({"groups": 1}, {}),
    "Conv2D": ({"groups": 1}, {"groups": 1}),
    "LSTM": ({"implementation": 2, "time_major": False}, {}),
    "InputLayer": ({"batch_input_shape": [None, 2]}, {"batch_shape": [None, 2]}),
    "ReLU": ({"max_value": {"class_name": "__tuple__", "items": [1]}},
             {"max_value": [1]}),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL_CHANGES)
def test_arguments_of_keras_2_get_their_names_of_now(name: str) -> None:
    before, after = SMALL_CHANGES[name]
    assert modern_config({"class_name": name, "config": before})["config"] == after


def test_what_keras_2_wrote_of_training_is_understood() -> None:
    inner = {"learning_rate": 0.1, "decay": 0.01, "is_legacy_optimizer": True}
    found = modern_training(
        {
            "optimizer_config": {"class_name": "Custom>SGD", "config": inner},
            "loss": {"a": {"class_name": "Huber", "config": {"reduction": "auto"}}},
            "metrics": [[{"class_name": "MeanMetricWrapper", "config": {"fn": "mae"}}],
                        [None]],
        }
    )  # fmt: skip
    assert found["optimizer"]["class_name"] == "SGD"
    rate = found["optimizer"]["config"]["learning_rate"]
    assert rate["class_name"] == "InverseTimeDecay"
    assert found["loss"]["a"]["config"] == {"reduction": "sum_over_batch_size"}
    assert found["metrics"] == [["mae"], []]
