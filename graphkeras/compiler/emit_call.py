"""Calls of kernels as machine code: their arrays, cut for the parts to be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from llvmlite import ir

from graphkeras.compiler.emit_index import Sizes
from graphkeras.compiler.emit_loop import epilogue_of
from graphkeras.compiler.emit_share import Parts
from graphkeras.compiler.indexing import variables
from graphkeras.compiler.loops import Loop
from graphkeras.compiler.lower import Call, types_of
from graphkeras.compiler.shares import Share
from graphkeras.ir.dims import SymbolicDim
from graphkeras.kernels.cpu.array import Array, contiguous
from graphkeras.kernels.cpu.emit import Emit, Index
from graphkeras.kernels.cpu.target import itemsize
from graphkeras.kernels.cpu.tile import Asking, Epilogue, Short
from graphkeras.kernels.cpu.value import Scalar
from graphkeras.runtime import link

LINE = 64  # bytes
Pointers = Mapping[Any, ir.Value]


def elements_of(nest: Loop, pointers: Pointers) -> dict[Any, Array]:
    """Return the memory of a loop's sources and targets, addressed by element."""
    arrays = {}
    for section in nest.sections:
        for i in section.code:
            if i.kind == "read":
                arrays[i.detail[0]] = i.dtype
        for store in section.stores:
            arrays[store.target] = section.code[store.arg].dtype
    return {
        place: Array(pointers[place], dtype, (), ()) for place, dtype in arrays.items()
    }


def emit_call(
    e: Emit, call: Call, pointers: Pointers, sizes: Sizes, parts: Parts
) -> None:
    """Call a kernel with its operands, results and scratch arrays."""
    arrays = _arrays(e, call, pointers, sizes)
    share = call.share
    if share is None:
        _run(e, call, arrays, _epilogue(e, call, pointers, sizes), sizes)
    elif share.parts:
        _run_parts(e, call, share, arrays, parts.fewer(e, share.parts), sizes)
    else:
        first, turns = parts.turns(e, share, sizes)
        own = _sliced(e, arrays, share, first, turns)
        epilogue = _epilogue(e, call, pointers, sizes)
        if epilogue is not None:
            epilogue = _moved(e, epilogue, share, arrays[-1], first)
        with e.when(e.gt(turns, 0)):
            if call.keep is None:
                _run(e, call, own, epilogue, sizes, (share, first))
            else:
                _run_late(e, call, own, epilogue, sizes, (share, first), pointers)


def _run_late(
    e: Emit,
    call: Call,
    arrays: list[Array],
    epilogue: Epilogue | None,
    sizes: Sizes,
    part: tuple[Share, Index],
    pointers: Pointers,
) -> None:
    """Make the rows that are named, or all if none may be behind; see `overdue`."""
    assert call.keep is not None and call.finish is not None
    nest = call.finish.nest
    ask = _asking(nest, elements_of(nest, pointers), sizes, part[1])
    note = Array(pointers[call.keep.late], "int32", (), ())
    late = e.ne(e.to_index(e.load(note, 0)), 0)
    with e.when_else(late) as (named, every):
        with named:
            _run(e, call, arrays, epilogue, sizes, part, ask=ask)
        with every:
            _run(e, call, arrays, epilogue, sizes, part)


def _arrays(e: Emit, call: Call, pointers: Pointers, sizes: Sizes) -> list[Array]:
    """Return operands and results."""
    arrays = []
    for view, operand in zip(call.operands, call.value.inputs, strict=True):
        dtype = operand.dtype
        pointer = e.address(pointers[view.source], dtype, sizes(view.offset))
        shape = tuple(sizes(n) for n in operand.shape)
        strides = tuple(sizes(n) for n in view.strides)
        arrays.append(Array(pointer, dtype, shape, strides))
    # A finished result may be a reshape of the kernel's own: it goes by the latter.
    for result, type_ in zip(call.results, types_of(call.value), strict=True):
        shape = tuple(sizes(n) for n in type_.shape)
        arrays.append(contiguous(pointers[result], type_.dtype, shape, e))
    return arrays


