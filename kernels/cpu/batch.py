"""Feeding batches: rows of a data set in an order, and the order itself."""

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from graphkeras.kernels.cpu.array import Array, contiguous
from graphkeras.kernels.cpu.emit import Emit, kernel
from graphkeras.kernels.cpu.functions import threefry2x32
from graphkeras.kernels.cpu.loop import stretch
from graphkeras.kernels.cpu.target import itemsize, native_lanes
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.value import Index, Scalar
from graphkeras.kernels.random import threefry2x32 as threefry_words

LINE = 64  # bytes of a cache line
AHEAD = 4096  # bytes that are on their way while others are copied
WORDS = 64  # made at a time


@kernel
def gather_rows(
    e: Emit,
    source_pointer: ir.Value,
    source_dtype: str,
    order_pointer: ir.Value,
    start: Index,
    count: Index,
    columns: tuple[Index, Index],
    out: Array,
) -> None:
    """source[r, ...], order[r], start, count -> out[b, ...]: rows order[start + i].

    Of each row so many elements from one on: `columns` is (first, width). Both arrays
    are in C order; elements are cast to out's dtype. Rows in no order are far apart in
    a memory that is slow to answer, so those AHEAD bytes on are asked for while one is
    copied.
    """
    size = e.product(out.shape[1:])
    source = contiguous(source_pointer, source_dtype, (0, size), e)
    order = contiguous(order_pointer, "int64", (0,), e)
    line = LINE // itemsize(source_dtype)
    begin, width = columns
    ahead = e.floordiv(AHEAD // itemsize(source_dtype), e.maximum(width, 1))
    last = e.sub(count, 1)
    whole = e.mul(e.floordiv(width, line), line)
    lanes = min(line, *map(native_lanes, (source_dtype, out.dtype)))

    def first_of(number: Index) -> Index:
        row = e.load(order, e.add(start, number)).value
        return e.add(e.mul(row, size), begin)

    with e.loop(0, count) as i:
        first, place = first_of(i), e.add(e.mul(i, size), begin)
        later = first_of(e.minimum(e.add(i, e.add(ahead, 1)), last))

        def copy(j: Index, together: int) -> None:
            value = e.load(source, e.add(first, j), together)
            e.store(out, e.add(place, j), e.cast(value, out.dtype))

        with e.loop(0, whole, line) as j:
            e.prefetch(source, e.add(later, j))
            for part in range(0, line, lanes):
                copy(e.add(j, part), lanes)
        e.prefetch(source, e.add(later, e.sub(width, 1)))
        stretch(e, whole, width, lanes, copy)


@kernel
def permutation(
    e: Emit, key0: Scalar, key1: Scalar, count: Index, out_pointer: ir.Value
) -> None:
    """key0, key1, count -> out[count]: a shuffled 0, 1, ..., count - 1 as int64.

    Fisher and Yates from the end: i changes places with word(i) * (i + 1) >> 32. Words
    are made in vectors, some before they are needed.
    """
    out = contiguous(out_pointer, "int64", (count,), e)
    words = Array(e.scratch("uint32", WORDS), "uint32", (WORDS,), (1,))
    lanes = native_lanes("uint32")
    first, second = (Term(e, e.splat(key, lanes)) for key in (key0, key1))
    with e.loop(0, count) as i:
        e.store(out, i, Scalar(i, "int64"))
    with e.loop(0, e.ceildiv(count, WORDS)) as turn:
        low = e.mul(e.sub(e.ceildiv(count, WORDS), e.add(turn, 1)), WORDS)
        with e.loop(0, WORDS, lanes) as k:
            number = Term(e, e.from_index(e.add(low, k), "uint32", lanes))
            e.store(words, k, threefry2x32(first, second, number).scalar)
        stop = e.minimum(e.add(low, WORDS), count)
        with e.loop(0, e.sub(stop, e.maximum(low, 1))) as step:
            i = e.sub(stop, e.add(step, 1))
            word = Term(e, e.load(words, e.sub(i, low))).cast("uint64")
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
