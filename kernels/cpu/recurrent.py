"""Loops over time of recurrent cells, forward and backward.

Each step is a small product of the last states with the recurrent kernel and one pass
over (sample, unit) that does all the rest::

    gates[:, t] = h W                 register tiles, straight into the result
    gates[:, t] = f(x[:, t] + ...)    vectors of units: gates, then c and h in place

The states after the last step are worked on in the result that holds them, so every
product reads a compact h. The gradient runs the other way: gates to their slopes, then
dh = d W^T through `back`, the transposed kernel.

An empty vector stands for a mask, scale or gradient that is not there.
"""

from dataclasses import dataclass

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, kernel
from graphkeras.kernels.cpu.loop import zero
from graphkeras.kernels.cpu.matmul import gemm
from graphkeras.kernels.cpu.recurrence import (
    ACTIVATIONS,
    SLOPES,
    Place,
    Steps,
    against_time,
    copy,
    gates_of,
    in_time,
    part_of,
)
from graphkeras.kernels.cpu.reuse import over
from graphkeras.kernels.cpu.term import Term


def _recur(
    steps: Steps, h: Array, w: Array, scale: Array, out: Array, room: Array, gates: int
) -> None:
    """h[b, u], w[u, g u] -> out[b, g u]: (h * scale) @ w, gate by gate if scaled."""
    e = steps.e
    if scale.rank == 1:
        gemm(e, h, w, out)
        return
    parts = zip(*(gates_of(e, array, h, gates) for array in (w, scale, out)))
    for kernel_part, factor, result in parts:

        def scaled(at: Place, factor: Array = factor) -> None:
            at.write(room, at.read(h) * at.read(factor))

        steps.each(scaled)
        gemm(e, room, kernel_part, result)


def _send_back(
    steps: Steps,
    d: Array,
    back: Array,
    scale: Array,
    dh: Array,
    room: Array,
    gates: int,
) -> None:
    """d[b, g u], back[g u, u] -> dh[b, u] += scale * (d @ back), gate by gate."""
    e = steps.e
    if scale.rank == 1:
        gemm(e, d, back, room)
        steps.each(lambda at: at.write(dh, at.read(dh) + at.read(room)))
        return
    parts = zip(
        gates_of(e, d, dh, gates), gates_of(e, back, dh, gates, 0),
        gates_of(e, scale, dh, gates),
    )  # fmt: skip
    for part, kernel_part, factor in parts:
        gemm(e, part, kernel_part, room)

        def collect(at: Place, factor: Array = factor) -> None:
            at.write(dh, at.read(dh) + at.read(factor) * at.read(room))

        steps.each(collect)


def _total(steps: Steps, at: Place, dh: Array, g_states: Array) -> Term:
    """Gradient of the states after this step."""
    later = at.read(dh)
    return later if g_states.rank == 1 else later + at.read(steps.at(g_states))


# ----------------------------------------------------------------------------- simple


@cut(together=True, x=0, h=0, mask=0, scale=0, states=0, room=0, last=0)
@kernel
def simple_loop(
    e: Emit,
    x: Array,
    w: Array,
    h: Array,
    mask: Array,
    scale: Array,
    states: Array,
    last: Array,
    room: Array,
    *,
    activation: str,
    reverse: bool,
) -> None:
    """x, w, h, mask, scale -> states, last, room: see graphkeras.ops.recurrent."""
    copy(e, h, last)
    with in_time(e, last, x.shape[1], reverse) as steps:
        now, given = steps.at(states), steps.at(x)
        _recur(steps, last, w, scale, now, room, 1)

        def unit(at: Place) -> None:
            new = ACTIVATIONS[activation](at.read(given) + at.read(now))
            new = steps.keep(mask, at, new, at.read(last))
            at.write(now, new)
            at.write(last, new)

        steps.each(unit)
    zero(e, room)


