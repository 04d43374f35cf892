"""Dataset: each pipeline against plain Python, orders that repeat, clear errors."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, tree
from graphkeras.data import (
    AUTOTUNE,
    INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY,
    Dataset,
    TensorSpec,
)
from graphkeras.errors import ArgumentError, DataError, DTypeError

N = range(10)


def numbers() -> Iterator[int]:
    yield from N


def plain(dataset: Any) -> list[Any]:
    """Return the elements as Python's lists and numbers."""
    return [
        tree.map_structure(lambda a: np.asarray(a).tolist(), element)
        for element in dataset.as_numpy_iterator()
    ]


def chunks(items: Any, size: int) -> list[list[Any]]:
    rest = iter(items)
    return list(iter(lambda: list(itertools.islice(rest, size)), []))


def slices() -> Dataset:
    return Dataset.from_tensor_slices(np.arange(10))


def made() -> Dataset:
    return Dataset.from_generator(numbers)


# what each makes of 0 ... 9, whether these are rows of an array or come one by one
PIPELINES: dict[str, tuple[Callable[[Dataset], Dataset], list[Any]]] = {
    "as it is": (lambda d: d, [*N]),
    "take": (lambda d: d.take(3), [0, 1, 2]),
    "take more than there are": (lambda d: d.take(30), [*N]),
    "take all": (lambda d: d.take(-1), [*N]),
    "take none": (lambda d: d.take(0), []),
    "skip": (lambda d: d.skip(7), [7, 8, 9]),
    "skip more than there are": (lambda d: d.skip(70), []),
    "skip all": (lambda d: d.skip(-1), []),
    "shard": (lambda d: d.shard(3, 1), [1, 4, 7]),
    "repeat": (lambda d: d.take(2).repeat(3), [0, 1] * 3),
    "repeat without end": (lambda d: d.take(2).repeat().take(5), [0, 1, 0, 1, 0]),
    "repeat nothing": (lambda d: d.take(0).repeat(), []),
    "repeat not once": (lambda d: d.repeat(0), []),
    "batch": (lambda d: d.batch(4), chunks(N, 4)),
    "batch of whole size": (lambda d: d.batch(5), chunks(N, 5)),
    "batch, remainder dropped": (lambda d: d.batch(4, True), chunks(N, 4)[:2]),
    "batch across repeats": (lambda d: d.repeat(2).batch(8), chunks([*N, *N], 8)),
    "batches of batches": (lambda d: d.batch(2).batch(5), [chunks(N, 2)]),
    "unbatch": (lambda d: d.batch(4).unbatch(), [*N]),
    "map": (lambda d: d.map(lambda x: x * 2), [2 * n for n in N]),
    "map by threads": (lambda d: d.map(lambda x: x * 2, 3), [2 * n for n in N]),
    "map by all threads": (lambda d: d.map(lambda x: -x, AUTOTUNE), [-n for n in N]),
    "map after batch": (lambda d: d.batch(5).map(keras.ops.sum), [10, 35]),
    "map to more": (
        lambda d: d.map(lambda x: {"a": x, "b": (x, x + 1)}).take(1),
        [{"a": 0, "b": (0, 1)}],
    ),
    "map to a list, which is an array": (
        lambda d: d.map(lambda x: [x, x]).take(2), [[0, 0], [1, 1]]
    ),
    "map of two": (
        lambda d: Dataset.zip(d, d).map(lambda x, y: x * y), [n * n for n in N]
    ),
    "map of a dict": (
        lambda d: Dataset.zip({"a": d}).map(lambda e: e["a"] + 1), [*range(1, 11)]
    ),
    "filter": (lambda d: d.filter(lambda x: x % 3 == 0), [0, 3, 6, 9]),
    "filter by Python's truth": (lambda d: d.filter(lambda x: int(x) > 7), [8, 9]),
    "prefetch": (lambda d: d.prefetch(2), [*N]),
    "prefetch as is best": (lambda d: d.batch(3).prefetch(AUTOTUNE), chunks(N, 3)),
    "prefetch nothing": (lambda d: d.prefetch(0), [*N]),
    "cache": (lambda d: d.cache().repeat(2), [*N, *N]),
    "zip": (lambda d: Dataset.zip((d, d.skip(8))), [(0, 8), (1, 9)]),
    "zip in a dict": (lambda d: Dataset.zip({"x": d.take(1)}), [{"x": 0}]),
    "concatenate": (lambda d: d.take(2).concatenate(d.skip(8)), [0, 1, 8, 9]),
    "enumerate": (lambda d: d.skip(8).enumerate(5), [(5, 8), (6, 9)]),
    "apply": (lambda d: d.apply(lambda e: e.take(1)), [0]),
    "shuffle a little": (lambda d: d.shuffle(1), [*N]),
    "everything at once": (
        lambda d: d.map(lambda x: (x, x % 2), 2).filter(lambda x, y: y == 1).batch(2)
        .prefetch(1).unbatch().map(lambda x, y: x, 4).cache().repeat(2).take(7),
        [1, 3, 5, 7, 9, 1, 3],
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", [slices, made])
@pytest.mark.parametrize("name", PIPELINES)
def test_pipeline_gives_what_plain_python_would(
    name: str, source: Callable[[], Dataset]
) -> None:
    build, wanted = PIPELINES[name]
    dataset = build(source())
    assert plain(dataset) == wanted
    assert plain(dataset) == wanted  # and again


@pytest.mark.parametrize("source", [slices, made])
@pytest.mark.parametrize("name", PIPELINES)
def test_cardinality_is_right_where_it_is_known(
    name: str, source: Callable[[], Dataset]
) -> None:
    build, wanted = PIPELINES[name]
    count = build(source()).cardinality()
    assert count in (len(wanted), UNKNOWN_CARDINALITY)
    if source is slices and "filter" not in name and "everything" not in name:
        assert count == len(wanted) == len(build(source()))


SPECS: dict[str, tuple[Dataset, Any]] = {
    "scalars": (Dataset.range(3), TensorSpec((), "int64")),
    "text": (Dataset.from_tensor_slices(["a"]), TensorSpec((), "string")),
    "Python's ints": (Dataset.from_tensor_slices([[1, 2]]), TensorSpec((2,), "int32")),
    "rows": (
        Dataset.from_tensor_slices({"x": np.zeros((2, 3, 4), "uint8")}),
        {"x": TensorSpec((3, 4), "uint8")},
    ),
    "batch": (Dataset.range(3).batch(2), TensorSpec((None,), "int64")),
    "full batches": (Dataset.range(3).batch(2, True), TensorSpec((2,), "int64")),
    "map": (
        Dataset.range(3).batch(2).map(lambda x: (keras.ops.one_hot(x, 5), 1.0)),
        (TensorSpec((None, 5)), TensorSpec(())),
    ),
    "unbatch": (Dataset.range(3).batch(2).unbatch(), TensorSpec((), "int64")),
    "enumerate": (
        Dataset.range(3).enumerate(), (TensorSpec((), "int64"), TensorSpec((), "int64"))
    ),
    "two lengths": (
        Dataset.from_tensors(np.zeros((2, 3))).concatenate(
            Dataset.from_tensors(np.zeros((4, 3)))
        ),
        TensorSpec((None, 3), "float64"),
    ),
    "generator": (made(), TensorSpec((), "int32")),
    "padded": (
        Dataset.from_generator(lambda: [[1.0], [1.0, 2.0]]).padded_batch(2),
        TensorSpec((None, None)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_element_spec_tells_shapes_and_dtypes(name: str) -> None:
    dataset, wanted = SPECS[name]
    assert dataset.element_spec == wanted


def test_looking_at_the_spec_changes_no_order() -> None:
    def build() -> Dataset:
        return Dataset.range(20).shuffle(20, seed=3).map(lambda x: x).batch(20)

    looked, other = build(), build()
    assert looked.element_spec == TensorSpec((None,), "int64")
    assert plain(looked) == plain(other)


# -------------------------------------------------------------------------- shuffling


@pytest.mark.parametrize("source", [slices, made])
@pytest.mark.parametrize("size", [2, 5, 10, 100])
def test_shuffle_keeps_every_element_once(source: Any, size: int) -> None:
    found = plain(source().shuffle(size, seed=1))
    assert sorted(found) == [*N] and found != [*N]
    assert all(value < place + size for place, value in enumerate(found))


def test_same_seed_same_orders() -> None:
    def passes(**how: Any) -> list[Any]:
        dataset = Dataset.range(50).shuffle(50, seed=7, **how)
        return [plain(dataset), plain(dataset)]

    first, second = passes()
    assert passes() == [first, second] and first != second
    fixed = passes(reshuffle_each_iteration=False)
    assert fixed[0] == fixed[1] == first


def test_orders_without_a_seed_follow_the_random_seed_of_all() -> None:
    def order() -> list[int]:
        keras.utils.set_random_seed(5)
        return plain(Dataset.range(50).shuffle(50))

    assert order() == order() != [*range(50)]


def test_rows_and_generated_elements_are_shuffled_alike() -> None:
    assert plain(slices().shuffle(4, seed=2)) == plain(made().shuffle(4, seed=2))


@pytest.mark.parametrize("workers", [None, 2, 5])
def test_random_layers_draw_alike_however_many_threads_call_them(workers: Any) -> None:
    seeds = keras.random.SeedGenerator(3)
    dataset = Dataset.range(12).map(
        lambda x: keras.random.uniform((2,), seed=seeds), workers
    )
    first, second = plain(dataset), plain(dataset)
    assert first != second and len({str(f) for f in first}) == 12
    assert first[0] == pytest.approx([0.28101635, 0.16062301])


# -------------------------------------------------------------------- arrays and text


def test_elements_are_tensors_to_functions_and_loops() -> None:
    seen: list[Any] = []
    dataset = Dataset.from_tensor_slices((np.ones((2, 3)), ["a", "b"]))
    for x, text in dataset.map(lambda x, y: seen.append((x, y)) or (x, y)):
        assert x.shape == (3,) and x.dtype == "float64" and text.dtype == "string"
        assert x.numpy().sum() == 3.0
    assert [str(y.numpy()) for _, y in seen] == ["a", "b"]


def test_text_is_padded_and_stacked_as_text() -> None:
    dataset = Dataset.from_generator(lambda: [["a"], ["b", "c"]]).padded_batch(2)
    assert plain(dataset) == [[["a", ""], ["b", "c"]]]


def test_padding_takes_sizes_and_values_for_each_array() -> None:
    def pairs() -> Iterator[Any]:
        yield np.array([1]), np.array([[1.0]])
        yield np.array([2, 3]), np.array([[1.0], [2.0]])

    dataset = Dataset.from_generator(pairs)
    (x, y), = plain(dataset.padded_batch(2, ([4], [None, 2]), (-1, 0.5)))  # fmt: skip
    assert x == [[1, -1, -1, -1], [2, 3, -1, -1]]
    assert y == [[[1.0, 0.5], [0.5, 0.5]], [[1.0, 0.5], [2.0, 0.5]]]


def test_arrays_are_read_in_place() -> None:
    array = np.arange(12.0).reshape(6, 2)
    first = next(iter(Dataset.from_tensor_slices(array).batch(4)))
    assert np.shares_memory(first.numpy_view(), array)


def test_signature_of_a_generator_casts_what_it_yields() -> None:
    signature = (TensorSpec((None,), "float32"), keras.KerasTensor((), dtype="uint8"))
    dataset = Dataset.from_generator(
        lambda: iter([([1, 2], 3)]), output_signature=signature
    )
    x, y = next(iter(dataset))
    assert (x.dtype, y.dtype) == ("float32", "uint8") and dataset.element_spec[0].shape
    old = Dataset.from_generator(numbers, "int64", ())
    assert old.element_spec == TensorSpec((), "int64") and plain(old) == [*N]


def test_generator_takes_arguments() -> None:
    assert plain(Dataset.from_generator(range, args=(2, 4))) == [2, 3]


def test_a_layer_may_be_mapped() -> None:
    vectorize = layers.TextVectorization(output_sequence_length=2)
    vectorize.adapt(np.array(["a b", "b"]))
    dataset = Dataset.from_tensor_slices((["b a", "x"], [0, 1])).batch(2)
    (ids, y), = plain(dataset.map(lambda x, y: (vectorize(x), y), 2))  # fmt: skip
    assert ids == [[2, 3], [1, 0]] and y == [0, 1]


# ------------------------------------------------------------------ threads and errors


def failing(at: int) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        if int(x) == at:
            raise KeyError("the user's own error")
        return x

    return function


@pytest.mark.parametrize("workers", [None, 3])
def test_an_error_of_a_function_arrives_in_its_place(workers: Any) -> None:
    dataset = Dataset.range(10).map(failing(4), workers).prefetch(8)
    seen: list[int] = []
    with pytest.raises(KeyError, match="the user's own error"):
        seen.extend(int(x) for x in dataset)
    assert seen == [0, 1, 2, 3]
    assert plain(Dataset.range(10).map(failing(4), workers).take(4)) == [0, 1, 2, 3]


def test_an_error_of_a_generator_arrives_after_what_came_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("disk")

    seen = []
    with pytest.raises(OSError, match="disk"):
        for x in Dataset.from_generator(broken).map(lambda x: x, 4).prefetch(4):
            seen.append(int(x))
    assert seen == [1, 2]


def ours() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name.startswith("graphkeras")}


def test_no_thread_outlives_its_reader() -> None:
    closed: list[bool] = []

    def watched() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.append(True)

    before = ours()  # of tests that went before
    dataset = Dataset.from_generator(watched).map(lambda x: x, 3).prefetch(2)
    for x in dataset:
        if x == 5:
            break
    assert plain(dataset.take(2)) == [0, 1]
    assert ours() <= before and len(closed) == 2


def test_threads_work_ahead_of_the_reader() -> None:
    made_all = threading.Event()
    dataset = Dataset.range(4).map(lambda x: made_all.set() if x == 3 else None or x)
    reader = iter(dataset.prefetch(4))
    next(reader)
    assert made_all.wait(5.0)
    reader.close()  # type: ignore[attr-defined]


def test_cache_reads_its_source_once() -> None:
    calls: list[int] = []
    dataset = Dataset.range(3).map(lambda x: calls.append(1) or x).cache()
    assert plain(dataset.take(1)) == [0]  # not read to the end: nothing is kept
    assert plain(dataset) == plain(dataset) == [0, 1, 2]
    assert len(calls) == 1 + 3


WRONG: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "is not made from data directly": (DTypeError, lambda: Dataset([1, 2])),
    r"same number of rows.*\[0\]: 2, \[1\]: 3": (
        DataError, lambda: Dataset.from_tensor_slices(([1, 2], [1, 2, 3]))
    ),
    "from_tensor_slices: expected arrays with rows": (
        DataError, lambda: Dataset.from_tensor_slices(3)
    ),
    "rows of one length": (
        DataError, lambda: Dataset.from_tensor_slices([[1, 2], [3]])
    ),
    "from_generator: expected a function.*generator.*without calling it": (
        DTypeError, lambda: Dataset.from_generator(numbers())
    ),
    "takes output_signature alone": (
        ArgumentError, lambda: Dataset.from_generator(
            numbers, "int32", output_signature=TensorSpec(())
        ),
    ),
    r"from_generator: expected shape \[2\].*shape \[\]": (
        DataError, lambda: plain(Dataset.from_generator(
            numbers, output_signature=TensorSpec((2,))
        )),
    ),
    "elements of the given signature": (
        DataError, lambda: plain(Dataset.from_generator(
            numbers, output_signature=(TensorSpec(()), TensorSpec(()))
        )),
    ),
    "batch_size must be an integer of at least 1.*Received 0": (
        ArgumentError, lambda: slices().batch(0)
    ),
    "buffer_size must be an integer of at least 1": (
        ArgumentError, lambda: slices().shuffle(2.5)  # type: ignore[arg-type]
    ),
    "prefetch: buffer_size must be": (ArgumentError, lambda: slices().prefetch(-7)),
    "num_parallel_calls must be": (ArgumentError, lambda: slices().map(abs, 0)),
    "index must be from 0 to 2": (ArgumentError, lambda: slices().shard(3, 3)),
    "map: expected a function": (DTypeError, lambda: slices().map(3)),
    "filter: the predicate must return one truth value": (
        DataError, lambda: plain(slices().batch(2).filter(lambda x: x > 1))
    ),
    "zip: expected data sets.*Received int": (
        DTypeError, lambda: Dataset.zip(slices(), 3)
    ),
    "concatenate: expected a data set": (
        DTypeError, lambda: slices().concatenate([1])  # type: ignore[arg-type]
    ),
    "batch: elements must have one shape.*use padded_batch": (
        DataError, lambda: plain(Dataset.from_generator(lambda: [[1], [2, 3]]).batch(2))
    ),
    "batch: elements must have one structure": (
        DataError, lambda: plain(Dataset.from_generator(lambda: [{"a": 1}, {"b": 1}])
                                 .batch(2)),
    ),
    "batch: elements must be alike": (
        DataError, lambda: plain(Dataset.from_generator(lambda: [(1, None), (1, 2)])
                                 .batch(2)),
    ),
    "padded_batch: elements must fit": (
        DataError, lambda: plain(slices().batch(3).padded_batch(2, [2]))
    ),
    "padded_batch: elements must have one rank": (
        DataError, lambda: plain(
            Dataset.from_generator(lambda: [1, [2]]).padded_batch(2)
        ),
    ),
    "cache: keeps elements in memory only": (
        ArgumentError, lambda: slices().cache("file")
    ),
    "unbatch: expected arrays with rows": (
        DataError, lambda: plain(slices().unbatch())
    ),
    "element_spec: expected at least one element": (
        DataError, lambda: made().take(0).map(lambda x: x).element_spec
    ),
    "among strings": (DataError, lambda: Dataset.from_tensor_slices(["a", None])),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_get_one_clear_error(text: str) -> None:
    error, act = WRONG[text]
    with pytest.raises(error, match=f"(?s){text}"):
        act()


def test_length_is_refused_where_there_is_none() -> None:
    with pytest.raises(TypeError, match="infinite"):
        len(slices().repeat())
    with pytest.raises(TypeError, match="not known"):
        len(made())
    assert slices().repeat().cardinality() == INFINITE_CARDINALITY
    assert bool(made())


def test_a_dataset_shows_its_steps() -> None:
    shown = repr(slices().shuffle(3).batch(4).prefetch(1))
    assert shown == "<Dataset: Numbers > Shuffle > RowBatches > Prefetch; 3>"


def test_what_is_read_cannot_change_the_source() -> None:
    array = np.zeros((4, 2))
    dataset = Dataset.from_tensor_slices(array).batch(4).cache()
    for read in dataset.as_numpy_iterator():
        read += 1
    for tensor in dataset:
        with pytest.raises(ValueError, match="read-only"):
            np.asarray(tensor)[0] = 1
    assert not array.any() and not plain(dataset)[0][0][0]
