"""Rescaling and Normalization of lists, whole numbers and unusual axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import layers as L
from graphkeras.errors import DataError, GraphKerasError, ShapeError


@pytest.mark.parametrize(
    ("given", "expected"),
    [(3, 6.5), (0.25, 1.0), ([1, 2], [2.5, 4.5]), ([[1.5], [2]], [[3.5], [4.5]]),
     ((1, 2), [2.5, 4.5]), ([], [])],
)  # fmt: skip
def test_numbers_of_python_are_scaled(given: Any, expected: Any) -> None:
    found = L.Rescaling(2, 0.5)(given).numpy()
    assert (found.dtype, found.tolist()) == (np.float32, expected)


@pytest.mark.parametrize("kind", ["uint8", "int32", "float16", "float64"])
def test_scaled_numbers_are_of_the_layers_dtype(kind: str) -> None:
    layer = L.Rescaling(2.5, [1.0, 2.0], dtype=kind)
    found = layer(np.array([[3, 4]], "uint8")).numpy()
    factor = 2 if "int" in kind else 2.5
    assert (found.dtype.name, found.tolist()) == (
        kind, [[3 * factor + 1, 4 * factor + 2]]
    )  # fmt: skip


def test_numbers_of_python_are_normalized() -> None:
    layer = L.Normalization(mean=1.0, variance=4.0)
    assert layer([[1, 5]]).numpy().tolist() == [[0.0, 2.0]]


@pytest.mark.parametrize(
    ("layer", "data", "error", "says"),
    [
        (L.Rescaling(2), [[1], [2, 3]], DataError, "in rows of one length"),
        (L.Normalization(0, [1.0] * 3, [1.0] * 3), np.ones((2, 3)), ShapeError,
         r"mean and variance of shape \[2\](.|\n)*shape \[3\]"),
        (L.Normalization((1, -1), 1.0, 1.0), np.ones((2, 3)), ShapeError,
         "normalization.*: expected different axes"),
    ],
)  # fmt: skip
def test_input_is_refused(
    layer: Any, data: Any, error: type[GraphKerasError], says: str
) -> None:
    with pytest.raises(error, match=says):
        layer(data)


def test_adapting_names_the_layer_whose_axis_is_too_large() -> None:
    with pytest.raises(
        ShapeError, match=r"normalization.*: expected axis below rank 0"
    ):
        L.Normalization(axis=(0, 1)).adapt(np.array(1.0))
