"""What `fit` takes as data, and what it says of data that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, tree
from graphkeras.data import Dataset
from graphkeras.data.arrays import as_arrays
from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    GraphKerasError,
    ShapeError,
)
from graphkeras.ir.tensor import Tensor
from graphkeras.training.arrays import (
    class_weight_to_sample_weights,
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
)
from graphkeras.training.data import ArrayData, StreamData, adapt, split_off
from tests.training.models import inputs, labels, line, sequential

X, Y = inputs(20), labels(20)


class Frame:
    """As a pandas or polars frame or column: to_numpy()."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def to_numpy(self) -> np.ndarray:
        return self.array


class Loader:
    """As a DataLoader: a length, and batches anew each time."""

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Any]:
        return ([X[i : i + 5], Y[i : i + 5]] for i in range(0, 20, 5))


class Numbered(keras.utils.PyDataset):
    """Batches by number."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return X[index * 5 : index * 5 + 5], Y[index * 5 : index * 5 + 5]


class Torchlike:
    """As a tensor of torch."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("this tensor requires a gradient")

    def detach(self) -> Any:
        return self

    def cpu(self) -> Any:
        return self

    def numpy(self) -> np.ndarray:
        return self.array


class Table:
    """As a frame of pandas: columns by name, all of them as one array."""

    def __init__(self, **columns: Any) -> None:
        self.held = {name: np.asarray(column) for name, column in columns.items()}
        self.columns = list(columns)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.held[name]

    def to_numpy(self) -> np.ndarray:
        return np.stack([column.astype(object) for column in self.held.values()], 1)


def endless() -> Iterator[Any]:
    while True:
        yield from Loader()


GIVEN: dict[str, Callable[[], Any]] = {
    "arrays": lambda: adapt(X, Y, batch_size=5),
    "lists of numbers": lambda: adapt(X.tolist(), Y.tolist(), batch_size=5),
    "frames": lambda: adapt(Frame(X), Frame(Y), batch_size=5),
    "tensors": lambda: adapt(Tensor.of(X), Tensor.of(Y), batch_size=5),
    "tensors of torch": lambda: adapt(Torchlike(X), Torchlike(Y), batch_size=5),
    "loader": lambda: adapt(Loader()),
    "generator": lambda: adapt(iter(Loader())),
    "endless generator": lambda: adapt(endless(), steps=4),
    "PyDataset": lambda: adapt(Numbered()),
    "PyDataset by threads": lambda: adapt(Numbered(workers=3, max_queue_size=2)),
}


def batches(data: Any) -> list[Any]:
    if isinstance(data, StreamData):
        return list(data.epoch())
    span = data.epoch()
    return [data.rows_of(span, s) for s in range(span.start, span.start + span.steps)]


@pytest.mark.parametrize("kind", GIVEN)
def test_every_kind_of_data_gives_the_same_batches(kind: str) -> None:
    data = GIVEN[kind]()
    found = batches(data)
    assert len(found) == 4 and data.num_batches == 4
    for i, (x, y) in enumerate(found):
        np.testing.assert_allclose(x, X[i * 5 : i * 5 + 5], rtol=1e-6)
        np.testing.assert_array_equal(np.ravel(y), Y[i * 5 : i * 5 + 5])


@pytest.mark.parametrize("kind", ["loader", "PyDataset", "endless generator"])
def test_streams_train_evaluate_and_predict(kind: str) -> None:
    model = sequential()
    model.compile("adam", "sparse_categorical_crossentropy")
    steps = 4 if kind == "endless generator" else None
    source = endless() if steps else Loader() if kind == "loader" else Numbered()
    model.fit(source, steps_per_epoch=steps, epochs=2, verbose=0)
    wanted = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(source, steps=steps, verbose=0) == pytest.approx(wanted)
    assert model.predict(source, steps=steps, verbose=0).shape == (20, 3)


def test_shuffling_keeps_rows_together() -> None:
    data = ArrayData((np.arange(20), np.arange(20) * 2), 6, shuffle=True)
    first, second = batches(data), batches(data)
    rows = np.concatenate([x for x, _ in first])
    assert sorted(rows) == list(range(20)) and list(rows) != list(range(20))
    assert all((y == 2 * x).all() for x, y in first)
    assert any((a[0] != b[0]).any() for a, b in zip(first, second))


