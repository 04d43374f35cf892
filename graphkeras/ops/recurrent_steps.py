"""One step of a recurrent loop, in NumPy: what the references of `recurrent` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Each has a derivative that can be told from its own value, so that no loop has to
# remember what went into it.
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * np.tanh(0.5 * x) + 0.5,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "relu": lambda x: np.maximum(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
}

_SLOPES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda y: np.ones_like(y),
    "tanh": lambda y: 1 - y * y,
    "sigmoid": lambda y: y * (1 - y),
    "hard_sigmoid": lambda y: ((y > 0) & (y < 1)) / np.asarray(6, y.dtype),
    "relu": lambda y: (y > 0).astype(y.dtype),
    "softsign": lambda y: (1 - np.abs(y)) ** 2,
}


def slope(activation: str, y: np.ndarray) -> np.ndarray:
    """Derivative of an activation where its value is `y`."""
    return _SLOPES[activation](y)


def order(time: int, reverse: bool) -> range:
    """Steps in the order in which they run."""
    return range(time)[::-1] if reverse else range(time)


def steps_back(time: int, reverse: bool) -> range:
    """Steps in the order of the gradient."""
    return order(time, not reverse)


def kept(mask: np.ndarray, t: int, new: Any, old: Any) -> Any:
    """`new` where the step counts, else `old`; an empty mask counts everywhere."""
    return new if mask.ndim == 1 else np.where(mask[:, t, None], new, old)


def before(states: np.ndarray, first: np.ndarray, t: int, reverse: bool) -> np.ndarray:
    """What a sequence of states was one step earlier."""
    earlier = t + 1 if reverse else t - 1
    inside = 0 <= earlier < states.shape[1]
    return states[:, earlier] if inside else first


def recurred(h: np.ndarray, w: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """h @ w, with h scaled for each gate by factors of its own."""
    if scale.ndim == 1:
        return h @ w
    gates = w.shape[1] // h.shape[1]
    pairs = zip(np.split(scale, gates, -1), np.split(w, gates, -1))
    return np.concatenate([(h * factor) @ part for factor, part in pairs], -1)


def returned(d: np.ndarray, back: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Gradient of h in `recurred`, for that of its result."""
    if scale.ndim == 1:
        return d @ back
    gates = d.shape[1] // back.shape[1]
    rows = zip(np.split(scale, gates, -1), np.split(d, gates, -1),
               np.split(back, gates, 0))  # fmt: skip
    return np.sum([factor * (part @ kernel) for factor, part, kernel in rows], 0)
