"""Resampling along an axis: cells of the result are weighted cells of the operand.

Which cells and which weights stand in tables; `graphkeras.ops.resize` makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir.definers import require, structured
from graphkeras.ir.dims import Dim
from graphkeras.ir.types import TensorType, normalize_axis
from graphkeras.ops.compare import equal, where
from graphkeras.ops.creation import cast, positions
from graphkeras.ops.index import gather, scatter_add
from graphkeras.ops.math import multiply, subtract
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import expand_dims, moveaxis, ndim, reshape, shape_of

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _around(table: np.ndarray, rank: int, axis: int) -> np.ndarray:
    """A table of one number a cell, shaped to lie along `axis`."""
    return table.reshape([-1 if i == axis else 1 for i in range(rank)])


def _along(x: TensorType, cells: Dim, kind: str, axis: int) -> TensorType:
    return TensorType(kind, (*x.shape[:axis], cells, *x.shape[axis + 1 :]))


def _axis(x: TensorType, *_: TensorType, axis: int) -> dict[str, Any]:
    return {"axis": normalize_axis(axis, x.rank)}


def _with_tables(kinds: Any) -> list[str]:
    """Places are int32; weights are float32, or float64 where anything is."""
    work = "float64" if "float64" in kinds else "float32"
    return [
        dtypes.resolve(kinds[0]),
        *(work if dtypes.is_float(k) else "int32" for k in kinds[1:]),
    ]


# -------------------------------------------------------------------- weighted cells


def _resample_type(
    x: TensorType, places: TensorType, weights: TensorType, *, axis: int
) -> TensorType:
    require(places.shape == weights.shape and places.rank == 2,
            "places and weights must be matrices of one shape")  # fmt: skip
    return _along(x, places.shape[0], weights.dtype, axis)


def _spread(g: Any, x: Any, places: Any, weights: Any, axis: int) -> tuple[Any, Any]:
    """Return the gradients of cells and of weights."""
    rank = ndim(g)
    front = moveaxis(g, axis, 0)
    cells = cast(moveaxis(x, axis, 0), g.dtype)
    tail = (1,) * (rank - 1)
    wide = reshape(weights, (*shape_of(weights), *tail))
    parts = multiply(expand_dims(front, 1), wide)
    dx = moveaxis(scatter_add(places, parts, size=shape_of(x)[axis]), 0, axis)
    taps = gather(cells, places, axis=0)
    dw = sum(multiply(expand_dims(front, 1), taps), axis=tuple(range(2, rank + 1)))
    return cast(dx, x.dtype) if dtypes.is_float(x.dtype) else None, dw


def _resample_vjp(g: Any, y: Any, x: Any, places: Any, weights: Any) -> Any:
    dx, dw = _spread(g, x, places, weights, y.axis)
    return dx, None, dw


_WRITTEN_OUT = 8  # taps that are written one after another; more go round a loop


def _resample_onnx(b: Any, y: Any, x: Any, places: Any, weights: Any) -> Any:
    """Tap after tap, so that sums are rounded as everywhere else.

    A product with a matrix of the weights would be faster and differ in the last bit,
    by which some bytes round the other way.
    """
    taps, tail = y.inputs[1].shape[1], y.type.rank - 1 - y.axis

    def tap(t: Any) -> Any:
        cells = b.Gather(x, b.Gather(places, t, axis=1), axis=y.axis)
        weight = b.Gather(weights, t, axis=1)
        weight = b.Unsqueeze(weight, b.ints(range(1, tail + 1))) if tail else weight
        return b.Mul(b.cast_to(cells, y.dtype), weight)

    total = tap(b.scalar(0, "int64"))
    if isinstance(taps, int) and taps <= _WRITTEN_OUT:
        for t in range(1, taps):
            total = b.Add(total, tap(b.scalar(t, "int64")))
        return total
    one = b.scalar(1, "int64")

    def step(i: Any, sum_: Any) -> tuple[Any, Any]:
        go_on = b.Identity(b.scalar(True, "bool"))
        return go_on, b.Add(sum_, tap(b.Add(i, one)))

    return b.Loop(step, total, trips=b.size(taps - 1), types=[y.dtype])


@structured(
    infer=_resample_type, kernel="image.resample", vjp=_resample_vjp,
    onnx=_resample_onnx, promote=_with_tables, canonical=_axis,
)  # fmt: skip
def resample(x: Tensor, places: Tensor, weights: Tensor, *, axis: int) -> Any:
    """Sum over taps t of x[places[:, t]] * weights[:, t] along `axis`."""
    sizes = (*x.shape[:axis], len(places), *x.shape[axis + 1 :])
    total = np.zeros(sizes, weights.dtype)
    if not x.shape[axis]:
        return total
    for place, weight in zip(places.T, weights.T):
        cells = np.take(x, np.clip(place, 0, x.shape[axis] - 1), axis)
        total += cells.astype(weights.dtype) * _around(weight, x.ndim, axis)
    return total


# ---------------------------------------------------------------- between four cells


def _bilinear_type(
    x: TensorType, rows: TensorType, down: TensorType, columns: TensorType,
    across: TensorType, *, axis: int,
) -> TensorType:  # fmt: skip
    for places, share in ((rows, down), (columns, across)):
        require(places.shape == (*share.shape, 2) and share.rank == 1,
                "expected two places and one share for each cell")  # fmt: skip
    sizes = (*x.shape[:axis], *down.shape, *across.shape, *x.shape[axis + 2 :])
    return TensorType(down.dtype, sizes)


def _shares(share: Any) -> Any:
    """Weights of the two places of each cell."""
    second = equal(positions(share, (1, 2), 1), 1)
    after = expand_dims(share, 1)
    return where(second, after, subtract(1.0, after))


def _bilinear_vjp(
    g: Any, y: Any, x: Any, rows: Any, down: Any, columns: Any, across: Any
) -> tuple:
    axis = y.axis
    lines = resample(x, columns, _shares(across), axis=axis + 1)
    dlines, dw = _spread(g, lines, rows, _shares(down), axis)
    dx, dv = _spread(dlines, x, columns, _shares(across), axis + 1)
    return dx, None, subtract(dw[:, 1], dw[:, 0]), None, subtract(dv[:, 1], dv[:, 0])


def _bilinear_onnx(
    b: Any, y: Any, x: Any, rows: Any, down: Any, columns: Any, across: Any
) -> Any:
    """Two cells of each row, then two of these rows."""
    for axis, places, share in ((y.axis + 1, columns, across), (y.axis, rows, down)):
        first, second = (
            b.cast_to(b.Gather(x, b.Gather(places, b.scalar(k, "int64"), axis=1),
                               axis=axis), y.dtype)
            for k in (0, 1)
        )  # fmt: skip
        tail = y.type.rank - 1 - axis
        part = b.Unsqueeze(share, b.ints(range(1, tail + 1))) if tail else share
        x = b.Add(first, b.Mul(b.Sub(second, first), part))
    return x


@structured(
    infer=_bilinear_type, kernel="image.bilinear", vjp=_bilinear_vjp,
    onnx=_bilinear_onnx, promote=_with_tables, canonical=_axis,
)  # fmt: skip
def bilinear(
    x: Tensor, rows: Tensor, down: Tensor, columns: Tensor, across: Tensor, *, axis: int
) -> Any:
    """Cells between four: along `axis` + 1 in two rows first, then along `axis`.

    rows, columns: (cells, 2), the places before and after; down, across: (cells,), how
    far each is from the first.
    """
    for at, places, share in ((axis + 1, columns, across), (axis, rows, down)):
        first, second = (np.take(x, p, at).astype(share.dtype) for p in places.T)
        x = first + (second - first) * _around(share, x.ndim, at)
    return x
