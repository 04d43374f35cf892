"""Data sets as `fit` sees them: arrays whose rows it picks, or streams of batches."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkeras import config, tree
from graphkeras.data.arrays import as_arrays, holds_arrays, map_arrays
from graphkeras.data.dataset import Dataset
from graphkeras.data.steps import RowBatches
from graphkeras.data.workers import closing_if_can, prefetched
from graphkeras.errors import ArgumentError, DataError, message
from graphkeras.random import SeedGenerator
from graphkeras.training.arrays import (
    class_weight_to_sample_weights,
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
)
from graphkeras.training.py_dataset import PyDataset, batch_numbers, prepared

_AHEAD = 2  # batches made by a thread while one is worked on
_RAN_OUT = (
    "fit: the data ended before the epoch did. Give a data set with at least"
    " steps_per_epoch * epochs batches, one that repeats, or fewer steps."
)


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a pass over arrays: `steps` batches from number `start`."""

    order: np.ndarray | None
    start: int
    steps: int


class ArrayData:
    """Arrays of one length, cut into batches.

    Args:
        batch: structure of arrays (or None): x, (x, y) or (x, y, sample_weight).
        batch_size: rows of a batch; 32, or so that `steps` batches are all, if None.
        steps: batches of an epoch; all if None.
        shuffle: whether rows change places before each pass; "batch": whole batches.
        seeds: gives a key for each new order; its own by default.

    Raises:
        DataError: for no rows, or arrays of different length.
    """

    def __init__(
        self, batch: Any, batch_size: int | None = None, steps: int | None = None,
        shuffle: bool | str = False, seeds: SeedGenerator | None = None,
    ) -> None:  # fmt: skip
        self.batch = map_arrays(_in_rows, batch)
        self.arrays: list[np.ndarray] = [
            a for a in tree.flatten(self.batch) if a is not None
        ]
        self.rows = common_length(batch)
        self.batch_size = batch_size or (math.ceil(self.rows / steps) if steps else 32)
        self.batches = math.ceil(self.rows / self.batch_size)
        self.steps = steps
        self._shuffle = shuffle
        self._seeds = (seeds or SeedGenerator()) if shuffle else None
        self._order: np.ndarray | None = None
        self._at = self.batches

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return self.steps or self.batches

    @property
    def in_place(self) -> bool:
        """Whether compiled code can read the rows where they are."""
        return all(map(_is_in_rows, self.arrays))

    def batches_of(self, span: Span, ahead: bool) -> Iterator[Any]:
        """Return the batches of a span one by one; `ahead` lets a thread make them."""
        steps = range(span.start, span.start + span.steps)
        batches = (self.rows_of(span, step) for step in steps)
        return prefetched(batches, _AHEAD) if ahead else batches

    def epoch(self) -> Span:
        """Return what the next epoch visits; with `steps` it goes on where it was."""
        if self._at >= self.batches or not self.steps:
            self._order, self._at = self._new_order(), 0
        wanted = self.steps or self.batches
        count = min(wanted, self.batches - self._at)
        if count < wanted:
            warnings.warn(_RAN_OUT, stacklevel=2)
        span = Span(self._order, self._at, count)
        self._at += count
        return span

    def _new_order(self) -> np.ndarray | None:
        if self._seeds is None:
            return None
        random = np.random.default_rng(self._seeds.next())
        if self._shuffle != "batch":
            return random.permutation(self.rows).astype(np.int64)
        full = self.rows // self.batch_size
        starts = random.permutation(full) * self.batch_size
        rows = (starts[:, None] + np.arange(self.batch_size)).reshape(-1)
        return np.concatenate([rows, np.arange(full * self.batch_size, self.rows)])

    def close(self) -> None:
        """Let the next epoch begin anew."""
        self._at = self.batches

    def rows_of(self, span: Span, step: int) -> Any:
        """Return the batch of one step of a span, as the structure of arrays."""
        low = step * self.batch_size
        rows: Any = slice(low, low + self.batch_size)
        picked = rows if span.order is None else span.order[rows]
        return map_arrays(lambda a: a[picked], self.batch)


_COPIED = 64 * 2**20  # bytes that are put in order rather than read batch by batch


def _is_in_rows(array: np.ndarray) -> bool:
    return bool(array.flags.c_contiguous)


