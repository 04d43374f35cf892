"""The frame of images: their axes, cells added around them and cut away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphkeras import config
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir.definers import composite
from graphkeras.ir.dims import Dim, SymbolicDim
from graphkeras.ops.arrange import along
from graphkeras.ops.shape import ndim, pad_interior, shape_of

if TYPE_CHECKING:
    from graphkeras.ir.tensor import Tensor


FORMATS = ("channels_last", "channels_first")


def format_of(who: str, data_format: str | None) -> str:
    """Return a data format, the default one for None.

    Raises:
        ArgumentError: if there is none of that name.
    """
    name = data_format or config.image_data_format()
    if name not in FORMATS:
        raise ArgumentError(
            message(who, f"expected data_format in {FORMATS}.",
                    f"data_format={data_format!r}")
        )  # fmt: skip
    return name


def image_axes(images: Any, data_format: str | None, who: str) -> tuple[int, int]:
    """Return the axes of height and width.

    Raises:
        ShapeError: unless `images` is one image or a batch of them.
    """
    last = format_of(who, data_format) == "channels_last"
    rank = ndim(images)
    if rank not in (3, 4):
        raise ShapeError(
            message(who, "expected an image (rank 3) or a batch of them (rank 4).",
                    f"shape {list(shape_of(images))}")
        )  # fmt: skip
    return (rank - 3, rank - 2) if last else (rank - 2, rank - 1)


def _ends(
    who: str, names: tuple[str, str, str], size: Dim, low: Any, high: Any, total: Any,
    sign: int,
) -> tuple[Dim, Dim]:  # fmt: skip
    """Work out which two of (low, high, target) are given; none may be negative."""
    if [low, high, total].count(None) != 1:
        raise ArgumentError(
            message(who, f"expected exactly two of {', '.join(names)}.",
                    f"{low}, {high}, {total}")
        )  # fmt: skip
    if total is not None:
        rest = (total - size) * sign
        low = rest - high if low is None else low
        high = rest - low if high is None else high
    for name, number in zip(names, (low, high)):
        if not isinstance(number, SymbolicDim) and number < 0:
            raise ArgumentError(
                message(who, f"expected {name} of at least 0.", f"{name}={number}",
                        f"The image has {size} cells there.")
            )  # fmt: skip
    return low, high


_HEIGHT = ("top", "bottom", "target_height")
_WIDTH = ("left", "right", "target_width")


@composite()
def pad_images(
    images: Tensor, top_padding: Any = None, left_padding: Any = None,
    bottom_padding: Any = None, right_padding: Any = None, target_height: Any = None,
    target_width: Any = None, data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return images with zeros around them.

    Args:
        images: one image or a batch.
        top_padding: rows above; two of top, bottom and target are given.
        left_padding: columns before; two of left, right and target are given.
        bottom_padding: rows below.
        right_padding: columns after.
        target_height: height of the result.
        target_width: width of the result.
        data_format: None takes `config.image_data_format()`.

    Example:
        >>> pad_images(np.ones((2, 2, 1)), 1, 0, target_height=4, target_width=3).shape
        (4, 3, 1)
    """
    who, sizes = "pad_images", shape_of(images)
    rows, columns = image_axes(images, data_format, who)
    low: list[Dim] = [0] * len(sizes)
    high = list(low)
    low[rows], high[rows] = _ends(
        who, _HEIGHT, sizes[rows], top_padding, bottom_padding, target_height, 1
    )
    low[columns], high[columns] = _ends(
        who, _WIDTH, sizes[columns], left_padding, right_padding, target_width, 1
    )
    return pad_interior(images, value=0, low=tuple(low), high=tuple(high),
                        interior=(0,) * len(sizes))  # fmt: skip


@composite()
def crop_images(
    images: Tensor, top_cropping: Any = None, left_cropping: Any = None,
    bottom_cropping: Any = None, right_cropping: Any = None, target_height: Any = None,
    target_width: Any = None, data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return a window of images; the arguments are as for `pad_images`.

    Example:
        >>> crop_images(np.ones((4, 4, 1)), 1, 0, target_height=2, target_width=3).shape
        (2, 3, 1)
    """
    who, sizes = "crop_images", shape_of(images)
    rows, columns = image_axes(images, data_format, who)
    top, bottom = _ends(
        who, _HEIGHT, sizes[rows], top_cropping, bottom_cropping, target_height, -1
    )
    left, right = _ends(
        who, _WIDTH, sizes[columns], left_cropping, right_cropping, target_width, -1
    )
    cut = along(images, rows, top, sizes[rows] - bottom)
    return along(cut, columns, left, sizes[columns] - right)
