"""Contrast set by what values an image has: stretched, or its histogram made flat."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.ir import dims
from graphkeras.layers.preprocessing.image_layer import (
    ImageLayer,
    scaled,
    value_range_of,
)
from graphkeras.layers.validation import int_tuple, positive_int
from graphkeras.ops.index import gather, scatter_add_along_axis

BYTE = (0, 255)


class AutoContrast(ImageLayer):
    """The values of each channel stretched to the whole range, in inference too.

    Args:
        value_range: least and greatest value of a pixel.

    Example:
        >>> x = np.array([[[[10.0]], [[20.0]]]], "float32")
        >>> AutoContrast()(x).numpy().ravel()
        array([  0., 255.], dtype=float32)
    """

    def __init__(self, value_range: Any = BYTE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range_of("AutoContrast", value_range)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images; a channel of one value stays as it is."""
        kind = self.compute_dtype
        x = self._float(scaled(images, self.value_range, BYTE, kind))
        low = ops.min(x, axis=(1, 2), keepdims=True)  # these axes, as in Keras, always
        high = ops.max(x, axis=(1, 2), keepdims=True)
        flat = ops.equal(high, low)
        scale = 255.0 / ops.where(flat, 1.0, high - low)
        stretched = ops.clip(x * scale - low * scale, 0.0, 255.0)
        result = scaled(stretched, BYTE, self.value_range, kind)
        return ops.cast(ops.where(flat, images, result), kind)


