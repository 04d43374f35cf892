"""Reading and adding at computed places, and the place of the largest or smallest.

Places count from the end when negative; what lies outside is moved to the nearest
cell, so that no index can touch foreign memory.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, Local, kernel, native_lanes
from graphkeras.kernels.cpu.limits import highest, lowest
from graphkeras.kernels.cpu.loop import elementwise, nest, stretch, zero
from graphkeras.kernels.cpu.reuse import once
from graphkeras.kernels.cpu.target import accumulator
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import Epilogue, Panel
from graphkeras.kernels.cpu.value import Index, Scalar, known

Indices = tuple[Index, ...]
Ask = Callable[[Emit, Index], None]
PLACE = "int32"
AHEAD = 8  # rows asked for before their turn
SOON = 4  # ... of those that are named
LISTED = 256  # rows among which those that are named are found at a time
VECTORS = 8  # columns whose sums are held in registers
SHORT_RUN = 16  # elements that are copied at once


def _place(e: Emit, indices: Array, at: Indices, size: Index) -> Index:
    """The index stored there, as one of [0, size)."""
    raw = e.to_index(e.load(indices, indices.offset(e, at)))
    counted = e.choose(e.lt(raw, 0), e.add(raw, size), raw)
    return e.clamp(counted, 0, e.sub(size, 1))


def _ahead(e: Emit, indices: Array, at: Indices) -> Indices:
    """The index some places on, whose cells may be far away: ask for them early."""
    if not at:
        return at
    last = e.sub(indices.shape[-1], 1)
    return (*at[:-1], e.minimum(e.add(at[-1], AHEAD), last))


def _dense(*arrays: Array) -> bool:
    """Whether vectors may run along the last axis of all of them."""
    return all(a.shape and known(a.strides[-1]) == 1 for a in arrays)


@cut(indices=0, out="axis")
@cut(x=0, out=0, beside="axis")
@kernel
def take(e: Emit, x: Array, indices: Array, out: Array, *, axis: int) -> None:
    """x[..., n, ...], indices[...] -> out[..., i, ...]: cells of an axis by index."""
    size = x.shape[axis]
    rank = indices.rank

    def cell(index: Indices) -> None:
        leading, place = index[:axis], index[axis:]
        chosen = _place(e, indices, place, size)
        source, target = x.at(e, *leading, chosen), out.at(e, *index)
        later = x.at(e, *leading, _place(e, indices, _ahead(e, indices, place), size))

        def copy(rest: Indices, lanes: int) -> None:
            if lanes > 1:
                e.prefetch(later, later.offset(e, rest))
            value = e.load(source, source.offset(e, rest), lanes)
            e.store(target, target.offset(e, rest), value)

        run = known(target.shape[0]) if target.rank == 1 else None
        if run is not None and 1 < run <= SHORT_RUN and _dense(source, target):
            copy((0,), run)  # a pixel, say: one vector of as many lanes
            return
        lanes = native_lanes(x.dtype)
        elementwise(e, target.shape, copy, _dense(source, target), lanes)

    with e.when(e.gt(size, 0)):
        nest(e, out.shape[: axis + rank], cell)


@kernel
def chain(e: Emit, indices: Array, rows: Array, first: Array, following: Array) -> None:
    """indices -> rows[p], first[n], following[p]: the places of each row, linked.

    From the last place to the first, so that a row's places come in order.
    """
    size, count = first.shape[0], rows.shape[0]
    flat = Array(indices.pointer, indices.dtype, (count,), (1,))
    none = e.constant(first.dtype, -1)

    def blank(index: Indices, lanes: int) -> None:
        e.store(first, index[0], e.splat(none, lanes))

    elementwise(e, (size,), blank, True, native_lanes(first.dtype))
    with e.loop(0, count) as step:
        place = e.sub(e.sub(count, 1), step)
        row = _place(e, flat, (place,), size)
        e.store(rows, place, e.from_index(row, rows.dtype))
        with e.when(e.gt(size, 0)):
            e.store(following, place, e.load(first, row))
            e.store(first, row, e.from_index(place, first.dtype))


@cut(first=0, out=0)
@once
@kernel
def sum_chains(
    e: Emit,
    rows: Array,
    first: Array,
    following: Array,
    updates: Array,
    out: Array,
    *,
    epilogue: Epilogue | None = None,
    ask: Ask | None = None,
) -> None:
    """rows, first[n], following, updates[p, ...] -> out[n, ...]: sum of each row.

    A row's updates are added in their order; `epilogue` is applied to each sum, row by
    row and column by column, and out holds nothing else on the way. With `ask`, which
    is to ask for what the epilogue reads of a row, rows without updates stay as they
    are.
    """
    columns = out.shape[-1] if out.rank > 1 else 1
    lines = e.product(out.shape[1:-1])
    width = e.mul(lines, columns)
    lanes, size = native_lanes(out.dtype), known(columns)
    vectors = VECTORS if size is None else max(1, min(VECTORS, -(-size // lanes)))
    buffer = Array(e.scratch(out.dtype, vectors * lanes), out.dtype, (), ())
    last = e.sub(first.shape[0], 1)

    def line(row: Index, number: Index, later: Index) -> None:
        """One line of a row: that along the last axis."""
        start = e.mul(number, columns)
        begin, soon = (e.to_index(e.load(first, at)) for at in (row, later))
        with e.loop(0, columns, vectors * lanes) as column:
            live = e.minimum(vectors * lanes, e.sub(columns, column))
            if size is not None and size % (vectors * lanes) == 0:
                live = vectors * lanes
            cut, part = Panel(vectors, lanes, live), (width, e.add(start, column))
            _sum_row(e, begin, soon, following, updates, part, cut, buffer)
            above = e.add(e.mul(row, lines), number)

            def finish(at: Index, n: int) -> None:
                value, place = e.load(buffer, at, n), e.add(column, at)
                if epilogue is not None:
                    where = (above, place) if out.rank > 1 else (0, above)
                    value = epilogue(e, value, *where, n)
                e.store(out, e.add(e.mul(above, columns), place), value)

            stretch(e, 0, cut.live, lanes, finish)

    if ask is not None:
        with _named(e, first, ask) as (row, later), e.loop(0, lines) as number:
            line(row, number, later)
        return
    with e.loop(0, first.shape[0]) as row, e.loop(0, lines) as number:
        line(row, number, e.minimum(e.add(row, AHEAD), last))


@contextmanager
def _named(e: Emit, first: Array, ask: Ask) -> Iterator[tuple[Index, Index]]:
    """For each row that has places: the row, and one that is asked for in time."""
    listed = Array(e.scratch(PLACE, LISTED), PLACE, (), ())
    found = e.counter(0)
    with e.loop(0, first.shape[0], LISTED) as start:
        found.set(0)
        stop = e.minimum(e.add(start, LISTED), first.shape[0])
        with e.loop(start, stop) as row:  # without a branch that is hard to foretell
            e.store(listed, found.get(), e.from_index(row, PLACE))
            here = e.to_index(e.load(first, row))
            found.step(e.choose(e.ge(here, 0), 1, 0))
        count = e.add(found.get(), 0)
        with e.loop(0, count) as number:
            soon = e.minimum(e.add(number, SOON), e.sub(count, 1))
            row, later = (e.to_index(e.load(listed, at)) for at in (number, soon))
            ask(e, later)
            yield row, later


def _sum_row(
    e: Emit,
    begin: Index,
    soon: Index,
    following: Array,
    updates: Array,
    part: tuple[Index, Index],
    cut: Panel,
    buffer: Array,
) -> None:
    """The sum of a chain's updates, of some columns, into the buffer."""
    (width, column), lanes = part, cut.lanes
    dtype = accumulator(updates.dtype)
    zero = e.constant(dtype, 0)
    sums = [e.local(dtype, zero, lanes) for _ in range(cut.vectors)]
    here = e.counter(begin)
    ahead = e.add(e.mul(e.maximum(soon, 0), width), column)
    with e.loop_while(lambda: e.ge(here.get(), 0)):
        start = e.add(e.mul(here.get(), width), column)
        for v, total in enumerate(sums):
            e.prefetch(updates, e.add(ahead, v * lanes))
            place = e.add(start, v * lanes)
            value = e.load_some(updates, place, lanes, cut.left(e, v))
            wide = Term(e, e.cast(value, dtype)) + Term(e, total.get())
            total.set(wide.scalar)
        here.set(e.to_index(e.load(following, here.get())))
    for v, total in enumerate(sums):
        e.store(buffer, v * lanes, e.cast(total.get(), buffer.dtype))


