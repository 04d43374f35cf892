"""Random tensors and the generators of their keys: Keras's `keras.random`."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import config, dtypes
from graphkeras.errors import ArgumentError, message
from graphkeras.ir.draws import calls
from graphkeras.ir.op import constant
from graphkeras.ir.trace import current_trace
from graphkeras.ir.types import normalize_axis
from graphkeras.ops import random as draw
from graphkeras.ops.shape import ndim
from graphkeras.saving.hdf5 import assign_all
from graphkeras.variables import Variable


class SeedGenerator:
    """A stream of keys; each draw uses one and advances the state.

    The state is a variable, so a compiled step continues where the last one stopped.

    Args:
        seed: an int, or None for one drawn from the series that
            `keras.utils.set_random_seed` began.
        name: name of the state variable.

    Example:
        >>> a, b = SeedGenerator(7), SeedGenerator(7)
        >>> bool((uniform((2,), seed=a) == uniform((2,), seed=b)).all())
        True
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **_: Any):
        if seed is None:
            seed = config.draw_seed()
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
            raise ArgumentError(
                message("SeedGenerator", "expected an int or None.", f"seed={seed!r}")
            )
        self.seed = int(seed)
        self.name = name or "seed_generator"
        self.state = Variable(
            _key_of(self.seed), dtype="uint32", trainable=False, name=self.name
        )

    def next(self, ordered: bool = True) -> Any:
        """Return a key that has not been used, and advance."""
        trace = current_trace()
        draws = calls.draws
        if draws is not None and (trace is None or trace.eager):
            return _constant_key(draws.key(self))
        key = self.state.value
        self.state.assign(key + np.array([0, 1], "uint32"))
        return key if trace else np.asarray(key)

    def save_own_variables(self, store: Any) -> None:
        """Put the state into `store`."""
        store["0"] = self.state.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take the state from `store`; Keras's files have none, and it stays."""
        if len(store):
            assign_all(self.name, [self.state], store)

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal generator."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Return the generator of a config."""
        return cls(**config)


def _key_of(seed: int) -> np.ndarray:
    return np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], "uint32")


_default: dict[str, Any] = {"series": None, "generator": None}


def global_seed_generator() -> SeedGenerator:
    """Return the generator used where no seed is given."""
    if _default["series"] is not config.seed_series():
        _default["series"] = config.seed_series()
        _default["generator"] = SeedGenerator(name="global_seed_generator")
    return _default["generator"]


def draw_key(seed: Any = None) -> Any:
    """Return a fresh key from a generator, or the one key of an int seed.

    Args:
        seed: a `SeedGenerator`, an int, or None for the global generator.
    """
    if seed is None:
        return global_seed_generator().next()
    if hasattr(seed, "next"):
        return seed.next()
    if isinstance(seed, (int, np.integer)):
        return _constant_key(_key_of(int(seed)))
    raise ArgumentError(
        message("random", "expected seed to be an int, a SeedGenerator or None.",
                f"seed={seed!r}")
    )  # fmt: skip


def _constant_key(key: np.ndarray) -> Any:
    trace = current_trace()
    return key if trace is None else trace.tensor(constant(key), key)


def _float(dtype: Any) -> str:
    kind = dtypes.standardize(dtype)
    if not dtypes.is_float(kind):
        raise ArgumentError(message("random", "expected a float dtype.", repr(dtype)))
    return kind


def uniform(
    shape: Any,
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Any:
    """Return numbers uniform in [minval, maxval).

    Args:
        shape: shape of the result; sizes may be symbolic.
        minval: lower bound, included.
        maxval: upper bound, not included.
        dtype: float dtype, the default one if None.
        seed: an int (the same numbers at each call), a `SeedGenerator`, or None.

    Example:
        >>> uniform((2, 3), seed=1).shape
        (2, 3)
    """
    return draw.uniform(draw_key(seed), shape, minval, maxval, _float(dtype))


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Return numbers of the normal distribution; the arguments are as in `uniform`."""
    return draw.normal(draw_key(seed), shape, mean, stddev, _float(dtype))


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Return normal numbers no further than two deviations from the mean."""
    return draw.truncated_normal(draw_key(seed), shape, mean, stddev, _float(dtype))


def randint(
    shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None
) -> Any:
    """Return integers uniform in [minval, maxval)."""
    kind = dtypes.standardize(dtype)
    if not dtypes.is_integer(kind):
        raise ArgumentError(message("randint", "expected an integer dtype.", kind))
    return draw.randint(draw_key(seed), shape, minval, maxval, kind)


def categorical(
    logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None
) -> Any:
    """Return class numbers drawn from each row of (batch, classes) logits."""
    logits = logits if hasattr(logits, "dtype") else np.asarray(logits, config.floatx())
    key = draw_key(seed)
    return draw.categorical(key, logits, num_samples, dtypes.standardize(dtype))


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Return inputs with a share `rate` set to 0, the rest scaled to keep the sum.

    Args:
        inputs: a float tensor.
        rate: share of elements dropped, 0 to 1.
        noise_shape: shape of the mask, None where it has the size of `inputs`.
        seed: as in `uniform`.

    Example:
        >>> sorted(set(dropout(np.ones(50, "float32"), 0.5, seed=3).tolist()))
        [0.0, 2.0]
    """
    if not 0 <= rate <= 1:
        raise ArgumentError(message("dropout", "expected 0 <= rate <= 1.", f"{rate}"))
    return draw.dropout(draw_key(seed), inputs, rate, noise_shape)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """Return x with its slices along `axis` in random order."""
    return draw.shuffle(draw_key(seed), x, normalize_axis(axis, ndim(x)))


def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """Return how many of `counts` trials succeed, each with its probability."""
    key = draw_key(seed)
    return draw.binomial(key, shape, counts, probabilities, _float(dtype))


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Return numbers of the gamma distribution of shape `alpha` and scale 1."""
    return draw.gamma(draw_key(seed), shape, alpha, _float(dtype))


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Return numbers of the beta distribution."""
    return draw.beta(draw_key(seed), shape, alpha, beta, _float(dtype))
