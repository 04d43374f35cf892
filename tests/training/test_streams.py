"""Data that comes batch by batch: epochs, threads that prepare it, memory it takes."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras.data import Dataset
from graphkeras.errors import DataError
from graphkeras.training.data import RowData, StreamData, adapt
from tests.training.models import inputs, labels, line, sequential

X, Y = inputs(20), labels(20)


def rows() -> Dataset:
    return Dataset.from_tensor_slices((X, Y))


def as_stream(dataset: Dataset) -> Dataset:
    """The same elements, which no longer are rows of arrays."""
    return dataset.map(lambda *parts: parts)


def visited(data: Any) -> list[list[int]]:
    """The rows of one epoch, batch by batch, found by their first number."""
    if isinstance(data, StreamData):
        batches = list(data.epoch())
    else:
        span = data.epoch()
        steps = range(span.start, span.start + span.steps)
        batches = [data.rows_of(span, step) for step in steps]
    return [[int(np.flatnonzero(X[:, 0] == r[0])[0]) for r in x] for x, _ in batches]


BOTH = [lambda d: d, as_stream]
PLANS: dict[str, tuple[Callable[[Dataset], Dataset], int | None, list[list[int]]]] = {
    "whole": (lambda d: d.batch(10), None, [[10, 10], [10, 10]]),
    "partial last": (lambda d: d.batch(8), None, [[8, 8, 4], [8, 8, 4]]),
    "dropped": (lambda d: d.batch(8, True), None, [[8, 8], [8, 8]]),
    "shuffled": (lambda d: d.shuffle(20, 1).batch(12), None, [[12, 8], [12, 8]]),
    "twice": (lambda d: d.repeat(2).batch(16), None, [[16, 16, 8]] * 2),
    "endless": (lambda d: d.repeat().batch(8), 2, [[8, 8], [8, 8], [8, 8]]),
    "taken": (lambda d: d.take(5).batch(4).prefetch(2), None, [[4, 1], [4, 1]]),
    "steps": (lambda d: d.batch(5), 2, [[5, 5], [5, 5], [5, 5]]),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_dataset_of_rows_visits_what_its_batches_do(name: str) -> None:
    build, steps, sizes = PLANS[name]
    in_place = adapt(build(rows()), steps=steps)
    stream = adapt(as_stream(build(rows())), steps=steps)
    assert isinstance(in_place, RowData) and isinstance(stream, StreamData)
    for wanted in sizes:
        found = visited(in_place)
        assert [len(batch) for batch in found] == wanted
        assert found == visited(stream)


def test_a_dataset_of_rows_trains_evaluates_and_predicts_as_arrays_do() -> None:
    keras.utils.set_random_seed(0)
    model = sequential()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    dataset = rows().batch(8)
    model.fit(dataset, epochs=2, verbose=0, validation_data=dataset)
    wanted = model.evaluate(X, Y, batch_size=8, verbose=0)
    assert model.evaluate(dataset, verbose=0) == wanted
    whole = model.predict(X, batch_size=8, verbose=0)
    np.testing.assert_array_equal(model.predict(dataset, verbose=0), whole)
    some = Dataset.from_tensor_slices(X).skip(3).take(9).batch(4)
    np.testing.assert_allclose(model.predict(some, verbose=0), whole[3:12], rtol=1e-6)


@pytest.mark.parametrize("kind", BOTH)
def test_class_weights_reach_the_batches_of_a_dataset(kind: Any) -> None:
    data = adapt(kind(rows().batch(20)), class_weight={0: 2.0, 1: 0.5})
    batch = next(data.epoch()) if isinstance(data, StreamData) else data.batch
    np.testing.assert_array_equal(batch[2], np.array([2.0, 0.5, 1.0])[Y])


@pytest.mark.parametrize("kind", BOTH)
def test_a_dataset_without_a_batch_says_so(kind: Any) -> None:
    with pytest.raises(DataError, match="at least one batch in each epoch"):
        visited(adapt(kind(rows().take(3).batch(4, drop_remainder=True))))


@pytest.mark.parametrize("kind", BOTH)
def test_a_dataset_without_batches_is_not_taken_for_one(kind: Any) -> None:
    model = sequential()
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(DataError, match=r"(?s)a batch axis.*Dataset.batch"):
        model.fit(kind(rows()).map(lambda x, y: (x[0], y)), verbose=0)


def test_shuffled_fit_repeats_with_the_seed() -> None:
    def weights() -> Any:
        keras.utils.set_random_seed(1)
        model = line()
        model.compile("sgd", "mse")
        model.fit(Dataset.from_tensor_slices((X, X[:, 0])).shuffle(9).batch(3),
                  epochs=2, verbose=0)  # fmt: skip
        return model.get_weights()[0]

    np.testing.assert_array_equal(weights(), weights())


# ------------------------------------------------------------------ epochs and threads


class Counting(keras.utils.PyDataset):
    """Four batches; it notes which were asked for, by which thread."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.asked: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        self.asked.append((index, threading.current_thread().name))
        if index == 3 and self.max_queue_size == 1:
            raise OSError("no such image")
        return X[index * 5 : index * 5 + 5], Y[index * 5 : index * 5 + 5]


