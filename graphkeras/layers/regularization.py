"""Noise and penalties that act in training only."""

from __future__ import annotations

import math
from typing import Any

from graphkeras import ops, random, regularizers
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import image_format, rate_of
from graphkeras.ops.nn import SELU_ALPHA, SELU_SCALE


class _Random(Layer):
    """Base: a layer with a stream of random numbers of its own."""

    def _keep_seed(self, seed: Any) -> None:
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True


class Dropout(_Random):
    """In training: a share of the elements set to 0, the rest scaled up.

    Args:
        rate: share that is dropped.
        noise_shape: shape of the mask, None where it has the size of the inputs.
        seed: int that fixes the numbers.

    Example:
        >>> import numpy as np
        >>> x = np.ones((1, 4), "float32")
        >>> Dropout(0.5)(x).numpy(), (Dropout(0.5, seed=1)(x, training=True) > 1).shape
        (array([[1., 1., 1., 1.]], dtype=float32), (1, 4))
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = rate_of(type(self).__name__, "rate", rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self._keep_seed(seed)

    def _mask_shape(self, inputs: Any) -> Any:
        return self.noise_shape

    def call(self, inputs: Any, training: Any = False) -> Any:
        """Return the inputs, thinned out in training."""
        if not training or self.rate == 0:
            return inputs
        shape = self._mask_shape(inputs)
        return random.dropout(inputs, self.rate, shape, seed=self.seed_generator)


class _SpatialDropout(Dropout):
    """Base: dropout of whole channels."""

    _not_in_config = ("trainable", "noise_shape")  # Keras's takes none
    data_format = "channels_last"
    rank = 2

    def _mask_shape(self, inputs: Any) -> Any:
        batch, *sizes = inputs.shape
        ones = (1,) * self.rank
        if self.data_format == "channels_last":
            return (batch, *ones, sizes[-1])
        return (batch, sizes[0], *ones)


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of (batch, steps, channels).

    Args:
        rate: share that is dropped.
        seed: int that fixes the numbers.
    """

    rank = 1

    def __init__(
        self, rate: float, seed: Any = None, name: str | None = None,
        dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.input_spec = InputSpec(ndim=3)


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images.

    Args:
        rate: share that is dropped.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    def __init__(
        self, rate: float, data_format: str | None = None, seed: Any = None,
        name: str | None = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = image_format(type(self).__name__, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)


class SpatialDropout3D(SpatialDropout2D):
    """Dropout of whole channels of volumes.

    The arguments are those of `SpatialDropout2D`.
    """

    rank = 3


# Klambauer, Unterthiner, Mayr and Hochreiter, arXiv:1706.02515, section 3.
_FLOOR = -SELU_ALPHA * SELU_SCALE


class AlphaDropout(Dropout):
    """In training: a share set to selu's lowest value; mean and variance stay.

    Args:
        rate: share that is dropped.
        noise_shape: shape of the mask, None where it has the size of the inputs.
        seed: int that fixes the numbers.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(1, 10000)).astype("float32")
        >>> y = AlphaDropout(0.3, seed=1)(x, training=True).numpy()
        >>> bool(abs(y.mean()) < 0.05 and abs(y.std() - 1) < 0.05)
        True
    """

    def call(self, inputs: Any, training: Any = False) -> Any:
        """Return the inputs, thinned out in training."""
        if not training or self.rate == 0:
            return inputs
        kept = self._kept(inputs)
        gain = ((1 - self.rate) * (1 + self.rate * _FLOOR**2)) ** -0.5
        x = ops.where(kept, inputs, _FLOOR)
        return x * gain - gain * _FLOOR * self.rate

    def _kept(self, inputs: Any) -> Any:
        given = self.noise_shape or (None,) * len(inputs.shape)
        sizes = [s if g is None else g for g, s in zip(given, inputs.shape)]
        drawn = random.uniform(tuple(sizes), seed=self.seed_generator)
        return ops.greater_equal(drawn, self.rate)


class GaussianNoise(_Random):
    """In training: normal noise of deviation `stddev` added."""

    def __init__(self, stddev: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(stddev, (int, float)) or not stddev >= 0:
            raise ArgumentError(
                message("GaussianNoise", "expected stddev >= 0.", f"stddev={stddev!r}")
            )
        self.stddev = stddev
        self._keep_seed(seed)

    def call(self, inputs: Any, training: Any = False) -> Any:
        """Return the inputs, noisy in training."""
        if not training or self.stddev == 0:
            return inputs
        return inputs + random.normal(
            tuple(inputs.shape), 0.0, self.stddev, inputs.dtype, self.seed_generator
        )


class GaussianDropout(_Random):
    """In training: multiplied by normal noise of mean 1.

    Args:
        rate: the noise has deviation sqrt(rate / (1 - rate)).
    """

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate_of("GaussianDropout", "rate", rate, below_one=True)
        self._keep_seed(seed)

    def call(self, inputs: Any, training: Any = False) -> Any:
        """Return the inputs, noisy in training."""
        if not training or self.rate == 0:
            return inputs
        deviation = math.sqrt(self.rate / (1.0 - self.rate))
        noise = random.normal(
            tuple(inputs.shape), 1.0, deviation, inputs.dtype, self.seed_generator
        )
        return inputs * noise


class ActivityRegularization(Layer):
    """The inputs themselves, with a penalty on their size."""

    _not_in_config = ("activity_regularizer",)

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        kwargs.pop("activity_regularizer", None)
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs
