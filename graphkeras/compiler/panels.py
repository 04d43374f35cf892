"""Products with weights that stay: by panels of them, laid out once."""

from __future__ import annotations

from typing import Any

from graphkeras.ir.value import Value
from graphkeras.ops.linalg import gemm
from graphkeras.ops.panels import panel_product, weight_panels

DTYPES = ("float32", "float64")
FEWEST = 1 << 13  # weights: of fewer the first-level cache holds all
FEW = 64  # columns of weights that lie well as they are, for more than one row
FEWEST_OF_ROW, FEW_OF_ROW = 1 << 10, 1  # ... for one row


def by_panels(value: Value) -> Value | None:
    """Return a product of two matrices by panels of the second, None if it is none.

    Nor are those of few weights, or few columns.
    """
    op: Any = gemm
    if value.op is not op.op or value.dtype not in DTYPES:
        return None
    x, w = value.inputs
    if (x.rank, w.rank) != (2, 2) or not all(isinstance(n, int) for n in w.shape):
        return None
    rows, columns = w.shape
    limits = (FEWEST_OF_ROW, FEW_OF_ROW) if x.shape[0] == 1 else (FEWEST, FEW)
    if rows * columns < limits[0] or columns <= limits[1]:
        return None
    made: Value = panel_product(x, weight_panels(w))
    return made
