"""Callbacks: when they are called, and what the built-in ones do."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphkeras import callbacks, optimizers
from graphkeras.errors import ArgumentError, GraphKerasError
from graphkeras.training.callbacks.callback import pythonify_logs
from tests.training.models import inputs, line

X = inputs(20)
Y = X[:, 0]


class Model:
    """What the monitors need of a model, its losses given."""

    def __init__(self, rate: float = 1.0) -> None:
        self.optimizer = optimizers.SGD(rate)
        self.metrics: list[Any] = []
        self.stop_training = False
        self.weights = [np.zeros(1)]
        self.saved: list[str] = []

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weights = weights

    def save(self, path: str, overwrite: bool) -> None:
        self.saved.append(Path(path).name)

    save_weights = save


def run(callback: Any, losses: list[float], name: str = "val_loss") -> Model:
    """Let a callback see epochs with these losses; weights count the epochs."""
    model = Model()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_begin(epoch)
        model.weights = [np.array([float(epoch)])]
        callback.on_epoch_end(epoch, {name: loss})
        if model.stop_training:
            break
    callback.on_train_end()
    return model


def fitted(**arguments: Any) -> Any:
    model = line()
    model.compile("sgd", "mse")
    return model.fit(X, Y, verbose=0, **arguments)


class Recorder(callbacks.Callback):
    """Notes every hook."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        for name in dir(callbacks.Callback):
            if name.startswith("on_") and name != "on_progress":
                setattr(self, name, self._noting(name))

    def _noting(self, name: str) -> Any:
        return lambda *given, **named: self.told.append(name.removeprefix("on_"))


def test_hooks_are_called_in_order() -> None:
    recorder = Recorder()
    fitted(callbacks=[recorder], batch_size=10, validation_data=(X, Y))
    batch = ["train_batch_begin", "train_batch_end"]
    step = ["test_batch_begin", "test_batch_end"]
    test = ["test_begin", *step, *step, "test_end"]
    middle = ["epoch_begin", *batch, *batch, *test, "epoch_end"]
    assert recorder.told == ["train_begin", *middle, "train_end"]


def test_older_batch_hooks_are_called_for_training() -> None:
    class Old(callbacks.Callback):
        seen: list[int] = []

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen.append(batch)

    fitted(callbacks=[Old()], batch_size=10)
    assert Old.seen == [0, 1]


def test_batch_hooks_come_every_few_batches() -> None:
    seen: list[int] = []
    callback = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    model = line()
    model.compile("sgd", "mse", steps_per_execution=3)
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=[callback])
    model.fit(iter([(X, Y)] * 4), verbose=0, callbacks=[callback])
    assert seen == [2, 4, 2, 3]


def test_predict_hooks_see_outputs() -> None:
    shapes: list[Any] = []

    class Looks(callbacks.Callback):
        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            shapes.append(logs["outputs"].shape)

    line().predict(X, batch_size=15, callbacks=[Looks()], verbose=0)
    assert shapes == [(15, 1), (5, 1)]


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end"])
def test_a_callback_can_stop_training(hook: str) -> None:
    def stop(number: int, logs: Any) -> None:
        callback.model.stop_training = True

    callback = callbacks.LambdaCallback(**{hook: stop})
    history = fitted(callbacks=[callback], epochs=5, batch_size=5)
    assert history.epoch == [0]


def test_only_batch_hooks_bring_python_into_the_epoch() -> None:
    quiet = [
        callbacks.EarlyStopping(), callbacks.TerminateOnNaN(), callbacks.History(),
        callbacks.ModelCheckpoint("m.keras"), callbacks.ProgbarLogger(),
        callbacks.LambdaCallback(on_epoch_end=print), callbacks.CSVLogger("log.csv"),
    ]  # fmt: skip
    loud = [
        callbacks.LambdaCallback(on_train_batch_end=print),
        callbacks.ModelCheckpoint("m.keras", save_freq=3), Recorder(),
    ]  # fmt: skip
    assert [c.needs_batches("train") for c in (*quiet, *loud)] == [False] * 7 + [
        True
    ] * 3


