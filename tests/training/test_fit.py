"""fit, evaluate and predict: what is trained, reported and returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.errors import TraceError
from tests.training.models import (
    Subclass,
    functional,
    inputs,
    labels,
    line,
    sequential,
    two_headed,
)

X, Y = inputs(), labels()
SPARSE = "sparse_categorical_crossentropy"
KINDS: dict[str, Callable[[], Any]] = {
    "sequential": sequential, "functional": functional, "subclass": Subclass,
}  # fmt: skip


def compiled(model: Any, **arguments: Any) -> Any:
    model.compile(**{"optimizer": "adam", "loss": SPARSE, **arguments})
    return model


def trained(seed: int = 3, **arguments: Any) -> list[np.ndarray]:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([layers.Dense(5), layers.Dropout(0.5), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled(model, loss=loss).fit(X, Y, verbose=0, batch_size=16, **arguments)
    return model.get_weights()


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_loss(kind: str) -> None:
    keras.utils.set_random_seed(0)
    model = compiled(KINDS[kind](), metrics=["accuracy"])
    model.optimizer.learning_rate = 0.05
    history = model.fit(X, Y, epochs=8, verbose=0).history
    assert sorted(history) == ["accuracy", "loss"]
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert model.evaluate(X, Y, verbose=0)[1] > 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_eager_steps_give_the_same_curve(kind: str) -> None:
    curves = []
    for eager in (False, True):
        keras.utils.set_random_seed(0)
        model = compiled(KINDS[kind](), metrics=["accuracy"], run_eagerly=eager)
        curves.append(model.fit(X, Y, epochs=2, verbose=0).history)
    for name, values in curves[0].items():
        np.testing.assert_allclose(values, curves[1][name], rtol=1e-4)


def test_same_seed_same_weights_bit_for_bit() -> None:
    for a, b in zip(trained(epochs=2), trained(epochs=2)):
        np.testing.assert_array_equal(a, b)


def test_another_seed_gives_other_weights() -> None:
    assert not np.array_equal(trained(3)[0], trained(4)[0])


def test_a_batch_callback_changes_nothing() -> None:
    seen: list[float] = []
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    for a, b in zip(trained(), trained(callbacks=[callback])):
        np.testing.assert_array_equal(a, b)
    assert len(seen) == 4


def test_eager_shuffles_and_drops_as_compiled_does() -> None:
    for a, b in zip(trained(), _trained_eagerly()):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def _trained_eagerly() -> list[np.ndarray]:
    keras.config.run_functions_eagerly(True)
    return trained()


def test_validation_split_is_the_last_rows() -> None:
    model = compiled(sequential(), metrics=["accuracy"])
    model.optimizer.learning_rate = 0.0
    logs = model.fit(X, Y, validation_split=0.2, verbose=0).history
    last = model.evaluate(X[40:], Y[40:], verbose=0)
    assert [logs["val_loss"][0], logs["val_accuracy"][0]] == pytest.approx(last)


def test_class_weights_are_sample_weights() -> None:
    model = compiled(sequential())
    model.optimizer.learning_rate = 0.0
    weights = np.array([1.0, 3.0, 0.5])
    by_class = model.fit(X, Y, class_weight=dict(enumerate(weights)), verbose=0)
    by_sample = model.fit(X, Y, sample_weight=weights[Y], verbose=0)
    assert by_class.history["loss"] == pytest.approx(by_sample.history["loss"])


def test_only_weighted_metrics_see_weights() -> None:
    model = compiled(sequential(), metrics=["accuracy"], weighted_metrics=["accuracy"])
    probabilities = model.predict(X, verbose=0)
    right = probabilities.argmax(-1) == Y
    found = model.evaluate(
        X, Y, sample_weight=right + 1e-9, verbose=0, return_dict=True
    )
    assert found["accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    assert found["weighted_accuracy"] == pytest.approx(1.0, abs=1e-5)


def test_evaluate_gives_one_number_a_list_or_a_dict() -> None:
    model = compiled(line(3), loss="mse")
    one = model.evaluate(X, np.zeros((50, 3)), verbose=0)
    assert isinstance(one, float)
    by_name = model.evaluate(X, np.zeros((50, 3)), verbose=0, return_dict=True)
    assert by_name == {"loss": pytest.approx(one)}


def test_predict_is_the_model() -> None:
    model = sequential()
    np.testing.assert_allclose(
        model.predict(X, verbose=0, batch_size=7), np.asarray(model(X)), rtol=1e-5
    )


def test_batch_methods_work_on_one_batch() -> None:
    model = compiled(sequential(), metrics=["accuracy"])
    before = model.test_on_batch(X, Y, return_dict=True)
    first = model.train_on_batch(X, Y)
    assert first == pytest.approx([before["loss"], before["accuracy"]])
    assert model.test_on_batch(X, Y)[0] < before["loss"]
    assert model.predict_on_batch(X[:2]).shape == (2, 3)


@pytest.mark.parametrize("as_dict", [False, True])
def test_outputs_have_losses_and_metrics_of_their_own(as_dict: bool) -> None:
    model = two_headed(as_dict)
    model.compile(
        "adam", {"kind": SPARSE, "size": "mse"},
        loss_weights={"kind": 2.0, "size": 0.5},
        metrics={"kind": ["accuracy"], "size": "mae"},
    )  # fmt: skip
    found = model.evaluate(X, {"kind": Y, "size": X[:, 0]}, verbose=0, return_dict=True)
    assert sorted(found) == [
        "kind_accuracy",
        "kind_loss",
        "loss",
        "size_loss",
        "size_mae",
    ]
    total = 2.0 * found["kind_loss"] + 0.5 * found["size_loss"]
    assert found["loss"] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("weights", [["accuracy"], "accuracy", [1.0, 2.0], np.mean])
def test_weights_of_losses_are_one_number_for_each_output(weights: Any) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", SPARSE, weights)
    with pytest.raises(ValueError, match="loss_weights must be one number for each"):
        model.fit(X, Y, verbose=0)


def test_outputs_are_matched_by_list() -> None:
    model = two_headed()
    model.compile("adam", [SPARSE, "mse"], metrics=[["accuracy"], ["mae", "mse"]])
    logs = model.fit(X, [Y, X[:, 0]], verbose=0).history
    assert {"kind_accuracy", "size_mae", "size_mse"} <= set(logs)
    kind, size = model.predict(X, verbose=0)
    assert kind.shape == (50, 3) and size.shape == (50, 1)


def test_an_output_without_loss_needs_no_target() -> None:
    model = two_headed()
    model.compile("sgd", {"size": "mse"})
    with pytest.warns(UserWarning, match="no gradient reaches kind/kernel, kind/bias"):
        assert list(model.fit(X, {"size": X[:, 0]}, verbose=0).history) == ["loss"]


def test_added_losses_and_penalties_count() -> None:
    class Norm(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ops.mean(ops.square(x)))
            return x

    model = keras.Sequential(
        [keras.Input((4,)), Norm(), layers.Dense(1, use_bias=False)]
    )
    model.layers[-1].kernel.regularizer = keras.regularizers.L2(0.5)
    model.compile("sgd", "mse")
    weight = model.get_weights()[0]
    plain = np.mean((X @ weight) ** 2)
    extra = np.mean(X**2) + 0.5 * np.sum(weight**2)
    found = model.evaluate(X, np.zeros((50, 1)), verbose=0)
    assert found == pytest.approx(plain + extra, rel=1e-2)  # the mean over 2 batches


def test_crossentropy_and_accuracy_depend_on_the_shapes() -> None:
    for y, wanted in ((Y, "sparse"), (np.eye(3)[Y], "categorical")):
        model = compiled(sequential(), loss="crossentropy", metrics=["acc"])
        found = model.evaluate(X, y, verbose=0, return_dict=True)
        assert list(found) == ["acc", "loss"]
        bound = model._compilation.metrics.metrics[0]
        assert type(bound).__name__.lower().startswith(wanted)


def test_functions_serve_as_loss_and_metric() -> None:
    def distance(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.absolute(y_true - y_pred), axis=-1)

    model = line()
    model.compile("sgd", distance, metrics=[distance])
    found = model.evaluate(X, X[:, :1], verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(found["distance"], rel=1e-5)


class OwnStep(keras.Model):
    """A train_step with a tape and metrics of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen = keras.metrics.Sum(name="seen")
        self.mean = keras.metrics.Mean(name="loss")

    @property
    def metrics(self) -> list[Any]:
        return [self.mean, self.seen]

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        with keras.GradientTape() as tape:
            loss = ops.mean(ops.square(self(x, training=True) - y))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.mean.update_state(loss)
        self.seen.update_state(ops.shape(x)[0])
        return {m.name: m.result() for m in self.metrics}


