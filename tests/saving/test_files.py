"""Files written here: they are whole, exact, and named well when something is wrong."""

from __future__ import annotations

import base64
import json
import marshal
import multiprocessing
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.errors import SavingError

X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 50)


def dense(units: int = 3) -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(units)])


def noisy(use_ema: bool = False) -> Any:
    """A model with every kind of state that training changes."""
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((4,)), layers.Dense(8, activation="relu"),
            layers.BatchNormalization(), layers.Dropout(0.3), layers.GaussianNoise(0.1),
            layers.Dense(3, activation="softmax"),
        ]
    )  # fmt: skip
    rate = keras.optimizers.schedules.CosineDecay(0.01, 50)
    optimizer = keras.optimizers.AdamW(rate, use_ema=use_ema)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def state(model: Any) -> list[np.ndarray]:
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


def test_training_resumes_bit_for_bit(tmp_path: Path) -> None:
    model = noisy(use_ema=True)
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    on = model.fit(X, Y, initial_epoch=2, epochs=5, verbose=0).history
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.fit(X, Y, initial_epoch=2, epochs=5, verbose=0).history == on
    for a, b in zip(state(model), state(loaded), strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_in_two_parts_is_training_in_one() -> None:
    whole = noisy()
    whole.fit(X, Y, epochs=3, verbose=0)
    parts = noisy()
    for _ in range(3):
        parts.fit(X, Y, epochs=1, verbose=0)
    for a, b in zip(state(whole), state(parts), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_layer_used_by_two_models_stays_one(tmp_path: Path) -> None:
    layer = layers.Dense(4)
    x, y = keras.Input((4,)), keras.Input((4,))
    inner = keras.Model(y, layer(y), name="inner")
    keras.Model(x, inner(x) + layer(x)).save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.get_layer(layer.name) is loaded.get_layer("inner").layers[-1]


def test_a_json_config_makes_an_equal_model() -> None:
    model = dense()
    again = keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        again.predict(X, verbose=0), model.predict(X, verbose=0)
    )


def test_bfloat16_weights_come_back(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="bfloat16")])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.weights[0].dtype == "bfloat16"
    np.testing.assert_array_equal(loaded.weights[0].numpy(), model.weights[0].numpy())


def test_a_learned_vocabulary_is_an_asset(tmp_path: Path) -> None:
    layer = layers.TextVectorization(output_sequence_length=2)
    layer.adapt(["foo bar", "bar"])
    model = keras.Sequential([keras.Input((), dtype="string"), layer])
    model.save(tmp_path / "m.keras")
    names = zipfile.ZipFile(tmp_path / "m.keras").namelist()
    assert "assets/layers/text_vectorization/vocabulary.txt" in names
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.layers[0].get_vocabulary() == ["", "[UNK]", "bar", "foo"]


def test_weights_that_do_not_fit_are_refused_before_any_is_changed(
    tmp_path: Path,
) -> None:
    dense(3).save_weights(tmp_path / "m.weights.h5")
    model = dense(2)
    before = model.get_weights()
    with pytest.raises(SavingError, match=r"dense.*kernel: expected a saved shape"):
        model.load_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="skips layers/dense"):
        model.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_is_not_built_says_so(tmp_path: Path) -> None:
    model = keras.Sequential([layers.Dense(2)])
    with pytest.raises(SavingError, match="expected a built model"):
        model.save_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="before it is built"):
        model.save(tmp_path / "m.keras")


@pytest.mark.parametrize("name", ["m.h6", "m", "folder/m.zip"])
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SavingError, match=r"ends in \.keras"):
        dense().save(tmp_path / name)


def test_overwrite_false_keeps_the_old_file(tmp_path: Path) -> None:
    dense().save(tmp_path / "m.keras")
    with pytest.raises(SavingError, match="overwrite=False"):
        dense().save(tmp_path / "m.keras", overwrite=False)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SavingError, match="Make the folder first"):
        dense().save(tmp_path / "none" / "m.keras")


def test_a_save_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    model = dense()
    model.save(path)
    before = path.read_bytes()
    model.layers[0].save_own_variables = lambda store: 1 / 0
    with pytest.raises(ZeroDivisionError):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _save_forever(path: str) -> None:
    model = dense(200)
    save = model.save_weights if path.endswith(".weights.h5") else model.save
    while True:
        save(path)


KILLED = {"m.keras": (0.0, 0.029), "m.h5": (0.007,), "m.weights.h5": (0.005,)}


@pytest.mark.parametrize("name", KILLED)
def test_a_killed_process_leaves_a_whole_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    model = dense(200)
    (model.save_weights if "weights" in name else model.save)(path)
    for seconds in KILLED[name]:
        started = os.stat(path).st_ino
        child = multiprocessing.get_context("spawn").Process(
            target=_save_forever, args=(str(path),)
        )
        child.start()
        while os.stat(path).st_ino == started:
            child.join(0.005)
        child.join(seconds)
        child.kill()
        child.join()
        if "weights" in name:
            model.load_weights(path)
        else:
            assert keras.saving.load_model(path).count_params() == 1000


def test_stored_code_runs_only_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    save_with_code(path, lambda x: x * 2 + ops.sum(x))
    with pytest.raises(SavingError, match=r"m\.keras.*a stored Python lambda"):
        keras.saving.load_model(path)
    with pytest.warns(UserWarning, match="made a function again"):
        model = keras.saving.load_model(path, safe_mode=False)
    np.testing.assert_array_equal(model(np.ones((1, 2), "float32")), [[4, 4]])


def save_with_code(path: Path, function: Any) -> None:
    """Save a model with a Lambda layer as Keras does: with its code."""
    code = base64.b64encode(marshal.dumps(function.__code__)).decode()
    stored = {"code": code, "defaults": None, "closure": None}
    tagged = {"class_name": "__lambda__", "config": stored}
    keras.Sequential([keras.Input((2,)), layers.ReLU()]).save(path)
    new = {"class_name": "Lambda", "config": {"name": "f", "function": tagged}}
    edit_config(path, lambda config: config["config"]["layers"][1].update(new))


def edit_config(path: Path, change: Any) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
