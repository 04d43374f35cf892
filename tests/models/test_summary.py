"""The table `summary()` prints."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras.errors import ArgumentError
from tests.models import summaries

RECORDED = json.loads(summaries.RECORDED.read_text("utf-8"))


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(model: Any, **options: Any) -> list[str]:
    """The lines of a summary."""
    texts: list[str] = []
    model.summary(print_fn=texts.append, **options)
    (text,) = texts
    return text.splitlines()


def cells(lines: list[str]) -> list[list[str]]:
    """The cells of the rows that begin a layer."""
    rows = [line.strip("│").split("│") for line in lines if line.startswith("│")]
    return [[cell.strip() for cell in row] for row in rows]


@pytest.mark.parametrize("case", summaries.CASES)
def test_summary_is_that_of_keras(case: str) -> None:
    assert summaries.summary(keras, *summaries.CASES[case]) == RECORDED[case]


def test_a_terminal_gets_the_same_text(capsys: pytest.CaptureFixture[str]) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    lines = printed(model)
    model.summary()
    assert capsys.readouterr().out.splitlines() == lines


@pytest.fixture
def mnist() -> keras.Model:
    """The model of the first guide."""
    keras.utils.clear_session()
    x = inputs = keras.Input((28, 28))
    for layer in (
        layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(128, "relu"),
        layers.Dense(128, "relu"), layers.Dense(10, "softmax"),
    ):  # fmt: skip
        x = layer(x)
    return keras.Model(inputs, x, name="model_1")


def test_summary_of_the_guides_model(mnist: keras.Model) -> None:
    lines = printed(mnist)
    assert lines[0] == 'Model: "model_1"'
    assert cells(lines) == [
        ["input_layer (InputLayer)", "(None, 28, 28)", "0"],
        ["rescaling (Rescaling)", "(None, 28, 28)", "0"],
        ["flatten (Flatten)", "(None, 784)", "0"],
        ["dense (Dense)", "(None, 128)", "100,480"],
        ["dense_1 (Dense)", "(None, 128)", "16,512"],
        ["dense_2 (Dense)", "(None, 10)", "1,290"],
    ]
    assert lines[-3:] == [
        " Total params: 118,282 (462.04 KB)",
        " Trainable params: 118,282 (462.04 KB)",
        " Non-trainable params: 0 (0.00 B)",
    ]


def test_frozen_layers_are_counted_and_shown(mnist: keras.Model) -> None:
    mnist.layers[3].trainable = False
    lines = printed(mnist, show_trainable=True)
    assert " Non-trainable params: 100,480 (392.50 KB)" in lines
    marks = [row[-1] for row in cells(lines)]
    assert marks == ["-", "-", "-", "N", "Y", "Y"]


def test_branches_show_what_is_connected_to_what() -> None:
    keras.utils.clear_session()
    a = keras.Input((3,), name="a")
    b = keras.Input((3,), name="b")
    shared = layers.Dense(2, name="shared")
    model = keras.Model([a, b], layers.Add(name="sum")([shared(a), shared(b)]))
    lines = printed(model)
    assert "Connected to" in lines[2]
    text = " ".join(row[-1] for row in cells(lines))
    assert "a[0][0], b[0][0]" in text and "shared[0][0], shared[1][0]" in text


def test_nested_models_open_when_asked() -> None:
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="deep")])
    x = keras.Input((3,))
    model = keras.Model(x, inner(x))
    assert not any("deep" in line for line in printed(model))
    assert any("└ deep (Dense)" in line for line in printed(model, expand_nested=True))


def test_unbuilt_layers_say_so() -> None:
    lines = printed(keras.Sequential([layers.Dense(2)]))
    assert any("?" in line and "0 (unbuilt)" in line for line in lines)


def test_subclassed_model_lists_its_layers() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Own()
    model(np.ones((4, 3)))
    assert any("(Dense)" in line and "8" in line for line in printed(model))


def test_lines_are_as_long_as_asked_and_long_names_wrap(mnist: keras.Model) -> None:
    lines = printed(mnist, line_length=50)
    assert max(map(len, lines)) == 50
    with pytest.raises(ArgumentError, match="long enough"):
        printed(mnist, line_length=10)


def test_layer_range_shows_a_part(mnist: keras.Model) -> None:
    lines = printed(mnist, layer_range=["flatten", "dense$"])
    assert sum("(Flatten)" in x or "(Dense)" in x for x in lines) == 2
    with pytest.raises(ArgumentError, match="name layers of the model"):
        printed(mnist, layer_range=["conv", "dense"])


def test_float_sizes_print_as_units() -> None:
    model = keras.Sequential([keras.Input((1024,)), layers.Dense(1024)])
    assert " Total params: 1,049,600 (4.00 MB)" in printed(model)
