"""One-hot rows, norms and padded sequences: expected values are those of Keras 3.15."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import ArgumentError, DataError
from graphkeras.ir.tensor import Tensor

pad = keras.utils.pad_sequences
SHORT = [[1], [2, 3], [4, 5, 6]]

PADDED: list[tuple[Any, dict[str, Any], list, str]] = [
    (SHORT, {}, [[0, 0, 1], [0, 2, 3], [4, 5, 6]], "int32"),
    (SHORT, {"maxlen": 2}, [[0, 1], [2, 3], [5, 6]], "int32"),
    (SHORT, {"maxlen": 2, "truncating": "post", "padding": "post"},
     [[1, 0], [2, 3], [4, 5]], "int32"),
    (SHORT, {"maxlen": 4, "padding": "post", "value": -1},
     [[1, -1, -1, -1], [2, 3, -1, -1], [4, 5, 6, -1]], "int32"),
    ([[1], []], {"value": 9, "dtype": "float32"}, [[1.0], [9.0]], "float32"),
    ([["a"], ["b", "c"]], {"dtype": object, "value": ""}, [["", "a"], ["b", "c"]],
     "object"),
    ([["a"], ["b", "c"]], {"dtype": "U4", "value": ""}, [["", "a"], ["b", "c"]], "<U4"),
    ([[[1, 2]], [[3, 4], [5, 6]]], {}, [[[0, 0], [1, 2]], [[3, 4], [5, 6]]], "int32"),
    ([[1], []], {"maxlen": 0}, [[], []], "int32"),
    ([[], []], {}, [[], []], "int32"),
    ([[1.7]], {}, [[1]], "int32"),
    ([[1, 2]], {"maxlen": 4, "value": -1.5}, [[-1, -1, 1, 2]], "int32"),
    ([], {"maxlen": 3}, [], "int32"),
    ([np.array([1]), np.array([2, 3])], {}, [[0, 1], [2, 3]], "int32"),
]  # fmt: skip


@pytest.mark.parametrize("sequences, how, wanted, kind", PADDED)
def test_sequences_are_padded(
    sequences: Any, how: dict[str, Any], wanted: list, kind: str
) -> None:
    found = keras.preprocessing.sequence.pad_sequences(sequences, **how)
    assert found.tolist() == wanted and found.dtype == np.dtype(kind)


ONE_HOT: list[tuple[Any, Any, Any]] = [
    ([0, 2], None, [[1, 0, 0], [0, 0, 1]]),
    ([0, 2], 4, [[1, 0, 0, 0], [0, 0, 1, 0]]),
    ([[0], [1]], None, [[1, 0], [0, 1]]),
    ([[0, 1]], 2, [[[1, 0], [0, 1]]]),
    (1, None, [0, 1]),
    (np.array([1.0]), None, [[0, 1]]),
    ([-1], 2, [[0, 1]]),
    ([], 4, []),
]


@pytest.mark.parametrize("x, count, wanted", ONE_HOT)
def test_classes_become_rows(x: Any, count: Any, wanted: Any) -> None:
    found = keras.utils.to_categorical(x, count)
    assert found.tolist() == wanted and found.dtype == np.float64


def test_tensors_stay_tensors() -> None:
    rows = keras.utils.to_categorical(keras.ops.convert_to_tensor([1]))
    assert isinstance(rows, Tensor) and rows.dtype == "float32"
    unit = keras.utils.normalize([[3.0, 4.0]])
    assert isinstance(unit, Tensor)
    np.testing.assert_allclose(unit.numpy(), [[0.6, 0.8]], rtol=1e-6)


NORMS: list[tuple[Any, dict[str, Any], Any]] = [
    ([[3.0, 4.0], [0, 0]], {}, [[0.6, 0.8], [0, 0]]),
    ([[3, 4]], {"order": 1}, [[3 / 7, 4 / 7]]),
    ([[3.0, 1.0], [4.0, 0.0]], {"axis": 0}, [[0.6, 1.0], [0.8, 0.0]]),
    ([3.0, 4.0], {}, [[0.6, 0.8]]),
]


@pytest.mark.parametrize("x, how, wanted", NORMS)
def test_rows_are_divided_by_their_norm(x: Any, how: Any, wanted: Any) -> None:
    np.testing.assert_allclose(keras.utils.normalize(np.array(x), **how), wanted)


WRONG: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    'padding must be "pre" or "post"': (
        ArgumentError, lambda: pad(SHORT, padding="left")
    ),
    'truncating must be "pre" or "post"': (
        ArgumentError, lambda: pad(SHORT, truncating="left")
    ),
    "an array of int32 takes numbers.*dtype=object": (
        ArgumentError, lambda: pad([["a"]], value="")
    ),
    r"expected rows of shape \[2\].*sequence 1": (
        DataError, lambda: pad([[[1, 2]], [[3], [5]]])
    ),
    "expected a list of sequences.*1 at place 0": (DataError, lambda: pad([1, 2])),
    "expected a list of sequences.*generator": (
        DataError, lambda: pad(x for x in SHORT)
    ),
    "expected maxlen": (DataError, lambda: pad([])),
    "to_categorical: expected num_classes": (
        ArgumentError, lambda: keras.utils.to_categorical([])
    ),
    "expected classes from 0 to 2.*Received 5": (
        IndexError, lambda: keras.utils.to_categorical([0, 5], 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_are_named(text: str) -> None:
    error, act = WRONG[text]
    with pytest.raises(error, match=f"(?s){text}"):
        act()
