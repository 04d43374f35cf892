"""ONNX rules of the recurrent layers: one LSTM, GRU or RNN node where that says it.

Keras repeats the last state at masked steps, which the operators cannot: with a mask,
or an activation onnxruntime does not have, the step becomes the body of a Scan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphkeras.ir.types import TensorType

# name -> (what the operator calls it, alpha, beta)
_NAMES: dict[str, tuple[str, float, float]] = {
    "linear": ("Affine", 1.0, 0.0),
    "tanh": ("Tanh", 0.0, 0.0),
    "sigmoid": ("Sigmoid", 0.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "relu": ("Relu", 0.0, 0.0),
    "softsign": ("Softsign", 0.0, 0.0),
}


def _apply(b: Any, name: str, x: Any) -> Any:
    """One activation as a node."""
    if name == "linear":
        return x
    kind, alpha, beta = _NAMES[name]
    if name == "hard_sigmoid":
        return b.HardSigmoid(x, alpha=alpha, beta=beta)
    return getattr(b, kind)(x)


def _has_operator(y: Any) -> bool:
    """Whether the operator computes this call: no mask, float32 or float64."""
    x, mask = y.inputs[0], y.inputs[-1]
    return mask.rank == 1 and x.dtype in ("float32", "float64")


def _turned(b: Any, w: Any, gates: int, order: Sequence[int]) -> Any:
    """[n, gates * units] -> [1, gates * units, n], the gates in ONNX's order."""
    if list(order) != list(range(gates)):
        parts = b.Split(w, axis=-1, num_outputs=gates, outputs=gates)
        w = b.Concat(*(parts[k] for k in order), axis=-1)
    return b.Unsqueeze(b.Transpose(w, perm=[1, 0]), b.ints((0,)))


def _bias(
    b: Any, bias: Any, recurrent: Any, gates: int, order: Sequence[int], units: int
) -> Any:
    """Both biases as [1, 2 * gates * units]; the second may be none."""
    kind = b.type(bias).dtype if b.type(bias) else "float32"
    if list(order) != list(range(gates)):
        parts = b.Split(bias, axis=-1, num_outputs=gates, outputs=gates)
        bias = b.Concat(*(parts[k] for k in order), axis=-1)
    if recurrent is None:
        blank = b.scalar(0, kind)
        recurrent = b.Expand(blank, b.ints((gates * units,)))
    return b.Unsqueeze(b.Concat(bias, recurrent, axis=0), b.ints((0,)))


def _operator(
    b: Any, y: Any, kind: str, names: Sequence[str], x: Any, weights: Sequence[Any],
    states: Sequence[Any], **attrs: Any,
) -> Any:  # fmt: skip
    """Add the operator; return all states and the last ones, batch first."""
    lead = b.ints((0,))
    units = y.types[1].shape[1]
    found = getattr(b, kind)(
        b.Transpose(x, perm=[1, 0, 2]), *weights, None,
        *(b.Unsqueeze(s, lead) for s in states),
        outputs=1 + len(states), hidden_size=units,
        direction="reverse" if y.reverse else "forward",
        activations=[_NAMES[n][0] for n in names],
        activation_alpha=[_NAMES[n][1] for n in names],
        activation_beta=[_NAMES[n][2] for n in names], **attrs,
    )  # fmt: skip
    sequence = b.Transpose(b.Squeeze(found[0], b.ints((1,))), perm=[1, 0, 2])
    return (sequence, *(b.Squeeze(last, lead) for last in found[1:]))


Step = Callable[[Any, Sequence[Any]], Sequence[Any]]


def _scan(b: Any, y: Any, x: Any, states: Sequence[Any], mask: Any, step: Step) -> Any:
    """Run ``step(x, states) -> states`` over time, masked steps changing nothing."""
    count = len(states)
    own = [t for t in y.types[1:]]
    batch, width = own[0].shape[0], y.inputs[2].shape[1]
    given = TensorType(own[0].dtype, (batch, width))
    masked = y.inputs[-1].rank == 2

    def body(*refs: Any) -> Any:
        old, now = refs[:count], refs[count]
        new = step(now, old)
        if masked:
            counts = b.Unsqueeze(refs[count + 1], b.ints((1,)))
            new = [b.Where(counts, n, o) for n, o in zip(new, old)]
        return (*new, new[0])

    extra = [TensorType("bool", (batch,))] if masked else []
    graph = b.subgraph(body, *own, given, *extra, name="scan", results=(*own, own[0]))
    sequences = [x, mask] if masked else [x]
    turn = [int(y.reverse)] * len(sequences)
    found = b.node(
        "Scan", *states, *sequences, outputs=count + 1, body=graph,
        num_scan_inputs=len(sequences), scan_input_axes=[1] * len(sequences),
        scan_input_directions=turn, scan_output_axes=[1],
        scan_output_directions=turn[:1],
    )  # fmt: skip
    return (found[-1], *found[:-1])


