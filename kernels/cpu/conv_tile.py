"""Convolutions on the register tile, straight from the images.

    forward           tile rows: neighbouring pixels; k: taps and input channels,
                      whole rows of the window side by side in memory
    backward_data     tile rows: neighbouring pixels; k: output channels, one tap after
                      another added to what is there; that tap's weights turned
    backward_weights  tile rows: input channels (of all taps of a row, if they are
                      few); k: pixels, an image or part of one at a time

A tile that hangs over the left or right edge reads a copy with zeros around it.
"""

from collections.abc import Callable

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, native_lanes
from graphkeras.kernels.cpu.loop import nest, stretch
from graphkeras.kernels.cpu.pack import pack_turned
from graphkeras.kernels.cpu.tile import (
    DTYPES,
    NO,
    YES,
    Epilogue,
    Panel,
    Result,
    Walk,
    panels,
    rows_for,
    strips,
    tile,
    vectors_for,
)
from graphkeras.kernels.cpu.value import Index, known
from graphkeras.kernels.cpu.window import Axis, Geometry

DEPTH = 256  # channels a packed panel holds
PATCH = 32768  # elements of the copy at an edge: 128 KiB of float32 on the stack
ENOUGH = 256  # pixels that make turning a tap's weights worth it
CACHED = 65536  # elements of x and g that tiles of weights share
UNROLLED = 3  # taps written out one by one, so that their ranges are known

Range = tuple[Index, Index]


def fits(*arrays: Array) -> bool:
    """One dtype the tile takes, channels side by side."""
    same = len({a.dtype for a in arrays}) == 1 and arrays[0].dtype in DTYPES
    return same and all(known(a.strides[3]) == 1 for a in arrays)


def _bare(e: Emit, array: Array, *indices: Index) -> Array:
    """The memory from those indices on."""
    pointer = e.address(array.pointer, array.dtype, array.offset(e, indices))
    return Array(pointer, array.dtype, (), ())


# ---- forward


def patch_rows(x: Array, out: Array, shape: Geometry) -> int:
    """Rows of the largest tile whose patch fits the stack; 0 if there is none."""
    vectors = vectors_for(out.dtype, out.shape[2], shape.outputs)
    if shape.across.covered:
        return rows_for(vectors)
    for rows in range(rows_for(vectors), 0, -1):
        size = _patch_size(x, shape, rows)
        if size is None:
            return 0
        if size <= PATCH:
            return rows
    return 0


def _cells(across: Axis, rows: int) -> int | None:
    """Width of the image under `rows` neighbouring windows."""
    stride, taps = known(across.stride), known(across.taps)
    dilation = known(across.dilation)
    if stride is None or taps is None or dilation is None:
        return None
    return (rows - 1) * stride + (taps - 1) * dilation + 1


def _patch_size(x: Array, shape: Geometry, rows: int) -> int | None:
    cells, taps = _cells(shape.across, rows), known(shape.down.taps)
    pitch = known(x.strides[2])
    if cells is None or taps is None or pitch is None:
        return None
    return cells * taps * pitch


def forward(
    e: Emit,
    x: Array,
    w: Array,
    out: Array,
    shape: Geometry,
    epilogue: Epilogue | None,
) -> None:
    """x[n, h, w, c], w[kh, kw, i, o] -> out[n, y, x, o]"""
    vectors = vectors_for(out.dtype, out.shape[2], shape.outputs)
    most, lanes = patch_rows(x, out, shape), native_lanes(out.dtype)
    window = _Window(e, x, w, shape, most)

    def image(n: Index, group: Index, column: Index, cut: Panel) -> None:
        channel = e.add(e.mul(group, shape.outputs), column)
        with e.loop(0, out.shape[1]) as oy:

            def strip(ox: Index, rows: int) -> None:
                left, walks = window.read((n, oy, ox), group, rows)
                right = _bare(e, w, window.taps(oy)[0], 0, 0, channel)
                to = _bare(e, out, n, oy, ox, channel)
                line = e.add(e.mul(n, out.shape[1]), oy)
                row = e.add(e.mul(line, out.shape[2]), ox)
                step = out.strides[2]
                result = Result(to, step, YES, YES, epilogue, row, channel)
                tile(e, rows, cut, left, window.step, right, walks, result)

            strips(e, 0, out.shape[2], most, strip)

    def panel(group: Index, images: Range) -> None:
        def columns(column: Index, cut: Panel) -> None:
            with e.loop(*images) as n:
                image(n, group, column, cut)

        panels(e, shape.outputs, vectors, lanes, columns)

    weights = known(e.product(w.shape))
    with e.loop(0, shape.groups) as group:
        if weights is not None and weights > CACHED:
            panel(group, (0, out.shape[0]))  # a panel stays in the cache
            return
        with e.loop(0, out.shape[0]) as n:  # an image does
            panel(group, (n, e.add(n, 1)))


