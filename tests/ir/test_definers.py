"""The definers: no facet may be forgotten, and a user's op is a full citizen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphkeras import ops
from graphkeras.autodiff import gradient
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import GradientError
from graphkeras.ir.op import OPS, input_value
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph

VECTOR = TensorType("float32", (3,))


@pytest.fixture(autouse=True)
def _table_put_back() -> Iterator[None]:
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


@pytest.mark.parametrize("missing", ["scalar", "vjp", "onnx"])
def test_a_forgotten_facet_is_an_error_at_definition(missing: str) -> None:
    facets: dict[str, Any] = {"scalar": "{0}", "vjp": None, "onnx": "Identity"}
    del facets[missing]
    with pytest.raises(TypeError, match=missing):
        ops.elementwise(**facets)


def test_a_number_in_a_scalar_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="set the precision"):
        ops.elementwise(scalar="{0} * 2", vjp=None, onnx="Identity")


def test_an_op_of_ones_own_compiles_and_has_its_gradient() -> None:
    @ops.elementwise(scalar="{0} * {0} * {0}", vjp=lambda g, y, x: g * 3 * x * x,
                     onnx=lambda b, y, x: b.Mul(x, b.Mul(x, x)))  # fmt: skip
    def cube(x):  # type: ignore[no-untyped-def]
        """x cubed."""
        return x * x * x

    x = input_value("x", VECTOR)
    (slope,) = gradient(ops.sum(cube(x)), [x])
    found = compile_graph(Graph((x,), (cube(x), slope)), name="cube")
    numbers = np.float32([1, 2, 3])
    y, dy = found.run([numbers], [])
    np.testing.assert_allclose(y, numbers**3)
    np.testing.assert_allclose(dy, 3 * numbers**2)


def test_a_missing_gradient_names_the_op() -> None:
    @ops.composite(vjp=ops.nondifferentiable)
    def frozen(x: Any) -> Any:
        """x, without a gradient."""
        return ops.multiply(x, 1.0)

    x = input_value("x", VECTOR)
    with pytest.raises(GradientError, match="frozen has no gradient"):
        gradient(ops.sum(frozen(x)), [x])


def test_a_composite_without_rules_leaves_no_node() -> None:
    assert ops.silu.op.expands
    assert ops.silu(input_value("x", VECTOR)).op is OPS["multiply"]
    assert ops.softmax(input_value("x", VECTOR)).op is OPS["softmax"]


def test_positional_attributes_follow_the_signature() -> None:
    x = np.ones((2, 3), "float32")
    assert ops.sum(x, 0, True).shape == (1, 3)
    with pytest.raises(TypeError, match=r"sum.*unexpected keyword"):
        ops.sum(x, axes=0)


def test_an_operand_that_is_missing_is_named() -> None:
    with pytest.raises(TypeError, match="add: expected a tensor"):
        ops.add(np.ones(2), None)
