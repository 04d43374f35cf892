"""Preparation of images: their values, and their size."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import dtypes, ops
from graphkeras.ir import dims
from graphkeras.ir.dims import is_static
from graphkeras.layers.preprocessing.batches import plain_as_array
from graphkeras.layers.preprocessing.beside import BesideLayer
from graphkeras.layers.preprocessing.bounding_boxes import (
    clip_to_image_size,
    convert_format,
    crop,
)
from graphkeras.layers.preprocessing.image_layer import ImageLayer, images_in
from graphkeras.layers.validation import positive_int
from graphkeras.ops.resample import bilinear
from graphkeras.ops.resize import (
    aspect_crop,
    check_resize,
    linear_table,
    smart_resized,
)


class Rescaling(BesideLayer):
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

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Compute on arrays, lists of numbers, or tensors of any kind."""
        return super().__call__(plain_as_array(inputs), **kwargs)

    def call(self, inputs: Any) -> Any:
        """Return the inputs in the layer's dtype, scaled and moved."""
        x = ops.cast(inputs, self.compute_dtype)
        return x * self._number(self.scale) + self._number(self.offset)

    def _number(self, given: Any) -> Any:
        kind = self.compute_dtype
        if isinstance(given, (int, float)) and dtypes.is_float(kind):
            return given
        return ops.cast(np.asarray(given), kind)


class Resizing(ImageLayer):
    """Images of another height and width, of the dtype they had.

    Args:
        height: rows of the result.
        width: columns of the result.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5" or
            "area".
        crop_to_aspect_ratio: whether to keep proportions by cutting the edges off.
        pad_to_aspect_ratio: whether to keep proportions by a frame of `fill_value`.
        fill_mode: "constant".
        fill_value: colour of the frame.
        antialias: whether a smaller image averages over all it is made of.
        data_format: "channels_last" or "channels_first".

    Example:
        >>> Resizing(32, 32)(np.zeros((2, 100, 80, 3), "uint8")).shape
        (2, 32, 32, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive_int("Resizing", "height", height)
        self.width = positive_int("Resizing", "width", width)
        check_resize(
            "Resizing", interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio,
            fill_mode,
        )  # fmt: skip
        self.interpolation, self.antialias = interpolation, bool(antialias)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, fill_value

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images in the new size."""
        return self._resized(images, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks in the new size, each pixel that of the nearest."""
        return self._resized(segmentation_masks, "nearest")

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return height and width before."""
        return self._size(images_in(data))

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes as they lie in the images of the new size."""
        boxes, target = bounding_boxes["boxes"], (self.height, self.width)
        empty = ops.logical_or(
            ops.all(ops.equal(boxes, -1), axis=-1),
            ops.all(ops.equal(boxes, 0), axis=-1),
        )
        form = self.bounding_box_format or "xyxy"
        moved = convert_format(bounding_boxes, form, "xyxy", *transformation)
        moved["boxes"] = self._moved(moved["boxes"], *transformation)
        kept = clip_to_image_size(moved, *target)
        kept["boxes"] = ops.where(ops.expand_dims(empty, -1), 0.0, kept["boxes"])
        return convert_format(kept, "xyxy", form, *target)

    def _moved(self, boxes: Any, height: Any, width: Any) -> Any:
        """Corners stretched, and shifted by what the frame or the cut is."""
        down, across = (ops.cast(n, "float32") for n in (height, width))
        scales = [self.height / down, self.width / across]
        shifts: list[Any] = [0.0, 0.0]
        if self.pad_to_aspect_ratio or self.crop_to_aspect_ratio:
            pick = ops.minimum if self.pad_to_aspect_ratio else ops.maximum
            scales = [pick(*scales)] * 2
            rest = (self.height - down * scales[0], self.width - across * scales[1])
            if self.pad_to_aspect_ratio:
                shifts = [r // 2 for r in rest]
            else:
                shifts = [-(-r // 2) for r in rest]
        x1, y1, x2, y2 = ops.unstack(boxes, axis=-1)
        xs, ys = ([c * scales[k] + shifts[k] for c in pair]
                  for k, pair in ((1, (x1, x2)), (0, (y1, y2))))  # fmt: skip
        return ops.stack([xs[0], ys[0], xs[1], ys[1]], axis=-1)

    def _resized(self, images: Any, interpolation: str) -> Any:
        return ops.image.resize(
            images, (self.height, self.width), interpolation, self.antialias,
            self.crop_to_aspect_ratio, self.pad_to_aspect_ratio, self.fill_mode,
            self.fill_value, self.data_format,
        )  # fmt: skip


class CenterCrop(ImageLayer):
    """The middle of images, `height` x `width` pixels; smaller images are enlarged.

    Args:
        height: rows kept.
        width: columns kept.
        data_format: "channels_last" or "channels_first".

    Shapes: x: (batch, any, any, channels) -> (batch, height, width, channels); a single
    image of rank 3 is taken as well. An image that is too small along either side is
    cut to the proportions asked for and resized.

    Example:
        >>> CenterCrop(150, 150)(np.ones((1, 200, 180, 3), "float32")).shape
        (1, 150, 150, 3)
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive_int("CenterCrop", "height", height)
        self.width = positive_int("CenterCrop", "width", width)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the middle of the images in the layer's dtype."""
        x = self._float(images)
        target = (self.height, self.width)
        rows, columns, _ = self._axes(x)
        rest = [x.shape[a] - n for a, n in zip((rows, columns), target)]
        if not is_static(rest):
            return self._of_any_size(x, (rows, columns), target)
        if min(rest) < 0:
            return ops.cast(smart_resized(x, (rows, columns), target), x.dtype)
        keys = [slice(None)] * len(x.shape)
        for axis, extra, size in zip((rows, columns), rest, target):
            keys[axis] = slice(extra // 2, extra // 2 + size)
        return x[tuple(keys)]

    def _of_any_size(self, x: Any, axes: tuple[int, int], target: tuple) -> Any:
        """Crop or enlarge, whichever the size asks for when it is known."""
        height, width = sizes = [x.shape[a] for a in axes]
        fits = ops.logical_and(*(
            ops.greater_equal(size, n) for size, n in zip(sizes, target)
        ))  # fmt: skip
        tables: list[Any] = []
        for size, count, (start, part) in zip(
            sizes, target, aspect_crop(height, width, target)
        ):
            places, share = linear_table(part, count)
            cells = np.arange(count, dtype="int32")[:, None] + np.zeros(2, "int32")
            window = ops.add(cells, (size - count) // 2)
            tables.append(ops.where(fits, window, ops.add(places, start)))
            tables.append(ops.where(fits, np.float32(0), share))
        return ops.cast(bilinear(x, *tables, axis=axes[0]), x.dtype)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the middle of the masks."""
        return self.transform_images(segmentation_masks)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the shape of the images before."""
        return {"input_shape": images_in(data).shape}

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes as they lie in the middle of the images."""
        height, width = self._size_of(transformation["input_shape"])
        target = (self.height, self.width)
        cut: Any = [
            (dims.floordiv(size - n, 2), n) for size, n in zip((height, width), target)
        ]
        if is_static((height, width)) and (height < target[0] or width < target[1]):
            cut = aspect_crop(height, width, target)

        def moved(boxes: Any) -> Any:
            (top, rows), (left, columns) = cut
            inside = crop(boxes, top, left, rows, columns)
            scale = np.array([target[1] / columns, target[0] / rows] * 2, "float32")
            return inside * scale

        return self._move_boxes(bounding_boxes, moved, (height, width), target)
