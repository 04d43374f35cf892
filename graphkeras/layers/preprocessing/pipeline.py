"""Layers in a row, and how many boxes an image may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.errors import ArgumentError, message
from graphkeras.ir.dims import SymbolicDim
from graphkeras.layers.layer import Layer
from graphkeras.layers.preprocessing.image_layer import ImageLayer
from graphkeras.layers.validation import positive_int
from graphkeras.saving.registry import deserialize_keras_object


class Pipeline(Layer):
    """Layers applied one after another, beside a model or in one.

    Args:
        layers: the layers.
        name: name of the layer.

    Example:
        >>> from graphkeras.layers import Rescaling
        >>> Pipeline([Rescaling(2.0), Rescaling(1.0, 1.0)])(np.ones(2)).numpy()
        array([3., 3.], dtype=float32)
    """

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name)
        wrong = [x for x in layers if not isinstance(x, Layer)]
        if wrong:
            raise ArgumentError(
                message("Pipeline", "expected a list of layers.", f"{wrong[0]!r}")
            )
        self._pipeline_layers = list(layers)
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    @property
    def layers(self) -> list[Layer]:
        """The layers, first to last."""
        return self._pipeline_layers

    def build(self, input_shape: Any) -> None:
        """Build the layers; where no shape is known, each is by its first call."""
        if input_shape is not None:
            super().build(input_shape)

    def call(self, inputs: Any, training: Any = True, mask: Any = None) -> Any:
        """Return what the last layer makes of what the others made."""
        for layer in self._pipeline_layers:
            inputs = layer(inputs, training=training)
        return inputs

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Pipeline:
        """Make a pipeline from `get_config`'s result."""
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ArgumentError(
                message("Pipeline", "expected a config with layers.", f"{layers!r}")
            )
        made = [deserialize_keras_object(x) for x in layers]
        return cls(made, name=config.get("name"))

    def get_config(self) -> dict[str, Any]:
        """Return the configs of the layers."""
        made = [self._serialized_argument("layers", x) for x in self._pipeline_layers]
        return {"layers": made, "name": self.name}


class MaxNumBoundingBoxes(ImageLayer):
    """As many boxes for each image: the first ones, or filled up.

    Args:
        max_number: boxes an image has then.
        fill_value: what is filled in, for boxes and labels.
    """

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        who = "MaxNumBoundingBoxes"
        self.max_number = positive_int(who, "max_number", max_number)
        self.fill_value = int(fill_value)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of `max_number` boxes and labels an image."""
        return {key: self._fitted(part) for key, part in bounding_boxes.items()}

    def _fitted(self, part: Any) -> Any:
        count = part.shape[1]
        if isinstance(count, SymbolicDim):
            places = ops.arange(self.max_number)
            taken = ops.take(part, places, axis=1)
            there = ops.less(places, count)
            there = ops.reshape(there, (1, -1) + (1,) * (len(part.shape) - 2))
            return ops.where(there, taken, np.array(self.fill_value, part.dtype))
        part = part[:, : self.max_number]
        more = max(self.max_number - count, 0)
        frame = ((0, 0), (0, more)) + ((0, 0),) * (len(part.shape) - 2)
        return ops.pad(part, frame, constant_values=self.fill_value)
