"""Every kernel against NumPy: a table of kernels, sizes, dtypes and strides."""

import importlib
import inspect
import itertools
import re

import ml_dtypes
import numpy as np
import pytest

from graphkeras.kernels.cpu import (
    batch,
    conv,
    index,
    pool,
    sort,
    winograd,
)
from graphkeras.kernels.cpu.emit import Scalar
from graphkeras.kernels.cpu.loop import reduce, reduce_columns
from graphkeras.kernels.cpu.target import I64
from graphkeras.kernels.cpu.term import Term
from tests.kernels import reference
from tests.kernels.machine import Machine

SIZES = (0, 1, 15, 16, 17, 127, 128, 129)
MODULES = (
    "matmul", "panels", "conv", "winograd", "combs", "comb_weights", "pool", "index",
    "sort", "batch", "image",
)  # fmt: skip
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-12}


class Sweep:
    """Cases of one compiled module, each with what it should give."""

    def __init__(self, dynamic=False):
        self.machine, self.checks = Machine(dynamic), []

    def add(self, case, inputs, expected, *, out=None, extra=()):
        """case(e, *inputs, out, *extra) must leave `expected` in out."""
        expected = np.asarray(expected)
        if out is None:
            out = np.zeros(expected.shape, expected.dtype)
        self.machine.add(case, *inputs, out, *extra)
        self.checks.append((case, out, expected))

    def run(self):
        """Run all and compare."""
        self.machine.run()
        for case, out, expected in self.checks:
            name = getattr(case, "__name__", str(case))
            if str(out.dtype) not in TOLERANCE:
                np.testing.assert_array_equal(out, expected, err_msg=name)
                continue
            close = TOLERANCE[str(out.dtype)]
            wide = expected.astype(np.float64)
            scale = np.abs(wide[np.isfinite(wide)]).max(initial=1.0)
            np.testing.assert_allclose(
                out.astype(np.float64), wide, rtol=close, atol=close * scale
            )


def numbers(rng, shape, dtype="float32"):
    """Random values; integers small enough not to overflow in sums."""
    if dtype in ("float16", "float32", "float64"):
        return rng.standard_normal(shape).astype(dtype)
    if dtype == "bfloat16":
        return rng.standard_normal(shape).astype(ml_dtypes.bfloat16)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    return rng.integers(0, 5, shape).astype(dtype)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def kernels():
    """(module, name, kernel) of every kernel."""
    for module in MODULES:
        loaded = importlib.import_module(f"graphkeras.kernels.cpu.{module}")
        for name, function in vars(loaded).items():
            if hasattr(function, "__wrapped__") and not name.startswith("_"):
                yield pytest.param(function, id=f"{module}.{name}")


@pytest.mark.parametrize("kernel", list(kernels()))
def test_contract_names_the_arrays_in_order(kernel):
    contract = inspect.getdoc(kernel).splitlines()[0]
    assert re.fullmatch(r".+ -> .+: .+[.]", contract), contract
    named = re.findall(r"(\w+)(?=\[|,| ->)", contract.split(":")[0])
    parameters = inspect.signature(kernel).parameters.values()
    assert "Array" not in contract
    arrays = [p.name for p in parameters if p.annotation == "Array"]
    assert [n for n in arrays if n in named] == arrays