def _projected(b: Any, x: Any, kernel: Any, bias: Any) -> Any:
    return b.Add(b.MatMul(x, kernel), bias)


def simple_rule(
    b: Any, y: Any, x: Any, kernel: Any, recurrent: Any, bias: Any, h: Any, mask: Any
) -> Any:
    """An RNN node, or a Scan."""
    units = y.types[1].shape[1]
    if _has_operator(y):
        weights = (
            _turned(b, kernel, 1, (0,)), _turned(b, recurrent, 1, (0,)),
            _bias(b, bias, None, 1, (0,), units),
        )  # fmt: skip
        return _operator(b, y, "RNN", (y.activation,), x, weights, [h])

    def step(now: Any, states: Sequence[Any]) -> list[Any]:
        total = b.Add(now, b.MatMul(states[0], recurrent))
        return [_apply(b, y.activation, total)]

    return _scan(b, y, _projected(b, x, kernel, bias), [h], mask, step)


_LSTM_ORDER = (0, 3, 1, 2)  # i, f, c, o -> i, o, f, c


def lstm_rule(
    b: Any, y: Any, x: Any, kernel: Any, recurrent: Any, bias: Any, h: Any, c: Any,
    mask: Any,
) -> Any:  # fmt: skip
    """An LSTM node, or a Scan."""
    units = y.types[1].shape[1]
    outer, inner = y.recurrent_activation, y.activation
    if _has_operator(y):
        weights = (
            _turned(b, kernel, 4, _LSTM_ORDER), _turned(b, recurrent, 4, _LSTM_ORDER),
            _bias(b, bias, None, 4, _LSTM_ORDER, units),
        )  # fmt: skip
        return _operator(b, y, "LSTM", (outer, inner, inner), x, weights, [h, c])

    def step(now: Any, states: Sequence[Any]) -> list[Any]:
        total = b.Add(now, b.MatMul(states[0], recurrent))
        parts = b.Split(total, axis=-1, num_outputs=4, outputs=4)
        i, f, o = (_apply(b, outer, parts[k]) for k in (0, 1, 3))
        new = b.Mul(i, _apply(b, inner, parts[2]))
        carry = b.Add(b.Mul(f, states[1]), new)
        return [b.Mul(o, _apply(b, inner, carry)), carry]

    return _scan(b, y, _projected(b, x, kernel, bias), [h, c], mask, step)


def gru_rule(
    b: Any, y: Any, x: Any, kernel: Any, recurrent: Any, bias: Any,
    recurrent_bias: Any, h: Any, mask: Any,
) -> Any:  # fmt: skip
    """A GRU node (its gates are z, r, h as well), or a Scan."""
    units = y.types[1].shape[1]
    outer, inner = y.recurrent_activation, y.activation
    if _has_operator(y):
        weights = (
            _turned(b, kernel, 3, (0, 1, 2)), _turned(b, recurrent, 3, (0, 1, 2)),
            _bias(b, bias, recurrent_bias, 3, (0, 1, 2), units),
        )  # fmt: skip
        after = int(y.reset_after)
        return _operator(
            b, y, "GRU", (outer, inner), x, weights, [h], linear_before_reset=after
        )
    parts = _reset_parts(b, y, recurrent, recurrent_bias)

    def step(now: Any, states: Sequence[Any]) -> list[Any]:
        (old,) = states
        one = b.scalar(1, y.types[1].dtype)
        given = b.Split(now, axis=-1, num_outputs=3, outputs=3)

        def product(k: int, state: Any) -> Any:
            return b.Add(b.MatMul(state, parts[k][0]), parts[k][1])

        z, r = (_apply(b, outer, b.Add(given[k], product(k, old))) for k in (0, 1))
        back = b.Mul(r, product(2, old)) if y.reset_after else product(2, b.Mul(r, old))
        new = _apply(b, inner, b.Add(given[2], back))
        return [b.Add(b.Mul(z, old), b.Mul(b.Sub(one, z), new))]

    return _scan(b, y, _projected(b, x, kernel, bias), [h], mask, step)


def _reset_parts(b: Any, y: Any, recurrent: Any, bias: Any) -> list[tuple[Any, Any]]:
    """Kernel and bias of each gate."""
    kernels = b.Split(recurrent, axis=-1, num_outputs=3, outputs=3)
    return list(zip(kernels, b.Split(bias, axis=-1, num_outputs=3, outputs=3)))
