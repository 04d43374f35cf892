"""Convolutions by plain loops: any dtype, any sizes, known or not.

Sums stay in registers; a window that hangs over the edge has fewer taps, so nothing
is padded.
"""

from llvmlite import ir

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Local, native_lanes
from graphkeras.kernels.cpu.loop import nest, stretch
from graphkeras.kernels.cpu.target import accumulator
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import Epilogue
from graphkeras.kernels.cpu.value import Index
from graphkeras.kernels.cpu.window import Geometry


def forward(
    e: Emit, x: Array, w: Array, out: Array, shape: Geometry, epilogue: Epilogue | None
) -> None:
    """x[n, h, w, c], w[kh, kw, i, o] -> out[n, y, x, o]: convolution."""
    down, across = shape.down, shape.across
    inputs, outputs = shape.inputs, shape.outputs
    lanes = native_lanes(out.dtype)

    def pixel(index: tuple[Index, ...]) -> None:
        n, oy, ox, group = index
        rows, columns = down.taps_inside(e, oy), across.taps_inside(e, ox)
        first = e.mul(group, outputs)

        def channels(channel: Index, width: int) -> None:
            total = _zero(e, out.dtype, width)
            with (
                e.loop(*rows) as kh,
                e.loop(*columns) as kw,
                e.loop(0, inputs) as i,
            ):
                source = e.add(e.mul(group, inputs), i)
                at = (n, down.cell(e, oy, kh), across.cell(e, ox, kw), source)
                _add_product(e, total, (x, at, 1), (w, (kh, kw, i, channel), width))
            value = e.cast(total.get(), out.dtype)
            if epilogue is not None:
                line = e.add(e.mul(n, out.shape[1]), oy)
                row = e.add(e.mul(line, out.shape[2]), ox)
                value = epilogue(e, value, row, channel, width)
            e.store(out, out.offset(e, (n, oy, ox, channel)), value)

        stretch(e, first, e.add(first, outputs), lanes, channels)

    nest(e, (*out.shape[:3], shape.groups), pixel)


def backward_data(e: Emit, g: Array, w: Array, out: Array, shape: Geometry) -> None:
    """g[n, y, x, o], w[kh, kw, i, o] -> out[n, h, w, c]: gradient of the input.

    Each product is a dot product over the output channels, which both arrays hold
    side by side.
    """
    inputs, outputs = shape.inputs, shape.outputs
    lanes = native_lanes(out.dtype)

    def cell(index: tuple[Index, ...]) -> None:
        n, h, v, group, i = index
        wide, single = _zero(e, out.dtype, lanes), _zero(e, out.dtype, 1)
        first = e.mul(group, outputs)
        with e.loop(0, w.shape[0]) as kh, e.loop(0, w.shape[1]) as kw:
            oy, vertical = shape.down.source(e, h, kh)
            ox, horizontal = shape.across.source(e, v, kw)
            inside = e.both(_within(e, oy, g.shape[1]), _within(e, ox, g.shape[2]))
            exact = e.both(e.eq(vertical, 0), e.eq(horizontal, 0))
            with e.when(e.both(inside, exact)):

                def channels(channel: Index, width: int) -> None:
                    total = wide if width > 1 else single
                    left = (g, (n, oy, ox, channel), width)
                    _add_product(e, total, left, (w, (kh, kw, i, channel), width))

                stretch(e, first, e.add(first, outputs), lanes, channels)
        total = Term(e, single.get())
        if lanes > 1:
            total = total + _sum(e, wide)
        place = (n, h, v, e.add(e.mul(group, inputs), i))
        e.store(out, out.offset(e, place), e.cast(total.scalar, out.dtype))

    nest(e, (*out.shape[:3], shape.groups, inputs), cell)


def backward_weights(e: Emit, x: Array, g: Array, out: Array, shape: Geometry) -> None:
    """x[n, h, w, c], g[n, y, x, o] -> out[kh, kw, i, o]: gradient of the kernel."""
    down, across = shape.down, shape.across
    inputs, outputs = shape.inputs, shape.outputs
    lanes = native_lanes(out.dtype)

    def tap(index: tuple[Index, ...]) -> None:
        kh, kw, i, group = index
        rows = down.outputs_inside(e, kh, g.shape[1])
        columns = across.outputs_inside(e, kw, g.shape[2])
        source = e.add(e.mul(group, inputs), i)
        first = e.mul(group, outputs)

        def channels(channel: Index, width: int) -> None:
            total = _zero(e, out.dtype, width)
            with e.loop(0, x.shape[0]) as n:
                image = _zero(e, out.dtype, width)  # a level of sums per image
                with e.loop(*rows) as oy, e.loop(*columns) as ox:
                    at = (n, down.cell(e, oy, kh), across.cell(e, ox, kw), source)
                    right = (g, (n, oy, ox, channel), width)
                    _add_product(e, image, (x, at, 1), right)
                total.set((Term(e, total.get()) + Term(e, image.get())).scalar)
            _store(e, out, (kh, kw, i, channel), total)

        stretch(e, first, e.add(first, outputs), lanes, channels)

    nest(e, (*out.shape[:3], shape.groups), tap)


Place = tuple[Array, tuple[Index, ...], int]


def _zero(e: Emit, dtype: str, lanes: int) -> Local:
    kind = accumulator(dtype)
    return e.local(kind, e.constant(kind, 0), lanes)


def _add_product(e: Emit, total: Local, left: Place, right: Place) -> None:
    """total += left * right, each read where it lies."""
    factors = []
    for array, indices, lanes in (left, right):
        value = e.cast(e.load(array, array.offset(e, indices), lanes), total.dtype)
        factors.append(Term(e, e.splat(value, total.lanes)))
    total.set((factors[0] * factors[1] + Term(e, total.get())).scalar)


def _store(e: Emit, out: Array, indices: tuple[Index, ...], total: Local) -> None:
    e.store(out, out.offset(e, indices), e.cast(total.get(), out.dtype))


def _sum(e: Emit, local: Local) -> Term:
    """Lanes added in halves."""
    value = local.get()
    while value.lanes > 1:
        half = value.lanes // 2
        low = e.shuffle(value, value, range(half))
        high = e.shuffle(value, value, range(half, 2 * half))
        value = (Term(e, low) + Term(e, high)).scalar
    return Term(e, value)


def _within(e: Emit, index: Index, size: Index) -> ir.Value:
    return e.both(e.ge(index, 0), e.lt(index, size))
