"""Pictures in folders as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from graphkeras.data import resampling
from graphkeras.data.folders import Plan
from graphkeras.data.pictures import CHANNELS, decoded, layout_of, pillow
from graphkeras.data.text_folder import check_format
from graphkeras.errors import ArgumentError, message

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_WHO = "image_dataset_from_directory"


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",  # noqa: A002  Keras's name
    verbose: bool = True,
) -> Any:
    """Return a data set of the pictures in a folder, one folder a class.

    Threads read, decode and resize while the model trains. Pillow is needed:
    ``pip install "graphkeras[image]"``.

    Args:
        directory: the folder; in it one folder of .jpg, .png, .bmp or .gif files for
            each class.
        labels: "inferred" from the folders; a list with the class number of each file,
            in the order of the sorted paths; None for no labels.
        label_mode: "int" (int32), "categorical" (one-hot float32), "binary" (float32
            of shape (1,), for two classes), or None for no labels.
        class_names: the folders to take, in the order of their numbers; all by name.
        color_mode: "grayscale", "rgb" or "rgba": 1, 3 or 4 channels.
        batch_size: images in a batch; None for single images.
        image_size: (height, width) of the images.
        shuffle: whether files change places, anew in each pass.
        seed: decides how.
        validation_split: part of the files for validation, the last of the order.
        subset: "training", "validation", or "both" for a list of the two.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3",
            "lanczos5", "gaussian" or "mitchellcubic".
        follow_links: whether folders that are links are entered.
        crop_to_aspect_ratio: whether to cut off what has not the proportions of
            `image_size`, rather than to distort.
        pad_to_aspect_ratio: whether to put zeros around the whole image instead.
        data_format: "channels_last" or "channels_first"; None: as in `keras.config`.
        format: "tf" or "grain", for Keras's sake: it is a `keras.data.Dataset` anyway.
        verbose: whether to print what was found.

    Returns:
        Dataset of float32 images within 0 and 255, (batch, height, width, channels),
        or of (images, labels); its `class_names` are the folders and its `file_paths`
        the files.

    Raises:
        ArgumentError: for arguments outside their values.
        DataError: if there are no files, or one is no picture.
    """
    check_format(_WHO, format)
    _check(color_mode, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio)
    pillow(_WHO)
    plan = Plan(
        _WHO, str(directory), FORMATS, labels, label_mode, class_names, shuffle, seed,
        validation_split, subset, follow_links, verbose, batch_size,
    )  # fmt: skip
    fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else ""
    layout = layout_of(_WHO, data_format)
    load = partial(
        _load, channels=CHANNELS[color_mode], size=_size(image_size),
        method=interpolation.lower(), fit=fit, first=layout == "channels_first",
    )  # fmt: skip
    found = plan.checked().datasets(load)
    return found if subset == "both" else found[0]


def _check(color_mode: str, interpolation: str, crop: bool, pad: bool) -> None:
    if color_mode not in CHANNELS:
        raise ArgumentError(
            message(_WHO, f"color_mode must be one of {tuple(CHANNELS)}.",
                    f"color_mode={color_mode!r}")
        )  # fmt: skip
    if interpolation.lower() not in resampling.METHODS:
        raise ArgumentError(
            message(_WHO, f"interpolation must be one of {resampling.METHODS}.",
                    f"interpolation={interpolation!r}")
        )  # fmt: skip
    if crop and pad:
        raise ArgumentError(
            message(_WHO, "crop_to_aspect_ratio and pad_to_aspect_ratio exclude one"
                    " another.", "both", "Give one of them.")
        )  # fmt: skip


def _size(given: Any) -> tuple[int, int]:
    pair = (given, given) if isinstance(given, int) else given
    if isinstance(pair, (list, tuple)) and len(pair) == 2 and min(pair) > 0:
        return int(pair[0]), int(pair[1])
    raise ArgumentError(
        message(_WHO, "image_size must be (height, width).", f"image_size={given!r}")
    )


def _load(
    path: str, channels: int, size: tuple[int, int], method: str, fit: str, first: bool
) -> np.ndarray:
    image = decoded(_WHO, path, channels)
    if fit == "pad":
        out = resampling.with_borders(image, size, method)
    else:
        seen = resampling.cropped(image, size) if fit == "crop" else image
        out = resampling.resized(seen, size, method)
    return np.ascontiguousarray(out.transpose(2, 0, 1)) if first else out
