"""How each layer on images is made, and the shape of what it is fed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphkeras import layers as L
from graphkeras.layers import Layer

FIRST = {"data_format": "channels_first"}
JITTER = {
    "brightness_factor": 0.2, "contrast_factor": 0.3, "saturation_factor": 0.4,
    "hue_factor": 0.5,
}  # fmt: skip
ANY = (None, None, 3)

# name -> (layer, its arguments, shape of an image, dtype)
IMAGES: dict[str, tuple[Any, dict[str, Any], tuple, str]] = {
    "AugMix": (L.AugMix, {"num_chains": 2, "chain_depth": 1}, ANY, "uint8"),
    "AutoContrast": (L.AutoContrast, {"value_range": (-1, 1)}, ANY, "float32"),
    "CenterCrop": (L.CenterCrop, {"height": 4, "width": 5}, (8, 9, 3), "float32"),
    "CenterCrop, any size": (L.CenterCrop, {"height": 4, "width": 5}, ANY, "float32"),
    "CenterCrop, bytes": (L.CenterCrop, {"height": 2, "width": 3}, (5, 5, 1), "uint8"),
    "CenterCrop, enlarged": (
        L.CenterCrop, {"height": 9, "width": 5, **FIRST}, (3, None, None), "float32"
    ),
    "CLAHE": (
        L.ContrastLimitedAdaptiveHistogramEqualization, {"tile_grid_size": 2},
        (7, 6, 2), "uint8",
    ),
    "CutMix": (L.CutMix, {}, ANY, "uint8"),
    "Equalization": (L.Equalization, {"bins": 16}, ANY, "uint8"),
    "MixUp": (L.MixUp, {}, ANY, "float32"),
    "RandAugment": (L.RandAugment, {"num_ops": 1}, ANY, "uint8"),
    "RandomBrightness": (L.RandomBrightness, {"factor": 0.3}, ANY, "uint8"),
    "RandomColorDegeneration": (
        L.RandomColorDegeneration, {"factor": 0.5, **FIRST}, (3, None, 4), "uint8"
    ),
    "RandomColorJitter": (L.RandomColorJitter, JITTER, ANY, "uint8"),
    "RandomContrast": (L.RandomContrast, {"factor": 0.5}, ANY, "uint8"),
    "RandomCrop": (L.RandomCrop, {"height": 4, "width": 5}, (7, 6, 3), "uint8"),
    "RandomCrop, any size": (
        L.RandomCrop, {"height": 9, "width": 4, **FIRST}, (3, None, None), "float32"
    ),
    "RandomElasticTransform": (
        L.RandomElasticTransform, {"value_range": (-9, 9)}, ANY, "float32"
    ),
    "RandomErasing": (L.RandomErasing, {"fill_value": 9.0}, ANY, "uint8"),
    "RandomErasing, noise": (L.RandomErasing, {}, (4, 5, 3), "uint8"),
    "RandomFlip": (L.RandomFlip, {}, ANY, "uint8"),
    "RandomFlip, columns first": (
        L.RandomFlip, {"mode": "horizontal", **FIRST}, (3, 4, 5), "float32"
    ),
    "RandomGaussianBlur": (L.RandomGaussianBlur, {}, ANY, "uint8"),
    "RandomGrayscale": (L.RandomGrayscale, {}, ANY, "uint8"),
    "RandomHue": (L.RandomHue, {"factor": 0.5}, ANY, "uint8"),
    "RandomInvert": (L.RandomInvert, {}, ANY, "uint8"),
    "RandomPerspective": (L.RandomPerspective, {"scale": 0.3}, ANY, "float32"),
    "RandomPosterization": (L.RandomPosterization, {"factor": 5}, ANY, "uint8"),
    "RandomRotation": (L.RandomRotation, {"factor": 0.3}, ANY, "float32"),
    "RandomRotation, wrapped": (
        L.RandomRotation, {"factor": (0.1, 0.2), "fill_mode": "wrap", **FIRST},
        (2, 5, 6), "float32",
    ),
    "RandomSaturation": (L.RandomSaturation, {"factor": 0.5}, ANY, "uint8"),
    "RandomSharpness": (L.RandomSharpness, {"factor": 0.5}, ANY, "uint8"),
    "RandomShear": (L.RandomShear, {"x_factor": 0.2, "y_factor": 0.1}, ANY, "float32"),
    "RandomTranslation": (
        L.RandomTranslation,
        {"height_factor": 0.3, "width_factor": (0.1, 0.2), "fill_mode": "constant"},
        ANY, "float32",
    ),
    "RandomZoom": (
        L.RandomZoom, {"height_factor": 0.3, "width_factor": 0.1,
                       "fill_mode": "nearest"}, ANY, "float32",
    ),
    "Resizing": (L.Resizing, {"height": 4, "width": 9}, ANY, "float32"),
    "Resizing, bytes": (
        L.Resizing, {"height": 5, "width": 3, "interpolation": "bicubic"}, ANY, "uint8"
    ),
    "Resizing, cropped": (
        L.Resizing, {"height": 3, "width": 5, "crop_to_aspect_ratio": True,
                     "antialias": True}, ANY, "float32",
    ),
    "Resizing, padded": (
        L.Resizing, {"height": 3, "width": 5, "pad_to_aspect_ratio": True,
                     "interpolation": "lanczos3", **FIRST}, (2, None, 4), "float32",
    ),
    "Solarization": (
        L.Solarization, {"addition_factor": 0.2, "threshold_factor": 0.5}, ANY, "uint8"
    ),
}  # fmt: skip


def maker(layer: Any, arguments: dict[str, Any]) -> Callable[[], Layer]:
    """Return what makes the layer, from a seed if it takes one."""
    drawn = hasattr(layer(**arguments), "generator")
    seeded = {"seed": 3} if drawn else {}
    return lambda: layer(**arguments, **seeded)
