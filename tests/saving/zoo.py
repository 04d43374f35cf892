"""Small models written once, for Keras and for graphkeras: each is handed the module.

``python tests/saving/zoo.py [NAME ...]`` makes the files in tests/saving/data with the
Keras that is installed, with ``--older`` those of Keras 2 (the package `tf_keras`); the
tests read them without it.
"""

from __future__ import annotations

import functools
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "data"


def sequential(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=1),
            layers.Dense(2, activation="softmax", dtype="float32"),
        ]
    )


def deferred(keras: Any) -> Any:
    """A Sequential without an Input, built by its first call."""
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.LayerNormalization()])
    model(np.ones((2, 4), "float32"))
    return model


def shared(keras: Any) -> Any:
    layer = keras.layers.Dense(3, activation="tanh", name="both")
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    joined = keras.layers.Concatenate()([layer(left), layer(right)])
    total = keras.layers.Dense(1, name="total")(joined)
    apart = keras.layers.Subtract(name="apart")([layer(left), layer(right)])
    return keras.Model([left, right], {"total": total, "apart": apart})


def nested(keras: Any) -> Any:
    layers = keras.layers
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3), layers.Dense(3)])
    x = keras.Input((3,))
    block = keras.Model(x, inner(x) + x, name="block")
    y = keras.Input((3,))
    out = layers.Dense(2)(block(block(y)) * 2.0)
    return keras.Model(y, out)


def images(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((6, 6, 1))
    y = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(y)
    y = layers.MaxPooling2D()(y)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


def ids(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((5,), dtype="int32")
    y = layers.Embedding(7, 3)(x)
    return keras.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y)))


def frozen(keras: Any) -> Any:
    """Weights in the order of layers, and of what trains, are not the same."""
    layers = keras.layers
    inner = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(3),
            layers.BatchNormalization(),
            layers.Dense(3),
        ]
    )
    inner.trainable = False
    x = keras.Input((3,))
    y = layers.Concatenate()([inner(x), layers.LeakyReLU(0.25)(inner(x))])
    y = layers.BatchNormalization(trainable=False)(layers.Dense(3)(y))
    return keras.Model(x, [layers.Dense(1)(y), inner(y)])


def normalized(keras: Any) -> Any:
    given = keras.layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0])
    learned = keras.layers.Normalization()
    learned.adapt(np.arange(20, dtype="float32").reshape(10, 2))
    return keras.Sequential([keras.Input((2,)), given, learned, keras.layers.Dense(1)])


def operations(keras: Any) -> Any:
    """Functions of `keras.ops` on symbolic tensors, whose arguments Keras splits."""
    ops, x = keras.ops, keras.Input((4, 6))
    turned = ops.transpose(x, (0, 2, 1))
    parts = [
        x[:, ::2, :-1], x[:, 1], ops.clip(ops.sin(x) / 3.0, -0.2, 0.2), 1 - x**2,
        ops.pad(x, ((0, 0), (1, 1), (0, 2))), ops.logsumexp(x, axis=-1),
        ops.where(x > 0, x, ops.log1p(ops.abs(x))), ops.einsum("bij,bkj->bik", x, x),
        ops.split(x, 2, axis=-1)[1], ops.matmul(x, turned), ops.max(x, axis=(1, 2)),
        ops.top_k(x, 2)[0], ops.stack([x, -x], axis=1), ops.isclose(x, x),
        ops.cast(x > 0, "int32"), ops.full_like(x, 2.0),
        keras.activations.relu(x, negative_slope=0.1), ops.take(x, [0, 2], axis=1),
        ops.dot_product_attention(x[:, :, None], x[:, :, None], x[:, :, None], scale=2),
    ]  # fmt: skip
    flat = [ops.reshape(ops.cast(p, "float32"), (-1, _size(p))) for p in parts]
    return keras.Model(x, keras.layers.Dense(2)(ops.concatenate(flat, axis=-1)))


def _size(x: Any) -> int:
    return int(np.prod(x.shape[1:]))


def subclassed(keras: Any) -> Any:
    model = classes(keras)["Net"](3)
    model(np.ones((2, 3), "float32"))
    return model


@functools.cache
def classes(keras: Any) -> dict[str, Any]:
    """Return classes of a user, registered with one of the libraries."""
    scale = scale_class(keras)
    return {"Scale": scale, "Net": net_class(keras, scale)}


def scale_class(keras: Any) -> Any:
    """A layer with weights of two dtypes."""

    @keras.saving.register_keras_serializable(package="zoo")
    class Scale(keras.layers.Layer):
        def __init__(self, start: float = 2.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.start = start

        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(
                shape=(input_shape[-1],), initializer="ones", name="factor"
            )
            self.steps = self.add_weight(
                shape=(), initializer="zeros", dtype="int32", trainable=False, name="n"
            )

        def call(self, x: Any) -> Any:
            return x * self.factor * self.start

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "start": self.start}

    return Scale


