"""Pictures in files, as Pillow's images and as arrays; Pillow is loaded when needed."""

from __future__ import annotations

import io
import os
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import config, dtypes
from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    MissingPackageError,
    ShapeError,
    message,
)

if TYPE_CHECKING:
    from PIL.Image import Image

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


@cache
def pillow(who: str) -> Any:
    """Return the module PIL.Image.

    Raises:
        MissingPackageError: if Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingPackageError(
            message(who, "needs the package Pillow.", "",
                    'Install it by: pip install "graphkeras[image]"')
        ) from None  # fmt: skip
    return Image


def layout_of(who: str, given: str | None) -> str:
    """Return the layout given, or the one configured.

    Raises:
        ArgumentError: if it is no layout.
    """
    found = config.image_data_format() if given is None else str(given).lower()
    if found not in ("channels_last", "channels_first"):
        raise ArgumentError(
            message(who, 'data_format must be "channels_last" or "channels_first".',
                    f"data_format={given!r}")
        )  # fmt: skip
    return found


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Image:
    """Return an array of rank 3 as an image of Pillow.

    Args:
        x: one image with 1, 3 or 4 channels.
        data_format: "channels_last" or "channels_first"; None: as in `keras.config`.
        scale: whether its smallest number becomes 0 and its largest 255.
        dtype: in which to compute; None: the default float.

    Raises:
        ShapeError: if it is no such image.

    Example:
        >>> array_to_img(np.zeros((2, 3, 3))).size  # width, height
        (3, 2)
    """
    image = pillow("array_to_img")
    layout = layout_of("array_to_img", data_format)
    array = np.asarray(x, dtypes.to_numpy(dtypes.standardize(dtype)))
    if array.ndim != 3:
        raise ShapeError(
            message("array_to_img", "expected an image of rank 3.",
                    f"shape {list(array.shape)}", "Convert a batch one by one.")
        )  # fmt: skip
    if layout == "channels_first":
        array = array.transpose(1, 2, 0)
    if scale:
        array = array - array.min()
        array = array / (array.max() or 1) * 255
    if array.shape[2] not in _MODES:
        raise ShapeError(
            message("array_to_img", "expected 1, 3 or 4 channels.",
                    f"{array.shape[2]} channels", "See data_format.")
        )  # fmt: skip
    if array.shape[2] > 1:
        return image.fromarray(array.astype(np.uint8))
    plane = array[:, :, 0]
    return image.fromarray(plane.astype(np.int32 if plane.max() > 255 else np.uint8))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Any:
    """Return an image of Pillow as an array of rank 3.

    Args:
        img: the image.
        data_format: "channels_last" or "channels_first"; None: as in `keras.config`.
        dtype: of the array; None: the default float.

    Example:
        >>> img_to_array(array_to_img(np.zeros((2, 3, 1)))).shape
        (2, 3, 1)
    """
    layout = layout_of("img_to_array", data_format)
    array = np.asarray(img, dtypes.to_numpy(dtypes.standardize(dtype)))
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ShapeError(
            message("img_to_array", "expected an image.", f"shape {list(array.shape)}")
        )
    return array.transpose(2, 0, 1) if layout == "channels_first" else array


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None,
    scale: bool = True, **kwargs: Any,
) -> None:  # fmt: skip
    """Write an array as a picture.

    Args:
        path: where to, or an open file.
        x: one image with 1, 3 or 4 channels.
        data_format: "channels_last" or "channels_first"; None: as in `keras.config`.
        file_format: name of the format; None: as the name ends.
        scale: whether its smallest number becomes 0 and its largest 255.
        **kwargs: handed on to Pillow's `save`.
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(os.fspath(path))[1][1:].lower()
    name = "jpeg" if (file_format or "").lower() == "jpg" else file_format
    picture = array_to_img(x, data_format, scale)
    if picture.mode == "RGBA" and (name or "").lower() == "jpeg":
        warnings.warn("save_img: JPEG holds no transparency; it is left out.",
                      stacklevel=2)  # fmt: skip
        picture = picture.convert("RGB")
    picture.save(path, format=name, **kwargs)


def load_img(
    path: Any, color_mode: str = "rgb", target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest", keep_aspect_ratio: bool = False,
) -> Image:  # fmt: skip
    """Return the picture in a file as an image of Pillow.

    Args:
        path: the file, or its bytes as io.BytesIO.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: (height, width) to bring it to; as it is if None.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: whether to cut off what has not the target's proportions,
            rather than to distort.

    Raises:
        DataError: if it is no picture.
    """
    if color_mode not in CHANNELS:
        raise ArgumentError(
            message("load_img", f"color_mode must be one of {tuple(CHANNELS)}.",
                    f"color_mode={color_mode!r}")
        )  # fmt: skip
    picture = _opened("load_img", path)
    gray = color_mode == "grayscale" and picture.mode in ("L", "I;16", "I")
    mode = _MODES[CHANNELS[color_mode]]
    picture = picture if gray or picture.mode == mode else picture.convert(mode)
    if target_size is None or picture.size == (target_size[1], target_size[0]):
        return picture
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(
            message("load_img", f"interpolation must be one of {INTERPOLATIONS}.",
                    f"interpolation={interpolation!r}")
        )  # fmt: skip
    method = getattr(pillow("load_img").Resampling, interpolation.upper())
    size = (target_size[1], target_size[0])
    box = _window(picture.size, size) if keep_aspect_ratio else None
    return picture.resize(size, method, box=box)


