"""Products by panels: as by the matrix itself, whole or in parts."""

import numpy as np
import pytest

from graphkeras.kernels.cpu import matmul, panels
from graphkeras.kernels.cpu.panels import WIDTH
from graphkeras.kernels.cpu.term import Term
from tests.kernels.machine import Machine

COLUMNS = (1, 2, 10, 16, 17, 31, 32, 33, 64, 100, 128, 300)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def laid(w):
    """The panels of a matrix, by hand."""
    parts = [w[:, c : c + WIDTH].ravel() for c in range(0, w.shape[1], WIDTH)]
    return np.concatenate(parts).reshape(w.shape[::-1])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_panels_lie_one_behind_the_other(rng, dtype, dynamic):
    machine, pairs = Machine(dynamic), []
    for n in COLUMNS:
        w = rng.standard_normal((7, n)).astype(dtype)
        pairs.append((w, np.zeros((n, 7), dtype)))
        machine.add(panels.lay, *pairs[-1])
    machine.run()
    for w, out in pairs:
        np.testing.assert_array_equal(out, laid(w))


@pytest.mark.parametrize("rows", [2, 13, 33])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_rows_have_the_bits_of_the_plain_product(rng, dtype, rows):
    machine, pairs = Machine(), []
    for n in COLUMNS[1:]:
        x, w = rng.standard_normal((rows, 300)), rng.standard_normal((300, n))
        x, w, u = (np.ascontiguousarray(a, dtype) for a in (x, w, laid(w)))
        pairs.append([np.zeros((rows, n), dtype) for _ in range(2)])
        machine.add(matmul.gemm, x, w, pairs[-1][0])
        machine.add(panels.multiply, x, u, pairs[-1][1])
    machine.run()
    for plain, found in pairs:
        np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("k", [0, 1, 7, 8, 9, 500])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_row_is_the_product(rng, dtype, k):
    machine, pairs = Machine(), []
    for n in COLUMNS:
        x, w = rng.standard_normal((1, k)), rng.standard_normal((k, n))
        x, w, u = (np.ascontiguousarray(a, dtype) for a in (x, w, laid(w)))
        pairs.append((np.full((1, n), np.nan, dtype), x @ w))
        machine.add(panels.multiply, x, u, pairs[-1][0])
    machine.run()
    close = 1e-4 if dtype == "float32" else 1e-12
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, close, close)


@pytest.mark.parametrize("first", range(0, 300, WIDTH))
def test_one_row_in_parts_has_the_same_bits(rng, first):
    x = rng.standard_normal((1, 70), np.float32)
    u = rng.standard_normal((300, 70), np.float32)
    whole, parts = np.zeros((1, 300), "float32"), np.zeros((1, 300), "float32")
    machine = Machine(hidden=[set(), {0}, {1}])
    machine.add(panels.multiply, x, u, whole)
    run = machine.compile()
    run(x, u, whole)
    for span in (slice(first), slice(first, None)):
        run(x, u[span], parts[:, span])
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("rows", [1, 5])
def test_what_finishes_is_told_the_column(rng, rows):
    x, w = rng.standard_normal((rows, 9)), rng.standard_normal((9, 70))
    x, w, u = (np.ascontiguousarray(a, "float32") for a in (x, w, laid(w)))
    bias, out = rng.standard_normal(70).astype("float32"), np.zeros((rows, 70), "f4")

    def case(e, x, u, bias, out):
        def finish(inner, value, row, column, lanes):
            add = Term(inner, inner.load(bias, column, lanes))
            return (Term(inner, value) + add).scalar

        panels.multiply(e, x, u, out, epilogue=finish)

    machine = Machine()
    machine.add(case, x, u, bias, out)
    machine.run()
    np.testing.assert_allclose(out, x @ w + bias, 1e-5, 1e-5)
