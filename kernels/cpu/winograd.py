"""Convolutions of stride 1 with fewer multiplications, after Winograd.

A tile of 6 x 6 cells under windows of r x r taps gives m x m results, m = 7 - r. Cells
and taps become values at six points an axis (see `points`), where they just multiply;
all channels of a point make one small matrix product:

    tile x[6, 6, i]     --B-->  v[36, tiles, i]
    taps w[r, r, i, o]  --G-->  u[36, i, o]
                                s[p] = v[p] @ u[p]  --A-->  out[m, m, o]

That is 36 products for 16 results of 9 taps each: a quarter. An axis of one tap has one
point and gains nothing. The gradient by u sums v[p]^T (A g A^T)[p] over all tiles.

Tiles go by blocks small enough for the cache, and the points by groups of rows.

Source: Lavin and Gray, arXiv:1509.09308.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut, summed
from graphkeras.kernels.cpu.emit import Emit, Index, kernel, known, native_lanes
from graphkeras.kernels.cpu.loop import stretch, zero
from graphkeras.kernels.cpu.pack import pack_turned
from graphkeras.kernels.cpu.points import Side, Terms
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import (
    NO,
    YES,
    Early,
    Epilogue,
    Panel,
    Result,
    Walk,
    finish_some,
    panels,
    rows_for,
    strips,
    tile,
    vectors_for,
)
from graphkeras.kernels.cpu.value import Scalar
from graphkeras.kernels.cpu.window import Padding, Rows
from graphkeras.kernels.cpu.winograd_tiles import (
    CHANNELS,
    Cells,
    Pixel,
    Tiles,
    Values,
    block,
    each_group,
    lines_of,
    padded,
    part,
)

DEEP = 48  # tiles that are summed in registers for a gradient of weights

Pair = tuple[int, int]
Sides = tuple[Side, Side]


# ------------------------------------------------------------------------ weights


@cut(w=2, out=1, where={"turned": False})
@cut(w=3, out=1, grain=CHANNELS, where={"turned": True})
@kernel
def weights(e: Emit, w: Array, out: Array, *, turned: bool) -> None:
    """w[kh, kw, i, o] -> out[p, i, o]: taps as values at the points.

    If `turned`, out[p, o, i] of the taps in reverse, as a gradient reads them.
    """
    sides = _sides(w.shape[:2])
    lanes = native_lanes(w.dtype)
    if not turned:

        def row(i: Index) -> None:
            def vector(o: Index, width: int) -> None:
                def tap(y: int, x: int) -> Term:
                    return Term(e, e.load(w, w.offset(e, (y, x, i, o)), width))

                _store_values(e, sides, tap, out, (i, o))

            stretch(e, 0, w.shape[3], lanes, vector)

        with e.loop(0, w.shape[2]) as i:
            row(i)
        return
    with e.loop(0, w.shape[3], CHANNELS) as first:
        count = e.minimum(CHANNELS, e.sub(w.shape[3], first))
        with e.loop(0, w.shape[2], lanes) as i:
            live = e.minimum(lanes, e.sub(w.shape[2], i))
            _turn(e, w, out, (i, live), (first, count))


def _turn(
    e: Emit,
    w: Array,
    out: Array,
    inputs: tuple[Index, Index],
    outputs: tuple[Index, Index],
) -> None:
    """Values of some turned rows, by way of turned blocks of each tap."""
    sides, lanes = _sides(w.shape[:2]), native_lanes(w.dtype)
    (i, live), (first, count) = inputs, outputs
    size = CHANNELS * lanes
    down, across = (side.taps for side in sides)
    block = Array(e.scratch(w.dtype, down * across * size), w.dtype, (), ())
    with e.loop(0, down) as y, e.loop(0, across) as x:
        place = e.mul(e.add(e.mul(y, across), x), size)
        source = w.at(e, e.sub(down - 1, y), e.sub(across - 1, x), i, first)
        pointer = e.address(block.pointer, w.dtype, place)
        to = Array(pointer, w.dtype, (), ())
        pack_turned(e, source, w.strides[2], count, Panel(1, lanes, live), to)
    with e.loop(0, count) as o:

        def tap(y: int, x: int) -> Term:
            place = e.add((y * across + x) * size, e.mul(o, lanes))
            return Term(e, e.load(block, place, lanes))

        _store_values(e, sides, tap, out, (e.add(first, o), i), live)


def _sides(window: Sequence[Index]) -> Sides:
    down, across = (known(taps) for taps in window)
    if down is None or across is None:
        raise TypeError("the taps of a window must be known")
    return Side(down), Side(across)


def _points(sides: Sides) -> Pair:
    return sides[0].points, sides[1].points


def _store_values(
    e: Emit,
    sides: Sides,
    tap: Callable[[int, int], Term],
    out: Array,
    at: tuple[Index, Index],
    live: Index = CHANNELS,
) -> None:
    """G taps G^T, to out[p, *at]."""
    down, across = sides
    columns = [[tap(y, x) for y in range(down.taps)] for x in range(across.taps)]
    rows = zip(*map(down.of_taps, columns))
    values = (value for row in rows for value in across.of_taps(row))
    norms = itertools.product(down.norms, across.norms)
    for number, (value, factors) in enumerate(zip(values, norms)):
        norm = factors[0] * factors[1]
        value = value * (1.0 / norm) if norm != 1.0 else value
        e.store_some(out, out.offset(e, (number, *at)), value.scalar, live)


@cut(u=1, out=2)
@kernel
def weights_gradient(e: Emit, u: Array, out: Array) -> None:
    """u[p, i, o] -> out[kh, kw, i, o]: gradient of taps by that of their values."""
    down, across = _sides(out.shape[:2])
    with e.loop(0, out.shape[2]) as i:

        def vector(o: Index, lanes: int) -> None:
            def value(a: int, b: int) -> Term:
                place = u.offset(e, (a * across.points + b, i, o))
                found = Term(e, e.load(u, place, lanes))
                norm = down.norms[a] * across.norms[b]
                return found * (1.0 / norm) if norm != 1.0 else found

            columns = [
                down.sums([value(a, b) for a in range(down.points)], down.taps)
                for b in range(across.points)
            ]
            for y, row in enumerate(zip(*columns)):
                for x, total in enumerate(across.sums(row, across.taps)):
                    e.store(out, out.offset(e, (y, x, i, o)), total.scalar)

        stretch(e, 0, out.shape[3], native_lanes(out.dtype), vector)


# ------------------------------------------------------------------------ forward


class _RowsOfTiles(Rows):
    """Rows of results, in whole tiles."""

    def grain(self, attributes: Mapping[str, Any]) -> int:
        """A tile may not begin elsewhere: its results would be rounded otherwise."""
        return _sides(attributes["window"])[0].results


@cut(x=0, out=0)
@cut(out=1, moves=_RowsOfTiles())
@kernel
def conv2d(
    e: Emit,
    x: Array,
    u: Array,
    out: Array,
    *,
    window: Pair,
    padding: Padding,
    epilogue: Epilogue | None = None,
    early: Early | None = None,
) -> None:
    """x[n, h, w, i], u[p, i, o] -> out[n, y, x, o]: convolution by values of taps.

    `epilogue` is that of `conv.conv2d`; `early(e, row, column)` asks for what it reads.
    """
    _Forward(e, x, u, out, _sides(window), padding, (epilogue, early)).run()


@dataclass(frozen=True, slots=True)
class _Target:
    """The first result of a tile: its memory, its pixel and its channel."""

    out: Array
    row: Index
    channel: Index


class _Forward:
    """Blocks of tiles: values of cells, products, sums to results."""

    def __init__(
        self,
        e: Emit,
        x: Array,
        u: Array,
        out: Array,
        sides: Sides,
        padding: Padding,
        finish: tuple[Epilogue | None, Early | None],
    ) -> None:
        self.e, self.x, self.u, self.out = e, x, u, out
        self.down, self.across = sides
        self.padding, (self.epilogue, self.early) = padding, finish
        self.vectors = vectors_for(out.dtype, None, out.shape[3])
        self.rows = rows_for(self.vectors)
        self.slots = 2 * self.rows
        # One image has few tiles: rows in vain would be most of the work.
        self.exact = known(out.shape[0]) == 1
        self.lanes = native_lanes(out.dtype)
        self.tiles = Tiles(e, out, sides)
        self.cells = Cells(e, x, _points(sides), self.slots)
        self.values = Values(e, self.cells, sides, self.slots)
        self.pitch = padded(out.shape[3], self.lanes)
        self.plane = self.slots * self.pitch + self.lanes
        self.points = self.down.points * self.across.points
        self.products = self._scratch(self.points * self.plane)

    def _scratch(self, size: int) -> Array:
        dtype = self.out.dtype
        return Array(self.e.scratch(dtype, size), dtype, (), ())

    def run(self) -> None:
        """All blocks of tiles."""
        e = self.e
        with e.loop(0, self.tiles.count, self.slots) as start:
            count = e.minimum(self.slots, e.sub(self.tiles.count, start))
            with e.loop(0, self.out.shape[3], CHANNELS) as column:
                self._multiply(start, count, column)
                self._finish(start, count, column)

    def _multiply(self, start: Index, count: Index, column: Index) -> None:
        """Products of all points for a block of output channels."""
        e, inputs = self.e, self.x.shape[3]
        with e.loop(0, inputs, CHANNELS) as first:
            self.tiles.find(self.cells, start, count, first, self.padding)
            depth = block(e, inputs, first)
            fresh = e.eq(first, 0)

            def fill(group: Index) -> None:
                self.values.fill(group, count, first)

            def use(row: Index, rows: Index) -> None:
                points = e.mul(rows, self.across.points)
                base = e.mul(row, self.across.points)
                with e.loop(0, points) as point:
                    number = e.add(base, point)
                    with e.when(fresh):
                        self._ask(e.add(start, number), e.add(start, count), column)
                    self._product(point, (number, first, column), (count, depth), fresh)

            each_group(e, self.down, fill, use)

    def _ask(self, first: Index, stop: Index, column: Index) -> None:
        """Ask for the memory of some tiles' results, and for what finishes them."""
        if self.exact:
            return  # one image is in the cache
        e, out = self.e, self.out

        def ask(n: Index, y: Index, x: Index, channel: Index) -> None:
            row = e.add(e.mul(e.add(e.mul(n, out.shape[1]), y), out.shape[2]), x)
            e.prefetch(out, out.offset(e, (n, y, x, channel)), write=True)
            if self.early is not None:
                self.early(e, row, channel)

        self.tiles.ask(first, stop, self.points, lines_of(e, out, column), ask)

    def _product(
        self, point: Index, at: Pixel, size: tuple[Index, Index], fresh: ir.Value
    ) -> None:
        """products[p] (+)= values[p] u[p]: a function that equal shapes share."""
        e, (number, first, column) = self.e, at
        columns = block(e, self.out.shape[3], column)
        arrays = (
            self.values.at(point, 0, 0),
            self.u.at(e, number, first, column),
            part(e, self.products, e.mul(number, self.plane)),
        )
        sizes = [e.index(n) for n in (*size, columns)]
        fixed = tuple(known(n) for n in (*size, columns))
        steps = self.values.pitch, known(self.u.strides[1]), self.pitch
        shape = self.rows, self.vectors, self.exact
        key = (self.out.dtype, shape, steps, fixed, known(fresh))
        given = [*(a.pointer for a in arrays), *sizes, fresh]

        def body(inner: Emit, *given: ir.Value) -> None:
            counts = [g if n is None else n for n, g in zip(fixed, given[3:])]
            last = given[-1] if known(fresh) is None else fresh
            self._written(inner, given[:3], counts, last)

        e.shared(("product", key), "product", given, body)

    def _written(
        self,
        e: Emit,
        places: Sequence[ir.Value],
        size: Sequence[Index],
        fresh: ir.Value,
    ) -> None:
        left, right, to = (Array(p, self.out.dtype, (), ()) for p in places)
        count, depth, columns = size
        step = self.u.strides[1]

        def panel(start: Index, cut: Panel) -> None:
            def strip(slot: Index, rows: int) -> None:
                a = part(e, left, e.mul(slot, self.values.pitch))
                out = part(e, to, e.add(e.mul(slot, self.pitch), start))
                walk, result = Walk(depth, 1, step), Result(out, self.pitch, fresh)
                b = part(e, right, start)
                tile(e, rows, cut, a, self.values.pitch, b, [walk], result)

            if self.exact:
                strips(e, 0, count, self.rows, strip)
                return
            with e.loop(0, count, self.rows) as slot:
                strip(slot, self.rows)

        panels(e, columns, self.vectors, self.lanes, panel)

    def _finish(self, start: Index, count: Index, column: Index) -> None:
        """Results of the tiles, from the products of their points."""
        e, out = self.e, self.out
        columns = block(e, out.shape[3], column)
        whole = known(e.mod(columns, self.lanes)) == 0
        with e.loop(0, count) as slot:
            n, y, x = self.tiles.corner(e.add(start, slot))
            row = e.add(e.mul(e.add(e.mul(n, out.shape[1]), y), out.shape[2]), x)
            with e.loop(0, columns, self.lanes) as channel:
                found = self._sums(slot, channel)
                at = e.add(column, channel)
                live = self.lanes if whole else e.sub(columns, channel)
                to = _Target(part(e, out, out.offset(e, (n, y, x, at))), row, at)

                def store(i: int, j: int) -> None:
                    self._store(to, (i, j), found[i][j].scalar, live)

                self._each((n, y, x), store)

    def _sums(self, slot: Index, channel: Index) -> list[Terms]:
        """A^T s A of one tile, for a vector of channels."""
        e, down, across = self.e, self.down, self.across
        products = part(e, self.products, e.add(e.mul(slot, self.pitch), channel))

        def product(a: int, b: int) -> Term:
            place = (a * across.points + b) * self.plane
            return Term(e, e.load(products, place, self.lanes))

        columns = [
            down.sums([product(a, b) for a in range(down.points)], down.results)
            for b in range(across.points)
        ]
        return [across.sums(line, across.results) for line in zip(*columns)]

    def _each(self, corner: Pixel, body: Callable[[int, int], None]) -> None:
        """body(i, j) for the results of a tile that lie in the image."""
        e, (_, y, x) = self.e, corner
        for i in range(self.down.results):
            for j in range(self.across.results):
                exists = e.both(self._inside(y, 0, i), self._inside(x, 1, j))
                with e.when(exists):
                    body(i, j)

    def _inside(self, place: Index, axis: int, number: int) -> ir.Value:
        """Whether a result exists: where tiles fit the image all of them do."""
        size, step = self.out.shape[1 + axis], self.tiles.steps[axis]
        rest = known(self.e.mod(size, step))
        if rest == 0 or number == 0:
            return YES
        return self.e.lt(place, self.e.sub(size, number))

    def _store(
        self, to: _Target, at: tuple[int, int], value: Scalar, live: Index
    ) -> None:
        """Put a result in its place, through the epilogue."""
        e, out, (i, j) = self.e, self.out, at
        row = e.add(e.add(to.row, e.mul(i, out.shape[2])), j)
        pixel = e.add(e.mul(i, out.strides[1]), e.mul(j, out.strides[2]))
        place = part(e, to.out, pixel)
        finish_some(e, place, value, live, self.epilogue, (row, to.channel))


