"""Regularizers, constraints and activations by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import activations, constraints, ops, regularizers
from graphkeras.errors import ArgumentError, SavingError, ShapeError
from graphkeras.saving import register_keras_serializable

W = np.array([[3.0, -4.0], [0.0, 2.0]], "float32")


@pytest.mark.parametrize(
    ("made", "penalty"),
    [
        (regularizers.L1(0.1), 0.9),
        (regularizers.L2(0.1), 2.9),
        (regularizers.L1L2(0.1, 0.1), 3.8),
        (regularizers.L1L2(), 0.0),
        (regularizers.OrthogonalRegularizer(1.0), 0.5 * 2 * 0.8),
        (regularizers.get("l2"), 0.29),
    ],
)
def test_penalty_is_that_of_the_formula(made: Any, penalty: float) -> None:
    assert abs(float(made(W)) - penalty) < 1e-6
    again = regularizers.get(regularizers.serialize(made))
    assert abs(float(again(W)) - penalty) < 1e-6


@pytest.mark.parametrize(
    ("made", "norms"),
    [
        (constraints.MaxNorm(2.0), [2.0, 2.0]),
        (constraints.UnitNorm(), [1.0, 1.0]),
        (constraints.MinMaxNorm(0.0, 4.0, rate=0.5), [3.0, (20**0.5 + 4) / 2]),
        (constraints.get("max_norm"), [2.0, 2.0]),
        (constraints.NonNeg(), [3.0, 2.0]),
    ],
)
def test_constraint_brings_columns_to_their_norm(made: Any, norms: list[float]) -> None:
    found = np.linalg.norm(made(W), axis=0)
    np.testing.assert_allclose(found, norms, rtol=1e-5)
    again = constraints.get(constraints.serialize(made))
    np.testing.assert_array_equal(again(W), made(W))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: regularizers.L2(-1), "l2 >= 0"),
        (lambda: regularizers.get("L3"), "Did you mean"),
        (lambda: regularizers.OrthogonalRegularizer(mode="x"), "'rows' or 'columns'"),
        (lambda: regularizers.OrthogonalRegularizer()(W[0]), "expected rank 2"),
        (lambda: constraints.get("maxnorm"), "Did you mean 'max_norm'"),
        (lambda: activations.get("rleu"), "Did you mean 'relu'"),
        (lambda: activations.get(3), "name of an activation"),
    ],
)
def test_wrong_names_and_numbers_are_refused(make: Any, text: str) -> None:
    with pytest.raises((ArgumentError, SavingError, ShapeError), match=text):
        make()


@pytest.mark.parametrize("name", activations._BY_NAME)
def test_activation_is_found_by_name_and_named_again(name: str) -> None:
    found = activations.get(name)
    assert activations.get(activations.serialize(found)) is found
    x = np.linspace(-3, 3, 8, dtype="float32").reshape(2, 4)
    needed = {"threshold": (0.5, 0.0)}.get(name, ())
    assert found(x, *needed).dtype == np.float32


def test_relu_has_a_slope_a_threshold_and_a_ceiling() -> None:
    x = np.array([-1.0, 0.2, 1.0, 9.0], "float32")
    assert activations.relu(x, max_value=6.0).tolist() == [0, np.float32(0.2), 1, 6]
    bent = activations.relu(x, negative_slope=0.5, max_value=2.0, threshold=0.5)
    np.testing.assert_allclose(bent, [-0.75, -0.15, 1, 2], rtol=1e-5)


def test_gelu_is_exact_here_and_approximate_in_ops() -> None:
    x = np.array([1.0], "float32")
    assert abs(float(activations.gelu(x)[0]) - 0.8413447) < 1e-6
    assert activations.gelu(x) != ops.gelu(x)


def test_registered_activation_goes_by_its_name() -> None:
    @register_keras_serializable(package="tests")
    def bent(x: Any) -> Any:
        return ops.abs(x)

    described = activations.serialize(bent)
    assert described["registered_name"] == "tests>bent"
    assert activations.get(described) is bent
    assert activations.get("tests>bent") is bent
    assert activations.get(None)(3) == 3
