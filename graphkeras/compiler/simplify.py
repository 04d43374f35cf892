"""Algebra: rules that make a graph smaller and leave its meaning as it was.

Results stay within rounding; NaN and infinities stay what they are. Left out on
purpose: ``max(f(x))`` as ``f(max(x))`` for a monotone f. The gradient of a maximum
compares elements with the result, and f computed twice may differ in the last bit.
"""
# Patterns leave attributes out.
# mypy: disable-error-code="call-arg"

from __future__ import annotations

from graphkeras import dtypes
from graphkeras.compiler import pooling
from graphkeras.compiler.facts import rules_of, stretched
from graphkeras.ir.op import constant, is_constant
from graphkeras.ir.pattern import Rule, RuleSet, is_literal, rewrite, rule, wildcard
from graphkeras.ir.value import Graph, Value
from graphkeras.ops.compare import equal, greater_equal, less_equal, where
from graphkeras.ops.creation import broadcast_to, cast
from graphkeras.ops.math import (
    add,
    divide,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sqrt,
    square,
    subtract,
)
from graphkeras.ops.shape import (
    concatenate,
    pad_interior,
    reshape,
    slice_axes,
    transpose,
)

x, y, c, other = (wildcard(name) for name in ("x", "y", "c", "other"))


def simplify(graph: Graph) -> Graph:
    """Return the graph after all rules have fired wherever they fit."""
    return rewrite(graph, _change)


def _change(value: Value) -> Value:
    """Apply rules to one value until none fits."""
    while True:
        new = RULES.rewrite(value)
        for general_rule in rules_of(new.op):
            new = general_rule.apply(new) or new
        if new is value:
            return value
        value = new


# ----------------------------------------------------------------------- movement


@rule(reshape(x))
def drop_reshape(root: Value, x: Value) -> Value | None:
    """reshape to the shape it has is nothing."""
    return x if x.shape == root.shape else None


@rule(reshape(reshape(x)))
def merge_reshapes(root: Value, x: Value) -> Value:
    """reshape(reshape(x)) is one reshape."""
    return reshape(x, root.shape)


@rule(reshape(broadcast_to(x)))
def reshape_repeated(root: Value, x: Value) -> Value | None:
    """One element repeated in one shape is it repeated in another."""
    return broadcast_to(reshape(x, ()), root.shape) if x.type.size == 1 else None  # type: ignore[union-attr]


@rule(broadcast_to(x))
def drop_broadcast(root: Value, x: Value) -> Value | None:
    """broadcast_to the shape it has is nothing."""
    return x if x.shape == root.shape else None


@rule(broadcast_to(broadcast_to(x)))
def merge_broadcasts(root: Value, x: Value) -> Value:
    """broadcast_to(broadcast_to(x)) is one broadcast."""
    return broadcast_to(x, root.shape)


@rule(broadcast_to(reshape(x)))
def broadcast_scalar(root: Value, x: Value) -> Value | None:
    """A scalar needs no axes of size 1 to be stretched."""
    inner = root.inputs[0]
    if x.type.size != 1 or inner.rank == 0:  # type: ignore[union-attr]
        return None
    return broadcast_to(reshape(x, ()), root.shape)


@rule(transpose(x))
def drop_transpose(root: Value, x: Value) -> Value | None:
    """A transpose that keeps the order of all axes longer than 1 is a reshape."""
    moved = [a for a in root.axes if x.shape[a] != 1]
    return reshape(x, root.shape) if moved == sorted(moved) else None


@rule(transpose(transpose(x)))
def merge_transposes(root: Value, x: Value) -> Value:
    """transpose(transpose(x)) is one transpose."""
    inner = root.inputs[0]
    return transpose(x, tuple(inner.axes[a] for a in root.axes))


@rule(slice_axes(x))
def drop_slice(root: Value, x: Value) -> Value | None:
    """A slice of everything is nothing."""
    whole = x.shape == root.shape and not any(root.start)
    return x if whole and all(s == 1 for s in root.step) else None


@rule(slice_axes(slice_axes(x)))
def merge_slices(root: Value, x: Value) -> Value | None:
    """A slice of a slice is one slice."""
    inner = root.inputs[0]
    rows = list(zip(inner.start, inner.step, root.start, root.step, root.limit))
    start = tuple(a + first * step for a, step, first, _, _ in rows)
    step = tuple(outer * by for _, outer, _, by, _ in rows)
    # One past the last element that is read, whatever the step.
    limit = tuple(a + (last - 1) * by + 1 for a, by, _, _, last in rows)
    whole = slice_axes(x, start=start, limit=limit, step=step)
    return whole if whole.shape == root.shape else None  # sizes not seen to be equal


