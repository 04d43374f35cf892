"""Random changes of where pixels lie: crops, flips, turns, shifts and bends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphkeras import ops, random
from graphkeras.ir import dims
from graphkeras.layers.preprocessing.bounding_boxes import (
    affine_transform,
    convert_format,
    crop,
)
from graphkeras.layers.preprocessing.image_layer import (
    MovedImageLayer,
    RandomImageLayer,
    factor_of,
    images_in,
    span_of,
)
from graphkeras.layers.validation import one_of, positive_int
from graphkeras.ops.math import times
from graphkeras.ops.resample import bilinear
from graphkeras.ops.resize import aspect_crop, linear_table
from graphkeras.ops.warp import check_warp

MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomCrop(RandomImageLayer):
    """In training: a window of images, at a place drawn once a batch.

    Images that are not larger than the window along both sides are cut about their
    middle and resized. In inference images stay as they are.

    Args:
        height: rows of the window.
        width: columns of the window.
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".
        name: name of the layer.

    Example:
        >>> RandomCrop(8, 6)(np.ones((2, 10, 10, 3), "float32")).shape
        (2, 8, 6, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: Any = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, name=name, **kwargs)
        self.height = positive_int("RandomCrop", "height", height)
        self.width = positive_int("RandomCrop", "width", width)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the first row and column of the window."""
        if not training:
            return None
        sizes, target = self._size(images_in(data)), (self.height, self.width)
        source = self.generator if seed is None else seed
        middle = [start for start, _ in aspect_crop(sizes[0], sizes[1], target)]
        starts = []
        for size, count, other in zip(sizes, target, middle):
            last = ops.cast(ops.maximum(size - count + 1, 1), "float32")
            drawn = ops.multiply(random.uniform((), seed=source), last)
            starts.append(ops.where(self._fits(sizes), ops.cast(drawn, "int32"), other))
        return tuple(starts)

    def _fits(self, sizes: tuple[Any, Any]) -> Any:
        target = (self.height, self.width)
        return ops.logical_and(*(ops.greater(s, n) for s, n in zip(sizes, target)))

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the window of a batch of images."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        rows, *_ = self._axes(x)
        sizes, target = self._size(x), (self.height, self.width)
        if dims.is_static(sizes) and all(s >= n for s, n in zip(sizes, target)):
            return self._window(x, rows, transformation)
        tables: list[Any] = []
        for size, count, first in zip(sizes, target, transformation):
            places, share = self._table(sizes, size, count, first)
            tables += [places, share]
        return ops.cast(bilinear(x, *tables, axis=rows), x.dtype)

    def _window(self, x: Any, axis: int, starts: Any) -> Any:
        """The window, taken in one go: rows and columns are read as one axis."""
        before, (_, width), after = x.shape[:axis], self._size(x), x.shape[axis + 2 :]
        lines = [
            ops.add(ops.arange(count, dtype="int32"), start)
            for count, start in zip((self.height, self.width), starts)
        ]
        places = ops.expand_dims(ops.multiply(lines[0], width), 1) + lines[1]
        flat = ops.reshape(x, (*before, x.shape[axis] * width, *after))
        return ops.take(flat, places, axis=axis)

    def _table(self, sizes: Any, size: Any, count: int, first: Any) -> tuple[Any, Any]:
        """What is left of the window, resized; or the window, if it is all there."""
        middle = aspect_crop(sizes[0], sizes[1], (self.height, self.width))
        start = middle[0][0] if size is sizes[0] else middle[1][0]
        part = dims.maximum(dims.minimum(count, size - start), 1)
        places, share = linear_table(part, count)
        window = np.arange(count, dtype="int32")[:, None] + np.zeros(2, "int32")
        fits = self._fits(sizes)
        chosen = ops.where(fits, window, places)
        return ops.add(chosen, first), ops.where(fits, np.float32(0), share)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the window of a batch of masks."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes as they lie in the window."""
        if not training or transformation is None:
            return bounding_boxes
        size, (top, left) = (self.height, self.width), transformation
        return self._move_boxes(
            bounding_boxes, lambda boxes: crop(boxes, top, left, *size), size
        )


