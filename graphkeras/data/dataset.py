"""Dataset: elements read one after another, prepared on the way by threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from graphkeras import tree
from graphkeras.data import elements, steps
from graphkeras.data.elements import TensorSpec
from graphkeras.data.steps import INFINITE, UNKNOWN, Step
from graphkeras.errors import ArgumentError, DTypeError, message

AUTOTUNE = -1  # as many threads as there are processors, a few elements ahead
_AHEAD = 2  # what AUTOTUNE means for prefetch

# Steps that choose elements without looking into them.
_CHOOSING = (steps.Shuffle, steps.Take, steps.Skip, steps.Shard, steps.Repeat)


class Dataset:
    """A sequence of elements: arrays, or tuples and dicts of arrays.

    It is made by `from_tensor_slices`, `from_tensors`, `from_generator` or `range`,
    and each method returns a new one. Nothing is read before somebody iterates over
    it, and every pass reads anew. The names are those of tf.data; the order of the
    elements is always the same, however many threads prepare them.

    `fit`, `evaluate`, `predict` and `adapt` take it as it is.

    Attributes:
        class_names: names of the classes, if it was made of folders of files.
        file_paths: the files in that case, in their order before shuffling.

    Example:
        >>> ds = Dataset.from_tensor_slices(([1, 2, 3, 4], [0, 0, 1, 1]))
        >>> ds = ds.map(lambda x, y: (x * 10, y)).batch(3).prefetch(2)
        >>> [(x.numpy().tolist(), y.numpy().tolist()) for x, y in ds]
        [([10, 20, 30], [0, 0, 1]), ([40], [1])]
    """

    class_names: list[str] | None = None
    file_paths: list[str] | None = None

    def __init__(self, step: Step) -> None:
        if not isinstance(step, Step):
            raise DTypeError(
                message("Dataset", "is not made from data directly.",
                        f"{type(step).__name__}", "Use Dataset.from_tensor_slices.")
            )  # fmt: skip
        self._step = step

    # ----------------------------------------------------------------- making one

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """Return the rows of arrays as elements; the arrays are used in place.

        Args:
            tensors: an array, or tuples and dicts of arrays, of one length.

        Raises:
            DataError: if there are no rows, or their numbers differ.

        Example:
            >>> ds = Dataset.from_tensor_slices({"a": [1, 2], "b": ["x", "y"]})
            >>> list(ds.as_numpy_iterator())
            [{'a': np.int32(1), 'b': 'x'}, {'a': np.int32(2), 'b': 'y'}]
        """
        return Dataset(steps.Rows(elements.as_element(tensors)))

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """Return one element: the arrays as they are.

        Example:
            >>> len(Dataset.from_tensors([1, 2, 3]))
            1
        """
        element = elements.as_element(tensors)
        return Dataset(steps.Rows(elements.map_leaves(lambda a: a[None], element)))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any], output_types: Any = None,
        output_shapes: Any = None, args: Any = None, output_signature: Any = None,
    ) -> Dataset:  # fmt: skip
        """Return what a generator function yields.

        Args:
            generator: called at the start of each pass; returns an iterable.
            output_types: dtypes of the arrays, in the structure of an element.
            output_shapes: their shapes, beside `output_types`.
            args: what the function is called with.
            output_signature: their TensorSpecs (anything with shape and dtype), instead
                of the two.

        Raises:
            DTypeError: if `generator` is no function.

        Example:
            >>> def squares():
            ...     for i in range(4):
            ...         yield i * i
            >>> [int(x) for x in Dataset.from_generator(squares)]
            [0, 1, 4, 9]
        """
        if not callable(generator):
            raise DTypeError(
                message(
                    "from_generator", "expected a function that returns a generator.",
                    f"{type(generator).__name__}",
                    "Give the function itself, without calling it.",
                )
            )  # fmt: skip
        given = tuple(args or ())
        signature = _signature(output_types, output_shapes, output_signature)
        return Dataset(steps.Items(lambda: generator(*given), signature))

    @staticmethod
    def range(*args: int) -> Dataset:
        """Return integers, as Python's `range` does: stop; start, stop; with a step.

        Example:
            >>> [int(i) for i in Dataset.range(2, 8, 3)]
            [2, 5]
        """
        return Dataset(steps.Rows(np.arange(*args, dtype=np.int64)))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Return elements of several data sets side by side, as long as all have some.

        Args:
            datasets: data sets, or one tuple or dict of them.

        Example:
            >>> a, b = Dataset.range(3), Dataset.range(10, 20)
            >>> [(int(x), int(y)) for x, y in Dataset.zip(a, b)]
            [(0, 10), (1, 11), (2, 12)]
        """
        structure = datasets[0] if len(datasets) == 1 else datasets
        for leaf in tree.flatten(structure):
            if not isinstance(leaf, Dataset):
                raise DTypeError(
                    message("zip", "expected data sets.", type(leaf).__name__,
                            "Make one by Dataset.from_tensor_slices.")
                )  # fmt: skip
        return Dataset(steps.Zip(tree.map_structure(lambda d: d._step, structure)))

    # ------------------------------------------------------------ choosing elements

    def shuffle(
        self, buffer_size: int, seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
    ) -> Dataset:  # fmt: skip
        """Return the elements in random order.

        Args:
            buffer_size: each element is drawn from the next so many; as many as there
                are shuffle perfectly.
            seed: decides the orders; one of the series that
                `keras.utils.set_random_seed` began if None.
            reshuffle_each_iteration: whether each pass has another order; True if None.

        Example:
            >>> ds = Dataset.range(5).shuffle(5, seed=1)
            >>> sorted(int(x) for x in ds)
            [0, 1, 2, 3, 4]
        """
        size = _at_least_one("shuffle", "buffer_size", buffer_size)
        again = reshuffle_each_iteration is not False
        return self._chosen(steps.Shuffle, size, seed, again)

    def take(self, count: int) -> Dataset:
        """Return the first `count` elements; all if it is negative.

        Example:
            >>> [int(x) for x in Dataset.range(9).take(2)]
            [0, 1]
        """
        return self if count < 0 else self._chosen(steps.Take, int(count))

    def skip(self, count: int) -> Dataset:
        """Return all but the first `count` elements; none if it is negative.

        Example:
            >>> [int(x) for x in Dataset.range(4).skip(2)]
            [2, 3]
        """
        return self.take(0) if count < 0 else self._chosen(steps.Skip, int(count))

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Return every `num_shards`-th element, beginning with number `index`.

        Example:
            >>> [int(x) for x in Dataset.range(7).shard(3, 1)]
            [1, 4]
        """
        parts = _at_least_one("shard", "num_shards", num_shards)
        if not 0 <= index < parts:
            raise ArgumentError(
                message("shard", f"index must be from 0 to {parts - 1}.", str(index))
            )
        return self._chosen(steps.Shard, parts, int(index))

    def repeat(self, count: int | None = None) -> Dataset:
        """Return the elements `count` times over; without end if None or negative.

        Example:
            >>> [int(x) for x in Dataset.range(2).repeat(2)]
            [0, 1, 0, 1]
        """
        endless = count is None or count < 0
        return self._chosen(steps.Repeat, None if endless else int(count or 0))

    def _next(self, step: Step) -> Dataset:
        """Return what one more step makes; what is known of its folder stays known."""
        made = Dataset(step)
        made.class_names, made.file_paths = self.class_names, self.file_paths
        return made

    def _chosen(self, kind: Callable[..., Step], *arguments: Any) -> Dataset:
        """Choose among elements, or among the numbers of rows where that will do."""
        if isinstance(self._step, steps.Rows):
            numbers = kind(self._step.numbers, *arguments)
            return self._next(steps.Rows(self._step.arrays, numbers))
        return self._next(kind(self._step, *arguments))

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Return the elements for which `predicate` is true.

        Args:
            predicate: takes tensors as the function of `map` does.

        Example:
            >>> [int(x) for x in Dataset.range(5).filter(lambda x: x % 2 == 0)]
            [0, 2, 4]
        """
        return self._next(steps.Filter(self._step, _function("filter", predicate)))

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Return these elements and then those of `dataset`.

        Example:
            >>> [int(x) for x in Dataset.range(2).concatenate(Dataset.range(1))]
            [0, 1, 0]
        """
        if not isinstance(dataset, Dataset):
            raise DTypeError(
                message("concatenate", "expected a data set.", type(dataset).__name__)
            )
        return self._next(steps.Concatenate(self._step, dataset._step))

    # --------------------------------------------------------------- making elements

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Dataset:  # fmt: skip
        """Return what a function makes of each element.

        Random layers and `keras.random` with a SeedGenerator draw the same numbers
        for an element however many threads there are.

        Args:
            map_func: takes an element's tensors (a tuple's parts as its arguments)
                and returns tensors or arrays, in tuples and dicts. Layers and models
                may be called in it.
            num_parallel_calls: how many threads call it at once; AUTOTUNE: one for
                each processor; None: the thread that reads.
            deterministic: taken for tf.data's sake; the order is always kept.

        Example:
            >>> ds = Dataset.range(3).map(lambda x: {"x": x, "y": x + 1})
            >>> [int(e["y"]) for e in ds]
            [1, 2, 3]
        """
        function = _function("map", map_func)
        return self._next(steps.Map(self._step, function, _workers(num_parallel_calls)))

    def batch(
        self, batch_size: int, drop_remainder: bool = False,
        num_parallel_calls: int | None = None, deterministic: bool | None = None,
    ) -> Dataset:  # fmt: skip
        """Return so many elements at a time, stacked along a new first axis.

        Args:
            batch_size: elements in a batch; the last may have fewer.
            drop_remainder: whether to leave out a smaller last batch.
            num_parallel_calls: taken for tf.data's sake.
            deterministic: taken for tf.data's sake.

        Example:
            >>> [x.numpy().tolist() for x in Dataset.range(5).batch(2)]
            [[0, 1], [2, 3], [4]]
        """
        size = _at_least_one("batch", "batch_size", batch_size)
        kind = steps.RowBatches if isinstance(self._step, steps.Rows) else steps.Batch
        return self._next(kind(self._step, size, bool(drop_remainder)))

    def padded_batch(
        self, batch_size: int, padded_shapes: Any = None, padding_values: Any = None,
        drop_remainder: bool = False,
    ) -> Dataset:  # fmt: skip
        """Return batches of elements of different sizes, filled up at the end.

        Args:
            batch_size: elements in a batch.
            padded_shapes: sizes to fill up to, by array; None: the largest in a batch.
            padding_values: what to fill with, by array; None: 0, or "" for text.
            drop_remainder: whether to leave out a smaller last batch.

        Example:
            >>> ds = Dataset.from_generator(lambda: iter(([1], [2, 3])))
            >>> next(iter(ds.padded_batch(2))).numpy().tolist()
            [[1, 0], [2, 3]]
        """
        size = _at_least_one("padded_batch", "batch_size", batch_size)

        def combine(group: list[Any]) -> Any:
            return elements.padded(group, padded_shapes, padding_values)

        return self._next(steps.PaddedBatch(self._step, size, drop_remainder, combine))

    def unbatch(self) -> Dataset:
        """Return the rows of each element.

        Example:
            >>> [int(x) for x in Dataset.range(3).batch(2).unbatch()]
            [0, 1, 2]
        """
        return self._next(steps.Unbatch(self._step))

    def enumerate(self, start: int = 0) -> Dataset:
        """Return elements with their numbers: (number, element).

        Example:
            >>> [(int(i), int(x)) for i, x in Dataset.range(5, 7).enumerate()]
            [(0, 5), (1, 6)]
        """
        return self._next(steps.Enumerate(self._step, int(start)))

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """Return ``transformation_func(self)``, so that it reads from left to right."""
        return transformation_func(self)

    # ------------------------------------------------------------- when work is done

    def prefetch(self, buffer_size: int) -> Dataset:
        """Return the same elements, made ahead by a thread.

        Args:
            buffer_size: how many may wait; AUTOTUNE: a few.

        Example:
            >>> [int(x) for x in Dataset.range(3).prefetch(1)]
            [0, 1, 2]
        """
        if buffer_size == 0:
            return self
        size = _AHEAD if buffer_size == AUTOTUNE else buffer_size
        return self._next(
            steps.Prefetch(self._step, _at_least_one("prefetch", "buffer_size", size))
        )

    def cache(self, filename: str = "") -> Dataset:
        """Return the same elements, kept in memory after the first whole pass.

        Args:
            filename: must be empty: there is no cache on disk.
        """
        if filename:
            raise ArgumentError(
                message(
                    "cache", "keeps elements in memory only.", f"{filename!r}",
                    "Save the arrays by np.save and read them with"
                    ' np.load(..., mmap_mode="r").',
                )
            )  # fmt: skip
        return self._next(steps.Cache(self._step))

    # ------------------------------------------------------------------- reading it

    def __iter__(self) -> Iterator[Any]:
        with self._step.open() as items:
            for element in items:
                yield elements.tensors(element)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Yield the elements as NumPy arrays; scalars as NumPy's, text as str.

        Example:
            >>> list(Dataset.from_tensor_slices(["a", "b"]).as_numpy_iterator())
            ['a', 'b']
        """
        with self._step.open() as items:
            for element in items:
                yield elements.map_leaves(lambda a: np.array(a)[()], element)

    def cardinality(self) -> int:
        """Return how many elements there are: INFINITE (-1), UNKNOWN (-2) or a number.

        Example:
            >>> ds = Dataset.range(7).batch(2)
            >>> ds.cardinality(), ds.repeat().cardinality()
            (4, -1)
        """
        return self._step.count()

    def __len__(self) -> int:
        count = self._step.count()
        if count < 0:
            raise TypeError(
                "The data set is infinite." if count == INFINITE else
                "The length of the data set is not known before it is read."
            )  # fmt: skip
        return count

    def __bool__(self) -> bool:
        return True  # there may be elements even where their number is not known

    @property
    def element_spec(self) -> Any:
        """TensorSpecs of an element; what functions return is seen on the first one.

        Example:
            >>> Dataset.range(4).batch(3).element_spec
            TensorSpec(shape=(None,), dtype='int64')
        """
        return self._step.spec()

    def row_batches(self) -> steps.RowBatches | None:
        """Return its batches if they are rows of arrays, else None: for `fit`."""
        step = self._step
        while isinstance(step, steps.Prefetch):
            step = step.source
        return step if isinstance(step, steps.RowBatches) else None

    def in_batches(self, size: int) -> Dataset:
        """Return it as it is, or batched where its elements are single rows of arrays.

        Who makes elements himself, by a generator, is taken to make batches.
        """
        step = self._step
        while not isinstance(step, (steps.Batch, steps.Unbatch, steps.Items)):
            if isinstance(step, steps.Rows):
                return self.batch(size)
            step = step.source
        return self.batch(size) if isinstance(step, steps.Unbatch) else self

    def __repr__(self) -> str:
        count = {INFINITE: "endless", UNKNOWN: "length unknown"}
        known = self._step.count()
        return f"<Dataset: {_described(self._step)}; {count.get(known, known)}>"