def _epilogue(e: Emit, call: Call, pointers: Pointers, sizes: Sizes) -> Epilogue | None:
    if call.finish is None:
        return None
    nest = call.finish.nest
    return epilogue_of(e, nest, call.finish.arg, elements_of(nest, pointers), sizes)


def _run(
    e: Emit,
    call: Call,
    arrays: list[Array],
    epilogue: Epilogue | None,
    sizes: Sizes,
    part: tuple[Share, Index] | None = None,
    **more: Any,
) -> None:
    # Attributes that only say how large a result is are seen in the arrays.
    attrs = {
        k: _attribute(v, sizes)
        for k, v in call.value.attrs
        if link.takes(call.kernel, k)
    }
    if part is not None and part[0].moves is not None:
        arrays, attrs = part[0].moves.part(e, arrays, attrs, part[1])
    if epilogue is not None:
        attrs["epilogue"] = epilogue
    if call.finish is not None and call.finish.once and link.takes(call.kernel, "once"):
        attrs["once"] = True
    attrs |= more
    link.kernel(call.kernel)(e, *arrays, **attrs)


def _asking(
    nest: Loop, arrays: Mapping[Any, Array], sizes: Sizes, first: Index
) -> Callable[[Emit, Index], None]:
    """Return what asks for all that is read of a row, counted from `first`."""
    width = sizes(nest.inner[-1][1])
    rows = dict.fromkeys(s for s, place, _ in nest.tail.reads() if variables(place))

    def ask(e: Emit, row: Index) -> None:
        start = e.mul(e.add(first, row), width)
        for source in rows:
            array = arrays[source]
            with e.loop(0, width, LINE // itemsize(array.dtype)) as column:
                e.prefetch(array, e.add(start, column))

    return ask


def _attribute(value: Any, sizes: Sizes) -> Any:
    """Return an attribute with its sizes as indices."""
    if isinstance(value, SymbolicDim):
        return sizes(value)
    if isinstance(value, tuple):
        return tuple(_attribute(v, sizes) for v in value)
    return value


# ---- cut


def _sliced(
    e: Emit, arrays: list[Array], share: Share, first: Index, turns: Index
) -> list[Array]:
    """Return the arrays, those that are cut from `first` on."""
    cut = dict(share.axes)
    return [
        _slice(e, array, cut[i], first, turns) if i in cut else array
        for i, array in enumerate(arrays)
    ]


def _slice(e: Emit, array: Array, axis: int, first: Index, turns: Index) -> Array:
    step = e.mul(first, array.strides[axis])
    shape = (*array.shape[:axis], turns, *array.shape[axis + 1 :])
    pointer = e.address(array.pointer, array.dtype, step)
    return replace(array, pointer=pointer, shape=shape)


def _moved(
    e: Emit, epilogue: Epilogue, share: Share, result: Array, first: Index
) -> Epilogue:
    """Return the epilogue told of rows and columns as the whole result has them."""
    axis = share.axes[-1][1]
    in_rows = axis != result.rank - 1
    above = e.mul(first, e.product(result.shape[axis + 1 : -1])) if in_rows else 0
    beside = 0 if in_rows else first

    def moved(
        inner: Emit, value: Scalar, row: Index, column: Index, lanes: int
    ) -> Scalar:
        row, column = inner.add(above, row), inner.add(beside, column)
        return epilogue(inner, value, row, column, lanes)

    if isinstance(epilogue, Short):
        return Short(moved)
    if not isinstance(epilogue, Asking):
        return moved
    ask = epilogue.ask
    return Asking(
        moved,
        lambda inner, row, column: ask(
            inner, inner.add(above, row), inner.add(beside, column)
        ),
    )


def _run_parts(
    e: Emit, call: Call, share: Share, arrays: list[Array], parts: Parts, sizes: Sizes
) -> None:
    """Let each part leave a result of its own, one behind the other."""
    *operands, result = arrays
    size = e.product(result.shape)
    with e.loop(parts.low, parts.high) as part:
        first = parts.first(e, share, sizes, part)
        turns = e.sub(parts.first(e, share, sizes, e.add(part, 1)), first)
        own = _sliced(e, operands, share, first, turns)
        pointer = e.address(result.pointer, result.dtype, e.mul(part, size))
        _run(e, call, [*own, replace(result, pointer=pointer)], None, sizes)
