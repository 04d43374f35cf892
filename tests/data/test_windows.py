"""Windows over a series, and data sets split in two: against plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.data import Dataset
from graphkeras.errors import ArgumentError, DataError, DTypeError

windows = keras.utils.timeseries_dataset_from_array
split = keras.utils.split_dataset
SERIES = np.arange(30.0)


def plain(
    length: int, sequence: int, stride: int, rate: int, start: int, end: int, limit: int
) -> list[list[int]]:
    """The places of every window, as the documentation of Keras describes them."""
    places: list[list[int]] = []
    for at in range(start, end, stride):
        places.append([at + i * rate for i in range(sequence)])
    return [p for p in places if p[-1] < end and p[0] - start < limit]


@pytest.mark.parametrize("sequence", [1, 3, 10])
@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("rate", [1, 2])
@pytest.mark.parametrize("part", [(None, None), (4, None), (None, 25), (5, 29)])
def test_windows_are_where_they_should_be(
    sequence: int, stride: int, rate: int, part: Any
) -> None:
    targets = SERIES[:20] * 10
    dataset = windows(SERIES, targets, sequence, stride, rate, 4, start_index=part[0],
                      end_index=part[1])  # fmt: skip
    low, high = part[0] or 0, part[1] or 30
    wanted = plain(30, sequence, stride, rate, low, high, 20 - low)
    x, y = (np.concatenate(p) for p in zip(*dataset.as_numpy_iterator()))
    np.testing.assert_array_equal(x, SERIES[wanted])
    np.testing.assert_array_equal(y, [p[0] * 10 for p in wanted])


def test_windows_of_rows_without_targets() -> None:
    series = np.arange(12).reshape(6, 2)
    (found,) = windows(series, None, 2, sequence_stride=2, batch_size=8)
    np.testing.assert_array_equal(
        found.numpy(), [series[0:2], series[2:4], series[4:6]]
    )
    single = windows(series, None, 2, batch_size=None)
    assert next(iter(single)).shape == (2, 2) and len(single) == 5


def test_windows_are_views() -> None:
    first = next(iter(windows(SERIES, None, 20, batch_size=4)))
    held = windows(SERIES, None, 20)._step.source.arrays  # type: ignore[attr-defined]
    assert np.shares_memory(held, SERIES) and first.shape == (4, 20)


def test_shuffled_windows_repeat_with_their_seed() -> None:
    def order(seed: int) -> list[Any]:
        dataset = windows(SERIES, None, 2, shuffle=True, seed=seed, batch_size=4)
        return [x[:, 0].tolist() for x in dataset.as_numpy_iterator()]

    assert order(1) == order(1) != order(2)
    assert sorted(place for batch in order(1) for place in batch) == [*range(29)]


def test_a_model_learns_from_windows() -> None:
    dataset = windows(SERIES[:-3, None] / 30, SERIES[3:] / 30, 3, batch_size=8)
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.Flatten(),
                              keras.layers.Dense(1)])  # fmt: skip
    model.compile("adam", "mse")
    assert np.isfinite(model.fit(dataset, epochs=2, verbose=0).history["loss"]).all()


WRONG: dict[str, tuple[type[Exception], dict[str, Any]]] = {
    "start_index must be from 0 to 29": (ArgumentError, {"start_index": 30}),
    "end_index must be from 1 to 29": (ArgumentError, {"end_index": 31}),
    "end_index must be from 6": (ArgumentError, {"start_index": 5, "end_index": 4}),
    "sampling_rate must be from 1 to 29": (ArgumentError, {"sampling_rate": 0}),
    "sequence_stride must be from 1 to 29": (ArgumentError, {"sequence_stride": 99}),
    "sequence_length must be at least 1": (ArgumentError, {"sequence_length": 0}),
    'format must be "tf" or "grain"': (ArgumentError, {"format": "numpy"}),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_are_named(text: str) -> None:
    error, arguments = WRONG[text]
    with pytest.raises(error, match=text):
        windows(SERIES, None, **{"sequence_length": 3, **arguments})


@pytest.mark.parametrize("how", [{"sequence_length": 40}, {"end_index": 2}])
def test_a_series_shorter_than_a_window_gives_none(how: dict[str, int]) -> None:
    assert list(windows(SERIES, None, **{"sequence_length": 3, **how})) == []


# -------------------------------------------------------------------------- splitting

SIZES: dict[Any, tuple[list[int], list[int]]] = {
    (0.5, None): ([0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10]),  # 5.5 is rounded
    (None, 0.3): ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10]),
    (3, None): ([0, 1, 2], [3, 4, 5, 6, 7, 8, 9, 10]),
    (3, 4): ([0, 1, 2], [7, 8, 9, 10]),
    (0.2, 0.3): ([0, 1], [8, 9, 10]),
}


def of_numbers(items: Any) -> list[Any]:
    return [np.asarray(x).tolist() for x in items.as_numpy_iterator()]


class Torchlike:
    """As a torch Dataset: rows by number."""

    def __len__(self) -> int:
        return 11

    def __getitem__(self, row: int) -> int:
        if row >= 11:
            raise IndexError
        return row


SOURCES: dict[str, Callable[[], Any]] = {
    "array": lambda: np.arange(11),
    "Dataset": lambda: Dataset.range(11),
    "shuffled once": lambda: Dataset.range(11).map(lambda x: x).prefetch(1),
    "rows by number": Torchlike,
    "iterable": lambda: range(11),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("sizes", SIZES)
def test_parts_have_the_sizes_of_keras(sizes: Any, source: str) -> None:
    left, right = split(SOURCES[source](), *sizes)
    assert (of_numbers(left), of_numbers(right)) == SIZES[sizes]


def test_rows_are_shuffled_as_keras_does() -> None:
    left, right = split(np.arange(11), left_size=0.5, shuffle=True, seed=3)
    assert of_numbers(left) == [1, 5, 6, 0, 10, 4]
    assert of_numbers(right) == [7, 2, 8, 9, 3]


def test_several_arrays_stay_together() -> None:
    for arrays in ((np.arange(4), np.eye(4)), [np.arange(4), np.eye(4)]):
        left, _ = split(arrays, left_size=2)
        x, y = next(iter(left.batch(2)))
        assert x.numpy().tolist() == [0, 1] and y.shape == (2, 4)


def test_batches_are_batched_again() -> None:
    left, right = split(Dataset.range(10).batch(3).prefetch(1), left_size=0.5)
    assert of_numbers(left) == [[0, 1, 2], [3, 4]] and len(right) == 2


BAD: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "expected left_size or right_size": (ArgumentError, lambda: split(SERIES)),
    "left_size must be below 30 rows": (ArgumentError, lambda: split(SERIES, 30)),
    "left_size must be below": (ArgumentError, lambda: split(SERIES, 1.0)),
    "right_size must be below": (ArgumentError, lambda: split(SERIES, 1, 0)),
    "both parts must have rows": (ArgumentError, lambda: split(SERIES, 0.01)),
    "together 30 at most": (ArgumentError, lambda: split(SERIES, 0.6, 0.6)),
    "left_size must be an int, a float or None": (
        DTypeError, lambda: split(SERIES, "half")  # type: ignore[arg-type]
    ),
    "expected arrays or a data set": (DTypeError, lambda: split(3, 0.5)),
    "data set(?s:.*)Received str": (DTypeError, lambda: split("abc", 0.5)),
    "an empty data set": (DataError, lambda: split(Dataset.range(0).map(abs), 0.5)),
    "same number of rows": (DataError, lambda: split((SERIES, SERIES[:3]), 0.5)),
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_a_split_that_cannot_be_is_named(text: str) -> None:
    error, act = BAD[text]
    with pytest.raises(error, match=text):
        act()
