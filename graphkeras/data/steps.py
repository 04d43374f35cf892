"""What a data set is made of: steps, each of which reads the one before it.

A step makes its elements anew each time it is asked. `probe` asks for a look at them:
nothing is shuffled, counted or kept, so that it changes no later pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

import numpy as np

from graphkeras import config, dtypes, tree
from graphkeras.data import elements
from graphkeras.data.elements import TensorSpec
from graphkeras.data.workers import closing_if_can, in_parallel, prefetched
from graphkeras.errors import DataError, message
from graphkeras.ir.draws import Draws

INFINITE = -1  # as cardinality: there is no end
UNKNOWN = -2  # as cardinality: only reading tells

Elements = Generator[Any, None, None]


class Step:
    """One step of a data set.

    Attributes:
        sources: the steps it reads.
    """

    sources: tuple[Step, ...] = ()

    @property
    def source(self) -> Step:
        """The step it reads, if there is one."""
        return self.sources[0]

    def elements(self, probe: bool = False) -> Elements:
        """Yield the elements of one pass."""
        raise NotImplementedError

    def open(self, probe: bool = False) -> closing[Elements]:
        """Return the elements of one pass, to be used with ``with``."""
        return closing(self.elements(probe))

    def count(self) -> int:
        """Return how many elements a pass has, or INFINITE or UNKNOWN."""
        return self.source.count()

    def spec(self) -> Any:
        """Return the TensorSpecs of an element."""
        return self.source.spec()

    def sample(self) -> Any:
        """Return the first element.

        Raises:
            DataError: if there is none.
        """
        with self.open(probe=True) as items:
            for element in items:
                return element
        raise DataError(
            message("element_spec", "expected at least one element to look at.", "none")
        )


# ------------------------------------------------------------------------ beginnings


class Numbers(Step):
    """The numbers 0, 1, ... below `stop`: which rows of arrays to visit."""

    def __init__(self, start: int, stop: int, by: int = 1) -> None:
        self.range = range(start, stop, by)

    def elements(self, probe: bool = False) -> Elements:
        yield from self.range

    def count(self) -> int:
        return len(self.range)


class Rows(Step):
    """Rows of arrays, in the order of their numbers.

    Steps that only choose elements are done on the numbers, so that a batch is read
    from the arrays at once.
    """

    def __init__(self, arrays: Any, numbers: Step | None = None) -> None:
        self.arrays = arrays
        rows = elements.length("from_tensor_slices", arrays)
        self.numbers = numbers or Numbers(0, rows)

    def elements(self, probe: bool = False) -> Elements:
        with self.numbers.open(probe) as numbers:
            for number in numbers:
                yield elements.rows(self.arrays, number)

    def count(self) -> int:
        return self.numbers.count()

    def spec(self) -> Any:
        return elements.map_leaves(TensorSpec.row, elements.spec_of(self.arrays))


class Items(Step):
    """What a user's function yields each time it is called.

    Args:
        make: returns an iterable.
        signature: TensorSpecs to hold it to, None for anything.
    """

    def __init__(self, make: Callable[[], Any], signature: Any = None) -> None:
        self.make, self.signature = make, signature

    def elements(self, probe: bool = False) -> Elements:
        with closing_if_can(iter(self.make())) as items:
            for item in items:
                yield self._held(elements.as_element(item))

    def _held(self, element: Any) -> Any:
        if self.signature is None:
            return element
        if not tree.same_structure(self.signature, element):
            raise DataError(
                message(
                    "from_generator", "expected elements of the given signature,"
                    f" {self.signature}.", f"{elements.spec_of(element)}",
                )
            )  # fmt: skip
        return tree.map_structure(_as_specified, self.signature, element)

    def count(self) -> int:
        return UNKNOWN

    def spec(self) -> Any:
        if self.signature is not None:
            return self.signature
        return elements.spec_of(self.sample())


def _as_specified(spec: TensorSpec, array: np.ndarray) -> np.ndarray:
    if not spec.takes(array):
        raise DataError(
            message("from_generator", f"expected shape {list(spec.shape or ())}.",
                    f"shape {list(array.shape)}", "Give None for sizes that vary.")
        )  # fmt: skip
    return array.astype(dtypes.to_numpy(spec.dtype), copy=False)


# -------------------------------------------------------- steps that choose or repeat


class Shuffle(Step):
    """Elements in random order, drawn from a buffer of the next ones.

    Args:
        source: what to read.
        size: how many elements the buffer holds.
        seed: decides the orders.
        again: whether each pass has an order of its own.
    """

    def __init__(self, source: Step, size: int, seed: int | None, again: bool) -> None:
        self.sources, self.size, self.again = (source,), size, again
        self.seed = config.draw_seed() if seed is None else int(seed)
        self.passes = itertools.count()

    def elements(self, probe: bool = False) -> Elements:
        with self.source.open(probe) as items:
            if probe:
                yield from items
                return
            number = next(self.passes) if self.again else 0
            random = np.random.default_rng([abs(self.seed), int(self.seed < 0), number])
            buffer = list(itertools.islice(items, self.size))
            places = _places(random, len(buffer))
            for item, place in zip(items, places):
                yield buffer[place]
                buffer[place] = item
            for place in random.permutation(len(buffer)).tolist():
                yield buffer[place]


def _places(random: np.random.Generator, size: int) -> Iterator[int]:
    """Yield random places of a buffer, drawn many at a time because that is quicker."""
    while size:
        yield from random.integers(0, size, 1024).tolist()


class Take(Step):
    """The first elements."""

    def __init__(self, source: Step, number: int) -> None:
        self.sources, self.number = (source,), number

    def elements(self, probe: bool = False) -> Elements:
        with self.source.open(probe) as items:
            yield from itertools.islice(items, self.number)

    def count(self) -> int:
        count = self.source.count()
        if count == UNKNOWN:
            return 0 if self.number == 0 else UNKNOWN
        return self.number if count == INFINITE else min(count, self.number)


class Skip(Step):
    """All but the first elements."""

    def __init__(self, source: Step, number: int) -> None:
        self.sources, self.number = (source,), number

    def elements(self, probe: bool = False) -> Elements:
        with self.source.open(probe) as items:
            yield from itertools.islice(items, self.number, None)

    def count(self) -> int:
        count = self.source.count()
        return count if count < 0 else max(count - self.number, 0)


class Shard(Step):
    """Every so many-th element."""

    def __init__(self, source: Step, parts: int, part: int) -> None:
        self.sources, self.parts, self.part = (source,), parts, part

    def elements(self, probe: bool = False) -> Elements:
        with self.source.open(probe) as items:
            yield from itertools.islice(items, self.part, None, self.parts)

    def count(self) -> int:
        count = self.source.count()
        return count if count < 0 else len(range(self.part, count, self.parts))


class Repeat(Step):
    """All elements several times; without end if `times` is None."""

    def __init__(self, source: Step, times: int | None) -> None:
        self.sources, self.times = (source,), times

    def elements(self, probe: bool = False) -> Elements:
        passes = itertools.count() if self.times is None else range(self.times)
        for _ in passes:
            empty = True
            with self.source.open(probe) as items:
                for element in items:
                    empty = False
                    yield element
            if empty:  # for ever nothing is nothing
                return

    def count(self) -> int:
        count = self.source.count()
        if count == 0 or self.times == 0:
            return 0
        if count < 0 or self.times is None:
            return INFINITE if self.times is None else count
        return count * self.times


class Filter(Step):
    """The elements for which a user's function is true."""

    def __init__(self, source: Step, predicate: Callable[..., Any]) -> None:
        self.sources, self.predicate = (source,), predicate

    def elements(self, probe: bool = False) -> Elements:
        with self.source.open(probe) as items:
            for element in items:
                if _is_true(called(self.predicate, element)):
                    yield element

    def count(self) -> int:
        count = self.source.count()
        return count if count in (0, INFINITE) else UNKNOWN


