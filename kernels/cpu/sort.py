"""Sorting, the largest k, and running totals.

The order is NumPy's: NaN comes after everything. Descending is that order reversed,
except that equal elements keep their places: sorts are stable both ways.
"""

from collections.abc import Callable

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Counter, Emit, Local, kernel, native_lanes
from graphkeras.kernels.cpu.limits import highest, lowest
from graphkeras.kernels.cpu.loop import elementwise, nest
from graphkeras.kernels.cpu.target import accumulator
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar, known

RUN = 16  # insertion sort is the quickest up to about here

Indices = tuple[Index, ...]
Before = Callable[[Scalar, Scalar], ir.Value]


def _precedes(e: Emit, a: Scalar, b: Scalar, descending: bool) -> ir.Value:
    """Whether a must stand before b."""
    x, y = (Term(e, b), Term(e, a)) if descending else (Term(e, a), Term(e, b))
    if x.dtype == "bool":
        x, y = x.cast("uint8"), y.cast("uint8")
    first = x < y
    if x.is_float:
        first = first | ((x == x) & (y != y))
    return first.raw


def _line(e: Emit, array: Array, index: Indices, axis: int) -> Array:
    """The 1-D array along an axis, at the indices of the others."""
    offset = array.offset(e, (*index[:axis], 0, *index[axis:]))
    pointer = e.address(array.pointer, array.dtype, offset)
    return Array(pointer, array.dtype, (array.shape[axis],), (array.strides[axis],))


def _get(e: Emit, line: Array, i: Index) -> Scalar:
    return e.load(line, e.mul(i, line.strides[0]))


def _put(e: Emit, line: Array, i: Index, value: Scalar) -> None:
    e.store(line, e.mul(i, line.strides[0]), value)


@kernel
def sort(
    e: Emit, x: Array, out: Array, work: Array, *, axis: int, descending: bool = False
) -> None:
    """x[..., n, ...] -> out[..., n, ...], work[n]: sorted along the axis."""
    axis = axis % x.rank

    def before(a: Scalar, b: Scalar) -> ir.Value:
        return _precedes(e, a, b, descending)

    def one(index: Indices) -> None:
        source, line = _line(e, x, index, axis), _line(e, out, index, axis)
        with e.loop(0, line.shape[0]) as i:
            _put(e, line, i, _get(e, source, i))
        _merge_sort(e, line, work, before)

    nest(e, out.shape[:axis] + out.shape[axis + 1 :], one)


@kernel
def argsort(
    e: Emit, x: Array, out: Array, work: Array, *, axis: int, descending: bool = False
) -> None:
    """x[..., n, ...] -> out[..., n, ...], work[n]: places that sort the axis."""
    axis = axis % x.rank

    def one(index: Indices) -> None:
        source, line = _line(e, x, index, axis), _line(e, out, index, axis)

        def before(a: Scalar, b: Scalar) -> ir.Value:
            left = _get(e, source, e.to_index(a))
            return _precedes(e, left, _get(e, source, e.to_index(b)), descending)

        with e.loop(0, line.shape[0]) as i:
            _put(e, line, i, e.from_index(i, out.dtype))
        _merge_sort(e, line, work, before)

    nest(e, out.shape[:axis] + out.shape[axis + 1 :], one)


def _merge_sort(e: Emit, line: Array, work: Array, before: Before) -> None:
    """Sort runs by insertion, then merge neighbours of 16, 32, 64, ..."""
    size = line.shape[0]
    with e.loop(0, size, RUN) as start:
        _insertion(e, line, start, e.minimum(e.add(start, RUN), size), before)
    width = e.counter(RUN)
    with e.loop_while(lambda: e.lt(width.get(), size)):
        step = e.mul(width.get(), 2)
        with e.loop(0, size, step) as start:
            middle = e.minimum(e.add(start, width.get()), size)
            stop = e.minimum(e.add(start, step), size)
            with e.when(e.lt(middle, stop)):
                _merge(e, line, work, (start, middle, stop), before)
        width.set(step)


def _insertion(e: Emit, line: Array, start: Index, stop: Index, before: Before) -> None:
    """Sort [start, stop) by moving each element down past those it precedes."""
    with e.loop(e.add(start, 1), stop) as i:
        moving = _get(e, line, i)
        hole = e.counter(i)
        going = e.local("bool", e.constant("bool", 1))

        def more(hole: Counter = hole, going: Local = going) -> ir.Value:
            return e.both(going.get().value, e.gt(hole.get(), start))

        with e.loop_while(more):
            below = e.sub(hole.get(), 1)
            lower = _get(e, line, below)
            first = before(moving, lower)
            with e.when_else(first) as (then, otherwise):
                with then:
                    _put(e, line, hole.get(), lower)
                    hole.set(below)
                with otherwise:
                    going.set(e.constant("bool", 0))
        _put(e, line, hole.get(), moving)


