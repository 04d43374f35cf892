"""What all layers on images share: what they take, and how they answer.

A layer draws what is random once (`get_random_transformation`) and applies the same to
images, labels, boxes and masks; each of these steps can be called by itself.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

from graphkeras import ops, random
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.layers.preprocessing.beside import BesideLayer
from graphkeras.layers.preprocessing.bounding_boxes import (
    checked_boxes,
    clip_to_image_size,
    convert_format,
)
from graphkeras.layers.validation import image_format

Range = tuple[float, float]


def is_number(value: Any) -> bool:
    """Return whether `value` is a finite number."""
    return isinstance(value, numbers.Real) and math.isfinite(value)


def _refuse(who: str, name: str, wanted: str, value: Any) -> None:
    raise ArgumentError(
        message(who, f"expected {name} to be {wanted}.", f"{name}={value!r}")
    )


def factor_of(who: str, name: str, factor: Any, low: float, high: float) -> Range:
    """Return a number or two, such as a chance, as the range it is drawn from.

    One number f stands for [-f, f], cut off at `low`.

    Raises:
        ArgumentError: if the range lies outside of [low, high].
    """
    wanted = f"a number or two, between {low} and {high}"
    if isinstance(factor, (tuple, list)):
        pair = len(factor) == 2 and all(map(is_number, factor))
        if not pair or factor[0] > high or factor[1] < low:
            _refuse(who, name, wanted, factor)
        first, last = sorted(factor)
        return first, last
    if not is_number(factor) or not low <= factor <= high:
        _refuse(who, name, wanted, factor)
    return max(-abs(factor), low), abs(factor)


def span_of(
    who: str, name: str, factor: Any, low: float, high: float, start: str = "mirrored"
) -> Range:
    """Return a number or two, such as a shift, as the range it is drawn from.

    Args:
        who: the layer.
        name: the argument.
        factor: two ends, or one number.
        low: least end; if `start` is "above", not an end itself.
        high: greatest end.
        start: what stands for the other end of one number f: "mirrored" -f, "zero" 0.

    Raises:
        ArgumentError: if an end lies outside.
    """
    ends = list(factor) if isinstance(factor, (tuple, list)) else [factor]
    inside = all(is_number(e) and low <= e <= high for e in ends)
    if start == "above":
        inside = inside and all(e > low for e in ends)
    if not inside or (len(ends) != 2 and isinstance(factor, (tuple, list))):
        _refuse(who, name, f"a number or two, between {low} and {high}", factor)
    if len(ends) == 1:
        ends = [0, factor] if start == "zero" else [-abs(factor), abs(factor)]
    first, last = sorted(ends)
    return first, last


def value_range_of(who: str, value_range: Any) -> Range:
    """Return the least and the greatest value of a pixel.

    Raises:
        ArgumentError: unless they are two numbers.
    """
    pair = value_range if isinstance(value_range, (tuple, list)) else ()
    if len(pair) != 2 or not all(map(is_number, pair)) or pair[0] == pair[1]:
        _refuse(who, "value_range", "two different numbers", value_range)
    first, last = sorted(pair)
    return first, last


def images_in(data: Any) -> Any:
    """Return the images of a dict, or the images themselves."""
    return data["images"] if isinstance(data, dict) else data


class ImageLayer(BesideLayer):
    """Base of layers on images.

    They take one image or a batch, or a dict with "images" and perhaps "labels",
    "bounding_boxes" and "segmentation_masks", which are transformed alike; what else
    stands in the dict stays.

    Args:
        bounding_box_format: how boxes are written: "xyxy", "yxyx", "xywh",
            "center_xywh", "center_yxhw", "rel_xyxy" and so on.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        self.data_format = image_format(type(self).__name__, data_format)
        self._allow_non_tensor_positional_args = True

    def _library_config(self) -> dict[str, Any]:
        config = super()._library_config() | {"data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config

    # ------------------------------------------------------------ for subclasses

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return what is drawn for `data`; None where nothing is."""
        return None

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images, transformed."""
        return images

    def transform_labels(
        self, labels: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of labels, transformed."""
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of boxes, moved as the images are."""
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of masks, moved as the images are."""
        return segmentation_masks

    # --------------------------------------------------------------------- calling

    def call(self, data: Any, training: Any = True) -> Any:
        """Return the images, or the dict, transformed."""
        batched = self._is_batched(images_in(data))
        transformation = self.get_random_transformation(data, training=training)
        if not isinstance(data, dict):
            return self._apply(
                self.transform_images, data, batched, transformation, training
            )
        result = dict(data)
        for key, transform in self._transforms(data).items():
            part = data[key]
            if key == "bounding_boxes":
                part = checked_boxes(part, batched)
            result[key] = self._apply(
                transform, part, batched, transformation, training
            )
        return result

    def _transforms(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return what is done to each part of a dict."""
        known = {
            "images": self.transform_images,
            "bounding_boxes": self.transform_bounding_boxes,
            "labels": self.transform_labels,
            "segmentation_masks": self.transform_segmentation_masks,
        }
        if "bounding_boxes" in data and not self.bounding_box_format:
            raise ArgumentError(
                message(
                    "", "expected to know how the bounding boxes are written.",
                    "no bounding_box_format",
                    f"Make it as {type(self).__name__}(..., bounding_box_format='xyxy')"
                    ".",
                )
            )  # fmt: skip
        return {key: known[key] for key in known if key in data}

    @staticmethod
    def _apply(
        transform: Any, part: Any, batched: bool, transformation: Any, training: Any
    ) -> Any:
        """Transform a part of the data; what is single is a batch of one."""
        if batched:
            return transform(part, transformation, training=training)
        if isinstance(part, dict):
            part = {k: ops.expand_dims(v, 0) for k, v in part.items()}
        else:
            part = ops.expand_dims(part, 0)
        found = transform(part, transformation, training=training)
        if isinstance(found, dict):
            return {k: ops.squeeze(v, 0) for k, v in found.items()}
        return ops.squeeze(found, 0)

    def _is_batched(self, images: Any) -> bool:
        rank = len(images.shape)
        if rank not in (3, 4):
            raise ShapeError(
                message(
                    "", "expected an image (rank 3) or a batch of them (rank 4).",
                    f"shape {list(images.shape)}",
                )
            )  # fmt: skip
        return rank == 4

    # ------------------------------------------------------------------ for both

    def _move_boxes(
        self, bounding_boxes: Any, move: Any, size: tuple[Any, Any],
        after: tuple[Any, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Return boxes moved in pixels, cut at the edges, as they were written.

        Args:
            bounding_boxes: dict of boxes and labels.
            move: function of (..., 4) corners.
            size: height and width of the images.
            after: height and width of the images then, if they change.
        """
        after, form = after or size, self.bounding_box_format or "xyxy"
        given = convert_format(bounding_boxes, form, "xyxy", *size)
        moved = {**given, "boxes": move(given["boxes"])}
        return convert_format(clip_to_image_size(moved, *after), "xyxy", form, *after)

    def _axes(self, images: Any) -> tuple[int, int, int]:
        """Return the axes of height, width and channels."""
        rank = len(images.shape)
        last = self.data_format == "channels_last"
        places = (-3, -2, -1) if last else (-2, -1, -3)
        height, width, channels = (rank + p for p in places)
        return height, width, channels

    def _size(self, images: Any) -> tuple[Any, Any]:
        """Return height and width."""
        return self._size_of(images.shape)

    def _size_of(self, shape: Any) -> tuple[Any, Any]:
        """Return height and width of a shape of images."""
        last = self.data_format == "channels_last"
        return (shape[-3], shape[-2]) if last else (shape[-2], shape[-1])

    def _float(self, images: Any) -> Any:
        return ops.cast(images, self.compute_dtype)


class RandomImageLayer(ImageLayer):
    """Base of layers on images that have a stream of random numbers of their own."""

    def __init__(self, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def _uniform(
        self, data: Any, tail: tuple[int, ...], span: Range, seed: Any,
        dtype: Any = None,
    ) -> Any:  # fmt: skip
        """Draw numbers of shape (batch, *tail); one image counts as a batch of one."""
        images = images_in(data)
        count = images.shape[0] if len(images.shape) == 4 else 1
        source = self.generator if seed is None else seed
        return random.uniform((count, *tail), *span, dtype=dtype, seed=source)

    def _chosen(self, data: Any, factor: Range, seed: Any) -> Any:
        """Draw which images are to change: each with a chance drawn from `factor`."""
        chance = self._uniform(data, (), factor, seed)
        return ops.less(self._uniform(data, (), (0.0, 1.0), seed), chance)


class MovedImageLayer(RandomImageLayer):
    """Base of layers that read the pixels of an image at other places."""

    interpolation: str

    def _sampled(self, images: Any, transformation: Any, interpolation: str) -> Any:
        """Return images (or masks) with their pixels read where they now come from."""
        raise NotImplementedError

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images, transformed where they are to be."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        return self._sampled(x, transformation, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of masks, each pixel that of the nearest."""
        if not training or transformation is None:
            return segmentation_masks
        return self._sampled(segmentation_masks, transformation, "nearest")


def scaled(images: Any, source: Range, target: Range, dtype: str) -> Any:
    """Return pixels of one range as those of another."""
    if tuple(source) == tuple(target):
        return images
    unit = (ops.cast(images, dtype) - source[0]) / (source[1] - source[0])
    return unit * (target[1] - target[0]) + target[0]


def each(flags: Any) -> Any:
    """Return (batch,) numbers shaped to meet a batch of images."""
    return ops.reshape(flags, (-1, 1, 1, 1))
