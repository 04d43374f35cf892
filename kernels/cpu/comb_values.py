"""Lines of cells under combs of taps, and their values at points.

Windows of a line that move by `stride` cells see a tap, and every `stride`-th one after
it, as a window that moves by one cell of those that lie `stride` apart. So the taps are
combs, each with up to `teeth` of them (here 7 taps, a stride of 3 and 3 teeth):

    taps   0 1 2 3 4 5 6
    comb   a b c a b c a      a: 0 3 6   b: 1 4   c: 2 5

What all combs give for a result is added up, and that can be done at the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Index, known, native_lanes
from graphkeras.kernels.cpu.loop import cover
from graphkeras.kernels.cpu.points import POINTS, Side
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import YES
from graphkeras.kernels.cpu.winograd_tiles import part


@dataclass(frozen=True, slots=True)
class Combs:
    """All taps of a window, in combs of at most `teeth`."""

    taps: int
    stride: int
    teeth: int

    @property
    def side(self) -> Side:
        """A tile of results, and its points."""
        return Side(self.teeth)

    @property
    def firsts(self) -> list[int]:
        """The first tap of each comb; those with all teeth come first."""
        return [t for t in range(self.taps) if t // self.stride % self.teeth == 0]

    def members(self, first: int) -> list[int]:
        """The taps of a comb."""
        stop = min(self.taps, first + self.teeth * self.stride)
        return [*range(first, stop, self.stride)]

    def full(self, firsts: Sequence[int]) -> int:
        """How many of these combs have all teeth."""
        return sum(len(self.members(first)) == self.teeth for first in firsts)


@dataclass(frozen=True, slots=True)
class View:
    """Cells of a line: every `gap`-th from one on.

    Attributes:
        offset: the cell counted as the first.
        shift: cell of the view that lies under the first place of a tile at 0.
    """

    gap: int
    offset: int
    shift: int

    def cells(self, e: Emit, line: Array, place: Index) -> Cells:
        """What a tile at a place sees of a line[cells, channels]."""
        size = e.ceildiv(e.sub(line.shape[0], self.offset), self.gap)
        start = part(e, line, e.mul(self.offset, line.strides[0]))
        step = e.mul(self.gap, line.strides[0])
        return Cells(start, step, size, e.add(place, self.shift))


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells from `first` on, of `size` that exist; those outside are zeros."""

    array: Array
    step: Index
    size: Index
    first: Index


@dataclass(frozen=True, slots=True)
class Values:
    """Writes values at points: those of a point are `plane` elements after another's.

    Attributes:
        slopes: whether the cells are gradients of results.
    """

    e: Emit
    side: Side
    plane: int
    slopes: bool = False

    def fill(self, cells: Cells, channels: Index, to: Array) -> None:
        """Values of the cells of one tile, for so many channels."""
        e = self.e
        numbers = (cells.step, cells.size, cells.first, channels)
        fixed = tuple(known(n) for n in numbers)
        key = ("comb", self.side, self.plane, self.slopes, to.dtype, fixed)
        pointers = [cells.array.pointer, to.pointer]

        def body(inner: Emit, source: ir.Value, to_: ir.Value, *given: Index) -> None:
            sizes = [g if n is None else n for n, g in zip(fixed, given)]
            array, target = (Array(p, to.dtype, (), ()) for p in (source, to_))
            found = Cells(array, *sizes[:3])
            Values(inner, self.side, self.plane, self.slopes).write(
                found, sizes[3], target
            )

        e.shared(key, "values", [*pointers, *map(e.index, numbers)], body)

    def write(self, cells: Cells, channels: Index, to: Array) -> None:
        """The same, written here."""
        e, count = self.e, self.side.results if self.slopes else POINTS
        places = [e.add(cells.first, number) for number in range(count)]
        low, high = e.ge(places[0], 0), e.lt(places[-1], cells.size)
        with e.when_else(e.both(low, high)) as (inside, edge):
            with inside:
                self._vectors(cells, places, [YES] * count, channels, to)
            with edge:
                here = [
                    e.both(e.ge(place, 0), e.lt(place, cells.size)) for place in places
                ]
                self._vectors(cells, places, here, channels, to)

    def _vectors(
        self,
        cells: Cells,
        places: Sequence[Index],
        inside: Sequence[ir.Value],
        channels: Index,
        to: Array,
    ) -> None:
        e, find = self.e, self.side.of_taps if self.slopes else self.side.of_cells

        def vector(channel: Index, lanes: int, live: Index) -> None:
            def cell(place: Index, here: ir.Value) -> Term:
                at = e.add(e.mul(place, cells.step), channel)
                exist = e.choose(here, live, 0)
                return Term(e, e.load_some(cells.array, at, lanes, exist))

            values = find([cell(*pair) for pair in zip(places, inside)])
            for number, value in enumerate(values):
                at = e.add(number * self.plane, channel)
                e.store_some(to, at, value.scalar, live)

        cover(e, channels, native_lanes(to.dtype), vector)
