"""Convolutions to few channels: vectors run along what is summed.

The cells under a row of a window lie side by side, columns and channels, and so do the
weights of one output channel once they are turned. Each result is the sum over the
lanes of a vector:

    x[n, y, x..x+taps, :]    c c c c c c c c c | c c c ...
    w[o, kh]                 w w w w w w w w w | w w w ...      out = sum of all lanes

The gradient by the image is the same with taps in reverse, `stride` apart, which begin
elsewhere for each of `stride` phases of a cell. The gradient by the weights is made of
tiles whose rows are the few channels.
"""

from dataclasses import dataclass

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Local, native_lanes
from graphkeras.kernels.cpu.loop import nest, sum_lanes, zero
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import (
    DTYPES,
    NO,
    Epilogue,
    Panel,
    Result,
    Walk,
    panels,
    rows_for,
    tile,
    vectors_for,
)
from graphkeras.kernels.cpu.value import Index, known
from graphkeras.kernels.cpu.window import Geometry

LARGEST = 12288  # turned weights: 48 KiB of float32 on the stack
SUMS = 12  # vectors of sums in registers
WIDE = 4  # vectors of the tile with the fewest rows
REST = 8  # operations that summing up one vector of lanes takes

Indices = tuple[Index, ...]


def pays(x: Array, w: Array, out: Array, shape: Geometry) -> bool:
    """Whether a convolution of few results is cheaper along what it sums."""
    return _is_known(x, w, out, shape, w.shape[2]) and _is_cheaper(
        out, shape, shape.outputs, shape.inputs
    )


def data_pays(g: Array, w: Array, out: Array, shape: Geometry) -> bool:
    """The same of the gradient by an image of few channels."""
    return _is_known(g, w, out, shape, w.shape[3]) and _is_cheaper(
        out, shape, shape.inputs, shape.outputs
    )


def _is_known(x: Array, w: Array, out: Array, shape: Geometry, channels: Index) -> bool:
    """Whether sizes are known, channels side by side, and windows without gaps."""
    sizes = (*w.shape, shape.across.stride, shape.down.stride, x.strides[2])
    if any(known(n) is None for n in sizes) or known(shape.groups) != 1:
        return False
    gaps = {known(axis.dilation) for axis in (shape.down, shape.across)}
    touching = known(x.strides[2]) == known(channels)
    dense = all(known(a.strides[3]) == 1 for a in (x, w, out))
    same = len({a.dtype for a in (x, w, out)}) == 1 and out.dtype in DTYPES
    return gaps == {1} and touching and dense and same


