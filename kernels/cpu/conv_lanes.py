"""Convolutions of many small groups: vectors run along the channels of all of them.

Output channel c belongs to group c // outputs, whose `inputs` channels it reads:

    groups of 2 outputs, 2 inputs      c        0   1 | 2   3 | 4   5 | ...
                                       x, k = 0 0   0 | 2   2 | 4   4 |
                                       x, k = 1 1   1 | 3   3 | 5   5 |

so a vector of cells is read once and its lanes moved for each of the `inputs`. Of a
depthwise convolution (groups of one channel) no lane has to move. Neighbouring results
of a row are made together: each cell is read once for all taps of the row over it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Local, native_lanes
from graphkeras.kernels.cpu.loop import cover, nest, zero
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import DTYPES, Epilogue, finish_some
from graphkeras.kernels.cpu.value import Index, Scalar, known
from graphkeras.kernels.cpu.window import Geometry

TOGETHER = 4  # results made together
SUMS = 12  # sums of a gradient of weights kept in registers

Indices = tuple[Index, ...]
Terms = list[Term]


@dataclass(frozen=True, slots=True)
class Lanes:
    """A vector of output channels: the first, how many lanes, how many exist."""

    channel: Index
    count: int
    live: Index


def fits(x: Array, w: Array, result: Array, shape: Geometry) -> bool:
    """Whether the groups are small, known, and make whole vectors."""
    numbers = [known(n) for n in (shape.inputs, shape.outputs, shape.across.taps)]
    if result.dtype not in DTYPES or None in numbers:
        return False
    if any(known(a.strides[3]) != 1 for a in (x, w, result)):
        return False
    if known(shape.across.stride) is None or known(shape.across.dilation) is None:
        return False
    inputs, outputs, _ = numbers
    return _fits_vector(known(w.shape[3]), inputs, outputs, native_lanes(w.dtype))


def _fits_vector(
    channels: int | None, inputs: int | None, outputs: int | None, lanes: int
) -> bool:
    if channels is None or not inputs or not outputs or channels == outputs:
        return False
    while lanes // 2 >= channels:
        lanes //= 2
    small = 2 * outputs <= lanes and lanes % outputs == 0
    return small and inputs <= 2 * outputs


class _Cells:
    """Reads cells as each of a group's inputs wants them."""

    def __init__(self, e: Emit, x: Array, w: Array, shape: Geometry) -> None:
        self.e, self.x, self.w, self.shape = e, x, w, shape
        inputs, outputs = known(shape.inputs), known(shape.outputs)
        assert inputs is not None and outputs is not None
        self.inputs, self.outputs = inputs, outputs

    def read(self, pixel: Indices, lanes: Lanes) -> Terms:
        """For each input of a group, a vector of those of the lanes' groups."""
        e, ratio = self.e, (self.inputs, self.outputs)
        first = e.mul(e.floordiv(lanes.channel, ratio[1]), ratio[0])
        live = e.mul(e.floordiv(lanes.live, ratio[1]), ratio[0])
        width = lanes.count * ratio[0] // ratio[1]
        place = self.x.offset(e, (*pixel, first))
        found = e.load_some(self.x, place, width, live)
        if ratio == (1, 1):
            return [Term(e, found)]
        moved = []
        for k in range(self.inputs):
            sources = [c // ratio[1] * ratio[0] + k for c in range(lanes.count)]
            spread = (
                e.shuffle(found, found, sources)
                if width > 1
                else e.splat(found, lanes.count)
            )
            moved.append(Term(e, spread))
        return moved

    def weights(self, tap: tuple[Index, Index], k: int, lanes: Lanes) -> Term:
        """Weights of one tap and input, for all lanes."""
        e = self.e
        place = self.w.offset(e, (*tap, k, lanes.channel))
        return Term(e, e.load_some(self.w, place, lanes.count, lanes.live))

    def row(
        self, n: Index, y: Index, x: Index, columns: range, many: int, lanes: Lanes
    ) -> dict[int, Terms]:
        """Cells of an image row under taps of `many` windows from result x on."""
        e, across = self.e, self.shape.across
        stride, dilation = known(across.stride), known(across.dilation)
        assert stride is not None and dilation is not None
        first = across.first(e, x)
        steps = {r * stride + j * dilation for r in range(many) for j in columns}
        return {
            step: self.read((n, y, e.add(first, step)), lanes) for step in sorted(steps)
        }

    def step(self, result: int, tap: int) -> int:
        """How far from the first cell that under a tap of a later window is."""
        stride, dilation = known(self.shape.across.stride), self.shape.across.dilation
        assert stride is not None and isinstance(dilation, int)
        return result * stride + tap * dilation


def forward(
    e: Emit,
    x: Array,
    w: Array,
    out: Array,
    shape: Geometry,
    epilogue: Epilogue | None,
) -> None:
    """x[n, h, w, c], w[kh, kw, i, o] -> out[n, y, x, o]"""
    _Forward(e, x, w, out, shape, epilogue).run()


class _Forward:
    def __init__(
        self,
        e: Emit,
        x: Array,
        w: Array,
        out: Array,
        shape: Geometry,
        epilogue: Epilogue | None,
    ) -> None:
        self.e, self.out, self.shape, self.epilogue = e, out, shape, epilogue
        self.cells = _Cells(e, x, w, shape)

    def run(self) -> None:
        """All rows of the result."""
        nest(self.e, self.out.shape[:2], self._row)

    def _row(self, index: Indices) -> None:
        (n, y), out = index, self.out

        def whole(x: Index, many: int) -> None:
            self._channels(lambda lanes: self._whole((n, y, x), many, lanes))

        def cut(x: Index) -> None:
            self._channels(lambda lanes: self._cut((n, y, x), lanes))

        self.shape.across.along(self.e, out.shape[2], TOGETHER, whole, cut)

    def _channels(self, body: Callable[[Lanes], None]) -> None:
        out = self.out
        cover(self.e, out.shape[3], native_lanes(out.dtype),
              lambda *lanes: body(Lanes(*lanes)))  # fmt: skip

    def _sums(self, many: int, lanes: Lanes) -> list[Local]:
        e, dtype = self.e, self.out.dtype
        nothing = e.constant(dtype, 0)
        return [e.local(dtype, nothing, lanes.count) for _ in range(many)]

    def _whole(self, pixel: Indices, many: int, lanes: Lanes) -> None:
        """Neighbouring results with all their columns of taps."""
        e, cells, (n, y, x) = self.e, self.cells, pixel
        sums = self._sums(many, lanes)
        taps = range(known(self.shape.across.taps) or 0)
        with e.loop(*self.shape.down.taps_inside(e, y)) as kh:
            line = self.shape.down.cell(e, y, kh)
            row = cells.row(n, line, x, taps, many, lanes)
            for kw in taps:
                for k in range(cells.inputs):
                    weights = cells.weights((kh, kw), k, lanes)
                    for r, total in enumerate(sums):
                        cell = row[cells.step(r, kw)][k]
                        total.set(cell.fma(weights, Term(e, total.get())).scalar)
        for r, total in enumerate(sums):
            self._store((n, y, e.add(x, r)), total.get(), lanes)

    def _cut(self, pixel: Indices, lanes: Lanes) -> None:
        """One result some of whose taps lie outside."""
        e, cells, (n, y, x) = self.e, self.cells, pixel
        down, across = self.shape.down, self.shape.across
        (total,) = self._sums(1, lanes)
        with (
            e.loop(*down.taps_inside(e, y)) as kh,
            e.loop(*across.taps_inside(e, x)) as kw,
        ):
            cell = (n, down.cell(e, y, kh), across.cell(e, x, kw))
            for k, value in enumerate(cells.read(cell, lanes)):
                weights = cells.weights((kh, kw), k, lanes)
                total.set(value.fma(weights, Term(e, total.get())).scalar)
        self._store(pixel, total.get(), lanes)

    def _store(self, pixel: Indices, value: Scalar, lanes: Lanes) -> None:
        e, out, (n, y, x) = self.e, self.out, pixel
        row = e.add(e.mul(e.add(e.mul(n, out.shape[1]), y), out.shape[2]), x)
        place = out.offset(e, (*pixel, lanes.channel))
        target = Array(e.address(out.pointer, out.dtype, place), out.dtype, (), ())
        finish_some(e, target, value, lanes.live, self.epilogue, (row, lanes.channel))


def backward_data(e: Emit, g: Array, w: Array, out: Array, shape: Geometry) -> None:
    """g[n, y, x, c], w[kh, kw, 1, c] -> out[n, h, w, c], not dilated"""
    dtype, down, across = out.dtype, shape.down, shape.across

    def pixel(index: Indices) -> None:
        n, y, x = index
        rows = down.outputs_over(e, y, g.shape[1])
        columns = across.outputs_over(e, x, g.shape[2])

        def channels(channel: Index, lanes: int, live: Index) -> None:
            total = e.local(dtype, e.constant(dtype, 0), lanes)
            with e.loop(*rows) as oy, e.loop(*columns) as ox:
                kh, kw = e.sub(y, down.first(e, oy)), e.sub(x, across.first(e, ox))
                left, right = (
                    Term(e, e.load_some(a, a.offset(e, at), lanes, live))
                    for a, at in ((g, (n, oy, ox, channel)), (w, (kh, kw, 0, channel)))
                )
                total.set(left.fma(right, Term(e, total.get())).scalar)
            place = out.offset(e, (*index, channel))
            e.store_some(out, place, total.get(), live)

        cover(e, out.shape[3], native_lanes(dtype), channels)

    nest(e, out.shape[:3], pixel)


def backward_weights(e: Emit, x: Array, g: Array, out: Array, shape: Geometry) -> None:
    """x[n, h, w, c], g[n, y, x, o] -> out[kh, kw, i, o]"""
    zero(e, out)
    _Gradient(e, x, g, out, shape).run()


class _Gradient:
    """out[kh] += sums over a row of results, for a row of taps."""

    def __init__(
        self, e: Emit, x: Array, g: Array, out: Array, shape: Geometry
    ) -> None:
        self.e, self.g, self.out, self.shape = e, g, out, shape
        self.cells = _Cells(e, x, out, shape)
        self.taps = known(shape.across.taps) or 0

    def run(self) -> None:
        """All rows of results, rows of taps, and vectors of channels."""
        e, g, down = self.e, self.g, self.shape.down
        each = max(1, SUMS // self.cells.inputs)  # columns of taps at a time

        def row(index: Indices) -> None:
            with e.loop(*down.taps_inside(e, index[1])) as kh:

                def channels(channel: Index, count: int, live: Index) -> None:
                    lanes = Lanes(channel, count, live)
                    for first in range(0, self.taps, each):
                        columns = range(first, min(self.taps, first + each))
                        self._taps((*index, kh), columns, lanes)

                cover(e, g.shape[3], native_lanes(g.dtype), channels)

        nest(e, g.shape[:2], row)

    def _taps(self, at: Indices, columns: range, lanes: Lanes) -> None:
        """Sums over the pixels of a row for some taps of a row."""
        e, shape, dtype, (n, y, kh) = self.e, self.shape, self.out.dtype, at
        nothing = e.constant(dtype, 0)
        sums = {
            (kw, k): e.local(dtype, nothing, lanes.count)
            for kw in columns
            for k in range(self.cells.inputs)
        }
        line = shape.down.cell(e, y, kh)

        def whole(x: Index, many: int) -> None:
            row = self.cells.row(n, line, x, columns, many, lanes)
            slopes = [self._slope((n, y, e.add(x, r)), lanes) for r in range(many)]
            for r, slope in enumerate(slopes):
                for (kw, k), total in sums.items():
                    cell = row[self.cells.step(r, kw)][k]
                    total.set(slope.fma(cell, Term(e, total.get())).scalar)

        def cut(x: Index) -> None:
            slope = self._slope((n, y, x), lanes)
            for kw in columns:
                column = shape.across.cell(e, x, kw)
                inside = e.both(e.ge(column, 0), e.lt(column, shape.across.size))
                with e.when(inside):
                    cells = self.cells.read((n, line, column), lanes)
                    for k, cell in enumerate(cells):
                        total = sums[kw, k]
                        total.set(slope.fma(cell, Term(e, total.get())).scalar)

        shape.across.along(e, self.g.shape[2], TOGETHER, whole, cut)
        for (kw, k), total in sums.items():
            self._add((kh, kw, k, lanes.channel), total.get(), lanes)

    def _slope(self, pixel: Indices, lanes: Lanes) -> Term:
        e, g = self.e, self.g
        place = g.offset(e, (*pixel, lanes.channel))
        return Term(e, e.load_some(g, place, lanes.count, lanes.live))

    def _add(self, at: Indices, value: Scalar, lanes: Lanes) -> None:
        e, out = self.e, self.out
        place = out.offset(e, at)
        before = Term(e, e.load_some(out, place, lanes.count, lanes.live))
        e.store_some(out, place, (before + Term(e, value)).scalar, lanes.live)
