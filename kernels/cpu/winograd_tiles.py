"""Tiles of images as values at points: where their cells lie, and the values.

find    addresses of the cells of each tile of a block; zeros outside the image
fill    v[points of a group, tiles, channels]
"""

from collections.abc import Callable, Sequence

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Index, known, native_lanes
from graphkeras.kernels.cpu.loop import zero
from graphkeras.kernels.cpu.points import (
    GROUPS,
    MEMBERS,
    POINTS,
    Side,
    Terms,
    first_of,
)
from graphkeras.kernels.cpu.target import itemsize
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Scalar

CHANNELS = 64  # of a block, at most
ADDRESSES = 8  # of a row of cells, two of them unused

Pixel = tuple[Index, Index, Index]


class Tiles:
    """Tiles of results, counted through images, rows and columns."""

    def __init__(self, e: Emit, image: Array, sides: tuple[Side, Side]) -> None:
        self.e, self.image = e, image
        self.steps = sides[0].results, sides[1].results
        self.down, self.across = (
            e.ceildiv(size, step) for size, step in zip(image.shape[1:3], self.steps)
        )
        self.count = e.product((image.shape[0], self.down, self.across))

    def corner(self, number: Index) -> Pixel:
        """Image, row and column of the first result of a tile."""
        e = self.e
        line, x = e.floordiv(number, self.across), e.mod(number, self.across)
        n, y = e.floordiv(line, self.down), e.mod(line, self.down)
        return n, e.mul(y, self.steps[0]), e.mul(x, self.steps[1])


class Cells:
    """Where the cells of a block of tiles lie; cells outside the image are zeros."""

    def __init__(
        self, e: Emit, image: Array, size: tuple[int, int], slots: int
    ) -> None:
        self.e, self.image, (self.rows, self.columns) = e, image, size
        dtype = image.dtype
        table = e.scratch("int64", slots * self.rows * ADDRESSES)
        self.table = Array(table, "int64", (), ())
        nothing = Array(e.scratch(dtype, CHANNELS), dtype, (CHANNELS,), (1,))
        zero(e, nothing)
        self.nothing = e.builder.ptrtoint(nothing.pointer, e.index(0).type)

    def find(self, slot: Index, n: Index, y: Index, x: Index) -> None:
        """Note the addresses of the tile that begins at a cell."""
        e, image, size = self.e, self.image, itemsize(self.image.dtype)
        column = Term(e, e.from_index(x, "int64", ADDRESSES))
        last = e.splat(Scalar(e.index(image.shape[2]), "int64"), ADDRESSES)
        inside = (column >= 0) & (column < Term(e, last))
        pitch = e.splat(
            Scalar(e.index(e.mul(size, image.strides[2])), "int64"), ADDRESSES
        )
        steps = Term(e, e.from_index(0, "int64", ADDRESSES)) * Term(e, pitch)
        nothing = Term(e, e.splat(Scalar(self.nothing, "int64"), ADDRESSES))
        start = e.builder.ptrtoint(image.pointer, self.nothing.type)
        for row in range(self.rows):
            line = e.add(y, row)
            exists = e.both(e.ge(line, 0), e.lt(line, image.shape[1]))
            corner = e.mul(size, image.offset(e, (n, line, x, 0)))
            first = Scalar(e.index(e.add(start, corner)), "int64")
            here = steps + Term(e, e.splat(first, ADDRESSES))
            here = inside.select(here, nothing)
            chosen = e.builder.select(exists, here.raw, nothing.raw)
            place = e.mul(e.add(e.mul(slot, self.rows), row), ADDRESSES)
            e.store(self.table, place, here.of(chosen).scalar)

    def cell(
        self,
        slot: Index,
        at: tuple[int, int],
        channel: tuple[Index, Index],
        live: Index,
    ) -> Term:
        """Some channels (first of a block, then of those) of a cell of a tile."""
        e, dtype = self.e, self.image.dtype
        row, column = at
        place = e.add(e.mul(e.add(e.mul(slot, self.rows), row), ADDRESSES), column)
        address = e.load(self.table, place).value
        pointer = e.builder.inttoptr(address, self.image.pointer.type)
        lanes = native_lanes(dtype)
        array = Array(pointer, dtype, (), ())
        # Zeros lie there for one block of channels: they are the same for all.
        first, inner = channel
        outside = e.builder.icmp_unsigned("==", address, self.nothing)
        offset = (
            inner if known(first) == 0 else e.add(e.choose(outside, 0, first), inner)
        )
        return Term(e, e.load_some(array, offset, lanes, live))


