"""Blocks and views of tensors: depth and space, einops, quality."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graphkeras.errors import ArgumentError, message
from graphkeras.ir.definers import composite, require
from graphkeras.ops.math import log10, square, subtract
from graphkeras.ops.reduce import mean
from graphkeras.ops.shape import ndim, reshape, shape_of, transpose

if TYPE_CHECKING:
    from graphkeras.ir.tensor import Tensor


# ----------------------------------------------------------------- depth and space


def _last(x: Any, data_format: str, who: str) -> tuple[Any, bool]:
    """Return x with channels last, and whether they were."""
    if data_format not in ("channels_last", "channels_first"):
        raise ArgumentError(message(who, "expected a known data_format.", data_format))
    require(ndim(x) == 4, f"{who}: expected rank 4, not {ndim(x)}")
    last = data_format == "channels_last"
    return (x if last else transpose(x, (0, 2, 3, 1))), last


@composite()
def depth_to_space(
    x: Tensor, block_size: int, data_format: str = "channels_last"
) -> Any:
    """Return images whose channels became blocks of cells.

    Example:
        >>> depth_to_space(np.arange(4).reshape(1, 1, 1, 4), 2)[0, :, :, 0]
        array([[0, 1],
               [2, 3]])
    """
    image, last = _last(x, data_format, "depth_to_space")
    n, h, w, c = shape_of(image)
    b, depth = block_size, c // block_size**2
    wide = transpose(reshape(image, (n, h, w, b, b, depth)), (0, 1, 3, 2, 4, 5))
    out = reshape(wide, (n, h * b, w * b, depth))
    return out if last else transpose(out, (0, 3, 1, 2))


@composite()
def space_to_depth(
    x: Tensor, block_size: int, data_format: str = "channels_last"
) -> Any:
    """Return images whose blocks of cells became channels."""
    image, last = _last(x, data_format, "space_to_depth")
    n, h, w, c = shape_of(image)
    b = block_size
    wide = transpose(reshape(image, (n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
    out = reshape(wide, (n, h // b, w // b, b * b * c))
    return out if last else transpose(out, (0, 3, 1, 2))


# --------------------------------------------------------------------------- einops


def _groups(side: str) -> list[list[str]]:
    """Return the names of each axis: "a (b c)" has the axes [a] and [b, c]."""
    groups: list[list[str]] = []
    inside = False
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word in "()":
            inside = word == "("
            groups += [[]] if inside else []
        elif inside:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Return a tensor with its axes split, joined and reordered by names.

    Args:
        tensor: a tensor.
        pattern: names before and after an arrow; parentheses join axes.
        axes_lengths: sizes of the parts of a joined axis (one may be left out).

    Example:
        >>> rearrange(np.ones((2, 6)), "b (h w) -> b h w", h=2).shape
        (2, 2, 3)
    """
    lengths = tuple(sorted(axes_lengths.items()))
    return rearrange_axes(tensor, pattern=pattern, lengths=lengths)


@composite()
def rearrange_axes(
    tensor: Tensor, *, pattern: str, lengths: tuple[tuple[str, int], ...]
) -> Any:
    """`rearrange` as an op: the given sizes as pairs."""
    left, _, right = pattern.partition("->")
    before, after = _groups(left), _groups(right)
    require(len(before) == ndim(tensor), f"rearrange: {left!r} has another rank")
    sizes: dict[str, Any] = dict(lengths)
    for group, size in zip(before, shape_of(tensor), strict=True):
        known = math.prod(sizes[name] for name in group if name in sizes)
        unknown = [name for name in group if name not in sizes]
        require(
            len(unknown) < 2, f"rearrange: give the sizes of all but one of {group}"
        )
        sizes |= {name: size // known for name in unknown}
    names = [name for group in before for name in group]
    wanted = [name for group in after for name in group]
    require(sorted(names) == sorted(wanted), "rearrange: names must be the same")
    split = reshape(tensor, tuple(sizes[name] for name in names))
    turned = transpose(split, tuple(names.index(name) for name in wanted))
    return reshape(turned, tuple(math.prod(sizes[n] for n in g) for g in after))


# -------------------------------------------------------------------------- quality


@composite()
def psnr(x1: Tensor, x2: Tensor, max_val: float) -> Any:
    """Peak signal-to-noise ratio 20 log10(max) - 10 log10(mean squared error).

    Example:
        >>> psnr(np.zeros(2), np.ones(2), max_val=10.0)
        array(20.)
    """
    error = mean(square(subtract(x1, x2)))
    return 20 * math.log10(max_val) - 10 * log10(error)
