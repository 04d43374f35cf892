"""Layers on images and sound, how they are made and what they are fed.

`record.py` runs the rows through Keras on TensorFlow and keeps what it gives in
``recorded.npz``. Inputs are made by arithmetic, so that both sides have the same.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

Row = tuple[str, dict[str, Any], tuple[int, ...], str]

METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")
FIRST = {"data_format": "channels_first"}


def fed(shape: tuple[int, ...], dtype: str, top: float = 255) -> np.ndarray:
    """Return numbers from 0 to `top`, always the same."""
    count = int(np.prod(shape))
    numbers = (np.arange(count) * 7919 + 13) % 256
    if dtype == "uint8":
        return numbers.astype("uint8").reshape(shape)
    fractions = numbers + (np.arange(count) * 31 % 97) / 97
    return (fractions * (top / 256)).astype(dtype).reshape(shape)


def _resizing() -> list[Row]:
    """Every method, up and down, of bytes and of floats, also of one pixel."""
    rows: list[Row] = []
    sizes = [((2, 5, 7, 3), (9, 4)), ((1, 13, 6, 1), (4, 11)), ((1, 1, 3), (2, 3))]
    for method, antialias in itertools.product(METHODS, (False, True)):
        for (shape, (height, width)), dtype in itertools.product(
            sizes, ("uint8", "float32")
        ):
            how = {"height": height, "width": width, "interpolation": method,
                   "antialias": antialias}  # fmt: skip
            rows.append(("Resizing", how, shape, dtype))
    for keep, (height, width) in itertools.product(
        ("crop_to_aspect_ratio", "pad_to_aspect_ratio"), ((3, 8), (7, 2), (1, 1))
    ):
        how = {"height": height, "width": width, keep: True}
        rows.append(("Resizing", how, (1, 5, 6, 2), "float32"))
        rows.append(("Resizing", {**how, **FIRST, "interpolation": "bicubic"},
                     (2, 9, 4), "float32"))  # fmt: skip
    rows.append(("Resizing", {"height": 4, "width": 6, "pad_to_aspect_ratio": True,
                              "fill_value": 9.0}, (1, 3, 3, 1), "float32"))  # fmt: skip
    rows.append(("Resizing", {"height": 3, "width": 3, "antialias": True},
                 (1, 40, 31, 1), "uint8"))  # fmt: skip
    return rows


def _others() -> list[Row]:
    rows: list[Row] = []
    for (height, width), shape in itertools.product(
        ((3, 4), (8, 5), (2, 9), (1, 1)), ((2, 5, 6, 1), (7, 4, 2))
    ):
        how = {"height": height, "width": width}
        rows.append(("CenterCrop", how, shape, "uint8"))
        rows.append(("CenterCrop", {**how, **FIRST}, shape, "float32"))
    image = (2, 8, 6, 3)
    for value_range in ((0, 255), (0, 1)):
        how = {"value_range": value_range}
        rows += [
            ("AutoContrast", how, image, "float32"),
            ("Equalization", how, image, "float32"),
            ("Equalization", {**how, "bins": 8, **FIRST}, image, "float32"),
            ("ContrastLimitedAdaptiveHistogramEqualization",
             {**how, "tile_grid_size": (2, 3)}, image, "float32"),
        ]  # fmt: skip
    rows.append(("AutoContrast", {}, (1, 2, 2, 1), "uint8"))
    rows.append(("ContrastLimitedAdaptiveHistogramEqualization",
                 {"clip_limit": 0, "tile_grid_size": (3, 2)}, (5, 7, 1),
                 "uint8"))  # fmt: skip
    return rows


def _sound() -> list[Row]:
    rows: list[Row] = []
    small = {"fft_length": 32, "sequence_stride": 12, "num_mel_bins": 6,
             "sampling_rate": 400}  # fmt: skip
    for more in (
        {}, {"window": None}, {"window": "hamming", "sequence_length": 20},
        {"power_to_db": False}, {"mag_exp": 1.0, "top_db": 20.0, "min_freq": 40.0},
        {"max_freq": 150.0, "ref_power": 0.5, "min_power": 1e-4},
    ):  # fmt: skip
        rows.append(("MelSpectrogram", {**small, **more}, (2, 100), "float32"))
    rows.append(("MelSpectrogram", small, (57,), "float32"))
    for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft"):
        how = {"mode": mode, "frame_length": 8, "frame_step": 3}
        rows.append(("STFTSpectrogram", how, (1, 21, 2), "float32"))
    for more in (
        {"window": "blackman", "periodic": True, "padding": "same"},
        {"window": None, "scaling": None, "fft_length": 16},
        {"window": "hamming", "scaling": "spectrum", "expand_dims": True},
        {"expand_dims": True, **FIRST}, FIRST, {"mode": "stft", **FIRST},
    ):  # fmt: skip
        how = {"mode": "magnitude", "frame_length": 8, **more}
        shape = (2, 2, 19) if "data_format" in more else (2, 19, 2)
        rows.append(("STFTSpectrogram", how, shape, "float32"))
    return rows


FIXED: list[Row] = [*_resizing(), *_others(), *_sound()]


# Random layers: what they drew is recorded with what they made of it.
IMAGE = (2, 6, 5, 3)


def _moved() -> list[Row]:
    rows: list[Row] = []
    image, floats = IMAGE, "float32"
    for mode, method in itertools.product(
        ("constant", "nearest", "wrap", "reflect"), ("nearest", "bilinear")
    ):
        how = {"fill_mode": mode, "interpolation": method, "fill_value": 3.0}
        rows += [
            ("RandomRotation", {"factor": 0.4, **how}, image, floats),
            ("RandomZoom", {"height_factor": (-0.4, 0.5), "width_factor": 0.3, **how},
             image, floats),
            ("RandomTranslation", {"height_factor": 0.6, "width_factor": (0.1, 0.5),
                                   **how}, image, floats),
            ("RandomShear", {"x_factor": 0.7, "y_factor": 0.3, **how}, image, floats),
        ]  # fmt: skip
    rows += [("RandomFlip", {"mode": m}, image, floats) for m in (
        "horizontal", "vertical", "horizontal_and_vertical")]  # fmt: skip
    return rows


def _coloured() -> list[Row]:
    rows: list[Row] = []
    image, floats = IMAGE, "float32"
    for value_range in ((0, 255), (0, 1)):
        how = {"value_range": value_range}
        rows += [
            (name, {"factor": factor, **how}, image, floats)
            for name, factor in (
                ("RandomBrightness", 0.5), ("RandomContrast", (0.3, 0.8)),
                ("RandomHue", 0.9), ("RandomSaturation", 0.7), ("RandomInvert", 0.6),
                ("RandomSharpness", 0.9), ("RandomColorDegeneration", 0.9),
                ("RandomPosterization", 6), ("RandomGaussianBlur", 1.0),
            )
        ]  # fmt: skip
        rows.append(("Solarization", {"addition_factor": 0.3, "threshold_factor": 0.7,
                                      **how}, image, floats))  # fmt: skip
        rows.append(("RandomErasing", {"fill_value": 0.5, **how}, image, floats))
    rows += [
        ("RandomFlip", FIRST, (2, 3, 4, 5), floats),
        ("RandomHue", {"factor": 0.5, **FIRST}, (2, 3, 4, 5), floats),
        ("RandomPerspective", {"scale": 0.4}, image, floats),
        ("RandomErasing", {}, (1, 4, 4, 3), floats),
        ("RandomGrayscale", {}, image, floats),
        ("MixUp", {"alpha": 0.5}, (3, 4, 3, 1), floats),
        ("CutMix", {}, (3, 5, 6, 1), floats),
        ("RandAugment", {"num_ops": 3}, image, floats),
    ]
    return rows


DRAWN: list[Row] = [*_moved(), *_coloured()]


def image_of(row: Row) -> np.ndarray:
    """Return what a row's layer is fed; sound lies about zero."""
    name, arguments, shape, dtype = row
    x = fed(shape, dtype, arguments.get("value_range", (0, 255))[1])
    sound = name in ("MelSpectrogram", "STFTSpectrogram")
    return (x / 128 - 1).astype(dtype) if sound else x
