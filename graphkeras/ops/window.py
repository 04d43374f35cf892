"""Where the windows of convolutions and pools lie: sizes, padding, layouts.

Everything below works on channels-last images (batch, height, width, channels), and
where it says so on volumes (batch, depth, height, width, channels). An
axis of `n` cells padded by (before, after) and read by a window of `k` taps that are
`dilation` apart gives ``(n + before + after - reach) // stride + 1`` results, where
``reach = (k - 1) * dilation + 1``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphkeras import config
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ops.creation import cast
from graphkeras.ops.shape import expand_dims, ndim, squeeze, transpose

Pair = tuple[int, int]
Padding = tuple[tuple[Dim, Dim], tuple[Dim, Dim]]


def reach(taps: Dim, dilation: int) -> Dim:
    """Return how many cells a dilated window spans."""
    return (taps - 1) * dilation + 1


def same_padding(size: Dim, taps: Dim, stride: int, dilation: int = 1) -> tuple:
    """Return the padding that gives ceil(size / stride) results, the odd cell after."""
    span = reach(taps, dilation)
    if stride == 1:
        total = span - 1
    else:
        total = dims.maximum((dims.ceildiv(size, stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def explicit_padding(
    padding: str, sizes: Sequence[Dim], taps: Sequence[Dim], strides: Sequence[int],
    dilation: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """Return Keras's "valid", "same" or "causal" as cells on either side of each axis.

    Images and volumes alike.
    """
    dilation = (1,) * len(strides) if dilation is None else dilation
    rows = list(zip(sizes, taps, strides, dilation, strict=True))
    if padding == "valid":
        return ((0, 0),) * len(rows)
    if padding == "same":
        return tuple(same_padding(*row) for row in rows)
    if padding == "causal":
        return ((0, 0), (reach(taps[1], dilation[1]) - 1, 0))
    raise ArgumentError(
        message(
            "conv or pool", "expected padding 'valid' or 'same', or 'causal' in 1-D.",
            f"padding={padding!r}",
        )
    )  # fmt: skip


def results(size: Dim, taps: Dim, stride: int, pair: tuple, dilation: int = 1) -> Dim:
    """Return how many windows an axis gives.

    Raises:
        ShapeError: if the padded axis is smaller than a window.
    """
    if not isinstance(size, int) and pair == same_padding(size, taps, stride, dilation):
        return dims.ceildiv(size, stride)
    room = size + pair[0] + pair[1] - reach(taps, dilation)
    if isinstance(room, int) and room < 0:
        raise ShapeError(f"a window over {reach(taps, dilation)} cells does not fit "
                         f"into {size} cells with padding {pair}")  # fmt: skip
    return dims.floordiv(room, stride) + 1


def pair_of(argument: Any, rank: int, what: str) -> Any:
    """Return an argument such as `strides` as ints, 1 for the unit axis of 1-D."""
    given = (argument,) * rank if isinstance(argument, int) else tuple(argument)
    if len(given) != rank or not all(isinstance(n, (int, np.integer)) for n in given):
        raise ArgumentError(
            message("conv or pool", f"expected {what} to be {rank} ints.",
                    f"{what}={argument!r}")
        )  # fmt: skip
    numbers = tuple(int(n) for n in given)
    if min(numbers) < 1:
        raise ArgumentError(
            message("conv or pool", f"expected {what} of at least 1.",
                    f"{what}={argument!r}")
        )  # fmt: skip
    return (1, *numbers) if rank == 1 else numbers


# ------------------------------------------------------------------------- layouts


def to_image(x: Any, data_format: str | None) -> tuple[Any, int, bool]:
    """Return (image or volume, spatial rank, whether channels came first)."""
    data_format = data_format or config.image_data_format()
    rank = ndim(x) - 2
    if rank not in (1, 2, 3):
        raise ShapeError(
            message("conv or pool", "expected a tensor of rank 3, 4 or 5.",
                    f"rank {rank + 2}", "Give (batch, *space, channels).")
        )  # fmt: skip
    first = data_format == "channels_first"
    if first:
        x = transpose(x, (0, *range(2, rank + 2), 1))
    return (expand_dims(x, 1) if rank == 1 else x), rank, first


def from_image(x: Any, rank: int, first: bool) -> Any:
    """Undo `to_image`."""
    x = squeeze(x, 1) if rank == 1 else x
    return transpose(x, (0, rank + 1, *range(1, rank + 1))) if first else x


# ----------------------------------------------------------------- NumPy references


def padded(x: np.ndarray, padding: Padding, value: float) -> np.ndarray:
    """Return an image with cells around it; negative padding cuts cells off."""
    width: Any = [(0, 0), *((max(a, 0), max(z, 0)) for a, z in padding), (0, 0)]
    x = np.pad(x, width, constant_values=value)
    cut = [slice(max(-a, 0), n - max(-z, 0)) for (a, z), n in zip(padding, x.shape[1:])]
    return x[:, cut[0], cut[1]]


def unpadded(x: np.ndarray, padding: Padding, size: Pair) -> np.ndarray:
    """Return the image inside a padded one, zeros where padding was negative."""
    (top, _), (left, _) = padding
    room = [max(t + s - n, 0) for t, s, n in zip((top, left), size, x.shape[1:])]
    x = np.pad(x, [(0, 0), (0, room[0]), (0, room[1]), (0, 0)])
    return x[:, top : top + size[0], left : left + size[1]]


def taps_of(
    x: np.ndarray, window: Pair, out: Pair, strides: Pair, dilation: Pair = (1, 1)
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield (row, column, view of the padded cells under that tap) of a window."""
    for i in range(window[0]):
        for j in range(window[1]):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + strides[0] * (out[0] - 1) + 1, strides[0])
            columns = slice(left, left + strides[1] * (out[1] - 1) + 1, strides[1])
            yield i, j, x[:, rows, columns]


def wide(x: np.ndarray) -> np.ndarray:
    """Return half floats as float32: sums are kept in it."""
    return x.astype("float32") if x.dtype.itemsize < 4 and x.dtype.kind != "i" else x


# ---------------------------------------------------------------------------- ONNX


def channels_first(b: Any, y: Any, x: Any) -> Any:
    """Turn an image or volume from channels last to ONNX's layout, for the call `y`."""
    rank = len(y.strides)
    return b.Transpose(x, perm=[0, rank + 1, *range(1, rank + 1)])


def channels_last(b: Any, y: Any, x: Any) -> Any:
    """Turn an image or volume from ONNX's layout to channels last."""
    return b.Transpose(x, perm=[0, *range(2, len(y.strides) + 2), 1])


def onnx_padding(
    b: Any, y: Any, sizes: Sequence[Dim], taps: Sequence[Dim],
    dilation: Sequence[int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the attributes that say the padding of `y`; free sizes must be "same"."""
    lows, highs = zip(*y.padding)
    if dims.is_static((*lows, *highs)):
        return {"pads": [*lows, *highs]}
    same = explicit_padding("same", sizes, taps, y.strides, dilation)
    if y.padding != same:
        b.refuse("padding that depends on a free size, other than 'same'")
    return {"auto_pad": "SAME_UPPER"}


def meet(x: Any, kernel: Any) -> Any:
    """Return the image in the dtype of its kernel."""
    kind = getattr(kernel, "dtype", None)
    return x if kind is None else cast(x, kind)