def test_batches_change_places_whole() -> None:
    data = ArrayData(np.arange(20), 6, shuffle="batch")
    found = [list(b) for b in batches(data)]
    assert sorted(b[0] for b in found) == [0, 6, 12, 18] and found[-1] == [18, 19]
    assert all(b == list(range(b[0], b[0] + len(b))) for b in found)


def test_steps_go_on_where_the_last_epoch_ended() -> None:
    data = adapt(np.arange(20), batch_size=4, steps=2)
    found = [int(b[0]) for _ in range(2) for b in batches(data)]
    assert found == [0, 4, 8, 12]
    with pytest.warns(UserWarning, match="the data ended before the epoch did"):
        assert [int(b[0]) for b in batches(data)] == [16]
    assert [int(b[0]) for b in batches(data)] == [0, 4]


def test_batch_size_follows_from_steps() -> None:
    data = adapt(X, steps=3)
    assert isinstance(data, ArrayData) and data.batch_size == 7


def test_a_stream_that_ends_early_warns() -> None:
    with pytest.warns(UserWarning, match="the data ended before the epoch did"):
        assert len(batches(adapt(Loader(), steps=9))) == 4


def test_epoch_hooks_of_a_dataset_are_called() -> None:
    told: list[str] = []

    class Hooked(Numbered):
        def on_epoch_begin(self) -> None:
            told.append("begin")

        def on_epoch_end(self) -> None:
            told.append("end")

    batches(adapt(Hooked()))
    assert told == ["begin", "end"]


def test_class_weights_reach_batches_of_a_stream() -> None:
    data = adapt(Loader(), class_weight={0: 2.0, 1: 0.5})
    _, y, weight = batches(data)[0]
    np.testing.assert_array_equal(weight, np.array([2.0, 0.5, 1.0])[y])


@pytest.mark.parametrize("y", [[0, 2, 1], [[0], [2], [1]], np.eye(3)[[0, 2, 1]]])
def test_class_weight_of_each_form_of_label(y: Any) -> None:
    found = class_weight_to_sample_weights(y, {0: 3.0, 2: 0.5})
    np.testing.assert_array_equal(found, [3.0, 0.5, 1.0])


def test_split_takes_the_last_part() -> None:
    (x, y, w), (vx, vy, vw) = split_off({"a": X}, Y, None, 0.25)
    assert len(x["a"]) == len(y) == 15 and w is None and vw is None
    np.testing.assert_array_equal(vx["a"], X[15:])
    np.testing.assert_array_equal(vy, Y[15:])


def test_batches_pack_and_unpack() -> None:
    for parts in ((1, None, None), (1, 2, None), (1, 2, 3)):
        assert unpack_x_y_sample_weight(pack_x_y_sample_weight(*parts)) == parts
    assert pack_x_y_sample_weight([1, 2]) == ([1, 2],)


def test_text_stays_text() -> None:
    found = as_arrays({"a": ["x", "yy"], "b": np.array(["u", "v"])})
    assert [a.dtype for a in tree.flatten(found)] == [object, object]


def test_a_frame_of_numbers_is_a_matrix() -> None:
    found = as_arrays(Table(a=[1.0, 2.0], b=[True, False], c=[3, 4]))
    np.testing.assert_array_equal(found, [[1, 1, 3], [2, 0, 4]])


def test_a_frame_of_text_and_numbers_gives_columns_by_name() -> None:
    job = keras.Input((1,), name="job", dtype="string")
    age = keras.Input((1,), name="age")
    ids = layers.StringLookup(vocabulary=["x"], output_mode="one_hot")(job)
    model = keras.Model([age, job], layers.Concatenate()([age, ids]))
    table = Table(job=np.array(["x", "y"], object), age=[1.5, 2.5])
    assert model.predict(table, verbose=0).tolist() == [[1.5, 0, 1], [2.5, 1, 0]]
    rows = list(Dataset.from_tensor_slices(table).as_numpy_iterator())
    assert rows == [{"job": "x", "age": 1.5}, {"job": "y", "age": 2.5}]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_missing_text_is_found_in_its_row(missing: Any) -> None:
    table = Table(job=np.array(["x", missing], object), age=[1.5, 2.5])
    with pytest.raises(DataError, match=r"(?s)at \[1\] among strings.*Fill missing"):
        as_arrays(table)