@cut(together=True, states=0, mask=0, scale=0, g_states=0, g_h=0, dx=0, room=0, dh=0)
@over(dx="states")
@kernel
def simple_loop_backward(
    e: Emit,
    states: Array,
    back: Array,
    mask: Array,
    scale: Array,
    g_states: Array,
    g_h: Array,
    dx: Array,
    dh: Array,
    room: Array,
    *,
    activation: str,
    reverse: bool,
) -> None:
    """states, back, mask, scale, g_states, g_h -> dx, dh, room: slopes of the loop."""
    copy(e, g_h, dh)
    with against_time(e, dh, states.shape[1], reverse) as steps:
        now, slopes = steps.at(states), steps.at(dx)

        def unit(at: Place) -> None:
            total = _total(steps, at, dh, g_states)
            d = total * SLOPES[activation](at.read(now))
            blank = d.like(0.0)
            at.write(slopes, steps.keep(mask, at, d, blank))
            at.write(dh, steps.keep(mask, at, blank, total))

        steps.each(unit)
        _send_back(steps, slopes, back, scale, dh, room, 1)
    zero(e, room)


# ------------------------------------------------------------------------------- LSTM


@cut(
    together=True,
    x=0,
    h=0,
    c=0,
    mask=0,
    scale=0,
    states=0,
    carry=0,
    carries=0,
    gates=0,
    room=0,
    last=0,
)
@kernel
def lstm_loop(
    e: Emit,
    x: Array,
    w: Array,
    h: Array,
    c: Array,
    mask: Array,
    scale: Array,
    states: Array,
    last: Array,
    carry: Array,
    carries: Array,
    gates: Array,
    room: Array,
    *,
    activation: str,
    recurrent_activation: str,
    reverse: bool,
) -> None:
    """x, w, h, c, mask, scale -> states, last, carry, carries, gates, room: all steps.

    Gates lie as i, f, c, o.
    """
    outer, inner = ACTIVATIONS[recurrent_activation], ACTIVATIONS[activation]
    copy(e, h, last)
    copy(e, c, carry)
    with in_time(e, last, x.shape[1], reverse) as steps:
        _recur(steps, last, w, scale, steps.at(gates), room, 4)
        given, own = steps.gates(x, 4), steps.gates(gates, 4)

        def unit(at: Place) -> None:
            at.ask(*steps.soon_gates(x, 4))
            at.ask(steps.soon(carries), steps.soon(states), write=True)
            sums = [at.read(a) + at.read(b) for a, b in zip(given, own)]
            i, f, new, o = (
                (inner if k == 2 else outer)(total) for k, total in enumerate(sums)
            )
            for array, value in zip(own, (i, f, new, o)):
                at.write(array, value)
            held = at.read(carry)
            after = steps.keep(mask, at, f * held + i * new, held)
            shown = steps.keep(mask, at, o * inner(after), at.read(last))
            for array in (carry, steps.at(carries)):
                at.write(array, after)
            for array in (last, steps.at(states)):
                at.write(array, shown)

        steps.each(unit)
    zero(e, room)


@cut(
    together=True,
    gates=0,
    carries=0,
    c=0,
    mask=0,
    scale=0,
    g_states=0,
    g_h=0,
    g_c=0,
    dx=0,
    dc=0,
    room=0,
    dh=0,
)
@over(dx="gates")
@kernel
def lstm_loop_backward(
    e: Emit,
    gates: Array,
    carries: Array,
    c: Array,
    back: Array,
    mask: Array,
    scale: Array,
    g_states: Array,
    g_h: Array,
    g_c: Array,
    dx: Array,
    dh: Array,
    dc: Array,
    room: Array,
    *,
    activation: str,
    recurrent_activation: str,
    reverse: bool,
) -> None:
    """gates, carries, c, back, mask, scale, g_states, g_h, g_c -> dx, dh, dc, room: d.

    Gates lie as i, f, c, o.
    """
    outer, inner = SLOPES[recurrent_activation], SLOPES[activation]
    copy(e, g_h, dh)
    copy(e, g_c, dc)
    with against_time(e, dh, gates.shape[1], reverse) as steps:
        held, slopes = steps.before(carries, c), steps.gates(dx, 4)

        def unit(at: Place) -> None:
            at.ask(*steps.soon_gates(gates, 4))
            at.ask(*steps.soon_gates(dx, 4), write=True)
            i, f, new, o = (at.read(a) for a in steps.gates(gates, 4))
            total = _total(steps, at, dh, g_states)
            shown = ACTIVATIONS[activation](at.read(steps.at(carries)))
            later = at.read(dc)
            d = later + total * o * inner(shown)
            parts = (
                d * new * outer(i),
                d * at.read(held) * outer(f),
                d * i * inner(new),
                total * shown * outer(o),
            )
            blank = d.like(0.0)
            for array, part in zip(slopes, parts):
                at.write(array, steps.keep(mask, at, part, blank))
            at.write(dc, steps.keep(mask, at, d * f, later))
            at.write(dh, steps.keep(mask, at, blank, total))

        steps.each(unit)
        _send_back(steps, steps.at(dx), back, scale, dh, room, 4)
    zero(e, room)


