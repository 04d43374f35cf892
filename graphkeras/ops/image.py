"""The public `keras.ops.image`."""

from graphkeras.ops.colours import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from graphkeras.ops.filters import (
    elastic_transform,
    gaussian_blur,
    sobel_edges,
    ssim,
)
from graphkeras.ops.frame import crop_images, pad_images
from graphkeras.ops.patches import extract_patches, extract_patches_3d
from graphkeras.ops.resize import resize, scale_and_translate
from graphkeras.ops.warp import (
    affine_transform,
    map_coordinates,
    perspective_transform,
)

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]
