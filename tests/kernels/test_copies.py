"""Products of large matrices, parts of which are copied before they are multiplied."""

import numpy as np
import pytest

from graphkeras.kernels.cpu import matmul
from tests.kernels.machine import Machine
from tests.kernels.test_every_kernel import Sweep, numbers

# rows, k, columns: blocks of k and of rows that are not whole, strips cut evenly
SIZES = [(27, 20, 256), (100, 300, 300), (560, 260, 258), (8, 1, 513)]
PITCH = 1024  # a page of float32


@pytest.mark.parametrize("hidden", [set(), {1}])
def test_a_turned_matrix_is_copied_in_strips(rng, hidden):
    sweep = Sweep()
    sweep.machine = Machine(hidden=[hidden, set(), {0} if hidden else set()] * 4)
    for rows, depth, columns in SIZES:
        a = numbers(rng, (depth, PITCH))[:, :rows]
        b = numbers(rng, (depth, columns))

        def case(e, a, b, out):
            matmul.gemm(e, matmul._turned(a), b, out)

        sweep.add(case, (a, b), a.T @ b)
    sweep.run()


def test_rows_a_page_apart_are_moved(rng):
    sweep = Sweep()
    a, b = numbers(rng, (30, 1024)), numbers(rng, (1024, 70))
    sweep.add(matmul.gemm, (a, b), a @ b)
    sweep.run()


def test_parts_of_a_turned_matrix_give_the_same_bits(rng):
    a, b = numbers(rng, (50, PITCH)), numbers(rng, (50, 256))
    found = []
    for parts in ([(0, 90)], [(0, 31), (31, 90)]):
        out, machine = np.zeros((90, 256), "f"), Machine()
        for first, stop in parts:

            def case(e, a, b, out):
                matmul.gemm(e, matmul._turned(a), b, out)

            machine.add(case, a[:, first:stop], b, out[first:stop])
        machine.run()
        found.append(out)
    np.testing.assert_array_equal(*found)
