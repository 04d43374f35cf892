"""Convolutions along lines with fewer multiplications: any stride, long windows.

A window of taps is cut into combs (see `comb_values`), and each comb goes by points as
in `winograd`. What the combs give is added up before the points become results, so a
result of 7 taps and a stride of 3 takes 4 products instead of 7:

    cells under a comb t   --B-->  v[p, tiles, t, i]
    taps of a comb         --G-->  u[p, t, i, o]
                                   s[p] = v[p] @ u[p]   --A-->   out[m, o]

In the gradient by the cells a comb's results lie `stride` apart: each of `stride`
phases of cells is a convolution of g. A comb of fewer teeth than others is 0 at
infinity (in reverse, at 0): there it takes no product.

u lies as tiles read it: BLOCK channels side by side, phase by phase, block by block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.comb_values import Combs, Values, View
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, Index, kernel, known, native_lanes
from graphkeras.kernels.cpu.loop import zero
from graphkeras.kernels.cpu.points import POINTS
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import (
    NO,
    Epilogue,
    Panel,
    Result,
    Walk,
    finish_some,
    lines,
    panels,
    rows_for,
    strips,
    tile,
    vectors_for,
)
from graphkeras.kernels.cpu.winograd_tiles import part

BLOCK = 32  # channels side by side
ROOM = 73728  # values of a block of tiles: 288 KiB of float32
STRIPS = 4  # of tiles in a block, at most
AHEAD = 48  # rows of a panel that are asked for before they are needed
INPUTS = 64  # channels of a block for a gradient of weights
HEIGHT = 8  # of its tiles; INPUTS is a multiple


class _Blocks:
    """Blocks of channels of one sample's results; those of u move along."""

    def grain(self, attributes: Mapping[str, Any]) -> int:
        """A block begins there."""
        return BLOCK

    def part(
        self, e: Emit, arrays: list[Array], attributes: dict[str, Any], first: Index
    ) -> tuple[list[Array], dict[str, Any]]:
        """x, u, out and the attributes of the channels from `first` on."""
        x, u, out = arrays
        place = e.mul(e.floordiv(first, BLOCK), u.strides[1])
        moved = replace(u, pointer=e.address(u.pointer, u.dtype, place))
        return [x, moved, out], attributes


@cut(x=0, out=0)
@cut(out=3, moves=_Blocks())
@kernel
def conv(
    e: Emit,
    x: Array,
    u: Array,
    out: Array,
    *,
    taps: int,
    stride: int,
    teeth: int,
    before: int,
    epilogue: Epilogue | None = None,
) -> None:
    """x[n, h, w, i], u[f, b, p, t, i, l] -> out[n, h, y, o]: convolution of lines.

    `epilogue` is that of `conv.conv2d`.
    """
    combs = Combs(taps, stride, teeth)
    firsts, inputs = combs.firsts, x.shape[3]
    views = [_seen(combs, first, before) for first in firsts]
    full = combs.full(firsts) * _whole(inputs)
    phase = _Phase(0, 1, 0, len(firsts) * _whole(inputs), full, POINTS - 1)
    work = _Products(e, x, u, out, combs, views, out.shape[2], epilogue)
    work.run([phase])


