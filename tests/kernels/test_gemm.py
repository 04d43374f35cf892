"""Matrix products in a machine of their own: every size, stride, block and epilogue."""

import itertools

import numpy as np
import pytest

from graphkeras.kernels.cpu import matmul, move
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.cpu.tile import Asking
from tests.kernels.machine import Machine
from tests.kernels.test_every_kernel import SIZES, Sweep, numbers


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def matrix_cases(rng, dtype):
    """Odd sizes, with both operands also as transposed views."""
    sizes = [(m, 17, 33) for m in SIZES]
    sizes += [(5, k, 16) for k in SIZES] + [(3, 7, n) for n in SIZES]
    for (m, k, n), turn in itertools.product(sizes, range(3)):
        a, b = numbers(rng, (m, k), dtype), numbers(rng, (k, n), dtype)
        if turn == 1:
            a = np.ascontiguousarray(a.T).T
        if turn == 2:
            b = np.ascontiguousarray(b.T).T
        yield a, b


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_gemm_of_every_size_and_stride(rng, dtype):
    sweep = Sweep()
    for a, b in matrix_cases(rng, dtype):
        wide = np.float64 if dtype.startswith("float") else dtype
        expected = (a.astype(wide) @ b.astype(wide)).astype(dtype)
        sweep.add(matmul.gemm, (a, b), expected)
    sweep.run()


@pytest.mark.parametrize("dynamic", [False, True])
def test_gemm_in_several_blocks_of_depth_and_height(rng, dynamic):
    sweep = Sweep(dynamic)
    sizes = [(70, 600, 70), (3, 513, 300), (30, 1024, 50), (1100, 20, 5), (21, 600, 1)]
    for m, k, n in sizes:
        for turn in range(3):
            a, b = numbers(rng, (m, k)), numbers(rng, (k, n))
            if turn == 1:
                a = np.ascontiguousarray(a.T).T
            if turn == 2:
                b = np.ascontiguousarray(b.T).T
            wide = a.astype("float64") @ b.astype("float64")
            sweep.add(matmul.gemm, (a, b), wide.astype("float32"))
    sweep.run()


@pytest.mark.parametrize("columns", [1, 70])
def test_a_row_of_gemm_does_not_depend_on_how_many_there_are(rng, columns):
    a, b = numbers(rng, (45, 600)), numbers(rng, (600, columns))
    machine = Machine("batch")
    results = [np.zeros((m, columns), "float32") for m in (45, 30, 6, 3, 1)]
    for out in results:
        machine.add(matmul.gemm, a[: len(out)], b, out)
    machine.run()
    for few in results:
        np.testing.assert_array_equal(few, results[0][: len(few)])


@pytest.mark.parametrize("dynamic", [False, True])
def test_gemm_broadcasts_the_batch(rng, dynamic):
    sweep = Sweep(dynamic)
    for left, right in [((3,), (3,)), ((2, 1), (1, 3)), ((), (4,)), ((4,), ())]:
        a, b = numbers(rng, (*left, 9, 20)), numbers(rng, (*right, 20, 35))
        sweep.add(matmul.gemm, (a, b), a @ b)
    sweep.run()


def test_gemm_epilogue_sees_rows_and_columns(rng):
    sweep = Sweep()
    a, b = numbers(rng, (2, 19, 8)), numbers(rng, (2, 8, 37))
    bias, per_row = numbers(rng, (37,)), numbers(rng, (38,))

    def case(e, a, b, bias, per_row, out):
        def finish(inner, value, row, column, lanes):
            add = Term(inner, inner.load(bias, column, lanes))
            spread = inner.splat(inner.load(per_row, row), lanes)
            total = Term(inner, value) + add
            return (total.maximum(0) * Term(inner, spread)).scalar

        matmul.gemm(e, a, b, out, epilogue=finish)

    expected = np.maximum(a @ b + bias, 0) * per_row.reshape(2, 19, 1)
    sweep.add(case, (a, b, bias, per_row), expected)
    sweep.run()


@pytest.mark.parametrize("asking", [False, True])
@pytest.mark.parametrize("dynamic", [False, True])
def test_gemm_once_leaves_its_result_alone_until_a_sum_is_complete(
    rng, dynamic, asking
):
    sweep = Sweep(dynamic)

    def case(e, a, b, old, out):
        move.concatenate(e, old, out, axis=0)

        def finish(inner, value, row, column, lanes):
            place = inner.add(inner.mul(row, out.strides[0]), column)
            before = Term(inner, inner.load(out, place, lanes))
            return (before - Term(inner, value)).scalar

        def ask(inner, row, column):
            inner.prefetch(out, inner.add(inner.mul(row, out.strides[0]), column))

        epilogue = Asking(finish, ask) if asking else finish
        matmul.gemm(e, a, b, out, epilogue=epilogue, once=True)

    sizes = [(2, 300, 37), (19, 600, 70), (530, 260, 33), (40, 0, 48)]
    for m, k, n in [*sizes, (213, 300, 64), (230, 64, 256), (31, 20, 257)]:
        a, b, old = (numbers(rng, shape) for shape in ((m, k), (k, n), (m, n)))
        sweep.add(case, (a, b, old), old - a @ b)
    sweep.run()
