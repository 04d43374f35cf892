"""Samples of the recurrent loops and layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.sample import Sample, s, x

BATCH, TIME, UNITS, FEATURES = 3, 4, 5, 2
NONE, PLAIN = np.zeros(0, "bool"), np.zeros(0, "float32")
LSTM = {"activation": "tanh", "recurrent_activation": "sigmoid", "reverse": False}
GRU = {**LSTM, "reset_after": True}
SIMPLE = {"activation": "tanh", "reverse": False}
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], "bool")
HARD = {"activation": "softsign", "recurrent_activation": "hard_sigmoid"}


def _small(*shape: int, salt: int = 0) -> np.ndarray:
    return x(*shape, salt=salt) * np.float32(0.4)


def _states(count: int, units: int, salt: int = 5) -> list[np.ndarray]:
    return [_small(BATCH, units, salt=salt + k) for k in range(count)]


def _scale(gates: int, units: int = UNITS) -> np.ndarray:
    return 2 * x(BATCH, gates * units, kind="bit")


def loop(
    gates: int, states: int, mask: Any = NONE, scale: Any = PLAIN, units: int = UNITS,
    free: tuple[int, ...] = (), **attrs: Any,
) -> Sample:  # fmt: skip
    """Return a sample of a loop over time; a GRU's has a recurrent bias."""
    bias = [x(3 * units)] if gates == 3 else []
    return s(
        x(BATCH, TIME, gates * units), _small(units, gates * units), *bias,
        *_states(states, units), mask, scale, free=free, **attrs,
    )  # fmt: skip


def layer(
    gates: int, states: int, mask: Any = NONE, free: tuple[int, ...] = (), **attrs: Any
) -> Sample:
    """Return a sample of a whole layer."""
    width = gates * UNITS
    biases = [x(width), x(width, salt=1)] if gates == 3 else [x(width)]
    kernels = [_small(FEATURES, width), _small(UNITS, width)]
    return s(
        x(BATCH, TIME, FEATURES), *kernels, *biases, *_states(states, UNITS), mask,
        free=free, **attrs,
    )  # fmt: skip


def backward(gates: int, states: int, sequence: bool, *sizes: int, **attrs: Any) -> Any:
    """Return a sample of a gradient loop: saved results, kernel, mask, gradients."""
    saved = [x(BATCH, TIME, n, kind="share") for n in sizes]
    saved += [_small(BATCH, UNITS)] if gates == 4 else []
    g = x(BATCH, TIME, UNITS) if sequence else PLAIN
    mask, scale = (MASK, _scale(gates)) if sequence else (NONE, PLAIN)
    return s(
        *saved, _small(gates * UNITS, UNITS), mask, scale, g,
        *_states(states, UNITS), **attrs,
    )  # fmt: skip


_BEFORE = {**GRU, "reset_after": False}
_WIDE = 17

RECURRENT: dict[str, list[Sample]] = {
    "simple_loop": [
        loop(1, 1, free=(0, 2), **SIMPLE),
        loop(1, 1, MASK, _scale(1), activation="relu", reverse=True),
        loop(1, 1, MASK, units=_WIDE, **SIMPLE),
    ],
    "simple_loop_backward": [
        backward(1, 1, True, UNITS, **SIMPLE),
        backward(1, 1, False, UNITS, activation="linear", reverse=True),
    ],
    "simple_rnn": [
        layer(1, 1, free=(0, 4), **SIMPLE),
        layer(1, 1, MASK, activation="hard_sigmoid", reverse=True),
        layer(1, 1, **{**SIMPLE, "activation": "linear"}),
    ],
    "lstm_loop": [
        loop(4, 2, free=(0, 2, 3), **LSTM),
        loop(4, 2, MASK, _scale(4), **{**LSTM, "reverse": True}),
        loop(4, 2, units=_WIDE, **{**LSTM, **HARD}),
    ],
    "lstm_loop_backward": [
        backward(4, 2, True, 4 * UNITS, UNITS, **LSTM),
        backward(4, 2, False, 4 * UNITS, UNITS, **{**LSTM, "reverse": True}),
    ],
    "lstm": [
        layer(4, 2, free=(0, 4, 5), **LSTM),
        layer(4, 2, MASK, free=(0, 4, 5, 6), **{**LSTM, **HARD, "reverse": True}),
        layer(4, 2, **{**LSTM, **HARD, "reverse": True}),
    ],
    "gru_loop": [
        loop(3, 1, free=(0, 3), **GRU),
        loop(3, 1, MASK, _scale(3), **{**GRU, "reverse": True}),
        loop(3, 1, MASK, _scale(3), **{**_BEFORE, "activation": "relu"}),
        loop(3, 1, units=_WIDE, **{**_BEFORE, "reverse": True}),
    ],
    "gru_loop_backward": [
        backward(3, 1, True, 3 * UNITS, UNITS, UNITS, **GRU),
        backward(3, 1, False, 3 * UNITS, UNITS, UNITS, **{**GRU, "reverse": True}),
        backward(3, 1, True, 3 * UNITS, UNITS, UNITS, **_BEFORE),
        backward(3, 1, False, 3 * UNITS, UNITS, UNITS, **_BEFORE),
    ],
    "gru": [
        layer(3, 1, free=(0, 5), **GRU),
        layer(3, 1, MASK, **{**GRU, "reverse": True}),
        layer(3, 1, MASK, free=(0, 5, 6), **_BEFORE),
        layer(3, 1, **{**_BEFORE, **HARD, "reverse": True}),
    ],
}
