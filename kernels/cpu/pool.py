"""Maximum and average over windows of images in NHWC; padding is never counted.

forward    every window folds over its taps
backward   every cell gathers from the windows over it, so that each is written
           once and in order:

    windows that do not overlap     |  p0 p0 p0 | p1 p1 p1 |   a row of cells at a
                                                               time, tap by tap
    windows that do                 cell <- all windows (y, x) with y * s - before
                                            <= cell < y * s - before + taps
"""

from collections.abc import Callable

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.limits import lowest
from graphkeras.kernels.cpu.loop import cover, nest
from graphkeras.kernels.cpu.target import accumulator
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar, known
from graphkeras.kernels.cpu.window import ROWS, Padding, axes

UNROLLED = 5  # taps of an axis written out one by one

Pair = tuple[Index, Index]
Indices = tuple[Index, ...]
Lane = tuple[Index, int, Index]  # channel, lanes, how many of them exist
Tap = Callable[[Index, Index], None]


def _read(e: Emit, array: Array, pixel: Indices, lane: Lane) -> Term:
    channel, lanes, live = lane
    place = array.offset(e, (*pixel, channel))
    return Term(e, e.load_some(array, place, lanes, live))


def _write(e: Emit, array: Array, pixel: Indices, lane: Lane, value: Term) -> None:
    channel, _, live = lane
    place = array.offset(e, (*pixel, channel))
    e.store_some(array, place, value.cast(array.dtype).scalar, live)


def _channels(e: Emit, array: Array, body: Callable[[Lane], None]) -> None:
    cover(e, array.shape[3], native_lanes(array.dtype), lambda *lane: body(lane))


def _each(e: Emit, span: Pair, body: Callable[[Index], None]) -> None:
    """body(i) for i of a span, written out if it is known and short."""
    start, stop = known(span[0]), known(span[1])
    if start is not None and stop is not None and stop - start <= UNROLLED:
        for i in range(start, stop):
            body(i)
        return
    with e.loop(*span) as i:
        body(i)


class _Windows:
    """All windows over an image, pixel by pixel of the result."""

    def __init__(self, e: Emit, x: Array, window: Pair, *place: Pair) -> None:
        self.e, self.x = e, x
        self.down, self.across = axes(x.shape[1:3], window, *place)  # type: ignore[arg-type]

    def each(self, size: Indices, body: Callable[[Indices, Pair, Pair], None]) -> None:
        """body(pixel, rows, columns of taps inside) for pixels [n, y, x]."""
        e, across = self.e, self.across

        def pixel(index: Indices) -> None:
            rows = self.down.taps_inside(e, index[1])
            if across.covered or known(across.taps) is None:
                body(index, rows, across.taps_inside(e, index[2]))
                return
            # Most windows are whole: their taps are known.
            first = across.first(e, index[2])
            end = e.le(e.add(first, across.taps), across.size)
            with e.when_else(e.both(e.ge(first, 0), end)) as (whole, cut):
                with whole:
                    body(index, rows, (0, across.taps))
                with cut:
                    body(index, rows, across.taps_inside(e, index[2]))

        nest(e, size, pixel)

    def taps(self, rows: Pair, columns: Pair, body: Tap) -> None:
        """body(row, column) for the taps of a window."""
        _each(self.e, rows, lambda i: _each(self.e, columns, lambda j: body(i, j)))

    def number(self, i: Index, j: Index) -> Index:
        """Which tap of the window that is, counted row by row."""
        return self.e.add(self.e.mul(i, self.across.taps), j)

    def cell(self, pixel: Indices, i: Index, j: Index) -> Indices:
        """The cell under a tap of the window of a pixel."""
        e, (n, y, x) = self.e, pixel
        return n, self.down.cell(e, y, i), self.across.cell(e, x, j)

    def read(self, pixel: Indices, i: Index, j: Index, lane: Lane) -> Term:
        """What lies under a tap."""
        return _read(self.e, self.x, self.cell(pixel, i, j), lane)


@cut(x=0, out=0)
@cut(out=1, moves=ROWS)
@kernel
def max_pool2d(
    e: Emit, x: Array, out: Array, *, window: Pair, strides: Pair, padding: Padding
) -> None:
    """x[n, h, w, c] -> out[n, y, x, c]: largest value of each window; NaN wins."""
    windows = _Windows(e, x, window, strides, padding)

    def pixel(index: Indices, rows: Pair, columns: Pair) -> None:
        def channels(lane: Lane) -> None:
            least = e.constant(out.dtype, lowest(out.dtype))
            best = e.local(out.dtype, least, lane[1])

            def tap(i: Index, j: Index) -> None:
                value = windows.read(index, i, j, lane)
                best.set(Term(e, best.get()).maximum(value).scalar)

            windows.taps(rows, columns, tap)
            _write(e, out, index, lane, Term(e, best.get()))

        _channels(e, out, channels)

    windows.each(out.shape[:3], pixel)


