"""From groups of values to loop nests with as few axes as their memory allows."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from graphkeras.compiler.indexing import coefficient, element_index, flat
from graphkeras.compiler.loops import (
    Axis,
    Fold,
    Loop,
    Section,
    Store,
    Writer,
    axes_of,
    domain_of,
    index_of,
)
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.value import Value

HALVES = ("float16", "bfloat16")


class Except:
    """The values of a container but for some."""

    def __init__(self, values: Container[Value], without: Container[Value]) -> None:
        self.values, self.without = values, without

    def __contains__(self, value: object) -> bool:
        return value in self.values and value not in self.without


def loop_of(
    values: Sequence[Value],
    folds: Sequence[Value],
    tail: Sequence[Value],
    in_memory: Container[Value],
    wanted: Container[Value],
) -> Loop:
    """Return the nest that computes `values`, folds them, and finishes with `tail`.

    Args:
        values: results over the whole domain, in an order in which they can be made.
        folds: reductions over the same axes of operands of that domain.
        tail: results over the axes that the folds leave.
        in_memory: what is read instead of computed.
        wanted: those of the results that must be stored.
    """
    shape = folds[0].inputs[0].shape if folds else values[0].shape
    axes = axes_of(domain_of(shape))
    own = {*values, *folds, *tail}
    body = Writer(dict(axes), Except(in_memory, own))
    stores = _stores(body, {v: index_of(v.shape) for v in values}, wanted)
    made = tuple(_fold(r, body) for r in folds)
    inner = _folded(folds[0], axes) if folds else []
    outer = [a for a in axes if a not in inner]
    after = Writer(dict(outer), Except(in_memory, own))
    names = [name for name, _ in outer]
    for k, r in enumerate(folds):
        after.given(r, index_of(r.shape, names), k)
    places = {v: index_of(v.shape, names) for v in (*folds, *tail)}
    finished = _stores(after, places, wanted)
    columns = bool(folds) and bool(outer) and outer[-1] == axes[-1]
    return Loop(
        tuple(outer), tuple(inner), Section(tuple(body.code), stores), made,
        Section(tuple(after.code), finished), columns,
    )  # fmt: skip


def finish_of(
    call: Value,
    tail: Sequence[Value],
    in_memory: Container[Value],
    wanted: Container[Value],
) -> Loop | None:
    """Return what is done to each result of a kernel before it is stored.

    The nest has at most two axes, rows and columns (`inner`), as kernels count them;
    None if its memory does not allow that. Shapes of the tail may count the same rows
    by several axes.
    """
    domain = max((domain_of(v.shape) for v in (call, *tail)), key=len)
    axes = axes_of(domain)
    columns = axes[-1:] if call.shape[-1] != 1 else []
    rows = axes[: len(axes) - len(columns)]
    own = {call, *tail}
    writer = Writer(dict(axes), Except(in_memory, own))
    places = {v: element_index(v.shape, domain) for v in (call, *tail)}
    writer.given(call, places[call], 0)
    stores = _stores(writer, places, wanted)
    after = Section(tuple(writer.code), stores)
    nest = collapse(Loop(tuple(rows), tuple(columns), tail=after))
    return nest if len(nest.outer) <= 1 else None


def _stores(
    writer: Writer, places: Mapping[Value, tuple[Dim, ...]], wanted: Container[Value]
) -> tuple[Store, ...]:
    made = []
    for value, index in places.items():
        arg = writer.element(value, index)
        if value in wanted:
            made.append(Store(value, flat(index, value.shape), arg))
    return tuple(made)


def _fold(value: Value, writer: Writer) -> Fold:
    operand = value.inputs[0]
    arg = writer.element(operand, index_of(operand.shape))
    dtype = "float32" if value.dtype in HALVES else value.dtype
    assert value.op.combine is not None
    return Fold(value.op.combine, value.op.identity, dtype, arg)


def _folded(value: Value, axes: Sequence[Axis]) -> list[Axis]:
    """Return the loop axes that a reduction folds away."""
    shape = value.inputs[0].shape
    loops = iter(axes)
    of_axis = [None if size == 1 else next(loops) for size in shape]
    return [a for i, a in enumerate(of_axis) if i in value.axis and a is not None]


# ----------------------------------------------------------------------- collapsing


def collapse(loop: Loop) -> Loop:
    """Return the loop with neighbouring axes made one wherever memory allows.

    Two axes are one if every index steps along the outer one as it does along
    the whole of the inner one: ``a * n * i + a * j`` is ``a * (n * i + j)``.
    """
    for axes in (loop.outer, loop.inner):
        for first, second in zip(axes[-2::-1], axes[:0:-1]):
            if _is_one(loop, first, second):
                return collapse(_joined(loop, first, second))
    return loop


def _is_one(loop: Loop, first: Axis, second: Axis) -> bool:
    return all(
        _steps_together(place, first, second)
        for section in loop.sections
        for place in section.places
    )


def _steps_together(place: Dim, first: Axis, second: Axis) -> bool:
    wide, narrow = coefficient(place, first[0]), coefficient(place, second[0])
    return wide is not None and narrow is not None and wide == narrow * second[1]


def _joined(loop: Loop, first: Axis, second: Axis) -> Loop:
    """Let the second variable count through both axes."""
    both = (second[0], first[1] * second[1])

    def drop(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        return tuple(both if a == second else a for a in axes if a != first)

    def change(place: Dim) -> Dim:
        return dims.substitute(place, {first[0]: 0})

    body, tail = (section.at(change) for section in loop.sections)
    return replace(
        loop, outer=drop(loop.outer), inner=drop(loop.inner), body=body, tail=tail
    )