def _is_true(answer: Any) -> bool:
    array = np.asarray(answer)
    if array.size != 1:
        raise DataError(
            message("filter", "the predicate must return one truth value.",
                    f"shape {list(array.shape)}", "Use ops.all or ops.any.")
        )  # fmt: skip
    return bool(array.reshape(()))


class Cache(Step):
    """Elements kept in memory once a pass has been read to its end."""

    def __init__(self, source: Step) -> None:
        self.sources = (source,)
        self.kept: list[Any] | None = None

    def elements(self, probe: bool = False) -> Elements:
        if self.kept is not None:
            yield from self.kept
            return
        reading: list[Any] = []
        with self.source.open(probe) as items:
            for element in items:
                if not probe:
                    reading.append(element)
                yield element
        if not probe:
            self.kept = reading


class Concatenate(Step):
    """The elements of one step after those of another."""

    def __init__(self, *sources: Step) -> None:
        self.sources = sources

    def elements(self, probe: bool = False) -> Elements:
        for source in self.sources:
            with source.open(probe) as items:
                yield from items

    def count(self) -> int:
        counts = [source.count() for source in self.sources]
        if INFINITE in counts:
            return INFINITE
        return UNKNOWN if UNKNOWN in counts else sum(counts)

    def spec(self) -> Any:
        specs = [source.spec() for source in self.sources]
        return tree.map_structure(_common_spec, *specs)