@cut(x=0, out=0, places=0)
@kernel
def max_pool2d_places(
    e: Emit,
    x: Array,
    out: Array,
    places: Array,
    *,
    window: Pair,
    strides: Pair,
    padding: Padding,
) -> None:
    """x[n,h,w,c] -> out[n,y,x,c], places[n,y,x,c]: maxima and which taps they are.

    The first of equal maxima is the one; NaN is larger than all.
    """
    windows = _Windows(e, x, window, strides, padding)

    def pixel(index: Indices, rows: Pair, columns: Pair) -> None:
        def channels(lane: Lane) -> None:
            lanes = lane[1]
            best = e.local(x.dtype, e.constant(x.dtype, lowest(x.dtype)), lanes)
            first = _number(e, windows.number(rows[0], columns[0]))
            place = e.local("int32", first, lanes)

            def tap(i: Index, j: Index) -> None:
                value, most = windows.read(index, i, j, lane), Term(e, best.get())
                more = value > most
                if value.is_float:
                    more = more | ((value != value) & (most == most))
                number = Term(e, e.splat(_number(e, windows.number(i, j)), lanes))
                best.set(more.select(value, most).scalar)
                place.set(more.select(number, Term(e, place.get())).scalar)

            windows.taps(rows, columns, tap)
            _write(e, out, index, lane, Term(e, best.get()))
            _write(e, places, index, lane, Term(e, place.get()))

        _channels(e, out, channels)

    windows.each(out.shape[:3], pixel)


def _number(e: Emit, index: Index) -> Scalar:
    return e.cast(Scalar(e.index(index), "int64"), "int32")


@cut(places=0, x=0, out=0)
@kernel
def pool_at_places2d(
    e: Emit,
    places: Array,
    x: Array,
    out: Array,
    *,
    window: Pair,
    strides: Pair,
    padding: Padding,
) -> None:
    """places[n,y,x,c], x[n,h,w,c] -> out[n,y,x,c]: the cell at that tap."""
    windows = _Windows(e, x, window, strides, padding)

    def pixel(index: Indices, rows: Pair, columns: Pair) -> None:
        def channels(lane: Lane) -> None:
            place = _read(e, places, index, lane).cast("int32")
            found = e.local(out.dtype, e.constant(out.dtype, 0), lane[1])

            def tap(i: Index, j: Index) -> None:
                number = Term(e, e.splat(_number(e, windows.number(i, j)), lane[1]))
                value = windows.read(index, i, j, lane)
                hit = place == number
                found.set(hit.select(value, Term(e, found.get())).scalar)

            windows.taps(rows, columns, tap)
            _write(e, out, index, lane, Term(e, found.get()))

        _channels(e, out, channels)

    windows.each(out.shape[:3], pixel)


@cut(x=0, out=0)
@cut(out=1, moves=ROWS)
@kernel
def average_pool2d(
    e: Emit, x: Array, out: Array, *, window: Pair, strides: Pair, padding: Padding
) -> None:
    """x[n, h, w, c] -> out[n, y, x, c]: mean of the cells inside each window."""
    windows, dtype = _Windows(e, x, window, strides, padding), accumulator(out.dtype)

    def pixel(index: Indices, rows: Pair, columns: Pair) -> None:
        def channels(lane: Lane) -> None:
            total = e.local(dtype, e.constant(dtype, 0), lane[1])

            def tap(i: Index, j: Index) -> None:
                value = windows.read(index, i, j, lane).cast(dtype)
                total.set((Term(e, total.get()) + value).scalar)

            windows.taps(rows, columns, tap)
            cells = _cells(e, rows, columns, dtype, lane[1])
            _write(e, out, index, lane, Term(e, total.get()) / cells)

        _channels(e, out, channels)

    windows.each(out.shape[:3], pixel)


def _cells(e: Emit, rows: Pair, columns: Pair, dtype: str, lanes: int) -> Term:
    """The number of cells in a window."""
    count = e.mul(e.sub(rows[1], rows[0]), e.sub(columns[1], columns[0]))
    number = e.cast(Scalar(e.index(e.maximum(count, 1)), "int64"), dtype)
    return Term(e, e.splat(number, lanes))


# ------------------------------------------------------------------------ gradients


@cut(places=0, g=0, out=0)
@kernel
def max_unpool2d(
    e: Emit,
    places: Array,
    g: Array,
    out: Array,
    *,
    window: Pair,
    strides: Pair,
    padding: Padding,
) -> None:
    """places[n,y,x,c], g[n,y,x,c] -> out[n,h,w,c]: gradient of max_pool2d."""
    windows = _Windows(e, out, window, strides, padding)
    dtype = accumulator(out.dtype)

    def read(pixel: Indices, lane: Lane) -> tuple[Term, Term]:
        place = _read(e, places, pixel, lane).cast("int32")
        return place, _read(e, g, pixel, lane).cast(dtype)

    def part(taken: tuple[Term, Term], i: Index, j: Index) -> Term:
        place, slope = taken
        here = Term(e, e.splat(_number(e, windows.number(i, j)), place.lanes))
        return (place == here).select(slope, slope.like(0))

    _Gather(windows, g.shape[1:3], read, part).run()


