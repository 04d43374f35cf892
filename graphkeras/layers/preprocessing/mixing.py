"""Images mixed with others of their batch, with noise, or with changed selves."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import ops, random
from graphkeras.errors import ArgumentError, message
from graphkeras.ir.trace import untraced
from graphkeras.layers.preprocessing.colour import (
    BYTE,
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from graphkeras.layers.preprocessing.geometry import (
    RandomRotation,
    RandomShear,
    RandomTranslation,
)
from graphkeras.layers.preprocessing.histogram import AutoContrast, Equalization
from graphkeras.layers.preprocessing.image_layer import (
    RandomImageLayer,
    each,
    factor_of,
    images_in,
    is_number,
    value_range_of,
)
from graphkeras.layers.validation import positive_int


def _mixed(weight: Any, first: Any, second: Any) -> Any:
    """weight * first + (1 - weight) * second, one weight a sample."""
    shape = (-1,) + (1,) * (len(first.shape) - 1)
    weight = ops.reshape(weight, shape)
    return weight * first + (1.0 - weight) * second


class MixUp(RandomImageLayer):
    """In training: each image of a batch mixed with another, its labels too.

    Args:
        alpha: of the Beta(alpha, alpha) distribution that weights are drawn from.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk
    minimization" (2018).

    Example:
        >>> data = {"images": np.ones((4, 2, 2, 3)), "labels": np.eye(4)}
        >>> MixUp()(data)["labels"].numpy().sum(1)
        array([1., 1., 1., 1.], dtype=float32)
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        if not is_number(alpha) or alpha <= 0:
            raise ArgumentError(
                message("MixUp", "expected alpha > 0.", f"alpha={alpha!r}")
            )
        self.alpha = alpha

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the weight of each image, and which other it is mixed with."""
        if not training:
            return None
        images = images_in(data)
        count = images.shape[0] if len(images.shape) == 4 else 1
        source = self.generator if seed is None else seed
        return {
            "permutation_order": random.shuffle(ops.arange(count), seed=source),
            "mix_weight": random.beta((count,), self.alpha, self.alpha, seed=source),
        }

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images, mixed."""
        x = self._float(images)
        return self._mix(x, transformation) if training and transformation else x

    def transform_labels(
        self, labels: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of labels (shares of classes), mixed."""
        return self._mix(labels, transformation) if training and transformation else (
            labels
        )  # fmt: skip

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of masks, mixed."""
        return self.transform_labels(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes of both images of each mixture."""
        if not training or transformation is None:
            return bounding_boxes
        order = transformation["permutation_order"]
        return {
            key: ops.concatenate([part, ops.take(part, order, axis=0)], axis=1)
            for key, part in bounding_boxes.items()
        }

    def _mix(self, x: Any, transformation: Any) -> Any:
        other = ops.take(x, transformation["permutation_order"], axis=0)
        floats = x.dtype if str(x.dtype).startswith(("float", "bf")) else "float32"
        weight = ops.cast(transformation["mix_weight"], floats)
        return _mixed(weight, ops.cast(x, floats), ops.cast(other, floats))


class _Boxes(RandomImageLayer):
    """Base: a random box of each image is replaced."""

    def _bounds(self, length: Any, share: Any, seed: Any) -> tuple[Any, Any]:
        """Return where boxes begin and end that cover a share of an axis."""
        kind = self.compute_dtype
        whole = ops.cast(length, kind)
        size = share * whole
        drawn = random.uniform(share.shape, dtype=kind, seed=seed)
        start = drawn * (whole - size)
        return start, start + size

    def _masks(self, images: Any, across: Any, down: Any) -> Any:
        """Return which pixels of a batch lie in the boxes."""
        rank, kind = len(images.shape), self.compute_dtype
        inside: Any = None
        for axis, (start, stop) in zip(self._axes(images)[:2], (down, across)):
            shape = [1] * 4
            shape[axis - rank] = images.shape[axis]
            line = ops.cast(ops.arange(images.shape[axis]), kind)
            at = ops.reshape(line, shape)
            here = ops.logical_and(
                ops.greater_equal(at, each(start)), ops.less(at, each(stop))
            )
            inside = here if inside is None else ops.logical_and(inside, here)
        return inside


class CutMix(_Boxes):
    """In training: a box of each image filled from another image of the batch.

    Args:
        factor: alpha of the Beta(alpha, alpha) distribution that the share of the
            image left is drawn from; one number or a range, between 0 and 1.
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".

    Source: Yun and others, "CutMix: regularization strategy to train strong
    classifiers" (2019).
    """

    def __init__(
        self,
        factor: Any = 1.0,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_of("CutMix", "factor", factor, 0, 1)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the boxes, whom they are filled from, and the share that is left."""
        images = images_in(data)
        if not training or len(images.shape) == 3:
            return None
        source, kind = self.generator if seed is None else seed, self.compute_dtype
        count, (height, width) = images.shape[0], self._size(images)
        alpha = random.uniform((), *self.factor, dtype=kind, seed=source) + 1e-6
        left = random.beta((count,), alpha, alpha, dtype=kind, seed=source)
        side = ops.sqrt(1.0 - left)
        across = self._bounds(width, side, source)
        down = self._bounds(height, side, source)
        area = (across[1] - across[0]) * (down[1] - down[0])
        return {
            "permutation_order": random.shuffle(ops.arange(count), seed=source),
            "batch_masks": self._masks(images, across, down),
            "mix_weight": each(1.0 - area / ops.cast(width * height, kind)),
        }

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images with their boxes filled."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        other = ops.take(x, transformation["permutation_order"], axis=0)
        return ops.where(transformation["batch_masks"], other, x)

    def transform_labels(
        self, labels: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of labels (shares of classes), mixed as the areas are."""
        if not training or transformation is None:
            return labels
        other = ops.take(labels, transformation["permutation_order"], axis=0)
        return _mixed(transformation["mix_weight"], labels, other)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of masks with their boxes filled."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Refuse: Keras does not say what becomes of a box that is cut.

        Raises:
            ArgumentError: always.
        """
        raise ArgumentError(
            message("", "expected data without bounding boxes.", "bounding_boxes",
                    "Leave them out, or use MixUp.")
        )  # fmt: skip


class RandomErasing(_Boxes):
    """In training: a box of some images filled with noise, or a colour.

    Args:
        factor: chance that an image changes, or a range it is drawn from.
        scale: least and greatest share of the image that the box covers.
        fill_value: number, or one a channel; None for noise.
        value_range: least and greatest value of a pixel.
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".

    Source: Zhong and others, "Random erasing data augmentation" (2017).
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = BYTE,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_of("RandomErasing", "factor", factor, 0, 1)
        self.scale = factor_of("RandomErasing", "scale", scale, 0, 1)
        self.value_range = value_range_of("RandomErasing", value_range)
        several = isinstance(fill_value, (tuple, list))
        numbers = list(fill_value) if several else [fill_value]
        right = len(numbers) == 3 if several else True
        if fill_value is not None and not (right and all(map(is_number, numbers))):
            raise ArgumentError(
                message("RandomErasing", "expected fill_value to be None, a number or "
                        "three.", f"fill_value={fill_value!r}")
            )  # fmt: skip
        self.fill_value = fill_value

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return which images change, where, and what they are filled with."""
        if not training:
            return None
        images, kind = images_in(data), self.compute_dtype
        source = self.generator if seed is None else seed
        height, width = self._size(images)
        sides = ops.sqrt(self._uniform(data, (2,), self.scale, seed, kind))
        across = self._bounds(width, sides[:, 0], source)
        down = self._bounds(height, sides[:, 1], source)
        return {
            "apply_erasing": self._chosen(data, self.factor, seed),
            "batch_masks": self._masks(images, across, down),
            "fill_value": self._fill(images, source),
        }

    def _fill(self, images: Any, source: Any) -> Any:
        kind = self.compute_dtype
        if self.fill_value is None:
            fill = random.normal(tuple(images.shape), dtype=kind, seed=source)
            fill = fill * self.value_range[1]
        else:
            fill = ops.cast(np.asarray(self.fill_value, "float32"), kind)
            if len(fill.shape) and self.data_format == "channels_first":
                fill = ops.reshape(fill, (3, 1, 1))
        return ops.clip(fill, *self.value_range)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images with their boxes filled."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        flags = each(transformation["apply_erasing"])
        erased = ops.logical_and(flags, transformation["batch_masks"])
        return ops.where(erased, transformation["fill_value"], x)


class _Several(RandomImageLayer):
    """Base: other layers on images, applied at random."""

    _calls_beside = False  # each change by itself is, those not chosen are not made

    def __init__(
        self, value_range: Any, factor: Any, interpolation: str, seed: Any,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, **kwargs)
        who = type(self).__name__
        self.value_range = value_range_of(who, value_range)
        self.factor = factor_of(who, "factor", factor, 0, 1)
        self.interpolation = interpolation

    def _made(self, name: str, function: Any, part: Any, drawn: Any) -> Any:
        """Make one change, in a program of its own if it meets enough data."""
        if not self._is_beside:
            return function(part, drawn)
        run = self._repeated(name, lambda both: function(both["part"], both["drawn"]))
        with untraced():
            found = run({"part": part, "drawn": drawn})
        return function(part, drawn) if found is None else found

    def _make(self, names: tuple[str, ...]) -> None:
        """Make the layers of those names."""
        shape, values = {"interpolation": self.interpolation}, {
            "value_range": self.value_range
        }  # fmt: skip
        f = self.factor
        made: dict[str, tuple[Any, dict[str, Any]]] = {
            "random_shear": (RandomShear, {"x_factor": f, "y_factor": f, **shape}),
            "random_translation": (
                RandomTranslation, {"height_factor": f, "width_factor": f, **shape}
            ),
            "random_rotation": (RandomRotation, {"factor": f, **shape}),
            "random_brightness": (RandomBrightness, {"factor": f, **values}),
            "random_color_degeneration": (
                RandomColorDegeneration, {"factor": f, **values}
            ),
            "random_contrast": (RandomContrast, {"factor": f, **values}),
            "random_sharpness": (RandomSharpness, {"factor": f, **values}),
            "random_posterization": (
                RandomPosterization, {"factor": max(1, int(8 * f[1])), **values}
            ),
            "solarization": (
                Solarization, {"addition_factor": f, "threshold_factor": f, **values}
            ),
            "auto_contrast": (AutoContrast, values),
            "equalization": (Equalization, values),
        }  # fmt: skip
        for name in names:
            layer, arguments = made[name]
            seeded = {} if layer in (AutoContrast, Equalization) else {
                "seed": self.seed
            }  # fmt: skip
            setattr(self, name, layer(
                **arguments, **seeded, data_format=self.data_format,
                bounding_box_format=self.bounding_box_format, dtype=self.dtype_policy,
            ))  # fmt: skip


class RandAugment(_Several):
    """In training: some of eleven changes, drawn anew for each batch.

    Args:
        value_range: least and greatest value of a pixel.
        num_ops: how many, one after another.
        factor: how strong, one number or a range, between 0 and 1.
        interpolation: "bilinear" or "nearest".
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".

    Source: Cubuk, Zoph, Shlens and Le, "RandAugment: practical automated data
    augmentation with a reduced search space" (2019).
    """

    _AUGMENT_LAYERS = (
        "random_shear", "random_translation", "random_rotation", "random_brightness",
        "random_color_degeneration", "random_contrast", "random_sharpness",
        "random_posterization", "solarization", "auto_contrast", "equalization",
    )  # fmt: skip

    def __init__(
        self,
        value_range: Any = BYTE,
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            value_range, factor, interpolation, seed, data_format=data_format, **kwargs
        )
        self.num_ops = positive_int("RandAugment", "num_ops", num_ops)
        self._make(self._AUGMENT_LAYERS)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return which changes are made, and what is drawn for each."""
        if not training:
            return None
        source = self.generator if seed is None else seed
        count = len(self._AUGMENT_LAYERS)
        chosen = random.randint((self.num_ops,), 0, count, seed=source)
        return {
            "layer_idxes": chosen,
            "transforms": {
                name: getattr(self, name).get_random_transformation(
                    data, training=True, seed=source
                )
                for name in self._AUGMENT_LAYERS
            },
        }

    def _applied(self, method: str, part: Any, transformation: Any) -> Any:
        """Apply what was chosen by a method of the layers."""

        def branch(name: str) -> Any:
            drawn = transformation["transforms"][name]
            change = getattr(getattr(self, name), method)
            return lambda x: self._made(f"{name} {method}", change, x, drawn)

        branches = [branch(name) for name in self._AUGMENT_LAYERS]
        for i in range(self.num_ops):
            part = ops.switch(transformation["layer_idxes"][i], branches, part)
        return part

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images, changed."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        return self._applied("transform_images", x, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of boxes, moved as the images are."""
        if not training or transformation is None:
            return bounding_boxes
        return self._applied("transform_bounding_boxes", bounding_boxes, transformation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of masks, moved as the images are."""
        if not training or transformation is None:
            return segmentation_masks
        return self._applied(
            "transform_segmentation_masks", segmentation_masks, transformation
        )


class _Keys:
    """A short stream of keys, made of one key."""

    def __init__(self, key: Any) -> None:
        self.key, self.count = key, 0

    def next(self) -> Any:
        """Return a key that has not been used."""
        self.count += 1
        return ops.add(self.key, np.array([self.count, 0], "uint32"))


class AugMix(_Several):
    """In training: images mixed with several changed versions of themselves.

    Args:
        value_range: least and greatest value of a pixel.
        num_chains: versions.
        chain_depth: most changes that make a version.
        factor: how strong, one number or a range, between 0 and 1.
        alpha: of the distributions that the weights are drawn from.
        all_ops: whether brightness, colour, contrast and sharpness change too.
        interpolation: "bilinear" or "nearest".
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".

    Source: Hendrycks and others, "AugMix: a simple data processing method to improve
    robustness and uncertainty" (2019).
    """

    _SOME = (
        "random_shear", "random_translation", "random_rotation", "random_posterization",
        "solarization", "auto_contrast", "equalization",
    )  # fmt: skip
    _ALL = (
        *_SOME, "random_brightness", "random_color_degeneration", "random_contrast",
        "random_sharpness",
    )  # fmt: skip

    def __init__(
        self,
        value_range: Any = BYTE,
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            value_range, factor, interpolation, seed, data_format=data_format, **kwargs
        )
        self.num_chains = positive_int("AugMix", "num_chains", num_chains)
        self.chain_depth = positive_int("AugMix", "chain_depth", chain_depth)
        self.alpha, self.all_ops = alpha, all_ops
        self._names = self._ALL if all_ops else self._SOME
        self._make(self._names)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the weights, and which change is made at each step, by which key."""
        if not training:
            return None
        source = self.generator if seed is None else seed
        parts = random.gamma((self.num_chains,), self.alpha, seed=source)
        steps = (self.num_chains, self.chain_depth)
        return {
            "chain_mixing_weights": parts / ops.sum(parts),
            "weight_sample": random.beta((), self.alpha, self.alpha, seed=source),
            # One more than there are layers: no change.
            "layer_idxes": random.randint(steps, 0, len(self._names) + 1, seed=source),
            "keys": [
                [
                    ops.convert_to_tensor(random.draw_key(source))
                    for _ in range(steps[1])
                ]
                for _ in range(steps[0])
            ],
        }

    def _mixture(self, method: str, part: Any, transformation: Any) -> Any:
        mixed: Any = 0.0
        for i in range(self.num_chains):
            version = part
            for j in range(self.chain_depth):
                version = self._step(method, version, transformation, i, j)
            weight = ops.cast(transformation["chain_mixing_weights"][i], part.dtype)
            mixed = mixed + version * weight
        share = ops.cast(transformation["weight_sample"], part.dtype)
        return share * part + (1 - share) * mixed

    def _step(self, method: str, part: Any, drawn: Any, i: int, j: int) -> Any:
        """Make one change, what is random in it drawn from the key of the step."""

        def branch(name: str) -> Any:
            layer = getattr(self, name)

            def change(x: Any, key: Any) -> Any:
                keys = _Keys(key)
                once = layer.get_random_transformation(x, training=True, seed=keys)
                return getattr(layer, method)(x, once)

            key = drawn["keys"][i][j]
            return lambda x: self._made(f"{name} {method}", change, x, key)

        branches = [*(branch(name) for name in self._names), lambda x: x]
        return ops.switch(drawn["layer_idxes"][i, j], branches, part)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images, mixed with their versions."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        mixed = self._mixture("transform_images", x, transformation)
        return ops.cast(ops.clip(mixed, *self.value_range), self.compute_dtype)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of masks, mixed with their versions."""
        if not training or transformation is None:
            return segmentation_masks
        masks = self._float(segmentation_masks)
        return self._mixture("transform_segmentation_masks", masks, transformation)