FLUSH, SAME = ((0, 0), (0, 0)), ((1, 1), (1, 1))
# image, kernel, attributes: what each of the ways to convolve takes, and its edges
CONVOLUTIONS = [
    ((2, 5, 6, 2), (3, 2, 2, 2), {"strides": (1, 1), "padding": FLUSH}),
    ((2, 5, 6, 3), (3, 2, 3, 34), {"strides": (1, 1), "padding": SAME}),
    ((2, 7, 9, 3), (3, 4, 3, 5), {"strides": (2, 3), "padding": ((0, 1), (2, 1))}),
    ((1, 9, 33, 20), (3, 3, 20, 17), {"strides": (1, 1), "padding": SAME}),
    ((1, 9, 8, 30), (3, 3, 30, 16), {"strides": (2, 2), "padding": ((0, 1), (0, 1))}),
    ((2, 1, 40, 4), (1, 5, 4, 8), {"strides": (1, 1), "padding": ((0, 0), (4, 0))}),
    ((1, 3, 3, 2), (3, 3, 2, 4), {"strides": (1, 1), "padding": ((2, 2), (2, 2))}),
    ((1, 40, 60, 48), (3, 3, 48, 9), {"strides": (1, 1), "padding": SAME}),
    ((1, 2, 3, 300), (2, 2, 300, 300), {"strides": (1, 1), "padding": SAME}),
    ((2, 6, 7, 18), (1, 1, 18, 40), {"strides": (1, 1), "padding": FLUSH}),
    ((2, 6, 7, 18), (1, 1, 18, 40), {"strides": (2, 2), "padding": FLUSH}),
    (
        (2, 6, 8, 4),
        (3, 3, 4, 33),
        {"strides": (1, 1), "padding": ((2, 2), (2, 2)), "dilation": (2, 2)},
    ),
    (
        (2, 5, 6, 8),
        (3, 2, 4, 40),
        {"strides": (2, 1), "padding": ((1, 0), (0, 1)), "groups": 2},
    ),
    (
        (2, 5, 6, 19),
        (3, 3, 1, 19),
        {"strides": (2, 1), "padding": SAME, "groups": 19},
    ),
    ((2, 5, 9, 12), (3, 2, 2, 24), {"strides": (1, 1), "padding": SAME, "groups": 6}),
    (
        (1, 6, 9, 10),
        (2, 5, 1, 20),
        {
            "strides": (1, 2),
            "padding": ((1, 0), (3, 4)),
            "dilation": (1, 2),
            "groups": 10,
        },
    ),
    ((2, 4, 7, 8), (3, 3, 4, 8), {"strides": (2, 2), "padding": SAME, "groups": 2}),
    ((2, 5, 9, 20), (3, 3, 20, 2), {"strides": (1, 1), "padding": SAME}),
    ((2, 7, 10, 1), (5, 4, 1, 20), {"strides": (2, 3), "padding": ((0, 1), (2, 1))}),
    ((1, 3, 5, 2), (2, 2, 2, 33), {"strides": (3, 3), "padding": ((1, 0), (1, 0))}),
]


def convolution_kernels(x, w, g, attributes):
    """(kernel, inputs, what it must give) of one convolution."""
    data, weights = reference.conv2d_backward(x, w, g, **attributes)
    y = reference.conv2d(x, w, **attributes)
    return [
        (conv.conv2d, (x, w), y),
        (conv.conv2d_backward_data, (g, w), data),
        (conv.conv2d_backward_weights, (x, g), weights),
    ]


def convolution_sweep(rng, table, dtype, dynamic):
    sweep = Sweep(dynamic)
    for image, kernel_shape, attributes in table:
        x, w = numbers(rng, image, dtype), numbers(rng, kernel_shape, dtype)
        g = numbers(rng, reference.conv2d(x, w, **attributes).shape, dtype)
        for kernel, inputs, expected in convolution_kernels(x, w, g, attributes):

            def case(e, *arrays, kernel=kernel, attributes=attributes):
                kernel(e, *arrays, **attributes)

            sweep.add(case, inputs, expected.astype(dtype))
    sweep.run()


@pytest.mark.parametrize(
    ("dynamic", "table"), [(False, CONVOLUTIONS), ("batch", CONVOLUTIONS[3::4])]
)
def test_convolutions_and_their_gradients(rng, dynamic, table):
    convolution_sweep(rng, table, "float32", dynamic)


def test_convolutions_of_unknown_sizes(rng):
    convolution_sweep(rng, CONVOLUTIONS[1:3], "float32", True)


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_convolutions_of_other_dtypes(rng, dtype):
    convolution_sweep(rng, CONVOLUTIONS[1:3], dtype, False)


