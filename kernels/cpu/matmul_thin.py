"""Products of a matrix and one column: vectors run along k.

    a[i, :]     x x x x  x x x x | x x x x ...       lanes of k
    b[:]        x x x x  x x x x | x x x x ...
    out[i]      sum of all lanes

The order of the sums depends on the size of k alone.
"""

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, native_lanes
from graphkeras.kernels.cpu.loop import sum_lanes
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import Epilogue
from graphkeras.kernels.cpu.value import Index, Scalar, known

ROWS = 4
VECTORS = 2


def fits_column(a: Array, b: Array) -> bool:
    """Whether rows of a, and the column b, lie side by side in memory."""
    return known(a.strides[1]) == 1 and known(b.strides[0]) == 1


def multiply_column(e: Emit, a: Array, b: Array, out: Array, finish: Epilogue) -> None:
    """a[m, k], b[k, 1] -> out[m, 1]: each row's product with the column."""
    m = out.shape[0]
    start: Index = 0
    for rows in (ROWS, 1):
        stop = e.mul(e.floordiv(m, rows), rows)
        with e.loop(start, stop, rows) as i:
            for r, total in enumerate(_sums(e, a, i, b, rows)):
                at = e.add(i, r)
                value = finish(e, total, at, 0, 1)
                e.store(out, out.offset(e, (at, 0)), value)
        start = stop


def _sums(e: Emit, a: Array, first: Index, b: Array, rows: int) -> list[Scalar]:
    """a[first + r, :] . b for some rows."""
    lanes, k = native_lanes(a.dtype), b.shape[0]
    zero = e.constant(a.dtype, 0)
    sums = [
        [e.local(a.dtype, zero, lanes) for _ in range(VECTORS)] for _ in range(rows)
    ]
    step = lanes * VECTORS
    whole = e.mul(e.floordiv(k, step), step)

    def add(at: Index, live: Index) -> None:
        for v in range(VECTORS):
            place, left = e.add(at, v * lanes), e.sub(live, v * lanes)
            right = Term(e, e.load_some(b, place, lanes, left))
            for r, row in enumerate(sums):
                spot = e.add(e.mul(a.strides[0], e.add(first, r)), place)
                value = Term(e, e.load_some(a, spot, lanes, left))
                row[v].set(value.fma(right, Term(e, row[v].get())).scalar)

    with e.loop(0, whole, step) as at:
        add(at, step)
    rest = e.sub(k, whole)
    with e.when(e.gt(rest, 0)):
        add(whole, rest)
    pairs = ((Term(e, low.get()), Term(e, high.get())) for low, high in sums)
    return [sum_lanes(e, (low + high).scalar) for low, high in pairs]
