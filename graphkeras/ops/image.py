"""The public `keras.ops.image`."""

from graphkeras.ops.colours import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from graphkeras.ops.frame import crop_images, pad_images
from graphkeras.ops.patches import extract_patches
from graphkeras.ops.resize import resize, scale_and_translate
from graphkeras.ops.warp import (
    affine_transform,
    map_coordinates,
    perspective_transform,
)

__all__ = [
    "affine_transform",
    "crop_images",
    "extract_patches",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
]
