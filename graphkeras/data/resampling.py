"""Images of another size, as tf.image.resize makes them for data sets.

Each row and column of the result is a sum of some of the image's, a few of them with
weights; rows come first, then columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

Weights = tuple[np.ndarray, np.ndarray]  # (size, taps): which, and how much of each


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - x, 0)


def _cubic(x: np.ndarray, b: float, c: float) -> np.ndarray:
    """Piecewise cubics of Mitchell and Netravali (1988)."""
    near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + (6 - 2 * b)
    far = (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x
    far = far + (8 * b + 24 * c)
    return np.where(x < 1, near, np.where(x < 2, far, 0)) / 6


def _lanczos(x: np.ndarray, radius: int) -> np.ndarray:
    return np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)


def _gaussian(x: np.ndarray) -> np.ndarray:
    return np.where(x < 1.5, np.exp(-2 * x**2), 0)  # a deviation of 1/2


# name -> (reach in pixels, weight of a pixel at a distance)
KERNELS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, lambda x: _cubic(x, 0, 0.5)),
    "mitchellcubic": (2.0, lambda x: _cubic(x, 1 / 3, 1 / 3)),
    "lanczos3": (3.0, lambda x: _lanczos(x, 3)),
    "lanczos5": (5.0, lambda x: _lanczos(x, 5)),
    "gaussian": (1.5, _gaussian),
}
_BLURRING = ("gaussian", "mitchellcubic")  # they change an image of the same size too
_STEPS = 1024
METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian",
           "mitchellcubic")  # fmt: skip


def resized(image: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    """Return an image (height, width, channels) of another size.

    It is float32, but for "nearest", which keeps the dtype.

    Example:
        >>> resized(np.array([[[0.0], [4.0]]]), (1, 4), "bilinear")[0, :, 0].tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    found = image if method == "nearest" else np.asarray(image, np.float32)
    for axis in (0, 1):
        if method in _BLURRING or found.shape[axis] != size[axis]:
            found = _along(found, axis, _weights(method, found.shape[axis], size[axis]))
    return found


def _along(image: np.ndarray, axis: int, weights: Weights) -> np.ndarray:
    places, shares = weights
    if len(shares.T) == 1:
        return image.take(places[:, 0], axis)
    shape = [1, 1, 1]
    shape[axis] = len(places)
    total = None
    for place, share in zip(places.T, shares.T):
        part = image.take(place, axis)
        part *= share.reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


@lru_cache(256)
def _weights(method: str, old: int, new: int) -> Weights:
    if method == "nearest":
        places = np.floor((np.arange(new) + 0.5) * (old / new)).astype(np.int64)
        return np.minimum(places, old - 1)[:, None], np.ones((new, 1), np.float32)
    if method == "area":
        return _areas(old, new)
    reach, kernel = KERNELS[method]
    centres = (np.arange(new) + 0.5) * (old / new) - 0.5
    if method == "bicubic":  # TensorFlow looks its weights up in a table
        centres = np.rint(centres * _STEPS) / _STEPS
    first = np.ceil(centres - reach).astype(np.int64)
    places = first[:, None] + np.arange(math.ceil(2 * reach) + 1)
    shares = kernel(np.abs(centres[:, None] - places))
    return _normal(places, shares, old)


def _areas(old: int, new: int) -> Weights:
    """What part of each new pixel each old one covers."""
    ratio = old / new
    low = np.arange(new) * ratio
    first = np.floor(low).astype(np.int64)
    places = first[:, None] + np.arange(math.ceil(ratio) + 1)
    ends = np.minimum(places + 1, (low + ratio)[:, None])
    shares = np.maximum(ends - np.maximum(places, low[:, None]), 0)
    return _normal(places, shares, old)


def _normal(places: np.ndarray, shares: np.ndarray, old: int) -> Weights:
    """Leave out what lies outside of the image; the rest adds up to one."""
    shares = np.where((places >= 0) & (places < old), shares, 0)
    shares = shares / shares.sum(1, keepdims=True)
    used = np.flatnonzero(shares.any(0))
    places = np.clip(places, 0, old - 1)
    return places[:, used], shares[:, used].astype(np.float32)


def cropped(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the largest window at the centre with the proportions of `size`."""
    height, width = image.shape[:2]
    rows = max(min(height, int(float(width * size[0]) / size[1])), 1)
    columns = max(min(width, int(float(height * size[1]) / size[0])), 1)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def with_borders(image: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    """Return the whole image as large as fits into `size`, with zeros around it."""
    height, width = image.shape[:2]
    ratio = max(width / size[1], height / size[0])
    inner = (max(math.floor(height / ratio), 1), max(math.floor(width / ratio), 1))
    small = resized(image, inner, method)
    out = np.zeros((*size, image.shape[2]), small.dtype)
    top = max(math.floor((size[0] - height / ratio) / 2), 0)
    left = max(math.floor((size[1] - width / ratio) / 2), 0)
    out[top : top + inner[0], left : left + inner[1]] = small
    return out
