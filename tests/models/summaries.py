"""Models whose summaries are compared with those that Keras prints.

``python tests/models/summaries.py`` writes them to tests/models/data/summaries.json
with the Keras that is installed.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

RECORDED = pathlib.Path(__file__).parent / "data" / "summaries.json"


def plain(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((28, 28)), layers.Flatten(), layers.Dense(128, "relu"),
         layers.BatchNormalization(), layers.Dense(10)], name="plain"
    )  # fmt: skip


def unbuilt(keras: Any) -> Any:
    return keras.Sequential([keras.layers.Dense(3, name="a"), keras.layers.ReLU()])


def branches(keras: Any) -> Any:
    layers = keras.layers
    a, b = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    shared = layers.Dense(2, name="shared")
    total = layers.Add(name="total")([shared(a), shared(b)])
    return keras.Model([a, b], [total, total * 2.0], name="branches")


def nested(keras: Any) -> Any:
    layers = keras.layers
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3)], name="inner")
    x = keras.Input((3,), name="x")
    block = keras.Model(x, inner(x) + x, name="block")
    y = keras.Input((3,), name="y")
    return keras.Model(y, layers.Dense(2)(block(block(y))), name="nested")


def frozen(keras: Any) -> Any:
    model = plain(keras)
    model.layers[1].trainable = False
    return model


def compiled(keras: Any) -> Any:
    model = plain(keras)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def states(keras: Any) -> Any:
    """Several outputs of one layer, free sizes, words."""
    layers = keras.layers
    x = keras.Input((None, 4), name="steps")
    y, h, c = layers.LSTM(5, return_sequences=True, return_state=True)(x)
    z = layers.Bidirectional(layers.GRU(3), name="[both]")(y)
    return keras.Model(x, [z, layers.Concatenate()([h, c])], name="states[1]")


def long(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((64, 64, 3), name="a_very_long_name_of_an_input_of_a_model")
    y = layers.SeparableConv2D(1000, 3, name="another_long_name_of_a_layer")(x)
    y = layers.GlobalAveragePooling2D(name="and_a_third_one_that_is_longer")(y)
    return keras.Model(x, layers.Dense(5000, name="end")(y), name="long")


def subclassed(keras: Any) -> Any:
    class Mine(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.first = keras.layers.Dense(3, name="first")
            self.second = keras.layers.Dense(2, name="second")

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    model = Mine()
    model(keras.ops.ones((2, 4)))
    return model


MODELS = (plain, unbuilt, branches, nested, frozen, compiled, states, long, subclassed)
OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "nested": {"expand_nested": True},
    "trainable": {"show_trainable": True},
    "both": {"expand_nested": True, "show_trainable": True},
    "narrow": {"line_length": 60},
    "wide": {"line_length": 120},
    "positions": {"positions": (0.5, 0.7, 0.9, 1.0)},
    "part": {"layer_range": ("dense", "dense.*")},
}


def summary(keras: Any, make: Any, options: dict[str, Any]) -> str:
    """Return what a model's summary prints, or the class of its error."""
    keras.utils.clear_session()
    texts: list[str] = []
    try:
        make(keras).summary(print_fn=texts.append, **options)
    except ValueError:
        return "ValueError"
    return "\n".join(texts)


CASES = {
    f"{make.__name__} {name}".strip(): (make, options)
    for make in MODELS for name, options in OPTIONS.items()
    if make in (plain, nested) or name in ("", "both", "narrow")
}  # fmt: skip


if __name__ == "__main__":
    import keras

    found = {name: summary(keras, *case) for name, case in CASES.items()}
    RECORDED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