def test_conv2d_epilogue_sees_pixels_and_channels(rng):
    sweep = Sweep()
    for groups, channels in [(1, 21), (1, 16), (1, 2), (2, 20), (20, 20)]:
        x = numbers(rng, (2, 5, 6, 20))
        w = numbers(rng, (3, 3, 20 // groups, channels))
        bias, pixel = numbers(rng, (channels,)), numbers(rng, (60,))
        attributes = {"strides": (1, 1), "padding": SAME, "groups": groups}

        def case(e, x, w, bias, pixel, out, attributes=attributes):
            def finish(inner, value, row, column, lanes):
                add = Term(inner, inner.load(bias, column, lanes))
                spread = Term(inner, inner.splat(inner.load(pixel, row), lanes))
                return ((Term(inner, value) + add) * spread).scalar

            conv.conv2d(e, x, w, out, epilogue=finish, **attributes)

        y = reference.conv2d(x, w, **attributes) + bias
        expected = y * pixel.reshape(2, 5, 6, 1)
        sweep.add(case, (x, w, bias, pixel), expected.astype("float32"))
    sweep.run()


# image, kernel, padding: tiles that fit and that do not, edges, blocks of channels
BY_POINTS = [
    ((2, 9, 10, 16), (3, 3, 16, 32), SAME),
    ((2, 7, 8, 17), (5, 2, 17, 35), FLUSH),
    ((1, 6, 9, 70), (4, 3, 70, 100), ((2, 2), (1, 1))),
    ((2, 1, 40, 8), (1, 3, 8, 9), ((0, 0), (2, 0))),
    ((30, 5, 4, 16), (3, 1, 16, 16), ((0, 0), (0, 0))),
]


def by_points(e, x, w, g, u, slopes, turned, y, data, weights, *, padding):
    """A convolution, its gradients, and what they need in between."""
    window = tuple(w.shape[:2])
    turned_padding = tuple(
        tuple(taps - 1 - end for end in ends) for taps, ends in zip(window, padding)
    )
    winograd.weights(e, w, u, turned=False)
    winograd.weights(e, w, turned, turned=True)
    winograd.conv2d(e, x, u, y, window=window, padding=padding)
    winograd.conv2d(e, g, turned, data, window=window, padding=turned_padding)
    winograd.backward_weights(e, x, g, slopes, window=window, padding=padding)
    winograd.weights_gradient(e, slopes, weights)


def test_convolutions_by_points(rng):
    sweep = Sweep()
    for image, kernel, padding in BY_POINTS:
        x, w = numbers(rng, image), numbers(rng, kernel)
        attributes = {"strides": (1, 1), "padding": padding}
        y = reference.conv2d(x, w, **attributes)
        g = numbers(rng, y.shape)
        data, weights = reference.conv2d_backward(x, w, g, **attributes)
        points = np.prod([1 if taps == 1 else 6 for taps in kernel[:2]])
        u = np.zeros((points, *kernel[2:]), np.float32)
        found = [np.zeros(a.shape, np.float32) for a in (y, data)]

        def case(e, *arrays, padding=padding):
            by_points(e, *arrays[:5], *arrays[6:], arrays[5], padding=padding)

        turned = np.ascontiguousarray(u.swapaxes(1, 2))
        extra = (turned, *found)
        sweep.add(case, (x, w, g, u, u.copy()), weights.astype("f"), extra=extra)
        sweep.checks += [(case, found[0], y), (case, found[1], data)]
    sweep.run()


POOLS = [
    {"window": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))},
    {"window": (3, 2), "strides": (2, 1), "padding": ((1, 1), (0, 1))},
    {"window": (3, 3), "strides": (1, 1), "padding": ((1, 1), (1, 1))},
    {"window": (2, 1), "strides": (3, 2), "padding": ((1, 0), (0, 0))},
    {"window": (6, 7), "strides": (2, 3), "padding": ((3, 3), (4, 3))},
]


