"""The builder that the ops' ONNX rules speak to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras.errors import ExportError
from graphkeras.export.builder import Builder
from graphkeras.export.nodes import DTYPE_CODES
from graphkeras.ir import dims
from graphkeras.ir.dims import symbol
from graphkeras.ir.types import TensorType
from tests.export.building import close, kinds, run

BATCH, TIME = symbol("batch"), symbol("time")
FLOATS = TensorType("float32", (BATCH, TIME, 4))


def started(type_: TensorType = FLOATS) -> tuple[Builder, str]:
    b = Builder()
    return b, b.input("x", type_)


def test_dtype_numbers_are_those_of_onnx() -> None:
    from onnx import TensorProto

    names = {"float32": "FLOAT", "float64": "DOUBLE"}
    for name, code in DTYPE_CODES.items():
        assert TensorProto.DataType.Value(names.get(name, name.upper())) == code


def test_equal_constants_and_equal_nodes_are_one() -> None:
    b, x = started()
    assert b.scalar(2, "float32") == b.constant(np.float32(2))
    assert b.Mul(x, b.scalar(2, "float32")) == b.Mul(x, b.scalar(2, "float32"))
    assert b.Mul(x, b.scalar(2, "float32")) != b.Mul(x, b.scalar(3, "float32"))


def test_constants_are_told_apart_by_dtype_shape_and_sign_of_zero() -> None:
    b = Builder()
    arrays = [np.float32(0), np.float32(-0.0), np.float64(0), np.zeros(1, "float32")]
    assert len({b.constant(a) for a in arrays}) == len(arrays)


@pytest.mark.parametrize(
    "array",
    [np.array(["ä", ""], object), np.array("abc"), np.array([True]), np.zeros((0, 3)),
     np.float16(1.5), np.arange(3, dtype="uint64"), np.int8(-3)],
    ids=str,
)  # fmt: skip
def test_constants_of_every_kind_arrive(array: Any) -> None:
    b = Builder()
    kind = "string" if array.dtype.kind in "OU" else str(array.dtype)
    type_ = TensorType(kind, array.shape)
    (found,) = run(close(b, y=(b.constant(array), type_)))
    np.testing.assert_array_equal(found, array)


def test_names_come_from_the_layer() -> None:
    b, x = started()
    with b.at("model/dense"):
        assert b.Relu(x) == "model/dense/Relu"
        assert b.Relu(b.Relu(x)) == "model/dense/Relu_1"
    assert b.scalar(0.5, "float32") == "f32:0.5"


def test_attributes_are_typed_by_the_standard() -> None:
    b, x = started()
    y = b.Squeeze(b.Unsqueeze(b.LeakyRelu(x, alpha=2), b.ints((0,))), b.ints((0,)))
    y = b.Transpose(y, perm=(np.int64(0), 1, 2))
    data = -np.ones((1, 2, 4), "float32")
    (found,) = run(close(b, y=(y, FLOATS)), {"x": data})
    assert found[0, 0, 0] == -2


def test_unknown_attribute_is_refused() -> None:
    b, x = started()
    with pytest.raises(ExportError, match=r"Relu: opset 20 has no attribute 'slope'"):
        run(close(b, y=(b.Relu(x, slope=1), FLOATS)))


def test_operator_newer_than_the_opset_is_refused() -> None:
    b, x = started()
    with pytest.raises(ExportError, match=r"ai.onnx.RMSNormalization(.|\n)*newer"):
        run(close(b, y=(b.RMSNormalization(x, x, axis=-1), FLOATS)))


def test_operators_beyond_the_standard_are_refused() -> None:
    b, x = started()
    with pytest.raises(ExportError, match=r"com\.microsoft\.Gelu is not a standard"):
        b.Gelu(x, domain="com.microsoft")


def test_arrays_are_not_taken_for_names() -> None:
    b, x = started()
    with pytest.raises(TypeError, match=r"b.Add: expected names(.|\n)*b.scalar"):
        b.Add(x, 1.0)


def test_words_that_are_no_operator_are_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no 'softmax'"):
        _ = Builder().softmax


def test_operand_left_out_is_an_empty_name() -> None:
    b, x = started()
    y = b.Clip(x, None, b.scalar(1, "float32"))
    (found,) = run(close(b, y=(y, FLOATS)), {"x": np.full((1, 1, 4), 5, "float32")})
    assert found.max() == 1


# ----------------------------------------------------------------------------- sizes

SIZES = {
    "one input axis": BATCH,
    "sum and product": 2 * BATCH * TIME + 3,
    "power": BATCH * BATCH,
    "negative": BATCH - 7,
    "whole division": (BATCH + 1) // 2,
    "division below zero": (BATCH - 9) // 4,
    "remainder": (3 * BATCH + TIME) % 4,
    "remainder below zero": (BATCH - 5) % 3,
    "larger": dims.maximum(BATCH - 2, TIME),
    "nested": dims.maximum((BATCH + TIME) // 2 - 1, 0) * 5 % 7,
}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("sizes", [(0, 1), (1, 4), (5, 3), (12, 0)])
def test_sizes_are_computed_as_dims_does(name: str, sizes: tuple[int, int]) -> None:
    b, _ = started()
    y = b.shape((SIZES[name], 8))
    known = dict(zip(("batch", "time"), sizes))
    data = np.zeros((*sizes, 4), "float32")
    (found,) = run(close(b, y=(y, TensorType("int64", (2,)))), {"x": data})
    assert found.tolist() == [dims.evaluate(SIZES[name], known), 8]


def test_each_size_is_computed_once() -> None:
    b, _ = started()
    y = b.Concat(b.shape((BATCH, BATCH + TIME)), b.shape((BATCH + TIME,)), axis=0)
    run(close(b, y=(y, TensorType("int64", (3,)))), {"x": np.zeros((1, 1, 4), "f4")})
    assert kinds(b).count("Add") == 1
    assert kinds(b).count("Shape") == 2


def test_size_as_a_number_has_rank_0() -> None:
    b, _ = started()
    y = b.size(2 * BATCH, "int32")
    feeds = {"x": np.zeros((3, 1, 4), "float32")}
    (found,) = run(close(b, y=(y, TensorType("int32", ()))), feeds)
    assert found == 6 and found.shape == ()


def test_unknown_size_is_refused() -> None:
    b, _ = started()
    with pytest.raises(
        ExportError, match=r"'height' must be an axis(.|\n)*batch, time"
    ):
        b.shape((symbol("height"),))


SHAPES = [
    (BATCH * TIME, 4), (BATCH, 4 * TIME), (BATCH, TIME, 2, 2), (TIME, BATCH, 4),
    (4, BATCH * TIME), (4 * BATCH * TIME,), (BATCH, TIME, 4),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("sizes", [(0, 3), (2, 0), (2, 3)])
def test_reshape_is_right_at_every_size(shape: tuple, sizes: tuple[int, int]) -> None:
    b, x = started()
    y = b.reshape(x, shape)
    data = np.arange(np.prod(sizes) * 4, dtype="float32").reshape(*sizes, 4)
    (found,) = run(close(b, y=(y, TensorType("float32", shape))), {"x": data})
    known = dict(zip(("batch", "time"), sizes))
    expected = data.reshape([dims.evaluate(d, known) for d in shape])
    np.testing.assert_array_equal(found, expected)


def test_reshape_to_one_free_size_takes_a_constant() -> None:
    b, x = started()
    flat = TensorType("float32", (BATCH * TIME, 4))
    close(b, y=(b.reshape(x, flat.shape), flat))
    run(b, {"x": np.zeros((1, 1, 4), "float32")})
    assert kinds(b) == ["Reshape"]


@pytest.mark.parametrize("shape", [(3,), (BATCH, 3), (BATCH, 2, 3), (0, 2)], ids=str)
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("dtype", ["int64", "int32", "float32"])
def test_iota_counts_along_an_axis(shape: tuple, axis: int, dtype: str) -> None:
    b, _ = started()
    axis %= len(shape)
    type_ = TensorType(dtype, shape)
    feeds = {"x": np.zeros((4, 1, 4), "float32")}
    (found,) = run(close(b, y=(b.iota(type_, axis), type_)), feeds)
    sizes = type_.at({"batch": 4}).shape
    np.testing.assert_array_equal(found, np.indices(sizes)[axis].astype(dtype))


def test_cast_to_the_dtype_it_has_is_no_node() -> None:
    b, x = started()
    assert b.cast_to(x, "float32") == x
    assert b.cast_to(b.cast_to(x, "int32"), "int32") == "Cast"


# ---------------------------------------------------------------------- inner graphs


def test_if_takes_one_of_two_graphs() -> None:
    b, x = started(TensorType("float32", (BATCH,)))
    positive = b.Greater(b.ReduceSum(x, keepdims=0), b.scalar(0, "float32"))
    two = b.If(positive, lambda: (x, b.Neg(x)), lambda: (b.Neg(x), b.Neg(x)), outputs=2)
    y = b.Concat(*two, axis=0)
    b = close(b, y=(y, TensorType("float32", (2 * BATCH,))))
    assert [o.tolist() for o in run(b, {"x": np.float32([2])})] == [[2, -2]]
    assert [o.tolist() for o in run(b, {"x": np.float32([-2])})] == [[2, 2]]


def test_loop_carries_values_whose_shape_grows() -> None:
    b, x = started(TensorType("string", (BATCH,)))

    def double(i: str, text: str) -> tuple[str, str]:
        twice = b.Concat(text, text, axis=0)
        few = b.Less(b.Squeeze(b.Shape(twice)), b.scalar(10, "int64"))
        return few, twice

    y = b.Loop(double, x)
    grown = TensorType("string", (symbol("grown"),))
    (found,) = run(close(b, y=(y, grown)), {"x": np.array(["a", "b"], object)})
    assert found.tolist() == ["a", "b"] * 8


def test_loop_with_trips_stacks_what_each_round_gives() -> None:
    b = Builder()

    def step(i: str, total: str) -> tuple[str, str, str]:
        total = b.Add(total, i)
        return b.scalar(True, "bool"), total, total

    trips, zero = b.scalar(4, "int64"), b.scalar(0, "int64")
    total, sums = b.Loop(step, zero, trips=trips, scans=1)
    vector = TensorType("int64", (4,))
    found = run(close(b, y=(total, TensorType("int64", ())), s=(sums, vector)))
    assert [f.tolist() for f in found] == [6, [0, 1, 3, 6]]


def test_sizes_asked_for_inside_a_graph_are_computed_outside() -> None:
    b, _ = started()
    no = b.scalar(False, "bool")
    y = b.If(no, lambda: b.shape((TIME,)), lambda: b.shape((TIME + 1,)))
    feeds = {"x": np.zeros((1, 6, 4), "float32")}
    (found,) = run(close(b, y=(y, TensorType("int64", (1,)))), feeds)
    assert found.tolist() == [7]
    assert "Shape" in kinds(b)


def test_node_made_in_one_branch_is_made_again_in_the_other() -> None:
    b, x = started()
    yes = b.scalar(True, "bool")
    y = b.If(yes, lambda: b.Neg(b.Abs(x)), lambda: b.Abs(x))
    (found,) = run(close(b, y=(y, FLOATS)), {"x": np.ones((1, 1, 4), "float32")})
    assert found.max() == -1


def test_operators_of_the_machine_learning_domain() -> None:
    b, x = started(TensorType("string", (BATCH,)))
    y = b.LabelEncoder(
        x, domain="ai.onnx.ml", keys_strings=["cat", "dog"], values_int64s=[5, 6],
        default_int64=0,
    )  # fmt: skip
    y = close(b, y=(y, TensorType("int64", (BATCH,))))
    assert run(y, {"x": np.array(["dog", "?"], object)})[0].tolist() == [6, 0]


def test_refusal_names_the_layer_and_a_way_out() -> None:
    b = Builder()
    b.who = "model/hash"
    with pytest.raises(ExportError, match=r"model/hash: ONNX(.|\n)*string\.\n  Leave"):
        b.refuse("no operator gives the bytes of a string")


# --------------------------------------------------------------------- missing dtypes


def test_missing_kernel_is_computed_in_a_wider_dtype() -> None:
    b, x = started(TensorType("uint8", (BATCH,)))
    y = b.ReduceSum(x, keepdims=0)
    b = close(b, y=(y, TensorType("uint8", ())))
    (found,) = run(b, {"x": np.array([200, 100], "uint8")})
    assert found == 44 and found.dtype == "uint8"
    assert kinds(b) == ["Cast", "ReduceSum", "Cast"]
