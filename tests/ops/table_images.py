"""Samples of images resized, warped and filtered."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.sample import Sample, i, s, x


def pixels(*shape: int) -> Any:
    """Return bytes."""
    return (np.abs(x(*shape, kind="integer")) * 5).astype("uint8")


def _resized() -> list[Sample]:
    """Every method, up and down, for floats and for bytes."""
    rows = []
    for method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"):
        for antialias in (False, True):
            how = {"interpolation": method, "antialias": antialias}
            rows.append(s(x(2, 5, 7, 3), size=(9, 4), free=(0,), **how))
            rows.append(s(pixels(4, 3, 1), size=(1, 8), **how))
    first = {"data_format": "channels_first"}
    rows += [
        s(x(2, 3, 4, 5), size=(3, 6), **first),
        s(x(2, 6, 5, 2), size=(3, 4), crop_to_aspect_ratio=True),
        s(x(1, 3, 6, 5), size=(4, 2), pad_to_aspect_ratio=True, fill_value=2.0,
          **first),
        s(x(1, 40, 3, 1), size=(3, 3)),
    ]  # fmt: skip
    return rows


_PLACES = (x(2, 3, 2) * 3 + 1.3, x(2, 3, 2, salt=1) * 3 + 1.7)
_TURN = x(2, 8) * 0.05 + np.float32(
    [[0.9, -0.3, 0.6, 0.2, 1.1, -0.7, 0, 0], [1, 0.2, -2.3, 0, 0.7, 1.4, 0, 0]]
)
_CORNERS = np.float32([[0, 0], [4, 0], [0, 3], [4, 3]])
_COORDINATES = np.float32([[0.2, 1.7, -1.4, 5.3], [0.6, 2.2, 6.1, -3.7]])

RESAMPLING = {
    "resample": [
        s(x(2, 4, 3), i((0, 1), (3, 3), (1, 2), (2, 0), (0, 0)), x(5, 2), axis=1,
          free=(0,)),
        s(x(3, 4), i((0,), (3,)), x(2, 1), axis=-1),
        s(x(2, 3, 20), i(*[[k % 3 for k in range(11)]] * 2), x(2, 11), axis=1),
        s(pixels(2, 3, 17), i((0, 2), (1, 1)), x(2, 2), axis=1),
    ],
    "bilinear": [
        s(x(2, 4, 5, 3), i((0, 1), (2, 3), (3, 3)), x(3, kind="share"),
          i((1, 2), (4, 4)), x(2, kind="share"), axis=1, free=(0,)),
        s(pixels(4, 5), i((0, 1)), x(1, kind="share"), i((1, 2), (4, 4)),
          x(2, kind="share"), axis=0),
    ],
    "sample": [
        s(x(2, 4, 5, 3), *_PLACES, np.float32(0.5), linear=linear)
        for linear in (True, False)
    ] + [s(pixels(2, 4, 5, 1), *_PLACES, np.float32(7), linear=True)],
    "resize": _resized(),
    "scale_and_translate": [
        s(x(4, 5, 3), np.float32([0.5, 1.7]), np.float32([0.3, -1.2]),
          output_shape=(3, 6, 3), spatial_dims=(0, 1), method=method)
        for method in ("linear", "cubic", "lanczos3", "lanczos5")
    ] + [s(i(1, 7, 3, 9), np.float32([2.0]), np.float32([0.0]), output_shape=(8,),
           spatial_dims=(0,), method="linear", antialias=False)],
    "affine_transform": [
        s(x(2, 4, 5, 3), _TURN, interpolation=how, fill_mode=mode, fill_value=0.5)
        for how in ("nearest", "bilinear")
        for mode in ("constant", "nearest", "wrap", "reflect")
    ] + [s(x(3, 4, 5), _TURN[0], data_format="channels_first"),
         s(pixels(2, 1, 6, 1), _TURN[:1], fill_value=3)],
    "perspective_transform": [
        s(x(2, 4, 5, 3), np.stack([_CORNERS] * 2), _CORNERS + x(2, 4, 2) * 0.3),
        s(x(4, 5, 1), _CORNERS, _CORNERS + np.float32(0.3), interpolation="nearest"),
    ],
    "map_coordinates": [
        s(x(4, 5), _COORDINATES, order=order, fill_mode=mode, fill_value=0.5)
        for order in (0, 1)
        for mode in ("constant", "nearest", "wrap", "mirror", "reflect")
    ] + [s(i(4, 8, 1), np.float32([[0.4, 1.6]]), order=1),
         s(x(2, 1, 3), x(3, 2, 2), order=1, fill_mode="mirror")],
}  # fmt: skip
FILTERS = {
    "gaussian_blur": [
        s(x(2, 5, 6, 3), free=(0,)),
        s(x(3, 4, 5), kernel_size=(5, 5), sigma=(0.7, 2.0),
          data_format="channels_first"),
        s(x(2, 5, 4, 2), kernel_size=(3, 5)),
    ],
    "elastic_transform": [
        s(x(2, 7, 9, 3), alpha=4.3, sigma=2.0, seed=3, fill_mode=mode, fill_value=0.5)
        for mode in ("constant", "nearest", "wrap", "reflect")
    ] + [s(x(3, 8, 6), alpha=3.0, sigma=1.5, seed=1, data_format="channels_first")],
    "sobel_edges": [s(x(2, 4, 5, 3)),
                    s(x(2, 3, 4, 5), data_format="channels_first")],
    "ssim": [s(x(2, 7, 6, 3, kind="share"), x(2, 7, 6, 3, kind="share", salt=1),
               filter_size=5),
             s(pixels(12, 13, 1), pixels(12, 13, 1), max_val=255)],
}  # fmt: skip
