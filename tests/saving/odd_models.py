"""Odd models, written once for Keras and for graphkeras: each is handed the module.

``KERAS_BACKEND=torch python tests/saving/odd_models.py [NAME ...]`` makes the files in
tests/saving/data/odd with the Keras that is installed: the model after three steps of
training, what it predicts, and what it predicts after three more.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "data" / "odd"
Built = tuple[Any, Any]  # a model, and its optimizer


def masked_words(k: Any) -> Built:
    """Attention takes masks off its inputs; later layers remember them or do not."""
    layers, words = k.layers, k.Input((6,), dtype="int32")
    x = layers.Embedding(5, 8, mask_zero=True)(words)
    for _ in range(2):
        n = layers.LayerNormalization(epsilon=1e-6)(x)
        heads = layers.MultiHeadAttention(2, 4)
        x = layers.Add()([x, heads(n, n, use_causal_mask=True)])
        x = x + layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
    mean = layers.GlobalAveragePooling1D()(x)
    return k.Model(words, layers.Dense(2)(mean)), k.optimizers.SGD(0.002, momentum=0.9)


def recurrent(k: Any) -> Built:
    layers, x = k.layers, k.Input((5, 3))
    y = layers.Masking()(x)
    cells = [layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(2)]
    y = layers.RNN(cells, return_sequences=True)(y)
    both = layers.Bidirectional(
        layers.LSTM(2, return_sequences=True), "ave", backward_layer=layers.GRU(
            2, reset_after=False, return_sequences=True, go_backwards=True),
    )(y)  # fmt: skip
    out, *states = layers.LSTM(3, return_state=True, zero_output_for_mask=True)(both)
    return k.Model(x, [out, *states]), k.optimizers.Lamb(0.01, weight_decay=0.1)


def translated(k: Any) -> Built:
    """States go from one recurrent layer to another."""
    layers, first, then = k.layers, k.Input((4, 3), name="a b"), k.Input((5, 2))
    _, *states = layers.LSTM(4, return_state=True)(first)
    y = layers.LSTM(4, return_sequences=True)(then, initial_state=states)
    y = layers.Concatenate()([y, layers.AdditiveAttention()([y, y])])
    return k.Model([first, then], layers.TimeDistributed(layers.Dense(2))(y)), (
        k.optimizers.Adafactor(0.1))  # fmt: skip


def frames(k: Any) -> Built:
    layers, x = k.layers, k.Input((3, 5, 5, 2))
    y = layers.TimeDistributed(
        k.Sequential([layers.Conv2D(3, 2, groups=1), layers.BatchNormalization()])
    )(x)
    y = layers.ConvLSTM2D(2, 3, padding="same", recurrent_activation="hard_sigmoid")(y)
    rate = k.optimizers.schedules.CosineDecay(0.01, 20, warmup_target=0.02,
                                              warmup_steps=3)  # fmt: skip
    return k.Model(x, y), k.optimizers.RMSprop(rate, momentum=0.5, centered=True)


def volumes(k: Any) -> Built:
    layers, x = k.layers, k.Input((5, 6, 5, 2))
    y = layers.Conv3DTranspose(3, 2, strides=2, padding="same")(x)
    y = layers.AveragePooling3D(2, padding="same")(y)
    y = layers.Cropping3D(((0, 1), (1, 0), (0, 0)))(y)
    y = layers.MaxPooling3D(2)(layers.UpSampling3D(2)(layers.ZeroPadding3D(1)(y)))
    return k.Model(x, y), k.optimizers.Nadam(
        0.01, use_ema=True, ema_overwrite_frequency=2)  # fmt: skip


def channels_first(k: Any) -> Built:
    layers, x, first = k.layers, k.Input((3, 8, 7)), {"data_format": "channels_first"}
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, **first)(x)
    y = layers.BatchNormalization(axis=1)(y)
    y = layers.UpSampling2D(2, interpolation="bilinear", **first)(y)
    y = layers.ZeroPadding2D(((1, 0), (0, 2)), **first)(y)
    y = layers.GroupNormalization(2, axis=1)(layers.MaxPooling2D(2, **first)(y))
    return k.Model(x, layers.Flatten(**first)(y)), k.optimizers.AdamW(
        0.01, clipnorm=0.5, amsgrad=True)  # fmt: skip


def narrow(k: Any) -> Built:
    """Layers of half precision among others."""
    layers, x = k.layers, k.Input((6,))
    y = layers.Dense(8, activation="relu", dtype="mixed_float16")(x)
    y = layers.LayerNormalization(dtype="mixed_bfloat16")(y)
    return k.Model(x, layers.Dense(2, dtype="float32")(y)), k.optimizers.SGD(0.1)


def eight_bits(k: Any) -> Built:
    layers, x, ids = k.layers, k.Input((6,)), k.Input((3,), dtype="int32")
    rows = layers.Embedding(5, 6)(ids)
    rows = layers.EinsumDense("abc,cd->abd", (3, 4), bias_axes="d")(rows)
    y = layers.Concatenate()([layers.Dense(4)(x), layers.Flatten()(rows)])
    model = k.Model([x, ids], layers.Dense(2)(y))
    model.quantize("int8")
    return model, None


def switched(k: Any) -> Built:
    """What was said of training when the model was made does not count."""
    layers, x = k.layers, k.Input((4,))
    y = layers.Dropout(0.5)(layers.Dense(4)(x), training=True)
    y = layers.BatchNormalization()(y, training=False)
    return k.Model(x, [x, y]), None


def pictures(k: Any) -> Built:
    layers, x = k.layers, k.Input((8, 8, 3))
    y = layers.CenterCrop(6, 6)(layers.Resizing(10, 9)(layers.Rescaling(1 / 3.0)(x)))
    y = layers.RandomRotation(0.1)(layers.RandomFlip()(y))
    return k.Model(x, layers.GlobalMaxPooling2D()(y)), None


def arithmetic(k: Any) -> Built:
    ops, x = k.ops, k.Input((4, 6))
    parts = [
        x[:, 1], x[..., -1], x[:, 1:3, ::2], x // 0.3, x % 0.4, 1 - abs(x), -x**2,
        ops.cumsum(x, axis=1), ops.roll(x, 1, axis=-1), ops.argmax(x, axis=-1),
        ops.take_along_axis(x, ops.argsort(x, axis=-1), axis=-1), ops.tril(x, -1),
        ops.pad(x, ((0, 0), (1, 1), (0, 0)), mode="reflect"), ops.var(x, axis=1),
        ops.tensordot(x, np.ones((6, 2), "float32"), axes=1), ops.logical_not(x > 0),
    ]  # fmt: skip
    return k.Model(x, parts), None


def named(k: Any) -> Built:
    """Inputs in a dict, one of them unused; a shared layer; an input given back."""
    layers, parts = k.layers, {n: k.Input((3,), name=n) for n in ("left", "right")}
    shared = k.Sequential([layers.Dense(3), layers.PReLU()], name="shared")
    twice = shared(shared(parts["left"]))
    model = k.Model(parts, {"twice": twice, "same": parts["left"]})
    return model, k.optimizers.Ftrl(0.1, l1_regularization_strength=0.01, beta=0.1)


MODELS: dict[str, Callable[[Any], Built]] = {
    f.__name__: f
    for f in (
        masked_words, recurrent, translated, frames, volumes, channels_first, narrow,
        eight_bits, switched, pictures, arithmetic, named,
    )
}  # fmt: skip
NEAR = {"narrow": 0.05}  # 1e-4 for the others


def inputs_of(model: Any, tree: Any) -> Any:
    """Return a batch of inputs, the same for the same model."""
    rng = np.random.default_rng(7)
    found = []
    for x in model.inputs:
        shape = (3, *x.shape[1:])
        ids = "int" in str(x.dtype)
        found.append(rng.integers(0, 5, shape) if ids else rng.normal(size=shape))
    arrays = iter(f.astype(str(x.dtype)) for f, x in zip(found, model.inputs))
    return tree.map_structure(lambda _: next(arrays), model.input)


def outputs_of(model: Any, tree: Any) -> list[np.ndarray]:
    """Return what a model predicts, as a list of float32."""
    result = model.predict(inputs_of(model, tree), verbose=0)
    return [np.asarray(y).astype("float32") for y in tree.flatten(result)]


def train(model: Any, tree: Any) -> None:
    """Take three steps towards ones."""
    x = inputs_of(model, tree)
    y = tree.map_structure(np.ones_like, model.predict(x, verbose=0))
    model.fit(x, y, epochs=3, shuffle=False, verbose=0)


def main() -> None:
    """Write the files of the models named, or of all."""
    import keras

    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or MODELS:
        keras.utils.set_random_seed(3)
        model, optimizer = MODELS[name](keras)
        if optimizer is not None:
            model.compile(optimizer, "mse", run_eagerly=True)
            train(model, keras.tree)
        model.save(FOLDER / f"{name}.keras")
        found = {f"now/{i}": y for i, y in enumerate(outputs_of(model, keras.tree))}
        if optimizer is not None:
            train(model, keras.tree)
            after = outputs_of(model, keras.tree)
            found |= {f"then/{i}": y for i, y in enumerate(after)}
        np.savez(FOLDER / f"{name}.npz", **found)


if __name__ == "__main__":
    main()
