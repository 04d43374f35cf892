"""Samples of the rest of NumPy's functions: statistics, Fourier; images' colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.sample import i, s, x


def holes(*shape: int) -> Any:
    """Return numbers some of which are NaN."""
    numbers = x(*shape)
    return np.where(x(*shape, salt=5) > 0.8, np.float32(np.nan), numbers)


_FOLDS = (
    "nansum nanprod nanmean nanvar nanstd nanmax nanmin nanargmax nanargmin nanmedian"
)

STATISTICS = {
    **{name: [s(holes(4, 17)), s(holes(4, 17), axis=1)] for name in _FOLDS.split()},
    "nancumsum": [s(holes(4, 5), axis=1)],
    "nancumprod": [s(holes(4, 5), axis=1)],
    "median": [s(x(4, 17), axis=1, free=(0,)), s(x(3, 4)), s(x(4), keepdims=True)],
    "quantile": [s(x(4, 5), np.float32(0.3))]
    + [s(x(4, 5), np.float32([0.1, 0.55]), axis=1, method=how)
       for how in ("linear", "lower", "higher", "midpoint", "nearest")],
    "percentile": [s(x(4, 5), np.float32(30), axis=0, keepdims=True)],
    "nanquantile": [s(holes(4, 5), np.float32(0.3), axis=1)],
    "nanpercentile": [s(holes(4, 5), np.float32(30), axis=1)],
    "histogram": [s(x(17), bins=5), s(x(17), bins=4, range=(-1.0, 1.0))],
    "isin": [s(i(1, 5, 2), i(2, 1)), s(i(1, 5), i(5), invert=True)],
    "allclose": [s(x(5), x(5)), s(x(5), x(5, salt=1))],
    "diff": [s(x(4, 5)), s(x(5), n=2), s(x(4, 5, kind="bool"), axis=0)],
    "trapezoid": [s(x(4, 5), None), s(x(4, 5), None, dx=2.0, axis=0),
                  s(x(4, 5), np.arange(5, dtype="float32") ** 2)],
    "corrcoef": [s(x(3, 17)), s(x(5))],
    "correlate": [s(x(7), x(3), mode=m) for m in ("valid", "same", "full")],
    "saturate_cast": [s(x(5) * 300, dtype="uint8"), s(i(300, -5, 3), dtype="int8"),
                      s(x(5), dtype="bool"), s(i(1, 2), dtype="float16")],
    "copy": [s(x(3))],
    "empty_like": [s(x(2, 3))],
    "unravel_index": [s(i(5, 0, 3), shape=(2, 3))],
}  # fmt: skip

FOURIER = {  # one product, two rounds of products, a prime
    "discrete_fourier": [
        s(x(3, 8), x(3, 8, salt=1), free=(0, 1)), s(x(2, 66), x(2, 66, salt=1)),
        s(x(7), x(7, salt=1)),
    ],
    "discrete_fourier_of_real": [
        s(x(3, 8), count=5, free=(0,)), s(x(2, 3, 66), count=9), s(x(7), count=1),
    ],
}  # fmt: skip

COLOURS = {
    "pad_images": [
        s(x(2, 3, 4, 1), top_padding=1, left_padding=0, target_height=6,
          target_width=7, free=(0,)),
        s(x(1, 4, 5), top_padding=1, bottom_padding=1, left_padding=2,
          right_padding=0, data_format="channels_first"),
    ],
    "crop_images": [s(x(2, 5, 6, 3), top_cropping=1, right_cropping=2,
                      target_height=3, target_width=2, free=(0,))],
    "extract_patches": [
        s(x(2, 6, 7, 3), size=(2, 3), free=(0,)),
        s(x(6, 7, 3), size=3, strides=1, padding="same"),
        s(x(2, 3, 7, 7), size=2, strides=1, dilation_rate=2,
          data_format="channels_first"),
        s(x(2, 3, 4, 5, 2), size=(2, 1, 3), strides=2),
        s(x(4, 4, 5, 1), size=(2, 2, 2), padding="same"),
    ],
    "unfold": [s(x(2, 3, 5, 6), kernel_size=(2, 3), padding=1, stride=2, free=(0,))],
    "fold": [s(x(2, 12, 6), output_size=(5, 4), kernel_size=2, padding=(1, 0),
               stride=2, free=(0,))],
    "extract_sequences": [s(x(2, 9), sequence_length=4, sequence_stride=2)],
    "adaptive_average_pool": [s(x(2, 7, 5, 3), output_size=(3, 2), free=(0,)),
                              s(x(2, 3, 7), output_size=7,
                                data_format="channels_first")],
    "adaptive_max_pool": [s(x(2, 7, 5, 3), output_size=(3, 2)),
                          s(x(2, 7, 3), output_size=4)],
    "rgb_to_grayscale": [s(x(2, 3, 4, 3, kind="share"), free=(0,)),
                         s(x(3, 4, 5, kind="share"), data_format="channels_first")],
    "rgb_to_hsv": [s(x(2, 3, 4, 3, kind="share"), free=(0,))],
    "hsv_to_rgb": [s(x(2, 3, 4, 3, kind="share"), free=(0,))],
}  # fmt: skip
