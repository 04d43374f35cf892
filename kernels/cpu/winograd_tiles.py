"""Tiles of images as values at points: where their cells lie, and the values.

find    addresses of the cells of each tile of a block; zeros outside the image
fill    v[points of a group, tiles, channels]
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Index, known, native_lanes
from graphkeras.kernels.cpu.loop import zero
from graphkeras.kernels.cpu.points import (
    GROUPS,
    MEMBERS,
    POINTS,
    Group,
    Side,
    Terms,
)
from graphkeras.kernels.cpu.target import POINTER, itemsize
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Scalar
from graphkeras.kernels.cpu.window import Padding

CHANNELS = 64  # of a block, at most
LINE = 64  # bytes of memory that come together
ADDRESSES = 8  # of a row of cells, two of them unused

Pixel = tuple[Index, Index, Index]
Place = tuple[int, int]
Lines = tuple[Index, Index, int]  # first channel, how many, those of a line


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

    def find(self, slot: Index, corner: Pixel, channel: Index) -> None:
        """Note the addresses of a tile's cells, from a channel on."""
        e, image, (n, y, x) = self.e, self.image, corner
        size = itemsize(image.dtype)
        column = Term(e, e.from_index(x, "int64", ADDRESSES))
        inside = (column >= 0) & (column < self._spread(image.shape[2]))
        pitch = self._spread(e.mul(size, image.strides[2]))
        steps = Term(e, e.from_index(0, "int64", ADDRESSES)) * pitch
        nothing = self._spread(self.nothing)
        start = e.builder.ptrtoint(image.pointer, self.nothing.type)
        start = e.add(start, e.mul(size, image.offset(e, (n, y, x, channel))))
        table = self.of(slot)
        for row in range(self.rows):
            line = e.add(y, row)
            exists = e.both(e.ge(line, 0), e.lt(line, image.shape[1]))
            first = self._spread(e.add(start, e.mul(row * size, image.strides[1])))
            here = inside.select(first + steps, nothing)
            chosen = e.builder.select(exists, here.raw, nothing.raw)
            e.store(table, row * ADDRESSES, here.of(chosen).scalar)

    def _spread(self, index: Index) -> Term:
        e = self.e
        return Term(e, e.splat(Scalar(e.index(index), "int64"), ADDRESSES))

    def of(self, slot: Index) -> Array:
        """The addresses of one tile."""
        return part(self.e, self.table, self.e.mul(slot, self.rows * ADDRESSES))


def part(e: Emit, array: Array, place: Index) -> Array:
    """The memory from an element on."""
    pointer = e.address(array.pointer, array.dtype, place)
    return Array(pointer, array.dtype, (), ())


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

    def find(
        self,
        cells: Cells,
        start: Index,
        count: Index,
        channel: Index,
        padding: Padding = ((0, 0), (0, 0)),
    ) -> None:
        """Note where the cells of a block of tiles lie, from a channel on."""
        e, (top, left) = self.e, (ends[0] for ends in padding)
        with e.loop(0, count) as slot:
            n, y, x = self.corner(e.add(start, slot))
            cells.find(slot, (n, e.sub(y, top), e.sub(x, left)), channel)

    def ask(
        self,
        first: Index,
        stop: Index,
        step: int,
        lines: Lines,
        ask: Callable[..., None],
    ) -> None:
        """ask(n, y, x, channel) for every line of the results of some tiles.

        Tiles lie across the rows of an image: no processor sees what comes next. Asked
        for one tile at a time, while products are made, lines come as they are needed.
        """
        e, (start, columns, line) = self.e, lines
        with e.loop(first, stop, step) as number:
            n, y, x = self.corner(number)
            with (
                e.loop(0, self.steps[0]) as i,
                e.loop(0, self.steps[1]) as j,
                e.loop(0, columns, line) as channel,
            ):
                ask(n, e.add(y, i), e.add(x, j), e.add(start, channel))


