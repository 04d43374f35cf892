"""What a run prints, and how a running epoch is watched."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import ArgumentError
from graphkeras.training import progress
from graphkeras.training.loop import _watched
from tests.training.models import inputs, line

X = inputs(20)
BAR = "━" * 20


def fitted(verbose: Any, **arguments: Any) -> Any:
    model = line()
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(X, X[:, 0], batch_size=5, verbose=verbose, **arguments)
    return model


def lines(capsys: Any) -> list[str]:
    """What was printed, times left out."""
    text = capsys.readouterr().out
    return re.sub(r"\d+s \d+(s|ms|us)/step", "TIME", text).splitlines()


def test_plain_output_is_a_line_an_epoch(capsys: Any) -> None:
    fitted(1, epochs=2, validation_split=0.25)
    found = lines(capsys)
    assert [found[0], found[2]] == ["Epoch 1/2", "Epoch 2/2"]
    names = re.findall(r"- (\w+): [\d.]+", found[1])
    assert found[1].startswith(f"3/3 {BAR} - TIME - loss: ")
    assert names == ["loss", "mae", "val_loss", "val_mae"]


def test_one_epoch_has_no_heading_and_verbose_2_no_bar(capsys: Any) -> None:
    fitted(2)
    (found,) = lines(capsys)
    assert found.startswith("4/4 - TIME - loss: ")


def test_silence_is_silent(capsys: Any) -> None:
    fitted(0, epochs=2)
    assert capsys.readouterr().out == ""


def test_evaluate_and_predict_have_a_line_of_their_own(capsys: Any) -> None:
    model = fitted(0)
    model.evaluate(X, X[:, 0])
    model.predict(X)
    first, second = lines(capsys)
    assert first.startswith(f"1/1 {BAR} - TIME - loss: ") and " - mae: " in first
    assert second == f"1/1 {BAR} - TIME"


def test_length_unknown_at_first_is_known_at_the_end(capsys: Any) -> None:
    model = fitted(0)
    model.evaluate(iter([(X, X[:, 0])] * 3))
    (found,) = lines(capsys)
    assert found.startswith("3/unknown - TIME - loss: ")


def test_a_terminal_shows_a_line_that_moves(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setattr(progress, "_REDRAW", 0.0)
    bar = progress.Bar(4, verbose=1)
    bar.update(1, {"loss": 0.5})
    bar.update(2, {"loss": 0.25})
    bar.finish({"loss": 0.125})
    text = capsys.readouterr().out
    assert "1/4" in text and "loss: 0.2500" in text
    assert text.rstrip().endswith("loss: 0.1250")


def test_an_error_takes_the_live_line_down(monkeypatch: Any) -> None:
    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setattr(progress, "_REDRAW", 0.0)
    bars: list[Any] = []

    def fail(batch: int, logs: Any) -> None:
        bars.extend(c._bar for c in callback.model._bars)
        raise ValueError("stop here")

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=fail)
    shown = progress.ProgressBar()
    model = line()
    model._bars = [shown]
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="stop here"):
        model.fit(X, X[:, 0], callbacks=[shown, callback])
    assert bars[0]._live is None


NUMBERS = {0.5: "0.5000", 0.0: "0.0000", 12345.678: "12345.6780", 1e-5: "1.0000e-05"}


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers_are_short(value: float) -> None:
    assert progress._number(value) == NUMBERS[value]


def test_interactive_logging_can_be_switched_off() -> None:
    keras.config.disable_interactive_logging()
    assert not progress.is_live()


def test_a_running_epoch_is_looked_at() -> None:
    looks: list[int] = []
    words = np.zeros(2, np.int64)
    assert _watched(lambda: time.sleep(0.25) or 7, lambda: looks.append(1), words) == 7
    assert len(looks) >= 2


def test_an_error_in_the_epoch_reaches_the_caller() -> None:
    def fail() -> None:
        raise ValueError("in the worker")

    with pytest.raises(ValueError, match="in the worker"):
        _watched(fail, lambda: None, np.zeros(2, np.int64))


def test_an_interrupt_asks_the_epoch_to_stop() -> None:
    words = np.zeros(2, np.int64)

    def work() -> None:
        while not words[1]:
            time.sleep(0.01)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _watched(work, interrupt, words)
    assert words[1] == 1


SHOWN = {  # arguments of Progbar -> what is shown of (4, 2) and of (1, 3)
    (): "loss: 3.0000 - rate: 2.0000",
    ("stateful_metrics", "rate"): "loss: 3.0000 - rate: 3.0000",
    ("stateless_metrics", "rate"): "loss: 2.0000 - rate: 2.0000",
}


@pytest.mark.parametrize("given", SHOWN)
def test_a_bar_of_ones_own_shows_means_or_latest_values(
    given: Any, capsys: Any
) -> None:
    named = {given[0]: [given[1]]} if given else {}
    bar = keras.utils.Progbar(2, verbose=2, unit_name="row", **named)
    bar.update(1, [("loss", 4.0), ("rate", 1.0)])
    bar.add(1, [("loss", np.float32(2.0)), ("rate", 3.0)])
    (found,) = lines(capsys)
    assert re.match(r"2/2 - 0s \d+us/row - ", found) and found.endswith(SHOWN[given])


def test_a_bar_takes_one_kind_of_names() -> None:
    with pytest.raises(ArgumentError, match="Progbar: expected stateful_metrics or"):
        keras.utils.Progbar(2, stateful_metrics=["a"], stateless_metrics=["b"])