def test_a_loader_read_to_its_end_begins_anew() -> None:
    class Loader:
        def __iter__(self) -> Iterator[Any]:
            return iter([(X[:10], Y[:10]), (X[10:], Y[10:])])

    data = adapt(Loader(), steps=1)
    assert [visited(data)[0][0] for _ in range(4)] == [0, 10, 0, 10]


def test_no_more_is_taken_from_a_generator_than_epochs_need() -> None:
    taken: list[int] = []

    def endless() -> Iterator[Any]:
        while True:
            taken.append(1)
            yield X[:5], X[:5, 0]

    model, source = line(), endless()
    model.compile("sgd", "mse")
    model.fit(source, steps_per_epoch=3, epochs=2, verbose=0)
    assert len(taken) == 6
    model.fit(source, steps_per_epoch=1, verbose=0)  # and it goes on
    assert len(taken) == 7


def test_validation_measures_the_same_batches_each_time() -> None:
    model = line()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    held = Dataset.from_tensor_slices((X, X[:, 0])).batch(5)
    for data in (held, as_stream(held), (X, X[:, 0])):
        told = model.fit(X, X[:, 0], epochs=3, verbose=0, validation_data=data,
                         validation_steps=1).history["val_loss"]  # fmt: skip
        assert len(set(told)) == 1


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_workers_of_a_dataset_are_threads_and_end(workers: int) -> None:
    source = Counting(workers=workers, max_queue_size=2)
    data = adapt(source)
    assert [batch[0] for batch in visited(data)] == [0, 5, 10, 15]
    here, ahead = threading.current_thread().name, "graphkeras-prefetch"
    wanted = {0: {here}, 1: {ahead}, 3: {f"graphkeras-map_{i}" for i in range(3)}}
    assert {name for _, name in source.asked} <= wanted[workers]
    assert not [t for t in threading.enumerate() if "graphkeras-" in t.name]


def test_a_dataset_may_forget_to_call_the_class_above() -> None:
    class Forgetful(Counting):
        def __init__(self) -> None:
            self.asked = []

    assert len(visited(adapt(Forgetful()))) == 4


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_a_worker_arrives_and_threads_end(workers: int) -> None:
    model = sequential()
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(OSError, match="no such image"):
        model.fit(Counting(workers=workers, max_queue_size=1), verbose=0)
    assert not [t for t in threading.enumerate() if "graphkeras-" in t.name]


def test_batches_are_made_while_one_is_worked_on() -> None:
    second = threading.Event()

    def source() -> Iterator[Any]:
        yield X[:5], X[:5, 0]
        second.set()
        yield X[5:10], X[5:10, 0]

    batches = adapt(source()).epoch()
    next(batches)
    assert second.wait(5.0)
    batches.close()


def test_run_eagerly_reads_in_the_thread_a_debugger_looks_at() -> None:
    model = sequential()
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    source = Counting()
    model.fit(source, verbose=0)
    assert {name for _, name in source.asked} == {threading.current_thread().name}


