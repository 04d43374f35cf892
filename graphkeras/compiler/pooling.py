"""What gradients of a maximum over windows can do without.

Work on the cells of an image moves to the windows, of which there are fewer; and the
forward pass notes the place of each maximum, so that nobody reads the image again.
"""
# Patterns leave attributes out.
# mypy: disable-error-code="call-arg"

from __future__ import annotations

from typing import Any

from graphkeras.ir.op import ITEM, is_constant, item_of, rebuild
from graphkeras.ir.pattern import is_literal, rule, wildcard
from graphkeras.ir.value import Graph, Value, note_origin
from graphkeras.ops.compare import where
from graphkeras.ops.pool import (
    average_pool2d_backward,
    max_pool2d,
    max_pool2d_places,
    max_unpool2d,
)
from graphkeras.ops.reduce import sum as sum_over

c, places, g, other = (wildcard(name) for name in ("c", "places", "g", "other"))
DEEPEST = 8  # operations in a condition


@rule(where(c, max_unpool2d(places, g), other))
def mask_windows(
    root: Value, c: Value, places: Value, g: Value, other: Value
) -> Value | None:
    """A mask that depends on a pool's operand alone is one on what it found."""
    made = _pool_of(places)
    if made is None or not is_literal(other, 0):
        return None
    condition = _of(c, made.inputs[0], item_of(made, 0), DEEPEST)
    if condition is None or root.shape != root.inputs[1].shape:
        return None
    return rebuild(root.inputs[1], (places, where(condition, g, other)))


def _pool_of(places: Value) -> Value | None:
    """Return the pool that has noted its places."""
    made = places.inputs[0] if places.op is ITEM else None
    return made if made is not None and _is(made, max_pool2d_places) else None


def _of(value: Value, x: Value, most: Value, depth: int) -> Value | None:
    """Return an elementwise expression of x as one of its maxima."""
    if value is x:
        return most
    if is_constant(value) and value.type.size == 1 and value.rank == 0:  # type: ignore[union-attr]
        return value
    if value.op.family != "elementwise" or value.shape != x.shape or not depth:
        return None
    parts: list[Value] = []
    for operand in value.inputs:
        part = _of(operand, x, most, depth - 1)
        if part is None:
            return None
        parts.append(part)
    return rebuild(value, parts)


def _whole(root: Value) -> bool:
    """Whether a fold sums every pixel of images whose windows are not all padding."""
    back = root.inputs[0]
    inside = (
        isinstance(taps, int) and isinstance(end, int) and 0 <= end < taps
        for taps, ends in zip(back.window, back.padding, strict=True)
        for end in ends
    )  # fmt: skip
    return {0, 1, 2} <= set(root.axis) and all(inside)


@rule(sum_over(max_unpool2d(places, g)))
def sum_of_windows(root: Value, places: Value, g: Value) -> Value | None:
    """Each window's gradient goes to one cell: the sums are the same."""
    found = _whole(root) and _pool_of(places) is not None
    return rebuild(root, (g,)) if found else None


@rule(sum_over(average_pool2d_backward(g)))
def sum_of_shares(root: Value, g: Value) -> Value | None:
    """Each window's gradient goes to its cells in parts: the sums are the same."""
    return rebuild(root, (g,)) if _whole(root) else None


def share_places(graph: Graph) -> Graph:
    """Return the graph with each maximum taken by the op that notes its place, too."""
    noted = {(v.inputs[0], v.attrs) for v in graph.walk() if _is(v, max_pool2d_places)}
    done: dict[Value, Value] = {}
    for value in graph.walk():
        operands = [done[i] for i in value.inputs]
        if _is(value, max_pool2d) and (value.inputs[0], value.attrs) in noted:
            done[value] = max_pool2d_places(*operands, **value.attributes)[0]
        else:
            done[value] = rebuild(value, operands)
        if value.origin:
            note_origin(done[value], value.origin)
    return graph.with_roots([done[root] for root in graph.roots])


def _is(value: Value, function: Any) -> bool:
    return value.op is function.op
