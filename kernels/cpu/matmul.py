"""Matrix products of any strides, sizes and dtypes.

float32 and float64 go through the register tile, in three nested blocks:

    k by DEPTH         so that a panel of b stays in the first-level cache
      rows by HEIGHT   so that the part of a stays in the second-level cache
        panels of b    packed side by side, turned if b is a transposed view
          tiles

Other dtypes, and views no axis of which is contiguous, go through plain blocks.
"""

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut, summed
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.loop import nest
from graphkeras.kernels.cpu.pack import copy_rows, pack_panel, pack_turned
from graphkeras.kernels.cpu.target import accumulator, itemsize
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import (
    DTYPES,
    Epilogue,
    Panel,
    Result,
    Walk,
    panels,
    rows_for,
    strips,
    tile,
    vectors_for,
)
from graphkeras.kernels.cpu.value import Index, known

ROWS = 4  # of the plain block
VECTORS = 2
DEPTH = 256  # 256 rows of 32 columns of float32 are 32 KiB
HEIGHT = 40  # tiles: 40 * 13 rows of 256 are 520 KiB
PAGE = 4096  # rows this far apart share their cache sets


@cut(a=-4, b=-4, out=-4)
@cut(a=-3, b=-3, out=-3)
@cut(a=-2, out=-2)
@cut(b=-1, out=-1, grain=64)
@summed(a=-1, b=-2)
@kernel
def gemm(
    e: Emit, a: Array, b: Array, out: Array, *, epilogue: Epilogue | None = None
) -> None:
    """a[..., m, k], b[..., k, n] -> out[..., m, n]: product, accumulated in float32.

    Other dtypes than the half floats are accumulated in out's own. Batch axes of size
    1 are repeated. `epilogue(e, value, row, column, lanes)` is applied to each result
    before it is stored; row counts through the batch axes.
    """
    batch = out.shape[:-2]

    def one(index: tuple[Index, ...]) -> None:
        x, y, z = _matrix(e, a, index), _matrix(e, b, index), out.at(e, *index)
        first: Index = 0
        for size, position in zip(batch, index):
            first = e.add(e.mul(first, size), position)
        first = e.mul(first, out.shape[-2])
        if _fits_tile(a, b, out):
            multiply_tiled(e, x, y, z, epilogue, first)
        else:
            multiply(e, x, y, z, _finish(epilogue, first))

    nest(e, batch, one)


def _matrix(e: Emit, array: Array, index: tuple[Index, ...]) -> Array:
    """The matrix at a batch index, which broadcasts."""
    leading = array.rank - 2
    own = index[len(index) - leading :]
    places: list[Index] = []
    for position, size in zip(own, array.shape):
        if known(size) is None:
            places.append(e.choose(e.eq(size, 1), 0, position))
        else:
            places.append(0 if size == 1 else position)
    return array.at(e, *places)


def _finish(epilogue: Epilogue | None, first: Index) -> Epilogue:
    """The epilogue with rows counted from `first`, or nothing to do."""
    if epilogue is None:
        return lambda e, value, row, column, lanes: value
    return lambda e, value, row, column, lanes: epilogue(
        e, value, e.add(first, row), column, lanes
    )


def _fits_tile(a: Array, b: Array, out: Array) -> bool:
    """Whether the tile can read b: one dtype, and columns or rows side by side."""
    same = a.dtype == b.dtype == out.dtype and out.dtype in DTYPES
    return same and 1 in (known(b.strides[-1]), known(b.strides[-2]))


def multiply_tiled(
    e: Emit, a: Array, b: Array, out: Array, epilogue: Epilogue | None, first: Index
) -> None:
    """a[m, k], b[k, n] -> out[m, n] by register tiles."""
    (m, n), k = out.shape, a.shape[1]
    vectors = vectors_for(out.dtype, m, n)
    lanes, most = native_lanes(out.dtype), rows_for(vectors)
    width = vectors * lanes
    # Even an empty sum has to be written: there is always a first block.
    blocks = e.maximum(1, e.ceildiv(k, DEPTH))
    packed = Array(e.scratch(out.dtype, DEPTH * width), out.dtype, (), ())
    with e.loop(0, blocks) as block:
        start = e.mul(block, DEPTH)
        depth = e.minimum(DEPTH, e.sub(k, start))
        fresh, last = e.eq(block, 0), e.eq(block, e.sub(blocks, 1))
        height = HEIGHT * most
        with e.loop(0, m, height) as top:
            bottom = e.minimum(m, e.add(top, height))
            if (rows := known(m)) is not None and rows <= height:
                bottom = m

            def panel(column: Index, cut: Panel) -> None:
                part, part_step = _panel(e, a, b, (start, column), depth, cut, packed)

                def strip(row: Index, rows: int) -> None:
                    left, left_row, left_k = _rows(e, a, (row, start), rows, depth)
                    to = out.at(e, row, column)
                    step, above = out.strides[0], e.add(first, row)
                    result = Result(to, step, fresh, last, epilogue, above, column)
                    walk = Walk(depth, left_k, part_step)
                    tile(e, rows, cut, left, left_row, part, [walk], result)

                strips(e, top, bottom, most, strip)

            panels(e, n, vectors, lanes, panel)


