"""Training jobs to measure, each written once for Keras and whatever speaks like it.

A workload is built by ``build(keras)`` and compiled by ``compile(keras, model)``, where
`keras` is this package or Keras itself on one of its backends. Nothing here imports a
framework. The data is random and seeded: what is measured is time, not accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Any  # an array, or a dict of arrays


@dataclass(frozen=True)
class Workload:
    """One training job.

    Attributes:
        rows: samples in an epoch.
        data: number of samples -> (x, y).
        build: a Keras-like module -> a model.
        options: a Keras-like module -> the arguments of `compile`.
    """

    name: str
    batch: int
    rows: int
    data: Callable[[int], tuple[Arrays, Arrays]]
    build: Callable[[Any], Any]
    options: Callable[[Any], dict[str, Any]]

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return -(-self.rows // self.batch)

    def compile(self, keras: Any, **more: Any) -> Any:
        """Return a compiled model."""
        model = self.build(keras)
        model.compile(**self.options(keras), **more)
        return model


def rows_of(arrays: Arrays, rows: Any) -> Arrays:
    """Return some rows of an array, or of each array in a dict."""
    if isinstance(arrays, dict):
        return {name: a[rows] for name, a in arrays.items()}
    return arrays[rows]


# ---------------------------------------------------------------------------- data


def _images(*shape: int, dtype: str = "float32", scale: float = 1.0) -> Any:
    def data(rows: int) -> tuple[Arrays, Arrays]:
        rng = np.random.default_rng(0)
        x: np.ndarray
        if dtype == "uint8":
            x = rng.integers(0, 256, (rows, *shape), dtype=np.uint8)
        else:
            x = rng.random((rows, *shape), dtype=np.float32) * np.float32(scale)
        return x, rng.integers(0, 10, rows).astype("int32")

    return data


def _tokens(length: int) -> Any:
    def data(rows: int) -> tuple[Arrays, Arrays]:
        rng = np.random.default_rng(0)
        x = rng.integers(0, 20000, (rows, length)).astype("int32")
        return x, rng.integers(0, 2, (rows, 1)).astype("float32")

    return data


def _tickets(rows: int) -> tuple[Arrays, Arrays]:
    rng = np.random.default_rng(0)
    sizes = {"title": 10000, "text_body": 10000, "tags": 100}
    x = {
        name: rng.integers(0, 2, (rows, size), dtype=np.uint8).astype("float32")
        for name, size in sizes.items()
    }
    y = {
        "priority": rng.random((rows, 1), dtype=np.float32),
        "department": np.eye(4, dtype="float32")[rng.integers(0, 4, rows)],
    }
    return x, y


# -------------------------------------------------------------------------- models


def _mlp(keras: Any) -> Any:
    layers = keras.layers
    image = keras.Input((28, 28))
    x = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dense(128, activation="relu")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def _mlp_512(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _cnn_small(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _cnn_seed(keras: Any) -> Any:
    layers = keras.layers
    image = keras.Input((200, 200, 3))
    x = layers.Rescaling(1 / 255)(layers.CenterCrop(150, 150)(image))
    x = layers.MaxPooling2D(3)(layers.Conv2D(32, 3, activation="relu")(x))
    x = layers.MaxPooling2D(3)(layers.Conv2D(32, 3, activation="relu")(x))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(32, 3, activation="relu")(x))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def _resnet20(keras: Any) -> Any:
    """He et al. 2015, "Deep Residual Learning", section 4.2, n = 3."""
    layers = keras.layers

    def conv(x: Any, filters: int, size: int, stride: int) -> Any:
        options: dict[str, Any] = {"padding": "same", "use_bias": False}
        return layers.Conv2D(filters, size, strides=stride, **options)(x)

    def normal(x: Any) -> Any:
        return layers.BatchNormalization()(x)

    def relu(x: Any) -> Any:
        return layers.Activation("relu")(x)

    image = keras.Input((32, 32, 3))
    x = relu(normal(conv(image, 16, 3, 1)))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            inner = relu(normal(conv(x, filters, 3, stride)))
            inner = normal(conv(inner, filters, 3, 1))
            short = x if stride == 1 else conv(x, filters, 1, stride)
            x = relu(layers.Add()([inner, short]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def _text_embed(keras: Any) -> Any:
    layers = keras.layers
    tokens = keras.Input((250,), dtype="int32")
    x = layers.Dropout(0.5)(layers.Embedding(20000, 128)(tokens))
    x = layers.Conv1D(128, 7, strides=3, activation="relu")(x)
    x = layers.Conv1D(128, 7, strides=3, activation="relu")(x)
    x = layers.Dense(128, activation="relu")(layers.GlobalMaxPooling1D()(x))
    x = layers.Dropout(0.5)(x)
    return keras.Model(tokens, layers.Dense(1, activation="sigmoid")(x))


def _lstm(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((80,), dtype="int32"),
            layers.Embedding(20000, 128),
            layers.LSTM(64),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def _ticket(keras: Any) -> Any:
    layers = keras.layers
    sizes = {"title": 10000, "text_body": 10000, "tags": 100}
    inputs = {name: keras.Input((size,), name=name) for name, size in sizes.items()}
    x = layers.Concatenate()(list(inputs.values()))
    x = layers.Dense(64, activation="relu")(x)
    priority = layers.Dense(1, activation="sigmoid", name="priority")(x)
    department = layers.Dense(4, activation="softmax", name="department")(x)
    outputs = {"priority": priority, "department": department}
    return keras.Model(inputs, outputs)


# ------------------------------------------------------------------------- compile


def _with(loss: Any, metrics: Any, optimizer: str, **options: Any) -> Any:
    def arguments(keras: Any) -> dict[str, Any]:
        made = getattr(keras.optimizers, optimizer)(**options)
        return {"optimizer": made, "loss": loss, "metrics": metrics}

    return arguments


_CLASSES = ("sparse_categorical_crossentropy", ["accuracy"])
_YES_OR_NO = ("binary_crossentropy", ["accuracy"])
_adam = _with(*_CLASSES, "Adam", learning_rate=1e-3)
_rmsprop = _with(*_CLASSES, "RMSprop", learning_rate=1e-3)
_sgd = _with(*_CLASSES, "SGD", learning_rate=0.1, momentum=0.9)
_binary = _with(*_YES_OR_NO, "Adam", learning_rate=1e-3)
_two = _with(
    {"priority": "mean_squared_error", "department": "categorical_crossentropy"},
    {"priority": ["mean_absolute_error"], "department": ["accuracy"]},
    "RMSprop",
    learning_rate=1e-3,
)

_ALL = (
    Workload("mnist_mlp", 64, 60000, _images(28, 28, dtype="uint8"), _mlp, _adam),
    Workload("mnist_mlp_512", 128, 60000, _images(784), _mlp_512, _rmsprop),
    Workload("cnn_small", 128, 5120, _images(28, 28, 1), _cnn_small, _adam),
    Workload("cnn_seed", 64, 384, _images(200, 200, 3, scale=255), _cnn_seed, _rmsprop),
    Workload("resnet20_cifar", 128, 1024, _images(32, 32, 3), _resnet20, _sgd),
    Workload("text_embed", 32, 1280, _tokens(250), _text_embed, _binary),
    Workload("lstm", 32, 1920, _tokens(80), _lstm, _binary),
    Workload("ticket", 32, 1280, _tickets, _ticket, _two),
)
WORKLOADS = {workload.name: workload for workload in _ALL}
