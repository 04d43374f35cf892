"""Resampling kernels against their ops, at awkward sizes and with unknown ones."""

import numpy as np
import pytest

from graphkeras.kernels.cpu import image
from graphkeras.ops.resample import bilinear, resample
from graphkeras.ops.warp import sample
from tests.kernels.machine import Machine

INNER = (1, 3, 16, 17, 40)
DYNAMIC = pytest.mark.parametrize("dynamic", [False, True])
DTYPES = pytest.mark.parametrize("dtype", ["float32", "uint8", "float64"])


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def numbers(rng, shape, dtype="float32"):
    return (rng.random(shape) * 200).astype(dtype)


def run(cases, dynamic):
    """Run (kernel, operands, attributes, expected) in one module and compare."""
    machine, outs = Machine(dynamic), []
    for kernel, arrays, attrs, expected in cases:
        out = np.zeros(expected.shape, expected.dtype)

        def case(e, *views, kernel=kernel, attrs=attrs):
            kernel(e, *views, **attrs)

        machine.add(case, *arrays, out)
        outs.append((out, expected))
    machine.run()
    for out, expected in outs:
        np.testing.assert_array_equal(out, expected)


@DYNAMIC
@DTYPES
def test_resampled_cells_are_those_of_the_op(rng, dynamic, dtype):
    work = "float64" if dtype == "float64" else "float32"
    cases = []
    for inner in INNER:
        for taps in (1, 4, 11):
            x = numbers(rng, (2, 5, inner), dtype)
            places = rng.integers(0, 5, (7, taps)).astype("int32")
            weights = rng.random((7, taps)).astype(work)
            weights[0, -1] = 0
            expected = resample(x, places, weights, axis=1)
            given = (x, places, weights)
            cases.append((image.resample, given, {"axis": 1}, expected))
    run(cases, dynamic)


@DYNAMIC
@DTYPES
def test_cells_between_four_are_those_of_the_op(rng, dynamic, dtype):
    work = "float64" if dtype == "float64" else "float32"
    cases = []
    for inner in INNER:
        x = numbers(rng, (2, 4, 5, inner), dtype)
        rows, columns = (rng.integers(0, 4, (n, 2)).astype("int32") for n in (3, 6))
        down, across = (rng.random(n).astype(work) for n in (3, 6))
        given = (x, rows, down, columns, across)
        expected = bilinear(*given, axis=1)
        cases.append((image.bilinear, given, {"axis": 1}, expected))
    run(cases, dynamic)


def test_places_outside_an_image_are_not_read(rng):
    x, rows = numbers(rng, (1, 2, 2, 1)), np.array([[0, 9]], "int32")
    share, columns = np.zeros(1, "float32"), np.array([[-1, 0]], "int32")
    given, expected = (x, rows, share, columns, share), np.zeros((1, 1, 1, 1), "f4")
    run([(image.bilinear, given, {"axis": 1}, expected)], False)


@DYNAMIC
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("linear", [False, True])
def test_pixels_at_places_are_those_of_the_op(rng, dynamic, dtype, linear):
    cases = []
    for channels in INNER:
        x = numbers(rng, (2, 3, 4, channels), dtype)
        rows, columns = (
            (rng.random((2, 3, 5)) * 6 - 1).astype("float32") for _ in range(2)
        )
        rows[0, 0, :3] = (np.nan, np.inf, -0.5)
        fill = np.array(3, "float32")
        expected = sample(x, rows, columns, fill, linear=linear)
        given, attrs = (x, rows, columns, fill), {"linear": linear}
        cases.append((image.sample, given, attrs, expected))
    run(cases, dynamic)
