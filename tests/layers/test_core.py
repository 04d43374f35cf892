"""What single layers do beyond the sweep."""

from __future__ import annotations

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.errors import ArgumentError, DataError, SavingError, ShapeError
from graphkeras.saving import CustomObjectScope, register_keras_serializable

ONES = np.ones((2, 3), "float32")


@register_keras_serializable(package="tests")
def doubled(x: object) -> object:
    """Twice x."""
    return x * 2  # type: ignore[operator]


def test_lambda_runs_a_function_but_never_stores_its_code() -> None:
    layer = layers.Lambda(lambda x: x + 1)
    assert layer(ONES).numpy().max() == 2
    with pytest.raises(SavingError, match="code is never stored"):
        layer.get_config()


def test_lambda_of_a_registered_function_comes_back() -> None:
    again = layers.deserialize(layers.serialize(layers.Lambda(doubled)))
    assert again(ONES).numpy().max() == 2


def test_lambda_of_an_unknown_function_is_not_built() -> None:
    def lost(x: object) -> object:
        return x

    config = layers.serialize(layers.Lambda(lost))
    with pytest.raises(SavingError, match="expected a registered class or function"):
        layers.deserialize(config)
    with CustomObjectScope({"lost": lost}):
        assert layers.deserialize(config).function is lost


def test_code_stored_by_keras_is_refused() -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAA=="}}
    config = layers.serialize(layers.Lambda(doubled))
    config["config"]["function"] = code
    with pytest.raises(SavingError, match="without code"):
        layers.deserialize(config)


def test_embedding_takes_its_first_values() -> None:
    table = np.arange(6.0).reshape(3, 2)
    layer = layers.Embedding(3, 2, weights=[table])
    assert layer(np.array([[2]])).numpy().tolist() == [[[4, 5]]]
    assert len(layer.weights) == 1


def test_dropout_thins_out_in_training_only_and_follows_its_seed() -> None:
    x = np.ones((1, 1000), "float32")
    layer, twin = layers.Dropout(0.25, seed=3), layers.Dropout(0.25, seed=3)
    np.testing.assert_array_equal(layer(x), x)
    thin = layer(x, training=True).numpy()
    assert set(np.unique(thin)) == {0, np.float32(1 / 0.75)}
    assert abs((thin == 0).mean() - 0.25) < 0.05
    np.testing.assert_array_equal(thin, twin(x, training=True))
    assert (layer(x, training=True).numpy() != thin).any()


def test_spatial_dropout_drops_whole_channels() -> None:
    out = layers.SpatialDropout2D(0.5, seed=1)(np.ones((2, 3, 3, 16)), training=True)
    sums = out.numpy().sum(axis=(1, 2))
    assert set(np.unique(sums)) == {0, 18}


def test_batch_normalization_learns_averages_unless_frozen() -> None:
    x = np.array([[1.0], [3.0]])
    layer = layers.BatchNormalization(momentum=0.5, epsilon=0.0)
    np.testing.assert_allclose(layer(x, training=True), [[-1], [1]], atol=1e-6)
    assert layer.moving_mean.numpy() == [1.0]
    layer.trainable = False
    np.testing.assert_allclose(layer(x, training=True), [[0], [2]], atol=1e-6)
    assert layer.moving_mean.numpy() == [1.0]


def test_batch_normalization_is_exact_far_from_zero(rng: np.random.Generator) -> None:
    x = keras.Variable(rng.normal(3000, 1, (512, 3)).astype("float32"))
    g = rng.normal(0, 1, x.shape).astype("float32")
    layer = layers.BatchNormalization(momentum=0.0, epsilon=0.0)
    layer.build(x.shape)
    with keras.GradientTape() as tape:
        loss = ops.sum(layer(x, training=True) * g)
    to_x, to_gamma = tape.gradient(loss, [x, layer.gamma])
    wide = x.numpy().astype("float64")
    unit = (wide - wide.mean(0)) / wide.std(0)
    expected = (g - g.mean(0) - unit * (g * unit).mean(0)) / wide.std(0)
    np.testing.assert_allclose(layer.moving_variance, wide.var(0), rtol=1e-5)
    np.testing.assert_allclose(to_gamma, (g * unit).sum(0), atol=0.02)
    np.testing.assert_allclose(to_x, expected, atol=1e-3)


def test_normalization_adapts_to_arrays_and_to_batches_alike(
    rng: np.random.Generator,
) -> None:
    data = rng.normal(3, 2, (50, 4)).astype("float32")
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(data)
    parts.adapt(data[i : i + 7] for i in range(0, 50, 7))
    np.testing.assert_allclose(whole.mean, data.mean(0, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(parts.variance, whole.variance, rtol=1e-5)
    assert abs(whole(data).numpy().std() - 1) < 1e-5


def test_normalization_refuses_nothing_and_other_sizes() -> None:
    layer = layers.Normalization()
    with pytest.raises(DataError, match="data to adapt to"):
        layer.adapt([])
    layer.adapt(np.ones((3, 2)))
    with pytest.raises(ShapeError, match=r"sizes \(2,\)"):
        layer.adapt(np.ones((3, 5)))


def test_center_crop_enlarges_smaller_images() -> None:
    assert layers.CenterCrop(5, 4)(np.ones((1, 4, 4, 3))).shape == (1, 5, 4, 3)


def test_center_crop_takes_one_image_and_keeps_its_middle() -> None:
    image = np.arange(25.0).reshape(5, 5, 1)
    middle = layers.CenterCrop(1, 2)(image).numpy()
    assert middle[..., 0].tolist() == [[11, 12]]


def test_merging_wants_a_list() -> None:
    with pytest.raises(ArgumentError, match="list of at least 1"):
        layers.Add()(ONES)
    with pytest.raises(ArgumentError, match="list of at least 2"):
        layers.Subtract()([ONES])


def test_merging_functions_are_the_layers() -> None:
    assert layers.add([ONES, ONES]).numpy().max() == 2
    assert layers.concatenate([ONES, ONES]).shape == (2, 6)
    assert layers.dot([ONES, ONES], axes=1).numpy().tolist() == [[3], [3]]


def test_merging_gives_lower_ranks_axes_after_the_batch() -> None:
    assert layers.Add()([np.ones((2, 4, 3)), ONES]).shape == (2, 4, 3)


def test_convolution_of_an_image_too_small_is_refused() -> None:
    with pytest.raises(ShapeError, match="conv2d"):
        layers.Conv2D(2, 3, name="conv2d")(keras.Input((2, 2, 1)))


def test_reshape_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="elements"):
        layers.Reshape((4,))(ONES)
    with pytest.raises(ShapeError, match="3 elements to fill"):
        layers.Reshape((2, -1))(ONES)


def test_weights_of_equal_seeds_are_equal_bit_for_bit() -> None:
    def weights() -> list[np.ndarray]:
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
        return model.get_weights()

    first, second = weights(), weights()
    assert all((a == b).all() for a, b in zip(first, second))
    assert (first[0] != 0).all()
    assert (first[0][:, :2] != first[2][:3]).any()


def test_constraint_and_regularizer_stay_with_the_weight() -> None:
    layer = layers.Dense(2, kernel_regularizer="l1", bias_constraint="non_neg")
    layer(ONES)
    assert layer.kernel.regularizer.l1 == 0.01
    assert ops.min(layer.bias.constraint(np.array([-1.0, 1.0]))) == 0
