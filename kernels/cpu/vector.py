"""float32 functions as branch-free vector polynomials.

Each docstring states the largest error seen over a sweep of all magnitudes, in units
in the last place (ulp) of the float32 result; tests/kernels/test_vector_math.py holds
each to its bound. NaN, infinities, signed zeros and denormals come out as in C99.
Coefficients marked Cephes are Stephen Moshier's (netlib.org/cephes, single precision).
"""

import math
from collections.abc import Sequence

from graphkeras.kernels.cpu import libm_call
from graphkeras.kernels.cpu.term import Term, any_lane

LN2_HIGH = 0.693359375  # 9 bits, so that n * LN2_HIGH is exact
LN2_LOW = -2.12194440e-4
MAGIC32 = 12582912.0  # 1.5 * 2**23: adding it rounds to the nearest integer
MAGIC64 = 6755399441055744.0  # 1.5 * 2**52
EXP = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)  # Cephes expf
LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)  # Cephes logf
LOG2_E_LESS_1 = 0.44269504088896340736
LOG10_2_HIGH, LOG10_2_LOW = 3.0078125e-1, 2.48745663981195213739e-4
LOG10_E_HIGH, LOG10_E_LOW = 4.3359375e-1, 7.00731903251827651129e-4  # Cephes log10f
# pi / 2 in two parts, the first of 33 bits (fdlibm, e_rem_pio2.c)
HALF_PI_HIGH = 1.57079632673412561417e00
HALF_PI_LOW = 6.07710050650619224932e-11
SINE_LIMIT = 1.0e6  # up to here n * HALF_PI_HIGH is exact in float64


def horner(x: Term, coefficients: Sequence[float]) -> Term:
    """Polynomial, highest power first."""
    total = x.like(coefficients[0])
    for coefficient in coefficients[1:]:
        total = total.fma(x, coefficient)
    return total


def _round32(x: Term) -> tuple[Term, Term]:
    """Nearest integer as float and as int32, harmless for NaN."""
    moved = x + MAGIC32
    whole = moved.bitcast("int32") - x.like(MAGIC32).bitcast("int32")
    return moved - MAGIC32, whole


def _power_of_two(n: Term) -> Term:
    """2**n for -126 <= n <= 127."""
    return ((n + 127) << 23).bitcast("float32")


def _reduce_exp(x: Term) -> tuple[Term, Term, Term]:
    """n and r with x = n ln 2 + r, and exp(r) - 1 - r."""
    n, whole = _round32(x * (1.0 / math.log(2.0)))
    r = n.fma(-LN2_LOW, n.fma(-LN2_HIGH, x))
    return whole, r, horner(r, EXP) * (r * r)


def exp(x: Term) -> Term:
    """e**x; 1.1 ulp."""
    return _exp_shifted(x.clamp(-105.0, 89.0), 0)


def _exp_shifted(x: Term, shift: int) -> Term:
    """2**shift e**x for -105 <= x <= 91."""
    whole, r, rest = _reduce_exp(x)
    whole = whole + shift if shift else whole
    half = whole >> 1  # two factors, since 2**n alone may overflow or underflow
    scaled = (rest + r + 1.0) * _power_of_two(half)
    return scaled * _power_of_two(whole - half)


def exp_half(x: Term) -> Term:
    """e**x / 2 for x >= 0, finite wherever it can be; 1.1 ulp."""
    return _exp_shifted(x.clamp(0.0, 91.0), -1)


def exp_falling(x: Term) -> Term:
    """e**x for x <= 0, and 0 where that is below 2**-126; 1.1 ulp."""
    moved = x * (1.0 / math.log(2.0)) + MAGIC32  # its lowest bits are n
    n = moved - MAGIC32
    r = n.fma(-LN2_LOW, n.fma(-LN2_HIGH, x))
    near = (horner(r, EXP) * (r * r) + r + 1.0).bitcast("int32")
    scaled = (near + (moved.bitcast("int32") << 23)).bitcast("float32")
    return (x < -87.33).select(x.like(0.0), scaled)