def _add(e: Emit, array: Array, offset: Index, value: Term) -> None:
    total = Term(e, e.load(array, offset, value.lanes)) + value
    # The sum of two half floats is a float32 that still has to be rounded.
    e.store(array, offset, e.round(total.scalar))


def _along(indices: Indices, shape: Indices, axis: int, cell: Index) -> Indices:
    """`indices` with `cell` on the axis; an axis of size 1 is repeated."""
    places = [0 if known(s) == 1 else i for i, s in zip(indices, shape)]
    places[axis] = cell
    return tuple(places)


@cut(x=0, indices=0, out=0, beside="axis")
@kernel
def take_along_axis(
    e: Emit, x: Array, indices: Array, out: Array, *, axis: int
) -> None:
    """x[..., n, ...], indices[..., i, ...] -> out[..., i, ...]: cell by cell."""
    axis = axis % x.rank
    size = x.shape[axis]

    def cell(index: Indices) -> None:
        where = _along(index, indices.shape, axis, index[axis])
        chosen = _place(e, indices, where, size)
        source = x.offset(e, _along(index, x.shape, axis, chosen))
        e.store(out, out.offset(e, index), e.load(x, source))

    with e.when(e.gt(size, 0)):
        nest(e, out.shape, cell)


@cut(indices=0, updates=0, out=0, beside="axis")
@kernel
def scatter_add_along_axis(
    e: Emit, indices: Array, updates: Array, out: Array, *, axis: int
) -> None:
    """indices[..., i, ...], updates[..., i, ...] -> out[..., n, ...]: summed."""
    axis = axis % out.rank
    size = out.shape[axis]
    zero(e, out)

    def cell(index: Indices) -> None:
        where = _along(index, indices.shape, axis, index[axis])
        chosen = _place(e, indices, where, size)
        target = out.offset(e, _along(index, out.shape, axis, chosen))
        value = e.load(updates, updates.offset(e, index))
        _add(e, out, target, Term(e, e.cast(value, out.dtype)))

    with e.when(e.gt(size, 0)):
        nest(e, updates.shape, cell)


