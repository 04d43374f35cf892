"""Preparation of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.errors import ShapeError, message
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import image_format, positive_int


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


class CenterCrop(Layer):
    """The middle of images, `height` x `width` pixels.

    Args:
        height: rows kept.
        width: columns kept.
        data_format: "channels_last" or "channels_first".

    Raises:
        ShapeError: if an image is smaller.

    Shapes: x: (batch, any, any, channels) -> (batch, height, width, channels); a single
    image of rank 3 is taken as well.

    Example:
        >>> CenterCrop(150, 150)(np.ones((1, 200, 180, 3), "float32")).shape
        (1, 150, 150, 3)
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.height = positive_int("CenterCrop", "height", height)
        self.width = positive_int("CenterCrop", "width", width)
        self.data_format = image_format("CenterCrop", data_format)

    def call(self, inputs: Any) -> Any:
        """Return the middle of the images in the layer's dtype."""
        x = ops.cast(inputs, self.compute_dtype)
        rank = len(x.shape)
        if rank not in (3, 4):
            raise ShapeError(
                message("", "expected images of rank 3 or 4.", f"{list(x.shape)}")
            )
        first = rank - (3 if self.data_format == "channels_last" else 2)
        keys = [slice(None)] * rank
        for axis, size in ((first, self.height), (first + 1, self.width)):
            keys[axis] = self._middle(x.shape, axis, size)
        return x[tuple(keys)]

    def _middle(self, shape: tuple, axis: int, size: int) -> slice:
        rest = shape[axis] - size
        if isinstance(rest, int) and rest < 0:
            raise ShapeError(
                message(
                    "", f"expected images of at least {self.height} x {self.width}.",
                    f"{list(shape)}", "Crop less, or enlarge the images beforehand.",
                )
            )  # fmt: skip
        start = rest // 2
        return slice(start, start + size)