def test_logs_are_sorted_numbers() -> None:
    logs = pythonify_logs({"b": np.float32(2.0), "a": np.ones((1,)), "c": {"d": 1}})
    assert list(logs.items()) == [("a", 1.0), ("b", 2.0), ("d", 1.0)]


# ---------------------------------------------------------------------- monitors

STOPS: dict[str, tuple[dict[str, Any], list[float], int]] = {
    "no patience": ({}, [3, 2, 2.5, 1], 3),
    "patience": ({"patience": 2}, [3, 2, 2.5, 2.2, 1], 4),
    "min_delta": ({"min_delta": 0.5}, [3, 2.8, 1], 2),
    "max": ({"mode": "max"}, [1, 2, 1.5], 3),
    "baseline": ({"baseline": 1.0, "patience": 2}, [3, 3, 3, 3], 2),
    "start_from_epoch": ({"start_from_epoch": 2}, [1, 2, 3, 4, 5], 4),
    "improving": ({}, [5, 4, 3, 2], 4),
}


@pytest.mark.parametrize("name", STOPS)
def test_early_stopping(name: str) -> None:
    arguments, losses, epochs = STOPS[name]
    model = run(callbacks.EarlyStopping(**arguments), losses)
    assert model.weights[0] == epochs - 1


def test_early_stopping_goes_back_to_the_best_weights() -> None:
    stopping = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    assert run(stopping, [3, 1, 2, 2]).weights[0] == 1.0


def test_a_missing_monitor_warns_and_names_what_there_is() -> None:
    with pytest.warns(UserWarning, match="no 'val_loss' to watch. There are loss"):
        run(callbacks.EarlyStopping(), [1.0], name="loss")


def test_direction_comes_from_the_metric() -> None:
    model = line()
    model.compile("sgd", "mse", metrics=["accuracy"])
    stopping = callbacks.EarlyStopping(monitor="accuracy", patience=5)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[stopping])
    assert stopping._is_improvement(2.0, 1.0) and not stopping._is_improvement(1.0, 2.0)


def test_unknown_direction_is_asked_for() -> None:
    with pytest.raises(ArgumentError, match="Pass mode='max' or mode='min'"):
        run(callbacks.EarlyStopping(monitor="my_score"), [1.0], name="my_score")


def test_plateau_lowers_the_rate_down_to_the_lowest() -> None:
    plateau = callbacks.ReduceLROnPlateau(factor=0.1, patience=2, min_lr=0.05)
    model = run(plateau, [1.0] * 9)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)


def test_plateau_waits_in_its_cooldown() -> None:
    plateau = callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2)
    model = run(plateau, [1.0] * 5)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.25)


def test_checkpoint_saves_the_best(tmp_path: Path) -> None:
    saver = callbacks.ModelCheckpoint(
        tmp_path / "{epoch:02d}.keras", save_best_only=True
    )
    assert run(saver, [3.0, 4.0, 1.0]).saved == ["01.keras", "03.keras"]


def test_checkpoint_saves_weights_with_results_in_the_name(tmp_path: Path) -> None:
    path = tmp_path / "{epoch}-{val_loss:.1f}.weights.h5"
    saver = callbacks.ModelCheckpoint(path, save_weights_only=True)
    assert run(saver, [3.0]).saved == ["1-3.0.weights.h5"]


def test_checkpoint_saves_after_so_many_batches(tmp_path: Path) -> None:
    saver = callbacks.ModelCheckpoint(tmp_path / "{epoch}_{batch}.keras", save_freq=3)
    model = Model()
    saver.set_model(model)
    for epoch in range(2):
        saver.on_epoch_begin(epoch)
        for batch in range(4):
            saver.on_train_batch_end(batch, {})
    assert model.saved == ["1_3.keras", "2_2.keras"]


