"""Joining arrays end to end."""

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import cut
from graphkeras.kernels.cpu.emit import Emit, kernel, native_lanes
from graphkeras.kernels.cpu.loop import nest, stretch
from graphkeras.kernels.cpu.value import Index

Indices = tuple[Index, ...]


@cut(arrays=0, beside="axis")
@kernel
def concatenate(e: Emit, *arrays: Array, axis: int) -> None:
    """x[..., i, ...], ..., z[..., j, ...] -> out[..., i + ... + j, ...]: end to end.

    All arrays are in C order, so what lies behind the axis is one run of elements:

        x: aaa|aaa    z: bb|bb    out: aaabb|aaabb
    """
    *parts, out = arrays
    lanes = native_lanes(out.dtype)
    whole = e.product(out.shape[axis:])
    start: Index = 0
    for part in parts:
        run = e.product(part.shape[axis:])
        _copy_runs(
            e, part, out, e.product(part.shape[:axis]), (run, whole, start), lanes
        )
        start = e.add(start, run)


def _copy_runs(
    e: Emit,
    part: Array,
    out: Array,
    count: Index,
    sizes: tuple[Index, Index, Index],
    lanes: int,
) -> None:
    """Copy `count` runs of a part to where they belong in each run of the whole."""
    run, whole, start = sizes

    def one(indices: Indices) -> None:
        source = e.mul(indices[0], run)
        target = e.add(e.mul(indices[0], whole), start)

        def copy(i: Index, width: int) -> None:
            value = e.load(part, e.add(source, i), width)
            e.store(out, e.add(target, i), value)

        stretch(e, 0, run, lanes, copy)

    nest(e, (count,), one)