class _Window:
    """The image under neighbouring windows, copied with zeros where it ends."""

    def __init__(self, e: Emit, x: Array, w: Array, shape: Geometry, most: int) -> None:
        self.e, self.x, self.w, self.shape = e, x, w, shape
        size = 1 if shape.across.covered else _patch_size(x, shape, most)
        self.patch = Array(e.scratch(x.dtype, size or 1), x.dtype, (), ())
        self.pitch = x.strides[2]
        self.step = e.mul(shape.across.stride, self.pitch)

    def taps(self, oy: Index) -> Range:
        """Rows of the window that lie inside the image."""
        return self.shape.down.taps_inside(self.e, oy)

    def read(
        self, at: tuple[Index, Index, Index], group: Index, rows: int
    ) -> tuple[Array, list[Walk]]:
        """Where a tile of `rows` windows begins, and how it goes on."""
        e, x, across, down = self.e, self.x, self.shape.across, self.shape.down
        n, oy, ox = at
        taps, first = self.taps(oy), across.first(e, ox)
        source = e.mul(group, self.shape.inputs)
        corner = (n, down.cell(e, oy, taps[0]), first, source)
        left = _bare(e, x, *corner)
        row = e.mul(down.dilation, x.strides[1])
        cells = _cells(across, rows)
        if across.covered or cells is None:
            return left, self._walks(taps, row)
        end = e.le(e.add(first, cells), across.size)
        inside = e.both(e.ge(first, 0), end)
        with e.when(e.invert(inside)):
            self._fill(corner, taps, cells)
        pointer = e.builder.select(inside, left.pointer, self.patch.pointer)
        step = e.choose(inside, row, e.mul(cells, self.pitch))
        return Array(pointer, x.dtype, (), ()), self._walks(taps, step)

    def _walks(self, taps: Range, row: Index) -> list[Walk]:
        """k: rows of the window, then cells and channels, as one where they touch."""
        e, w, across = self.e, self.w, self.shape.across
        down = Walk(e.sub(taps[1], taps[0]), row, w.strides[0])
        inputs, pitch = self.shape.inputs, known(self.pitch)
        alike = known(w.strides[1]) == known(e.mul(inputs, w.strides[2]))
        touching = known(across.dilation) == 1 and known(inputs) == pitch
        if touching and alike and pitch is not None:
            return [down, Walk(e.mul(across.taps, inputs), 1, w.strides[2])]
        cell = Walk(across.taps, e.mul(across.dilation, self.pitch), w.strides[1])
        return [down, cell, Walk(inputs, 1, w.strides[2])]

    def _fill(
        self, corner: tuple[Index, Index, Index, Index], taps: Range, cells: int
    ) -> None:
        """Copy the windows' cells; zeros where the image has ended."""
        e, x, dilation = self.e, self.x, self.shape.down.dilation
        n, top, first, source = corner
        lanes = native_lanes(x.dtype)
        with e.loop(0, e.sub(taps[1], taps[0])) as tap, e.loop(0, cells) as cell:
            column = e.add(first, cell)
            here = _bare(e, x, n, e.add(top, e.mul(tap, dilation)), column, source)
            place = e.mul(e.add(e.mul(tap, cells), cell), self.pitch)
            inside = e.both(e.ge(column, 0), e.lt(column, x.shape[2]))
            with e.when_else(inside) as (then, otherwise):
                with then:
                    stretch(e, 0, self.shape.inputs, lanes, self._put(here, place))
                with otherwise:
                    stretch(e, 0, self.shape.inputs, lanes, self._put(None, place))

    def _put(self, here: Array | None, place: Index) -> Callable[[Index, int], None]:
        """Copy one cell's channels to the patch, or put zeros there."""
        e, dtype = self.e, self.x.dtype

        def put(i: Index, lanes: int) -> None:
            value = e.load(here, i, lanes) if here else e.constant(dtype, 0, lanes)
            e.store(self.patch, e.add(place, i), value)

        return put


