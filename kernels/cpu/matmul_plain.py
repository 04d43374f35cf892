"""Matrix products that fit no tile, by plain blocks: any dtypes, any strides."""

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, native_lanes
from graphkeras.kernels.cpu.target import accumulator
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import Epilogue
from graphkeras.kernels.cpu.value import Index, known

ROWS = 4
VECTORS = 2


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
