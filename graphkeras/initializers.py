"""First values of weights, drawn by NumPy's Philox so that a seed fixes every bit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphkeras import config, dtypes
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ops.windows import window_of
from graphkeras.saving.registry import (
    Configurable,
    deserialize_keras_object,
    resolver,
    serialize_keras_object,
)


class Initializer(Configurable):
    """Base: a callable ``(shape, dtype=None) -> array``."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        raise ArgumentError(
            message(
                type(self).__name__, "expected a __call__(shape, dtype) method.", "",
                "Write it in your subclass of Initializer.",
            )
        )  # fmt: skip

    def clone(self) -> Initializer:
        """Return another initializer of the same config."""
        return type(self).from_config(self.get_config())


def _kind(dtype: Any) -> np.dtype:
    return dtypes.to_numpy(dtypes.standardize(dtype))


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.zeros(tuple(shape), _kind(dtype))


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.ones(tuple(shape), _kind(dtype))


class Constant(Initializer):
    """All `value`, a number or an array that stretches to the shape."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        filled = np.empty(tuple(shape), _kind(dtype))
        filled[...] = self.value
        return filled

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        """Make an initializer from `get_config`'s result."""
        return cls(deserialize_keras_object(config["value"]))


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, zeros elsewhere.

    Raises:
        ShapeError: if the shape is not that of a matrix.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        if len(shape) != 2:
            raise ShapeError(message("Identity", "expected rank 2.", f"shape {shape}"))
        return self.gain * np.eye(*shape, dtype=_kind(dtype))


class RandomInitializer(Initializer):
    """Base of the random ones: the same object draws the same numbers each time.

    Args:
        seed: an int, a `SeedGenerator`, or None for one from `set_random_seed`.
    """

    def __init__(self, seed: Any = None) -> None:
        self._given_seed = seed
        self.seed = config.draw_seed() if seed is None else seed

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; a seed that was not given stays None."""
        return super().get_config() | {"seed": serialize_keras_object(self._given_seed)}

    def _generator(self) -> np.random.Generator:
        seed = self.seed
        if not isinstance(seed, (int, np.integer)):  # a SeedGenerator moves on
            seed = [int(s) for s in np.asarray(seed.next()).ravel()]
        return np.random.Generator(np.random.Philox(seed))


class RandomNormal(RandomInitializer):
    """Normal numbers."""

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None
    ) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        drawn = self._generator().standard_normal(tuple(shape))
        return (self.mean + self.stddev * drawn).astype(_kind(dtype))


class TruncatedNormal(RandomNormal):
    """Normal numbers, drawn again when further than two deviations from the mean."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        drawn = truncated_standard_normal(self._generator(), tuple(shape))
        return (self.mean + self.stddev * drawn).astype(_kind(dtype))


def truncated_standard_normal(
    generator: np.random.Generator, shape: tuple[int, ...]
) -> np.ndarray:
    """Return standard normal numbers of at most 2 in absolute value."""
    drawn = generator.standard_normal(shape)
    outside = np.abs(drawn) > 2
    while outside.any():
        drawn[outside] = generator.standard_normal(int(outside.sum()))
        outside = np.abs(drawn) > 2
    return drawn


