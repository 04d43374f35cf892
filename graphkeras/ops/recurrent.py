"""Recurrent networks: the loop over time of each built-in cell as one op.

The input's share of all steps is one large product outside the loop. Inside, with
gates side by side along the last axis (LSTM: i, f, c, o; GRU: z, r, h)::

    simple   h = f(x + h W)
    LSTM     c = f c + i g(candidate),  h = o g(c)
    GRU      h = z h + (1 - z) g(x + r (h W + b))      or, reset before: ((r h) W + b)

Every loop takes, beside what the cell needs,

    mask     (batch, time): a step that is not set leaves the states as they are;
             an empty vector if all steps count
    scale    (batch, gates * units): factors on h before it meets each gate's part of
             the recurrent kernel (dropout); an empty vector for none
    reverse  whether time runs from the last step to the first

and gives the states after all steps of time and after the last one, then what its
gradient needs, then room to work in, left zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, floating, require, structured
from graphkeras.ir.op import is_constant, item_of, nondifferentiable, unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ops.creation import dtype_of
from graphkeras.ops.linalg import matmul
from graphkeras.ops.math import add, multiply
from graphkeras.ops.recurrent_onnx import gru_rule, lstm_rule, simple_rule
from graphkeras.ops.recurrent_steps import (
    ACTIVATIONS,
    before,
    kept,
    order,
    recurred,
    returned,
    slope,
    steps_back,
)
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import (
    concatenate,
    expand_dims,
    reshape,
    shape_of,
    slice_axes,
    transpose,
)
from graphkeras.ops.window import wide

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

Types = tuple[TensorType, ...]
_LATER = unsupported("the whole layer is exported, not its loop")
NONE = np.zeros(0, "bool")  # no mask


def _floats(masks: tuple[int, ...]) -> Any:
    """A promotion: all operands meet in one float dtype but the masks."""

    def promote(kinds: Any) -> list[str]:
        places = [i for i in range(len(kinds)) if i not in masks]
        found = floating([kinds[i] for i in places])
        merged = ["bool"] * len(kinds)
        for place, kind in zip(places, found):
            merged[place] = kind
        return merged

    return promote


def _check(x: TensorType, w: TensorType, mask: TensorType, gates: int) -> None:
    require(x.rank == 3 and w.rank == 2, "expected (batch, time, gates) and a matrix")
    require(
        w.shape[1] == gates * w.shape[0] and x.shape[2] == w.shape[1],
        f"expected x.shape[2] == w.shape[1] == {gates} * w.shape[0]",
    )
    fits = mask.shape == (0,) or mask.rank == 2
    require(fits, "expected a mask (batch, time), or an empty vector")


def unscaled(like: Any) -> np.ndarray:
    """Return the empty vector that stands for no scale (or gradient)."""
    return np.zeros(0, dtypes.to_numpy(dtype_of(like)))


def _room(h: TensorType, scale: TensorType) -> TensorType:
    return h if scale.rank == 2 else h.with_shape((0,))


def _sequence(x: TensorType, h: TensorType) -> TensorType:
    return x.with_shape((*x.shape[:2], h.shape[1]))


def _products(weights: int) -> Any:
    """Operations of h W at each sample and step; the operand's number is that of W."""

    def operations(y: Any) -> Any:
        batch, time = y.inputs[0].shape[:2]
        return 2 * batch * time * dims.product(y.inputs[weights].shape)

    return operations


# ------------------------------------------------------------------ parts of gradients


def _gate(x: Any, number: int, units: int) -> Any:
    """One gate's part of the last axis."""
    sizes = shape_of(x)
    start = (0,) * (len(sizes) - 1)
    return slice_axes(
        x, start=(*start, number * units), step=(1,) * len(sizes),
        limit=(*sizes[:-1], (number + 1) * units),
    )  # fmt: skip


def _earlier(states: Any, first: Any, reverse: bool) -> Any:
    """The state each step began with."""
    batch, time, units = shape_of(states)
    start, stop = ((0, 1, 0), time) if reverse else ((0, 0, 0), time - 1)
    rest = slice_axes(states, start=start, limit=(batch, stop, units), step=(1, 1, 1))
    parts = [expand_dims(first, 1), rest]
    return concatenate(parts[::-1] if reverse else parts, 1)