@cut(g=0, out=0)
@kernel
def average_pool2d_backward(
    e: Emit, g: Array, out: Array, *, window: Pair, strides: Pair, padding: Padding
) -> None:
    """g[n, y, x, c] -> out[n, h, w, c]: gradient of average_pool2d."""
    windows = _Windows(e, out, window, strides, padding)
    dtype = accumulator(out.dtype)

    def read(pixel: Indices, lane: Lane) -> tuple[Term]:
        rows = windows.down.taps_inside(e, pixel[1])
        columns = windows.across.taps_inside(e, pixel[2])
        cells = _cells(e, rows, columns, dtype, lane[1])
        return (_read(e, g, pixel, lane).cast(dtype) / cells,)

    _Gather(windows, g.shape[1:3], read, lambda taken, i, j: taken[0]).run()


class _Gather:
    """Each cell of an image from the windows over it.

    `read(pixel, lane)` gives what is to be known of a window; `part(taken, i, j)`, of
    that, the part of the cell under a tap.
    """

    def __init__(
        self,
        windows: _Windows,
        size: Indices,
        read: Callable[..., tuple[Term, ...]],
        part: Callable[..., Term],
    ) -> None:
        self.e, self.windows, self.out = windows.e, windows, windows.x
        self.down, self.across = windows.down, windows.across
        self.height, self.width = size
        self.read, self.part = read, part

    def run(self) -> None:
        """Write every cell."""
        e, out = self.e, self.out
        with e.loop(0, out.shape[0]) as n, e.loop(0, out.shape[1]) as y:
            if self.down.apart and self.across.apart:
                self._row(n, y)
            else:
                with e.loop(0, out.shape[2]) as x:
                    self._cell((n, y, x))

    # ---- windows apart

    def _row(self, n: Index, y: Index) -> None:
        """A row of cells: it lies in one row of windows, or in none."""
        e, down = self.e, self.down
        moved = e.add(y, down.before)
        oy, tap = e.floordiv(moved, down.stride), e.mod(moved, down.stride)
        there = e.both(e.lt(tap, down.taps), e.lt(oy, self.height))
        with e.when_else(there) as (then, otherwise):
            with then:
                with e.loop(0, self.width) as ox:
                    self._window((n, oy, ox), y, tap)
                self._blank(n, y, self.across.first(e, self.width), self.out.shape[2])
            with otherwise:
                self._blank(n, y, 0, self.out.shape[2])

    def _window(self, pixel: Indices, y: Index, tap: Index) -> None:
        """The cells of a row under one window, and those up to the next."""
        e, across = self.e, self.across
        columns = across.taps_inside(e, pixel[2])

        def channels(lane: Lane) -> None:
            taken = self.read(pixel, lane)

            def column(j: Index) -> None:
                cell = (pixel[0], y, across.cell(e, pixel[2], j))
                _write(e, self.out, cell, lane, self.part(taken, tap, j))

            _each(e, columns, column)

        _channels(e, self.out, channels)
        start = e.add(across.first(e, pixel[2]), across.taps)
        stop = across.first(e, e.add(pixel[2], 1))
        if known(across.stride) != known(across.taps):
            self._blank(pixel[0], y, start, e.minimum(stop, self.out.shape[2]))

    def _blank(self, n: Index, y: Index, start: Index, stop: Index) -> None:
        """Zeros in cells [start, stop) of a row."""
        e, out = self.e, self.out
        with e.loop(start, stop) as x:

            def channels(lane: Lane) -> None:
                nothing = Term(e, e.constant(out.dtype, 0, lane[1]))
                _write(e, out, (n, y, x), lane, nothing)

            _channels(e, out, channels)

    # ---- windows that overlap

    def _cell(self, cell: Indices) -> None:
        e, dtype = self.e, accumulator(self.out.dtype)
        n, y, x = cell
        rows = self.down.outputs_over(e, y, self.height)
        columns = self.across.outputs_over(e, x, self.width)

        def channels(lane: Lane) -> None:
            total = e.local(dtype, e.constant(dtype, 0), lane[1])
            with e.loop(*rows) as oy, e.loop(*columns) as ox:
                i = e.sub(y, self.down.first(e, oy))
                j = e.sub(x, self.across.first(e, ox))
                part = self.part(self.read((n, oy, ox), lane), i, j)
                total.set((Term(e, total.get()) + part).scalar)
            _write(e, self.out, cell, lane, Term(e, total.get()))

        _channels(e, self.out, channels)