def _common_spec(first: TensorSpec, *others: TensorSpec) -> TensorSpec:
    shapes = [spec.shape for spec in (first, *others)]
    if None in shapes or len({len(s or ()) for s in shapes}) > 1:
        return TensorSpec(None, first.dtype)
    sizes = zip(*(shape or () for shape in shapes))
    same = (s[0] if len(set(s)) == 1 else None for s in sizes)
    return TensorSpec(tuple(same), first.dtype)


# --------------------------------------------------- steps that make other elements


def called(function: Callable[..., Any], element: Any) -> Any:
    """Call a user's function as tf.data does: a tuple's parts are its arguments."""
    seen = elements.tensors(element)
    if isinstance(seen, tuple) and not hasattr(seen, "_fields"):
        return function(*seen)
    return function(seen)


class Map(Step):
    """What a user's function makes of each element.

    Args:
        source: what to read.
        function: takes tensors.
        workers: how many threads call it at once; 1 for the thread that reads.
    """

    def __init__(
        self, source: Step, function: Callable[..., Any], workers: int
    ) -> None:
        self.sources, self.function, self.workers = (source,), function, workers

    def elements(self, probe: bool = False) -> Elements:
        draws = Draws()  # random layers: one key an element, whoever computes it

        def result(numbered: tuple[int, Any]) -> Any:
            number, element = numbered
            with draws.call(number):
                return elements.as_element(called(self.function, element))

        with self.source.open(probe) as items:
            numbered = enumerate(items)
            if self.workers == 1 or probe:
                yield from map(result, numbered)
                return
            results = in_parallel(result, numbered, self.workers, 2 * self.workers)
            with closing_if_can(results) as computed:
                yield from computed

    def spec(self) -> Any:
        """Sizes of the first result; its first axis is free if the sources' are."""
        element = self.source.sample()
        with Draws().call(0):
            made = elements.as_element(called(self.function, element))
        given = tree.flatten(self.source.spec())
        pairs = zip(given, tree.flatten(element))
        batches = {a.shape[0] for s, a in pairs if s and (s.shape or ())[:1] == (None,)}
        free = batches.pop() if len(batches) == 1 else None

        def spec(array: np.ndarray) -> TensorSpec:
            if free is None or array.shape[:1] != (free,):
                return TensorSpec.of(array)
            return TensorSpec((None, *array.shape[1:]), dtypes.of_array(array))

        return elements.map_leaves(spec, made)


class Batch(Step):
    """So many elements as one; the last batch may be smaller.

    Args:
        source: what to read.
        size: elements in a batch.
        drop: whether a smaller last one is left out.
        combine: makes one element of several.
    """

    def __init__(
        self, source: Step, size: int, drop: bool,
        combine: Callable[[list[Any]], Any] = elements.stacked,
    ) -> None:  # fmt: skip
        self.sources, self.size, self.drop = (source,), size, drop
        self.combine = combine

    def elements(self, probe: bool = False) -> Elements:
        with self.source.open(probe) as items:
            for group in _groups(items, self.size, self.drop):
                yield self.combine(group)

    def count(self) -> int:
        count = self.source.count()
        if count < 0:
            return count
        return count // self.size if self.drop else -(-count // self.size)

    def spec(self) -> Any:
        size = self.size if self.drop else None
        return elements.map_leaves(lambda s: s.stacked(size), self.source.spec())


class PaddedBatch(Batch):
    """So many elements of different sizes as one."""

    def spec(self) -> Any:
        size = self.size if self.drop else None
        made = elements.spec_of(self.sample())
        return tree.map_structure(
            lambda s: None if s is None else
            TensorSpec((size, *([None] * (len(s.shape) - 1))), s.dtype), made,
        )  # fmt: skip


def _groups(items: Iterator[Any], size: int, drop: bool) -> Iterator[list[Any]]:
    while group := list(itertools.islice(items, size)):
        if drop and len(group) < size:
            return
        yield group