def _product(a: Any, b: Any) -> Any:
    """a[batch, time, m], b[batch, time, n] -> [m, n], summed over batch and time."""
    rows = reshape(a, (-1, shape_of(a)[-1]))
    return matmul(transpose(rows), reshape(b, (-1, shape_of(b)[-1])))


def _kernel_slopes(h: Any, d: Any, w: Any, scale: Any) -> tuple[Any, Any]:
    """Gradients of the recurrent kernel and of the scale, for h[b, t, u], d[b, t, g u].

    Args:
        h: states before each step.
        d: gradient of (h * scale) @ w.
    """
    if scale.rank == 1:
        return _product(h, d), None
    units = shape_of(h)[-1]
    kernels, scales = [], []
    for k in range(shape_of(d)[-1] // units):
        part, factor = _gate(d, k, units), expand_dims(_gate(scale, k, units), 1)
        kernels.append(_product(multiply(h, factor), part))
        sent = matmul(part, transpose(_gate(w, k, units)))
        scales.append(sum(multiply(h, sent), axis=1))
    return concatenate(kernels, 1), concatenate(scales, 1)


def _or_empty(g: Any) -> Any:
    """A gradient of the whole sequence, or an empty vector if it is zero."""
    source = g
    while source.op.name in ("broadcast_to", "reshape"):
        source = source.inputs[0]
    if is_constant(source) and not source.data.array.any():
        return unscaled(g)
    return g


# ----------------------------------------------------------------------------- simple


def _simple_type(
    x: TensorType, w: TensorType, h: TensorType, mask: TensorType, scale: TensorType,
    **attributes: Any,
) -> Types:  # fmt: skip
    _check(x, w, mask, 1)
    return _sequence(x, h), h, _room(h, scale)


def _simple_vjp(
    g: Any, y: Any, x: Any, w: Any, h: Any, mask: Any, scale: Any
) -> tuple[Any, ...]:
    states = item_of(y, 0)
    dx, dh, _ = simple_loop_backward(
        states, transpose(w), mask, scale, _or_empty(g[0]), g[1],
        activation=y.activation, reverse=y.reverse,
    )  # fmt: skip
    earlier = _earlier(states, h, y.reverse)
    dw, dscale = _kernel_slopes(earlier, dx, w, scale)
    return dx, dw, dh, None, dscale


@structured(
    infer=_simple_type, kernel="recurrent.simple_loop", vjp=_simple_vjp, onnx=_LATER,
    promote=_floats((3,)), operations=_products(1),
)  # fmt: skip
def simple_loop(
    x: Tensor, w: Tensor, h: Tensor, mask: Tensor, scale: Tensor, *, activation: str,
    reverse: bool,
) -> Any:  # fmt: skip
    """x[b, t, u], w[u, u], h[b, u] -> states[b, t, u], last state, room."""
    x, w, h, scale = (wide(a) for a in (x, w, h, scale))
    room = np.zeros_like(h) if scale.ndim == 2 else np.zeros(0)
    states = np.empty_like(x)
    for t in order(x.shape[1], reverse):
        new = ACTIVATIONS[activation](x[:, t] + recurred(h, w, scale))
        states[:, t] = h = kept(mask, t, new, h)
    return states, h, room


def _simple_backward_type(
    states: TensorType, back: TensorType, mask: TensorType, scale: TensorType,
    g_states: TensorType, g_h: TensorType, **attributes: Any,
) -> Types:  # fmt: skip
    return states, g_h, g_h


@structured(
    infer=_simple_backward_type, kernel="recurrent.simple_loop_backward",
    vjp=nondifferentiable, onnx=_LATER, promote=_floats((2,)), operations=_products(1),
)  # fmt: skip
def simple_loop_backward(
    states: Tensor, back: Tensor, mask: Tensor, scale: Tensor, g_states: Tensor,
    g_h: Tensor, *, activation: str, reverse: bool,
) -> Any:  # fmt: skip
    """Gradients of x and of the first state of `simple_loop`, and room.

    Args:
        states: its results.
        back: the recurrent kernel, transposed.
        g_states: gradient of the states, or an empty vector.
        g_h: gradient of the last state.
    """
    states, back, scale, g_states, dh = (
        wide(a) for a in (states, back, scale, g_states, g_h)
    )
    dx = np.empty_like(states)
    for t in steps_back(states.shape[1], reverse):
        total = dh + (g_states[:, t] if g_states.ndim == 3 else 0)
        d = total * slope(activation, states[:, t])
        dx[:, t] = d = kept(mask, t, d, 0 * d)
        dh = kept(mask, t, 0 * total, total) + returned(d, back, scale)
    return dx, dh, np.zeros_like(dh)


@composite(onnx=simple_rule, promote=_floats((5,)))
def simple_rnn(
    inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, h: Tensor,
    mask: Tensor, *, activation: str, reverse: bool,
) -> Any:  # fmt: skip
    """All states and the last one of h = f(x K + b + h W), over (batch, time, n).

    Args:
        inputs: (batch, time, features).
        kernel: (features, units).
        recurrent_kernel: (units, units).
        bias: (units,).
        h: (batch, units): the first state.
        mask: (batch, time) bools, or an empty vector.
        activation: a name of `ACTIVATIONS`.
        reverse: whether to begin with the last step.
    """
    x = add(matmul(inputs, kernel), bias)
    states, last, _ = simple_loop(
        x,
        recurrent_kernel,
        h,
        mask,
        unscaled(x),
        activation=activation,
        reverse=reverse,
    )
    return states, last


# ------------------------------------------------------------------------------- LSTM


def _lstm_type(
    x: TensorType, w: TensorType, h: TensorType, c: TensorType, mask: TensorType,
    scale: TensorType, **attributes: Any,
) -> Types:  # fmt: skip
    _check(x, w, mask, 4)
    states = _sequence(x, h)
    return states, h, c, states, x, _room(h, scale)


def _lstm_vjp(
    g: Any, y: Any, x: Any, w: Any, h: Any, c: Any, mask: Any, scale: Any
) -> tuple[Any, ...]:
    dx, dh, dc, _ = lstm_loop_backward(
        item_of(y, 4), item_of(y, 3), c, transpose(w), mask, scale, _or_empty(g[0]),
        g[1], g[2], activation=y.activation, reverse=y.reverse,
        recurrent_activation=y.recurrent_activation,
    )  # fmt: skip
    earlier = _earlier(item_of(y, 0), h, y.reverse)
    dw, dscale = _kernel_slopes(earlier, dx, w, scale)
    return dx, dw, dh, dc, None, dscale


@structured(
    infer=_lstm_type, kernel="recurrent.lstm_loop", vjp=_lstm_vjp, onnx=_LATER,
    promote=_floats((4,)), operations=_products(1),
)  # fmt: skip
def lstm_loop(
    x: Tensor, w: Tensor, h: Tensor, c: Tensor, mask: Tensor, scale: Tensor, *,
    activation: str, recurrent_activation: str, reverse: bool,
) -> Any:  # fmt: skip
    """x[b, t, 4u], w[u, 4u], h, c[b, u] -> states[b, t, u], last h, last c,
    carries[b, t, u], gates[b, t, 4u], room.

    The carries and gates are there for the gradient and have none themselves.
    """
    x, w, h, c, scale = (wide(a) for a in (x, w, h, c, scale))
    f, g = ACTIVATIONS[recurrent_activation], ACTIVATIONS[activation]
    states = np.empty((*x.shape[:2], h.shape[1]), x.dtype)
    carries, gates = np.empty_like(states), np.empty_like(x)
    for t in order(x.shape[1], reverse):
        i, forget, new, o = np.split(x[:, t] + recurred(h, w, scale), 4, -1)
        i, forget, new, o = f(i), f(forget), g(new), f(o)
        gates[:, t] = np.concatenate([i, forget, new, o], -1)
        carries[:, t] = c = kept(mask, t, forget * c + i * new, c)
        states[:, t] = h = kept(mask, t, o * g(c), h)
    room = np.zeros_like(h) if scale.ndim == 2 else np.zeros(0)
    return states, h, c, carries, gates, room


def _lstm_backward_type(
    gates: TensorType, carries: TensorType, c: TensorType, back: TensorType,
    mask: TensorType, scale: TensorType, g_states: TensorType, g_h: TensorType,
    g_c: TensorType, **attributes: Any,
) -> Types:  # fmt: skip
    return gates, g_h, g_c, g_h


@structured(
    infer=_lstm_backward_type, kernel="recurrent.lstm_loop_backward",
    vjp=nondifferentiable, onnx=_LATER, promote=_floats((4,)), operations=_products(3),
)  # fmt: skip
def lstm_loop_backward(
    gates: Tensor, carries: Tensor, c: Tensor, back: Tensor, mask: Tensor,
    scale: Tensor, g_states: Tensor, g_h: Tensor, g_c: Tensor, *, activation: str,
    recurrent_activation: str, reverse: bool,
) -> Any:  # fmt: skip
    """Gradients of x and of the first h and c of `lstm_loop`, and room.

    Args:
        gates, carries: its results.
        c: the first carry.
        back: the recurrent kernel, transposed.
        g_states: gradient of the states, or an empty vector.
        g_h, g_c: gradients of the last states.
    """
    gates, carries, c, back, scale, g_states, dh, dc = (
        wide(a) for a in (gates, carries, c, back, scale, g_states, g_h, g_c)
    )
    inner, outer = activation, recurrent_activation
    dx = np.empty_like(gates)
    for t in steps_back(gates.shape[1], reverse):
        i, forget, new, o = np.split(gates[:, t], 4, -1)
        total = dh + (g_states[:, t] if g_states.ndim == 3 else 0)
        squashed = ACTIVATIONS[inner](carries[:, t])
        d = dc + total * o * slope(inner, squashed)
        parts = [
            d * new * slope(outer, i),
            d * before(carries, c, t, reverse) * slope(outer, forget),
            d * i * slope(inner, new),
            total * squashed * slope(outer, o),
        ]
        dz = np.concatenate(parts, -1)
        dx[:, t] = dz = kept(mask, t, dz, 0 * dz)
        dc = kept(mask, t, d * forget, dc)
        dh = kept(mask, t, 0 * total, total) + returned(dz, back, scale)
    return dx, dh, dc, np.zeros_like(dh)


@composite(onnx=lstm_rule, promote=_floats((6,)))
def lstm(
    inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, h: Tensor,
    c: Tensor, mask: Tensor, *, activation: str, recurrent_activation: str,
    reverse: bool,
) -> Any:  # fmt: skip
    """All states, the last one and the last carry of an LSTM.

    Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al.

    Args:
        inputs: (batch, time, features).
        kernel: (features, 4 * units), gates in the order i, f, c, o.
        recurrent_kernel: (units, 4 * units).
        bias: (4 * units,).
        h, c: (batch, units): the first states.
        mask: (batch, time) bools, or an empty vector.
        activation, recurrent_activation: names of `ACTIVATIONS`.
        reverse: whether to begin with the last step.
    """
    x = add(matmul(inputs, kernel), bias)
    states, last, carry, *_ = lstm_loop(
        x, recurrent_kernel, h, c, mask, unscaled(x), activation=activation,
        recurrent_activation=recurrent_activation, reverse=reverse,
    )  # fmt: skip
    return states, last, carry


# -------------------------------------------------------------------------------- GRU


def _gru_type(
    x: TensorType, w: TensorType, bias: TensorType, h: TensorType, mask: TensorType,
    scale: TensorType, **attributes: Any,
) -> Types:  # fmt: skip
    _check(x, w, mask, 3)
    states = _sequence(x, h)
    return states, h, x, states, _room(h, scale)


def _gru_vjp(
    g: Any, y: Any, x: Any, w: Any, bias: Any, h: Any, mask: Any, scale: Any
) -> tuple[Any, ...]:
    names = ("activation", "recurrent_activation", "reset_after", "reverse")
    earlier = _earlier(item_of(y, 0), h, y.reverse)
    gates, inner = item_of(y, 2), item_of(y, 3)
    dx, d, dh, _ = gru_loop_backward(
        gates, inner, earlier, transpose(w), mask, scale, _or_empty(g[0]), g[1],
        **{name: getattr(y, name) for name in names},
    )  # fmt: skip
    if y.reset_after:
        dw, dscale = _kernel_slopes(earlier, d, w, scale)
    else:
        dw, dscale = _reset_before_slopes(earlier, gates, inner, dx, w, scale)
    return dx, dw, sum(d if y.reset_after else dx, axis=(0, 1)), dh, None, dscale


def _reset_before_slopes(
    h: Any, gates: Any, inner: Any, d: Any, w: Any, scale: Any
) -> tuple[Any, Any]:
    """As `_kernel_slopes`, where the third gate sees r * h for h."""
    units = shape_of(h)[-1]
    none = scale.rank == 1
    sizes = shape_of(d)
    d_zr = slice_axes(d, start=(0, 0, 0), limit=(*sizes[:2], 2 * units), step=(1, 1, 1))
    w_zr = slice_axes(w, start=(0, 0), limit=(units, 2 * units), step=(1, 1))
    parts = scale if none else concatenate([_gate(scale, k, units) for k in (0, 1)], 1)
    dw, dscale = _kernel_slopes(h, d_zr, w_zr, parts)
    d_h = _gate(d, 2, units)
    dw = concatenate([dw, _product(inner, d_h)], 1)
    if none:
        return dw, None
    sent = matmul(d_h, transpose(_gate(w, 2, units)))
    last = sum(multiply(multiply(sent, _gate(gates, 1, units)), h), axis=1)
    return dw, concatenate([dscale, last], 1)


@structured(
    infer=_gru_type, kernel="recurrent.gru_loop", vjp=_gru_vjp, onnx=_LATER,
    promote=_floats((4,)), operations=_products(1),
)  # fmt: skip
def gru_loop(
    x: Tensor, w: Tensor, bias: Tensor, h: Tensor, mask: Tensor, scale: Tensor, *,
    activation: str, recurrent_activation: str, reset_after: bool, reverse: bool,
) -> Any:  # fmt: skip
    """x[b, t, 3u], w[u, 3u], bias[3u], h[b, u] -> states[b, t, u], last h,
    gates[b, t, 3u], inner[b, t, u], room.

    Inner is h W + b of the candidate if the reset comes after that product, else r h.
    Gates and inner are there for the gradient and have none themselves.
    """
    x, w, bias, h, scale = (wide(a) for a in (x, w, bias, h, scale))
    f, g = ACTIVATIONS[recurrent_activation], ACTIVATIONS[activation]
    units = h.shape[1]
    states = np.empty((*x.shape[:2], units), x.dtype)
    inner, gates = np.empty_like(states), np.empty_like(x)
    for t in order(x.shape[1], reverse):
        given = x[:, t]
        if reset_after:
            product = recurred(h, w, scale) + bias
            zr = f(given[:, : 2 * units] + product[:, : 2 * units])
            inner[:, t] = product[:, 2 * units :]
            back = zr[:, units:] * inner[:, t]
        else:
            first = recurred(h, w[:, : 2 * units], scale[..., : 2 * units])
            zr = f(given[:, : 2 * units] + first + bias[: 2 * units])
            factor = scale[:, 2 * units :] if scale.ndim == 2 else 1
            inner[:, t] = zr[:, units:] * h * factor
            back = inner[:, t] @ w[:, 2 * units :] + bias[2 * units :]
        new = g(given[:, 2 * units :] + back)
        gates[:, t] = np.concatenate([zr, new], -1)
        z = zr[:, :units]
        states[:, t] = h = kept(mask, t, z * h + (1 - z) * new, h)
    room = np.zeros_like(h) if scale.ndim == 2 else np.zeros(0)
    return states, h, gates, inner, room


def _gru_backward_type(
    gates: TensorType, inner: TensorType, earlier: TensorType, back: TensorType,
    mask: TensorType, scale: TensorType, g_states: TensorType, g_h: TensorType, *,
    reset_after: bool, **attributes: Any,
) -> Types:  # fmt: skip
    return gates, gates if reset_after else gates.with_shape((0,)), g_h, g_h


@structured(
    infer=_gru_backward_type, kernel="recurrent.gru_loop_backward",
    vjp=nondifferentiable, onnx=_LATER, promote=_floats((4,)), operations=_products(3),
)  # fmt: skip
def gru_loop_backward(
    gates: Tensor, inner: Tensor, earlier: Tensor, back: Tensor, mask: Tensor,
    scale: Tensor, g_states: Tensor, g_h: Tensor, *, activation: str,
    recurrent_activation: str, reset_after: bool, reverse: bool,
) -> Any:  # fmt: skip
    """Gradients of x, of h W + b and of the first state of `gru_loop`, and room.

    Args:
        gates, inner: its results.
        earlier: the states before each step.
        back: the recurrent kernel, transposed.
        g_states: gradient of the states, or an empty vector.
        g_h: gradient of the last state.

    Returns:
        If the reset comes before the product, the first two are the same, and an empty
        vector stands for the second.
    """
    gates, inner, earlier, back, scale, g_states, dh = (
        wide(a) for a in (gates, inner, earlier, back, scale, g_states, g_h)
    )
    units = dh.shape[1]
    f, g = recurrent_activation, activation
    dx, d_product = np.empty_like(gates), np.empty_like(gates)
    for t in steps_back(gates.shape[1], reverse):
        z, r, new = np.split(gates[:, t], 3, -1)
        h, q = earlier[:, t], inner[:, t]
        total = dh + (g_states[:, t] if g_states.ndim == 3 else 0)
        dz = total * (h - new) * slope(f, z)
        dn = total * (1 - z) * slope(g, new)
        dz, dn = kept(mask, t, dz, 0 * dz), kept(mask, t, dn, 0 * dn)
        dh = kept(mask, t, total * z, total)
        if reset_after:
            dr = dn * q * slope(f, r)
            d = np.concatenate([dz, dr, dn * r], -1)
            d_product[:, t] = d
            dh = dh + returned(d, back, scale)
        else:
            factor = scale[:, 2 * units :] if scale.ndim == 2 else 1
            dq = (dn @ back[2 * units :]) * factor
            dr = dq * h * slope(f, r)
            d = np.concatenate([dz, dr], -1)
            rest = scale[..., : 2 * units]
            dh = dh + dq * r + returned(d, back[: 2 * units], rest)
        dx[:, t] = np.concatenate([dz, dr, dn], -1)
    return dx, d_product if reset_after else np.zeros(0), dh, np.zeros_like(dh)


@composite(onnx=gru_rule, promote=_floats((6,)))
def gru(
    inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor,
    recurrent_bias: Tensor, h: Tensor, mask: Tensor, *, activation: str,
    recurrent_activation: str, reset_after: bool, reverse: bool,
) -> Any:  # fmt: skip
    """All states and the last one of a gated recurrent unit.

    Source: Cho et al., arXiv:1406.1078; version 1 resets after the product, 3 before.

    Args:
        inputs: (batch, time, features).
        kernel: (features, 3 * units), gates in the order z, r, h.
        recurrent_kernel: (units, 3 * units).
        bias, recurrent_bias: (3 * units,).
        h: (batch, units): the first state.
        mask: (batch, time) bools, or an empty vector.
        activation, recurrent_activation: names of `ACTIVATIONS`.
        reset_after: whether r is applied to h W + b, rather than to h.
        reverse: whether to begin with the last step.
    """
    x = add(matmul(inputs, kernel), bias)
    states, last, *_ = gru_loop(
        x, recurrent_kernel, recurrent_bias, h, mask, unscaled(x),
        activation=activation, recurrent_activation=recurrent_activation,
        reset_after=reset_after, reverse=reverse,
    )  # fmt: skip
    return states, last
