"""Random changes of perspective, and images bent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphkeras import ops, random
from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.layers.preprocessing.bounding_boxes import around
from graphkeras.layers.preprocessing.image_layer import (
    MovedImageLayer,
    each,
    factor_of,
    images_in,
    span_of,
    value_range_of,
)
from graphkeras.layers.validation import one_of
from graphkeras.ops import random as draw
from graphkeras.ops.filters import bent, blurred_noise
from graphkeras.ops.warp import check_warp, homography


class RandomPerspective(MovedImageLayer):
    """In training: images seen from another side: their corners move.

    Args:
        factor: chance that an image changes, or a range it is drawn from.
        scale: how far corners may move, as a share, 0 to 1.
        interpolation: "bilinear" or "nearest".
        fill_value: colour of what lies outside.
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        who = "RandomPerspective"
        self.factor = factor_of(who, "factor", factor, 0, 1)
        self.scale = span_of(who, "scale", scale, 0.0, 1.0)[1]
        check_warp(who, interpolation)
        self.interpolation, self.fill_value = interpolation, fill_value

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return which images change, and where their corners are and go."""
        if not training:
            return None
        images, kind = images_in(data), self.compute_dtype
        apply = self._chosen(data, self.factor, seed)
        reach = 0.5 * self.scale
        moves = self._uniform(data, (4, 2), (-reach, reach), seed, kind)
        height, width = (ops.cast(n - 1, kind) for n in self._size(images))
        right, bottom = np.array([0, 1, 0, 1], kind), np.array([0, 0, 1, 1], kind)
        corners = ops.stack([right * width, bottom * height], axis=1)
        starts = ops.add(ops.expand_dims(corners, 0), ops.multiply(moves, 0.0))
        return {
            "apply_perspective": apply, "start_points": starts,
            "end_points": starts + starts * moves, "input_shape": images.shape,
        }  # fmt: skip

    def _sampled(self, images: Any, transformation: Any, interpolation: str) -> Any:
        moved = ops.image.perspective_transform(
            images, transformation["start_points"], transformation["end_points"],
            interpolation, self.fill_value, self.data_format,
        )  # fmt: skip
        return ops.where(each(transformation["apply_perspective"]), moved, images)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes around where the images' boxes go."""
        if not training or transformation is None:
            return bounding_boxes
        size = self._size_of(transformation["input_shape"])
        flags = ops.reshape(transformation["apply_perspective"], (-1, 1, 1))
        back = homography(transformation["end_points"], transformation["start_points"])
        a = [ops.reshape(c, (-1, 1)) for c in ops.unstack(back, axis=1)]

        def moved(boxes: Any) -> Any:
            x1, y1, x2, y2 = ops.unstack(boxes, axis=-1)
            points = []
            for x, y in ((x1, y1), (x2, y1), (x1, y2), (x2, y2)):
                k = a[6] * x + a[7] * y + 1.0
                point = (a[i] * x + a[i + 1] * y + a[i + 2] for i in (0, 3))
                points.append(tuple(p / k for p in point))
            return ops.where(flags, around(points), boxes)

        return self._move_boxes(bounding_boxes, moved, size)


class RandomElasticTransform(MovedImageLayer):
    """In training: images bent: their pixels move along blurred noise.

    Args:
        factor: chance that an image changes, or a range it is drawn from.
        scale: how strongly, between 0 and 1, one number or a range.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside: "reflect", "mirror", "wrap", "constant" or
            "nearest".
        fill_value: the constant.
        value_range: least and greatest value of a pixel.
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        who = "RandomElasticTransform"
        self.factor = factor_of(who, "factor", factor, 0, 1)
        self.scale = factor_of(who, "scale", scale, 0, 1)
        check_warp(who, interpolation)
        modes = ("constant", "nearest", "wrap", "mirror", "reflect")
        self.fill_mode = one_of(who, "fill_mode", fill_mode, modes)
        self.interpolation, self.fill_value = interpolation, fill_value
        self.value_range = value_range_of(who, value_range)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return which images change, how strongly, and the key of the noise."""
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        source = self.generator if seed is None else seed
        return {
            "apply_transform": self._chosen(data, self.factor, seed),
            "distortion_factor": random.uniform(
                (), *self.scale, dtype=self.compute_dtype, seed=source
            ),
            "seed": random.draw_key(source),
        }  # fmt: skip

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images, bent where they are to be."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        y = self._sampled(x, transformation, self.interpolation)
        return ops.cast(ops.clip(y, *self.value_range), self.compute_dtype)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Refuse: a bent box is no box.

        Raises:
            ArgumentError: always.
        """
        raise ArgumentError(
            message("", "expected data without bounding boxes.", "bounding_boxes",
                    "Leave them out: images are bent by a few pixels only.")
        )  # fmt: skip

    def _sampled(self, images: Any, transformation: Any, interpolation: str) -> Any:
        height, width = self._size(images)
        short, long = dims.minimum(height, width), dims.maximum(height, width)
        strength = ops.cast(transformation["distortion_factor"], "float32")
        alpha = ops.multiply(ops.cast(long, "float32"), 0.1) * strength
        sigma = ops.multiply(ops.cast(short, "float32"), 0.05) * strength
        most = math.ceil(self.scale[1] * 0.05 * 2**20)  # in 2**-20 of the short side
        reach = 3 * dims.floordiv(short * most, 2**20)
        key = ops.convert_to_tensor(transformation["seed"])
        noise = draw.standard_normal(key, (images.shape[0], width, height), "float32")
        field = blurred_noise(noise * sigma, sigma, reach)
        moved = bent(
            images, field, alpha, interpolation, self.fill_mode, self.fill_value,
            self.data_format,
        )  # fmt: skip
        return ops.where(each(transformation["apply_transform"]), moved, images)
