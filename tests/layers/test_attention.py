"""What the sweep cannot say of attention: masks, scores, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras.errors import ArgumentError, ShapeError

IDS = np.array([[1, 2, 0], [3, 0, 0]])
X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")


def embedded() -> Any:
    return layers.Embedding(5, 8, mask_zero=True)(IDS)


def test_padding_gets_no_weight_and_the_mask_of_queries_goes_on() -> None:
    x = embedded()
    layer = layers.MultiHeadAttention(2, 4)
    output, scores = layer(x, x, return_attention_scores=True)
    seen = np.broadcast_to((IDS != 0)[:, None, None], scores.shape)
    assert not np.any(scores.numpy()[~seen])
    assert np.asarray(output._keras_mask).tolist() == (IDS != 0).tolist()


def test_padded_keys_change_nothing() -> None:
    layer = layers.MultiHeadAttention(2, 4)
    short = layer(X, X[:, :3])
    longer = layer(X, X, attention_mask=np.arange(5)[None, None] < 3)
    np.testing.assert_allclose(longer, short, atol=1e-6)


@pytest.mark.parametrize(
    "make", [lambda: layers.MultiHeadAttention(2, 4),
             lambda: layers.GroupQueryAttention(4, 2, 1)],
)  # fmt: skip
def test_no_query_sees_a_later_key(make: Callable[[], Any]) -> None:
    causal = {"use_causal_mask": True}
    layer = make()
    output, scores = layer(X, X, return_attention_scores=True, **causal)
    assert not np.triu(scores.numpy(), 1).any()
    np.testing.assert_allclose(layer(X, X, **causal), output, atol=1e-6)


def test_groups_as_many_as_heads_are_plain_heads() -> None:
    plain = layers.MultiHeadAttention(4, 2)
    grouped = layers.GroupedQueryAttention(2, 4, 4)
    grouped(X, X)
    expected = plain(X, X)
    grouped.set_weights(plain.get_weights())
    np.testing.assert_allclose(grouped(X, X), expected, atol=1e-6)


def test_masked_queries_of_attention_give_zeros() -> None:
    mask = np.array([[True, False, True, True, True]] * 2)
    output = layers.Attention()([X, X], mask=[mask, None])
    assert not output.numpy()[:, 1].any()
    assert output.numpy()[:, 0].any()


def test_scores_and_output_are_a_model_of_two_outputs() -> None:
    query, value = keras.Input((None, 8)), keras.Input((None, 8))
    layer = layers.MultiHeadAttention(2, 4)
    both = layer(query, value, return_attention_scores=True)
    model = keras.Model([query, value], both)
    output, scores = model.predict([X, X[:, :3]], verbose=0)
    assert (output.shape, scores.shape) == ((2, 5, 8), (2, 2, 5, 3))


def test_flash_attention_may_be_asked_for_but_refuses_what_it_lacks() -> None:
    expected = layers.MultiHeadAttention(2, 4)
    keras.config.enable_flash_attention()
    try:
        layer = layers.MultiHeadAttention(2, 4)
    finally:
        keras.config.disable_flash_attention()
    assert layer(X, X).shape == expected(X, X).shape
    with pytest.raises(ArgumentError, match="return_attention_scores"):
        layer(X, X, return_attention_scores=True)
    with pytest.raises(ArgumentError, match="no dropout"):
        layers.MultiHeadAttention(2, 4, dropout=0.1, flash_attention=True)


MHA = layers.MultiHeadAttention
REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: MHA(0, 4), "num_heads"), (lambda: MHA(2, 0), "key_dim"),
    (lambda: MHA(2, 4, value_dim=-1), "value_dim"),
    (lambda: MHA(2, 4, sliding_window=0), "sliding_window"),
    (lambda: MHA(2, 4, attention_axes="all"), "attention_axes"),
    (lambda: MHA(2, 4, output_shape=(None,)), "output_shape"),
    (lambda: layers.GroupQueryAttention(4, 5, 2), "divide"),
    (lambda: layers.Attention(score_mode="cosine"), "score_mode"),
    (lambda: layers.Attention()(X), "list"),
    (lambda: layers.Attention()([X, X], mask=np.ones((2, 5))), "mask"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "named"), REFUSED)
def test_wrong_arguments_are_named(make: Callable[[], Any], named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        make()


def test_keys_and_values_must_be_as_many() -> None:
    with pytest.raises(ShapeError, match="differ in their last axis only"):
        MHA(2, 4)(X, X, X[:, :3])


def fitted(make: Callable[[], Any], eagerly: bool) -> list[np.ndarray]:
    """The weights of a layer after some steps on queries and keys of odd numbers."""
    keras.utils.set_random_seed(1)
    queries, keys = keras.Input((7, 6)), keras.Input((70, 6))
    seen = keras.Input((70,), dtype="bool")
    means = make()(
        queries, keys, attention_mask=keras.ops.expand_dims(seen, 1),
        use_causal_mask=True,
    )  # fmt: skip
    model = keras.Model([queries, keys, seen], means)
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=eagerly)
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(5, n, 6)).astype("float32") for n in (7, 70))
    model.fit([x, y, rng.random((5, 70)) < 0.6], x, batch_size=2, epochs=2, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize(
    "make", [lambda: layers.MultiHeadAttention(2, 4, dropout=0.25, seed=3),
             lambda: layers.MultiHeadAttention(2, 4, value_dim=3),
             lambda: layers.GroupQueryAttention(4, 4, 2, dropout=0.5, seed=3)],
)  # fmt: skip
def test_programs_drop_what_is_dropped_eagerly(make: Callable[[], Any]) -> None:
    for found, wanted in zip(fitted(make, False), fitted(make, True), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_dropout_changes_training_alone() -> None:
    layer = layers.MultiHeadAttention(2, 4, dropout=0.5)
    still = layer(X, X)
    np.testing.assert_array_equal(layer(X, X), still)
    thinned = layer(X, X, training=True).numpy()
    assert np.abs(thinned - still.numpy()).max() > 1e-3