class RandomFlip(RandomImageLayer):
    """In training: half of the images mirrored.

    Args:
        mode: "horizontal" (left and right change places), "vertical", or
            "horizontal_and_vertical", which does both to the images it flips.
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".

    Example:
        >>> RandomFlip()(np.ones((2, 4, 4, 3), "uint8"), training=False).dtype
        'float32'
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.mode = one_of("RandomFlip", "mode", mode, MODES)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return which images are flipped."""
        if not training:
            return None
        drawn = self._uniform(data, (1, 1, 1), (0.0, 1.0), seed)
        return {
            "flips": ops.less_equal(drawn, 0.5),
            "input_shape": images_in(data).shape,
        }

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images, flipped where they are to be."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        flips = transformation["flips"]
        if len(flips.shape) == 3:
            flips = ops.expand_dims(flips, 0)
        height, width, _ = self._axes(x)
        axes = {MODES[0]: (width,), MODES[1]: (height,), MODES[2]: (height, width)}
        return ops.where(flips, ops.flip(x, axes[self.mode]), x)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of masks, flipped as the images are."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes, flipped as the images are."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = self._size_of(transformation["input_shape"])
        flips = ops.squeeze(transformation["flips"], -1)

        def flipped(boxes: Any) -> Any:
            x1, y1, x2, y2 = ops.unstack(boxes, axis=-1)
            if self.mode != MODES[1]:
                x1, x2 = width - x2, width - x1
            if self.mode != MODES[0]:
                y1, y2 = height - y2, height - y1
            return ops.where(flips, ops.stack([x1, y1, x2, y2], axis=-1), boxes)

        return self._move_boxes(bounding_boxes, flipped, (height, width))


