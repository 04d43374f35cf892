"""What a reader of Keras's introductions does on the first day, in programs of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.data import AUTOTUNE, Dataset

R = np.random.default_rng(0)
X, Y = R.normal(size=(48, 6)).astype("float32"), R.integers(0, 3, 48)


def classifier() -> keras.Model:
    inputs = keras.Input(shape=(6,), name="digits")
    x = layers.Dense(8, activation="relu", name="dense_1")(inputs)
    outputs = layers.Dense(3, activation="softmax", name="predictions")(x)
    return keras.Model(inputs=inputs, outputs=outputs)


def compiled(**how: Any) -> keras.Model:
    model = classifier()
    model.compile(
        "rmsprop", "sparse_categorical_crossentropy",
        metrics=["sparse_categorical_accuracy"], **how,
    )  # fmt: skip
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return compiled()


# ------------------------------------------------------------------------- preparing


def test_pictures_of_a_folder_train_a_model_of_any_size(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    for name in ("class_a", "class_b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            path = tmp_path / name / f"{i}.jpg"
            keras.utils.save_img(path, R.random((20, 30, 3)))
    dataset = keras.preprocessing.image_dataset_from_directory(
        tmp_path, batch_size=4, image_size=(16, 16), verbose=False
    )
    inputs = keras.Input(shape=(None, None, 3))
    x = layers.Rescaling(1.0 / 255)(layers.CenterCrop(12, 12)(inputs))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, activation="relu")(x))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(dataset, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


TEXTS = np.array([["This is the 1st sample."], ["And here's the 2nd sample."]])


def test_text_is_prepared_beside_the_model_and_then_joined_to_it(
    tmp_path: Path,
) -> None:
    vectorizer = layers.TextVectorization(output_mode="int")
    vectorizer.adapt(TEXTS)
    samples = Dataset.from_tensor_slices((TEXTS, [[0], [1]])).batch(2)
    dataset = samples.map(lambda x, y: (vectorizer(x), y), AUTOTUNE).prefetch(2)
    ids = keras.Input(shape=(None,), dtype="int64")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(10, 4)(ids))
    trained = keras.Model(ids, layers.Dense(1)(x))
    trained.compile(optimizer="adam", loss="mse")
    trained.fit(dataset, verbose=0)

    inputs = keras.Input(shape=(1,), dtype="string", name="text")
    whole = keras.Model(inputs, trained(vectorizer(inputs)))
    beside = trained.predict(dataset, verbose=0)
    np.testing.assert_allclose(whole.predict(TEXTS, verbose=0), beside, rtol=1e-6)
    whole.export(str(tmp_path / "m.onnx"))
    session = onnxruntime.InferenceSession(
        str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"]
    )
    served = session.run(None, {"text": TEXTS.astype(object)})[0]
    np.testing.assert_allclose(served, beside, rtol=1e-5)


# -------------------------------------------------------------------------- training


def test_a_dataset_trains_validates_evaluates_and_predicts(model: keras.Model) -> None:
    dataset = Dataset.from_tensor_slices((X, Y)).shuffle(1024).batch(16)
    history = model.fit(dataset, epochs=2, validation_data=dataset, verbose=0)
    assert {"loss", "val_sparse_categorical_accuracy"} <= set(history.history)
    assert model.predict(dataset, verbose=0).shape == (48, 3)
    told = dict(zip(model.metrics_names, model.evaluate(dataset, verbose=0)))
    assert set(told) == {"loss", "compile_metrics"}


@pytest.mark.parametrize("weights", ["class_weight", "sample_weight", "dataset"])
def test_some_samples_may_count_more(weights: str, model: keras.Model) -> None:
    heavy = np.where(Y == 2, 2.0, 1.0)
    if weights == "class_weight":
        model.fit(X, Y, class_weight={0: 1.0, 1: 1.0, 2: 2.0}, verbose=0)
    elif weights == "sample_weight":
        model.fit(X, Y, sample_weight=heavy, verbose=0)
    else:
        rows = Dataset.from_tensor_slices((X, Y, heavy)).shuffle(48).batch(16)
        model.fit(rows, verbose=0)


def test_batches_by_number_come_from_several_threads(model: keras.Model) -> None:
    class Numbered(keras.utils.PyDataset):
        def __len__(self) -> int:
            return int(np.ceil(len(X) / 10))

        def __getitem__(self, index: int) -> Any:
            rows = slice(index * 10, (index + 1) * 10)
            return X[rows], Y[rows]

    data = Numbered(workers=4)
    model.fit(data, validation_data=Numbered(), epochs=1, verbose=0)
    assert len(model.evaluate(data, verbose=0)) == 2


def test_a_generator_trains_for_a_number_of_steps(model: keras.Model) -> None:
    def batches() -> Iterator[Any]:
        while True:
            yield X[:16], Y[:16]

    model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0)


def test_training_stops_early_and_goes_on_from_the_last_file(tmp_path: Path) -> None:
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=1e9)
    save = keras.callbacks.ModelCheckpoint(str(tmp_path / "m_{epoch}.keras"))
    history = compiled().fit(X, Y, epochs=9, validation_split=0.2, verbose=0,
                             callbacks=[stop, save])  # fmt: skip
    assert len(history.epoch) == 2
    latest = max(tmp_path.iterdir(), key=os.path.getctime)
    restored = keras.models.load_model(latest)
    restored.fit(X, Y, epochs=1, verbose=0)


def test_a_callback_sees_the_loss_of_every_batch(model: keras.Model) -> None:
    class Losses(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any) -> None:
            self.seen: list[float] = []

        def on_batch_end(self, batch: int, logs: Any) -> None:
            self.seen.append(logs.get("loss"))

    losses = Losses()
    model.fit(X, Y, batch_size=16, callbacks=[losses], verbose=0)
    assert len(losses.seen) == 3 and np.isfinite(losses.seen).all()


class RootMeanSquare(keras.metrics.Metric):
    def __init__(self, name: str = "rmse", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros", dtype="int32")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        wanted = ops.one_hot(y_true, ops.shape(y_pred)[1])
        self.total.assign_add(ops.sum(ops.square(wanted - y_pred)))
        self.seen.assign_add(ops.shape(y_pred)[0])

    def result(self) -> Any:
        return ops.sqrt(self.total / ops.cast(self.seen, "float32"))


def test_losses_and_metrics_of_ones_own() -> None:
    class Pulled(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            away = ops.mean(ops.square(ops.one_hot(y_true, 3) - y_pred), axis=-1)
            return away + 0.1 * ops.mean(ops.square(0.5 - y_pred), axis=-1)

    model = classifier()
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 100, 0.96, staircase=True)
    model.compile(keras.optimizers.RMSprop(rate), Pulled(), metrics=[RootMeanSquare()])
    told = model.fit(X, Y, epochs=2, verbose=0).history
    wanted = np.eye(3)[Y] - model.predict(X, verbose=0)
    found = model.evaluate(X, Y, verbose=0, return_dict=True)["rmse"]
    assert found == pytest.approx(np.sqrt((wanted**2).sum() / 48), rel=1e-5)
    assert len(told["rmse"]) == 2


def test_a_layer_may_bring_the_loss() -> None:
    class Endpoint(layers.Layer):
        def __init__(self, name: str | None = None) -> None:
            super().__init__(name=name)
            self.loss = keras.losses.BinaryCrossentropy(from_logits=True)

        def call(self, targets: Any, logits: Any, sample_weight: Any = None) -> Any:
            self.add_loss(self.loss(targets, logits, sample_weight))
            return ops.softmax(logits)

    inputs, targets = (
        keras.Input((6,), name="inputs"),
        keras.Input((3,), name="targets"),
    )
    logits = layers.Dense(3)(inputs)
    model = keras.Model([inputs, targets], Endpoint("predictions")(targets, logits))
    model.compile(optimizer="adam")
    model.fit({"inputs": X, "targets": np.eye(3)[Y]}, verbose=0)


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_training_step_of_ones_own(eagerly: bool) -> None:
    class Custom(keras.Model):
        def train_step(self, data: Any) -> Any:
            x, y = data
            with keras.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            weights = self.trainable_variables
            gradients = tape.gradient(loss, weights)
            self.optimizer.apply_gradients(zip(gradients, weights))
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = keras.Input((6,))
    model = Custom(inputs, layers.Dense(1)(inputs))
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=eagerly)
    told = model.fit(X, X[:, :1], epochs=2, verbose=0).history
    assert told["loss"][1] < told["loss"][0]


# ---------------------------------------------------------------- several inputs, parts

NAMES = ("title", "text_body", "tags")
TICKETS = {name: R.integers(0, 2, (40, size)) for name, size in zip(NAMES, (9, 9, 4))}
ANSWERS = {"priority": R.random((40, 1)), "department": np.eye(4)[R.integers(0, 4, 40)]}


def tickets() -> keras.Model:
    inputs = [keras.Input((TICKETS[n].shape[1],), name=n) for n in NAMES]
    features = layers.Dense(8, activation="relu")(layers.Concatenate()(inputs))
    priority = layers.Dense(1, activation="sigmoid", name="priority")(features)
    department = layers.Dense(4, activation="softmax", name="department")(features)
    return keras.Model(inputs=inputs, outputs=[priority, department])


@pytest.mark.parametrize("by_name", [False, True])
def test_several_inputs_and_outputs_go_by_place_or_by_name(by_name: bool) -> None:
    losses = {
        "priority": "mean_squared_error",
        "department": "categorical_crossentropy",
    }
    metrics = {"priority": ["mean_absolute_error"], "department": ["accuracy"]}

    def given(parts: dict[str, Any]) -> Any:
        return parts if by_name else list(parts.values())

    model = tickets()
    model.compile("rmsprop", loss=given(losses), metrics=given(metrics))
    model.fit(given(TICKETS), given(ANSWERS), verbose=0)
    model.evaluate(given(TICKETS), given(ANSWERS), verbose=0)
    priority, department = model.predict(given(TICKETS), verbose=0)
    assert priority.shape == (40, 1) and department.shape == (40, 4)
    rows = Dataset.from_tensor_slices((TICKETS, ANSWERS)).shuffle(40).batch(16)
    if by_name:
        model.fit(rows, epochs=2, verbose=0)


def test_layers_of_a_model_are_used_again() -> None:
    model = tickets()
    features = model.layers[4].output
    difficulty = layers.Dense(3, activation="softmax", name="difficulty")(features)
    more = keras.Model(model.inputs, [*model.outputs, difficulty])
    found = more.predict([TICKETS[n] for n in NAMES], verbose=0)
    assert [part.shape[1] for part in found] == [1, 4, 3]


class Tickets(keras.Model):
    """The same as a class."""

    def __init__(self, departments: int) -> None:
        super().__init__()
        self.joined = layers.Concatenate()
        self.mixed = layers.Dense(8, activation="relu")
        self.priority = layers.Dense(1, activation="sigmoid")
        self.department = layers.Dense(departments, activation="softmax")

    def call(self, inputs: Any) -> Any:
        features = self.mixed(self.joined([inputs[name] for name in NAMES]))
        return self.priority(features), self.department(features)


def test_a_class_of_ones_own_trains_as_well() -> None:
    model = Tickets(departments=4)
    priority, department = model(TICKETS)
    assert priority.shape == (40, 1) and department.shape == (40, 4)
    model.compile("rmsprop", ["mean_squared_error", "categorical_crossentropy"],
                  metrics=[["mean_absolute_error"], ["accuracy"]])  # fmt: skip
    targets = [ANSWERS["priority"], ANSWERS["department"]]
    model.fit(TICKETS, targets, verbose=0)
    model.evaluate(TICKETS, targets, verbose=0)
    assert len(model.predict(TICKETS, verbose=0)) == 2


def test_all_ways_to_build_a_model_mix() -> None:
    class Head(keras.Model):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.dense = layers.Dense(classes, activation="softmax")

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    class Around(keras.Model):
        def __init__(self, inner: keras.Model) -> None:
            super().__init__()
            self.dense, self.inner = layers.Dense(6), inner

        def call(self, inputs: Any) -> Any:
            return self.inner(self.dense(inputs))

    inputs = keras.Input((6,))
    functional = keras.Model(inputs, Head(3)(layers.Dense(4)(inputs)))
    model = keras.Sequential([Around(functional), layers.Activation("linear")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    assert model.predict(X, verbose=0).shape == (48, 3)


def test_the_inner_outputs_of_a_sequential_model() -> None:
    model = keras.Sequential([layers.Dense(4), layers.Dense(3)])
    model(X)
    inner = keras.Model(model.inputs, [layer.output for layer in model.layers])
    assert [part.shape for part in inner(X)] == [(48, 4), (48, 3)]
    model.layers[0].trainable = False
    assert len(model.trainable_weights) == 2