def _is_cheaper(out: Array, shape: Geometry, few: Index, many: Index) -> bool:
    """Count vector operations a result against those of the register tile."""
    lanes, across = native_lanes(out.dtype), shape.across
    down, taps = known(shape.down.taps), known(across.taps)
    if not isinstance(few, int) or not isinstance(many, int) or down is None:
        return False
    if taps is None or few > SUMS or down * taps * few * many > LARGEST:
        return False
    along = down * -(-taps * many // lanes) * few + REST * few
    tile = down * taps * many * -(-few // lanes)
    return 4 * along <= 3 * tile


@dataclass(frozen=True, slots=True)
class _Weights:
    """w[few][row of taps][cells of a row, channels]: turned, without gaps."""

    array: Array
    rows: int
    length: int

    def row(self, e: Emit, channel: int, kh: Index) -> Array:
        """The weights of one result channel under a row of taps."""
        place = e.mul(e.add(channel * self.rows, kh), self.length)
        pointer = e.address(self.array.pointer, self.array.dtype, place)
        return Array(pointer, self.array.dtype, (), ())


class _Dots:
    """Sums of neighbouring results over one row of taps after another."""

    def __init__(self, e: Emit, x: Array, weights: _Weights, few: int) -> None:
        self.e, self.x, self.weights, self.few = e, x, weights, few
        self.lanes = native_lanes(x.dtype)
        self.together = max(1, SUMS // few)

    def fresh(self, many: int) -> list[list[Local]]:
        """Sums of `many` results at zero."""
        e, dtype = self.e, self.x.dtype
        nothing = e.constant(dtype, 0)
        return [
            [e.local(dtype, nothing, self.lanes) for _ in range(self.few)]
            for _ in range(many)
        ]

    def add(
        self,
        sums: list[list[Local]],
        cells: tuple[Array, Index],
        kh: Index,
        span: tuple[Index, Index],
    ) -> None:
        """Add products of elements [start, stop) of a row of taps.

        Args:
            cells: the first result's row of cells, and how far the next one's is.
        """
        e, (first, step), (start, stop) = self.e, cells, span
        rows = [self.weights.row(e, o, kh) for o in range(self.few)]

        def part(at: Index, live: Index) -> None:
            right = [Term(e, e.load_some(row, at, self.lanes, live)) for row in rows]
            for r, totals in enumerate(sums):
                place = e.add(e.mul(step, r), at)
                left = Term(e, e.load_some(first, place, self.lanes, live))
                for weight, total in zip(right, totals):
                    total.set(left.fma(weight, Term(e, total.get())).scalar)

        size = e.sub(stop, start)
        whole = e.mul(e.floordiv(size, self.lanes), self.lanes)
        if known(whole) != 0:
            with e.loop(start, e.add(start, whole), self.lanes) as at:
                part(at, self.lanes)
        rest = e.sub(size, whole)
        if known(rest) != 0:
            with e.when(e.gt(rest, 0)):
                part(e.add(start, whole), rest)

    def results(self, totals: list[Local]) -> list[Term]:
        """The sums over all lanes."""
        return [Term(self.e, sum_lanes(self.e, total.get())) for total in totals]


# ------------------------------------------------------------------------- forward


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


def _turned(e: Emit, w: Array) -> _Weights:
    """w[kh, kw, i, o] as [o, kh, kw * i]"""
    down, across, inputs, outputs = (known(n) or 0 for n in w.shape)
    length = across * inputs
    pointer = e.scratch(w.dtype, outputs * down * length)
    to = Array(pointer, w.dtype, w.shape, (length, inputs, 1, down * length))

    def cell(index: Indices) -> None:
        e.store(to, to.offset(e, index), e.load(w, w.offset(e, index)))

    nest(e, w.shape, cell)
    return _Weights(to, down, length)


class _Forward:
    """Rows of results: those whose windows lie in the image, then those at its ends."""

    def __init__(
        self,
        e: Emit,
        x: Array,
        w: Array,
        out: Array,
        shape: Geometry,
        epilogue: Epilogue | None,
    ) -> None:
        self.e, self.x, self.out, self.shape = e, x, out, shape
        self.epilogue = epilogue
        self.inputs = known(w.shape[2]) or 0
        weights = _turned(e, w)
        self.length = weights.length
        self.dots = _Dots(e, x, weights, known(w.shape[3]) or 0)

    def run(self) -> None:
        """All rows."""
        nest(self.e, self.out.shape[:2], self._row)

    def _row(self, index: Indices) -> None:
        (n, y), many = index, self.dots.together
        self.shape.across.along(
            self.e, self.out.shape[2], many,
            lambda x, count: self._whole((n, y, x), count),
            lambda x: self._cut((n, y, x)),
        )  # fmt: skip

    def _whole(self, pixel: Indices, many: int) -> None:
        self._sum(pixel, many, (0, self.length))

    def _cut(self, pixel: Indices) -> None:
        start, stop = self.shape.across.taps_inside(self.e, pixel[2])
        e, inputs = self.e, self.inputs
        self._sum(pixel, 1, (e.mul(start, inputs), e.mul(stop, inputs)))

    def _sum(self, pixel: Indices, many: int, span: tuple[Index, Index]) -> None:
        e, x, (n, oy, ox) = self.e, self.x, pixel
        down, across = self.shape.down, self.shape.across
        sums = self.dots.fresh(many)
        step = e.mul(across.stride, x.strides[2])
        with e.loop(*down.taps_inside(e, oy)) as kh:
            line, column = down.cell(e, oy, kh), across.first(e, ox)
            place = x.offset(e, (n, line, column, 0))
            cells = Array(e.address(x.pointer, x.dtype, place), x.dtype, (), ())
            self.dots.add(sums, (cells, step), kh, span)
        for r, totals in enumerate(sums):
            self._store((n, oy, e.add(ox, r)), self.dots.results(totals))

    def _store(self, pixel: Indices, results: list[Term]) -> None:
        e, out, (n, y, x) = self.e, self.out, pixel
        row = e.add(e.mul(e.add(e.mul(n, out.shape[1]), y), out.shape[2]), x)
        for channel, result in enumerate(results):
            value = result.scalar
            if self.epilogue is not None:
                value = self.epilogue(e, value, row, channel, 1)
            e.store(out, out.offset(e, (*pixel, channel)), value)


# ------------------------------------------------------------ gradient by the image


def backward_data(e: Emit, g: Array, w: Array, out: Array, shape: Geometry) -> None:
    """g[n, y, x, o], w[kh, kw, i, o] -> out[n, h, w, c]"""
    _Data(e, g, w, out, shape).run()


class _Data:
    """Cells by phases: cells of a phase are under the same taps."""

    def __init__(
        self, e: Emit, g: Array, w: Array, out: Array, shape: Geometry
    ) -> None:
        self.e, self.g, self.w, self.out, self.shape = e, g, w, out, shape
        down, across, inputs, outputs = (known(n) or 0 for n in w.shape)
        self.taps, self.outputs, self.few = across, outputs, inputs
        self.stride = known(shape.across.stride) or 1
        # Of each phase: its taps in reverse, as the results under them follow.
        self.dots = []
        for phase in range(self.stride):
            taps = range(phase, across, self.stride)[::-1]
            length = max(1, len(taps) * outputs)
            pointer = e.scratch(w.dtype, inputs * down * length)
            array = Array(pointer, w.dtype, (), ())
            weights = _Weights(array, down, length)
            self._turn(weights, taps)
            self.dots.append(_Dots(e, g, weights, inputs))

    def _turn(self, weights: _Weights, taps: range) -> None:
        e, w = self.e, self.w
        for t, kw in enumerate(taps):

            def cell(index: Indices, t: int = t, kw: int = kw) -> None:
                kh, i, o = index
                row = e.mul(e.add(e.mul(i, weights.rows), kh), weights.length)
                place = e.add(row, e.add(t * self.outputs, o))
                e.store(weights.array, place, e.load(w, w.offset(e, (kh, kw, i, o))))

            nest(e, (w.shape[0], self.few, self.outputs), cell)

    def run(self) -> None:
        """All rows of cells, phase by phase."""
        e, out, across = self.e, self.out, self.shape.across

        def row(index: Indices) -> None:
            for phase, dots in enumerate(self.dots):
                # cell = stride * m + phase - before, m from the first one inside
                low = e.ceildiv(e.sub(across.before, phase), self.stride)
                shift = e.sub(across.before, phase)
                high = e.ceildiv(e.add(out.shape[2], shift), self.stride)
                self._phase(index, phase, dots, (low, high))

        nest(e, out.shape[:2], row)

    def _phase(
        self, index: Indices, phase: int, dots: _Dots, span: tuple[Index, Index]
    ) -> None:
        """Cells number [low, high) of a phase of a row."""
        e, (low, high) = self.e, span
        count = len(range(phase, self.taps, self.stride))
        # All results under the taps of cell m exist: m - count + 1 .. m.
        first = e.clamp(e.index(count - 1), low, e.maximum(low, high))
        last = e.clamp(self.g.shape[2], first, e.maximum(first, high))
        many = dots.together
        middle = e.add(first, e.mul(e.floordiv(e.sub(last, first), many), many))
        with e.loop(first, middle, many) as m:
            self._sum((*index, m), phase, dots, many)
        for start, stop in ((low, first), (middle, high)):
            with e.loop(start, stop) as m:
                self._sum((*index, m), phase, dots, 1)

    def _sum(self, at: Indices, phase: int, dots: _Dots, many: int) -> None:
        """Neighbouring cells of a phase; a single one may lie at an end."""
        e, g, (n, y, m) = self.e, self.g, at
        count = len(range(phase, self.taps, self.stride))
        span: tuple[Index, Index] = (0, count)
        begin = e.sub(m, count - 1)
        if many == 1:
            start = e.clamp(e.sub(0, begin), 0, count)
            stop = e.clamp(e.sub(g.shape[2], begin), 0, count)
            span = (start, e.maximum(start, stop))
        span = (e.mul(span[0], self.outputs), e.mul(span[1], self.outputs))
        sums = dots.fresh(many)
        down = self.shape.down
        with e.loop(*down.outputs_over(e, y, g.shape[1])) as oy:
            kh = e.sub(y, down.first(e, oy))
            place = g.offset(e, (n, oy, begin, 0))
            cells = Array(e.address(g.pointer, g.dtype, place), g.dtype, (), ())
            dots.add(sums, (cells, g.strides[2]), kh, span)
        for r, totals in enumerate(sums):
            cell = e.sub(e.add(e.mul(e.add(m, r), self.stride), phase),
                         self.shape.across.before)  # fmt: skip
            for channel, result in enumerate(dots.results(totals)):
                place = self.out.offset(e, (n, y, cell, channel))
                e.store(self.out, place, result.scalar)


# ---------------------------------------------------------- gradient by the weights


def weights_pays(x: Array, g: Array, out: Array, shape: Geometry) -> bool:
    """Whether the few output channels should be the rows of a tile."""
    if not _is_known(x, out, g, shape, out.shape[2]):
        return False
    down, across, inputs, outputs = (known(n) or 0 for n in out.shape)
    lanes, size = native_lanes(out.dtype), across * inputs
    if outputs > rows_for(WIDE) or down * size * outputs > LARGEST:
        return False
    return 2 * -(-size // lanes) * outputs <= size


def backward_weights(e: Emit, x: Array, g: Array, out: Array, shape: Geometry) -> None:
    """x[n, h, w, c], g[n, y, x, o] -> out[kh, kw, i, o]"""
    down, across, inputs, outputs = (known(n) or 0 for n in out.shape)
    size = across * inputs
    turned = Array(
        e.scratch(out.dtype, outputs * down * size),
        out.dtype, (outputs, down, across, inputs), (down * size, size, inputs, 1),
    )  # fmt: skip
    zero(e, turned)
    product = _Product(e, x, g, turned, shape)
    nest(e, (x.shape[0], down), product.add)

    def cell(index: Indices) -> None:
        kh, kw, i, o = index
        value = e.load(turned, turned.offset(e, (o, kh, kw, i)))
        e.store(out, out.offset(e, index), value)

    nest(e, out.shape, cell)


class _Product:
    """turned[o, kh, cells of a row, i] += g[pixels, o]^T x[pixels, cells, i]"""

    def __init__(
        self, e: Emit, x: Array, g: Array, turned: Array, shape: Geometry
    ) -> None:
        self.e, self.x, self.g, self.turned, self.shape = e, x, g, turned, shape
        self.rows, _, self.taps, self.inputs = (known(n) or 0 for n in turned.shape)

    def add(self, index: Indices) -> None:
        """Add an image to a row of taps: windows inside it, then those at its ends."""
        e, across, width = self.e, self.shape.across, self.g.shape[2]
        low, high = across.whole(e, width)
        self._taps(index, 0, self.taps, (low, high))
        if across.covered:
            return
        for kw in range(self.taps):
            start, stop = across.outputs_inside(e, kw, width)
            start = e.minimum(start, width)
            for span in ((start, e.minimum(stop, low)), (e.maximum(start, high), stop)):
                self._taps(index, kw, 1, span)

    def _taps(
        self, index: Indices, kw: int, count: int, span: tuple[Index, Index]
    ) -> None:
        """Add the pixels of a span of columns to `count` taps."""
        e, x, g, shape, (n, kh) = self.e, self.x, self.g, self.shape, index
        top, bottom = shape.down.outputs_inside(e, kh, g.shape[1])
        line = e.mul(shape.down.stride, x.strides[1])
        pixel = e.mul(shape.across.stride, x.strides[2])
        walks = [
            Walk(e.sub(bottom, top), g.strides[1], line),
            Walk(e.sub(span[1], span[0]), g.strides[2], pixel),
        ]
        cell = shape.down.cell(e, top, kh), shape.across.cell(e, span[0], kw)
        left = g.at(e, n, top, span[0])

        def panel(column: Index, cut: Panel) -> None:
            right = x.at(e, n, *cell, column)
            result = Result(self.turned.at(e, 0, kh, kw, column), row, NO)
            tile(e, self.rows, cut, left, 1, right, walks, result)

        row, columns = self.turned.strides[0], count * self.inputs
        vectors = vectors_for(x.dtype, self.rows, columns)
        there = e.both(e.lt(top, bottom), e.lt(span[0], span[1]))
        with e.when(there):
            panels(e, columns, vectors, native_lanes(x.dtype), panel)