# ---- backward_data


def backward_data(e: Emit, g: Array, w: Array, out: Array, shape: Geometry) -> None:
    """g[n, y, x, o], w[kh, kw, i, o] -> out[n, h, w, c], which begins as zeros"""
    lanes = native_lanes(out.dtype)
    vectors = vectors_for(out.dtype, g.shape[2], shape.inputs)
    product = _TapProduct(e, g, w, out, shape, vectors * lanes)
    images, pixels = out.shape[0], known(e.mul(g.shape[1], g.shape[2]))
    several = max(1, -(-ENOUGH // pixels)) if pixels else 1
    taps = known(w.shape[1])
    with e.loop(0, images, several) as start, e.loop(0, shape.groups) as group:
        batch = (start, e.minimum(images, e.add(start, several)))

        def panel(column: Index, cut: Panel) -> None:
            with e.loop(0, w.shape[0]) as kh:
                if taps is not None and taps <= UNROLLED:
                    for kw in range(taps):
                        product.add(batch, group, (kh, kw), column, cut)
                else:
                    with e.loop(0, w.shape[1]) as kw:
                        product.add(batch, group, (kh, kw), column, cut)

        panels(e, shape.inputs, vectors, lanes, panel)


class _TapProduct:
    """out[pixels under a tap] += g[pixels, o] w[tap]^T, for a panel of inputs."""

    def __init__(
        self, e: Emit, g: Array, w: Array, out: Array, shape: Geometry, width: int
    ) -> None:
        self.e, self.g, self.w, self.out, self.shape = e, g, w, out, shape
        self.width = width
        self.packed = Array(e.scratch(w.dtype, DEPTH * width), w.dtype, (), ())

    def add(
        self, batch: Range, group: Index, tap: Range, column: Index, cut: Panel
    ) -> None:
        """Add one tap's part to every image of the batch."""
        e, g, shape = self.e, self.g, self.shape
        rows = shape.down.outputs_inside(e, tap[0], g.shape[1])
        columns = shape.across.outputs_inside(e, tap[1], g.shape[2])
        target = e.add(e.mul(group, shape.inputs), column)
        most = rows_for(self.width // cut.lanes)
        with e.loop(0, shape.outputs, DEPTH) as start:
            depth = e.minimum(DEPTH, e.sub(shape.outputs, start))
            source = e.add(e.mul(group, shape.outputs), start)
            weights = _bare(e, self.w, *tap, column, source)
            pack_turned(e, weights, self.w.strides[2], depth, cut, self.packed)
            walk = Walk(depth, 1, cut.vectors * cut.lanes)
            with e.loop(*batch) as n, e.loop(*rows) as oy:

                def strip(ox: Index, count: int) -> None:
                    left = _bare(e, g, n, oy, ox, source)
                    result = self._result((n, oy, ox), tap, target)
                    step = g.strides[2]
                    tile(e, count, cut, left, step, self.packed, [walk], result)

                strips(e, *columns, most, strip)

    def _result(
        self, at: tuple[Index, Index, Index], tap: Range, channel: Index
    ) -> Result:
        e, shape = self.e, self.shape
        y = shape.down.cell(e, at[1], tap[0])
        x = shape.across.cell(e, at[2], tap[1])
        to = _bare(e, self.out, at[0], y, x, channel)
        return Result(to, e.mul(shape.across.stride, self.out.strides[2]), NO)


# ---- backward_weights


def backward_weights(e: Emit, x: Array, g: Array, out: Array, shape: Geometry) -> None:
    """x[n, h, w, c], g[n, y, x, o] -> out[kh, kw, i, o], which begins as zeros"""
    lanes = native_lanes(out.dtype)
    vectors = vectors_for(out.dtype, shape.inputs, shape.outputs)
    product = _PixelProduct(e, x, g, out, shape, rows_for(vectors))
    height = _cached_rows(x, g, shape)
    images = (x.shape[0], e.ceildiv(g.shape[1], height), shape.groups)

    def block(index: tuple[Index, ...]) -> None:
        n, part, group = index
        top = e.mul(part, height)
        lines = (top, e.minimum(g.shape[1], e.add(top, height)))

        def panel(column: Index, cut: Panel) -> None:
            with e.loop(0, out.shape[0]) as kh:
                product.add(n, lines, group, kh, column, cut)

        panels(e, shape.outputs, vectors, lanes, panel)

    nest(e, images, block)


def _cached_rows(x: Array, g: Array, shape: Geometry) -> Index:
    """Rows of g that fit the cache together with the rows of x under them."""
    line, taken = known(g.strides[1]), known(x.strides[1])
    stride = known(shape.down.stride)
    if line is None or taken is None or stride is None:
        return g.shape[1]
    return max(4, CACHED // max(1, line + taken * stride))


class _PixelProduct:
    """out[kh, kw, i, panel] += x[pixels, i]^T g[pixels, panel], pixels by lines."""

    def __init__(
        self, e: Emit, x: Array, g: Array, out: Array, shape: Geometry, most: int
    ) -> None:
        self.e, self.x, self.g, self.out, self.shape = e, x, g, out, shape
        self.most = most
        inputs, across = known(shape.inputs), shape.across
        touching = known(across.dilation) == 1 and inputs == known(x.strides[2])
        one = known(out.strides[1]) == known(e.mul(shape.inputs, out.strides[2]))
        # Few channels make a low tile: take those of all taps of a row together.
        self.merged = touching and one and inputs is not None and inputs < most

    def add(
        self, n: Index, lines: Range, group: Index, kh: Index, column: Index, cut: Panel
    ) -> None:
        """Add the pixels of some lines to one row of taps."""
        e, across, width = self.e, self.shape.across, self.g.shape[2]
        inside = self.shape.down.outputs_inside(e, kh, self.g.shape[1])
        rows = e.maximum(lines[0], inside[0]), e.minimum(lines[1], inside[1])
        place = (n, rows, group, kh, column)
        if not self.merged:
            with e.loop(0, across.taps) as kw:
                pixels = across.outputs_inside(e, kw, width)
                self._taps(place, kw, self.shape.inputs, pixels, cut)
            return
        # Pixels whose whole window is inside, then for each tap those left and right.
        last = e.sub(across.taps, 1)
        low = across.outputs_inside(e, 0, width)[0]
        high = across.outputs_inside(e, last, width)[1]
        low = e.minimum(low, width)
        high = e.maximum(low, high)
        together = e.mul(across.taps, self.shape.inputs)
        self._taps(place, 0, together, (low, high), cut)
        if across.covered:
            return
        with e.loop(0, across.taps) as kw, e.loop(0, 2) as side:
            start, stop = across.outputs_inside(e, kw, width)
            right = e.eq(side, 1)
            start = e.choose(right, e.maximum(start, high), start)
            stop = e.choose(right, stop, e.minimum(stop, low))
            self._taps(place, kw, self.shape.inputs, (start, stop), cut)

    def _taps(
        self,
        place: tuple[Index, Range, Index, Index, Index],
        kw: Index,
        inputs: Index,
        pixels: Range,
        cut: Panel,
    ) -> None:
        """Tiles over `inputs` channels from tap kw on; k runs over the pixels."""
        e, x, g, out, shape = self.e, self.x, self.g, self.out, self.shape
        n, rows, group, kh, column = place
        down, across = shape.down, shape.across
        oy, ox = rows[0], pixels[0]
        source = e.mul(group, shape.inputs)
        channel = e.add(e.mul(group, shape.outputs), column)
        right = _bare(e, g, n, oy, ox, channel)
        corner = (n, down.cell(e, oy, kh), across.cell(e, ox, kw))
        line = e.mul(down.stride, x.strides[1])
        pixel = e.mul(across.stride, x.strides[2])
        walks = [
            Walk(e.sub(rows[1], oy), line, g.strides[1]),
            Walk(e.sub(pixels[1], ox), pixel, g.strides[2]),
        ]

        def strip(i: Index, count: int) -> None:
            left = _bare(e, x, *corner, e.add(source, i))
            to = _bare(e, out, kh, kw, i, channel)
            result = Result(to, out.strides[2], NO)
            tile(e, count, cut, left, 1, right, walks, result)

        with e.when(e.both(e.lt(oy, rows[1]), e.lt(ox, pixels[1]))):
            strips(e, 0, inputs, self.most, strip)
