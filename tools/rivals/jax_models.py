"""Some workloads in JAX by hand: a whole epoch is one compiled scan."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from tools.workloads import Workload

SIZES = {
    "mnist_mlp": (784, 128, 128, 10),
    "mnist_mlp_512": (784, 512, 10),
}
KNOWN = (*SIZES, "lstm")


def parameters(name: str, key: Any) -> Any:
    """Return initial weights."""
    glorot = jax.nn.initializers.glorot_uniform()
    if name == "lstm":
        keys = jax.random.split(key, 4)
        uniform = jax.random.uniform(keys[0], (20000, 128), minval=-0.05, maxval=0.05)
        return {
            "embed": uniform, "w": glorot(keys[1], (128, 256)),
            "u": glorot(keys[2], (64, 256)), "b": jnp.zeros(256),
            "last": glorot(keys[3], (64, 1)), "c": jnp.zeros(1),
        }  # fmt: skip
    sizes = SIZES[name]
    keys = jax.random.split(key, len(sizes))
    pairs = zip(keys, sizes, sizes[1:])
    return [(glorot(k, (a, b)), jnp.zeros(b)) for k, a, b in pairs]


def forward(name: str, held: Any, x: Any, key: Any) -> Any:
    """Return logits; `key` is None in inference."""
    if name == "lstm":
        return _lstm(held, x)
    x = x.reshape(x.shape[0], -1).astype(jnp.float32)
    x = x * (1 / 255) if name == "mnist_mlp" else x
    for w, b in held[:-1]:
        x = jax.nn.relu(x @ w + b)
    if name == "mnist_mlp_512" and key is not None:
        x = jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x * 2, 0)
    w, b = held[-1]
    return x @ w + b


def _lstm(held: Any, x: Any) -> Any:
    gates = held["embed"][x] @ held["w"] + held["b"]

    def turn(state: Any, now: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(now + h @ held["u"], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zero = jnp.zeros((x.shape[0], 64))
    (h, _), _ = jax.lax.scan(turn, (zero, zero), gates.swapaxes(0, 1))
    return h @ held["last"] + held["c"]


def objective(name: str, held: Any, x: Any, y: Any, key: Any) -> Any:
    """Return the mean loss and how many answers were right."""
    given = forward(name, held, x, key)
    if name == "lstm":
        softened = jnp.logaddexp(0, -jnp.abs(given))
        error = jnp.maximum(given, 0) - given * y + softened
        return error.mean(), ((given > 0) == (y > 0.5)).sum()
    logs = jax.nn.log_softmax(given)
    error = -jnp.take_along_axis(logs, y[:, None], 1)
    return error.mean(), (given.argmax(1) == y).sum()


def update(name: str, held: Any, slots: Any, grads: Any, step: Any) -> Any:
    """Adam, or RMSprop for the workload that has it."""
    if name == "mnist_mlp_512":
        square = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, slots[0], grads)
        new = jax.tree.map(
            lambda p, g, v: p - 1e-3 * g / jnp.sqrt(v + 1e-7), held, grads, square
        )
        return new, (square,)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, slots[0], grads)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, slots[1], grads)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    new = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), held, first, second
    )
    return new, (first, second)


@functools.partial(jax.jit, static_argnums=(0, 5), donate_argnums=(1,))
def epoch(name: str, state: Any, x: Any, y: Any, key: Any, batch: int) -> Any:
    """Visit all whole batches in a new order."""
    order = jax.random.permutation(key, len(x))
    steps = len(x) // batch
    order = order[: steps * batch].reshape(steps, batch)
    loss = jax.value_and_grad(objective, argnums=1, has_aux=True)

    def turn(state: Any, part: Any) -> Any:
        held, slots, step = state
        now = jax.random.fold_in(key, step)
        (error, good), grads = loss(name, held, x[part], y[part], now)
        held, slots = update(name, held, slots, grads, step + 1.0)
        return (held, slots, step + 1), (error, good)

    state, (errors, good) = jax.lax.scan(turn, state, order)
    return state, errors.mean(), good.sum()


@functools.partial(jax.jit, static_argnums=0)
def answer(name: str, held: Any, x: Any) -> Any:
    """Return logits."""
    return forward(name, held, x, None)


class Jax:
    """Trains a workload by the epoch."""

    def __init__(self, name: str, workload: Workload) -> None:
        self.workload, self.version = workload, jax.__version__
        self.key = jax.random.key(0)
        held = jax.jit(parameters, static_argnums=0)(workload.name, self.key)
        count = 1 if workload.name == "mnist_mlp_512" else 2
        zeros = tuple(jax.tree.map(jnp.zeros_like, held) for _ in range(count))
        self.state = (held, zeros, jnp.zeros((), jnp.int32))

    def first(self, x: Any, y: Any) -> None:
        """Make one step and look at the loss."""
        self.epochs(x, y, 1, lambda: None)

    def epochs(self, x: Any, y: Any, count: int, tick: Callable[[], None]) -> None:
        """Train, calling `tick` after each epoch."""
        x, y = jnp.asarray(x), jnp.asarray(y)
        for _ in range(count):
            self.key, now = jax.random.split(self.key)
            name, batch = self.workload.name, self.workload.batch
            self.state, error, _ = epoch(name, self.state, x, y, now, batch)
            float(error)
            tick()

    def predict(self, x: Any, batch: int) -> Any:
        """Return the answers to all rows."""
        parts = [
            answer(self.workload.name, self.state[0], x[i : i + batch])
            for i in range(0, len(x), batch)
        ]
        return [np.asarray(p) for p in parts]

    def one(self, x: Any) -> Callable[[], Any]:
        """Return a function that answers one row."""
        row = x[:1]
        return lambda: np.asarray(answer(self.workload.name, self.state[0], row))