@cut(x=0, out=0, beside="axis")
@kernel
def argmax(e: Emit, x: Array, out: Array, *, axis: int) -> None:
    """x[..., n, ...] -> out[..., ...]: place of the largest; the first of equals."""
    _winner(e, x, out, axis, largest=True)


@cut(x=0, out=0, beside="axis")
@kernel
def argmin(e: Emit, x: Array, out: Array, *, axis: int) -> None:
    """x[..., n, ...] -> out[..., ...]: place of the smallest; the first of equals."""
    _winner(e, x, out, axis, largest=False)


def _winner(e: Emit, x: Array, out: Array, axis: int, *, largest: bool) -> None:
    """Walk the axis; NaN wins, as in NumPy. Lanes run along out's last axis, or along
    the axis itself if it is the last one and long enough."""
    axis = axis % x.rank
    size = known(x.shape[axis])
    if axis == x.rank - 1 and known(x.strides[-1]) == 1 and (size is None or size > 4):
        _winner_along(e, x, out, largest)
        return

    def cell(index: Indices, lanes: int) -> None:
        found = _Winner.none(e, x.dtype, lanes, largest)
        with e.loop(0, x.shape[axis]) as i:
            at = (*index[:axis], i, *index[axis:])
            value = Term(e, e.load(x, x.offset(e, at), lanes))
            found.take(value, Term(e, e.splat(e.from_index(i, PLACE), lanes)))
        e.store(out, out.offset(e, index), e.cast(found.place.get(), out.dtype))

    dense = axis < x.rank - 1 and _dense(x, out)
    elementwise(e, out.shape, cell, dense, native_lanes(PLACE))


def _winner_along(e: Emit, x: Array, out: Array, largest: bool) -> None:
    """The winner of each row, lanes of neighbours, then among the lanes."""
    lanes, size = native_lanes(PLACE), x.shape[-1]
    whole = e.mul(e.floordiv(size, lanes), lanes)
    rest = e.sub(size, whole)

    def row(index: Indices) -> None:
        line = x.at(e, *index)
        found = _Winner.none(e, x.dtype, lanes, largest)
        with e.loop(0, whole, lanes) as i:
            places = Term(e, e.from_index(i, PLACE, lanes))
            found.take(Term(e, e.load(line, i, lanes)), places)
        if known(rest) != 0:
            with e.when(e.gt(rest, 0)):
                places = Term(e, e.from_index(whole, PLACE, lanes))
                limit = Term(e, e.splat(e.from_index(size, PLACE), lanes))
                value = Term(e, e.load_some(line, whole, lanes, rest))
                found.take(value, places, places < limit)
        place = e.cast(found.among_lanes(), out.dtype)
        e.store(out, out.offset(e, index), place)

    nest(e, out.shape, row)


@dataclass(frozen=True, slots=True)
class _Winner:
    """The best value so far in each lane, and its place."""

    best: Local
    place: Local
    largest: bool

    @classmethod
    def none(cls, e: Emit, dtype: str, lanes: int, largest: bool) -> "_Winner":
        """Before the first value: the worst there is, at place 0."""
        start = e.constant(dtype, lowest(dtype) if largest else highest(dtype))
        place = e.local(PLACE, e.constant(PLACE, 0), lanes)
        return cls(e.local(dtype, start, lanes), place, largest)

    def take(self, value: Term, place: Term, live: Term | None = None) -> None:
        """Let a later value win if it is better, in the lanes that are `live`."""
        old = Term(value.e, self.best.get())
        better = self._better(value, old)
        better = better if live is None else better & live
        self.best.set(better.select(value, old).scalar)
        self.place.set(better.select(place, Term(value.e, self.place.get())).scalar)

    def _better(self, value: Term, old: Term) -> Term:
        better = (value > old) if self.largest else (value < old)
        return better | ((value != value) & (old == old))

    def among_lanes(self) -> Scalar:
        """The place of the best lane; of equals, the first place."""
        e = self.best.emit
        best, place = Term(e, self.best.get()), Term(e, self.place.get())
        while best.lanes > 1:
            half = best.lanes // 2
            (a, b), (p, q) = (
                [Term(e, e.shuffle(t.scalar, t.scalar, range(s, s + half)))
                 for s in (0, half)]
                for t in (best, place)
            )  # fmt: skip
            same = (a == b) | ((a != a) & (b != b))
            later = self._better(b, a) | (same & (q < p))
            best, place = later.select(b, a), later.select(q, p)
        return place.scalar
