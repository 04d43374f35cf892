"""Layers around another layer."""

from __future__ import annotations

from typing import Any

from graphkeras import ops
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.layers.layer import Layer


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

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return the results of all steps."""
        batch, time = inputs.shape[:2]
        steps = ops.reshape(inputs, (batch * time, *inputs.shape[2:]))
        out = self.layer(steps, training=training)
        return ops.reshape(out, (batch, time, *out.shape[1:]))