@pytest.mark.parametrize(
    ("channels", "dynamic", "table"),
    [(1, False, POOLS[:3]), (35, False, POOLS), (17, True, POOLS[1::2])],
)
def test_pools_and_their_gradients(rng, channels, dynamic, table):
    sweep = Sweep(dynamic)
    for attributes in table:
        x = numbers(rng, (2, 7, 6, channels)).round(1)  # rounded: equal maxima happen
        places = [(y, z) for y, z, _ in reference.windows(x, **attributes)]
        g = numbers(rng, (2, places[-1][0] + 1, places[-1][1] + 1, channels))
        most, places, most_back, mean, mean_back = reference.pools(x, g, **attributes)
        for kernel, inputs, expected in [
            (pool.max_pool2d, (x,), most),
            (pool.max_unpool2d, (places, g), most_back),
            (pool.pool_at_places2d, (places, x), most),
            (pool.average_pool2d, (x,), mean),
            (pool.average_pool2d_backward, (g,), mean_back),
        ]:

            def case(e, *arrays, kernel=kernel, attributes=attributes):
                kernel(e, *arrays, **attributes)

            sweep.add(case, inputs, expected)

        def noted(e, x, places, out, attributes=attributes):
            pool.max_pool2d_places(e, x, out, places, **attributes)

        found = np.zeros_like(places)
        sweep.add(noted, (x, found), most)
        sweep.checks.append((noted, found, places))
    sweep.run()


@pytest.mark.parametrize("size", [1, 17, 129])
def test_take_and_scatter_along_every_axis(rng, size):
    sweep = Sweep()
    x = numbers(rng, (3, size, 5))
    for axis in range(3):
        limit = x.shape[axis]
        places = rng.integers(-limit, limit, (4, 2))

        def take(e, x, indices, out, axis=axis):
            index.take(e, x, indices, out, axis=axis)

        sweep.add(take, (x, places), np.take(x, places, axis))
        shape = [*x.shape]
        shape[axis] = 7
        cells = rng.integers(-limit, limit, shape)

        def along(e, x, indices, out, axis=axis):
            index.take_along_axis(e, x, indices, out, axis=axis)

        sweep.add(along, (x, cells), np.take_along_axis(x, cells, axis))
        updates = numbers(rng, shape)
        total = np.zeros_like(x)
        grid = [*np.indices(tuple(shape))]
        grid[axis] = cells
        np.add.at(total, tuple(grid), updates)

        def scatter(e, indices, updates, out, axis=axis):
            index.scatter_add_along_axis(e, indices, updates, out, axis=axis)

        sweep.add(scatter, (cells, updates), total)
    sweep.run()


def test_rows_without_updates_may_stay_as_they_are(rng):
    places, updates = rng.integers(0, 700, 90), numbers(rng, (90, 37))
    total, out = np.zeros((700, 37), "float32"), np.full((700, 37), 5, "float32")
    np.add.at(total, places, updates)
    total[np.setdiff1d(np.arange(700), places)] = 5
    links = [np.zeros(n, "int32") for n in (90, 700, 90)]

    def case(e, places, updates, out, *links):
        index.chain(e, places, *links)
        index.sum_chains(e, *links, updates, out, ask=lambda e, row: None)

    machine = Machine()
    machine.add(case, places, updates, out, *links)
    machine.run()
    np.testing.assert_allclose(out, total, rtol=1e-6)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int32", "float16"])
def test_rows_are_summed_by_their_chains(rng, dtype, dynamic):
    sweep = Sweep(dynamic)

    def case(e, places, updates, out, *links):
        index.chain(e, places, *links)
        index.sum_chains(e, *links, updates, out)

    for size, width in [(1, 1), (17, 3), (9, 130), (9, 128), (0, 5)]:
        places = (
            rng.integers(-size, size + 2, (6, 2)) if size else np.zeros((0, 2), int)
        )
        updates = numbers(rng, (places.size, width), dtype)
        total = np.zeros((size, width), dtype)
        at = np.where(places < 0, places + size, places).clip(0, max(size - 1, 0))
        np.add.at(total, at.ravel(), updates)
        sizes = (places.size, size, places.size)
        links = [np.zeros(n, "int32") for n in sizes]
        sweep.add(case, (places, updates), total, extra=links)
    sweep.run()