def test_one_array_of_weights_serves_all_outputs() -> None:
    data = adapt(X, [Y, Y], np.ones(20))
    assert isinstance(data, ArrayData)
    assert [a.shape for a in data.batch[2]] == [(20,), (20,)]


def test_a_varying_length_compiles_once_more_not_every_time() -> None:
    x = keras.Input((None, 3))
    model = keras.Model(x, layers.Dense(2)(x))
    model.compile("sgd", "mse")
    sizes = (5, 7, 9, 5, 6)
    pairs = ((np.zeros((2, n, 3)), np.zeros((2, n, 2))) for n in sizes)
    model.fit(pairs, verbose=0)
    assert len(model.make_train_function()._compiled) == 2


def test_last_partial_batch_compiles_nothing_new() -> None:
    model = line()
    model.compile("sgd", "mse")
    model.fit(X, X[:, 0], batch_size=7, verbose=0)
    model.fit(X[:13], X[:13, 0], batch_size=5, verbose=0)
    assert len(model.make_train_function()._compiled) == 1


BOTH = {"sample_weight": np.ones(20), "class_weight": {0: 1.0}}

WRONG: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "the same number of rows.\n  Received x: 20, y: 5": (
        DataError, lambda m: m.fit(X, Y[:5])
    ),
    "at least one row": (DataError, lambda m: m.fit(X[:0], Y[:0])),
    "expected arrays, a frame, a PyDataset": (DataError, lambda m: m.fit(3.0j, Y)),
    "gives targets and weights itself": (DataError, lambda m: m.fit(Loader(), Y)),
    "at least one batch in each epoch": (
        DataError, lambda m: m.fit(iter(Loader()), epochs=2)
    ),
    "labels must be from 0 to 2.*\n  Received label 9 at y\\[4\\] \\(1 out": (
        DataError, lambda m: m.fit(X, np.where(np.arange(20) == 4, 9, Y))
    ),
    "Received label -1 at y\\[0\\]": (DataError, lambda m: m.evaluate(X, Y * 0 - 1)),
    "label 7": (DataError, lambda m: m.train_on_batch(X, Y * 0 + 7)),
    "numbers or strings in rows of one length": (
        DataError, lambda m: m.fit(np.array([[1], [2, 3]], object), Y[:2])
    ),
    "expected axis -1 of input shape to have value 4": (
        ShapeError, lambda m: m.fit(X[:, :3], Y)
    ),
    "one integer label where y_pred has a row": (
        ArgumentError, lambda m: m.fit(X, np.eye(3)[Y])
    ),
    "x must be numbers": (DTypeError, lambda m: m.fit(X.astype(str), Y)),
    "the targets of dense\\w* must be numbers": (
        DTypeError, lambda m: m.fit(X, Y.astype(str))
    ),
    "expected 1 input": (ArgumentError, lambda m: m.fit([X, X], Y)),
    "needs targets": (ArgumentError, lambda m: m.fit(X)),
    "batch_size must be at least 1": (
        ArgumentError, lambda m: m.fit(X, Y, batch_size=0)
    ),
    "validation_split must leave rows": (
        ArgumentError, lambda m: m.fit(X, Y, validation_split=0.99)
    ),
    "validation_split needs arrays": (
        ArgumentError, lambda m: m.fit(Loader(), validation_split=0.5)
    ),
    "class_weight is for models with one output": (
        ArgumentError, lambda m: m.fit(X, Y, **BOTH)
    ),
    "expected x, \\(x,\\), \\(x, y\\)": (
        ArgumentError, lambda m: m.fit(iter([(X, Y, Y, Y)]))
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Any:
    found = sequential()
    found.compile("adam", "sparse_categorical_crossentropy")
    return found


@pytest.mark.parametrize("text", WRONG)
def test_wrong_data_gets_one_clear_error(text: str, model: Any) -> None:
    error, act = WRONG[text]
    with pytest.raises(error, match=text):
        act(model)


def test_targets_of_another_shape_are_shown() -> None:
    model = line()
    model.compile("sgd", "mse")
    with pytest.raises(
        ShapeError, match=r"targets: f32\[batch, 3, 2\], outputs: f32\[b"
    ):
        model.fit(X, np.zeros((20, 3, 2)))


def test_fit_without_compile_says_so() -> None:
    with pytest.raises(
        GraphKerasError, match=r"(?s)fit needs a compiled.*model\.compile"
    ):
        line().fit(X, Y)
