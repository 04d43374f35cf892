"""Which values lie in memory already, seen through movement ops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphkeras.compiler.indexing import (
    coefficient,
    flat,
    move,
    strides_of,
    variable,
    variables,
)
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.value import Value


@dataclass(frozen=True, slots=True)
class View:
    """`source` read from `offset` on with these strides, in elements."""

    source: Value
    offset: Dim
    strides: tuple[Dim, ...]


def base(value: Value) -> Value:
    """Return the value in whose memory `value` lies: reshapes move nothing."""
    while value.op.family == "movement" and value.op.fact("view"):
        value = value.inputs[0]
    return value


def view_of(value: Value, strided: bool) -> View:
    """Return `value` as a view of the furthest value back that allows it.

    Args:
        strided: whether any strides will do; otherwise only C order.
    """
    found = View(value, 0, strides_of(value.shape))
    for view in _views(value):
        if strided or _same_walk(view, value):
            found = view
    return found


def _views(value: Value) -> Iterator[View]:
    """Yield the views of the operands behind a chain of movement ops."""
    index: tuple[Dim, ...] = tuple(variable(i) for i in range(value.rank))
    ranges = {str(v): size for v, size in zip(index, value.shape)}
    source = value
    while source.op.family == "movement" and source.op.inside is None:
        index, _ = move(source, index, ranges)
        source = source.inputs[0]
        place = flat(index, source.shape)
        strides = tuple(coefficient(place, str(variable(i))) for i in range(value.rank))
        offset = dims.substitute(place, dict.fromkeys(ranges, 0))
        if None in strides or variables(offset):
            continue
        yield View(source, offset, strides)  # type: ignore[arg-type]


def _same_walk(view: View, value: Value) -> bool:
    """Whether a view is in C order, whatever the strides of axes of size 1."""
    wanted = strides_of(value.shape)
    rows = zip(value.shape, view.strides, wanted, strict=True)
    return all(size == 1 or a == b for size, a, b in rows)


def injective(value: Value) -> bool:
    """Whether a movement op reads each element of its operand at most once."""
    index: tuple[Dim, ...] = tuple(
        0 if size == 1 else variable(i) for i, size in enumerate(value.shape)
    )
    ranges = {str(v): n for v, n in zip(index, value.shape) if v != 0}
    source, _ = move(value, index, ranges)
    used = {name for place in source for name in variables(place)}
    return used == set(ranges)