def test_an_index_outside_is_moved_to_the_nearest_cell():
    sweep = Sweep()
    x = np.arange(5, dtype="float32")
    places = np.array([-9, 9, 2])

    def case(e, x, indices, out):
        index.take(e, x, indices, out, axis=0)

    sweep.add(case, (x, places), x[[0, 4, 2]])
    sweep.run()


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_of_equals_and_of_the_infinite_the_first_place_wins(dtype):
    sweep = Sweep()
    worst = np.finfo(dtype).min if dtype == "float16" else np.iinfo(dtype).min
    for values in (np.zeros(37), np.full(37, worst), np.arange(37) // 18):
        x = np.tile(values.astype(dtype), (2, 1))

        def most(e, x, out):
            index.argmax(e, x, out, axis=1)

        sweep.add(most, (x,), x.argmax(1).astype("int32"))
    sweep.run()


@pytest.mark.parametrize("dtype", ["float32", "int8", "float16"])
def test_argmax_and_argmin(rng, dtype):
    sweep = Sweep()
    for size in SIZES[1:]:
        for shape, axis in [((size,), 0), ((3, size), 1), ((size, 19), 0)]:
            x = numbers(rng, shape, dtype)
            if dtype == "float32" and size > 3:
                x.flat[2] = np.nan

            def most(e, x, out, axis=axis):
                index.argmax(e, x, out, axis=axis)

            def least(e, x, out, axis=axis):
                index.argmin(e, x, out, axis=axis)

            sweep.add(most, (x,), x.argmax(axis).astype("int32"))
            sweep.add(least, (x,), x.argmin(axis).astype("int32"))
    sweep.run()


@pytest.mark.parametrize("descending", [False, True])
def test_sorts_are_stable(rng, descending):
    sweep = Sweep()
    for size in (0, 1, 16, 17, 129):
        for shape, axis in [((size,), 0), ((3, size), 1), ((size, 2), 0)]:
            x = numbers(rng, shape, "int32").astype("float32")
            if size > 3:
                x.flat[2] = np.nan
            keys = -x if descending else x
            order = np.argsort(keys, axis, kind="stable")
            if descending:  # NaN is the largest: first
                order = np.argsort(np.where(np.isnan(x), -np.inf, -x), axis, "stable")

            def by_value(e, x, out, work, axis=axis):
                sort.sort(e, x, out, work, axis=axis, descending=descending)

            def by_place(e, x, out, work, axis=axis):
                sort.argsort(e, x, out, work, axis=axis, descending=descending)

            work, places = np.zeros(size, "float32"), np.zeros(size, "int64")
            expected = np.take_along_axis(x, order, axis)
            sweep.add(by_value, (x,), expected, extra=(work,))
            sweep.add(by_place, (x,), order, extra=(places,))
    sweep.run()


def test_top_k_prefers_the_first_of_equals(rng):
    sweep = Sweep()
    for size, k in [(1, 1), (17, 4), (40, 40), (129, 5)]:
        x = numbers(rng, (3, size), "int32").astype("float32")
        order = np.argsort(-x, 1, kind="stable")[:, :k]
        values = np.zeros((3, k), "float32")

        def case(e, x, values, indices, k=k):
            sort.top_k(e, x, values, indices, k=k)

        sweep.add(case, (x, values), order.astype("int32"))
        sweep.checks.append((case, values, np.take_along_axis(x, order, 1)))
    sweep.run()


CUMULATIVE = {
    "add": np.cumsum,
    "multiply": np.cumprod,
    "minimum": np.minimum.accumulate,
    "maximum": np.maximum.accumulate,
}


@pytest.mark.parametrize("combine", CUMULATIVE)
def test_cumulative_both_ways(rng, combine):
    sweep = Sweep()
    for shape, axis in [((17,), 0), ((3, 33), 1), ((5, 18), 0), ((2, 0), 1)]:
        x = numbers(rng, shape)
        for reverse in (False, True):

            def case(e, x, out, axis=axis, reverse=reverse):
                sort.cumulative(e, x, out, axis=axis, combine=combine, reverse=reverse)

            turned = np.flip(x, axis) if reverse else x
            expected = CUMULATIVE[combine](turned, axis=axis)
            expected = np.flip(expected, axis) if reverse else expected
            sweep.add(case, (x,), np.ascontiguousarray(expected))
    sweep.run()


def test_cumulative_exclusive_begins_with_the_identity(rng):
    sweep = Sweep()
    x = numbers(rng, (9,), "int32")

    def case(e, x, out):
        sort.cumulative(e, x, out, axis=0, combine="add", exclusive=True)

    sweep.add(case, (x,), np.cumsum(x).astype("int32") - x)
    sweep.run()


@pytest.mark.parametrize(("first", "width"), [(0, 21), (3, 10), (5, 16), (20, 1)])
def test_gather_rows_casts(rng, first, width):
    sweep = Sweep()
    columns = slice(first, first + width)
    order = rng.permutation(20)
    for dtype in ("uint8", "float32", "float64", "bool"):
        source = numbers(rng, (20, 3, 7), dtype)

        def case(e, source, order, out, dtype=dtype):
            batch.gather_rows(
                e, source.pointer, dtype, order.pointer, 4, 5, (first, width), out
            )

        rows = batch.gather_rows_reference(source, order, 4, 5)
        expected = np.zeros((5, 21), "float32")
        expected[:, columns] = rows.reshape(5, 21)[:, columns]
        sweep.add(case, (source, order), expected.reshape(5, 3, 7))
    sweep.run()


@pytest.mark.parametrize("count", SIZES)
def test_permutation_is_the_reference(count):
    sweep = Sweep()

    def case(e, out):
        keys = [e.constant("uint32", key) for key in (1234567, 4000000000)]
        batch.permutation(e, *keys, count, out.pointer)

    expected = batch.permutation_reference(1234567, 4000000000, count)
    assert sorted(expected) == [*range(count)]
    sweep.add(case, (), expected)
    sweep.run()


def add(e, a, b):
    return ((Term(e, a[0]) + Term(e, b[0])).scalar,)


def summing(kind, e, x, out, outer, inner, place):
    """A sum of x by one of the reductions."""

    def load(o, i, lanes):
        return (e.load(x, x.offset(e, place(o, i)), lanes),)

    def store(o, values):
        e.store(out, out.offset(e, o), values[0])

    kind(e, outer, inner, load, add, (e.constant(x.dtype, 0),), store, True)


@pytest.mark.parametrize("dynamic", [False, True])
def test_reduce_over_every_size(rng, dynamic):
    sweep = Sweep(dynamic)
    for size in (*SIZES, 1023, 5000):
        x = numbers(rng, (2, size)).astype("float32")

        def rows(e, x, out):
            summing(reduce, e, x, out, x.shape[:1], x.shape[1:], lambda o, i: o + i)

        def columns(e, x, out):
            place = lambda o, i: i + o  # noqa: E731
            summing(reduce_columns, e, x, out, x.shape[1:], x.shape[:1], place)

        def whole(e, x, out):
            summing(reduce, e, x, out, (), x.shape, lambda o, i: i)

        sweep.add(rows, (x,), x.sum(1))
        sweep.add(columns, (x,), x.sum(0))
        sweep.add(columns, (np.ascontiguousarray(x.T),), x.sum(1))
        sweep.add(whole, (x,), x.sum())
    sweep.run()


@pytest.mark.parametrize("dynamic", [False, True])
def test_columns_of_every_width_are_summed(rng, dynamic):
    sweep = Sweep(dynamic)
    for count, rows in itertools.product((1, 10, 16, 24, 32, 40, 48, 103), (7, 1027)):
        x = rng.random((rows, count), dtype="float32")

        def columns(e, x, out):
            place = lambda o, i: i + o  # noqa: E731
            summing(reduce_columns, e, x, out, x.shape[1:], x.shape[:1], place)

        sweep.add(columns, (x,), x.sum(0, dtype="float64").astype("float32"))
    sweep.run()


def test_long_sums_stay_accurate(rng):
    sweep = Sweep()
    x = rng.random(10_000_000, dtype="float32")

    def case(e, x, out):
        summing(reduce, e, x, out, (), x.shape, lambda o, i: i)

    def tall(e, x, out):
        place = lambda o, i: i + o  # noqa: E731
        summing(reduce_columns, e, x, out, x.shape[1:], x.shape[:1], place)

    sweep.add(case, (x,), x.sum(dtype="float64").astype("float32"))
    square = x.reshape(-1, 8)
    sweep.add(tall, (square,), square.sum(0, dtype="float64").astype("float32"))
    sweep.run()


def test_scalar_of_a_wrong_type_is_refused():
    from llvmlite import ir

    with pytest.raises(TypeError, match="float32 x 1 is float, not i64"):
        Scalar(ir.Constant(I64, 0), "float32")
