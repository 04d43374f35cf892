"""Maximum and average over windows of images in NHWC; padding is never counted."""

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.limits import lowest
from graphkeras.kernels.cpu.loop import nest, stretch, zero
from graphkeras.kernels.cpu.target import accumulator
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar
from graphkeras.kernels.cpu.window import Padding, axes

Pair = tuple[Index, Index]
Indices = tuple[Index, ...]


def _read(e: Emit, array: Array, indices: Indices, lanes: int) -> Term:
    return Term(e, e.load(array, array.offset(e, indices), lanes))


@cut(x=0, out=0)
@kernel
def max_pool2d(
    e: Emit, x: Array, out: Array, *, window: Pair, strides: Pair, padding: Padding
) -> None:
    """x[n, h, w, c] -> out[n, y, x, c]: largest value of each window; NaN wins."""
    down, across = axes(x.shape[1:3], window, strides, padding)

    def pixel(index: Indices) -> None:
        n, oy, ox = index
        rows, columns = down.taps_inside(e, oy), across.taps_inside(e, ox)

        def channels(channel: Index, lanes: int) -> None:
            least = e.constant(out.dtype, lowest(out.dtype))
            best = e.local(out.dtype, least, lanes)
            with e.loop(*rows) as kh, e.loop(*columns) as kw:
                at = (n, down.cell(e, oy, kh), across.cell(e, ox, kw), channel)
                value = _read(e, x, at, lanes)
                best.set(Term(e, best.get()).maximum(value).scalar)
            e.store(out, out.offset(e, (*index, channel)), best.get())

        stretch(e, 0, out.shape[3], native_lanes(out.dtype), channels)

    nest(e, out.shape[:3], pixel)


@cut(x=0, y=0, g=0, out=0)
@kernel
def max_pool2d_backward(
    e: Emit,
    x: Array,
    y: Array,
    g: Array,
    out: Array,
    *,
    window: Pair,
    strides: Pair,
    padding: Padding,
) -> None:
    """x[n,h,w,c], y[n,p,q,c], g[n,p,q,c] -> out[n,h,w,c]: gradient of max_pool2d.

    The first cell of each window that holds its maximum gets the window's gradient.
    """
    down, across = axes(x.shape[1:3], window, strides, padding)
    zero(e, out)

    def pixel(index: Indices) -> None:
        n, oy, ox = index
        rows, columns = down.taps_inside(e, oy), across.taps_inside(e, ox)

        def channels(channel: Index, lanes: int) -> None:
            peak = _read(e, y, (*index, channel), lanes)
            slope = _read(e, g, (*index, channel), lanes)
            free = e.local("bool", e.constant("bool", 1), lanes)
            with e.loop(*rows) as kh, e.loop(*columns) as kw:
                at = (n, down.cell(e, oy, kh), across.cell(e, ox, kw), channel)
                value = _read(e, x, at, lanes)
                same = (value == peak) | ((value != value) & (peak != peak))
                hit = same & Term(e, free.get())
                place = out.offset(e, at)
                before = Term(e, e.load(out, place, lanes))
                after = e.round((before + slope).scalar)
                e.store(out, place, hit.select(Term(e, after), before).scalar)
                free.set((Term(e, free.get()) & ~hit).scalar)

        stretch(e, 0, g.shape[3], native_lanes(out.dtype), channels)

    nest(e, g.shape[:3], pixel)


def _share(
    e: Emit, rows: Pair, columns: Pair, dtype: str, lanes: int
) -> tuple[Term, Term]:
    """1 over the number of cells in a window, and that number."""
    count = e.mul(e.sub(rows[1], rows[0]), e.sub(columns[1], columns[0]))
    number = e.cast(Scalar(e.index(e.maximum(count, 1)), "int64"), dtype)
    cells = Term(e, e.splat(number, lanes))
    return cells.like(1.0) / cells, cells


@cut(x=0, out=0)
@kernel
def average_pool2d(
    e: Emit, x: Array, out: Array, *, window: Pair, strides: Pair, padding: Padding
) -> None:
    """x[n, h, w, c] -> out[n, y, x, c]: mean of the cells inside each window."""
    down, across = axes(x.shape[1:3], window, strides, padding)
    dtype = accumulator(out.dtype)

    def pixel(index: Indices) -> None:
        n, oy, ox = index
        rows, columns = down.taps_inside(e, oy), across.taps_inside(e, ox)

        def channels(channel: Index, lanes: int) -> None:
            total = e.local(dtype, e.constant(dtype, 0), lanes)
            with e.loop(*rows) as kh, e.loop(*columns) as kw:
                at = (n, down.cell(e, oy, kh), across.cell(e, ox, kw), channel)
                value = _read(e, x, at, lanes).cast(dtype)
                total.set((Term(e, total.get()) + value).scalar)
            cells = _share(e, rows, columns, dtype, lanes)[1]
            mean = Term(e, total.get()) / cells
            e.store(out, out.offset(e, (*index, channel)), mean.cast(out.dtype).scalar)

        stretch(e, 0, out.shape[3], native_lanes(out.dtype), channels)

    nest(e, out.shape[:3], pixel)


@cut(g=0, out=0)
@kernel
def average_pool2d_backward(
    e: Emit, g: Array, out: Array, *, window: Pair, strides: Pair, padding: Padding
) -> None:
    """g[n, y, x, c] -> out[n, h, w, c]: gradient of average_pool2d."""
    down, across = axes(out.shape[1:3], window, strides, padding)
    dtype = accumulator(out.dtype)
    zero(e, out)

    def pixel(index: Indices) -> None:
        n, oy, ox = index
        rows, columns = down.taps_inside(e, oy), across.taps_inside(e, ox)

        def channels(channel: Index, lanes: int) -> None:
            share = _share(e, rows, columns, dtype, lanes)[0]
            slope = _read(e, g, (*index, channel), lanes).cast(dtype) * share
            with e.loop(*rows) as kh, e.loop(*columns) as kw:
                at = (n, down.cell(e, oy, kh), across.cell(e, ox, kw), channel)
                place = out.offset(e, at)
                value = Term(e, e.load(out, place, lanes)).cast(dtype) + slope
                e.store(out, place, value.cast(out.dtype).scalar)

        stretch(e, 0, g.shape[3], native_lanes(out.dtype), channels)

    nest(e, g.shape[:3], pixel)
