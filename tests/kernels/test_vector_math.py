"""Error of every mathematical function, in ulp of its dtype, over all magnitudes."""

import math
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest

from graphkeras.kernels.cpu import vector
from graphkeras.kernels.cpu.target import forced
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.random import threefry2x32, threefry2x32_block
from tests.kernels.machine import Machine
from tests.kernels.test_emit import render

# name: (reference in float64, bound in ulp of float32)
SINGLE = {
    "exp": (np.exp, 1.1),
    "expm1": (np.expm1, 2.0),
    "log": (np.log, 1.0),
    "log1p": (np.log1p, 2.0),
    "tanh": (np.tanh, 5.0),
    "erf": (np.vectorize(math.erf), 5.5),
    "sin": (np.sin, 0.6),
    "cos": (np.cos, 0.6),
    "sigmoid": (lambda x: np.where(x < 0, np.exp(x), 1) / (1 + np.exp(-abs(x))), 2.5),
    "sqrt": (np.sqrt, 0.51),
    "log2": (np.log2, 1.5),
    "log10": (np.log10, 1.0),
    "cbrt": (np.cbrt, 0.6),
    "tan": (np.tan, 0.6),
    "asin": (np.arcsin, 2.0),
    "acos": (np.arccos, 1.5),
    "atan": (np.arctan, 1.6),
    "sinh": (np.sinh, 1.6),
    "cosh": (np.cosh, 1.5),
    "asinh": (np.arcsinh, 0.6),
    "acosh": (np.arccosh, 0.6),
    "atanh": (np.arctanh, 0.6),
    "round": (np.round, 0.0),
    "floor": (np.floor, 0.0),
    "ceil": (np.ceil, 0.0),
    "trunc": (np.trunc, 0.0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.5),
}


@pytest.fixture(scope="module")
def sweep():
    """Every sign and exponent, the neighbourhood of 0 and 1, and the special ones."""
    bits = np.linspace(0, 0x7F800000, 20001).astype("uint32").view("float32")
    near = np.linspace(-9, 9, 20001, dtype="float32")
    special = np.array([0.0, np.inf, np.nan, 1.0, 1e-45, 2.0**24, 88.7, 104.0], "f4")
    half = np.concatenate([bits, near, special])
    return np.concatenate([half, -half])


def compare(out, expected, bound):
    """Same NaN, infinities and signs of zero; otherwise within `bound` ulp."""
    rounded = expected.astype(out.dtype)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(rounded))
    ends = np.isinf(rounded) | np.isinf(out)
    np.testing.assert_array_equal(out[ends], rounded[ends])
    zero = rounded == 0
    np.testing.assert_array_equal(np.signbit(out[zero]), np.signbit(rounded[zero]))
    plain = np.isfinite(rounded) & np.isfinite(out)
    unit = np.spacing(abs(rounded[plain])).astype("float64")
    error = abs(out[plain].astype("float64") - expected[plain]) / unit
    assert error.max() <= bound


def test_float32_functions_keep_their_bounds(sweep):
    outs = render([f"{name}(x0)" for name in SINGLE], [sweep], "float32")
    with np.errstate(all="ignore"):
        for (reference, bound), out in zip(SINGLE.values(), outs):
            compare(out, reference(sweep.astype("float64")), bound)


def test_float64_functions_are_the_c_library(sweep):
    wide = sweep.astype("float64")[::5].copy()
    names = [n for n in SINGLE if n not in ("sigmoid", "rsqrt")]
    outs = render([f"{name}(x0)" for name in names], [wide], "float64")
    with np.errstate(all="ignore"):
        for name, out in zip(names, outs):
            compare(out, SINGLE[name][0](wide), 2.0)


# As SINGLE, of two operands; fmod and the like are exact
PAIRS = {
    "atan2(x0, x1)": (np.arctan2, 2.5),
    "fmod(x0, x1)": (np.fmod, 0.0),
    "x0 % x1": (np.remainder, 0.5),
    "over_root(x0, x1)": (lambda x, v: x / np.sqrt(v), 2.0),
    "over_root_plus(x0, x1, x1)": (lambda x, v: x / (np.sqrt(v) + v), 3.0),
}


def pairs():
    """Special values against each other, and numbers of all magnitudes."""
    values = [0.0, 1.0, 0.5, 3.0, 1e-45, 1e-40, 3e38, 0.99999, 1e10, np.inf, 17.0]
    values = [*values, *(-v for v in values), np.nan]
    x, y = (np.ravel(a) for a in np.meshgrid(*[np.array(values, "f4")] * 2))
    rng = np.random.default_rng(0)
    more = rng.standard_normal((2, 20000)) * 2.0 ** rng.integers(-9, 9, (2, 20000))
    return (np.concatenate([a, b.astype("f4")]) for a, b in zip((x, y), more))


def test_functions_of_two_operands_keep_their_bounds():
    x, y = pairs()
    outs = render([*PAIRS], [x, y], "float32")
    with np.errstate(all="ignore"):
        for (reference, bound), out in zip(PAIRS.values(), outs):
            compare(out, reference(x.astype("f8"), y.astype("f8")), bound)


WIDTHS = {"host": nullcontext, "avx": partial(forced, 256, 16)}


