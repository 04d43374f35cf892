"""Depthwise convolutions: every channel by a kernel of its own, w[kh, kw, 1, c].

Vectors run along the channels, so each product is one of whole registers.
"""

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Local, native_lanes
from graphkeras.kernels.cpu.loop import nest, stretch
from graphkeras.kernels.cpu.target import accumulator
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import Epilogue
from graphkeras.kernels.cpu.value import Index
from graphkeras.kernels.cpu.window import Geometry

Indices = tuple[Index, ...]
Place = tuple[Array, Indices]


def _zero(e: Emit, dtype: str, lanes: int) -> Local:
    kind = accumulator(dtype)
    return e.local(kind, e.constant(kind, 0), lanes)


def _add_product(e: Emit, total: Local, left: Place, right: Place) -> None:
    """total += left * right"""
    x, y = (
        Term(e, e.load(array, array.offset(e, at), total.lanes)).cast(total.dtype)
        for array, at in (left, right)
    )
    total.set((x * y + Term(e, total.get())).scalar)


def _store(e: Emit, out: Array, at: Indices, value: Term) -> None:
    e.store(out, out.offset(e, at), value.cast(out.dtype).scalar)


def forward(
    e: Emit,
    x: Array,
    w: Array,
    out: Array,
    shape: Geometry,
    epilogue: Epilogue | None,
) -> None:
    """x[n, h, w, c], w[kh, kw, 1, c] -> out[n, y, x, c]"""
    down, across = shape.down, shape.across

    def pixel(index: Indices) -> None:
        n, oy, ox = index
        rows, columns = down.taps_inside(e, oy), across.taps_inside(e, ox)
        row = e.add(e.mul(e.add(e.mul(n, out.shape[1]), oy), out.shape[2]), ox)

        def channels(channel: Index, lanes: int) -> None:
            total = _zero(e, out.dtype, lanes)
            with e.loop(*rows) as kh, e.loop(*columns) as kw:
                at = (n, down.cell(e, oy, kh), across.cell(e, ox, kw), channel)
                _add_product(e, total, (x, at), (w, (kh, kw, 0, channel)))
            value = e.cast(total.get(), out.dtype)
            if epilogue is not None:
                value = epilogue(e, value, row, channel, lanes)
            e.store(out, out.offset(e, (*index, channel)), value)

        stretch(e, 0, out.shape[3], native_lanes(out.dtype), channels)

    nest(e, out.shape[:3], pixel)


def backward_data(e: Emit, g: Array, w: Array, out: Array, shape: Geometry) -> None:
    """g[n, y, x, c], w[kh, kw, 1, c] -> out[n, h, w, c]"""

    def pixel(index: Indices) -> None:
        n, y, x = index

        def channels(channel: Index, lanes: int) -> None:
            total = _zero(e, out.dtype, lanes)
            with e.loop(0, w.shape[0]) as kh, e.loop(0, w.shape[1]) as kw:
                oy, vertical = shape.down.source(e, y, kh)
                ox, horizontal = shape.across.source(e, x, kw)
                there = e.both(e.eq(vertical, 0), e.eq(horizontal, 0))
                for place, size in ((oy, g.shape[1]), (ox, g.shape[2])):
                    inside = e.both(e.ge(place, 0), e.lt(place, size))
                    there = e.both(there, inside)
                with e.when(there):
                    left = (g, (n, oy, ox, channel))
                    _add_product(e, total, left, (w, (kh, kw, 0, channel)))
            _store(e, out, (*index, channel), Term(e, total.get()))

        stretch(e, 0, out.shape[3], native_lanes(out.dtype), channels)

    nest(e, out.shape[:3], pixel)


def backward_weights(e: Emit, x: Array, g: Array, out: Array, shape: Geometry) -> None:
    """x[n, h, w, c], g[n, y, x, c] -> out[kh, kw, 1, c]"""
    down, across = shape.down, shape.across

    def tap(index: Indices) -> None:
        kh, kw = index
        rows = down.outputs_inside(e, kh, g.shape[1])
        columns = across.outputs_inside(e, kw, g.shape[2])

        def channels(channel: Index, lanes: int) -> None:
            total = _zero(e, out.dtype, lanes)
            with e.loop(0, x.shape[0]) as n:
                image = _zero(e, out.dtype, lanes)  # a level of sums per image
                with e.loop(*rows) as oy, e.loop(*columns) as ox:
                    at = (n, down.cell(e, oy, kh), across.cell(e, ox, kw), channel)
                    _add_product(e, image, (x, at), (g, (n, oy, ox, channel)))
                total.set((Term(e, total.get()) + Term(e, image.get())).scalar)
            _store(e, out, (kh, kw, 0, channel), Term(e, total.get()))

        stretch(e, 0, out.shape[3], native_lanes(out.dtype), channels)

    nest(e, out.shape[:2], tap)