def own_step() -> Any:
    x = keras.Input((4,))
    return OwnStep(x, layers.Dense(1)(x))


def test_a_train_step_of_ones_own_is_compiled() -> None:
    model = own_step()
    model.compile(keras.optimizers.SGD(0.1))
    logs = model.fit(X, X[:, :1], epochs=3, verbose=0, batch_size=16).history
    assert logs["seen"] == [50.0] * 3 and logs["loss"][-1] < logs["loss"][0]


def test_a_step_in_the_older_style_works() -> None:
    class Old(keras.Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            with keras.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    x = keras.Input((4,))
    model = Old(x, layers.Dense(1)(x))
    model.compile("sgd", "mse", metrics=["mae"])
    assert sorted(model.fit(X, X[:, :1], verbose=0).history) == ["loss", "mae"]


def test_compute_loss_may_be_overridden_without_training() -> None:
    class Doubled(keras.Model):
        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None,
            sample_weight: Any = None,
        ) -> Any:  # fmt: skip
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight)

    x = keras.Input((4,))
    model = Doubled(x, layers.Dense(1)(x))
    model.compile("sgd", "mse", metrics=["mse"])
    found = model.evaluate(X, X[:, :1], verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(2.0 * found["mse"], rel=1e-5)


def test_two_optimizers_take_turns() -> None:
    class Duel(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [layers.Dense(1), layers.Dense(1)]
            self.turns = [keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1)]

        def train_step(self, x: Any) -> dict[str, Any]:
            found = {}
            for i, (part, optimizer) in enumerate(zip(self.parts, self.turns)):
                with keras.GradientTape() as tape:
                    loss = ops.mean(ops.square(part(x) - 1.0))
                gradients = tape.gradient(loss, part.trainable_weights)
                optimizer.apply_gradients(zip(gradients, part.trainable_weights))
                found[f"loss_{i}"] = loss
            return found

    model = Duel()
    model.compile()
    logs = model.fit(X, epochs=5, verbose=0).history
    assert all(logs[name][-1] < logs[name][0] for name in ("loss_0", "loss_1"))


class Talks(keras.Model):
    """Looks at numbers while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.last = layers.Dense(1)

    def call(self, x: Any) -> Any:
        if float(ops.max(x)) > -1e9:
            print("rows", len(np.asarray(x)))
        return self.last(x)


def test_print_and_numpy_work_in_eager_steps(capsys: Any) -> None:
    model = Talks()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X[:10], X[:10, 0], batch_size=5, verbose=0)
    assert capsys.readouterr().out.count("rows 5") == 2


def test_looking_at_numbers_in_a_compiled_step_names_line_and_remedies() -> None:
    model = Talks()
    model.compile("sgd", "mse")
    with pytest.raises(TraceError, match=r"(?s)test_fit\.py:\d+.*run_eagerly"):
        model.fit(X, X[:, 0], verbose=0)


def test_a_new_schedule_is_compiled_in() -> None:
    model = line()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(X, X[:, 0], verbose=0)
    before = model.get_weights()[0]
    model.optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.fit(X, X[:, 0], verbose=0)
    assert not np.array_equal(before, model.get_weights()[0])


def test_rate_assigned_between_epochs_counts() -> None:
    model = line()
    model.compile(keras.optimizers.SGD(0.1), "mse")

    def stop(epoch: int, logs: Any) -> None:
        model.optimizer.learning_rate = 0.0

    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    losses = model.fit(X, X[:, 0], epochs=3, callbacks=[callback], verbose=0)
    assert losses.history["loss"][1] == pytest.approx(losses.history["loss"][2])


def test_epochs_go_on_from_the_initial_one() -> None:
    model = compiled(line(3), loss="mse")
    history = model.fit(X, np.zeros((50, 3)), initial_epoch=2, epochs=4, verbose=0)
    assert history.epoch == [2, 3] and model.history is history


def test_validation_comes_at_its_epochs() -> None:
    model = compiled(line(3), loss="mse")
    y = np.zeros((50, 3))
    history = model.fit(
        X, y, epochs=5, validation_data=(X, y), validation_freq=2, verbose=0
    ).history
    assert len(history["loss"]) == 5 and len(history["val_loss"]) == 2


def test_compile_comes_back_from_its_config() -> None:
    model, other = line(3), line(3)
    model.compile(
        keras.optimizers.Adam(0.01), "mse", metrics=["mae", keras.metrics.AUC()]
    )
    other.compile_from_config(model.get_compile_config())
    assert other.optimizer.get_config() == model.optimizer.get_config()
    assert other.loss == "mse" and other.optimizer.built


@pytest.fixture
def limits() -> Iterator[None]:
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(3)
    yield
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


def test_a_script_is_tried_with_few_epochs_and_steps(limits: None) -> None:
    x = np.ones((40, 3), "float32")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(
        UserWarning, match=r"Limiting (epochs to 2|steps_per_epoch to 3)"
    ):
        history = model.fit(x, x[:, 0], batch_size=4, epochs=5, verbose=0)
    assert len(history.history["loss"]) == 2
    assert model.optimizer.iterations.numpy() == 6
    with pytest.warns(UserWarning, match="Limiting steps_per_epoch to 3"):
        assert model.predict(x, batch_size=4, verbose=0).shape == (12, 1)


def test_limits_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(keras.config._settings, "max_epochs", None)
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "7")
    assert keras.config.max_epochs() == 7
    keras.config.set_max_epochs(None)
    assert keras.config.max_epochs() is None