# -------------------------------------------------------------------------------- GRU


def _first_two(steps: Steps, array: Array, axis: int = -1) -> Array:
    """The part of the gates z and r; an empty vector stays one."""
    if array.rank == 1:
        return array
    both = steps.e.mul(2, steps.h.shape[-1])
    return part_of(steps.e, array, axis % array.rank, 0, both)


@dataclass(frozen=True, slots=True)
class Gru:
    """What the two halves of a step share.

    Attributes:
        w: the recurrent kernel, or its transpose in the gradient.
    """

    w: Array
    mask: Array
    scale: Array
    outer: str
    inner: str

    def factor(self, steps: Steps, at: Place, gate: int) -> Term | float:
        """The scale of a gate."""
        if self.scale.rank == 1:
            return 1.0
        return at.read(gates_of(steps.e, self.scale, steps.h, 3)[gate])


@cut(
    together=True, x=0, h=0, mask=0, scale=0, states=0, gates=0, inner=0, room=0, last=0
)
@kernel
def gru_loop(
    e: Emit,
    x: Array,
    w: Array,
    bias: Array,
    h: Array,
    mask: Array,
    scale: Array,
    states: Array,
    last: Array,
    gates: Array,
    inner: Array,
    room: Array,
    *,
    activation: str,
    recurrent_activation: str,
    reset_after: bool,
    reverse: bool,
) -> None:
    """x, w, bias, h, mask, scale -> states, last, gates, inner, room: all steps.

    Gates lie as z, r, h.
    """
    cell = Gru(w, mask, scale, recurrent_activation, activation)
    step = _after if reset_after else _before
    copy(e, h, last)
    with in_time(e, last, x.shape[1], reverse) as steps:
        own, added = steps.gates(gates, 3), gates_of(e, bias, last, 3)
        step(cell, steps, x, gates, inner, room, added)

        def unit(at: Place) -> None:
            z, new, old = at.read(own[0]), at.read(own[2]), at.read(last)
            value = steps.keep(mask, at, z * old + (1.0 - z) * new, old)
            at.write(last, value)
            at.write(steps.at(states), value)

        steps.each(unit)
    zero(e, room)


def _after(
    cell: Gru,
    steps: Steps,
    x: Array,
    gates: Array,
    inner: Array,
    room: Array,
    added: list[Array],
) -> None:
    """The gates, r being applied to the product."""
    _recur(steps, steps.h, cell.w, cell.scale, steps.at(gates), room, 3)
    own, given = steps.gates(gates, 3), steps.gates(x, 3)
    outer, candidate = ACTIVATIONS[cell.outer], ACTIVATIONS[cell.inner]

    def unit(at: Place) -> None:
        at.ask(*steps.soon_gates(x, 3))
        at.ask(steps.soon(inner), write=True)
        products = [at.read(a) + at.along(b) for a, b in zip(own, added)]
        z, r = (outer(at.read(given[k]) + products[k]) for k in (0, 1))
        new = candidate(at.read(given[2]) + r * products[2])
        for array, value in zip((*own, steps.at(inner)), (z, r, new, products[2])):
            at.write(array, value)

    steps.each(unit)


def _before(
    cell: Gru,
    steps: Steps,
    x: Array,
    gates: Array,
    inner: Array,
    room: Array,
    added: list[Array],
) -> None:
    """The gates, r being applied to h."""
    e, reset = steps.e, steps.at(inner)
    own, given = steps.gates(gates, 3), steps.gates(x, 3)
    outer, candidate = ACTIVATIONS[cell.outer], ACTIVATIONS[cell.inner]
    w, scale = (_first_two(steps, a) for a in (cell.w, cell.scale))
    _recur(steps, steps.h, w, scale, _first_two(steps, steps.at(gates)), room, 2)

    def first(at: Place) -> None:
        for k in (0, 1):
            total = at.read(given[k]) + at.read(own[k]) + at.along(added[k])
            at.write(own[k], outer(total))
        r = at.read(own[1])
        at.write(reset, r * at.read(steps.h) * cell.factor(steps, at, 2))

    steps.each(first)
    gemm(e, reset, gates_of(e, cell.w, steps.h, 3)[2], own[2])

    def second(at: Place) -> None:
        total = at.read(given[2]) + at.read(own[2]) + at.along(added[2])
        at.write(own[2], candidate(total))

    steps.each(second)


