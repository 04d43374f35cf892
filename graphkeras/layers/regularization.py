"""Noise and penalties that act in training only."""

from __future__ import annotations

import math
from typing import Any

from graphkeras import random, regularizers
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import image_format, rate_of


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


class SpatialDropout1D(Dropout):
    """Dropout of whole channels of (batch, steps, channels)."""

    _not_in_config = ("trainable",)  # Keras's takes none

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def _mask_shape(self, inputs: Any) -> Any:
        return (inputs.shape[0], 1, inputs.shape[2])


class SpatialDropout2D(Dropout):
    """Dropout of whole channels of images."""

    _not_in_config = ("trainable",)

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = image_format("SpatialDropout2D", data_format)
        self.input_spec = InputSpec(ndim=4)

    def _mask_shape(self, inputs: Any) -> Any:
        batch, *sizes = inputs.shape
        if self.data_format == "channels_last":
            return (batch, 1, 1, sizes[-1])
        return (batch, sizes[0], 1, 1)


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
