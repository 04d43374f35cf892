"""PyDataset: batches by number, as a user's class."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from graphkeras.data.workers import in_parallel
from graphkeras.errors import GraphKerasError, message


class PyDataset:
    """A data set that gives batch number i.

    Subclasses define `__getitem__(index)`, which returns ``(x, y)`` or
    ``(x, y, sample_weight)``, and `__len__`, the number of batches.

    Args:
        workers: number of threads that prepare batches ahead, in order; 0 for the
            thread that trains.
        use_multiprocessing: taken for Keras's sake: the workers are threads even so.
            A compiled program, NumPy and image decoders let them run side by side,
            and a process that runs one cannot be forked safely.
        max_queue_size: how many batches are prepared ahead.

    Example:
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         x = np.arange(3.0) + 3 * index
        ...         return x, x**2
        >>> [x.tolist() for x, y in Squares()]
        [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """

    # So that a subclass whose __init__ calls no other works too.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:  # fmt: skip
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return batch `index`; subclasses say how."""
        raise TypeError(
            message(type(self).__name__, "a PyDataset must define __getitem__(index).")
        )

    @property
    def num_batches(self) -> int | None:
        """The number of batches, None for endlessly many."""
        if hasattr(self, "__len__"):
            return len(self)
        raise GraphKerasError(
            message(
                type(self).__name__, "a PyDataset must define __len__ or num_batches."
            )
        )

    def on_epoch_begin(self) -> None:
        """Do something before each epoch; subclasses may say what."""

    def on_epoch_end(self) -> None:
        """Do something after each epoch; subclasses may say what."""

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in batch_numbers(self, None))


def batch_numbers(data: PyDataset, order: np.random.Generator | None) -> Iterator[int]:
    """Yield the numbers of the batches of one epoch, shuffled by `order` if given."""
    count = data.num_batches
    if count is None:
        yield from itertools.count()
    elif order is None:
        yield from range(count)
    else:
        yield from map(int, order.permutation(count))


def prepared(data: PyDataset, numbers: Iterator[int]) -> Generator[Any, None, None]:
    """Yield batches in the order of `numbers`, some prepared ahead by threads."""
    workers = data.workers
    if workers <= 1:
        yield from map(data.__getitem__, numbers)
        return
    ahead = max(data.max_queue_size, 1)
    with closing(in_parallel(data.__getitem__, numbers, workers, ahead)) as batches:
        yield from batches
