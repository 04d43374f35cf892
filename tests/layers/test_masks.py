"""Masks travel on tensors from layer to layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops

IDS = np.array([[1, 2, 0], [3, 0, 0]])


class MaskSum(layers.Layer):
    """Counts what it is told is not masked."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return ops.sum(ops.cast(mask, "float32"), axis=1)


def test_embedding_masks_zeros_and_dense_hands_the_mask_on() -> None:
    x = layers.Embedding(5, 4, mask_zero=True)(IDS)
    y = layers.Dense(2)(x)
    assert np.asarray(y._keras_mask).tolist() == [
        [True, True, False],
        [True] + [False] * 2,
    ]


def test_average_over_time_leaves_masked_steps_out() -> None:
    x = np.array([[[1.0], [3.0], [-9.0]]])
    masked = layers.Masking(mask_value=-9.0)(x)
    assert layers.GlobalAveragePooling1D()(masked).numpy().tolist() == [[2.0]]


def test_mask_reaches_layers_of_a_functional_model() -> None:
    ids = layers.Input((None,), dtype="int32")
    embedded = layers.Embedding(5, 4, mask_zero=True)(ids)
    model = keras.Model(ids, MaskSum()(layers.Dropout(0.1)(embedded)))
    assert model(IDS).numpy().tolist() == [2.0, 1.0]


def test_mask_can_be_given_by_hand_and_as_a_symbolic_tensor() -> None:
    x = layers.Input((3, 1))
    other = layers.Masking()(x)
    model = keras.Model(x, MaskSum()(x * 2, mask=other._keras_mask))
    assert model(np.array([[[1.0], [0.0], [2.0]]])).numpy().tolist() == [2.0]


def test_layer_without_masking_warns_that_the_mask_is_lost() -> None:
    x = layers.Embedding(5, 4, mask_zero=True)(IDS)
    with pytest.warns(UserWarning, match="does not support masking"):
        layers.Flatten()(x)


def test_merging_masks_needs_all_of_them() -> None:
    embed = layers.Embedding(5, 4, mask_zero=True)
    a, b = embed(IDS), embed(IDS[:, ::-1])
    either = np.asarray(layers.Add()([a, b])._keras_mask)
    assert either.tolist() == [[True] * 3, [True, False, True]]
    assert layers.Add()([a, b * 1.0])._keras_mask is None
    joined = layers.Concatenate(axis=1)([a, b])
    assert np.asarray(joined._keras_mask).shape == (2, 6)


def test_batch_normalization_leaves_masked_steps_out() -> None:
    x = np.array([[[1.0], [3.0], [0.0]]])
    layer = layers.BatchNormalization(momentum=0.0)
    layer(layers.Masking()(x), training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [2.0], rtol=1e-5)


def test_users_compute_mask_is_used() -> None:
    class Half(layers.Layer):
        def call(self, x: Any) -> Any:
            return x[:, ::2]

        def compute_mask(self, x: Any, mask: Any = None) -> Any:
            return mask[:, ::2]

    x = layers.Embedding(5, 4, mask_zero=True)(IDS)
    assert np.asarray(Half()(x)._keras_mask).tolist() == [[True, False], [True, False]]


def test_attention_uses_up_the_masks_of_its_inputs_as_in_keras() -> None:
    x = layers.Embedding(5, 4, mask_zero=True)(IDS)
    y = layers.MultiHeadAttention(1, 2)(x, x)
    assert y._keras_mask is not None
    assert layers.Add()([x, y])._keras_mask is None


def test_a_functional_model_remembers_masks_that_attention_used_up() -> None:
    ids = layers.Input((3,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(ids)
    both = layers.Add()([x, layers.MultiHeadAttention(1, 2)(x, x)])
    model = keras.Model(ids, [both, layers.GlobalAveragePooling1D()(both)])
    steps, mean = model.predict(IDS, verbose=0)
    np.testing.assert_allclose(mean[1], steps[1, 0], atol=1e-6)