class Equalization(ImageLayer):
    """In training: the histogram of each channel of a batch made flat.

    Args:
        value_range: least and greatest value of a pixel.
        bins: bins of the histogram.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        value_range: Any = BYTE,
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.bins = positive_int("Equalization", "bins", bins)
        self.value_range = value_range_of("Equalization", value_range)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images; a channel with one full bin stays as it is."""
        x = self._float(images)
        if not training:
            return x
        axis = self._axes(x)[2]
        channels = [self._equalized(c) for c in ops.unstack(x, axis=axis)]
        return ops.cast(ops.stack(channels, axis=axis), self.compute_dtype)

    def _equalized(self, channel: Any) -> Any:
        x = scaled(channel, self.value_range, BYTE, self.compute_dtype)
        last = self.bins - 1
        bin_of = ops.cast(ops.cast(x, "float32") * last / 255.0, "int32")
        flat = ops.clip(ops.ravel(bin_of), 0, last)
        ones = ops.ones_like(flat, "int32")
        counts = scatter_add_along_axis(flat, ones, axis=0, size=self.bins)
        table = ops.cast(self._table(counts), x.dtype)
        place = ops.clip(ops.cast(x / 255.0 * last, "int32"), 0, last)
        single = ops.less_equal(ops.count_nonzero(counts), 1)
        result = ops.where(single, x, gather(table, place, axis=0))
        return scaled(result, BYTE, self.value_range, self.compute_dtype)

    @staticmethod
    def _table(counts: Any) -> Any:
        """What each bin becomes: its place among all pixels above the lowest bin."""
        total = ops.cast(ops.cumsum(counts), "float64")
        first = ops.min(ops.where(ops.greater(total, 0), total, np.inf))
        span = ops.max(total) - first
        share = (total - first) * 255 / ops.where(ops.equal(span, 0), 1.0, span)
        return ops.clip(ops.round(share), 0, 255)


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """The histogram of each part of each image made flatter, in inference too.

    Args:
        value_range: least and greatest value of a pixel.
        clip_limit: how much larger than the mean a bin may be; 0 for no limit.
        tile_grid_size: parts (down, across).
        data_format: "channels_last" or "channels_first".

    Source: Zuiderveld, "Contrast limited adaptive histogram equalization" (1994).
    """

    def __init__(
        self,
        value_range: Any = BYTE,
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        who = type(self).__name__
        self.value_range = value_range_of(who, value_range)
        self.clip_limit = clip_limit
        self.tile_grid_size = int_tuple(who, "tile_grid_size", tile_grid_size, 2)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images of the dtype they had."""
        first = self.data_format == "channels_first"
        x = ops.transpose(images, (0, 2, 3, 1)) if first else images
        x = ops.cast(scaled(x, self.value_range, BYTE, "float32"), "float32")
        x = scaled(self._equalized(x), BYTE, self.value_range, "float32")
        x = ops.cast(x, images.dtype)
        return ops.transpose(x, (0, 3, 1, 2)) if first else x

    def _equalized(self, images: Any) -> Any:
        n, height, width, channels = images.shape
        down, across = self.tile_grid_size
        tile = (dims.ceildiv(height, down), dims.ceildiv(width, across))
        rest = (tile[0] * down - height, tile[1] * across - width)
        padded = ops.pad(images, ((0, 0), (0, rest[0]), (0, rest[1]), (0, 0)),
                         "symmetric")  # fmt: skip
        pixels = ops.cast(ops.clip(padded, 0, 255), "int32")
        tables = self._tables(pixels, (n, *tile, channels))
        mixed = self._mixed(pixels, tables, (n, *tile, channels))
        return mixed[:, :height, :width, :]

    def _tables(self, pixels: Any, sizes: tuple) -> Any:
        """What a value becomes in each part: (batch, down, across, channels, 256)."""
        n, rows, columns, channels = sizes
        down, across = self.tile_grid_size
        tiled = ops.reshape(pixels, (n, down, rows, across, columns, channels))
        tiled = ops.transpose(tiled, (0, 1, 3, 5, 2, 4))
        count, area = n * down * across * channels, rows * columns
        place = ops.reshape(tiled, (count, area))
        ones = ops.ones_like(place, "float32")
        counts = scatter_add_along_axis(place, ones, axis=1, size=256)
        counts = ops.reshape(counts, (n, down, across, channels, 256))
        if self.clip_limit > 0:
            limit = ops.cast(area, "float32") * (self.clip_limit / 256.0)
            kept = ops.clip(counts, 0, limit)
            more = ops.sum(counts - kept, axis=-1, keepdims=True)
            counts = kept + more / 256.0
        total = ops.cumsum(counts, axis=-1)
        least = ops.min(total, axis=-1, keepdims=True)
        span = ops.cast(area, "float32") - least
        span = ops.where(ops.equal(span, 0), 1.0, span)
        return ops.clip((total - least) * 255.0 / span, 0, 255)

    def _mixed(self, pixels: Any, tables: Any, sizes: tuple) -> Any:
        """Each pixel by the tables of the four parts around it."""
        n, rows, columns, channels = sizes
        down, across = self.tile_grid_size
        y0, y1, wy = _between(rows, down, 1)
        x0, x1, wx = _between(columns, across, 2)
        flat = ops.ravel(tables)
        image = ops.reshape(ops.arange(n), (n, 1, 1, 1))
        channel = ops.reshape(ops.arange(channels), (1, 1, 1, channels))

        def read(y: Any, x: Any) -> Any:
            part = ((image * down + y) * across + x) * channels + channel
            return gather(flat, part * 256 + pixels, axis=0)

        top = read(y0, x0) * (1.0 - wx) + read(y0, x1) * wx
        bottom = read(y1, x0) * (1.0 - wx) + read(y1, x1) * wx
        return top * (1.0 - wy) + bottom * wy


def _between(size: Any, parts: int, axis: int) -> tuple[Any, Any, Any]:
    """The parts before and after each pixel of an axis, and the share of the second."""
    shape = [1, 1, 1, 1]
    shape[axis] = size * parts
    length = ops.cast(size, "float32")
    at = ops.reshape(ops.cast(ops.arange(size * parts), "float32"), shape)
    at = (at - length / 2.0) / length
    first = ops.floor(at)
    places = (ops.cast(first + k, "int32") for k in (0, 1))
    low, high = (ops.clip(place, 0, parts - 1) for place in places)
    return low, high, at - first
