"""One line a layer: how it is made and what it is fed.

A shape has None where the sweep may choose the size (the batch always); `ids` makes
integers below that number, `several` a list of inputs of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphkeras import layers
from graphkeras.layers import Layer
from tests.layers.image_samples import IMAGES, maker

FREE = 7  # the size put in the place of None


@dataclass(frozen=True)
class Sample:
    """A layer, its input, and what cannot be checked of it, with the reason.

    Attributes:
        several: how many inputs of that shape, in a list.
        others: shapes of further inputs.
        spread: whether inputs are arguments of their own, rather than a list.
        call: further arguments of a call.
    """

    make: Callable[[], Layer]
    shape: tuple[int | None, ...]
    several: int = 1
    others: tuple[tuple[int | None, ...], ...] = ()
    spread: bool = False
    call: dict[str, Any] = field(default_factory=dict)
    ids: int = 0
    dtype: str = "float32"
    random: bool = False  # differs between calls in training
    tolerance: float = 1e-5
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> list[tuple[int | None, ...]]:
        """The shape of each input, without the batch."""
        return [self.shape] * self.several + list(self.others)

    def arrays(self, rng: np.random.Generator, batch: int = 3) -> list[np.ndarray]:
        """Return input arrays of a batch of this size."""
        sizes = [
            (batch, *(FREE if s is None else s for s in shape)) for shape in self.shapes
        ]
        if self.ids:
            return [rng.integers(0, self.ids, size).astype("int32") for size in sizes]
        drawn = [rng.normal(size=size) for size in sizes]
        return [(d * 100 if self.dtype == "uint8" else d).astype(self.dtype)
                for d in drawn]  # fmt: skip

    def feed(self, layer: Callable[..., Any], inputs: list[Any], **more: Any) -> Any:
        """Call a layer (or a method of it) on its inputs."""
        if not self.spread:
            inputs = inputs if len(inputs) == 1 else [inputs]
        return layer(*inputs, **more)


def _s(make: Callable[[], Layer], *shape: int | None, **options: Any) -> Sample:
    return Sample(make, shape, **options)


def _adapted() -> Layer:
    layer = layers.Normalization()
    layer.adapt(np.arange(12, dtype="float32").reshape(4, 3) ** 2)
    return layer


def _grown() -> Layer:
    return layers.Embedding(10, 4, mask_zero=True)


L = layers
_PAIR: Any = {"others": ((5, 3),), "spread": True}  # queries and values

SAMPLES: dict[str, Sample] = {
    "Activation": _s(lambda: L.Activation("tanh"), 4),
    "Activation, relu": _s(lambda: L.Activation("relu"), None, 4),
    "ActivityRegularization": _s(lambda: L.ActivityRegularization(0.1, 0.2), 4),
    "AdaptiveAveragePooling1D": _s(lambda: L.AdaptiveAveragePooling1D(3), 7, 2),
    "AdaptiveAveragePooling2D": _s(
        lambda: L.AdaptiveAveragePooling2D((2, 3), "channels_first"), 2, 5, 7
    ),
    "AdaptiveAveragePooling3D": _s(lambda: L.AdaptiveAveragePooling3D(2), 3, 4, 5, 2),
    "AdaptiveMaxPooling1D": _s(lambda: L.AdaptiveMaxPooling1D(3), 7, 2),
    "AdaptiveMaxPooling2D": _s(lambda: L.AdaptiveMaxPooling2D((2, 3)), 5, 7, 2),
    "AdaptiveMaxPooling3D": _s(lambda: L.AdaptiveMaxPooling3D(2), 3, 4, 5, 2),
    "Add": _s(lambda: L.Add(), 4, several=3),
    "AdditiveAttention": _s(lambda: L.AdditiveAttention(), None, 3, others=((5, 3),)),
    "AdditiveAttention, causal": _s(
        lambda: L.AdditiveAttention(use_scale=False),
        5,
        3,
        several=3,
        call={"use_causal_mask": True},
    ),
    "AlphaDropout": _s(lambda: L.AlphaDropout(0.3, seed=1), 40, random=True),
    "AlphaDropout, by step": _s(
        lambda: L.AlphaDropout(0.3, (None, 1, None), seed=1), 5, 8, random=True
    ),
    "Attention": _s(lambda: L.Attention(use_scale=True), None, 3, others=((5, 3),)),
    "Attention, concat": _s(
        lambda: L.Attention(score_mode="concat", dropout=0.5, seed=1),
        4,
        3,
        several=2,
        random=True,
    ),
    "Average": _s(lambda: L.Average(), None, 4, several=3),
    "AveragePooling1D": _s(lambda: L.AveragePooling1D(2), None, 3),
    "AveragePooling1D, same": _s(lambda: L.AveragePooling1D(3, 2, "same"), None, 3),
    "AveragePooling2D": _s(lambda: L.AveragePooling2D(2), 6, 7, 3),
    "AveragePooling2D, same": _s(
        lambda: L.AveragePooling2D((3, 2), 2, "same"), None, None, 2
    ),
    "AveragePooling3D": _s(
        lambda: L.AveragePooling3D((2, 1, 3), 2, "same"), None, 4, 5, 2
    ),
    "BatchNormalization": _s(lambda: L.BatchNormalization(), 4),
    "BatchNormalization, images": _s(
        lambda: L.BatchNormalization(momentum=0.5, epsilon=1e-2), None, None, 3
    ),
    "BatchNormalization, plain": _s(
        lambda: L.BatchNormalization(center=False, scale=False), 5, 3
    ),
    "BatchNormalization, axis 1": _s(lambda: L.BatchNormalization(axis=1), 3, 4),
    "CategoryEncoding": _s(lambda: L.CategoryEncoding(10), 5, ids=12),
    "CategoryEncoding, each": _s(lambda: L.CategoryEncoding(4, "one_hot"), 1, ids=5),
    "CategoryEncoding, counts": _s(lambda: L.CategoryEncoding(4, "count"), 2, 3, ids=5),
    "Concatenate": _s(lambda: L.Concatenate(), 4, several=2),
    "Concatenate, axis 1": _s(lambda: L.Concatenate(axis=1), 2, 3, several=3),
    "Conv1D": _s(lambda: L.Conv1D(4, 3), None, 2),
    "Conv1D, causal": _s(
        lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2), None, 2
    ),
    "Conv1DTranspose": _s(lambda: L.Conv1DTranspose(2, 3, 2, "same"), None, 4),
    "ConvLSTM1D": _s(
        lambda: L.ConvLSTM1D(2, 3, padding="same", return_sequences=True), 3, 5, 2
    ),
    "ConvLSTM2D": _s(
        lambda: L.ConvLSTM2D(
            2, (2, 3), 2, data_format="channels_first", go_backwards=True
        ),
        3,
        2,
        4,
        5,
    ),
    "ConvLSTM2D, dropouts": _s(
        lambda: L.ConvLSTM2D(2, 2, dropout=0.3, recurrent_dropout=0.3, seed=1),
        3,
        4,
        4,
        2,
        random=True,
    ),
    "ConvLSTM3D": _s(lambda: L.ConvLSTM3D(2, 2, use_bias=False), 2, 3, 3, 2, 2),
    "Conv2D": _s(lambda: L.Conv2D(4, 3, activation="relu"), None, None, 3),
    "Conv2D, same": _s(lambda: L.Conv2D(4, (3, 2), 2, "same"), 7, 6, 3),
    "Conv2D, dilated": _s(lambda: L.Conv2D(4, 3, dilation_rate=2), 8, 8, 2),
    "Conv2D, groups": _s(lambda: L.Conv2D(4, 3, groups=2, use_bias=False), 5, 5, 6),
    "Conv2D, channels first": _s(
        lambda: L.Conv2D(4, 3, data_format="channels_first"), 3, 6, 5
    ),
    "Conv2DTranspose": _s(lambda: L.Conv2DTranspose(3, 3, 2), 4, 5, 2),
    "Conv2DTranspose, same": _s(
        lambda: L.Conv2DTranspose(3, (3, 2), 2, "same"), None, None, 2
    ),
    "Conv3D": _s(lambda: L.Conv3D(3, (2, 3, 2), 2, "same"), None, 5, 4, 2),
    "Conv3D, groups": _s(
        lambda: L.Conv3D(4, 2, groups=2, data_format="channels_first"), 2, 4, 3, 5
    ),
    "Conv3DTranspose": _s(lambda: L.Conv3DTranspose(2, (2, 3, 1), 2), 2, 3, 2, 3),
    "Conv3DTranspose, same": _s(
        lambda: L.Conv3DTranspose(2, 3, (1, 2, 1), "same"), None, 3, 2, 2
    ),
    "Cropping1D": _s(lambda: L.Cropping1D((1, 2)), None, 3),
    "Cropping2D": _s(lambda: L.Cropping2D(((1, 0), (2, 1))), None, None, 3),
    "Cropping3D": _s(lambda: L.Cropping3D(((1, 0), (0, 2), (1, 1))), None, 4, 5, 2),
    "Dense": _s(lambda: L.Dense(5, activation="sigmoid"), 4),
    "Dense, rank 3": _s(lambda: L.Dense(5, use_bias=False), None, 4),
    "Dense, regularized": _s(
        lambda: L.Dense(2, kernel_regularizer="l2", kernel_constraint="max_norm"), 3
    ),
    "DepthwiseConv1D": _s(lambda: L.DepthwiseConv1D(3, depth_multiplier=2), None, 3),
    "DepthwiseConv2D": _s(lambda: L.DepthwiseConv2D(3, depth_multiplier=2), 6, 6, 3),
    "Discretization": _s(lambda: L.Discretization([-0.5, 0.5]), 4),
    "Discretization, counts": _s(
        lambda: L.Discretization([-0.5, 0.5], output_mode="count"), 4
    ),
    "Dot": _s(lambda: L.Dot(axes=1), 4, several=2),
    "Dot, rank 3": _s(lambda: L.Dot(axes=(2, 2), normalize=True), 5, 4, several=2),
    "Dropout": _s(lambda: L.Dropout(0.5, seed=1), 40, random=True),
    "EinsumDense": _s(
        lambda: L.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d"), None, 4
    ),
    "EinsumDense, dots": _s(
        lambda: L.EinsumDense("...x,xyz->...yz", (2, 3), "tanh", "yz"), None, 4
    ),
    "ELU": _s(lambda: L.ELU(0.5), 4),
    "Embedding": _s(lambda: L.Embedding(10, 4), None, ids=10),
    "Embedding, masked": _s(_grown, 5, ids=10),
    "GRU": _s(lambda: L.GRU(4), None, 3),
    "GRU, reset before": _s(
        lambda: L.GRU(4, reset_after=False, return_sequences=True), None, 3
    ),
    "GRU, unrolled": _s(lambda: L.GRU(4, activation="gelu", use_bias=False), 5, 3),
    "LSTM": _s(lambda: L.LSTM(4), None, 3),
    "LSTM, backwards": _s(
        lambda: L.LSTM(4, return_sequences=True, go_backwards=True), None, 3
    ),
    "LSTM, dropouts": _s(
        lambda: L.LSTM(5, dropout=0.3, recurrent_dropout=0.3, seed=1),
        None,
        3,
        random=True,
    ),
    "LSTM, unrolled": _s(
        lambda: L.LSTM(4, recurrent_activation="softmax", unit_forget_bias=False), 5, 3
    ),
    "RNN": _s(
        lambda: L.RNN([L.LSTMCell(4), L.GRUCell(3), L.SimpleRNNCell(2)]), None, 3
    ),
    "SimpleRNN": _s(lambda: L.SimpleRNN(4, return_sequences=True), None, 3),
    "SimpleRNN, dropouts": _s(
        lambda: L.SimpleRNN(5, "relu", dropout=0.3, recurrent_dropout=0.3, seed=1),
        None,
        3,
        random=True,
    ),
    "Bidirectional": _s(lambda: L.Bidirectional(L.LSTM(4)), None, 3),
    "Bidirectional, sum": _s(
        lambda: L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode="sum"),
        None,
        3,
    ),
    "Flatten": _s(lambda: L.Flatten(), 3, 4, 2),
    "Flatten, channels first": _s(lambda: L.Flatten("channels_first"), 3, 4, 2),
    "Flatten, any size": _s(lambda: L.Flatten(), None, 2),
    "GaussianDropout": _s(lambda: L.GaussianDropout(0.3, seed=1), 4, random=True),
    "GaussianNoise": _s(lambda: L.GaussianNoise(0.3, seed=1), 4, random=True),
    "GlobalAveragePooling1D": _s(lambda: L.GlobalAveragePooling1D(), None, 3),
    "GlobalAveragePooling2D": _s(
        lambda: L.GlobalAveragePooling2D(keepdims=True), None, None, 3
    ),
    "GlobalAveragePooling3D": _s(lambda: L.GlobalAveragePooling3D(), None, 3, 2, 2),
    "GlobalMaxPooling1D": _s(lambda: L.GlobalMaxPooling1D("channels_first"), 3, 5),
    "GlobalMaxPooling2D": _s(lambda: L.GlobalMaxPooling2D(), None, None, 3),
    "GlobalMaxPooling3D": _s(
        lambda: L.GlobalMaxPooling3D("channels_first", True), 2, 3, 2, 4
    ),
    "GroupNormalization": _s(lambda: L.GroupNormalization(2), None, None, 6),
    "GroupNormalization, each": _s(
        lambda: L.GroupNormalization(-1, axis=1, scale=False), 3, 4
    ),
    "GroupedQueryAttention": _s(
        lambda: L.GroupQueryAttention(4, 4, 2, use_gate=True), None, 3, **_PAIR
    ),
    "GroupedQueryAttention, dropout": _s(
        lambda: L.GroupQueryAttention(4, 4, 2, dropout=0.3, seed=1),
        5,
        3,
        others=((5, 3),),
        spread=True,
        random=True,
        call={"use_causal_mask": True},
    ),
    "HashedCrossing": _s(lambda: L.HashedCrossing(7), 1, several=2, ids=50),
    "HashedCrossing, each": _s(
        lambda: L.HashedCrossing(7, "one_hot"), several=3, ids=50
    ),
    "Hashing": _s(lambda: L.Hashing(9), None, ids=5000),
    "Hashing, masked": _s(lambda: L.Hashing(9, 3, output_mode="count"), 4, ids=9),
    "Identity": _s(lambda: L.Identity(), 4),
    "IntegerLookup": _s(lambda: L.IntegerLookup(vocabulary=[4, 7]), None, ids=9),
    "IntegerLookup, counts": _s(
        lambda: L.IntegerLookup(vocabulary=[4, 7], output_mode="count"), 3, ids=9
    ),
    "IntegerLookup, tf-idf": _s(
        lambda: L.IntegerLookup(
            vocabulary=[4, 7], output_mode="tf_idf", idf_weights=[0.5, 2.0]
        ),
        3,
        ids=9,
    ),
    "LayerNormalization": _s(lambda: L.LayerNormalization(), None, 4),
    "LayerNormalization, two axes": _s(
        lambda: L.LayerNormalization(axis=[1, 2], center=False), 3, 4
    ),
    "LayerNormalization, older": _s(
        lambda: L.LayerNormalization(axis=-2, rms_scaling=True), 3, 4
    ),
    "LeakyReLU": _s(lambda: L.LeakyReLU(), 4),
    "Masking": _s(lambda: L.Masking(0.5), None, 3),
    "MaxPooling1D": _s(lambda: L.MaxPooling1D(3, 1, "same"), None, 3),
    "MaxPooling2D": _s(lambda: L.MaxPooling2D(), None, None, 3),
    "MaxPooling2D, same": _s(lambda: L.MaxPooling2D(3, 2, "same"), 7, 8, 2),
    "MaxPooling3D": _s(lambda: L.MaxPooling3D(2, 1), 3, None, 4, 2),
    "MaxPooling3D, same": _s(
        lambda: L.MaxPooling3D((2, 3, 1), 2, "same", "channels_first"), 2, 3, 4, 5
    ),
    "Maximum": _s(lambda: L.Maximum(), 4, several=2),
    "Minimum": _s(lambda: L.Minimum(), 4, several=2),
    "MultiHeadAttention": _s(
        lambda: L.MultiHeadAttention(2, 4, value_dim=3), None, 3, **_PAIR
    ),
    "MultiHeadAttention, causal": _s(
        lambda: L.MultiHeadAttention(2, 4, output_shape=(2, 3), use_bias=False),
        5,
        3,
        call={"use_causal_mask": True},
        **_PAIR,
    ),
    "MultiHeadAttention, two axes": _s(
        lambda: L.MultiHeadAttention(2, 4, attention_axes=(2,), use_gate=True),
        2,
        5,
        3,
        others=((2, 4, 3),),
        spread=True,
    ),
    "MultiHeadAttention, window": _s(
        lambda: L.MultiHeadAttention(2, 4, dropout=0.3, sliding_window=2, seed=1),
        None,
        3,
        random=True,
        call={"use_causal_mask": True},
        **_PAIR,
    ),
    "Multiply": _s(lambda: L.Multiply(), 4, several=2),
    "Normalization": _s(_adapted, 3),
    "Normalization, given": _s(
        lambda: L.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0], invert=True), 5, 2
    ),
    "Normalization, one for all": _s(lambda: L.Normalization(axis=None), None, 2),
    "PReLU": _s(lambda: L.PReLU(shared_axes=[1]), 3, 4),
    "Permute": _s(lambda: L.Permute((2, 1)), None, 4),
    "RMSNormalization": _s(lambda: L.RMSNormalization(), None, 4),
    "ReLU": _s(lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), 9),
    "RepeatVector": _s(lambda: L.RepeatVector(3), 4),
    "ReversibleEmbedding": _s(lambda: L.ReversibleEmbedding(10, 4), 5, ids=10),
    "ReversibleEmbedding, back": _s(
        lambda: L.ReversibleEmbedding(10, 4, logit_soft_cap=2.0),
        None,
        4,
        call={"reverse": True},
    ),
    "Rescaling": _s(lambda: L.Rescaling(1 / 255, -0.5), None, None, 3, dtype="uint8"),
    "Rescaling, by channel": _s(lambda: L.Rescaling([1.0, 2.0], [0.0, 1.0]), 3, 2),
    "Reshape": _s(lambda: L.Reshape((2, -1)), 3, 4),
    "SeparableConv1D": _s(lambda: L.SeparableConv1D(4, 3), None, 3),
    "SeparableConv2D": _s(lambda: L.SeparableConv2D(4, 3, padding="same"), 5, 6, 3),
    "Softmax": _s(lambda: L.Softmax(), None, 4),
    "Softmax, two axes": _s(lambda: L.Softmax(axis=(1, 2)), 3, 4),
    "SpatialDropout1D": _s(lambda: L.SpatialDropout1D(0.5, seed=1), 5, 8, random=True),
    "SpatialDropout2D": _s(
        lambda: L.SpatialDropout2D(0.5, seed=1), 2, 2, 8, random=True
    ),
    "SpatialDropout3D": _s(
        lambda: L.SpatialDropout3D(0.5, "channels_first", seed=1),
        8,
        2,
        2,
        2,
        random=True,
    ),
    "SpectralNormalization": _s(lambda: L.SpectralNormalization(L.Dense(4)), 3),
    "SpectralNormalization, images": _s(
        lambda: L.SpectralNormalization(L.Conv2D(2, 3), power_iterations=3), 5, 6, 2
    ),
    "Subtract": _s(lambda: L.Subtract(), 4, several=2),
    "TimeDistributed": _s(lambda: L.TimeDistributed(layers.Dense(2)), None, 3),
    "TimeDistributed, statistics": _s(
        lambda: L.TimeDistributed(L.BatchNormalization(momentum=0.5)), 4, 3
    ),
    "UnitNormalization": _s(lambda: L.UnitNormalization(), 4),
    "UpSampling1D": _s(lambda: L.UpSampling1D(3), None, 2),
    "UpSampling2D": _s(lambda: L.UpSampling2D((2, 3)), None, None, 2),
    "UpSampling3D": _s(lambda: L.UpSampling3D((2, 1, 3)), None, 2, 2, 2),
    "ZeroPadding1D": _s(lambda: L.ZeroPadding1D((2, 1)), None, 3),
    "ZeroPadding2D": _s(lambda: L.ZeroPadding2D(((1, 2), (0, 3))), None, None, 2),
    "ZeroPadding3D": _s(
        lambda: L.ZeroPadding3D((1, 0, 2), "channels_first"), 2, 3, None, 4
    ),
}

for _name, (_layer, _arguments, _shape, _dtype) in IMAGES.items():
    SAMPLES[_name] = _s(maker(_layer, _arguments), *_shape, dtype=_dtype,
                        tolerance=1e-3)  # fmt: skip

SAMPLES["MelSpectrogram"] = _s(
    lambda: layers.MelSpectrogram(16, 5, num_mel_bins=4, sampling_rate=200), 40,
    tolerance=1e-4,
)  # fmt: skip
SAMPLES["Pipeline"] = _s(
    lambda: layers.Pipeline([layers.Rescaling(0.5), layers.Resizing(3, 4)]), 5, 6, 2
)
SAMPLES["STFTSpectrogram"] = _s(
    lambda: layers.STFTSpectrogram("magnitude", 5, 2), None, 2
)
SAMPLES["STFTSpectrogram, power"] = _s(
    lambda: layers.STFTSpectrogram("psd", 8, 4, padding="same", expand_dims=True), 20, 1
)

# Layers the sweep cannot make from a line, and where they are tested instead.
ELSEWHERE = {
    "FlaxLayer": "refused: tests/layers/test_foreign.py",
    "JaxLayer": "refused: tests/layers/test_foreign.py",
    "TFSMLayer": "refused: tests/layers/test_foreign.py",
    "TorchModuleWrapper": "refused: tests/layers/test_foreign.py",
    "Input": "a function",
    "InputLayer": "tests/models/test_functional.py",
    "InputSpec": "no layer",
    "GRUCell": "inside RNN and GRU",
    "LSTMCell": "inside RNN and LSTM",
    "Lambda": "tests/layers/test_core.py",
    "Layer": "tests/layers/test_layer.py",
    "MaxNumBoundingBoxes": "tests/images",
    "SimpleRNNCell": "inside RNN and SimpleRNN",
    "StackedRNNCells": "inside RNN",
    "StringLookup": "tests/preprocessing",
    "TextVectorization": "tests/text",
    "Wrapper": "a base class",
}