def expm1(x: Term) -> Term:
    """e**x - 1; 2 ulp."""
    whole, r, rest = _reduce_exp(x.clamp(-20.0, 89.0))
    small = rest + r
    scale = _power_of_two(whole - 1)  # n may be 128
    large = small.fma(scale, scale - 0.5) * 2.0
    result = (whole == 0).select(small, large)
    return (x.abs() < 2.0**-25).select(x, result)


def _split(x: Term) -> tuple[Term, Term]:
    """k and m with x = 2**k m and m in [sqrt(1/2), sqrt(2)), for x > 0."""
    tiny = x < 2.0**-126
    bits = tiny.select(x * 2.0**23, x).bitcast("int32")
    k = (bits - 0x3F3504F3) >> 23
    m = (bits - (k << 23)).bitcast("float32")
    return (tiny.select(k - 23, k)).cast("float32"), m


def _log_parts(x: Term) -> tuple[Term, Term, Term, Term]:
    """k, r, a, b with log(x) = k ln 2 + r + a - b / 2, for a positive finite x."""
    k, m = _split(x)
    r = m - 1.0
    square = r * r
    return k, r, horner(r, LOG) * r * square, square


def _log_finite(x: Term) -> Term:
    """log of a positive finite x."""
    k, r, rest, square = _log_parts(x)
    rest = k.fma(LN2_LOW, rest)
    rest = square.fma(-0.5, rest)
    return k.fma(LN2_HIGH, r + rest)


def log2(x: Term) -> Term:
    """Logarithm to base 2; 1.5 ulp."""
    k, r, rest, square = _log_parts(x)
    rest = square.fma(-0.5, rest)
    # log2(e) - 1 apart, so that r itself is added without a rounding
    value = rest.fma(LOG2_E_LESS_1, r * LOG2_E_LESS_1) + rest + r
    return _log_ends(x, k + value)


def log10(x: Term) -> Term:
    """Logarithm to base 10; 1.5 ulp."""
    k, r, rest, square = _log_parts(x)
    rest = square.fma(-0.5, rest)
    value = (rest + r) * LOG10_E_LOW
    value = rest.fma(LOG10_E_HIGH, value)
    value = r.fma(LOG10_E_HIGH, value)
    value = k.fma(LOG10_2_LOW, value)
    return _log_ends(x, k.fma(LOG10_2_HIGH, value))


def _log_ends(x: Term, result: Term) -> Term:
    """Put in what log gives for 0, infinity, negative numbers and NaN."""
    result = (x == math.inf).select(x, result)
    result = (x == 0.0).select(x.like(-math.inf), result)
    return (x >= 0.0).select(result, x.like(math.nan))


def log(x: Term) -> Term:
    """Natural logarithm; 1 ulp."""
    return _log_ends(x, _log_finite(x))


def log1p(x: Term) -> Term:
    """log(1 + x); 2 ulp."""
    u = x + 1.0
    lost = (x - (u - 1.0)) / u  # what rounding 1 + x dropped
    result = _log_ends(
        u, _log_finite(u) + ((u < math.inf) & (u > 0.0)).select(lost, 0.0)
    )
    return (x.abs() < 2.0**-25).select(x, result)


# Minimax of (atanh(s) - s) / s**3 on [0, 1/3], relative error of atanh 1.7e-9
ATANH = (0.134418041, 0.141156405, 0.20003891, 0.333333194)


def logaddexp(x: Term, y: Term) -> Term:
    """log(e**x + e**y); 2.5 ulp if y is 0, else 1.5 ulp of max(|x|, |y|, 1)."""
    power = exp(-(x - y).abs())  # in [0, 1]
    s = power / (power + 2.0)  # log(1 + p) = 2 atanh(p / (2 + p))
    square = s * s
    smooth = (horner(square, ATANH) * square).fma(s, s) * 2.0
    # Equal infinities have no difference.
    return (x == y).select(x + math.log(2.0), x.maximum(y) + smooth)


