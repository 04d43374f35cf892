"""What a kernel's cuts promise: parts of the work give the whole, to the bit."""

import functools
import importlib
import inspect
import itertools
import pkgutil

import numpy as np
import pytest

import graphkeras.ops
from graphkeras.ir.op import OPS
from graphkeras.kernels.cpu.cut import axes_of, cuts_of
from graphkeras.kernels.cpu.reuse import over_of
from graphkeras.runtime import link
from tests.kernels.machine import Machine

# They run on one thread: the work array of a sort serves all its lines; a chain goes
# from place to place.
UNCUT = {"sort.sort", "sort.argsort", "index.chain"}


def kernels():
    """Every kernel that a step of a program may call."""
    for module in pkgutil.iter_modules(graphkeras.ops.__path__):
        importlib.import_module(f"graphkeras.ops.{module.name}")
    named = {op.kernel for op in OPS.values() if isinstance(op.kernel, str)}
    for name in sorted(named):
        if link.has_kernel(name):
            yield pytest.param(name, id=name)


def numbers(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype("float32")


def places(size, *shape):
    return np.random.default_rng(len(shape)).integers(0, size, shape)


NOTHING = numbers(0)
ALL = np.zeros(0, bool)
PADDED = {"padding": ((1, 1), (1, 1))}
CONV = {"strides": (1, 1), "dilation": (1, 1), "groups": 1, **PADDED}
POOL = {"window": (3, 3), "strides": (2, 2), **PADDED}
POINTS = {"window": (3, 3), **PADDED}
TEETH = {"stride": 3, "teeth": 3}
COMBS = {"taps": 7, "before": 2, **TEETH}
CELL = {"activation": "tanh", "reverse": False}
GATED = {**CELL, "recurrent_activation": "sigmoid"}
IMAGES, KERNELS, SLOPES = (5, 6, 7, 3), (3, 3, 3, 40), (5, 6, 7, 40)
POOLED = (5, 3, 4, 3)
SERIES, STATE = (5, 4, 6), (5, 6)  # samples, steps, units
LONG = (2, 3, 300)
QUERIES, KEYS, STATS = (3, 9, 2, 2, 5), (3, 7, 2, 5), (3, 2, 2, 9, 2)
SEEN = np.random.default_rng(0).random((3, 2, 1, 9, 7)) < 0.7
SEEN[..., 0] = True
HEADS = np.arange(12, dtype="uint32").reshape(3, 2, 2)
NO_HEADS, WORDS = np.zeros(0, "uint32"), np.array([3, 5], "uint32")
ATTEND = {"scale": 0.5, "causal": True, "blank": False, "rate": 0.25}
# Row 2 has places 0, 3 and 6, row 7 has 1 and 4, row 8 has 5.
NOBODY = np.zeros(0, "int32")
FIRST = np.array([-1, -1, 0, -1, -1, -1, -1, 1, 5], "int32")
FOLLOWING = np.array([3, 4, -1, 6, -1, -1, -1], "int32")

# kernel -> calls: operands, results, attributes; shapes mean random numbers
SAMPLES = {
    "matmul.gemm": [
        ([(33, 70), (70, 150)], [(33, 150)], {}),
        ([numbers(70, 33).T, numbers(150, 70).T], [(33, 150)], {}),
        ([(3, 4, 2, 8), (3, 1, 8, 70)], [(3, 4, 2, 70)], {}),
    ],
    "panels.lay": [([(9, 150)], [(150, 9)], {})],
    "panels.multiply": [
        ([(33, 70), (150, 70)], [(33, 150)], {}),
        ([(1, 70), (300, 70)], [(1, 300)], {}),
    ],
    "conv.conv2d": [([IMAGES, KERNELS], [SLOPES], CONV)],
    "conv.conv2d_backward_data": [([SLOPES, KERNELS], [IMAGES], CONV)],
    "conv.conv2d_backward_weights": [([IMAGES, SLOPES], [KERNELS], CONV)],
    "pool.max_pool2d": [([IMAGES], [POOLED], POOL)],
    "pool.max_pool2d_places": [([IMAGES], [POOLED, places(9, *POOLED)], POOL)],
    "pool.pool_at_places2d": [([places(9, *POOLED), IMAGES], [POOLED], POOL)],
    "pool.max_unpool2d": [([places(9, *POOLED), POOLED], [IMAGES], POOL)],
    "pool.average_pool2d": [([IMAGES], [POOLED], POOL)],
    "pool.average_pool2d_backward": [([POOLED], [IMAGES], POOL)],
    "index.take": [
        ([(9, 20), places(9, 7, 2)], [(7, 2, 20)], {"axis": 0}),
        ([(5, 9, 20), places(9, 7)], [(5, 7, 20)], {"axis": 1}),
    ],
    "index.sum_chains": [([NOBODY, FIRST, FOLLOWING, (7, 150)], [(9, 150)], {})],
    "index.take_along_axis": [([(5, 9), places(9, 5, 4)], [(5, 4)], {"axis": 1})],
    "index.scatter_add_along_axis": [
        ([places(9, 5, 4), (5, 4)], [(5, 9)], {"axis": 1}),
    ],
    "index.argmax": [([(7, 20)], [places(1, 7)], {"axis": -1})],
    "index.argmin": [([(7, 20)], [places(1, 7)], {"axis": -1})],
    "sort.top_k": [([(4, 5, 9)], [(4, 5, 3), places(1, 4, 5, 3)], {"k": 3})],
    "sort.cumulative": [([(7, 20)], [(7, 20)], {"axis": 1, "combine": "add"})],
    "winograd.weights": [
        ([(3, 3, 9, 20)], [(36, 9, 20)], {"turned": False}),
        ([(3, 3, 9, 130)], [(36, 130, 9)], {"turned": True}),
    ],
    "winograd.weights_gradient": [([(36, 9, 20)], [(3, 3, 9, 20)], {})],
    "winograd.conv2d": [([(5, 6, 7, 9), (36, 9, 20)], [(5, 6, 7, 20)], POINTS)],
    "winograd.backward_weights": [
        ([(5, 6, 7, 9), (5, 6, 7, 20)], [(36, 9, 20)], POINTS),
    ],
    "comb_weights.weights": [([(1, 7, 9, 40)], [(1, 2, 6, 3, 9, 32)], TEETH)],
    "comb_weights.turned": [([(1, 7, 9, 130)], [(3, 1, 6, 1, 130, 32)], TEETH)],
    "comb_weights.weights_gradient": [([(6, 3, 9, 40)], [(1, 7, 9, 40)], TEETH)],
    "combs.conv": [
        ([(5, 2, 21, 9), (1, 2, 6, 3, 9, 32)], [(5, 2, 7, 40)], COMBS),
    ],
    "combs.backward_data": [
        ([(5, 2, 7, 9), (3, 2, 6, 1, 9, 32)], [(5, 2, 21, 40)], COMBS),
    ],
    "combs.backward_weights": [
        ([(5, 2, 21, 40), (5, 2, 7, 9)], [(6, 3, 40, 9)], COMBS),
    ],
    "image.resample": [
        ([(5, 6, 3), places(6, 4, 2), (4, 2)], [(5, 4, 3)], {"axis": 1}),
    ],
    "image.bilinear": [
        ([IMAGES, places(6, 4, 2), (4,), places(7, 5, 2), (5,)], [(5, 4, 5, 3)],
         {"axis": 1}),
    ],
    "image.sample": [
        ([IMAGES, (5, 4, 2), (5, 4, 2), numbers()], [(5, 4, 2, 3)], {"linear": True}),
    ],
    "move.concatenate": [([(7, 2), (7, 20)], [(7, 22)], {"axis": 1})],
    "attention.attend": [
        ([QUERIES, KEYS, KEYS, SEEN, HEADS, WORDS], [QUERIES, STATS], ATTEND),
        ([QUERIES, KEYS, KEYS, ALL, NO_HEADS, NO_HEADS], [QUERIES, STATS],
         {**ATTEND, "rate": 0.0}),
    ],
    "attention.attend_backward": [
        ([QUERIES, KEYS, KEYS, SEEN, HEADS, WORDS, QUERIES, STATS, QUERIES],
         [QUERIES, KEYS, KEYS], ATTEND),
    ],
    "recurrent.simple_loop": [
        ([SERIES, (6, 6), STATE, ALL, NOTHING], [SERIES, STATE, NOTHING], CELL),
        ([LONG, (300, 300), (2, 300), ALL, NOTHING], [LONG, (2, 300), NOTHING], CELL),
    ],
    "recurrent.simple_loop_backward": [
        ([SERIES, (6, 6), ALL, NOTHING, SERIES, STATE], [SERIES, STATE, STATE], CELL),
    ],
    "recurrent.lstm_loop": [
        ([(5, 4, 24), (6, 24), STATE, STATE, ALL, NOTHING],
         [SERIES, STATE, STATE, SERIES, (5, 4, 24), NOTHING], GATED),
    ],
    "recurrent.lstm_loop_backward": [
        ([(5, 4, 24), SERIES, STATE, (24, 6), ALL, NOTHING, SERIES, STATE, STATE],
         [(5, 4, 24), STATE, STATE, STATE], GATED),
    ],
    "recurrent.gru_loop": [
        ([(5, 4, 18), (6, 18), (18,), STATE, ALL, NOTHING],
         [SERIES, STATE, (5, 4, 18), SERIES, NOTHING], {**GATED, "reset_after": True}),
    ],
    "recurrent.gru_loop_backward": [
        ([(5, 4, 18), SERIES, SERIES, (18, 6), ALL, NOTHING, SERIES, STATE],
         [(5, 4, 18), (5, 4, 18), STATE, STATE], {**GATED, "reset_after": True}),
    ],
}  # fmt: skip


def one(kernel, strides=(1, 1), padding=((0, 0), (0, 0)), size=(13, 9), **more):
    """A convolution of one image, by Keras's rule of sizes."""
    dilation = more.get("dilation", (1, 1))
    rows = zip(size, kernel, strides, padding, dilation)
    out = [(n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in rows]
    inputs = kernel[2] * more.get("groups", 1)
    how = {"strides": strides, "padding": padding, "dilation": (1, 1), "groups": 1}
    return [(1, *size, inputs), kernel], (1, *out, kernel[3]), {**how, **more}


SAME = ((1, 1), (1, 1))
MOVING = {
    "conv.conv2d": [
        one((3, 3, 3, 40), padding=SAME),
        one((3, 3, 16, 20), (2, 2), ((0, 1), (0, 1)), (12, 10)),
        one((5, 2, 4, 33), dilation=(2, 1), padding=((4, 4), (0, 1))),
        one((1, 1, 300, 20)),  # a product of matrices
        one((1, 1, 8, 20), (2, 2)),
        one((1, 1, 8, 20), padding=SAME),
        one((3, 3, 64, 2), padding=SAME),  # along what is summed
        one((3, 3, 1, 40), padding=SAME, groups=40),
    ],
    "pool.max_pool2d": [
        ([(1, 13, 9, 20)], (1, 7, 5, 20), POOL),
        ([(1, 13, 9, 3)], (1, 6, 4, 3), {**POOL, "padding": ((0, 0), (0, 0))}),
    ],
    "pool.average_pool2d": [([(1, 13, 9, 20)], (1, 7, 5, 20), POOL)],
    "winograd.conv2d": [
        ([(1, 13, 9, 9), (36, 9, 20)], (1, 13, 9, 20), POINTS),
        ([(1, 6, 7, 9), (36, 9, 20)], (1, 6, 7, 20), POINTS),
    ],
    "combs.conv": [([(1, 1, 21, 9), (1, 3, 6, 3, 9, 32)], (1, 1, 7, 72), COMBS)],
}


def calls(name):
    """The calls of a kernel, with arrays."""
    for operands, results, attributes in SAMPLES[name]:
        filled = (
            [numbers(*a) if isinstance(a, tuple) else a for a in arrays]
            for arrays in (operands, results)
        )
        yield *filled, attributes


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


def hidden(function, arrays, attributes):
    """The axes of each array that are cut in some way: their sizes are not known."""
    found = [set() for _ in arrays]
    for way in cuts_of(function):
        if way.moves:
            continue
        ranks = [array.ndim for array in arrays]
        for number, axis in (axes_of(function, way, ranks, attributes) or {}).items():
            found[number].add(axis)
    return found


def moving(function, way, call):
    """The kernel on a part that begins where an array more says."""
    operands, results, attributes = call

    def kernel(e, where, *arrays):
        first = e.load(where, 0).value
        found, told = way.moves.part(e, [*arrays], dict(attributes), first)
        function(e, *found, **told)

    axes = axes_of(function, way, [a.ndim for a in (*operands, *results)], attributes)
    unknown = [{axes[i]} if i in axes else set() for i in range(len(operands) + 1)]
    machine = Machine(hidden=[set(), *unknown])
    machine.add(kernel, places(1, 1), *operands, *results)
    return machine.compile()


@pytest.mark.parametrize("name", MOVING)
def test_parts_that_move_give_the_whole(name):
    function = link.kernel(name)
    (way,) = (way for way in cuts_of(function) if way.moves)
    for operands, results, attributes in MOVING[name]:
        operands, made = [numbers(*o) for o in operands], numbers(*results)
        whole = made.copy()
        machine = Machine()
        machine.add(functools.partial(function, **attributes), *operands, whole)
        machine.compile()(*operands, whole)
        run = moving(function, way, (operands, [made], attributes))
        (axis,) = dict(way.axes).values()
        for span in spans(made.shape[axis], way.grain_for(attributes)):
            own = part(made, axis, made.shape[axis], span)
            run(np.array(span[:1]), *operands, own)
        np.testing.assert_array_equal(made, whole)


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
        close = 1e-4 if way.sums else 0
        np.testing.assert_allclose(result, expected, rtol=close, atol=close)
    return True


@pytest.mark.parametrize("name", list(kernels()))
def test_parts_give_the_whole(name):
    function = link.kernel(name)
    ways, tried = [way for way in cuts_of(function) if not way.moves], set()
    assert bool(ways) != (name in UNCUT)
    for operands, results, attributes in calls(name) if ways else ():
        machine = Machine(hidden=hidden(function, [*operands, *results], attributes))
        machine.add(functools.partial(function, **attributes), *operands, *results)
        run = machine.compile()
        for way in ways:
            if check(function, run, way, (operands, results, attributes)):
                tried.add(way)
    assert tried == set(ways), "every way to cut needs a sample"


@pytest.mark.parametrize(
    "name", [name for name in SAMPLES if over_of(link.kernel(name))]
)
def test_results_may_lie_over_the_operands_that_are_named(name):
    function = link.kernel(name)
    for operands, results, attributes in calls(name):
        apart = [np.array(a) for a in (*operands, *results)]
        over = [a.copy() for a in apart]
        for result, operand in over_of(function).items():
            over[result] = over[operand]
        for arrays in (apart, over):
            machine = Machine(hidden=hidden(function, arrays, attributes))
            machine.add(functools.partial(function, **attributes), *arrays)
            machine.run()
        for wanted, found in zip(apart[len(operands) :], over[len(operands) :]):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", list(kernels()))
def test_cuts_name_arrays_and_attributes_there_are(name):
    function = link.kernel(name)
    parameters = inspect.signature(function).parameters
    for way in cuts_of(function):
        named = [name for name, _ in (*way.axes, *way.where)]
        named += [a for _, a in way.axes if isinstance(a, str)] + [way.beside]
        assert set(named) - {""} <= set(parameters)
