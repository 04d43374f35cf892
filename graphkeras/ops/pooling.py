"""Keras's pools of signals, images and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphkeras.errors import ArgumentError, message
from graphkeras.ir.definers import composite
from graphkeras.ops.pool import average_pool2d, max_pool2d
from graphkeras.ops.shape import shape_of
from graphkeras.ops.volumes import average_pool3d, max_pool3d
from graphkeras.ops.window import explicit_padding, from_image, pair_of, to_image

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _pool(
    functions: tuple[Any, Any],
    x: Any,
    pool_size: Any,
    strides: Any,
    padding: str,
    layout: Any,
) -> Any:
    if padding not in ("valid", "same"):
        raise ArgumentError(
            message("pool", "expected padding 'valid' or 'same'.", repr(padding))
        )
    image, rank, first = to_image(x, layout)
    window = pair_of(pool_size, rank, "pool_size")
    steps = window if strides is None else pair_of(strides, rank, "strides")
    ends = explicit_padding(padding, shape_of(image)[1:-1], window, steps)
    out = functions[rank == 3](image, window=window, strides=steps, padding=ends)
    return from_image(out, rank, first)


@composite()
def max_pool(
    inputs: Tensor, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return the largest element of each window, channel by channel.

    Args:
        inputs: (batch, *space, channels), or channels after batch if `data_format`
            is "channels_first"; one to three spatial axes.
        pool_size: window: an int or one for each spatial axis.
        strides: distance of windows; the window's size if None.
        padding: "valid" or "same".
        data_format: None takes `config.image_data_format()`.

    Example:
        >>> max_pool(np.arange(4.0).reshape(1, 4, 1), 2)[0, :, 0]
        array([1., 3.])
    """
    both = (max_pool2d, max_pool3d)
    return _pool(both, inputs, pool_size, strides, padding, data_format)


@composite()
def average_pool(
    inputs: Tensor, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Any:  # fmt: skip
    """Return the mean of each window, channel by channel; padding is not counted.

    The arguments are those of `max_pool`.

    Example:
        >>> average_pool(np.arange(4.0).reshape(1, 4, 1), 2)[0, :, 0]
        array([0.5, 2.5])
    """
    both = (average_pool2d, average_pool3d)
    return _pool(both, inputs, pool_size, strides, padding, data_format)
