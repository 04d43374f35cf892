"""Which keys a query may see."""

from __future__ import annotations

from typing import Any

from graphkeras import ops


def _places(query: Any, value: Any) -> tuple[Any, Any]:
    """Return the place of each query as a column and of each key as a row."""
    rows = ops.arange(query.shape[1], dtype="int32")
    columns = ops.arange(value.shape[1], dtype="int32")
    return ops.reshape(rows, (1, -1, 1)), ops.reshape(columns, (1, 1, -1))


def causal_mask(query: Any, value: Any) -> Any:
    """Return (1, queries, keys): true up to the query's own place."""
    rows, columns = _places(query, value)
    return ops.greater_equal(rows, columns)


def window_mask(query: Any, value: Any, size: int) -> Any:
    """Return (1, queries, keys): true where places differ by less than `size`."""
    rows, columns = _places(query, value)
    return ops.less(ops.absolute(rows - columns), size)


def joined_masks(masks: list[Any]) -> Any:
    """Return where all masks are true; None for none of them."""
    total = None
    for mask in masks:
        if mask is not None:
            one = ops.cast(mask, "bool")
            total = one if total is None else ops.logical_and(total, one)
    return total


def over_heads(mask: Any, rank: int, axes: int) -> Any:
    """Give a mask axes of size 1 before its last ``2 * axes``, up to a rank."""
    for _ in range(rank - len(mask.shape)):
        mask = ops.expand_dims(mask, axis=-2 * axes - 1)
    return mask
