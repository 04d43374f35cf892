"""Random changes of colours, each image by a number of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import config, ops, random
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.preprocessing.image_layer import (
    RandomImageLayer,
    Range,
    each,
    factor_of,
    images_in,
    is_number,
    scaled,
    span_of,
    value_range_of,
)
from graphkeras.layers.validation import int_tuple
from graphkeras.ops.filters import blurred

BYTE = (0, 255)


class _Colours(RandomImageLayer):
    """Base: pixels change where they are; boxes, masks and labels stay."""

    value_range: Any

    def _changed(self, images: Any, transformation: Any) -> Any:
        """Return float images with other colours."""
        raise NotImplementedError

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images with other colours."""
        x = self._float(images)
        if not training or transformation is None:
            return x
        return ops.cast(self._changed(x, transformation), self.compute_dtype)

    def _clipped(self, images: Any) -> Any:
        return ops.clip(images, *self.value_range)


class _ByFactor(_Colours):
    """Base: how far the pixels of an image change is drawn from a range of factors."""

    _limits: Range = (0, 1)

    def __init__(
        self,
        factor: Any,
        value_range: Any = BYTE,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        who = type(self).__name__
        self.factor = factor_of(who, "factor", factor, *self._limits)
        self.value_range = value_range_of(who, value_range)


class RandomBrightness(_ByFactor):
    """In training: a number added to all pixels of an image.

    Args:
        factor: share of the value range, one number f for [-f, f] or two.
        value_range: least and greatest value of a pixel.
        seed: int that fixes the numbers.

    Example:
        >>> x = np.full((1, 1, 1, 3), 100.0, "float32")
        >>> RandomBrightness([0.2, 0.2])(x).numpy().ravel()
        array([151., 151., 151.], dtype=float32)
    """

    _limits = (-1, 1)

    def __init__(
        self, factor: Any, value_range: Any = BYTE, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(factor, value_range, seed=seed, **kwargs)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return what is added to each image."""
        if not training:
            return None
        low, high = self.value_range
        delta = self._uniform(data, (1, 1, 1), self.factor, seed)
        return {"rgb_delta": delta * (high - low)}

    def _changed(self, images: Any, transformation: Any) -> Any:
        delta = ops.cast(transformation["rgb_delta"], images.dtype)
        return self._clipped(images + delta)


class RandomContrast(_ByFactor):
    """In training: pixels moved away from or towards the mean of their channel.

    Args:
        factor: (low, high): distances grow by a factor between 1 - low and 1 + high;
            one number stands for `high`, with a `low` of 0.
        value_range: least and greatest value of a pixel.
        seed: int that fixes the numbers.
    """

    def __init__(
        self, factor: Any, value_range: Any = BYTE, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(factor, value_range, seed=seed, **kwargs)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the factor of each image."""
        if not training:
            return None
        span = (1.0 - self.factor[0], 1.0 + self.factor[1])
        drawn = self._uniform(data, (1, 1, 1), span, seed, self.compute_dtype)
        return {"contrast_factor": drawn}

    def _changed(self, images: Any, transformation: Any) -> Any:
        height, width, _ = self._axes(images)
        mean = ops.mean(images, axis=(height, width), keepdims=True)
        factor = ops.cast(transformation["contrast_factor"], images.dtype)
        return self._clipped((images - mean) * factor + mean)


def _whole(factor: Any) -> Any:
    """(batch,) numbers shaped to meet one channel of a batch of images."""
    return ops.reshape(factor, (-1, 1, 1))


class RandomHue(_ByFactor):
    """In training: colours turned on the colour wheel.

    Args:
        factor: half turns, one number f for up to f or a range; both ways.
        value_range: least and greatest value of a pixel.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the turn of each image."""
        if not training:
            return None
        coin = self._uniform(data, (), (0.0, 1.0), seed)
        drawn = self._uniform(data, (), self.factor, seed)
        return {"factor": ops.where(ops.greater(coin, 0.5), -1.0, 1.0) * drawn * 0.5}

    def _changed(self, images: Any, transformation: Any) -> Any:
        x = scaled(images, self.value_range, (0, 1), self.compute_dtype)
        axis = self._axes(x)[2]
        hsv = ops.image.rgb_to_hsv(x, self.data_format)
        hue, saturation, value = ops.unstack(hsv, axis=axis)
        hue = hue + ops.cast(_whole(transformation["factor"]), x.dtype)
        hue = ops.where(ops.greater(hue, 1.0), hue - 1.0, hue)
        hue = ops.where(ops.less(hue, 0.0), hue + 1.0, hue)
        turned = ops.stack([hue, saturation, value], axis=axis)
        rgb = ops.clip(ops.image.hsv_to_rgb(turned, self.data_format), 0, 1)
        return scaled(rgb, (0, 1), self.value_range, self.compute_dtype)


class RandomSaturation(_ByFactor):
    """In training: colours made duller (below 0.5) or stronger (above).

    Args:
        factor: between 0 (grey) and 1; 0.5 changes nothing.
        value_range: least and greatest value of a pixel.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    # Keras draws down to -f for one number f here, though shares end at 0.
    _limits = (-1, 1)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the factor of each image's saturation."""
        if not training:
            return None
        drawn = self._uniform(data, (), self.factor, seed)
        return {"factor": drawn / (1 - drawn + config.epsilon())}

    def _changed(self, images: Any, transformation: Any) -> Any:
        axis = self._axes(images)[2]
        hsv = ops.image.rgb_to_hsv(images, self.data_format)
        hue, saturation, value = ops.unstack(hsv, axis=axis)
        factor = ops.cast(_whole(transformation["factor"]), images.dtype)
        saturation = self._clipped(saturation * factor)
        changed = ops.stack([hue, saturation, value], axis=axis)
        return ops.image.hsv_to_rgb(changed, self.data_format)


class RandomSharpness(_ByFactor):
    """In training: images blurred (below 0.5) or sharpened (above).

    Args:
        factor: between 0 and 1; 0.5 changes nothing.
        value_range: least and greatest value of a pixel.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return the sharpness of each image."""
        if not training:
            return None
        return {"factor": self._uniform(data, (), self.factor, seed)}

    def _changed(self, images: Any, transformation: Any) -> Any:
        sharpness = each(ops.cast(transformation["factor"] * 2, images.dtype))
        smooth = self._smoothed(images)
        return self._clipped(images + (1.0 - sharpness) * (smooth - images))

    def _smoothed(self, images: Any) -> Any:
        """Each pixel 5/13 of itself and 1/13 of each of the eight around it."""
        height, width, _ = self._axes(images)
        ones = np.ones(3, "float32")
        nine = blurred(blurred(images, ones, height), ones, width)
        return ops.cast((nine + 4.0 * images) / 13.0, images.dtype)


class RandomGaussianBlur(_ByFactor):
    """In training: some images blurred.

    Args:
        factor: chance that an image changes, or a range it is drawn from.
        kernel_size: odd number of pixels that are averaged, or (across, down).
        sigma: deviation in pixels, between 0 and 1: up to it, or a range.
        value_range: least and greatest value of a pixel.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = BYTE,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)
        who = "RandomGaussianBlur"
        self.kernel_size = int_tuple(who, "kernel_size", kernel_size, 2)
        if any(n % 2 == 0 for n in self.kernel_size):
            raise ArgumentError(
                message(who, "expected odd numbers.", f"kernel_size={kernel_size!r}")
            )
        self.sigma = factor_of(who, "sigma", sigma, 0, 1)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return which images are blurred, and how much (across, down)."""
        if not training:
            return None
        flags = self._chosen(data, self.factor, seed)
        drawn = random.uniform(
            (2,), *self.sigma, dtype=self.compute_dtype,
            seed=self.generator if seed is None else seed,
        )  # fmt: skip
        return {"should_apply_blur": flags, "blur_factor": drawn + 1e-6}

    def _changed(self, images: Any, transformation: Any) -> Any:
        sigma = transformation["blur_factor"]
        blurred = ops.image.gaussian_blur(
            images, self.kernel_size, sigma, self.data_format
        )
        flags = each(transformation["should_apply_blur"])
        return self._clipped(ops.where(flags, blurred, images))


class RandomGrayscale(_Colours):
    """In training: some images lose their colours; they keep their channels.

    Args:
        factor: share of the images, between 0 and 1.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        if not is_number(factor) or not 0 <= factor <= 1:
            raise ArgumentError(
                message("RandomGrayscale", "expected 0 <= factor <= 1.",
                        f"factor={factor!r}")
            )  # fmt: skip
        self.factor = factor

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return which images become grey."""
        if not training:
            return None
        return ops.less(self._uniform(data, (1, 1, 1), (0.0, 1.0), seed), self.factor)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a batch of images of the dtype they had, some of them grey."""
        if not training or transformation is None:
            return images
        grey = ops.image.rgb_to_grayscale(images, self.data_format)
        return ops.where(transformation, grey, images)


class RandomInvert(_ByFactor):
    """In training: some images become their negatives.

    Args:
        factor: chance that an image changes, or a range it is drawn from.
        value_range: least and greatest value of a pixel.
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = BYTE,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return which images are inverted."""
        if not training:
            return None
        return {"apply_inversion": self._chosen(data, self.factor, seed)}

    def _changed(self, images: Any, transformation: Any) -> Any:
        flags = each(transformation["apply_inversion"])
        return ops.where(flags, self.value_range[1] - images, images)


class RandomPosterization(_ByFactor):
    """In training: pixels keep only their highest bits.

    Args:
        factor: bits kept, 1 to 8; of a range the upper end is left out.
        value_range: least and greatest value of a pixel.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    _limits = (1, 8)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return how many bits of each image are dropped."""
        if not training:
            return None
        images = images_in(data)
        shape = (images.shape[0] if len(images.shape) == 4 else 1,)
        low, high = (int(end) for end in self.factor)
        if low == high:
            return {"shift_factor": ops.full(shape, 8 - low, "uint8")}
        source = self.generator if seed is None else seed
        kept = random.randint(shape, low, high, "uint8", source)
        return {"shift_factor": ops.subtract(np.uint8(8), kept)}

    def _changed(self, images: Any, transformation: Any) -> Any:
        shift = each(transformation["shift_factor"])
        x = ops.cast(scaled(images, self.value_range, BYTE, images.dtype), "uint8")
        x = ops.left_shift(ops.right_shift(x, shift), shift)
        x = ops.cast(x, self.compute_dtype)
        return scaled(x, BYTE, self.value_range, self.compute_dtype)


class RandomColorDegeneration(_ByFactor):
    """In training: images mixed with their own brightness.

    Args:
        factor: share of grey, between 0 and 1.
        value_range: least and greatest value of a pixel.
        data_format: "channels_last" or "channels_first".
        seed: int that fixes the numbers.
    """

    _limits = (-1, 1)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return each image's share of grey."""
        if not training:
            return None
        return {"factor": self._uniform(data, (1, 1, 1), self.factor, seed)}

    def _changed(self, images: Any, transformation: Any) -> Any:
        factor = ops.cast(transformation["factor"], images.dtype)
        grey = ops.image.rgb_to_grayscale(images, self.data_format)
        return self._clipped(images + factor * (grey - images))


class RandomColorJitter(_Colours):
    """In training: brightness, contrast, saturation and hue changed, one after another.

    Args:
        value_range: least and greatest value of a pixel.
        brightness_factor: as in `RandomBrightness`; None leaves the brightness.
        contrast_factor: as in `RandomContrast`.
        saturation_factor: as in `RandomSaturation`.
        hue_factor: as in `RandomHue`.
        seed: int that fixes the numbers.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        value_range: Any = BYTE,
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format=data_format, **kwargs)
        self.value_range = value_range_of("RandomColorJitter", value_range)
        self.brightness_factor, self.contrast_factor = (
            brightness_factor, contrast_factor,
        )  # fmt: skip
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        ways = {
            "random_brightness": (RandomBrightness, brightness_factor),
            "random_contrast": (RandomContrast, contrast_factor),
            "random_saturation": (RandomSaturation, saturation_factor),
            "random_hue": (RandomHue, hue_factor),
        }
        for name, (made, factor) in ways.items():
            layer = None if factor is None else made(
                factor, value_range=self.value_range, seed=seed,
                data_format=self.data_format, dtype=self.dtype_policy,
            )  # fmt: skip
            setattr(self, name, layer)
        self._ways = tuple(name for name in ways if getattr(self, name) is not None)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return what is drawn for each of the changes."""
        if not training:
            return None
        source = self.generator if seed is None else seed
        return {
            name: getattr(self, name).get_random_transformation(data, True, source)
            for name in self._ways
        }

    def _changed(self, images: Any, transformation: Any) -> Any:
        for name in self._ways:
            images = getattr(self, name).transform_images(images, transformation[name])
        return images


class Solarization(_Colours):
    """In training: pixels above a threshold inverted.

    Args:
        addition_factor: added first, as a share of 255: up to it, or a range.
        threshold_factor: the threshold, as a share of 255: up to it, or a range.
        value_range: least and greatest value of a pixel.
        seed: int that fixes the numbers.
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = BYTE,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.addition_factor, self.threshold_factor = (
            span_of("Solarization", name, given, 0, 1, "zero")
            for name, given in (
                ("addition_factor", addition_factor),
                ("threshold_factor", threshold_factor),
            )
        )
        self.value_range = value_range_of("Solarization", value_range)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Return what is added to each image, and its threshold, out of 255."""
        if not training:
            return None
        spans = {"additions": self.addition_factor, "thresholds": self.threshold_factor}
        return {
            name: self._uniform(
                data, (1, 1, 1), (low, high * 255), seed, self.compute_dtype
            )
            for name, (low, high) in spans.items()
        }

    def _changed(self, images: Any, transformation: Any) -> Any:
        kind = self.compute_dtype
        x = scaled(images, self.value_range, BYTE, kind) + transformation["additions"]
        x = ops.clip(x, 0, 255)
        x = ops.where(ops.less(x, transformation["thresholds"]), x, 255 - x)
        return scaled(x, BYTE, self.value_range, kind)