class _Warped(MovedImageLayer):
    """Base: images read at places that a transform a batch or an image gives."""

    fill_mode: str
    fill_value: float

    def __init__(
        self, fill_mode: str, interpolation: str, fill_value: Any, seed: Any,
        data_format: str | None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format=data_format, **kwargs)
        check_warp(type(self).__name__, interpolation, fill_mode)
        self.interpolation, self.fill_mode = interpolation, fill_mode
        self.fill_value = fill_value

    def _matrix(self, images: Any, transformation: Any) -> Any:
        """Return (batch, 8) transforms, as `ops.image.affine_transform` takes them."""
        raise NotImplementedError

    def _sampled(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return ops.image.affine_transform(
            images, self._matrix(images, transformation), interpolation, self.fill_mode,
            self.fill_value, self.data_format,
        )  # fmt: skip

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes around where the images' boxes go."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = self._old_size(transformation)
        return self._move_boxes(
            bounding_boxes,
            lambda boxes: self._moved(boxes, transformation, height, width),
            (height, width),
        )

    def _old_size(self, transformation: Any) -> tuple[Any, Any]:
        return self._size_of(transformation["input_shape"])

    def _moved(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        """Return where corners in pixels go."""
        raise NotImplementedError


def _rows(*columns: Any) -> Any:
    """Columns of numbers, one an image, as (batch, 8); numbers alone are repeated."""
    like = next(c for c in columns if hasattr(c, "shape") and len(c.shape))
    whole = [
        ops.reshape(c, (-1,)) if c is like or hasattr(c, "shape") else
        ops.full_like(ops.reshape(like, (-1,)), c)
        for c in columns
    ]  # fmt: skip
    return ops.stack(whole, axis=1)


class RandomRotation(_Warped):
    """In training: images turned about their middle.

    Args:
        factor: whole turns (of 2 pi), one number f for [-f, f] or two; positive ones
            turn counterclockwise.
        fill_mode: what lies outside: "reflect", "wrap", "constant" or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: int that fixes the numbers.
        fill_value: the constant.
        data_format: "channels_last" or "channels_first".

    Example:
        >>> RandomRotation(0.1)(np.ones((2, 9, 8, 3), "float32")).shape
        (2, 9, 8, 3)
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode,
            interpolation,
            fill_value,
            seed,
            data_format=data_format,
            **kwargs,
        )
        self.factor = factor_of("RandomRotation", "factor", factor, -1, 1)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return an angle in degrees and a transform for each image."""
        if not training:
            return None
        images = images_in(data)
        height, width = self._size(images)
        low, high = (end * 360.0 for end in self.factor)
        angle = self._uniform(data, (), (low, high), seed)
        return {
            "angle": angle, "rotation_matrix": turned(angle, height, width),
            "image_height": height, "image_width": width,
            "batch_size": images.shape[0] if len(images.shape) == 4 else 1,
        }  # fmt: skip

    def _matrix(self, images: Any, transformation: Any) -> Any:
        return transformation["rotation_matrix"]

    def _old_size(self, transformation: Any) -> tuple[Any, Any]:
        return transformation["image_height"], transformation["image_width"]

    def _moved(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        angle = transformation["angle"]
        none = ops.zeros_like(angle)
        return affine_transform(
            boxes, angle, none, none, ops.ones_like(angle), none, none, height, width
        )


def turned(angle: Any, height: Any, width: Any) -> Any:
    """Return (batch, 8) transforms that turn images by degrees about their middle."""
    angle = ops.multiply(angle, math.pi / 180.0)
    cos, sin = ops.cos(angle), ops.sin(angle)
    x, y = (ops.multiply(ops.cast(n - 1, angle.dtype), 0.5) for n in (width, height))
    shift_x = x - times(x, cos) - times(y, -sin)
    shift_y = y - times(x, sin) - times(y, cos)
    return _rows(cos, -sin, shift_x, sin, cos, shift_y, 0.0, 0.0)


class RandomTranslation(_Warped):
    """In training: images shifted.

    Args:
        height_factor: share of the height, one number f for [-f, f] or two; positive
            ones shift down.
        width_factor: share of the width; positive ones shift to the right.
        fill_mode: what lies outside: "reflect", "wrap", "constant" or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: int that fixes the numbers.
        fill_value: the constant.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode,
            interpolation,
            fill_value,
            seed,
            data_format=data_format,
            **kwargs,
        )
        who = "RandomTranslation"
        self.height_factor, self.width_factor = height_factor, width_factor
        self._heights = span_of(who, "height_factor", height_factor, -1.0, 1.0)
        self._widths = span_of(who, "width_factor", width_factor, -1.0, 1.0)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return by how many pixels (right, down) each image is shifted."""
        if not training:
            return None
        height, width = self._size(images_in(data))
        down = self._uniform(data, (1,), self._heights, seed) * height
        right = self._uniform(data, (1,), self._widths, seed) * width
        shifts = ops.cast(ops.concatenate([right, down], axis=1), "float32")
        return {"translations": shifts, "input_shape": images_in(data).shape}

    def _matrix(self, images: Any, transformation: Any) -> Any:
        right, down = ops.unstack(transformation["translations"], axis=1)
        return _rows(1.0, 0.0, -right, 0.0, 1.0, -down, 0.0, 0.0)

    def _moved(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        shift = ops.expand_dims(transformation["translations"], 1)
        return boxes + ops.concatenate([shift, shift], axis=-1)


class RandomZoom(_Warped):
    """In training: images zoomed about their middle.

    Args:
        height_factor: one number f for [-f, f] or two; positive ones zoom out.
        width_factor: the same for the width; None keeps the proportions.
        fill_mode: what lies outside: "reflect", "wrap", "constant" or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: int that fixes the numbers.
        fill_value: the constant.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Any = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode,
            interpolation,
            fill_value,
            seed,
            data_format=data_format,
            **kwargs,
        )
        self.height_factor, self.width_factor = height_factor, width_factor
        self._heights = self._span("height_factor", height_factor)
        self._widths = None if width_factor is None else (
            self._span("width_factor", width_factor)
        )  # fmt: skip

    def _span(self, name: str, factor: Any) -> tuple[float, float]:
        low, high = span_of("RandomZoom", name, factor, -1.0, 1.0, "above")
        return 1.0 + low, 1.0 + high

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return by how much each image is zoomed, 1 leaving it as it is."""
        if not training:
            return None
        down = self._uniform(data, (1,), self._heights, seed)
        across = down
        if self._widths is not None:
            across = self._uniform(data, (1,), self._widths, seed)
        return {
            "height_zoom": down, "width_zoom": across,
            "input_shape": images_in(data).shape,
        }  # fmt: skip

    def _matrix(self, images: Any, transformation: Any) -> Any:
        height, width = self._size(images)
        across, down = (
            ops.cast(transformation[name], "float32")
            for name in ("width_zoom", "height_zoom")
        )
        x, y = (
            ops.multiply((ops.cast(n, "float32") - 1.0) / 2.0, 1.0 - zoom)
            for n, zoom in ((width, across), (height, down))
        )
        return _rows(across, 0.0, x, 0.0, down, y, 0.0, 0.0)

    def _moved(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        """Cut at the edges of what is shown, and stretched to the whole image."""
        sides = list(ops.unstack(boxes, axis=-1))
        for k, name, size in ((0, "width_zoom", width), (1, "height_zoom", height)):
            zoom = ops.cast(transformation[name], "float32")
            length = ops.cast(size, "float32")
            start = (length - 1.0) / 2.0 * (1.0 - zoom)
            shown = zoom * length
            for side in (k, k + 2):
                inside = ops.clip(sides[side], start, start + shown) - start
                sides[side] = inside / shown * length
        return ops.stack(sides, axis=-1)


class RandomShear(_Warped):
    """In training: images sheared.

    Args:
        x_factor: by how much rows slide, per row; between 0 and 1.
        y_factor: by how much columns slide, per column.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside: "reflect", "wrap", "constant" or "nearest".
        fill_value: the constant.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode,
            interpolation,
            fill_value,
            seed,
            data_format=data_format,
            **kwargs,
        )
        self.x_factor = self._span("x_factor", x_factor)
        self.y_factor = self._span("y_factor", y_factor)

    def _span(self, name: str, factor: Any) -> tuple[float, float]:
        ends = factor if isinstance(factor, (tuple, list)) else [factor]
        # What a config holds of one number f is (-f, f).
        mirrored = len(ends) == 2 and ends[0] == -ends[1]
        checked = ends[1] if mirrored else factor
        return span_of("RandomShear", name, checked, 0.0, 1.0)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the shear of each image (of rows, of columns)."""
        if not training:
            return None
        kind = self.compute_dtype
        coin = self._uniform(data, (1,), (0.0, 1.0), seed, kind)
        sign = ops.where(ops.greater(coin, 0.5), -1.0, 1.0)
        down = self._uniform(data, (1,), self.y_factor, seed, kind)
        across = self._uniform(data, (1,), self.x_factor, seed, kind)
        shear = ops.concatenate([across, down], axis=1) * ops.cast(sign, kind)
        return {"shear_factor": shear, "input_shape": images_in(data).shape}

    def _matrix(self, images: Any, transformation: Any) -> Any:
        across, down = ops.unstack(transformation["shear_factor"], axis=1)
        return _rows(1.0, across, 0.0, down, 1.0, 0.0, 0.0, 0.0)

    def _moved(self, boxes: Any, transformation: Any, height: Any, width: Any) -> Any:
        """The shear is taken of shares of the image, as Keras does."""
        shares = convert_format(boxes, "xyxy", "rel_xyxy", height, width)
        x1, y1, x2, y2 = ops.unstack(shares, axis=-1)
        across, down = ops.split(transformation["shear_factor"], 2, axis=-1)
        left, right = ops.less(across, 0), ops.greater(down, 0)
        x1, x2 = (
            x1 - across * ops.where(left, y1, y2),
            x2 - across * ops.where(left, y2, y1),
        )
        y1, y2 = (
            y1 - down * ops.where(right, x2, x1),
            y2 - down * ops.where(right, x1, x2),
        )
        moved = ops.stack([x1, y1, x2, y2], axis=-1)
        return convert_format(moved, "rel_xyxy", "xyxy", height, width)