def test_checkpoint_names_what_a_path_may_hold() -> None:
    with pytest.raises(GraphKerasError, match=r"'acc' in '\{acc\}\.keras'"):
        run(callbacks.ModelCheckpoint("{acc}.keras"), [1.0])


def test_scheduler_sets_the_rate_from_epoch_and_rate() -> None:
    for schedule in (lambda epoch, rate: rate * 0.5, lambda epoch: 0.5 ** (epoch + 1)):
        scheduler = callbacks.LearningRateScheduler(schedule)
        history = fitted(callbacks=[scheduler], epochs=2).history["learning_rate"]
        assert history[1] == pytest.approx(history[0] * 0.5)


def test_csv_holds_a_row_an_epoch(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for _ in range(2):
        logger = callbacks.CSVLogger(path, separator=";", append=True)
        fitted(callbacks=[logger], epochs=2)
    with path.open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [r["epoch"] for r in rows] == ["0", "1", "0", "1"]
    assert rows[0]["val_loss"] == "NA" and float(rows[0]["loss"]) > 0


def test_averaged_weights_are_evaluated_but_not_trained() -> None:
    model = line()
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, "mse")
    model.train_on_batch(X, Y)
    before = model.get_weights()
    average = optimizer.averaged()[0][1].numpy()
    model.train_on_batch(X, Y)
    swap = callbacks.SwapEMAWeights()
    swap.set_model(model)
    now = model.get_weights()
    swap.on_test_begin()
    assert not np.array_equal(model.get_weights()[0], now[0])
    swap.on_test_end()
    np.testing.assert_array_equal(model.get_weights()[0], now[0])
    np.testing.assert_array_equal(average, before[0])


# --------------------------------------------------------------------------- NaN


def broken(**arguments: Any) -> Any:
    model = line()
    model.compile(optimizers.SGD(1e30), "mse")
    return model.fit(X, Y, batch_size=5, epochs=3, verbose=0, **arguments)


def test_a_broken_loss_is_reported_once_with_epoch_and_step() -> None:
    with pytest.warns(RuntimeWarning, match="from epoch 1, step 2 on") as caught:
        broken()
    assert len(caught) == 1


@pytest.mark.parametrize("per_batch", [False, True])
def test_a_broken_loss_stops_training(per_batch: bool, capsys: Any) -> None:
    listed = [callbacks.TerminateOnNaN(), *([Recorder()] if per_batch else [])]
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        history = broken(callbacks=listed)
    assert history.epoch == [0]
    assert capsys.readouterr().out == "Batch 1: invalid loss, terminating training\n"


def test_a_broken_loss_can_be_an_error() -> None:
    with pytest.raises(GraphKerasError, match="expected a finite loss"):
        broken(callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


def unsavable() -> None:
    saver = callbacks.ModelCheckpoint("m.keras")
    saver.set_model(object())
    saver.on_train_begin()


REFUSED = {
    r"expected a model with save\(\)": unsavable,
    "factor must be below 1": lambda: callbacks.ReduceLROnPlateau(factor=1.0),
    "filepath must end in .keras": lambda: callbacks.ModelCheckpoint("model.onnx"),
    "filepath must end in .weights.h5": lambda: callbacks.ModelCheckpoint(
        "w.h5", save_weights_only=True
    ),
    "save_freq must be": lambda: callbacks.ModelCheckpoint("a.keras", save_freq="day"),
    "the schedule must give a float": lambda: fitted(
        callbacks=[callbacks.LearningRateScheduler(lambda epoch: 1)]
    ),
    "needs an optimizer with use_ema=True": lambda: fitted(
        callbacks=[callbacks.SwapEMAWeights()], validation_data=(X, Y)
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_wrong_arguments_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        REFUSED[text]()


def test_an_unknown_mode_becomes_auto() -> None:
    with pytest.warns(UserWarning, match="mode='up' is unknown"):
        assert callbacks.EarlyStopping(mode="up").mode == "auto"