def _window(
    have: tuple[int, int], wanted: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The largest window at the centre of a picture, with the proportions wanted."""
    width = min(have[0], have[1] * wanted[0] // wanted[1])
    height = min(have[1], have[0] * wanted[1] // wanted[0])
    left, top = (have[0] - width) // 2, (have[1] - height) // 2
    return left, top, left + width, top + height


def _opened(who: str, path: Any, gray: bool = False) -> Image:
    """Return a picture, all of it read; a JPEG's brightness alone if `gray`.

    Raises:
        DTypeError: if `path` names no file.
        DataError: if the file holds no picture.
    """
    image = pillow(who)
    if not isinstance(path, (io.BytesIO, os.PathLike, str, bytes)):
        raise DTypeError(
            message(who, "path must be a path or an io.BytesIO.", type(path).__name__)
        )
    if isinstance(path, io.BytesIO):
        return _read(who, image, path, "the bytes given", gray)
    with open(path, "rb") as file:
        data = io.BytesIO(file.read())
    return _read(who, image, data, repr(os.fspath(path)), gray)


def _read(who: str, image: Any, data: io.BytesIO, shown: str, gray: bool) -> Image:
    try:
        picture = image.open(data)
        if gray:
            picture.draft("L", picture.size)  # as it is held, not from red, green, blue
        picture.load()
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise DataError(
            message(who, f"expected a picture in {shown}.", f"{error}",
                    "Remove the file, or save it anew.")
        ) from error  # fmt: skip
    return picture


def decoded(who: str, path: Any, channels: int) -> np.ndarray:
    """Return the picture in a file as uint8 (height, width, channels).

    Of moving pictures it is the first; of 16 bits the upper 8 are taken.
    """
    picture = _opened(who, path, gray=channels == 1)
    if picture.mode.startswith("I"):  # 16 bits of grey
        wide = np.asarray(picture)
        picture = pillow(who).fromarray((wide >> 8).astype(np.uint8))
    mode = _MODES[channels]
    if channels == 1 and picture.mode not in ("L", "LA", "1"):
        return _brightness(np.asarray(picture.convert("RGB")))
    if picture.mode != mode:
        picture = picture.convert(mode)
    array = np.asarray(picture)
    return array[:, :, None] if array.ndim == 2 else array


# Shares of red, green and blue in 32768 parts, as TensorFlow lets libpng sum them.
_SHARES = np.array([9798, 19235, 3735], np.uint32)


def _brightness(colours: np.ndarray) -> np.ndarray:
    """Return the weighted sum of red, green and blue, rounded down; greys as they are.

    Source: libpng manual, `png_set_rgb_to_gray`; weights of ITU-R BT.601.
    """
    red, green, blue = (colours[..., i] for i in range(3))
    mixed = (colours.astype(np.uint32) @ _SHARES >> 15).astype(np.uint8)
    same = (red == green) & (green == blue)
    return np.where(same, red, mixed)[..., None]


def smart_resize(
    x: Any, size: Any, interpolation: str = "bilinear",
    data_format: str = "channels_last",
) -> Any:  # fmt: skip
    """Return the centre of images, cut to the proportions of `size`, at that size.

    Args:
        x: one image or a batch of them.
        size: (height, width).
        interpolation: as for `image_dataset_from_directory`.
        data_format: "channels_last" or "channels_first".

    Returns:
        float32, in the layout of `x`.

    Example:
        >>> smart_resize(np.ones((8, 4, 3)), (2, 2)).shape
        (2, 2, 3)
    """
    from graphkeras.data import resampling

    if len(size) != 2:
        raise ArgumentError(
            message("smart_resize", "size must be (height, width).", f"size={size}")
        )
    array = np.asarray(x)
    if array.ndim not in (3, 4):
        raise ShapeError(
            message("smart_resize", "expected an image (rank 3) or a batch (rank 4).",
                    f"shape {list(array.shape)}")
        )  # fmt: skip
    first = layout_of("smart_resize", data_format) == "channels_first"
    images = array if array.ndim == 4 else array[None]
    images = images.transpose(0, 2, 3, 1) if first else images
    wanted = (int(size[0]), int(size[1]))
    made = [
        resampling.resized(resampling.cropped(image, wanted), wanted, interpolation)
        for image in images
    ]
    out = np.stack(made)
    out = out.transpose(0, 3, 1, 2) if first else out
    return out if array.ndim == 4 else out[0]