TANH_UP = (
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-08,
    1.48572235717979e-05,
    6.37261928875436e-04,
    4.89352455891786e-03,
)  # rational minimax of the Eigen library, MathFunctionsImpl.h
TANH_DOWN = (
    1.19825839466702e-06,
    1.18534705686654e-04,
    2.26843463243900e-03,
    4.89352518554385e-03,
)


def tanh(x: Term) -> Term:
    """Hyperbolic tangent; 5 ulp."""
    bounded = x.clamp(-7.90531110763549805, 7.90531110763549805)
    square = bounded * bounded
    value = bounded * horner(square, TANH_UP) / horner(square, TANH_DOWN)
    return (x.abs() < 4.0e-4).select(x, value)


def sigmoid(x: Term) -> Term:
    """1 / (1 + e**-x); 2.5 ulp."""
    power = exp(-x.abs())
    return (x < 0.0).select(power, power.like(1.0)) / (power + 1.0)


# Fitted by weighted least squares to erf(x) / x on [0, 3.83], relative error 1.4e-8
ERF_UP = (
    2.12960898e-06,
    2.85630306e-04,
    3.63131480e-03,
    5.23540491e-02,
    1.86786766e-01,
    1.12837917,
)
ERF_DOWN = (
    3.89483900e-05,
    1.13679681e-03,
    1.46998471e-02,
    1.12688858e-01,
    4.98868514e-01,
    1.0,
)


def erf(x: Term) -> Term:
    """Error function; 5.5 ulp."""
    bounded = x.clamp(-3.83, 3.83)
    square = bounded * bounded
    value = bounded * horner(square, ERF_UP) / horner(square, ERF_DOWN)
    value = value.clamp(-1.0, 1.0)
    return (x.abs() > 3.83).select(x.like(1.0).copysign(x), value)


# Giles, "Approximating the erfinv function" (GPU Computing Gems 2, 2011), table 5
ERFINV_CENTRE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
ERFINV_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def erfinv(x: Term) -> Term:
    """Inverse of the error function; 4 ulp."""
    w = -log1p(-(x * x))
    w = (x.abs() > 0.5).select(-log((1.0 - x.abs()) * (x.abs() + 1.0)), w)
    centre = horner(w - 2.5, ERFINV_CENTRE)
    tail = horner(w.call("sqrt") - 3.0, ERFINV_TAIL)
    value = (w < 5.0).select(centre, tail) * x
    return (x.abs() == 1.0).select(x * math.inf, value)


def sin(x: Term) -> Term:
    """Sine; 1 ulp."""
    sine, cosine, quadrant = _turned(x)
    value = ((quadrant & 1) != 0).select(cosine, sine)
    value = ((quadrant & 2) != 0).select(-value, value).cast("float32")
    return _far("sin", x, (x == 0.0).select(x, value))


def cos(x: Term) -> Term:
    """Cosine; 1 ulp."""
    sine, cosine, quadrant = _turned(x)
    quadrant = quadrant + 1
    value = ((quadrant & 1) != 0).select(cosine, sine)
    value = ((quadrant & 2) != 0).select(-value, value).cast("float32")
    return _far("cos", x, (x == 0.0).select(x.like(1.0), value))


def tan(x: Term) -> Term:
    """Tangent; 1 ulp."""
    sine, cosine, quadrant = _turned(x)
    odd = (quadrant & 1) != 0
    value = odd.select(-cosine, sine) / odd.select(sine, cosine)
    return _far("tan", x, (x == 0.0).select(x, value.cast("float32")))


def _turned(x: Term) -> tuple[Term, Term, Term]:
    """Sine and cosine of what is left of x after so many quarter turns, in float64."""
    wide = x.cast("float64")
    moved = wide.fma(2.0 / math.pi, MAGIC64)
    n = moved - MAGIC64
    r = n.fma(-HALF_PI_LOW, n.fma(-HALF_PI_HIGH, wide))
    square = r * r
    sine = horner(
        square, [(-1) ** k / math.factorial(2 * k + 1) for k in range(6, -1, -1)]
    )
    cosine = horner(
        square, [(-1) ** k / math.factorial(2 * k) for k in range(6, -1, -1)]
    )
    return sine * r, cosine, moved.bitcast("int64")


