"""What `adapt` learns from: arrays, frames, data sets, loaders; all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras.data import Dataset
from graphkeras.errors import DataError

NUMBERS = np.random.default_rng(0).integers(0, 9, (30, 2)).astype("float32")
WORDS = np.array(["red", "green", "red", "blue", "green", "red"] * 5, object)


class Table:
    """As a frame of pandas or polars."""

    def __init__(self, **columns: Any) -> None:
        self.held, self.columns = columns, list(columns)

    def __getitem__(self, name: str) -> Any:
        return self.held[name]

    def to_numpy(self) -> np.ndarray:
        return np.stack([np.asarray(c) for c in self.held.values()], 1)


class Loader:
    """As a DataLoader of torch: lists of batches."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Any]:
        return ([self.data[i : i + 4], np.zeros(4)] for i in range(0, 30, 4))


class Numbered(keras.utils.PyDataset):
    def __init__(self, data: np.ndarray) -> None:
        super().__init__()
        self.data = data

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return self.data[index * 10 : index * 10 + 10], np.zeros(10)


SOURCES: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda d: d,
    "list": lambda d: d.tolist(),
    "tensor": lambda d: d if d.dtype == object else keras.ops.convert_to_tensor(d),
    "frame": lambda d: Table(**{str(i): c for i, c in enumerate(d.reshape(30, -1).T)}),
    "generator": lambda d: (d[i : i + 7] for i in range(0, 30, 7)),
    "loader": Loader,
    "PyDataset": Numbered,
    "batches": lambda d: Dataset.from_tensor_slices(d).batch(7),
    "full batches": lambda d: Dataset.from_tensor_slices(d).batch(10, True),
    "batches with targets": lambda d: Dataset.from_tensor_slices((d, d)).batch(8),
    "mapped": lambda d: Dataset.from_tensor_slices((d, d)).batch(8).map(lambda x, y: x),
    "made batches": lambda d: Dataset.from_generator(lambda: iter((d[:9], d[9:]))),
    "single rows": lambda d: Dataset.from_tensor_slices(d),
    "shuffled rows": lambda d: Dataset.from_tensor_slices(d).shuffle(9).prefetch(2),
    "rows again": lambda d: Dataset.from_tensor_slices(d).batch(7).unbatch(),
}


@pytest.mark.parametrize("name", SOURCES)
def test_means_and_variances_are_the_same_from_everywhere(name: str) -> None:
    layer = layers.Normalization()
    layer.adapt(SOURCES[name](NUMBERS))
    np.testing.assert_allclose(layer.mean, [NUMBERS.mean(0)], rtol=1e-6)
    np.testing.assert_allclose(layer.variance, [NUMBERS.var(0)], rtol=1e-5)
    assert layer(NUMBERS[:3]).shape == (3, 2)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("kind", [layers.StringLookup, layers.TextVectorization])
def test_words_are_the_same_from_everywhere(kind: Any, name: str) -> None:
    layer = kind()
    layer.adapt(SOURCES[name](WORDS))
    assert layer.get_vocabulary()[-3:] == ["red", "green", "blue"]


@pytest.mark.parametrize("name", SOURCES)
def test_boundaries_are_the_same_from_everywhere(name: str) -> None:
    layer = layers.Discretization(num_bins=3)
    layer.adapt(SOURCES[name](NUMBERS))
    cut = np.quantile(NUMBERS, [1 / 3, 2 / 3])
    np.testing.assert_allclose(layer.bin_boundaries, cut, atol=1.01)


def test_text_beside_numbers_is_refused() -> None:
    table = Table(age=np.arange(2.0), job=np.array(["a", "b"], object))
    for layer in (layers.Normalization(), layers.StringLookup()):
        with pytest.raises(DataError, match=r"(?s)columns of one kind.*one column"):
            layer.adapt(table)


def test_what_are_no_numbers_is_named() -> None:
    with pytest.raises(DataError, match=r"adapt expected numbers"):
        layers.Normalization().adapt(WORDS)
