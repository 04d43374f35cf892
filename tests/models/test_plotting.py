"""plot_model: what it says of layers, which lines it draws, and where it writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import graphkeras as keras
from graphkeras.errors import ArgumentError, MissingPackageError

layers, plot_model = keras.layers, keras.utils.plot_model


def shared() -> Any:
    """A nested model called twice, a sequence in it, two outputs."""
    deep = layers.Dense(3, name="deep")
    chain = keras.Sequential([keras.Input((3,)), deep], name="chain")
    x = keras.Input((3,), name="x")
    block = keras.Model(
        x, [chain(x) + x, layers.Dense(2, name="side")(x)], name="block"
    )
    y = keras.Input((3,), name="y")
    first, _ = block(y)
    second, side = block(first)
    return keras.Model(y, layers.Concatenate(name="all")([second, side]))


def words(model: Any, **how: Any) -> list[str]:
    return [text.text for text in plot_model(model, None, **how).texts]


def test_layers_are_named_by_class_or_by_name() -> None:
    assert words(shared()) == ["InputLayer", "Functional", "Concatenate"]
    named = words(shared(), show_layer_names=True)
    assert named[:2] == ["y", "(InputLayer)"] and named[-2:] == ["all", "(Concatenate)"]


def test_nested_models_are_opened_on_request() -> None:
    shown = words(shared(), show_layer_names=True, expand_nested=True)
    assert {"block", "chain", "deep", "side", "x"} <= {*shown}
    assert len(plot_model(shared(), None, expand_nested=True).rectangles) == 2


def test_all_that_can_be_said_is_said() -> None:
    x = keras.Input((4,))
    y = layers.Dense(3, activation="relu", trainable=False)(x)
    shown = words(
        keras.Model(x, layers.Dense(2, dtype="float16")(y)), show_shapes=True,
        show_dtype=True, show_layer_activations=True, show_trainable=True,
    )  # fmt: skip
    dense = ["Dense", "input", "(None, 4)", "output", "(None, 3)", "dtype", "float32",
             "activation", "relu", "trains", "no"]  # fmt: skip
    assert shown[5:16] == dense
    assert shown[-5:] == ["float16", "activation", "linear", "trains", "yes"]


def test_there_is_a_line_for_each_connection() -> None:
    x = keras.Input((3,))
    y = layers.Dense(3)(x)
    model = keras.Model(x, layers.Add()([x, y, layers.Dense(3)(y)]))
    assert len(plot_model(model, None).lines) == 5
    assert all(line.arrow for line in plot_model(model, None).lines)


def test_a_sequential_model_is_a_chain() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.ReLU()])
    assert words(model) == ["Dense", "ReLU"]
    assert len(plot_model(model, None).lines) == 1


def test_any_other_model_is_one_card() -> None:
    class Mine(keras.Model):
        def call(self, x: Any) -> Any:
            return x * 2

    model = Mine()
    model(keras.ops.ones((2, 3)))
    assert words(model) == ["Mine"]


def test_directions_differ() -> None:
    model = keras.Sequential([keras.Input((3,)), *(layers.Dense(2) for _ in range(5))])
    down, right = plot_model(model, None), plot_model(model, None, rankdir="LR")
    assert down.height > down.width and right.width > right.height


def test_files_are_written_whole(tmp_path: Path) -> None:
    picture = plot_model(shared(), tmp_path / "m.svg", expand_nested=True)
    assert (tmp_path / "m.svg").read_text() == picture.to_svg() == picture._repr_svg_()
    assert [p.name for p in tmp_path.iterdir()] == ["m.svg"]


def test_png_has_the_pixels_asked_for(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    picture = plot_model(shared(), tmp_path / "m.png", dpi=192)
    with image.open(tmp_path / "m.png") as found:
        assert found.size == (round(2 * picture.width), round(2 * picture.height))
        assert sum(count > 0 for count in found.convert("L").histogram()) > 10


def test_png_without_pillow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingPackageError, match=r"graphkeras\[image\]"):
        plot_model(shared(), tmp_path / "m.png")
    assert not [*tmp_path.iterdir()]


WRONG = {
    "ending": ({"to_file": "m.pdf"}, "ends in .svg or .png"),
    "no ending": ({"to_file": "m"}, "ends in .svg or .png"),
    "direction": ({"to_file": None, "rankdir": "UP"}, "expected rankdir in TB"),
    "unknown": ({"to_file": None, "layer_range": 3}, "only known arguments"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_refused(case: str) -> None:
    arguments, text = WRONG[case]
    with pytest.raises(ArgumentError, match=text):
        plot_model(shared(), **arguments)


@pytest.mark.parametrize("draw", [plot_model, keras.utils.model_to_dot])
def test_a_model_must_be_built(draw: Any) -> None:
    with pytest.raises(ArgumentError, match="expected a built model"):
        draw(keras.Sequential([layers.Dense(2)]))


def test_graphviz_gets_names_and_lines() -> None:
    text = keras.utils.model_to_dot(shared(), expand_nested=True, rankdir="LR")
    assert 'rankdir="LR"' in str(text) and 'label="deep (Dense)"' in str(text)
    assert "subgraph cluster_" in str(keras.utils.model_to_dot(shared(), subgraph=True))
