"""Taps of combs as values at points, and the way back; see `combs`, `comb_values`."""

from __future__ import annotations

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.comb_values import Combs
from graphkeras.kernels.cpu.combs import BLOCK
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, Index, kernel, known, native_lanes
from graphkeras.kernels.cpu.loop import stretch, zero
from graphkeras.kernels.cpu.pack import pack_turned
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import Panel

TURNED = 64  # output channels that are turned together


@cut(w=2, out=4)
@kernel
def weights(e: Emit, w: Array, out: Array, *, stride: int, teeth: int) -> None:
    """w[h, k, i, o] -> out[f, b, p, t, i, l]: taps of combs as values at the points.

    Output channel o is l of block b; f and h are 0.
    """
    combs, lanes = _combs(w, stride, teeth), native_lanes(w.dtype)
    with e.loop(0, w.shape[2]) as i, e.loop(0, out.shape[1]) as block:
        first = e.mul(block, BLOCK)
        with e.loop(0, BLOCK, lanes) as lane:
            o = e.add(first, lane)
            live = e.maximum(0, e.minimum(lanes, e.sub(w.shape[3], o)))
            live = lanes if known(e.mod(w.shape[3], BLOCK)) == 0 else live
            taps = [
                Term(e, e.load_some(w, w.offset(e, (0, tap, i, o)), lanes, live))
                for tap in range(combs.taps)
            ]
            for number, start in enumerate(combs.firsts):
                found = [taps[tap] for tap in combs.members(start)]
                found += [taps[0].like(0.0)] * (teeth - len(found))
                _store(e, combs, found, out, (0, block, number, i, lane))


@cut(w=3, out=4, grain=TURNED)
@kernel
def turned(e: Emit, w: Array, out: Array, *, stride: int, teeth: int) -> None:
    """w[h, k, i, o] -> out[f, b, p, t, o, l]: the same as a gradient reads them.

    Input channel i is l of block b; phase f has the combs that begin with tap f or a
    multiple of the stride after it, their taps in reverse.
    """
    lanes, inputs = native_lanes(w.dtype), w.shape[2]
    if known(e.mod(inputs, BLOCK)) != 0 or stride > 1:
        zero(e, out)  # what no comb or channel belongs to
    with e.loop(0, w.shape[3], TURNED) as first:
        count = e.minimum(TURNED, e.sub(w.shape[3], first))
        with e.loop(0, inputs, lanes) as i:
            live = e.minimum(lanes, e.sub(inputs, i))
            _turn(e, w, out, (i, live), (first, count), _combs(w, stride, teeth))


def _turn(
    e: Emit,
    w: Array,
    out: Array,
    inputs: tuple[Index, Index],
    outputs: tuple[Index, Index],
    combs: Combs,
) -> None:
    """Values of some turned rows, by way of turned blocks of each tap."""
    lanes, size = native_lanes(w.dtype), TURNED * native_lanes(w.dtype)
    (i, live), (first, count) = inputs, outputs
    room = Array(e.scratch(w.dtype, combs.taps * size), w.dtype, (), ())
    with e.loop(0, combs.taps) as tap:
        source = w.at(e, 0, tap, i, first)
        pointer = e.address(room.pointer, w.dtype, e.mul(tap, size))
        to = Array(pointer, w.dtype, (), ())
        pack_turned(e, source, w.strides[2], count, Panel(1, lanes, live), to)
    block, lane = e.floordiv(i, BLOCK), e.mod(i, BLOCK)
    with e.loop(0, count) as o:
        for start in combs.firsts:
            members = combs.members(start)
            places = [e.add(tap * size, e.mul(o, lanes)) for tap in members]
            found = [Term(e, e.load(room, place, lanes)) for place in places]
            found += [found[0].like(0.0)] * (combs.teeth - len(found))
            step, phase = divmod(start, combs.stride)
            at = (phase, block, step // combs.teeth, e.add(first, o), lane)
            _store(e, combs, found[::-1], out, at, live)


def _combs(w: Array, stride: int, teeth: int) -> Combs:
    taps = known(w.shape[1])
    if taps is None:
        raise TypeError("the taps of a window must be known")
    return Combs(taps, stride, teeth)


def _store(
    e: Emit,
    combs: Combs,
    taps: list[Term],
    out: Array,
    at: tuple[Index, Index, Index, Index, Index],
    live: Index = BLOCK,
) -> None:
    """G taps, to out[f, b, p, t, c, l]."""
    phase, block, comb, channel, lane = at
    side = combs.side
    for point, (value, norm) in enumerate(zip(side.of_taps(taps), side.norms)):
        value = value * (1.0 / norm) if norm != 1.0 else value
        place = out.offset(e, (phase, block, point, comb, channel, lane))
        e.store_some(out, place, value.scalar, live)


@cut(u=2, out=2)
@kernel
def weights_gradient(e: Emit, u: Array, out: Array, *, stride: int, teeth: int) -> None:
    """u[p, t, i, o] -> out[h, k, i, o]: gradient of taps by that of their values."""
    combs = _combs(out, stride, teeth)
    side = combs.side
    with e.loop(0, out.shape[2]) as i:

        def vector(o: Index, lanes: int) -> None:
            for number, first in enumerate(combs.firsts):
                values = []
                for point, norm in enumerate(side.norms):
                    place = u.offset(e, (point, number, i, o))
                    found = Term(e, e.load(u, place, lanes))
                    values.append(found * (1.0 / norm) if norm != 1.0 else found)
                sums = side.sums(values, teeth)
                for tap, total in zip(combs.members(first), sums):
                    e.store(out, out.offset(e, (0, tap, i, o)), total.scalar)

        stretch(e, 0, out.shape[3], native_lanes(out.dtype), vector)