def test_training_that_stops_early_ends_the_threads() -> None:
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    model = sequential()
    model.compile("adam", "sparse_categorical_crossentropy")
    endless = rows().repeat().batch(5).map(lambda x, y: (x, y), 2).prefetch(2)
    model.fit(endless, epochs=3, verbose=0, callbacks=[Stop()])
    assert not [t for t in threading.enumerate() if "graphkeras-" in t.name]


# ------------------------------------------------------------------------------ memory


def peak_of(work: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model and more images than it should load: they are mapped from a file."""
    path = tmp_path_factory.mktemp("images") / "x.npy"
    np.lib.format.open_memmap(path, "w+", "uint8", (4000, 48, 48)).flush()
    image = keras.Input((48, 48), dtype="uint8")
    model = keras.Model(image, layers.Dense(1)(layers.Flatten()(image)))
    model.compile("sgd", "mse")
    x, y = np.load(path, mmap_mode="r"), np.zeros(4000, "float32")
    for use in (model.fit, model.evaluate, model.predict):
        use(x[:64], *([y[:64]] if use != model.predict else []), verbose=0)  # compiles
    return model, x, y


@pytest.mark.parametrize("how", ["fit", "shuffled", "dataset", "evaluate", "predict"])
def test_a_mapped_array_of_bytes_is_not_loaded(how: str, images: Any) -> None:
    model, x, y = images
    dataset = Dataset.from_tensor_slices((x, y)).shuffle(500).batch(32)
    act = {
        "fit": lambda: model.fit(x, y, shuffle=False, verbose=0),
        "shuffled": lambda: model.fit(x, y, epochs=2, verbose=0, validation_split=0.2),
        "dataset": lambda: model.fit(dataset, verbose=0),
        "evaluate": lambda: model.evaluate(x, y, verbose=0),
        "predict": lambda: model.predict(x, verbose=0),
    }[how]
    assert peak_of(act) < x.nbytes / 8


@pytest.fixture
def small_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let arrays of a few bytes count as too large to be put in order."""
    monkeypatch.setattr("graphkeras.training.data._COPIED", 100)


@pytest.mark.parametrize("how", ["every other row", "turned", "other byte order"])
def test_rows_that_lie_apart_are_read_as_those_that_do_not(
    how: str, small_copies: None
) -> None:
    apart = {
        "every other row": np.repeat(X, 2, axis=0)[::2],
        "turned": np.asfortranarray(X),
        "other byte order": X.astype(X.dtype.newbyteorder()),
    }[how]

    def trained(x: np.ndarray) -> Any:
        keras.utils.set_random_seed(0)
        model = sequential()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, Y, batch_size=6, epochs=2, verbose=0)
        return model.predict(x, batch_size=6, verbose=0)

    np.testing.assert_allclose(trained(apart), trained(X), rtol=1e-6)
    assert adapt(apart, Y).in_place == (how == "other byte order")  # type: ignore[union-attr]


def test_windows_over_a_series_are_not_all_made_at_once() -> None:
    series = np.zeros((40_000, 4), "float32")
    dataset = keras.utils.timeseries_dataset_from_array(
        series, series[:, 0], 500, sequence_stride=4, batch_size=64
    )
    data = adapt(dataset)
    windows = sum(a.nbytes for a in data.arrays)  # type: ignore[union-attr]
    assert windows > 100 * series.nbytes
    peak = peak_of(lambda: [None for _ in data.batches_of(data.epoch(), True)])  # type: ignore
    assert peak < windows / 20


def test_words_of_every_batch_are_counted_once_an_epoch() -> None:
    words = layers.TextVectorization()
    words.adapt(np.array(["a b", "c"]))
    text = keras.Input((), dtype="string")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(9, 2)(words(text)))
    model = keras.Model(text, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    data = adapt(np.array(["a", "b c", "c", "a b c"] * 3), np.arange(12.0), steps=1,
                 batch_size=4)  # fmt: skip
    model._train_epoch(data, keras.callbacks.CallbackList([], model=model))
    assert data._at == 1  # type: ignore[union-attr]
