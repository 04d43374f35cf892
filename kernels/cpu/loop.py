"""Loop nests: elementwise, reductions over inner axes, reductions over leading axes.

Reductions are deterministic: what is added to what depends on the sizes alone. Sums
stay accurate because no accumulator takes more than BLOCK values before it is emptied
into one a level up, and because four vectors of accumulators share the work:

    x x x x  x x x x  x x x x  x x x x | x x x x ...        (lanes = 4)
    \\ a0  /  \\ a1  /  \\ a2  /  \\ a3  /    a0 += ...
    total = total + ((a0 + a1) + (a2 + a3)), then lanes in halves: 4 -> 2 -> 1
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Local, native_lanes
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar, is_multiple, known

BLOCK = 1024
ACCUMULATORS = 4

Indices = tuple[Index, ...]
Scalars = tuple[Scalar, ...]
Body = Callable[[Indices, int], None]
Load = Callable[[Indices, Indices, int], Scalars]
Combine = Callable[[Emit, Scalars, Scalars], Scalars]
Store = Callable[[Indices, Scalars], None]
Set = tuple[Local, ...]


def nest(e: Emit, shape: Sequence[Index], body: Callable[[Indices], None]) -> None:
    """body(indices) for every index of `shape`, in C order."""
    with ExitStack() as stack:
        indices = tuple(stack.enter_context(e.loop(0, size)) for size in shape)
        body(indices)


def whole_part(e: Emit, size: Index, step: int) -> tuple[Index, Index]:
    """Split a size in whole steps and the rest."""
    if is_multiple(size, step):
        return size, 0
    whole = e.mul(e.floordiv(size, step), step)
    return whole, e.sub(size, whole)


def stretch(
    e: Emit,
    start: Index,
    stop: Index,
    lanes: int,
    body: Callable[[Index, int], None],
    repeat: int = 1,
) -> None:
    """Cover [start, stop) by steps of `repeat` vectors, then single elements."""
    if lanes == 1:
        with e.loop(start, stop) as i:
            body(i, 1)
        return
    step = lanes * repeat
    whole, rest = whole_part(e, e.sub(stop, start), step)
    middle = e.add(start, whole)
    if known(whole) != 0:
        with e.loop(start, middle, step) as i:
            for part in range(repeat):
                body(e.add(i, part * lanes), lanes)
    if known(rest) != 0:
        with e.loop(middle, stop) as i:
            body(i, 1)


def cover(
    e: Emit, size: Index, lanes: int, body: Callable[[Index, int, Index], None]
) -> None:
    """body(i, lanes, live) over [0, size): whole vectors, then one partly alive.

    `live` lanes from i on exist: memory is to be touched by `load_some`, `store_some`.
    """
    count = known(size)
    if count is not None:
        while lanes > 1 and lanes // 2 >= count:
            lanes //= 2
    whole, rest = whole_part(e, size, lanes)
    if known(whole) != 0:
        with e.loop(0, whole, lanes) as i:
            body(i, lanes, lanes)
    if known(rest) != 0:
        with e.when(e.gt(rest, 0)):
            body(whole, lanes, rest)


def elementwise(
    e: Emit,
    shape: Sequence[Index],
    body: Body,
    vector: bool,
    lanes: int | None = None,
) -> None:
    """body(indices, lanes) over `shape`, vectors along the last axis if `vector`."""
    if not shape:
        body((), 1)
        return
    width = (lanes or native_lanes("float32")) if vector else 1

    def row(outer: Indices) -> None:
        stretch(e, 0, shape[-1], width, lambda i, n: body((*outer, i), n))

    nest(e, shape[:-1], row)


def zero(e: Emit, out: Array) -> None:
    """Fill an array with zeros."""

    def body(indices: Indices, lanes: int) -> None:
        blank = e.constant(out.dtype, 0, lanes)
        e.store(out, out.offset(e, indices), blank)

    dense = not out.shape or out.strides[-1] == 1
    elementwise(e, out.shape, body, dense, native_lanes(out.dtype))


def sum_lanes(e: Emit, value: Scalar) -> Scalar:
    """The lanes of a vector added in halves."""
    while value.lanes > 1:
        half = value.lanes // 2
        low = Term(e, e.shuffle(value, value, range(half)))
        high = Term(e, e.shuffle(value, value, range(half, 2 * half)))
        value = (low + high).scalar
    return value


class _Fold:
    """Sets of accumulators and how they are emptied into each other."""

    def __init__(self, e: Emit, combine: Combine, identity: Scalars) -> None:
        self.e, self.combine, self.identity = e, combine, identity

    def fresh(self, lanes: int) -> Set:
        """Accumulators at the identity."""
        return tuple(self.e.local(i.dtype, i, lanes) for i in self.identity)

    def reset(self, accumulator: Set) -> None:
        """Back to the identity."""
        for local, identity in zip(accumulator, self.identity):
            local.set(self.e.splat(identity, local.lanes))

    def values(self, accumulator: Set) -> Scalars:
        """What they hold."""
        return tuple(local.get() for local in accumulator)

    def take(self, accumulator: Set, values: Scalars) -> None:
        """accumulator = combine(accumulator, values)"""
        combined = self.combine(self.e, self.values(accumulator), values)
        for local, value in zip(accumulator, combined):
            local.set(value)

    def join(self, accumulators: Sequence[Set]) -> Scalars:
        """Neighbours combined in pairs until one is left."""
        level = [self.values(a) for a in accumulators]
        while len(level) > 1:
            level = [
                self.combine(self.e, *level[i : i + 2]) for i in range(0, len(level), 2)
            ]
        return level[0]

    def across(self, values: Scalars) -> Scalars:
        """The lanes of a vector combined in halves."""
        while values[0].lanes > 1:
            half = values[0].lanes // 2
            low = tuple(self.e.shuffle(v, v, range(half)) for v in values)
            high = tuple(self.e.shuffle(v, v, range(half, 2 * half)) for v in values)
            values = self.combine(self.e, low, high)
        return values


def _blocks(
    e: Emit, size: Index, block: int, body: Callable[[Index, Index], None]
) -> None:
    """body(start, stop) for each block of [0, size)."""
    count = known(size)
    if count is not None and count <= block:
        body(0, count)
        return
    with e.loop(0, size, block) as start:
        body(start, e.minimum(e.add(start, block), size))


def reduce(
    e: Emit,
    outer: Sequence[Index],
    inner: Sequence[Index],
    load: Load,
    combine: Combine,
    identity: Scalars,
    store: Store,
    vector: bool,
) -> None:
    """For every outer index, fold over the inner nest, vectors along its last axis."""
    fold = _Fold(e, combine, identity)
    lanes = native_lanes("float32") if vector and inner else 1

    def one(outer_index: Indices) -> None:
        wide = [fold.fresh(lanes)] if lanes > 1 else []
        total = [*wide, fold.fresh(1)]
        _level(fold, outer_index, (), tuple(inner), load, total)
        result = fold.values(total[-1])
        if wide:
            result = combine(e, fold.across(fold.values(total[0])), result)
        store(outer_index, result)

    nest(e, outer, one)


def _level(
    fold: _Fold,
    outer: Indices,
    done: Indices,
    left: Indices,
    load: Load,
    total: list[Set],
) -> None:
    """Fold the axes `left`, in blocks, into `total` (a vector set, a single set)."""
    e = fold.e
    if not left:
        fold.take(total[-1], load(outer, done, 1))
        return
    lanes = total[0][0].lanes
    if len(left) == 1:
        size = BLOCK * ACCUMULATORS * lanes if lanes > 1 else BLOCK
        _blocks(
            e, left[0], size, lambda a, b: _row(fold, outer, done, a, b, load, total)
        )
        return

    def block(start: Index, stop: Index) -> None:
        partial = [fold.fresh(s[0].lanes) for s in total]
        with e.loop(start, stop) as i:
            _level(fold, outer, (*done, i), left[1:], load, partial)
        for whole, part in zip(total, partial):
            fold.take(whole, fold.values(part))

    _blocks(e, left[0], BLOCK, block)


def _row(
    fold: _Fold,
    outer: Indices,
    done: Indices,
    start: Index,
    stop: Index,
    load: Load,
    total: list[Set],
) -> None:
    """Fold [start, stop) of the last axis into `total`."""
    e, lanes = fold.e, total[0][0].lanes
    single = fold.fresh(1)
    middle = start
    if lanes > 1:
        step = lanes * ACCUMULATORS
        whole = e.mul(e.floordiv(e.sub(stop, start), step), step)
        several = [fold.fresh(lanes) for _ in range(ACCUMULATORS)]
        with e.loop(start, e.add(start, whole), step) as i:
            for part, accumulator in enumerate(several):
                at = (*done, e.add(i, part * lanes))
                fold.take(accumulator, load(outer, at, lanes))
        rest = e.add(start, whole)
        vectors = e.mul(e.floordiv(e.sub(stop, rest), lanes), lanes)
        middle = e.add(rest, vectors)
        with e.loop(rest, middle, lanes) as i:
            fold.take(several[0], load(outer, (*done, i), lanes))
        fold.take(total[0], fold.join(several))
    with e.loop(middle, stop) as i:
        fold.take(single, load(outer, (*done, i), 1))
    fold.take(total[-1], fold.values(single))


def reduce_columns(
    e: Emit,
    outer: Sequence[Index],
    inner: Sequence[Index],
    load: Load,
    combine: Combine,
    identity: Scalars,
    store: Store,
    vector: bool,
) -> None:
    """As `reduce`, with the lanes along the last outer axis: sums of columns.

    Four vectors of columns go down the inner nest together, so that each row read is
    a whole cache line or more. Where there are fewer, several rows go together: a sum
    waits for the one before.
    """
    fold = _Fold(e, combine, identity)
    lanes = native_lanes("float32") if vector else 1

    def columns(prefix: Indices, column: Index, width: int, count: int) -> None:
        indices = [(*prefix, e.add(column, part * width)) for part in range(count)]
        total = [fold.fresh(width) for _ in indices]
        _down(fold, indices, (), tuple(inner), load, total)
        for index, accumulator in zip(indices, total):
            store(index, fold.values(accumulator))

    def row(prefix: Indices) -> None:
        size = outer[-1]
        start: Index = 0
        for width, count in _widths(lanes, known(size)):
            step = width * count
            whole, rest = whole_part(e, e.sub(size, start), step)
            stop = e.add(start, whole)
            if known(whole) != 0:
                with e.loop(start, stop, step) as column:
                    columns(prefix, column, width, count)
            if known(rest) == 0:
                return
            start = stop

    nest(e, outer[:-1], row)


def _widths(lanes: int, size: int | None) -> list[tuple[int, int]]:
    """(lanes, vectors) of the column strips, widest first."""
    if lanes == 1:
        return [(1, 1)]
    several = range(ACCUMULATORS, 0, -1) if size is not None else (ACCUMULATORS, 1)
    widths = [(lanes, count) for count in several]
    while lanes > 1:
        lanes //= 2
        widths.append((lanes, 1))
    return widths


def _down(
    fold: _Fold,
    indices: list[Indices],
    done: Indices,
    left: Indices,
    load: Load,
    total: list[Set],
) -> None:
    """Fold the axes `left` of several columns into `total`."""
    e = fold.e
    if not left:
        for index, accumulator in zip(indices, total):
            fold.take(accumulator, load(index, done, accumulator[0].lanes))
        return

    def block(start: Index, stop: Index) -> None:
        together = _rows_together(len(indices), left)
        partial = [[fold.fresh(s[0].lanes) for s in total] for _ in range(together)]
        whole, rest = whole_part(e, e.sub(stop, start), together)
        middle = e.add(start, whole)
        with e.loop(start, middle, together) as i:
            for number, sums in enumerate(partial):
                at = (*done, e.add(i, number))
                _down(fold, indices, at, left[1:], load, sums)
        if known(rest) != 0:
            with e.loop(middle, stop) as i:
                _down(fold, indices, (*done, i), left[1:], load, partial[0])
        for whole_sum, *parts in zip(total, *partial):
            fold.take(whole_sum, fold.join(parts))

    _blocks(e, left[0], BLOCK, block)


def _rows_together(columns: int, left: Indices) -> int:
    """How many rows go down at a time: two or four if there are few columns."""
    rows = known(left[0])
    if len(left) > 1 or (rows is not None and rows < 2 * ACCUMULATORS):
        return 1
    return {1: ACCUMULATORS, 2: 2}.get(columns, 1)