def net_class(keras: Any, scale: Any) -> Any:
    """A model whose layers are in attributes, lists and dicts."""

    @keras.saving.register_keras_serializable(package="zoo")
    class Net(keras.Model):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.zoom = scale(3.0)
            self.first = keras.layers.Dense(units)
            self.blocks = [keras.layers.Dense(units), [keras.layers.Dense(units)]]
            self.named = {"x": keras.layers.Dense(units)}
            self.average = keras.metrics.Mean()

        def build(self, input_shape: Any) -> None:
            for layer in self.every():
                layer.build(input_shape)
            self.bias = self.add_weight(shape=(1,), name="bias")
            self.built = True

        def every(self) -> list[Any]:
            first, (second,) = self.blocks
            return [self.first, self.zoom, first, second, self.named["x"]]

        def call(self, x: Any) -> Any:
            for layer in self.every():
                x = layer(x)
            return x + self.bias

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return Net


def custom(keras: Any) -> Any:
    layer = classes(keras)["Scale"](0.5)
    return keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(2)])


MODELS: dict[str, Callable[[Any], Any]] = {
    f.__name__: f
    for f in (
        sequential, deferred, shared, nested, images, ids, frozen, normalized,
        operations, subclassed, custom,
    )
}  # fmt: skip

OLDER = ("sequential", "deferred", "shared", "images", "ids", "frozen")  # by Keras 2
COMPILED = ("sequential", "shared", "subclassed", "custom")


def compile_model(name: str, model: Any, keras: Any) -> None:
    """Compile some of the models, each in another way."""
    if name == "shared":
        losses = {"total": "mse", "apart": keras.losses.Huber()}
        model.compile("sgd", loss=losses, metrics={"total": ["mae"]})
    elif name == "custom":
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
        model.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse")
    elif name == "frozen":
        model.compile("rmsprop", "mse")
    else:
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])


def inputs_of(model: Any, name: str) -> Any:
    """Return a batch of inputs, the same for the same model."""
    rng = np.random.default_rng(7)
    if name == "ids":
        return rng.integers(0, 7, (3, 5)).astype("int32")
    if name == "shared":
        return [rng.normal(size=(3, 4)).astype("float32") for _ in range(2)]
    sizes = {"images": (6, 6, 1), "normalized": (2,), "sequential": (4,)}
    sizes |= {"deferred": (4,), "operations": (4, 6)}
    return rng.normal(size=(3, *sizes.get(name, (3,)))).astype("float32")


def outputs_of(model: Any, name: str) -> dict[str, np.ndarray]:
    """Return what a model gives for these inputs, by name."""
    result = model.predict(inputs_of(model, name), verbose=0)
    if isinstance(result, list):
        result = {str(number): part for number, part in enumerate(result)}
    parts = result if isinstance(result, dict) else {"": result}
    return {f"{name}/{key}": np.asarray(value) for key, value in parts.items()}


def train(model: Any, name: str) -> None:
    """Take a few steps, so that no variable has its first value."""
    x = inputs_of(model, name)
    y = model.predict(x, verbose=0)
    if isinstance(y, dict):
        y = {k: v + 1 for k, v in y.items()}
    else:
        y = [v + 1 for v in y] if isinstance(y, list) else y + 1
    model.fit(x, y, epochs=2, verbose=0)


def main() -> None:
    """Write the files with the installed Keras: those named, or all."""
    if "--older" in sys.argv:
        write_older()
        return
    import keras

    known = FOLDER / "expected.npz"
    expected = dict(np.load(known)) if known.exists() else {}
    for name in sys.argv[1:] or MODELS:
        keras.utils.set_random_seed(3)
        model = MODELS[name](keras)
        if name in COMPILED:
            compile_model(name, model, keras)
            train(model, name)
        model.save(FOLDER / f"{name}.keras")
        expected |= outputs_of(model, name)
        if name == "custom":
            model.save_weights(FOLDER / "custom.weights.h5")
            model.save(FOLDER / "custom.h5")
    np.savez(known, **expected)


def write_older() -> None:
    """Write ``.h5`` files with Keras 2, and one ``.keras`` file."""
    import tf_keras as keras

    expected: dict[str, np.ndarray] = {}
    for name in OLDER:
        keras.utils.set_random_seed(3)
        model = MODELS[name](keras)
        if name in COMPILED:
            compile_model(name, model, keras)
            train(model, name)
        model.save(FOLDER / "older" / f"{name}.h5")
        expected |= outputs_of(model, name)
    model.save(FOLDER / "older" / "frozen.keras")  # the last one
    model.save_weights(FOLDER / "older" / "frozen_weights.h5")
    np.savez(FOLDER / "older" / "expected.npz", **expected)


if __name__ == "__main__":
    main()