def lines_of(e: Emit, image: Array, start: Index) -> Lines:
    """The lines of the block of channels that begins there."""
    return start, block(e, image.shape[3], start), LINE // itemsize(image.dtype)


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides how the values of a block of tiles are found.

    Attributes:
        slopes: whether the cells are gradients of results.
        length: channels of a block, None if they are known only when the code runs.
    """

    sides: tuple[Side, Side]
    slopes: bool
    dtype: str
    pitch: int
    plane: int
    length: int | None

    @property
    def lanes(self) -> int:
        """Channels of a vector."""
        return native_lanes(self.dtype)

    @property
    def cells(self) -> Place:
        """Rows and columns of cells of a tile."""
        down, across = self.sides
        if self.slopes:
            return down.results, across.results
        return down.points, across.points


class Values:
    """v[points of a group, tiles, channels]: tiles at the points."""

    def __init__(
        self, e: Emit, cells: Cells, sides: tuple[Side, Side], slots: int,
        slopes: bool = False,
    ) -> None:  # fmt: skip
        self.e, self.cells, self.sides, self.slopes = e, cells, sides, slopes
        image = cells.image
        lanes = native_lanes(image.dtype)
        self.channels = image.shape[3]
        self.pitch = padded(self.channels, lanes)
        # Not a multiple of a page: the points of a tile are written side by side.
        self.plane = slots * self.pitch + lanes
        size = MEMBERS * POINTS * self.plane
        self.array = Array(e.scratch(image.dtype, size), image.dtype, (), ())

    def fill(self, group: Index, count: Index, first: Index) -> None:
        """Values of `count` tiles at a group of points, a block of channels."""
        e, dtype = self.e, self.array.dtype
        length = block(e, self.channels, first)
        plan = Plan(
            self.sides, self.slopes, dtype, self.pitch, self.plane, known(length)
        )
        arguments = (self.cells.table.pointer, self.array.pointer, group, count, length)
        values = [a if isinstance(a, ir.Value) else e.index(a) for a in arguments]
        e.shared(
            plan, "values", values, lambda inner, *given: _fill(inner, plan, given)
        )

    def at(self, point: Index, slot: Index, channel: Index) -> Array:
        """The memory from there on."""
        e = self.e
        place = e.add(e.mul(point, self.plane), e.mul(slot, self.pitch))
        return part(e, self.array, e.add(place, channel))


def _fill(e: Emit, plan: Plan, given: Sequence[ir.Value]) -> None:
    """Write the function behind `Values.fill`."""
    table, values, number, count, length = given
    writer = _Filling(e, plan, table, values, count, plan.length or length)
    down, _ = plan.sides
    if down.plain:
        writer.tiles(0, lambda cell: [cell(0)])
        return
    group = Group(e, number)
    point = group.point(plan.dtype, plan.lanes)
    with e.when_else(group.at_end) as (then, otherwise):
        with then:
            last = plan.cells[0] - 1 if plan.slopes else 1
            first = e.choose(group.at_infinity, last, 0)
            if plan.slopes:
                writer.tiles(first, lambda cell: [cell(0)])
            else:
                writer.tiles(first, lambda cell: [down.cells_at_end(cell)])
        with otherwise:
            if plan.slopes:
                writer.tiles(
                    0,
                    lambda cell: down.taps_at_pair(
                        [cell(y) for y in range(down.results)], point
                    ),
                )
            else:
                writer.tiles(0, lambda cell: down.cells_at_pair(cell, point))


@dataclass(frozen=True, slots=True)
class _Filling:
    """Writes the loops over tiles and channels."""

    e: Emit
    plan: Plan
    table: ir.Value
    values: ir.Value
    count: Index
    length: Index

    def tiles(
        self, first: Index, rows: Callable[[Callable[[int], Term]], Terms]
    ) -> None:
        """Values by `rows` of each column of cells, from a row of cells on."""
        e, plan, (_, across) = self.e, self.plan, self.plan.sides
        finish = across.of_taps if plan.slopes else across.of_cells
        height, width = plan.cells
        with (
            e.loop(0, self.count) as slot,
            e.loop(0, self.length, plan.lanes) as channel,
        ):
            row = e.mul(e.add(e.mul(slot, height), first), ADDRESSES)
            table = part(e, Array(self.table, "int64", (), ()), row)
            place = e.add(e.mul(slot, plan.pitch), channel)
            to = part(e, Array(self.values, plan.dtype, (), ()), place)

            def column(x: int) -> Terms:
                return rows(lambda y: self._cell(table, (y, x), channel))

            columns = [column(x) for x in range(width)]
            values = (value for line in zip(*columns) for value in finish(line))
            for number, value in enumerate(values):
                e.store(to, number * plan.plane, value.scalar)

    def _cell(self, table: Array, at: Place, channel: Index) -> Term:
        """A vector of channels of a cell of the tile whose addresses are given."""
        e, plan, (row, column) = self.e, self.plan, at
        address = e.load(table, row * ADDRESSES + column).value
        pointer = e.builder.inttoptr(address, POINTER)
        array = Array(pointer, plan.dtype, (), ())
        whole = plan.length is not None and plan.length % plan.lanes == 0
        live = plan.lanes if whole else e.sub(self.length, channel)
        return Term(e, e.load_some(array, channel, plan.lanes, live))


def each_group(
    e: Emit, side: Side, fill: Callable[[Index], None], use: Callable[..., None]
) -> None:
    """fill(group), then use(first row of points, how many rows), for all groups."""
    if side.plain:
        fill(0)
        use(0, 1)
        return
    with e.loop(0, len(GROUPS)) as group:
        fill(group)
        use(*Group(e, group).span())