@rule(pad_interior(x))
def drop_pad(root: Value, x: Value) -> Value | None:
    """Padding by nothing is nothing."""
    return None if any((*root.low, *root.high, *root.interior)) else x


@rule(concatenate([x]))
def drop_concatenate(root: Value, x: Value) -> Value:
    """One tensor joined is itself."""
    return x


# --------------------------------------------------------------------------- casts


@rule(cast(cast(x)))
def merge_casts(root: Value, x: Value) -> Value | None:
    """A cast on the way that loses nothing may be left out."""
    middle = root.inputs[0].dtype
    return cast(x, root.dtype) if _holds_all(middle, x.dtype) else None


_DIGITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}


def _holds_all(wide: str, narrow: str) -> bool:
    """Whether every value of one dtype is a value of another."""
    if wide == narrow or narrow == "bool":
        return True
    if wide == "bool" or (dtypes.is_float(narrow) and not dtypes.is_float(wide)):
        return False
    if dtypes.is_float(wide) and dtypes.is_float(narrow):
        return wide == "float64" or (wide == "float32" and narrow != "float64")
    signed, bits = narrow[0] == "i", 8 * dtypes.itemsize(narrow)
    if dtypes.is_float(wide):
        return bits - signed <= _DIGITS[wide] and wide != "float16"
    if wide[0] == "u":
        return not signed and 8 * dtypes.itemsize(wide) >= bits
    return 8 * dtypes.itemsize(wide) >= bits + (not signed)


# ---------------------------------------------------------------------- arithmetic


@rule(add(x, negative(y)))
def subtract_instead(root: Value, x: Value, y: Value) -> Value:
    """x + -y is x - y."""
    return subtract(x, y)


@rule(subtract(x, negative(y)))
def add_instead(root: Value, x: Value, y: Value) -> Value:
    """x - -y is x + y."""
    return add(x, y)


@rule(multiply(negative(x), c))
def negate_constant(root: Value, x: Value, c: Value) -> Value | None:
    """-x * c is x * -c."""
    if not is_constant(c) or c.dtype[0] == "u":
        return None
    return multiply(x, constant(-c.data.array))


@rule(multiply(x, -1))
def negate_instead(root: Value, x: Value) -> Value | None:
    """x * -1 is -x."""
    return stretched(negative(x), root)


@rule(multiply(x, x))
def square_instead(root: Value, x: Value) -> Value:
    """x * x is x squared: it reads one operand."""
    return square(x)


@rule(divide(x, c))
def multiply_instead(root: Value, x: Value, c: Value) -> Value | None:
    """x / 2**n is x * 2**-n, exactly."""
    if not is_constant(c) or c.data.array.size != 1:
        return None
    number = float(c.data.array.reshape(()))
    # Small powers only: their inverse is a normal number in every float dtype.
    inverses = {2.0**n: 2.0**-n for n in range(-14, 15)}
    if number not in inverses:
        return None
    return multiply(x, constant(inverses[number], c.dtype))


@rule(power(x, 2))
def square_power(root: Value, x: Value) -> Value | None:
    """x**2 is x squared."""
    return stretched(square(x), root)


@rule(power(x, 3))
def cube_power(root: Value, x: Value) -> Value | None:
    """x**3 is x * x * x."""
    return stretched(multiply(square(x), x), root)


@rule(power(x, 0.5))
def root_power(root: Value, x: Value) -> Value | None:
    """x**0.5 is the square root of x."""
    return stretched(sqrt(x), root)


@rule(power(x, -1))
def inverse_power(root: Value, x: Value) -> Value | None:
    """x**-1 is 1 / x (integers have no inverse)."""
    if not dtypes.is_float(x.dtype):
        return None
    return stretched(divide(constant(1, x.dtype), x), root)


# ------------------------------------------------------------ choices, comparisons


@rule(where(c, x, y))
def decide_where(root: Value, c: Value, x: Value, y: Value) -> Value | None:
    """where(True, x, y) is x, where(False, x, y) is y, where(c, x, x) is x."""
    if x is y or is_literal(c, True):
        return stretched(x, root)
    return stretched(y, root) if is_literal(c, False) else None


@rule(equal(x, maximum(x, y)))
def reaches_maximum(root: Value, x: Value, y: Value) -> Value:
    """x == max(x, y) is x >= y."""
    return greater_equal(x, y)


@rule(equal(x, minimum(x, y)))
def reaches_minimum(root: Value, x: Value, y: Value) -> Value:
    """x == min(x, y) is x <= y."""
    return less_equal(x, y)


RULES = RuleSet(
    found
    for found in (*globals().values(), *vars(pooling).values())
    if isinstance(found, Rule)
)
