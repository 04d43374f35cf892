"""Layers around another layer."""

from __future__ import annotations

from typing import Any

from graphkeras import ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.initializers import TruncatedNormal
from graphkeras.layers.arguments import signature_of
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import positive_int


class Wrapper(Layer):
    """Base of layers that hold one other layer."""

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ArgumentError(
                message(
                    type(self).__name__, "expected a layer.", f"{layer!r}",
                    "Make an instance first: TimeDistributed(layers.Dense(3)).",
                )
            )  # fmt: skip
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)


class TimeDistributed(Wrapper):
    """The layer inside applied to each step of (batch, time, ...).

    Example:
        >>> import numpy as np
        >>> from graphkeras.layers import Flatten
        >>> TimeDistributed(Flatten())(np.ones((1, 5, 2, 3), "float32")).shape
        (1, 5, 6)
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside for one step."""
        if len(input_shape) < 3:
            raise ShapeError(
                message("", "expected (batch, time, ...).", f"shape {input_shape}")
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Return the results of all steps."""
        batch, time = inputs.shape[:2]
        if mask is not None:
            _check_mask(mask, inputs)
        if training and self.layer.non_trainable_weights and isinstance(time, int):
            return self._one_by_one(inputs, mask, time)
        steps = ops.reshape(inputs, (batch * time, *inputs.shape[2:]))
        if mask is not None:
            mask = ops.reshape(mask, (batch * time, *mask.shape[2:]))
        out = self._step(steps, training, mask)
        return ops.reshape(out, (batch, time, *out.shape[1:]))

    def _one_by_one(self, inputs: Any, mask: Any, time: int) -> Any:
        """Statistics such as moving averages follow each step by itself."""
        masks = [None if mask is None else mask[:, t] for t in range(time)]
        steps = [self._step(inputs[:, t], True, m) for t, m in enumerate(masks)]
        return ops.stack(steps, axis=1)

    def _step(self, x: Any, training: Any, mask: Any) -> Any:
        takes = signature_of(type(self.layer).call).parameters
        masked = {"mask": mask} if mask is not None and "mask" in takes else {}
        return self.layer(x, training=training, **masked)


def _check_mask(mask: Any, inputs: Any) -> None:
    if tuple(mask.shape[:2]) != tuple(inputs.shape[:2]):
        raise ShapeError(
            message(
                "", "expected a mask that begins with (batch, time) as the inputs do.",
                f"mask {list(mask.shape)}, inputs {list(inputs.shape)}",
            )
        )  # fmt: skip


class SpectralNormalization(Wrapper):
    """The layer inside with a kernel whose largest singular value is 1.

    In training the kernel is divided by an estimate of that value, which follows it by
    power iterations. Source: Miyato et al., arXiv:1802.05957.

    Args:
        layer: a layer with a `kernel` or with `embeddings`.
        power_iterations: how many in each step.

    Example:
        >>> import numpy as np
        >>> from graphkeras.layers import Dense
        >>> layer = SpectralNormalization(Dense(3), power_iterations=50)
        >>> layer(np.ones((1, 4), "float32"), training=True).shape
        (1, 3)
        >>> float(np.linalg.norm(layer.kernel.numpy(), 2).round(3))
        1.0
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        who = type(self).__name__
        self.power_iterations = positive_int(who, "power_iterations", power_iterations)

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside, and a guess of the kernel's singular vector."""
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        named = [n for n in ("kernel", "embeddings") if hasattr(self.layer, n)]
        if not named:
            raise ArgumentError(
                message("", "expected a layer with a kernel or embeddings.",
                        f"{self.layer!r}")
            )  # fmt: skip
        self.kernel = getattr(self.layer, named[0])
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]), TruncatedNormal(stddev=0.02), name="vector_u",
            trainable=False, dtype=self.kernel.dtype,
        )  # fmt: skip

    def call(self, inputs: Any, training: Any = False) -> Any:
        """Return the outputs; in training normalize the kernel first."""
        if training:
            vector, kernel = ops.cond(
                ops.any(ops.not_equal(self.kernel, 0)),
                self.normalized_weights,
                lambda: (self.vector_u.value, self.kernel.value),
            )
            self.vector_u.assign(vector)
            self.kernel.assign(kernel)
        outputs = self.layer(inputs)  # with their mask, which a cast would lose
        alike = outputs.dtype == inputs.dtype
        return outputs if alike else ops.cast(outputs, inputs.dtype)

    def normalized_weights(self) -> tuple[Any, Any]:
        """Return the next guess of the singular vector, and the normalized kernel."""
        size = self.kernel.shape[-1]
        weights = ops.reshape(self.kernel, (-1, size))
        u = self.vector_u.value
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(weights)), axis=None)
            u = ops.normalize(ops.matmul(v, weights), axis=None)
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.matmul(ops.matmul(v, weights), ops.transpose(u))
        return u, ops.reshape(ops.divide(weights, sigma), self.kernel.shape)