# ----------------------------------------------------------- gradient of weights


@summed(x=0, g=0)
@kernel
def backward_weights(
    e: Emit, x: Array, g: Array, out: Array, *, window: Pair, padding: Padding
) -> None:
    """x[n, h, w, i], g[n, y, x, o] -> out[p, i, o]: gradient of the values of taps."""
    zero(e, out)
    _Gradient(e, x, g, out, _sides(window), padding).run()


class _Gradient:
    """Blocks of tiles: values of cells and of gradients, products over the tiles."""

    def __init__(
        self,
        e: Emit,
        x: Array,
        g: Array,
        out: Array,
        sides: Sides,
        padding: Padding,
    ) -> None:
        self.e, self.x, self.g, self.out = e, x, g, out
        self.down, self.across = sides
        self.padding = padding
        self.tiles = Tiles(e, g, sides)
        self.lanes = native_lanes(out.dtype)
        self.cells = Cells(e, x, _points(sides), DEEP)
        self.slopes = Cells(e, g, self.tiles.steps, DEEP)
        self.left = Values(e, self.cells, sides, DEEP)
        self.right = Values(e, self.slopes, sides, DEEP, slopes=True)

    def run(self) -> None:
        """All blocks of tiles."""
        e = self.e
        with e.loop(0, self.tiles.count, DEEP) as start:
            count = e.minimum(DEEP, e.sub(self.tiles.count, start))
            with e.loop(0, self.x.shape[3], CHANNELS) as first:
                self.tiles.find(self.cells, start, count, first, self.padding)
                with e.loop(0, self.g.shape[3], CHANNELS) as column:
                    self.tiles.find(self.slopes, start, count, column)
                    self._multiply((start, count), first, column)

    def _multiply(self, span: tuple[Index, Index], first: Index, column: Index) -> None:
        e, points, (start, count) = self.e, self.across.points, span
        later = e.add(start, DEEP)
        stop = e.minimum(e.add(later, DEEP), self.tiles.count)

        def fill(group: Index) -> None:
            self.left.fill(group, count, first)
            self.right.fill(group, count, column)

        def use(row: Index, rows: Index) -> None:
            with e.loop(0, e.mul(rows, points)) as point:
                number = e.add(e.mul(row, points), point)
                self._ask(e.add(later, number), stop, (first, column))
                self._product(point, (number, first, column), count)

        each_group(e, self.down, fill, use)

    def _ask(self, first: Index, stop: Index, channels: tuple[Index, Index]) -> None:
        """Ask for cells and gradients of some tiles of the next block."""
        e, points = self.e, self.down.points * self.across.points
        for image, start in zip((self.x, self.g), channels):

            def ask(*place: Index, image: Array = image) -> None:
                e.prefetch(image, image.offset(e, place))

            self.tiles.ask(first, stop, points, lines_of(e, image, start), ask)

    def _product(self, point: Index, at: Pixel, count: Index) -> None:
        """out[p, inputs, outputs] += left[p]^T right[p]"""
        e, (number, first, column) = self.e, at
        inputs = block(e, self.x.shape[3], first)
        outputs = block(e, self.g.shape[3], column)
        vectors = vectors_for(self.out.dtype, inputs, outputs)

        def panel(start: Index, cut: Panel) -> None:
            def strip(i: Index, rows: int) -> None:
                place = (number, e.add(first, i), e.add(column, start))
                to = self.out.at(e, *place)
                left, right = self.left.at(point, 0, i), self.right.at(point, 0, start)
                walk = Walk(count, self.left.pitch, self.right.pitch)
                result = Result(to, self.out.strides[1], NO)
                tile(e, rows, cut, left, 1, right, [walk], result)

            strips(e, 0, inputs, rows_for(vectors), strip)

        panels(e, outputs, vectors, self.lanes, panel)