class RandomUniform(RandomInitializer):
    """Uniform numbers in ``[minval, maxval)``."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None
    ) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        drawn = self._generator().random(tuple(shape))
        return (self.minval + (self.maxval - self.minval) * drawn).astype(_kind(dtype))


# The deviation of a standard normal cut off at two: scipy.stats.truncnorm.std(-2, 2).
_TRUNCATED_DEVIATION = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Random numbers of variance ``scale / n``, n the fan-in, fan-out or their mean.

    Args:
        scale: positive number.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        input_axes, output_axes: axes counted as inputs and outputs, when the shape is
            not that of a kernel ``(..., inputs, outputs)``.

    Example:
        >>> VarianceScaling(seed=1)((100, 4)).shape
        (100, 4)
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ) -> None:
        super().__init__(seed)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        _one_of("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        _one_of(
            "distribution", distribution,
            ("truncated_normal", "untruncated_normal", "uniform"),
        )  # fmt: skip
        if scale <= 0:
            raise ArgumentError(
                message("VarianceScaling", "expected scale > 0.", f"scale={scale}")
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape = tuple(shape)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        generator = self._generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            drawn = limit * (2.0 * generator.random(shape) - 1.0)
        elif self.distribution == "untruncated_normal":
            drawn = math.sqrt(variance) * generator.standard_normal(shape)
        else:
            deviation = math.sqrt(variance) / _TRUNCATED_DEVIATION
            drawn = deviation * truncated_standard_normal(generator, shape)
        return drawn.astype(_kind(dtype))


def _one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    if value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise ArgumentError(
            message("initializer", f"expected {name} in {listed}.", f"{name}={value!r}")
        )


def compute_fans(
    shape: tuple[int, ...], input_axes: Any = None, output_axes: Any = None
) -> tuple[int, int]:
    """Return how many inputs an output sees and how many outputs an input feeds."""
    if input_axes is not None or output_axes is not None:
        return _fans_by_axes(shape, input_axes or (), output_axes or ())
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _fans_by_axes(shape: tuple[int, ...], inputs: Any, outputs: Any) -> tuple[int, int]:
    ins = {a % len(shape) for a in inputs}
    outs = {a % len(shape) for a in outputs}
    field = math.prod(s for a, s in enumerate(shape) if a not in ins | outs)
    return tuple(field * math.prod(shape[a] for a in axes) for axes in (ins, outs))


class _Scaled(VarianceScaling):
    """A named special case of VarianceScaling."""

    _special: tuple[float, str, str]

    def __init__(
        self, seed: Any = None, input_axes: Any = None, output_axes: Any = None
    ) -> None:
        super().__init__(
            *self._special, seed=seed, input_axes=input_axes, output_axes=output_axes
        )


class GlorotUniform(_Scaled):
    """Uniform of variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""

    _special = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal of variance 2 / (fan_in + fan_out)."""

    _special = (1.0, "fan_avg", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform of variance 1 / fan_in."""

    _special = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal of variance 1 / fan_in (Klambauer et al., 2017)."""

    _special = (1.0, "fan_in", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform of variance 2 / fan_in (He et al., 2015)."""

    _special = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal of variance 2 / fan_in."""

    _special = (2.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """`gain` times a random matrix with orthogonal rows or columns (Saxe et al., 2014).

    Raises:
        ShapeError: for fewer than two axes; more than two are flattened into rows.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        if len(shape) < 2:
            raise ShapeError(
                message("Orthogonal", "expected at least rank 2.", f"shape {shape}")
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(self._generator().standard_normal(flat))
        q = q * np.sign(np.diag(r))  # makes the distribution uniform
        q = q.T if rows < columns else q
        return (self.gain * q.reshape(tuple(shape))).astype(_kind(dtype))


class STFT(Initializer):
    """Waves under a window: kernels (frame, 1, frequencies) of a Fourier transform.

    Args:
        side: "real" for cosines, "imag" for sines.
        window: name of a window function, an array, or None.
        scaling: "density" (the window has unit power), "spectrum" (unit sum) or None.
        periodic: whether the window is one turn of a longer signal.

    Example:
        >>> STFT("real", None)((5, 1, 3))[::2, 0, 1]
        array([ 1., -1.,  1.], dtype=float32)
    """

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        if side not in ("real", "imag") or scaling not in (None, "density", "spectrum"):
            raise ArgumentError(
                message("STFT", "expected side 'real' or 'imag', and scaling 'density',"
                        " 'spectrum' or None.", f"side={side!r}, scaling={scaling!r}")
            )  # fmt: skip
        if isinstance(window, str):
            window_of("STFT", window, 1, False)
        self.side, self.window = side, window
        self.scaling, self.periodic = scaling, periodic

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        length, _, bins = shape
        kind = _kind(dtype)
        # In the kernel's own precision, as Keras: its kernels are these to a rounding.
        share = np.arange(bins, dtype=kind) / kind.type(max((bins - 1) * 2, 1))
        turn = np.arange(length, dtype=kind)[:, None] * kind.type(-2) * share
        wave = (np.cos if self.side == "real" else np.sin)(turn * kind.type(np.pi))
        if self.window is not None:
            window = self._window(length)
            size = {"density": np.sqrt(np.sum(window**2)), None: 1.0,
                    "spectrum": np.sum(np.abs(window))}[self.scaling]  # fmt: skip
            wave = wave * (window / size)[:, None]
        return wave[:, None].astype(kind)

    def _window(self, length: int) -> np.ndarray:
        if isinstance(self.window, str):
            return window_of("STFT", self.window, length, self.periodic)
        try:
            window = np.asarray(self.window, "float64")
        except (TypeError, ValueError):
            raise ArgumentError(
                message("STFT", "expected a window to be a name or numbers.",
                        f"window={self.window!r:.60}", "Windows with parameters are "
                        "given as the array that scipy.signal.get_window returns.")
            ) from None  # fmt: skip
        if window.shape != (length,):
            raise ShapeError(
                message("STFT", f"expected a window of {length} numbers.",
                        f"shape {list(window.shape)}", "Make it as long as a frame.")
            )  # fmt: skip
        return window


zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform = RandomNormal, RandomUniform
truncated_normal, variance_scaling = TruncatedNormal, VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
he_uniform, he_normal = HeUniform, HeNormal
orthogonal = OrthogonalInitializer = Orthogonal
IdentityInitializer, STFTInitializer, stft = Identity, STFT, STFT

_ALIASES: dict[str, type[Initializer]] = {
    "zeros": Zeros, "zero": Zeros, "ones": Ones, "one": Ones, "constant": Constant,
    "identity": Identity, "IdentityInitializer": Identity,
    "random_normal": RandomNormal, "normal": RandomNormal,
    "random_uniform": RandomUniform, "uniform": RandomUniform,
    "truncated_normal": TruncatedNormal, "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform, "glorot_normal": GlorotNormal,
    "lecun_uniform": LecunUniform, "lecun_normal": LecunNormal,
    "he_uniform": HeUniform, "he_normal": HeNormal,
    "orthogonal": Orthogonal, "OrthogonalInitializer": Orthogonal, "stft": STFT,
    "STFTInitializer": STFT,
}  # fmt: skip

_get = resolver("keras.initializers", "initializer", _ALIASES, Initializer)


def get(identifier: Any) -> Any:
    """Return the initializer meant by a name, a config, an array, an object or None.

    Example:
        >>> get("he_normal").scale
        2.0
    """
    if isinstance(identifier, (np.ndarray, np.generic)):
        return Constant(np.asarray(identifier))
    return _get(identifier)


def serialize(initializer: Any) -> Any:
    """Return an initializer's config."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Return the initializer a config describes."""
    return deserialize_keras_object(config, custom_objects)
