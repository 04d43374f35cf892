"""Products whose rows are finished whole: gradients by which weights are updated.

What finishes a result reads and writes more memory than the product itself: the weight
and what the optimizer keeps of it. So all columns of a few rows are summed up first,
in a buffer, and finished in one go along memory, as processors like to read it::

    for so many rows as a tile has:
        for panels p of b, packed:    sums[:, p] = a[rows, :] @ b[:, p]
        finish the rows               sums -> out

On the way the rows that the next tile will finish are asked for.
"""

from collections.abc import Callable

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.blocks import DEPTH, Part, ask_a
from graphkeras.kernels.cpu.emit import Emit, native_lanes
from graphkeras.kernels.cpu.loop import stretch
from graphkeras.kernels.cpu.pack import pack_panel
from graphkeras.kernels.cpu.tile import (
    Asking,
    Beside,
    Panel,
    Result,
    Walk,
    panels,
    rows_for,
    tile,
)
from graphkeras.kernels.cpu.value import Index, known

WIDEST = 256  # columns
HEIGHT = 16  # tiles whose sums wait if b is deeper
VECTORS = 2  # of a panel


def fits_rows(b: Array, out: Array) -> bool:
    """Whether whole rows of a result are few columns, which lie one behind the other.

    Of wider ones so much of b is packed that tiles would wait for it.
    """
    n = known(out.shape[1])
    return n is not None and n <= WIDEST and known(b.strides[1]) == 1


def multiply_rows(
    e: Emit, a: Array, b: Array, out: Array, epilogue: Asking, first: Index
) -> None:
    """a[m, k], b[k, n] -> out[m, n]; no element of out is stored before it is complete.

    Args:
        first: what the epilogue is told of the first row.
    """
    _Rows(e, a, b, out, epilogue, first).write()


class _Rows:
    """Writes the product.

    Attributes:
        flat: whether b is one block, so that sums of a tile's rows are all there are.
    """

    def __init__(
        self, e: Emit, a: Array, b: Array, out: Array, epilogue: Asking, first: Index
    ) -> None:
        self.e, self.a, self.b, self.out = e, a, b, out
        self.epilogue, self.first = epilogue, first
        self.rows, self.lanes = rows_for(VECTORS), native_lanes(out.dtype)
        width, columns = VECTORS * self.lanes, known(out.shape[1])
        assert columns is not None
        self.columns, self.pitch = columns, -(-columns // width) * width
        self.sums = self._room(HEIGHT * self.rows * self.pitch)
        self.packed = self._room(DEPTH * self.pitch)
        self.flat = e.le(a.shape[1], DEPTH)

    def _room(self, size: int) -> Array:
        return Array(self.e.scratch(self.out.dtype, size), self.out.dtype, (), ())

    def _at(self, array: Array, place: Index) -> Array:
        pointer = self.e.address(array.pointer, array.dtype, place)
        return Array(pointer, array.dtype, (), ())

    def write(self) -> None:
        """Write the loops over rows and blocks of b."""
        e, m = self.e, self.a.shape[0]
        height = HEIGHT * self.rows
        with e.loop(0, m, height) as top, Part.each(e, self.a.shape[1]) as block:
            with e.when(e.either(e.eq(top, 0), e.invert(self.flat))):
                self._pack(block)
            bottom = e.minimum(m, e.add(top, height))
            with e.loop(top, bottom, self.rows) as row:
                waiting = e.choose(self.flat, 0, e.mul(e.sub(row, top), self.pitch))
                sums = self._at(self.sums, waiting)
                stop = e.minimum(bottom, e.add(row, self.rows))
                self._sum(block, row, stop, sums)
                with e.when(block.last):
                    self._finish(row, stop, sums)

    def _panels(self, body: Callable[[Index, Panel], None]) -> None:
        panels(self.e, self.columns, VECTORS, self.lanes, body)

    def _packed(self, column: Index) -> Array:
        """Where the panel that begins at a column is packed."""
        return self._at(self.packed, self.e.mul(column, DEPTH))

    def _pack(self, block: Part) -> None:
        e = self.e

        def pack(column: Index, cut: Panel) -> None:
            source = self.b.at(e, block.start, column)
            step = self.b.strides[0]
            pack_panel(e, source, step, block.depth, cut, self._packed(column))

        self._panels(pack)

    def _sum(self, block: Part, row: Index, stop: Index, sums: Array) -> None:
        """Sum up rows [row, stop) by tiles of as many, or of what may be left."""
        e, m, start = self.e, known(self.a.shape[0]), row
        rest = (4, 2, 1) if m is None else (m % self.rows,)
        for size in (self.rows, *(n for n in rest if 0 < n < self.rows)):
            end = e.add(start, e.mul(e.floordiv(e.sub(stop, start), size), size))
            with e.loop(start, end, size) as at:
                to = self._at(sums, e.mul(e.sub(at, row), self.pitch))
                self._tiles(block, at, size, to)
            start = end

    def _tiles(self, block: Part, row: Index, rows: int, sums: Array) -> None:
        """All columns of the rows of one tile."""
        e, a = self.e, self.a
        left, beside = a.at(e, row, block.start), self._asking(block, row, rows)

        def one(column: Index, cut: Panel) -> None:
            to = self._at(sums, column)
            walk = Walk(block.depth, a.strides[1], cut.width)
            tile(
                e, rows, cut, left, a.strides[0], self._packed(column), [walk],
                Result(to, self.pitch, block.fresh, near=True), beside,
            )  # fmt: skip

        self._panels(one)

    def _asking(self, block: Part, row: Index, rows: int) -> Beside:
        """What to do beside step k: ask for a of the next rows."""
        e, a = self.e, self.a
        below = e.minimum(e.add(row, rows), e.sub(a.shape[0], 1))
        return lambda k, steps: ask_a(e, a, (below, block.start), k, steps)

    def _finish(self, row: Index, stop: Index, sums: Array) -> None:
        """Store complete rows through the epilogue."""
        e = self.e
        with e.loop(row, stop) as at:
            line, above = e.mul(e.sub(at, row), self.pitch), e.add(self.first, at)
            later = e.minimum(e.add(at, self.rows), e.sub(self.a.shape[0], 1))
            to, below = self.out.at(e, at, 0), e.add(self.first, later)

            def finish(column: Index, lanes: int) -> None:
                self.epilogue.ask(e, below, column)
                value = e.load(sums, e.add(line, column), lanes)
                e.store(to, column, self.epilogue(e, value, above, column, lanes))

            stretch(e, 0, self.columns, self.lanes, finish)
