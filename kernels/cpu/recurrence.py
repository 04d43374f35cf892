"""What loops over time are made of: activations, a unit's place, the steps in order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from graphkeras.kernels.cpu import functions
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, native_lanes
from graphkeras.kernels.cpu.loop import elementwise
from graphkeras.kernels.cpu.target import accumulator
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index

ACTIVATIONS: dict[str, Callable[[Term], Term]] = {
    "linear": lambda x: x,
    "tanh": functions.TABLE["tanh"],
    "sigmoid": functions.sigmoid,
    "hard_sigmoid": lambda x: (x * (1 / 6) + 0.5).clamp(0.0, 1.0),
    "relu": lambda x: x.maximum(0.0),
    "softsign": lambda x: x / (x.abs() + 1.0),
}


def _share(y: Term, inside: Term, value: float) -> Term:
    return inside.select(y.like(value), y.like(0.0))


# Derivatives, by the value of the activation.
SLOPES: dict[str, Callable[[Term], Term]] = {
    "linear": lambda y: y.like(1.0),
    "tanh": lambda y: 1.0 - y * y,
    "sigmoid": lambda y: y * (1.0 - y),
    "hard_sigmoid": lambda y: _share(y, (y > 0.0) & (y < 1.0), 1 / 6),
    "relu": lambda y: _share(y, y > 0.0, 1.0),
    "softsign": lambda y: (1.0 - y.abs()) * (1.0 - y.abs()),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A unit, or a vector of units, of one sample."""

    e: Emit
    index: tuple[Index, ...]
    lanes: int
    dtype: str

    def read(self, array: Array) -> Term:
        """What stands there in an array (sample, unit)."""
        loaded = self.e.load(array, array.offset(self.e, self.index), self.lanes)
        return Term(self.e, self.e.cast(loaded, self.dtype))

    def write(self, array: Array, value: Term) -> None:
        """Put a value there."""
        place = array.offset(self.e, self.index)
        self.e.store(array, place, self.e.cast(value.scalar, array.dtype))

    def ask(self, *arrays: Array, write: bool = False) -> None:
        """Have what stands there in the cache before its step comes."""
        if self.lanes == 1:
            return  # a vector beside it has asked for the same line
        for array in arrays:
            place = array.offset(self.e, self.index)
            self.e.prefetch(array, place, write=write)

    def along(self, vector: Array) -> Term:
        """What a vector (unit,) holds."""
        row = Place(self.e, self.index[1:], self.lanes, self.dtype)
        return row.read(vector)


@dataclass(frozen=True, slots=True)
class Steps:
    """One step in time, and what is done at each.

    Attributes:
        h: an array (sample, unit), which says how many there are.
        t: the step.
        earlier, later: those before it in time, and after it in the order of running.
        first: i1: whether it is the first one in time.
    """

    e: Emit
    h: Array
    t: Index
    earlier: Index
    later: Index
    first: object

    def soon(self, array: Array) -> Array:
        """The part of an array at the step that runs next."""
        return slice_at(self.e, array, 1, self.later)

    def soon_gates(self, array: Array, count: int) -> list[Array]:
        """Each gate's part of an array at the step that runs next."""
        return gates_of(self.e, self.soon(array), self.h, count)

    def at(self, array: Array) -> Array:
        """The part (sample, ...) of an array (sample, time, ...) at this step."""
        return slice_at(self.e, array, 1, self.t)

    def gates(self, array: Array, count: int) -> list[Array]:
        """Each gate's part of an array (sample, time, gates * units)."""
        return gates_of(self.e, self.at(array), self.h, count)

    def before(self, states: Array, start: Array) -> Array:
        """The states (sample, unit) one step earlier; `start` before the first."""
        e, past = self.e, slice_at(self.e, states, 1, self.earlier)
        pointer = e.builder.select(self.first, start.pointer, past.pointer)
        row = e.choose(self.first, start.strides[0], past.strides[0])
        return Array(pointer, start.dtype, start.shape, (row, start.strides[1]))

    def each(self, body: Callable[[Place], None]) -> None:
        """body(place) for every unit of every sample."""
        dtype = accumulator(self.h.dtype)

        def element(index: tuple[Index, ...], lanes: int) -> None:
            body(Place(self.e, index, lanes, dtype))

        elementwise(self.e, self.h.shape, element, True, native_lanes(dtype))

    def keep(self, mask: Array, place: Place, new: Term, old: Term) -> Term:
        """`new` if the step counts for the sample, else `old`."""
        if mask.rank == 1:
            return new
        bit = self.e.load(mask, mask.offset(self.e, (place.index[0], self.t)))
        return Term(self.e, self.e.splat(bit, place.lanes)).select(new, old)


def slice_at(e: Emit, array: Array, axis: int, index: Index) -> Array:
    """The array without an axis, at that index of it."""
    pointer = e.address(array.pointer, array.dtype, e.mul(index, array.strides[axis]))
    shape = (*array.shape[:axis], *array.shape[axis + 1 :])
    strides = (*array.strides[:axis], *array.strides[axis + 1 :])
    return Array(pointer, array.dtype, shape, strides)


def part_of(e: Emit, array: Array, axis: int, start: Index, size: Index) -> Array:
    """`size` elements of an axis, from `start` on."""
    pointer = e.address(array.pointer, array.dtype, e.mul(start, array.strides[axis]))
    shape = (*array.shape[:axis], size, *array.shape[axis + 1 :])
    return Array(pointer, array.dtype, shape, array.strides)


def gates_of(
    e: Emit, array: Array, h: Array, count: int, axis: int = -1
) -> list[Array]:
    """Each gate's part of an axis of gates * units."""
    units, axis = h.shape[-1], axis % array.rank
    return [part_of(e, array, axis, e.mul(k, units), units) for k in range(count)]


@contextmanager
def in_time(e: Emit, h: Array, time: Index, reverse: bool) -> Iterator[Steps]:
    """The steps in the order in which they run."""
    last = e.sub(time, 1)
    with e.loop(0, time) as number:
        following = e.minimum(e.add(number, 1), last)
        t, later = (e.sub(last, n) if reverse else n for n in (number, following))
        earlier = e.add(t, 1) if reverse else e.sub(t, 1)
        yield Steps(e, h, t, earlier, later, e.eq(number, 0))


@contextmanager
def against_time(e: Emit, h: Array, time: Index, reverse: bool) -> Iterator[Steps]:
    """The steps in the order of the gradient."""
    last = e.sub(time, 1)
    with e.loop(0, time) as number:
        following = e.minimum(e.add(number, 1), last)
        t, later = (n if reverse else e.sub(last, n) for n in (number, following))
        earlier = e.add(t, 1) if reverse else e.sub(t, 1)
        yield Steps(e, h, t, earlier, later, e.eq(number, last))


def copy(e: Emit, source: Array, target: Array) -> None:
    def element(index: tuple[Index, ...], lanes: int) -> None:
        value = e.load(source, source.offset(e, index), lanes)
        e.store(target, target.offset(e, index), value)

    elementwise(e, target.shape, element, True, native_lanes(target.dtype))
