"""The language kernels are written in: indices, control flow, values, memory."""

import ast
import itertools
import operator

import ml_dtypes
import numpy as np
import pytest

from graphkeras.kernels.cpu.emit import Scalar, known
from graphkeras.kernels.cpu.loop import elementwise
from graphkeras.kernels.cpu.scalar import evaluate
from graphkeras.kernels.scalar_names import FUNCTIONS
from tests.kernels.machine import Machine

HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
NUMBERS = [f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32, 64)]
DTYPES = ["bool", *NUMBERS, "float16", "bfloat16", "float32", "float64"]


def dtype_of(name):
    """A NumPy dtype, of NumPy or of ml_dtypes."""
    return np.dtype(HALVES.get(name, name))


def put(e, out, place, index):
    """out[place] = index"""
    e.store(out, place, Scalar(e.index(index), "int64"))


def run(case, *arrays):
    """Run one case."""
    machine = Machine()
    machine.add(case, *arrays)
    machine.run()


def test_index_arithmetic_folds_and_agrees_with_python():
    pairs = [(a, b) for a in (-7, -1, 0, 1, 5, 16) for b in (1, 3, 4, 7)]
    out = np.zeros((len(pairs), 6), np.int64)
    numbers = np.array(pairs)

    def case(e, numbers, out):
        for row, (x, y) in enumerate(pairs):
            assert known(e.floordiv(x, y)) == x // y
            a = e.load(numbers, 2 * row).value
            b = e.load(numbers, 2 * row + 1).value
            results = [e.floordiv(a, b), e.floordiv(a, y), e.mod(a, b), e.mod(a, y)]
            results += [e.minimum(a, b), e.maximum(a, b)]
            for column, result in enumerate(results):
                put(e, out, 6 * row + column, result)

    run(case, numbers, out)
    for (x, y), row in zip(pairs, out):
        assert [*row] == [x // y, x // y, x % y, x % y, min(x, y), max(x, y)]


@pytest.mark.parametrize("fixed", [True, False])
def test_loop_runs_as_range_does(fixed):
    ranges = [(0, 0, 1), (3, 3, 1), (5, 2, 1), (0, 1, 1), (2, 9, 3), (0, 4, 1)]
    out = np.zeros((len(ranges), 2), np.int64)
    bounds = np.array(ranges)

    def case(e, bounds, out):
        for row, numbers in enumerate(ranges):
            limits = numbers
            if not fixed:
                limits = [e.load(bounds, 3 * row + i).value for i in range(3)]
            with e.loop(*limits) as i:
                for column, add in ((0, 1), (1, i)):
                    place = 2 * row + column
                    put(e, out, place, e.add(e.load(out, place).value, add))

    run(case, bounds, out)
    for numbers, row in zip(ranges, out):
        assert [*row] == [len(range(*numbers)), sum(range(*numbers))]


def test_branches_and_loops_with_a_condition():
    out = np.zeros(12, np.int64)

    def case(e, out):
        with e.loop(0, 10) as i:
            with e.when(e.eq(e.mod(i, 3), 0)):
                put(e, out, i, 7)
            with e.when_else(e.lt(i, 5)) as (then, otherwise):
                with then:
                    put(e, out, 10, i)
                with otherwise:
                    put(e, out, 11, i)
        count = e.counter(100)
        with e.loop_while(lambda: e.gt(count.get(), 3)):
            count.set(e.floordiv(count.get(), 2))
        put(e, out, 1, count.get())

    run(case, out)
    assert [*out] == [7, 3, 0, 7, 0, 0, 7, 0, 0, 7, 4, 9]


def test_outlined_body_may_use_anything_around_it():
    out = np.zeros(4, np.int64)

    def case(e, out):
        with e.loop(0, 4) as i:
            double = e.mul(i, 2)

            def body(inner):
                inner.outline(
                    "deep", lambda deep: put(deep, out, i, deep.add(double, i))
                )

            e.outline("shallow", body)

    run(case, out)
    assert [*out] == [0, 3, 6, 9]


@pytest.mark.parametrize("target", DTYPES)
def test_cast_from_every_dtype(target):
    arrays, outs = [], []
    for source in DTYPES:
        values = np.array([0, 1, 2, 3, 100, 65, 7, 1] * 3)
        if source not in ("bool", *NUMBERS):
            values = values + 0.5
        arrays.append(values.astype(dtype_of(source)))
        outs.append(np.zeros(24, dtype_of(target)))

    machine = Machine()
    for array, out in zip(arrays, outs):

        def case(e, x, out):
            for place, lanes in ((0, 16), (16, 4), (20, 1), (21, 1), (22, 1), (23, 1)):
                e.store(out, place, e.cast(e.load(x, place, lanes), target))

        machine.add(case, array, out)
    machine.run()
    for array, out in zip(arrays, outs):
        expected = array.astype(dtype_of(target))
        np.testing.assert_array_equal(out, expected, err_msg=str(array.dtype))


def test_floats_saturate_where_an_integer_ends():
    x = np.array([1e30, -1e30, np.inf, np.nan], "float32")
    out = np.zeros(4, np.int32)

    def case(e, x, out):
        e.store(out, 0, e.cast(e.load(x, 0, 4), "int32"))

    run(case, x, out)
    assert [*out] == [2**31 - 1, -(2**31), 2**31 - 1, 0]


@pytest.mark.parametrize("name", HALVES)
def test_rounding_to_half_floats_is_to_even(name):
    words = np.random.default_rng(0).integers(0, 2**32, 4096, dtype=np.uint32)
    x = words.view("float32")
    with np.errstate(all="ignore"):
        expected = x.astype(dtype_of(name))
    out = np.zeros_like(expected)

    def case(e, x, out):
        with e.loop(0, 4096, 8) as i:
            e.store(out, i, e.cast(e.load(x, i, 8), name))

    run(case, x, out)
    same = (out == expected) | (np.isnan(out) & np.isnan(expected))
    assert same.all()


def render(expressions, operands, dtype):
    """Values of scalar expressions over arrays x0, x1, ..."""
    size = len(operands[0])
    outs = [np.zeros(size, dtype_of(dtype)) for _ in expressions]
    machine = Machine()
    for text, out in zip(expressions, outs):
        tree = ast.parse(text, mode="eval").body

        def case(e, *arrays, tree=tree):
            *inputs, out = arrays

            def body(index, lanes):
                values = [e.load(x, index[0], lanes) for x in inputs]
                e.store(out, index[0], evaluate(e, tree, values))

            elementwise(e, (size,), body, vector=True)

        machine.add(case, *operands, out)
    machine.run()
    return outs


BINARY = {
    "x0 + x1": operator.add,
    "x0 - x1": operator.sub,
    "x0 * x1": operator.mul,
    "x0 // x1": np.floor_divide,
    "x0 % x1": np.remainder,
    "fmod(x0, x1)": np.fmod,
    "minimum(x0, x1)": np.minimum,
    "maximum(x0, x1)": np.maximum,
}
BITS = {
    "x0 & x1": operator.and_,
    "x0 | x1": operator.or_,
    "x0 ^ x1": operator.xor,
    "x0 << x1": np.left_shift,
    "x0 >> x1": np.right_shift,
    "~x0": lambda a, b: ~a,
    "abs(x0)": lambda a, b: abs(a),
    "sign(x0)": lambda a, b: np.sign(a),
}


@pytest.mark.parametrize("dtype", [*NUMBERS, "float32", "float64"])
def test_operators_mean_what_numpy_means(dtype):
    whole = dtype in NUMBERS
    ends = [np.iinfo(dtype).min, np.iinfo(dtype).max] if whole else [np.inf, np.nan]
    values = [*ends, 0, 1, 2, 3, 7, 9, 100]
    if not dtype.startswith("u"):
        values += [-1, -2, -3, -7]
    values += [] if whole else [-0.0, 0.5, -2.5, -np.inf]
    a, b = (np.array(c, dtype) for c in zip(*itertools.product(values, values)))
    table = {**BINARY, **(BITS if whole else {})}
    outs = render([*table], [a, b], dtype)
    with np.errstate(all="ignore"):
        for (text, function), out in zip(table.items(), outs):
            expected = function(a, b)
            np.testing.assert_array_equal(out, expected, err_msg=text)
            if not whole:
                same = np.signbit(out) == np.signbit(expected)
                assert (same | np.isnan(expected)).all(), text


def test_comparisons_choices_and_logic():
    a = np.array([1, 2, np.nan, 3, -0.0, np.inf], "float32")
    b = np.array([1, 3, np.nan, 2, 0.0, -np.inf], "float32")
    table = {
        "x0 < x1": a < b,
        "x0 <= x1": a <= b,
        "x0 == x1": a == b,
        "x0 != x1": a != b,
        "not x0 > x1": ~(a > b),
        "x0 > x1 or isnan(x0)": (a > b) | np.isnan(a),
        "x0 > x1 and isinf(x0)": (a > b) & np.isinf(a),
        "isfinite(x0 if x0 > x1 else x1)": np.isfinite(np.where(a > b, a, b)),
    }
    for (text, expected), out in zip(table.items(), render([*table], [a, b], "bool")):
        np.testing.assert_array_equal(out, expected, err_msg=text)


def test_integer_powers():
    a, b = np.array([0, 2, -3, 7, 2]), np.array([0, 10, 3, 2, -1])
    (out,) = render(["x0 ** x1"], [a, b], "int64")
    assert [*out] == [1, 1024, -27, 49, 0]


@pytest.mark.parametrize("name", HALVES)
def test_half_floats_are_rounded_once(name):
    a, b = (np.arange(1, 20, dtype="float32") / k for k in (7, 3))
    a, b = a.astype(dtype_of(name)), b.astype(dtype_of(name))
    (out,) = render(["x0 * x1 + x0"], [a, b], name)
    wide = a.astype("float64") * b.astype("float64") + a.astype("float64")
    np.testing.assert_array_equal(out, wide.astype("float32").astype(dtype_of(name)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_its_arity(name):
    arguments = ", ".join(f"x{i}" for i in range(FUNCTIONS[name]))
    operands = [np.ones(17, "float32")] * FUNCTIONS[name]
    result = "bool" if name.startswith("is") else "float32"
    if name in ("threefry2x32", "random_bits16"):
        operands, result = [np.ones(17, "uint32")] * 3, "uint32"
    (out,) = render([f"{name}({arguments})"], operands, result)
    assert len({*out.tolist()}) == 1
    with pytest.raises(SyntaxError, match=f"{name} takes"):
        render([f"{name}()"], operands, result)


def test_unknown_names_are_refused():
    with pytest.raises(SyntaxError, match="unknown function tangent"):
        render(["tangent(x0)"], [np.ones(1)], "float64")
    with pytest.raises(SyntaxError, match="Constant has no place"):
        render(["x0 + 1"], [np.ones(1)], "float64")