def padded(count: Index, lanes: int) -> int:
    """Elements of whole vectors for one block of channels."""
    size = known(count)
    if size is None or size > CHANNELS:
        size = CHANNELS
    return -(-size // lanes) * lanes


def block(e: Emit, size: Index, start: Index) -> Index:
    """Channels of the block that begins there."""
    count = known(size)
    if count is not None and (count <= CHANNELS or count % CHANNELS == 0):
        return min(count, CHANNELS)
    return e.minimum(CHANNELS, e.sub(size, start))


def _live(e: Emit, size: Index, channel: Index, lanes: int) -> Index:
    """Lanes that exist from a channel on."""
    count = known(size)
    whole = count is not None and count % lanes == 0
    return lanes if whole else e.sub(size, channel)


class Values:
    """v[points of a group, tiles, channels]: tiles at the points."""

    def __init__(self, e: Emit, cells: Cells, channels: Index, slots: int) -> None:
        self.e, self.cells = e, cells
        dtype = cells.image.dtype
        self.lanes = native_lanes(dtype)
        self.channels = channels
        self.pitch = padded(channels, self.lanes)
        # Not a multiple of a page: the points of a tile are written side by side.
        self.plane = slots * self.pitch + self.lanes
        size = MEMBERS * POINTS * self.plane
        self.array = Array(e.scratch(dtype, size), dtype, (), ())

    def fill(
        self,
        count: Index,
        first: Index,
        rows: Callable[[Callable[[int], Term]], Terms],
        row: Callable[[Sequence[Term]], Terms],
    ) -> None:
        """Values of `count` tiles; `rows` along columns of cells, `row` along rows."""
        e, cells = self.e, self.cells
        length = block(e, self.channels, first)
        with e.loop(0, count) as slot, e.loop(0, length, self.lanes) as channel:
            live = _live(e, length, channel, self.lanes)

            def column(x: int) -> Terms:
                return rows(lambda y: cells.cell(slot, (y, x), (first, channel), live))

            columns = [column(x) for x in range(cells.columns)]
            number = 0
            for line in zip(*columns):
                for value in row(line):
                    place = e.add(
                        number * self.plane, e.add(e.mul(slot, self.pitch), channel)
                    )
                    e.store(self.array, place, value.scalar)
                    number += 1

    def fill_cells(
        self, count: Index, first: Index, sides: tuple[Side, Side], group: int
    ) -> None:
        """B^T x B of image cells, a group of rows."""
        down, across = sides

        def rows(cell: Callable[[int], Term]) -> Terms:
            return down.of_cells(group, cell)

        self.fill(count, first, rows, across.under_all)

    def fill_slopes(
        self, count: Index, first: Index, sides: tuple[Side, Side], group: int
    ) -> None:
        """A g A^T of gradients of results, a group of rows."""
        down, across = sides

        def rows(cell: Callable[[int], Term]) -> Terms:
            return down.of_taps(group, [cell(y) for y in range(down.results)])

        self.fill(count, first, rows, across.at_all)

    def at(self, point: Index, slot: Index, channel: Index) -> Array:
        """The memory from there on."""
        e = self.e
        place = e.add(e.mul(point, self.plane), e.mul(slot, self.pitch))
        pointer = e.address(self.array.pointer, self.array.dtype, e.add(place, channel))
        return Array(pointer, self.array.dtype, (), ())


def each_group(
    e: Emit, side: Side, fill: Callable[[int], None], use: Callable[..., None]
) -> None:
    """fill(group), then use(first point of the group, how many), for all groups.

    The groups differ in what fills them; what uses them is emitted once.
    """
    if side.plain:
        fill(0)
        use(0, 1)
        return
    with e.loop(0, len(GROUPS)) as group:
        for number in range(len(GROUPS)):
            with e.when(e.eq(group, number)):
                fill(number)
        use(*first_of(e, group))
