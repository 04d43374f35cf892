"""Copies of matrix parts into small buffers, laid out as a tile reads them."""

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.loop import stretch
from graphkeras.kernels.cpu.target import native_lanes
from graphkeras.kernels.cpu.tile import Panel
from graphkeras.kernels.cpu.value import Index, Scalar


def pack_panel(
    e: Emit, b: Array, row_step: Index, rows: Index, panel: Panel, to: Array
) -> None:
    """b[k, column] -> to[k, width]: columns side by side in memory, zeros behind."""
    lanes, width = panel.lanes, panel.vectors * panel.lanes
    with e.loop(0, rows) as k:
        for v in range(panel.vectors):
            place = e.add(e.mul(k, row_step), v * lanes)
            value = e.load_some(b, place, lanes, panel.left(e, v))
            e.store(to, e.add(e.mul(k, width), v * lanes), value)


def pack_turned(
    e: Emit, b: Array, column_step: Index, rows: Index, panel: Panel, to: Array
) -> None:
    """b[column, k] -> to[k, width]: blocks of lanes x lanes turned in registers."""
    lanes, width = panel.lanes, panel.vectors * panel.lanes
    whole = e.mul(e.floordiv(rows, lanes), lanes)
    last = e.sub(panel.live, 1)

    def start(column: int) -> Index:
        # A column that does not exist repeats the last one; its sums are not stored.
        return e.mul(e.minimum(column, last), column_step)

    with e.loop(0, whole, lanes) as k:
        for v in range(panel.vectors):
            block = [
                e.load(b, e.add(start(v * lanes + j), k), lanes) for j in range(lanes)
            ]
            for j, turned in enumerate(transpose(e, block)):
                place = e.add(e.mul(e.add(k, j), width), v * lanes)
                e.store(to, place, turned)
    with e.loop(whole, rows) as k, e.loop(0, width) as column:
        source = e.mul(e.minimum(column, last), column_step)
        e.store(to, e.add(e.mul(k, width), column), e.load(b, e.add(source, k)))


def transpose(e: Emit, rows: list[Scalar]) -> list[Scalar]:
    """Rows of a square block to its columns, exchanging ever larger corners."""
    size, block = len(rows), list(rows)
    distance = 1
    while distance < size:
        for i in range(size):
            if i & distance:
                continue
            j = i | distance
            low, high = [], []
            for lane in range(size):
                # Lanes below the corner come from row i, those above from row j.
                odd = bool(lane & distance)
                low.append(size + (lane ^ distance) if odd else lane)
                high.append(size + lane if odd else lane | distance)
            pair = block[i], block[j]
            block[i], block[j] = e.shuffle(*pair, low), e.shuffle(*pair, high)
        distance *= 2
    return block


def copy_rows(
    e: Emit,
    a: Array,
    row_step: Index,
    rows: Index,
    columns: Index,
    to: Array,
    pitch: int,
) -> None:
    """a[r, k] -> to[r, pitch]: rows moved apart, off the same cache sets."""
    lanes = native_lanes(a.dtype)
    with e.loop(0, rows) as r:

        def copy(k: Index, width: int) -> None:
            value = e.load(a, e.add(e.mul(row_step, r), k), width)
            e.store(to, e.add(e.mul(r, pitch), k), value)

        stretch(e, 0, columns, lanes, copy)


def copy_strip(
    e: Emit,
    a: Array,
    k_step: Index,
    count: Index,
    live: Index,
    to: Array,
    rows: int,
) -> None:
    """a[k, r] -> to[k, rows]: `live` rows side by side in memory, k after k.

    What a vector holds beyond them is written over by the next k; behind the last
    there must be room for a vector.
    """
    lanes = native_lanes(a.dtype)
    with e.loop(0, count) as k:
        for first in range(0, rows, lanes):
            left = e.minimum(lanes, e.maximum(0, e.sub(live, first)))
            value = e.load_some(a, e.add(e.mul(k, k_step), first), lanes, left)
            e.store(to, e.add(e.mul(k, rows), first), value)
