"""Reading and adding at computed places, and the place of the largest or smallest.

Places count from the end when negative; what lies outside is moved to the nearest
cell, so that no index can touch foreign memory.
"""

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.limits import highest, lowest
from graphkeras.kernels.cpu.loop import elementwise, nest, zero
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, known

Indices = tuple[Index, ...]
AHEAD = 8  # rows asked for before their turn


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

        lanes = native_lanes(x.dtype)
        elementwise(e, target.shape, copy, _dense(source, target), lanes)

    with e.when(e.gt(size, 0)):
        nest(e, out.shape[: axis + rank], cell)


@cut(updates=-1, out=-1, grain=16)
@kernel
def scatter_add(e: Emit, indices: Array, updates: Array, out: Array) -> None:
    """indices[...], updates[..., j] -> out[n, j]: rows added where their index says.

    In order, one after another: the result does not depend on anything else.
    """
    zero(e, out)
    size = out.shape[0]

    def cell(index: Indices) -> None:
        source = updates.at(e, *index)
        target = out.at(e, _place(e, indices, index, size))

        def add(rest: Indices, lanes: int) -> None:
            place = target.offset(e, rest)
            value = e.load(source, source.offset(e, rest), lanes)
            _add(e, target, place, Term(e, e.cast(value, out.dtype)))

        lanes = native_lanes(out.dtype)
        elementwise(e, target.shape, add, _dense(source, target), lanes)

    with e.when(e.gt(size, 0)):
        nest(e, indices.shape, cell)


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
    """Walk the axis; NaN wins, as in NumPy. Lanes run along out's last axis."""
    axis = axis % x.rank
    start = lowest(x.dtype) if largest else highest(x.dtype)

    def cell(index: Indices, lanes: int) -> None:
        best = e.local(x.dtype, e.constant(x.dtype, start), lanes)
        place = e.local(out.dtype, e.constant(out.dtype, 0), lanes)
        with e.loop(0, x.shape[axis]) as i:
            at = (*index[:axis], i, *index[axis:])
            value = Term(e, e.load(x, x.offset(e, at), lanes))
            old = Term(e, best.get())
            better = (value > old) if largest else (value < old)
            better = better | ((value != value) & (old == old))
            here = Term(e, e.splat(e.from_index(i, out.dtype), lanes))
            best.set(better.select(value, old).scalar)
            place.set(better.select(here, Term(e, place.get())).scalar)
        e.store(out, out.offset(e, index), place.get())

    dense = axis < x.rank - 1 and _dense(x, out)
    elementwise(e, out.shape, cell, dense, native_lanes(x.dtype))