@pytest.mark.parametrize("width", WIDTHS)
def test_quotients_by_roots_of_all_magnitudes(width):
    rng = np.random.default_rng(0)
    v, x, more = np.exp2(rng.uniform(-150, 128, (3, 50000))).astype("float32")
    forms = ["over_root(x0, x1)", "over_root_plus(x0, x1, x2)"]
    with WIDTHS[width]():
        plain, plus = render(forms, [x, v, more], "float32")
        (shifted,) = render(forms[1:], [x[3:], v[3:], more[3:]], "float32")
    with np.errstate(all="ignore"):
        root, wide = np.sqrt(v.astype("f8")), x.astype("f8")
        compare(plain, wide / root, 2.0)
        compare(plus, wide / (root + more), 3.0)
    np.testing.assert_array_equal(shifted, plus[3:])  # whatever lane it is in


def test_logaddexp_keeps_its_bound():
    """Of softplus, relative; of any two operands, relative to the largest or to 1."""
    x, y = pairs()
    zero = np.zeros_like(x)
    soft, out = render(
        ["logaddexp(x0, x2)", "logaddexp(x0, x1)"], [x, y, zero], "float32"
    )
    with np.errstate(all="ignore"):
        compare(soft, np.logaddexp(x.astype("f8"), 0), 2.5)
        expected = np.logaddexp(x.astype("f8"), y.astype("f8"))
        size = np.maximum(np.maximum(abs(x), abs(y)), np.float32(1))
        error = abs(out - expected) / np.spacing(size)
    plain = np.isfinite(size)
    np.testing.assert_array_equal(out[~plain], expected[~plain].astype("f4"))
    assert error[plain].max() <= 1.5


def test_division_rounded_down_is_numpys():
    x, y = pairs()
    (out,) = render(["x0 // x1"], [x, y], "float32")
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out, np.floor_divide(x, y))


def test_pow_of_every_sign_and_kind():
    values = [0.0, 1.0, 0.5, 2.0, 3.0, 1e-40, 1e38, 0.99999, np.inf, 2.5, 101.0]
    values = [*values, *(-v for v in values), np.nan]
    x, y = (np.ravel(a) for a in np.meshgrid(*[np.array(values, "f4")] * 2))
    (out,) = render(["pow(x0, x1)"], [x.copy(), y.copy()], "float32")
    with np.errstate(all="ignore"):
        compare(out, np.power(x.astype("f8"), y.astype("f8")), 0.6)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 4), ("float64", 4e3)])
def test_erfinv_undoes_erf(dtype, bound):
    y = np.linspace(-3.7, 3.7, 4001)
    x = np.array([math.erf(v) for v in y]).astype(dtype)
    (out,) = render(["erfinv(x0)"], [x], dtype)
    back = np.array([math.erf(float(v)) for v in out])
    slope = 2 / math.sqrt(math.pi) * np.exp(-(out.astype("f8") ** 2))
    allowed = np.spacing(abs(out)) * slope + np.spacing(abs(x))
    assert (abs(back - x) <= bound * allowed).all()
    ends = np.array([1, -1, 0, np.nan, 2], dtype)
    (out,) = render(["erfinv(x0)"], [ends], dtype)
    np.testing.assert_array_equal(out, [np.inf, -np.inf, 0, np.nan, np.nan])


def test_lgamma_and_digamma_by_their_recurrences():
    x = np.linspace(0.03, 40, 997)
    one_up = x + 1
    for name, step in (("lgamma", np.log(x)), ("digamma", 1 / x)):
        (low,) = render([f"{name}(x0)"], [x], "float64")
        (high,) = render([f"{name}(x0)"], [one_up], "float64")
        np.testing.assert_allclose(high - low, step, rtol=1e-11, atol=1e-11)
    points = np.array([1.0, 0.5, -0.5, 0.0, -3.0, np.inf, np.nan])
    (out,) = render(["digamma(x0)"], [points], "float64")
    euler = 0.57721566490153286
    half = -euler - 2 * math.log(2)
    expected = [-euler, half, half + 2, -np.inf, np.nan, np.inf, np.nan]
    np.testing.assert_allclose(out, expected, rtol=1e-13)


def test_logaddexp_and_atan2():
    x = np.array([0, 1, -np.inf, np.inf, 800, np.nan, -5], "float64")
    y = np.array([0, -1, -np.inf, np.inf, -800, 1, 5], "float64")
    for name, reference in (("logaddexp", np.logaddexp), ("atan2", np.arctan2)):
        (out,) = render([f"{name}(x0, x1)"], [x, y], "float64")
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(out, reference(x, y), rtol=1e-14)


# Random123 known answers: kat_vectors, "threefry2x32 20"
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "words"), KNOWN)
def test_threefry_gives_the_known_answers(key, counter, words):
    assert tuple(int(w) for w in threefry2x32_block(*key, *counter)) == words


def test_compiled_threefry_is_the_reference():
    counter = np.arange(1000, dtype="uint32")
    keys = [np.full(1000, k, "uint32") for k in (7, 0xDEADBEEF)]
    (out,) = render(["threefry2x32(x0, x1, x2)"], [*keys, counter], "uint32")
    np.testing.assert_array_equal(out, threefry2x32(7, 0xDEADBEEF, counter))


def test_the_exponential_of_what_is_never_positive(sweep):
    x = -abs(sweep)[: sweep.size // 16 * 16]
    out = np.empty_like(x)

    def case(e, source, target):
        with e.loop(0, x.size, 16) as i:
            value = vector.exp_falling(Term(e, e.load(source, i, 16)))
            e.store(target, i, value.scalar)

    machine = Machine()
    machine.add(case, x, out)
    machine.run()
    expected = np.exp(x.astype("float64"))
    compare(out, np.where(x < -87.33, 0.0, expected), 1.1)