class RowBatches(Batch):
    """Batches of rows, read from the arrays at once."""

    source: Rows

    def elements(self, probe: bool = False) -> Elements:
        with self.source.numbers.open(probe) as numbers:
            for group in _groups(numbers, self.size, self.drop):
                yield elements.rows(self.source.arrays, _slice_if_can(group))

    def order(self) -> np.ndarray | None:
        """Return the row numbers of a new pass, None for all in their order."""
        numbers = self.source.numbers
        rows = elements.length("batch", self.source.arrays)
        plain = isinstance(numbers, Numbers) and numbers.range == range(rows)
        if plain and not (self.drop and rows % self.size):
            return None
        with numbers.open() as items:
            found = np.fromiter(items, np.int64)
        return found[: len(found) // self.size * self.size] if self.drop else found

    def orders(self, steps: int) -> Iterator[np.ndarray]:
        """Yield the row numbers of the next `steps` batches, until there are none."""
        with self.source.numbers.open() as numbers:
            for group in _groups(numbers, steps * self.size, drop=False):
                rest = len(group) % self.size if self.drop else 0
                if len(group) > rest:
                    yield np.asarray(group[: len(group) - rest], np.int64)


def _slice_if_can(numbers: list[int]) -> Any:
    """A slice of an array is no copy, a list of its rows is one."""
    low, high = numbers[0], numbers[-1] + 1
    if high - low == len(numbers) and numbers == list(range(low, high)):
        return slice(low, high)
    return np.asarray(numbers)


class Unbatch(Step):
    """The rows of each element."""

    def __init__(self, source: Step) -> None:
        self.sources = (source,)

    def elements(self, probe: bool = False) -> Elements:
        with self.source.open(probe) as items:
            for element in items:
                for row in range(elements.length("unbatch", element)):
                    yield elements.rows(element, row)

    def count(self) -> int:
        if isinstance(self.source, Batch):
            inner, count = self.source.source.count(), self.source.count()
            return count * self.source.size if self.source.drop and count > 0 else inner
        count = self.source.count()
        return count if count in (0, INFINITE) else UNKNOWN

    def spec(self) -> Any:
        return elements.map_leaves(TensorSpec.row, self.source.spec())


class Zip(Step):
    """Elements of several steps side by side, as many as the shortest has."""

    def __init__(self, structure: Any) -> None:
        self.structure = structure
        self.sources = tuple(tree.flatten(structure))

    def elements(self, probe: bool = False) -> Elements:
        opened = [source.elements(probe) for source in self.sources]
        try:
            for parts in zip(*opened):
                yield self._packed(list(parts))
        finally:
            for items in opened:
                items.close()

    def _packed(self, parts: list[Any]) -> Any:
        rest = iter(parts)
        return _filled(self.structure, rest)

    def count(self) -> int:
        counts = [source.count() for source in self.sources]
        known = [count for count in counts if count != INFINITE]
        if not known:
            return INFINITE
        return 0 if 0 in known else UNKNOWN if UNKNOWN in known else min(known)

    def spec(self) -> Any:
        return self._packed([source.spec() for source in self.sources])


def _filled(structure: Any, parts: Iterator[Any]) -> Any:
    """Put parts, which may be nested, where the steps of a structure are."""
    if isinstance(structure, Mapping):
        found = {k: _filled(structure[k], parts) for k in tree.sorted_keys(structure)}
        return {key: found[key] for key in structure}
    if isinstance(structure, (tuple, list)):
        return tuple(_filled(child, parts) for child in structure)
    return next(parts)


class Enumerate(Step):
    """Elements with their numbers before them."""

    def __init__(self, source: Step, start: int) -> None:
        self.sources, self.start = (source,), start

    def elements(self, probe: bool = False) -> Elements:
        with self.source.open(probe) as items:
            for number, element in enumerate(items, self.start):
                yield np.asarray(number, np.int64), element

    def spec(self) -> Any:
        return TensorSpec((), "int64"), self.source.spec()


class Prefetch(Step):
    """The same elements, made ahead by a thread."""

    def __init__(self, source: Step, size: int) -> None:
        self.sources, self.size = (source,), size

    def elements(self, probe: bool = False) -> Elements:
        items = self.source.elements(probe)  # closed by the thread that reads it
        with closing(items if probe else prefetched(items, self.size)) as found:
            yield from found