@cut(g=0, out=0)
@kernel
def backward_data(
    e: Emit,
    g: Array,
    u: Array,
    out: Array,
    *,
    taps: int,
    stride: int,
    teeth: int,
    before: int,
) -> None:
    """g[n, h, y, o], u[f, b, p, t, o, l] -> out[n, h, w, i]: gradient of the cells."""
    combs, outputs = Combs(taps, stride, teeth), _whole(g.shape[3])
    begin = before // stride
    steps = range(len({first // stride for first in combs.firsts}))
    views = [View(1, 0, begin - (step + 1) * teeth + 1) for step in steps]
    phases = []
    for number in range(stride):
        firsts = [first for first in combs.firsts if first % stride == number]
        depths = (len(firsts) * outputs, combs.full(firsts) * outputs)
        base = begin * stride + number - before
        phases.append(_Phase(number, stride, base, *depths, skips=0))
    # Places of which the first may, and the last must, have a cell.
    last = e.floordiv(e.add(out.shape[2], before - 1), stride)
    places = e.add(e.sub(last, begin), 1)
    _Products(e, g, u, out, combs, views, places, None).run(phases)


def _whole(size: Index) -> int:
    number = known(size)
    if number is None:
        raise TypeError("the channels that are summed must be known")
    return number


def _seen(combs: Combs, first: int, before: int) -> View:
    """The cells under a comb."""
    shift, offset = divmod(first - before, combs.stride)
    return View(combs.stride, offset, shift)


@dataclass(frozen=True, slots=True)
class _Phase:
    """Results that the same values of taps make.

    Attributes:
        number: of the values of taps.
        gap, base: result i of a line lies in cell base + i * gap.
        depth: combs * channels; `full`, of those combs that have all teeth.
        skips: the point at which the others are 0.
    """

    number: int
    gap: int
    base: int
    depth: int
    full: int
    skips: int


class _Products:
    """Blocks of tiles: values of cells, products, sums to results."""

    def __init__(
        self,
        e: Emit,
        x: Array,
        u: Array,
        out: Array,
        combs: Combs,
        views: Sequence[View],
        places: Index,
        epilogue: Epilogue | None,
    ) -> None:
        self.e, self.x, self.u, self.out = e, x, u, out
        self.side, self.views, self.epilogue = combs.side, views, epilogue
        self.lanes = native_lanes(out.dtype)
        width = known(out.shape[3])
        self.width = BLOCK if width is None else min(BLOCK, width)
        self.vectors = vectors_for(out.dtype, None, self.width)
        self.rows = rows_for(self.vectors)
        depth = len(views) * _whole(x.shape[3])
        # Not a multiple of a page: rows would drive each other out of the cache.
        self.pitch = -(-depth // self.lanes) * self.lanes
        self.pitch += 16 if self.pitch % 32 == 0 else 0
        fitting = ROOM // (POINTS * self.pitch * self.rows)
        self.slots = self.rows * max(1, min(STRIPS, fitting))
        # One sample has few tiles: rows in vain would be much of the work.
        self.exact = known(out.shape[0]) == 1
        self.across = e.ceildiv(places, self.side.results)
        self.count = e.product((*x.shape[:2], self.across))
        self.plane = self.slots * self.pitch + 16
        self.values = self._scratch(POINTS * self.plane)
        self.room = self.slots * BLOCK + 16
        self.products = self._scratch(POINTS * self.room)

    def _scratch(self, size: int) -> Array:
        dtype = self.out.dtype
        return Array(self.e.scratch(dtype, size), dtype, (), ())

    def run(self, phases: Sequence[_Phase]) -> None:
        """All blocks of tiles."""
        e = self.e
        blocks = e.ceildiv(self.out.shape[3], BLOCK)
        with e.loop(0, self.count, self.slots) as start:
            count = e.minimum(self.slots, e.sub(self.count, start))
            self._fill(start, count)
            for phase in phases:
                with e.loop(0, blocks) as block:
                    self._multiply(phase, block, count)
                    self._finish(phase, block, start, count)

    def _corner(self, number: Index) -> tuple[Index, Index, Index]:
        """Sample, line and place of the first result of a tile."""
        e, height = self.e, self.x.shape[1]
        line, place = e.floordiv(number, self.across), e.mod(number, self.across)
        n, y = e.floordiv(line, height), e.mod(line, height)
        return n, y, e.mul(place, self.side.results)

    def _fill(self, start: Index, count: Index) -> None:
        e, channels = self.e, self.x.shape[3]
        values = Values(e, self.side, self.plane)
        with e.loop(0, count) as slot:
            n, y, place = self._corner(e.add(start, slot))
            line = self.x.at(e, n, y)
            for number, view in enumerate(self.views):
                at = e.add(e.mul(slot, self.pitch), e.mul(number, channels))
                cells = view.cells(e, line, place)
                values.fill(cells, channels, part(e, self.values, at))

    def _multiply(self, phase: _Phase, block: Index, count: Index) -> None:
        """Products of a block of channels at all points."""
        e = self.e
        with e.loop(0, POINTS) as point:
            depth = e.choose(e.eq(point, phase.skips), phase.full, phase.depth)
            pointers = [
                part(e, self.values, e.mul(point, self.plane)).pointer,
                self.u.at(e, phase.number, block, point).pointer,
                part(e, self.products, e.mul(point, self.room)).pointer,
            ]
            shape = self.pitch, self.rows, self.width, self.exact
            key = ("combs", self.out.dtype, *shape)
            given = [*pointers, e.index(count), e.index(depth)]
            e.shared(key, "product", given, self._product)

    def _product(self, e: Emit, *given: ir.Value) -> None:
        """values[tiles, depth] u[depth, BLOCK] -> products[tiles, BLOCK]"""
        left, right, to = (Array(p, self.out.dtype, (), ()) for p in given[:3])
        count, depth = given[3:]

        def panel(column: Index, cut: Panel) -> None:
            b = part(e, right, column)

            def beside(k: Index, steps: int) -> None:
                for step in range(steps):
                    for column in lines(cut, b):
                        place = e.add(k, AHEAD + step)
                        e.prefetch(b, e.add(e.mul(place, BLOCK), column))

            def strip(slot: Index, rows: int) -> None:
                a = part(e, left, e.mul(slot, self.pitch))
                result = Result(part(e, to, e.add(e.mul(slot, BLOCK), column)), BLOCK)
                walk = Walk(depth, 1, BLOCK)
                tile(e, rows, cut, a, self.pitch, b, [walk], result, beside)

            if self.exact:
                strips(e, 0, count, self.rows, strip)
                return
            with e.loop(0, count, self.rows) as slot:
                strip(slot, self.rows)

        # Whole vectors: behind the last channel u is 0.
        width = -(-self.width // self.lanes) * self.lanes
        panels(e, width, self.vectors, self.lanes, panel)

    def _finish(self, phase: _Phase, block: Index, start: Index, count: Index) -> None:
        """Results of the tiles, from the products of their points."""
        e, out, lanes = self.e, self.out, self.lanes
        first = e.mul(block, BLOCK)
        left = e.sub(out.shape[3], first)
        whole = known(e.mod(out.shape[3], BLOCK)) == 0
        with e.loop(0, count) as slot:
            n, y, place = self._corner(e.add(start, slot))
            line = e.add(e.mul(n, out.shape[1]), y)
            cells = [
                e.add(e.mul(e.add(place, j), phase.gap), phase.base)
                for j in range(self.side.results)
            ]
            exist = [e.both(e.ge(c, 0), e.lt(c, out.shape[2])) for c in cells]
            with e.loop(0, BLOCK if whole else e.minimum(BLOCK, left), lanes) as i:
                live = lanes if whole else e.sub(left, i)
                column = e.add(first, i)
                for j, value in enumerate(self._sums(slot, i)):
                    with e.when(exist[j]):
                        to = out.offset(e, (n, y, cells[j], column))
                        row = e.add(e.mul(line, out.shape[2]), cells[j])
                        finish_some(
                            e, part(e, out, to), value.scalar, live, self.epilogue,
                            (row, column),
                        )  # fmt: skip

    def _sums(self, slot: Index, channel: Index) -> list[Term]:
        """A^T s of one tile, for a vector of channels."""
        e = self.e
        first = e.add(e.mul(slot, BLOCK), channel)
        places = [e.add(first, point * self.room) for point in range(POINTS)]
        values = [Term(e, e.load(self.products, at, self.lanes)) for at in places]
        return self.side.sums(values, self.side.results)


# ----------------------------------------------------------- gradient of weights


@cut(x=3, out=2, grain=16)
@kernel
def backward_weights(
    e: Emit,
    x: Array,
    g: Array,
    out: Array,
    *,
    taps: int,
    stride: int,
    teeth: int,
    before: int,
) -> None:
    """x[n, h, w, i], g[n, h, y, o] -> out[p, t, i, o]: gradient of values of taps."""
    zero(e, out)
    _Gradient(e, x, g, out, Combs(taps, stride, teeth), before).run()


class _Gradient:
    """Blocks of tiles: values of cells and of gradients, products over the tiles."""

    def __init__(
        self, e: Emit, x: Array, g: Array, out: Array, combs: Combs, before: int
    ) -> None:
        self.e, self.x, self.g, self.out = e, x, g, out
        self.combs, self.side, self.before = combs, combs.side, before
        self.lanes = native_lanes(out.dtype)
        self.blocks = -(-_whole(g.shape[3]) // BLOCK)
        self.deep = max(24, ROOM // (POINTS * BLOCK * self.blocks) // 24 * 24)
        self.deep = min(96, self.deep)
        self.across = e.ceildiv(g.shape[2], self.side.results)
        self.count = e.product((*g.shape[:2], self.across))
        # A pitch that spreads rows over the sets of the cache.
        self.pitch = INPUTS + 16
        self.left_plane = self.deep * self.pitch + 16
        self.right_plane = self.blocks * self.deep * BLOCK + 16
        sizes = (POINTS * self.left_plane, POINTS * self.right_plane)
        self.left, self.right = (
            Array(e.scratch(out.dtype, size), out.dtype, (), ()) for size in sizes
        )

    def run(self) -> None:
        """All blocks of tiles."""
        e, inputs = self.e, self.x.shape[3]
        firsts = self.combs.firsts
        with e.loop(0, self.count, self.deep) as start:
            count = e.minimum(self.deep, e.sub(self.count, start))
            self._fill_slopes(start, count)
            with e.loop(0, inputs, INPUTS) as channel:
                length = e.minimum(INPUTS, e.sub(inputs, channel))
                for number, first in enumerate(firsts):
                    view = _seen(self.combs, first, self.before)
                    self._fill_cells(view, (start, count), (channel, length))
                    points = POINTS - (number >= self.combs.full(firsts))
                    with e.loop(0, points) as point:
                        self._multiply((point, number, channel), length, count)

    def _corner(self, number: Index) -> tuple[Index, Index, Index]:
        e, height = self.e, self.g.shape[1]
        line, place = e.floordiv(number, self.across), e.mod(number, self.across)
        n, y = e.floordiv(line, height), e.mod(line, height)
        return n, y, e.mul(place, self.side.results)

    def _fill_slopes(self, start: Index, count: Index) -> None:
        e, g = self.e, self.g
        values, view = Values(e, self.side, self.right_plane, True), View(1, 0, 0)
        with e.loop(0, count) as slot:
            n, y, place = self._corner(e.add(start, slot))
            with e.loop(0, g.shape[3], BLOCK) as channel:
                length = e.minimum(BLOCK, e.sub(g.shape[3], channel))
                if _whole(g.shape[3]) % BLOCK == 0:
                    length = BLOCK
                line = part(e, g.at(e, n, y), channel)
                line = replace(line, shape=g.shape[2:], strides=g.strides[2:])
                at = e.add(e.mul(channel, self.deep), e.mul(slot, BLOCK))
                values.fill(view.cells(e, line, place), length, part(e, self.right, at))

    def _fill_cells(
        self, view: View, tiles: tuple[Index, Index], channels: tuple[Index, Index]
    ) -> None:
        e, x, (start, count), (channel, length) = self.e, self.x, tiles, channels
        values = Values(e, self.side, self.left_plane)
        with e.loop(0, count) as slot:
            n, y, place = self._corner(e.add(start, slot))
            line = part(e, x.at(e, n, y), channel)
            line = replace(line, shape=x.shape[2:], strides=x.strides[2:])
            to = part(e, self.left, e.mul(slot, self.pitch))
            values.fill(view.cells(e, line, place), length, to)

    def _multiply(
        self, at: tuple[Index, Index, Index], length: Index, count: Index
    ) -> None:
        """out[p, t, inputs, outputs] += left[p]^T right[p]"""
        e, (point, number, channel) = self.e, at
        pointers = [
            part(e, self.left, e.mul(point, self.left_plane)).pointer,
            part(e, self.right, e.mul(point, self.right_plane)).pointer,
            self.out.at(e, point, number, channel).pointer,
        ]
        step, columns = self.out.strides[2], self.out.shape[3]
        key = ("comb gradient", self.out.dtype, self.deep, known(step), known(columns))
        given = [*pointers, e.index(length), e.index(count)]
        e.shared(key, "product", given, self._product)

    def _product(self, e: Emit, *given: ir.Value) -> None:
        left, right, to = (Array(p, self.out.dtype, (), ()) for p in given[:3])
        length, count = given[3:]
        columns, step = _whole(self.g.shape[3]), self.out.strides[2]
        vectors = vectors_for(self.out.dtype, None, min(columns, BLOCK))

        def panel(column: Index, cut: Panel) -> None:
            block = e.mul(e.floordiv(column, BLOCK), BLOCK * self.deep)
            b = part(e, right, e.add(block, e.mod(column, BLOCK)))

            def strip(i: Index, rows: int) -> None:
                place = e.add(e.mul(i, step), column)
                result = Result(part(e, to, place), step, NO)
                walk = Walk(count, self.pitch, BLOCK)
                tile(e, rows, cut, part(e, left, i), 1, b, [walk], result)

            strips(e, 0, length, min(HEIGHT, rows_for(vectors)), strip)

        panels(e, columns, vectors, self.lanes, panel)
