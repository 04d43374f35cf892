"""Products of parts that were joined: when they are taken apart, and what they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.compiler.pipeline import passed
from tests.compiler.machine import BATCH, compiled, floats, traced


def product(*parts: Any) -> Any:
    *xs, w = parts
    return ops.relu(ops.concatenate(xs, axis=1) @ w)


def twice(x: Any, y: Any, w: Any) -> Any:
    joined = ops.concatenate([x, y], axis=1)
    return joined @ w, ops.sum(joined)


def below(x: Any, y: Any, w: Any) -> Any:
    return ops.concatenate([x, y], axis=0) @ w


def returned(x: Any, y: Any, w: Any) -> Any:
    joined = ops.concatenate([x, y], axis=1)
    return joined, joined @ w


# function, columns of the parts, columns of the result -> whether it is parted
CASES = [
    (product, (300, 100), 20, True),
    (product, (300, 40, 100), 33, True),
    (product, (300, 31), 20, False),
    (product, (40, 40), 21, False),
    (twice, (300, 100), 20, False),
    (returned, (300, 100), 20, False),
]


@pytest.mark.parametrize(("function", "widths", "columns", "parted"), CASES)
def test_what_only_a_product_reads_is_not_joined(
    function: Any, widths: tuple[int, ...], columns: int, parted: bool
) -> None:
    types = [floats(BATCH, n) for n in widths] + [floats(sum(widths), columns)]
    graph = passed(traced(function, *types))
    names = [value.op.name for value in graph.walk()]
    assert ("concatenate" in names) != parted
    assert names.count("gemm") == (len(widths) if parted else 1)


@pytest.mark.parametrize("rows", [1, 2, 3, 13, 33])
def test_parts_give_what_the_join_gives(rows: int) -> None:
    rng = np.random.default_rng(rows)
    sizes = [(rows, 300), (rows, 40), (rows, 101), (441, 33)]
    arrays = [rng.standard_normal(size).astype("float32") for size in sizes]
    types = [floats(BATCH, n) for _, n in sizes[:3]] + [floats(441, 33)]
    (found,) = compiled(product, *types).run(arrays)
    wanted = np.maximum(np.concatenate(arrays[:3], 1) @ arrays[3], 0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_rows_that_are_joined_stay_so() -> None:
    types = floats(BATCH, 300), floats(BATCH, 300), floats(300, 20)
    names = [v.op.name for v in passed(traced(below, *types)).walk()]
    assert "concatenate" in names
