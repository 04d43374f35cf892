"""Preparation of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.layers.layer import Layer


class Rescaling(Layer):
    """inputs * scale + offset.

    Args:
        scale: number or array.
        offset: number or array.

    Example:
        >>> Rescaling(1 / 255)(np.array([[255]], "uint8")).numpy()
        array([[1.]], dtype=float32)
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs in the layer's dtype, scaled and moved."""
        x = ops.cast(inputs, self.compute_dtype)
        scale, offset = (_of_dtype(n, x.dtype) for n in (self.scale, self.offset))
        return x * scale + offset


def _of_dtype(number: Any, dtype: str) -> Any:
    return number if isinstance(number, (int, float)) else np.asarray(number, dtype)
