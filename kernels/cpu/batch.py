"""Feeding batches: rows of a data set in an order, and the order itself."""

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from graphkeras.kernels.cpu.array import Array, contiguous
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.functions import threefry2x32
from graphkeras.kernels.cpu.loop import stretch
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar
from graphkeras.kernels.random import threefry2x32 as threefry_words


@kernel
def gather_rows(
    e: Emit,
    source_pointer: ir.Value,
    source_dtype: str,
    order_pointer: ir.Value,
    start: Index,
    count: Index,
    out: Array,
) -> None:
    """source[r, ...], order[r], start, count -> out[b, ...]: rows order[start + i].

    Both arrays are in C order; elements are cast to out's dtype.
    """
    size = e.product(out.shape[1:])
    source = contiguous(source_pointer, source_dtype, (0, size), e)
    order = contiguous(order_pointer, "int64", (0,), e)
    lanes = native_lanes("float32")
    with e.loop(0, count) as i:
        row = e.load(order, e.add(start, i)).value
        first, place = e.mul(row, size), e.mul(i, size)

        def copy(
            j: Index, width: int, first: Index = first, place: Index = place
        ) -> None:
            value = e.load(source, e.add(first, j), width)
            e.store(out, e.add(place, j), e.cast(value, out.dtype))

        stretch(e, 0, size, lanes, copy)


@kernel
def permutation(
    e: Emit, key0: Scalar, key1: Scalar, count: Index, out_pointer: ir.Value
) -> None:
    """key0, key1, count -> out[count]: a shuffled 0, 1, ..., count - 1 as int64.

    Fisher and Yates from the end: i changes places with word(i) * (i + 1) >> 32.
    """
    out = contiguous(out_pointer, "int64", (count,), e)
    with e.loop(0, count) as i:
        e.store(out, i, Scalar(i, "int64"))
    with e.loop(1, count) as step:
        i = e.sub(count, step)
        number = Term(e, e.from_index(i, "uint32"))
        word = threefry2x32(Term(e, key0), Term(e, key1), number).cast("uint64")
        j = ((word * Term(e, e.from_index(e.add(i, 1), "uint64"))) >> 32).raw
        mine, other = e.load(out, i), e.load(out, j)
        e.store(out, i, other)
        e.store(out, j, mine)


def gather_rows_reference(
    source: NDArray[np.generic], order: NDArray[np.int64], start: int, count: int
) -> NDArray[np.generic]:
    """The rows that gather_rows copies."""
    return source[order[start : start + count]]


def permutation_reference(key0: int, key1: int, count: int) -> NDArray[np.int64]:
    """The order that permutation writes."""
    order = np.arange(count, dtype=np.int64)
    steps = np.arange(count, dtype=np.uint64)
    words = threefry_words(key0, key1, steps).astype(np.uint64)
    swaps = (words * (steps + np.uint64(1))) >> np.uint64(32)
    for i in range(count - 1, 0, -1):
        j = int(swaps[i])
        order[i], order[j] = order[j], order[i]
    return order