def _in_rows(array: np.ndarray) -> np.ndarray:
    """Return an array with its rows one behind the other, unless it is a large one."""
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="), "C")
    whole = array.flags.c_contiguous or array.nbytes > _COPIED
    return array if whole else np.ascontiguousarray(array)


class RowData(ArrayData):
    """Batches of a Dataset that are rows of arrays: read in place, as `ArrayData`.

    Args:
        batches: the Dataset's last step.
        steps: batches of an epoch; all there are if None.
        class_weight: weights of classes, made weights of samples.
    """

    def __init__(
        self, batches: RowBatches, steps: int | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> None:  # fmt: skip
        rows = _weighted(batches.source.arrays, class_weight)
        super().__init__(rows, batches.size)
        self._source, self.steps = batches, steps
        self.batches = batches.count()
        self._orders: Iterator[np.ndarray] | None = None

    def epoch(self) -> Span:
        """Return what the next epoch visits; with `steps` it goes on where it was."""
        if self.steps is None:
            order = self._source.order()
            rows = self.rows if order is None else len(order)
            return Span(order, 0, _steps_of(rows, self.batch_size))
        if self._orders is None:
            self._orders = self._source.orders(self.steps)
        order = next(self._orders, None)
        if order is None or len(order) < self.steps * self.batch_size:
            self._orders = None
        if order is None:
            return self.epoch()
        steps = _steps_of(len(order), self.batch_size)
        if steps < self.steps:
            warnings.warn(_RAN_OUT, stacklevel=2)
        return Span(order, 0, steps)

    def close(self) -> None:
        """Let the next epoch begin anew."""
        self._orders = None


def _steps_of(rows: int, batch_size: int) -> int:
    if rows == 0:
        raise DataError(
            message("data", "expected at least one batch in each epoch.",
                    "a Dataset without one")
        )  # fmt: skip
    return math.ceil(rows / batch_size)


def _weighted(batch: Any, class_weight: Mapping[int, float] | None) -> Any:
    """Return the batch with the weights of its classes, if there are any."""
    if class_weight is None:
        return batch
    x, y, _ = unpack_x_y_sample_weight(batch)
    return x, y, class_weight_to_sample_weights(y, class_weight)


class StreamData:
    """Batches as they come from an iterable, a generator or a PyDataset.

    Args:
        source: gives batches: x, (x, y) or (x, y, sample_weight).
        steps: batches of an epoch; all there are if None.
        shuffle: whether the batches of a PyDataset change places.
        class_weight: weights of classes, made weights of samples batch by batch.
        seeds: gives a key for each new order; its own by default.
    """

    def __init__(
        self, source: Any, steps: int | None = None, shuffle: bool | str = False,
        class_weight: Mapping[int, float] | None = None,
        seeds: SeedGenerator | None = None,
    ) -> None:  # fmt: skip
        self.source, self.steps, self.class_weight = source, steps, class_weight
        self._seeds = (seeds or SeedGenerator()) if shuffle else None
        self._iterator: Iterator[Any] | None = None
        self._known = _length_of(source)
        self._seen = 0  # batches since the source was begun

    @property
    def num_batches(self) -> int | None:
        """Batches of an epoch, None if nobody knows yet."""
        return self.steps or self._known

    def epoch(self, ahead: bool = True) -> Generator[Any, None, None]:
        """Yield the batches of the next epoch; with `steps` it goes on where it was.

        Args:
            ahead: whether a thread makes the next batches while one is worked on. No
                more are taken from the source than the epoch has.

        Raises:
            DataError: if there is not one batch.
        """
        goes_on = self.steps is not None and self._iterator is not None
        count = yield from self._counted(ahead)
        if count == 0 and goes_on:  # the last epoch took all there was
            self.close()
            count = yield from self._counted(ahead)
        self._finish(count)

    def _counted(self, ahead: bool) -> Generator[Any, None, int]:
        """Yield batches and return how many there were."""
        if self._iterator is None or self.steps is None:
            self.close()
            self._iterator, self._seen = self._start(), 0
        batches: Iterator[Any] = self._upto(self._iterator)
        if ahead and self._ahead:
            batches = prefetched(batches, self._ahead)
        count = 0
        with closing_if_can(batches):
            for batch in batches:
                count += 1
                yield batch
        self._seen += count
        return count

    @property
    def _ahead(self) -> int:
        """How many batches a thread makes ahead, 0 where others already do."""
        if isinstance(self.source, PyDataset):
            one = self.source.workers == 1
            return max(self.source.max_queue_size, 1) if one else 0
        return _AHEAD

    def _upto(self, iterator: Iterator[Any]) -> Iterator[Any]:
        # Not "yield from": that would close a user's generator, which may go on.
        for batch in itertools.islice(iterator, self.steps):
            yield self._prepared(batch)

    def close(self) -> None:
        """Let the next epoch begin anew, and end what reads the source now.

        A generator of the user's is left as it is, and goes on.
        """
        iterator, self._iterator = self._iterator, None
        if iterator is not None and iterator is not self.source:
            with closing_if_can(iterator):
                pass

    def _start(self) -> Iterator[Any]:
        if isinstance(self.source, PyDataset):
            self.source.on_epoch_begin()
            key = None if self._seeds is None else self._seeds.next()
            order = None if key is None else np.random.default_rng(key)
            return prepared(self.source, batch_numbers(self.source, order))
        return iter(self.source)

    def _finish(self, count: int) -> None:
        if count == 0:
            self.close()
            raise DataError(
                message(
                    "fit", "expected at least one batch in each epoch.",
                    f"none from {type(self.source).__name__}",
                    "A generator can be read once: give steps_per_epoch, or an object"
                    " that can be iterated again.",
                )
            )  # fmt: skip
        if isinstance(self.source, PyDataset):
            self.source.on_epoch_end()
        if self.steps is None:
            self._known = count
        elif count < self.steps:
            warnings.warn(_RAN_OUT, stacklevel=2)
        if self._known is not None and self._seen >= self._known:
            self.close()

    def _prepared(self, batch: Any) -> Any:
        batch = tuple(batch) if isinstance(batch, list) else batch
        batch = as_arrays(batch)
        common_length(batch)
        return _weighted(batch, self.class_weight)


Data = ArrayData | StreamData


def adapt(
    x: Any, y: Any = None, sample_weight: Any = None, *, batch_size: int | None = None,
    steps: int | None = None, shuffle: bool | str = False,
    class_weight: Mapping[int, float] | None = None,
    seeds: SeedGenerator | None = None,
) -> Data:  # fmt: skip
    """Return what a user gave as data.

    Args:
        x: arrays (nested), frames, or something that gives batches.
        y: targets, if `x` is arrays.
        sample_weight: weights of the samples, if `x` is arrays.
        batch_size: rows of a batch of arrays.
        steps: batches of an epoch.
        shuffle: whether rows (or the batches of a PyDataset) change places.
        class_weight: weights of classes by label.
        seeds: gives a key for each new order of rows; its own by default.

    Raises:
        DataError: for data of no known kind, empty, or of different lengths.
    """
    _check_counts(batch_size=batch_size, steps=steps)
    if isinstance(x, (ArrayData, StreamData)):
        return x
    samples = (x, y, sample_weight)
    data = _adapted(samples, batch_size, steps, shuffle, class_weight, seeds)
    limit = config.max_steps_per_epoch()
    if limit is not None and (data.num_batches is None or data.num_batches > limit):
        warnings.warn(f"Limiting steps_per_epoch to {limit}.", stacklevel=3)
        data.steps = limit
    return data


def _adapted(
    samples: tuple[Any, Any, Any], batch_size: int | None, steps: int | None,
    shuffle: bool | str, class_weight: Mapping[int, float] | None,
    seeds: SeedGenerator | None,
) -> Data:  # fmt: skip
    x, y, sample_weight = samples
    if not holds_arrays(x):
        _check_stream(x, y, sample_weight)
        rows = x.row_batches() if isinstance(x, Dataset) else None
        if rows is not None and (rows.count() > 0 or (steps and rows.count())):
            return RowData(rows, steps, class_weight)
        return StreamData(x, steps, shuffle, class_weight, seeds)
    x, y, sample_weight = (as_arrays(part) for part in (x, y, sample_weight))
    if class_weight is not None:
        sample_weight = _class_weights(y, sample_weight, class_weight)
    sample_weight = _weights_of_outputs(y, sample_weight)
    batch = pack_x_y_sample_weight(x, y, sample_weight)
    return ArrayData(batch, batch_size, steps, shuffle, seeds)


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ArgumentError(
                message("fit", f"{name} must be at least 1.", f"{name}={count}")
            )


def _check_stream(x: Any, y: Any, sample_weight: Any) -> None:
    if not hasattr(x, "__iter__") and not isinstance(x, PyDataset):
        raise DataError(
            message(
                "data", "expected arrays, a frame, a PyDataset, or an iterable of"
                " batches.", f"x of type {type(x).__name__}",
            )
        )  # fmt: skip
    if tree.is_nested(x) and not tree.flatten(x):
        raise DataError(message("data", "expected some data.", "an empty list"))
    given = [
        n for n, v in (("y", y), ("sample_weight", sample_weight)) if v is not None
    ]
    if given:
        raise DataError(
            message(
                "data", f"a {type(x).__name__} gives targets and weights itself.",
                " and ".join(given), "Let it give (x, y, sample_weight).",
            )
        )  # fmt: skip


def _class_weights(y: Any, sample_weight: Any, class_weight: Any) -> Any:
    if sample_weight is not None or y is None or tree.is_nested(y):
        raise ArgumentError(
            message(
                "fit", "class_weight is for models with one output, and not together"
                " with sample_weight.",
                "both" if sample_weight is not None else "targets of several outputs",
                "Multiply the weights into sample_weight.",
            )
        )  # fmt: skip
    return class_weight_to_sample_weights(y, class_weight)


def _weights_of_outputs(y: Any, sample_weight: Any) -> Any:
    """One array of weights serves all outputs, if it has one number a sample."""
    if sample_weight is None or tree.is_nested(sample_weight) or not tree.is_nested(y):
        return sample_weight
    if sample_weight.ndim > 1 and sample_weight.shape[1:] != (1,):
        raise DataError(
            message(
                "sample_weight", "one array for several outputs needs one number a"
                " sample.", f"shape {list(sample_weight.shape)}",
                "Give one array for each output.",
            )
        )  # fmt: skip
    return tree.map_structure(lambda _: sample_weight, y)


def common_length(batch: Any) -> int:
    """The number of rows of all arrays.

    Raises:
        DataError: if there are none, or lengths differ.
    """
    pairs = [(p, a) for p, a in tree.flatten_with_path(batch) if a is not None]
    scalars = [p for p, a in pairs if a.ndim == 0]
    lengths = {len(a) for _, a in pairs if a.ndim}
    if scalars or not pairs:
        raise DataError(
            message(
                "data",
                "expected arrays with a batch axis.",
                "a single number",
                "Give batches (Dataset.batch), or x[None] for one sample.",
            )
        )
    if len(lengths) > 1:
        parts = ("x", "y", "sample_weight")
        named = [
            (parts[p[0]] if isinstance(batch, tuple) and p else "x", len(a))
            for p, a in pairs
        ]
        raise DataError(
            message(
                "data", "all arrays must have the same number of rows.",
                ", ".join(f"{name}: {rows}" for name, rows in named),
                "Cut or repeat them to one length.",
            )
        )  # fmt: skip
    rows = lengths.pop()
    if rows == 0:
        raise DataError(
            message(
                "data", "expected at least one row.", "arrays of length 0",
                "Check how the data was loaded or split.",
            )
        )  # fmt: skip
    return rows


def _length_of(source: Any) -> int | None:
    """How many batches a data set says it has, or None."""
    if isinstance(source, PyDataset):
        return source.num_batches
    cardinality: Callable[[], Any] | None = getattr(source, "cardinality", None)
    if cardinality is not None:  # tf.data: negative if unknown or endless
        count = int(cardinality())
        return count if count >= 0 else None
    try:
        return len(source)
    except TypeError:
        return None


def split_off(
    x: Any, y: Any, sample_weight: Any, part: float
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Return (training, validation) data: the last `part` of the rows is validation.

    Raises:
        ArgumentError: if x is no arrays, or one side would be empty.
    """
    if not holds_arrays(x):
        raise ArgumentError(
            message(
                "fit", "validation_split needs arrays.", f"x: {type(x).__name__}",
                "Give validation_data.",
            )
        )  # fmt: skip
    arrays = tuple(as_arrays(p) for p in (x, y, sample_weight))
    rows = common_length(arrays)
    at = math.floor(rows * (1.0 - part))
    if not 0 < at < rows:
        raise ArgumentError(
            message(
                "fit", "validation_split must leave rows on both sides.",
                f"validation_split={part} of {rows} rows",
                "Give more data, or another part.",
            )
        )  # fmt: skip
    first = map_arrays(lambda a: a[:at], arrays)
    return first, map_arrays(lambda a: a[at:], arrays)