def _described(step: Step) -> str:
    if isinstance(step, steps.Rows):
        return _described(step.numbers)
    parts = [_described(source) for source in step.sources]
    name = type(step).__name__
    return f"{' and '.join(parts)} > {name}" if parts else name


def _at_least_one(who: str, name: str, number: Any) -> int:
    if isinstance(number, bool) or not hasattr(number, "__index__") or number < 1:
        raise ArgumentError(
            message(who, f"{name} must be an integer of at least 1.", repr(number))
        )
    return int(number)


def _workers(calls: int | None) -> int:
    if calls is None:
        return 1
    if calls != AUTOTUNE:
        return _at_least_one("map", "num_parallel_calls", calls)
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _function(who: str, given: Any) -> Callable[..., Any]:
    if not callable(given):
        raise DTypeError(message(who, "expected a function.", type(given).__name__))
    return given


def _signature(types: Any, shapes: Any, signature: Any) -> Any:
    """Return the TensorSpecs a generator promised, in one way or the other."""
    if signature is not None:
        if types is not None or shapes is not None:
            raise ArgumentError(
                message("from_generator", "takes output_signature alone.",
                        "output_types or output_shapes beside it")
            )  # fmt: skip
        return _specs(signature)
    if types is None:
        return None
    if tree.is_nested(types):
        names = types if isinstance(types, Mapping) else range(len(types))
        pairs = {n: _signature(types[n], shapes and shapes[n], None) for n in names}
        return pairs if isinstance(types, Mapping) else tuple(pairs.values())
    return TensorSpec(shapes, types)


def _specs(signature: Any) -> Any:
    if isinstance(signature, Mapping):
        return {key: _specs(child) for key, child in signature.items()}
    if isinstance(signature, (tuple, list)):
        return tuple(_specs(child) for child in signature)
    return TensorSpec(signature.shape, signature.dtype)