@cut(
    together=True,
    gates=0,
    inner=0,
    earlier=0,
    mask=0,
    scale=0,
    g_states=0,
    g_h=0,
    dx=0,
    d_product=0,
    room=0,
    dh=0,
)
@over(dx="gates")
@kernel
def gru_loop_backward(
    e: Emit,
    gates: Array,
    inner: Array,
    earlier: Array,
    back: Array,
    mask: Array,
    scale: Array,
    g_states: Array,
    g_h: Array,
    dx: Array,
    d_product: Array,
    dh: Array,
    room: Array,
    *,
    activation: str,
    recurrent_activation: str,
    reset_after: bool,
    reverse: bool,
) -> None:
    """gates, inner, earlier, back, mask, scale, g_states, g_h -> dx, dh, room: slopes.

    Gates lie as z, r, h; d_product, of h W + b, is empty unless it differs from dx.
    """
    cell = Gru(back, mask, scale, recurrent_activation, activation)
    outer, candidate = SLOPES[recurrent_activation], SLOPES[activation]
    step = _back_after if reset_after else _back_before
    copy(e, g_h, dh)
    with against_time(e, dh, gates.shape[1], reverse) as steps:
        own, slopes = steps.gates(gates, 3), steps.gates(dx, 3)

        def unit(at: Place) -> None:
            z, new = at.read(own[0]), at.read(own[2])
            total = _total(steps, at, dh, g_states)
            blank = total.like(0.0)
            dz = total * (at.read(steps.at(earlier)) - new) * outer(z)
            dn = total * (1.0 - z) * candidate(new)
            at.write(slopes[0], steps.keep(mask, at, dz, blank))
            at.write(slopes[2], steps.keep(mask, at, dn, blank))
            at.write(dh, steps.keep(mask, at, total * z, total))

        steps.each(unit)
        step(cell, steps, own[1], inner, earlier, dx, d_product, room)
    zero(e, room)


def _back_after(
    cell: Gru,
    steps: Steps,
    reset: Array,
    inner: Array,
    earlier: Array,
    dx: Array,
    d_product: Array,
    room: Array,
) -> None:
    """From the slopes of z and h to those of r and of the product."""
    slopes, sent = steps.gates(dx, 3), steps.gates(d_product, 3)
    outer = SLOPES[cell.outer]

    def unit(at: Place) -> None:
        r, dn = at.read(reset), at.read(slopes[2])
        dr = dn * at.read(steps.at(inner)) * outer(r)
        at.write(slopes[1], dr)
        for array, value in zip(sent, (at.read(slopes[0]), dr, dn * r)):
            at.write(array, value)

    steps.each(unit)
    _send_back(steps, steps.at(d_product), cell.w, cell.scale, steps.h, room, 3)


def _back_before(
    cell: Gru,
    steps: Steps,
    reset: Array,
    inner: Array,
    earlier: Array,
    dx: Array,
    d_product: Array,
    room: Array,
) -> None:
    """From the slopes of z and h to that of r, and back through r * h."""
    e, dh, slopes = steps.e, steps.h, steps.gates(dx, 3)
    gemm(e, slopes[2], gates_of(e, cell.w, dh, 3, 0)[2], room)

    def unit(at: Place) -> None:
        r = at.read(reset)
        dq = at.read(room) * cell.factor(steps, at, 2)
        dr = dq * at.read(steps.at(earlier)) * SLOPES[cell.outer](r)
        at.write(slopes[1], dr)
        at.write(dh, at.read(dh) + dq * r)

    steps.each(unit)
    back, scale = _first_two(steps, cell.w, 0), _first_two(steps, cell.scale)
    _send_back(steps, _first_two(steps, steps.at(dx)), back, scale, dh, room, 2)