def _panel(
    e: Emit,
    a: Array,
    b: Array,
    start: tuple[Index, Index],
    depth: Index,
    cut: Panel,
    packed: Array,
) -> tuple[Array, Index]:
    """The panel of b as the tile reads it, and the step between its rows."""
    part = b.at(e, *start)
    width = cut.vectors * cut.lanes
    if known(b.strides[1]) != 1:
        pack_turned(e, part, b.strides[1], depth, cut, packed)
        return packed, width
    if _worth_packing(a, b, cut):
        pack_panel(e, part, b.strides[0], depth, cut, packed)
        return packed, width
    return part, b.strides[0]


def _worth_packing(a: Array, b: Array, cut: Panel) -> bool:
    """Whether enough rows share a panel, and its own rows lie far apart.

    A narrower last panel is packed once more than a few rows use it, too: then the
    mask is paid for once.
    """
    rows, columns = known(a.shape[0]), known(b.shape[1])
    full = known(cut.live) == cut.vectors * cut.lanes
    many = rows is None or rows > 2 * rows_for(cut.vectors)
    return many and (not full or columns is None or columns > 4 * cut.lanes)


def _rows(
    e: Emit, a: Array, start: tuple[Index, Index], rows: int, depth: Index
) -> tuple[Array, Index, Index]:
    """Rows of a as the tile reads them, the step between them and that along k."""
    part = a.at(e, *start)
    pitch = known(a.strides[0])
    crowded = pitch is not None and pitch * itemsize(a.dtype) % PAGE == 0
    if known(a.strides[1]) != 1 or not crowded or pitch == 0 or rows < 8:
        return part, a.strides[0], a.strides[1]
    apart = DEPTH + 16
    copy = Array(e.scratch(a.dtype, rows * apart), a.dtype, (), ())
    copy_rows(e, part, a.strides[0], rows, depth, copy, apart)
    return copy, apart, 1


def multiply(e: Emit, a: Array, b: Array, out: Array, finish: Epilogue) -> None:
    """a[m, k], b[k, n] -> out[m, n] by blocks of rows and vectors of columns."""
    m, n = out.shape
    contiguous = known(b.strides[1]) == 1
    lanes = native_lanes(out.dtype) if contiguous else 1
    widths = [(lanes, VECTORS), (lanes, 1), (1, 1)] if lanes > 1 else [(1, 1)]
    row: Index = 0
    for rows in (ROWS, 1):
        stop = e.mul(e.floordiv(m, rows), rows)
        with e.loop(row, stop, rows) as i:
            column: Index = 0
            for width, vectors in widths:
                step = width * vectors
                end = e.mul(e.floordiv(n, step), step)
                with e.loop(column, end, step) as j:
                    _block(e, a, b, out, finish, (i, rows), (j, width, vectors))
                column = end
        row = stop


def _block(
    e: Emit,
    a: Array,
    b: Array,
    out: Array,
    finish: Epilogue,
    row: tuple[Index, int],
    column: tuple[Index, int, int],
) -> None:
    """Rows i.. by vectors j.. of the result, summed in registers."""
    (i, rows), (j, lanes, vectors) = row, column
    dtype = accumulator(out.dtype)
    zero = e.constant(dtype, 0)
    sums = [[e.local(dtype, zero, lanes) for _ in range(vectors)] for _ in range(rows)]
    columns = [e.add(j, v * lanes) for v in range(vectors)]
    with e.loop(0, a.shape[1]) as k:
        right = [_read(e, b, b.offset(e, (k, c)), dtype, lanes) for c in columns]
        for r in range(rows):
            left = _read(e, a, a.offset(e, (e.add(i, r), k)), dtype, 1)
            spread = Term(e, e.splat(left.scalar, lanes))
            for v in range(vectors):
                total = sums[r][v]
                total.set((spread * right[v] + Term(e, total.get())).scalar)
    for r in range(rows):
        for v in range(vectors):
            at = e.add(i, r)
            value = e.cast(sums[r][v].get(), out.dtype)
            value = finish(e, value, at, columns[v], lanes)
            e.store(out, out.offset(e, (at, columns[v])), value)


def _read(e: Emit, array: Array, offset: Index, dtype: str, lanes: int) -> Term:
    return Term(e, e.cast(e.load(array, offset, lanes), dtype))
