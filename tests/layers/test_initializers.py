"""First values of weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from graphkeras import config, initializers
from graphkeras.errors import ArgumentError, SavingError, ShapeError
from graphkeras.random import SeedGenerator

RANDOM = [
    "random_normal", "random_uniform", "truncated_normal", "variance_scaling",
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
    "lecun_normal", "orthogonal",
]  # fmt: skip
PLAIN = {"zeros": 0, "ones": 1, "constant": 0}


@pytest.mark.parametrize("name", RANDOM)
def test_random_initializer_draws_by_its_seed(name: str) -> None:
    made = type(initializers.get(name))(seed=3)
    first = made((6, 4))
    assert (first.dtype, first.shape) == (np.float32, (6, 4))
    np.testing.assert_array_equal(first, made((6, 4)))
    np.testing.assert_array_equal(first, made.clone()((6, 4)))
    assert (first != type(made)(seed=4)((6, 4))).any()
    assert made((6, 4), dtype="float64").dtype == np.float64


@pytest.mark.parametrize("name", RANDOM)
def test_config_of_an_unseeded_initializer_has_no_seed(name: str) -> None:
    made = initializers.get(name)
    described = initializers.serialize(made)
    assert described["module"] == "keras.initializers"
    assert described["config"]["seed"] is None
    assert type(initializers.deserialize(described)) is type(made)
    assert type(initializers.get(described)) is type(made)


@pytest.mark.parametrize(("name", "value"), PLAIN.items())
def test_plain_initializer_fills(name: str, value: float) -> None:
    assert (initializers.get(name)((2, 3), "int32") == value).all()


def test_constant_takes_arrays_and_identity_matrices_only() -> None:
    made = initializers.get(np.array([1.0, 2.0]))
    assert made((3, 2)).tolist() == [[1, 2]] * 3
    again = initializers.deserialize(initializers.serialize(made))
    assert again((1, 2)).tolist() == [[1, 2]]
    assert initializers.Identity(2.0)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    with pytest.raises(ShapeError, match="expected rank 2"):
        initializers.Identity()((3,))


@pytest.mark.parametrize(
    ("made", "deviation"),
    [
        (initializers.GlorotUniform(1), math.sqrt(2 / 300)),
        (initializers.GlorotNormal(1), math.sqrt(2 / 300)),
        (initializers.HeNormal(1), math.sqrt(2 / 100)),
        (initializers.HeUniform(1), math.sqrt(2 / 100)),
        (initializers.LecunNormal(1), math.sqrt(1 / 100)),
        (
            initializers.VarianceScaling(3.0, "fan_out", "uniform", 1),
            math.sqrt(3 / 200),
        ),
        (initializers.RandomNormal(0.0, 0.2, 1), 0.2),
        (initializers.RandomUniform(-1.0, 1.0, 1), 2 / math.sqrt(12)),
    ],
)
def test_spread_is_that_of_the_formula(made: Any, deviation: float) -> None:
    drawn = made((100, 200))
    assert abs(drawn.std() / deviation - 1) < 0.02
    assert abs(drawn.mean()) < 3 * deviation / math.sqrt(drawn.size)


def test_truncated_normal_stays_within_two_deviations() -> None:
    drawn = initializers.TruncatedNormal(1.0, 0.5, seed=1)((100, 100))
    assert np.abs(drawn - 1.0).max() <= 1.0
    assert abs(drawn.std() / 0.5 - 0.8796) < 0.01


def test_fans_of_a_convolution_count_its_window() -> None:
    assert initializers.compute_fans((3, 3, 8, 16)) == (72, 144)
    assert initializers.compute_fans((5,)) == (5, 5)
    assert initializers.compute_fans((2, 3, 4), (1,), (0,)) == (12, 8)


def test_orthogonal_rows_or_columns() -> None:
    tall = initializers.Orthogonal(seed=1)((6, 4)).astype("float64")
    np.testing.assert_allclose(tall.T @ tall, np.eye(4), atol=1e-6)
    wide = initializers.Orthogonal(2.0, seed=1)((4, 6)).astype("float64")
    np.testing.assert_allclose(wide @ wide.T, 4 * np.eye(4), atol=1e-5)
    with pytest.raises(ShapeError, match="at least rank 2"):
        initializers.Orthogonal()((4,))


def test_seed_generator_gives_other_numbers_each_time() -> None:
    made = initializers.RandomNormal(seed=SeedGenerator(1))
    assert (made((3,)) != made((3,))).all()


def test_unseeded_initializers_follow_the_global_seed() -> None:
    config.set_global_seed(5)
    first = initializers.HeNormal()((4, 4))
    config.set_global_seed(5)
    np.testing.assert_array_equal(first, initializers.HeNormal()((4, 4)))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: initializers.get("he_norml"), "Did you mean 'he_normal'"),
        (lambda: initializers.get(3), "expected an initializer"),
        (lambda: initializers.VarianceScaling(mode="fan"), "mode in 'fan_in'"),
        (lambda: initializers.VarianceScaling(scale=0), "scale > 0"),
        (lambda: initializers.VarianceScaling(distribution="x"), "distribution in"),
    ],
)
def test_wrong_initializers_are_refused(make: Any, text: str) -> None:
    with pytest.raises((ArgumentError, SavingError), match=text):
        make()