def _far(name: str, x: Term, value: Term) -> Term:
    """The C function where x is too large for the short reduction."""
    return _exactly(name, x.abs() > SINE_LIMIT, value, x)


def _exactly(name: str, where: Term, value: Term, *operands: Term) -> Term:
    """`value`, but in some lanes, which are rare, what the C function gives."""
    e = value.e
    result = e.local(value.dtype, value.scalar, value.lanes)
    with e.when(any_lane(where)):  # one lane after another will do
        exact = libm_call.call(name, *operands)
        result.set(where.select(exact, value).scalar)
    return Term(e, result.get())


def fmod(x: Term, y: Term) -> Term:
    """x - trunc(x / y) y, exact."""
    a, b = x.abs().cast("float64"), y.abs().cast("float64")
    quotient = (a / b).call("trunc")
    # Exact, since the quotient has less than 29 bits; it may be one too large.
    rest = quotient.fma(-b, a)
    rest = (rest < 0.0).select(rest + b, rest)
    value = rest.cast("float32").copysign(x)
    value = ((y.abs() == math.inf) & (x.abs() < math.inf)).select(x, value)
    return _exactly("fmod", quotient > 2.0**28, value, x, y)


def cbrt(x: Term) -> Term:
    """Cube root, through float64; 0.6 ulp."""
    size = x.abs()
    value = _exp2(_log2(size).clamp(-200.0, 200.0) * (1.0 / 3.0)).cast("float32")
    value = ((size == 0.0) | (size == math.inf)).select(size, value)
    return value.copysign(x)


def pow(x: Term, y: Term) -> Term:  # noqa: A001 (named after the scalar function)
    """x**y as C99 defines it, through float64; 0.6 ulp."""
    size = x.abs()
    exponent = y.cast("float64") * _log2(size)
    value = _exp2(exponent.clamp(-200.0, 200.0)).cast("float32")
    whole = y.call("trunc") == y
    half = y * 0.5
    odd = whole & (half.call("trunc") != half)
    value = ((x.bitcast("int32") < 0) & odd).select(-value, value)
    broken = (x < 0.0) & (size < math.inf) & ~whole
    value = (broken & (y == y)).select(x.like(math.nan), value)
    one = (y == 0.0) | (x == 1.0) | ((size == 1.0) & (y.abs() == math.inf))
    return one.select(x.like(1.0), value)


def _log2(size: Term) -> Term:
    """log2 of a float32 >= 0 in float64, to 1e-12."""
    return _log2_wide(size.cast("float64"))


def _log2_wide(wide: Term) -> Term:
    """log2 of a normal float64 >= 0, to 1e-12."""
    bits = wide.bitcast("int64")
    k = (bits - 0x3FE6A09E667F3BCD) >> 52
    m = (bits - (k << 52)).bitcast("float64")
    s = (m - 1.0) / (m + 1.0)
    series = horner(
        s * s, [2.0 / math.log(2.0) / (2 * i + 1) for i in range(7, -1, -1)]
    )
    value = series.fma(s, k.cast("float64"))
    value = (wide == 0.0).select(wide.like(-math.inf), value)
    return (wide < math.inf).select(value, wide)


def log_wide(x: Term) -> Term:
    """Natural logarithm of a float64 >= 0, to 1e-12."""
    return _log2_wide(x) * math.log(2.0)


def _exp2(t: Term) -> Term:
    """2**t in float64 for |t| <= 1000, to 1e-11."""
    moved = t + MAGIC64
    f = t - (moved - MAGIC64)
    n = moved.bitcast("int64") - t.like(MAGIC64).bitcast("int64")
    ln2 = math.log(2.0)
    series = horner(f, [ln2**i / math.factorial(i) for i in range(10, -1, -1)])
    return series * ((n + 1023) << 52).bitcast("float64")
