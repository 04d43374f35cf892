"""What a kernel's cuts promise: parts of the work give the whole, to the bit."""

import functools
import importlib
import itertools

import numpy as np
import pytest

from graphkeras.kernels.cpu.cut import axes_of, cuts_of
from tests.kernels.machine import Machine

MODULES = ("matmul",)


def kernels():
    """Every kernel that says it can be cut."""
    for module in MODULES:
        loaded = importlib.import_module(f"graphkeras.kernels.cpu.{module}")
        for name, function in vars(loaded).items():
            if cuts_of(function):
                yield pytest.param(function, id=f"{module}.{name}")


def numbers(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype("float32")


# name of a kernel -> calls: operands, results as they are before, attributes
SAMPLES = {
    "gemm": [
        ([numbers(33, 70), numbers(70, 150)], [numbers(33, 150)], {}),
        ([numbers(70, 33).T, numbers(150, 70).T], [numbers(33, 150)], {}),
        ([numbers(3, 4, 2, 8), numbers(3, 1, 8, 70)], [numbers(3, 4, 2, 70)], {}),
    ],
}


def spans(size, grain):
    """Parts of an axis; some are empty."""
    cells = -(-size // grain)
    places = [0, 0, *sorted({1, cells // 2, max(cells - 1, 1), cells}), cells]
    ends = [min(place * grain, size) for place in places]
    return list(itertools.pairwise(ends))


def part(array, axis, size, span):
    """The array between two places of an axis; whole if it has another size there."""
    if axis is None or array.shape[axis] != size:
        return array
    return array[(slice(None),) * axis + (slice(*span),)]


def check(function, run, way, call):
    """Compare parts with the whole; say if the call can be cut in this way."""
    operands, results, attributes = call
    axes = axes_of(function, way, [a.ndim for a in (*operands, *results)], attributes)
    if axes is None:
        return False
    whole, made = [r.copy() for r in results], [r.copy() for r in results]
    run(*operands, *whole)
    arrays = [*operands, *made]
    position, axis = [*axes.items()][-1]
    size, totals = arrays[position].shape[axis], [np.zeros_like(r) for r in results]
    for span in spans(size, way.grain):
        run(*(part(a, axes.get(i), size, span) for i, a in enumerate(arrays)))
        totals = [t + m for t, m in zip(totals, made)]
    for result, expected in zip(totals if way.sums else made, whole, strict=True):
        close = 2e-5 if way.sums else 0
        np.testing.assert_allclose(result, expected, rtol=close, atol=close)
    return True


@pytest.mark.parametrize("function", list(kernels()))
def test_parts_give_the_whole(function):
    ways, tried = cuts_of(function), set()
    for operands, results, attributes in SAMPLES[function.__name__]:
        machine = Machine(dynamic=True)
        machine.add(functools.partial(function, **attributes), *operands, *results)
        run = machine.compile()
        for way in ways:
            if check(function, run, way, (operands, results, attributes)):
                tried.add(way)
    assert tried == set(ways), "every way to cut needs a sample"
