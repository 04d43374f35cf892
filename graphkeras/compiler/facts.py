"""Rewrites that hold for many ops at once: of a family, or that state one fact.

Whoever defines an op with ``commutative=True`` or ``identity=0`` gets these for it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from graphkeras.ir import dims
from graphkeras.ir.op import Op, as_value, is_constant, rebuild
from graphkeras.ir.pattern import is_literal
from graphkeras.ir.types import Shape
from graphkeras.ir.value import Value
from graphkeras.ops.creation import broadcast_to, cast
from graphkeras.ops.shape import reshape

Change = Callable[[Value], Value | None]


@dataclass(frozen=True, slots=True)
class GeneralRule:
    """A rewrite of the values of every op of a family, or that states a fact."""

    family: str
    fact: str
    function: Change

    @property
    def name(self) -> str:
        """The function's name, as it appears in logs and tests."""
        return self.function.__name__

    def holds_of(self, op: Op) -> bool:
        """Whether an op is of the family and states the fact."""
        if op.family != self.family:
            return False
        stated = op.fact(self.fact) if self.fact else True
        return stated is not None and stated is not False  # 0 is an identity

    def apply(self, value: Value) -> Value | None:
        """Return the replacement of `value`, or None if the rule does not fit."""
        if not value.inputs or not self.holds_of(value.op):
            return None
        new = self.function(value)
        return None if new is value else new


def general(family: str, fact: str = "") -> Callable[[Change], GeneralRule]:
    """Make a function the rewrite of every op of a family (that states a fact)."""
    return lambda function: GeneralRule(family, fact, function)


def stretched(x: Value, root: Value) -> Value | None:
    """Return `x` in the shape of `root`, or None if its dtype is another."""
    if x.dtype != root.dtype:
        return None
    return x if x.shape == root.shape else broadcast_to(x, root.shape)


# -------------------------------------------------------------------------- facts


@general("elementwise", "commutative")
def constant_last(root: Value) -> Value | None:
    """f(constant, x) is f(x, constant)."""
    first, second = root.inputs
    if is_constant(first) and not is_constant(second):
        return rebuild(root, (second, first))
    return None


@general("elementwise", "identity")
def drop_identity(root: Value) -> Value | None:
    """f(x, e) is x where e changes nothing."""
    first, second = root.inputs
    found = is_literal(second, root.op.fact("identity"))
    return stretched(first, root) if found else None


@general("elementwise", "right_identity")
def drop_right_identity(root: Value) -> Value | None:
    """f(x, e) is x where e changes nothing on the right."""
    first, second = root.inputs
    found = is_literal(second, root.op.fact("right_identity"))
    return stretched(first, root) if found else None


@general("elementwise", "idempotent")
def drop_repetition(root: Value) -> Value | None:
    """f(x, x) is x."""
    first, second = root.inputs
    return first if first is second else None


@general("elementwise", "involution")
def undo_twice(root: Value) -> Value | None:
    """f(f(x)) is x."""
    inner = root.inputs[0]
    return inner.inputs[0] if inner.op is root.op else None


@general("movement", "involution")
def undo_move(root: Value) -> Value | None:
    """f(f(x)) is x for a move that undoes itself, done twice alike."""
    inner = root.inputs[0]
    same = inner.op is root.op and inner.attrs == root.attrs
    return inner.inputs[0] if same else None


# ----------------------------------------------------------------------- families


@general("elementwise")
def drop_nothing(root: Value) -> Value | None:
    """An op that gives its operand as it is (a cast to its own dtype) is nothing."""
    x = root.inputs[0]
    same = isinstance(root.op.scalar, ast.Name) and x.dtype == root.dtype
    return x if same and len(root.inputs) == 1 else None


@general("elementwise")
def stretch_after(root: Value) -> Value | None:
    """f(broadcast_to(x), ...) is f(x, ...), stretched afterwards if need be."""
    op = broadcast_to.op  # type: ignore[attr-defined]
    if not any(i.op is op for i in root.inputs):
        return None
    small = rebuild(root, [i.inputs[0] if i.op is op else i for i in root.inputs])
    return stretched(small, root)


@general("reduction")
def drop_empty_fold(root: Value) -> Value | None:
    """A fold over axes of size 1 only changes the shape."""
    x = root.inputs[0]
    if any(x.shape[a] != 1 for a in root.axis):
        return None
    return reshape(cast(x, root.dtype), root.shape)


@general("reduction")
def merge_folds(root: Value) -> Value | None:
    """Folding axes away one after another is folding them away together."""
    inner = root.inputs[0]
    if inner.op is not root.op or inner.dtype != root.dtype:
        return None
    left = [a for a in range(inner.inputs[0].rank) if a not in inner.axis]
    if inner.keepdims:
        left = list(range(inner.inputs[0].rank))
    axes = tuple(sorted({*inner.axis, *(left[a] for a in root.axis)}))
    whole = _fold(root, inner.inputs[0], axes, False)
    return whole if whole.shape == root.shape else reshape(whole, root.shape)


@general("reduction")
def fold_before_reshape(root: Value) -> Value | None:
    """Folding all of reshape(x) is folding all of x."""
    moved = root.inputs[0]
    whole = len(root.axis) == moved.rank and bool(moved.op.fact("view"))
    if not whole:
        return None
    x = moved.inputs[0]
    return reshape(_fold(root, x, tuple(range(x.rank)), False), root.shape)


def _fold(root: Value, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    """Return the fold that `root` is, of other axes of another value."""
    attrs = (("axis", axes), ("keepdims", keepdims))
    type_ = root.op.infer(x.type, **dict(attrs))
    return Value(root.op, (x,), attrs, type_)


@general("reduction")
def fold_before_stretch(root: Value) -> Value | None:
    """sum(broadcast_to(x)) is sum(x) times how often each element was repeated."""
    wide, combine = root.inputs[0], root.op.combine
    adds = isinstance(combine, ast.BinOp) and isinstance(combine.op, ast.Add)
    if not adds or wide.op is not broadcast_to.op:  # type: ignore[attr-defined]
        return None
    x = reshape(wide.inputs[0], _full_rank(wide.inputs[0].shape, wide.rank))
    pairs = zip(x.shape, wide.shape)
    repeated = [a for a, (own, size) in enumerate(pairs) if own == 1 and size != 1]
    count = dims.product(wide.shape[a] for a in repeated if a in root.axis)
    part = _fold(root, x, root.axis, root.keepdims)
    return stretched(part * as_value(count, part.dtype), root)


def _full_rank(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + tuple(shape)


GENERAL_RULES = (
    constant_last,
    drop_identity,
    drop_right_identity,
    drop_repetition,
    undo_twice,
    undo_move,
    drop_nothing,
    stretch_after,
    drop_empty_fold,
    merge_folds,
    fold_before_reshape,
    fold_before_stretch,
)


@lru_cache(maxsize=1024)
def rules_of(op: Op) -> tuple[GeneralRule, ...]:
    """Return the general rules that hold of an op, in order."""
    return tuple(rule for rule in GENERAL_RULES if rule.holds_of(op))