def _merge(
    e: Emit, line: Array, work: Array, cut: tuple[Index, Index, Index], before: Before
) -> None:
    """Merge the sorted [start, middle) and [middle, stop), through `work`."""
    start, middle, stop = cut
    left, right = e.counter(start), e.counter(middle)
    last = e.sub(stop, 1)
    with e.loop(start, stop) as i:
        a = _get(e, line, e.minimum(left.get(), last))
        b = _get(e, line, e.minimum(right.get(), last))
        second = e.builder.and_(e.lt(right.get(), stop), before(b, a))
        use = e.either(e.ge(left.get(), middle), second)
        chosen = Term(e, Scalar(use, "bool")).select(Term(e, b), Term(e, a))
        _put(e, work, i, chosen.scalar)
        left.step(e.choose(use, 0, 1))
        right.step(e.choose(use, 1, 0))
    with e.loop(start, stop) as i:
        _put(e, line, i, _get(e, work, i))


@cut(x=-3, values=-3, indices=-3)
@cut(x=-2, values=-2, indices=-2)
@kernel
def top_k(e: Emit, x: Array, values: Array, indices: Array, *, k: Index) -> None:
    """x[..., n] -> values[..., k], indices[..., k]: the largest k in falling order.

    Of equal elements the one with the lower index comes first.
    """

    def one(index: Indices) -> None:
        axis = x.rank - 1
        source = _line(e, x, index, axis)
        best, places = _line(e, values, index, axis), _line(e, indices, index, axis)
        with e.loop(0, source.shape[0]) as i:
            _offer(e, best, places, i, _get(e, source, i), k)

    nest(e, x.shape[:-1], one)


def _offer(
    e: Emit, best: Array, places: Array, i: Index, value: Scalar, k: Index
) -> None:
    """Put element i among the best so far, of which there are min(i, k)."""
    hole = e.counter(e.minimum(i, k))

    def more() -> ir.Value:
        # The element below exists whenever the hole is above 0; at 0 read cell 0.
        below = _get(e, best, e.maximum(e.sub(hole.get(), 1), 0))
        smaller = _precedes(e, value, below, True)
        return e.both(e.gt(hole.get(), 0), smaller)

    with e.when(e.gt(k, 0)):
        with e.loop_while(more):
            below = e.sub(hole.get(), 1)
            with e.when(e.lt(hole.get(), k)):
                _put(e, best, hole.get(), _get(e, best, below))
                _put(e, places, hole.get(), _get(e, places, below))
            hole.set(below)
        with e.when(e.lt(hole.get(), k)):
            _put(e, best, hole.get(), value)
            _put(e, places, hole.get(), e.from_index(i, places.dtype))


_COMBINE: dict[str, Callable[[Term, Term], Term]] = {
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "minimum": lambda a, b: a.minimum(b),
    "maximum": lambda a, b: a.maximum(b),
}


def _identity(combine: str, dtype: str) -> float:
    """What changes nothing when combined."""
    if combine == "minimum":
        return highest(dtype)
    return lowest(dtype) if combine == "maximum" else float(combine == "multiply")


@cut(x=0, out=0, beside="axis")
@kernel
def cumulative(
    e: Emit,
    x: Array,
    out: Array,
    *,
    axis: int,
    combine: str,
    reverse: bool = False,
    exclusive: bool = False,
) -> None:
    """x[..., n, ...] -> out[..., n, ...]: running sum, product, minimum or maximum."""
    axis = axis % x.rank
    dtype, size = accumulator(out.dtype), x.shape[axis]
    start = e.constant(dtype, _identity(combine, dtype))

    def one(index: Indices, lanes: int) -> None:
        total = e.local(dtype, start, lanes)
        with e.loop(0, size) as step:
            i = e.sub(e.sub(size, 1), step) if reverse else step
            at = (*index[:axis], i, *index[axis:])
            value = Term(e, e.load(x, x.offset(e, at), lanes)).cast(dtype)
            before = Term(e, total.get())
            after = _COMBINE[combine](before, value)
            total.set(after.scalar)
            result = (before if exclusive else after).cast(out.dtype)
            e.store(out, out.offset(e, at), result.scalar)

    others = out.shape[:axis] + out.shape[axis + 1 :]
    dense = axis < x.rank - 1 and known(x.strides[-1]) == known(out.strides[-1]) == 1
    elementwise(e, others, one, dense, native_lanes(dtype))
