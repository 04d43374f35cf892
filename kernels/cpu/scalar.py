"""Render a scalar expression such as `tanh(x0) * x1` as vector code.

The expression is Python syntax, parsed by `ast`, with operands named x0, x1, ...
Operators mean what they mean on NumPy scalars; the names that may be called are in
graphkeras.kernels.scalar_names.
"""

import ast
import functools
from collections.abc import Callable, Sequence
from typing import Any

from graphkeras.kernels.cpu import functions
from graphkeras.kernels.cpu.emit import Emit, Scalar
from graphkeras.kernels.cpu.target import FLOATS, HALVES
from graphkeras.kernels.cpu.term import Term
from graphkeras.kernels.scalar_names import FUNCTIONS

_BINARY: dict[type[ast.operator], Callable[[Term, Term], Term]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: functions.floor_divide,
    ast.Mod: functions.remainder,
    ast.Pow: functions.pow_any,
    ast.BitAnd: lambda a, b: a & b,
    ast.BitOr: lambda a, b: a | b,
    ast.BitXor: lambda a, b: a ^ b,
    ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Term, Term], Term]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


def evaluate(e: Emit, tree: ast.expr, operands: Sequence[Scalar]) -> Scalar:
    """The value of the expression; half floats are worked on as float32.

    A result that came of float16 or bfloat16 operands is rounded to that dtype once,
    at the end.
    """
    terms: dict[str, Term] = {}
    half = None
    lanes = max((operand.lanes for operand in operands), default=1)
    for position, operand in enumerate(operands):
        wide = operand
        if operand.dtype in HALVES:
            half = operand.dtype
            wide = e.cast(operand, "float32")
        terms[f"x{position}"] = Term(e, e.splat(wide, lanes))
    result = _render(tree, terms).scalar
    if half is not None and result.dtype in FLOATS:
        return e.cast(result, half)
    return result


@functools.singledispatch
def _render(node: Any, terms: dict[str, Term]) -> Term:
    """One node; the operands' terms are known by name."""
    raise SyntaxError(f"{type(node).__name__} has no place in a scalar expression")


@_render.register
def _(node: ast.Expression, terms: dict[str, Term]) -> Term:
    return _render(node.body, terms)


@_render.register
def _(node: ast.Name, terms: dict[str, Term]) -> Term:
    return terms[node.id]


@_render.register
def _(node: ast.BinOp, terms: dict[str, Term]) -> Term:
    return _BINARY[type(node.op)](_render(node.left, terms), _render(node.right, terms))


@_render.register
def _(node: ast.UnaryOp, terms: dict[str, Term]) -> Term:
    operand = _render(node.operand, terms)
    if isinstance(node.op, ast.USub):
        return -operand
    if isinstance(node.op, ast.Not):
        return ~operand.cast("bool")
    return ~operand if isinstance(node.op, ast.Invert) else operand


@_render.register
def _(node: ast.Compare, terms: dict[str, Term]) -> Term:
    sides = [_render(n, terms) for n in (node.left, *node.comparators)]
    parts = [_COMPARE[type(o)](a, b) for o, a, b in zip(node.ops, sides, sides[1:])]
    return functools.reduce(lambda a, b: a & b, parts)


@_render.register
def _(node: ast.BoolOp, terms: dict[str, Term]) -> Term:
    parts = [_render(value, terms).cast("bool") for value in node.values]
    if isinstance(node.op, ast.And):
        return functools.reduce(lambda a, b: a & b, parts)
    return functools.reduce(lambda a, b: a | b, parts)


@_render.register
def _(node: ast.IfExp, terms: dict[str, Term]) -> Term:
    yes, no = _render(node.body, terms), _render(node.orelse, terms)
    return _render(node.test, terms).cast("bool").select(yes, no)


@_render.register
def _(node: ast.Call, terms: dict[str, Term]) -> Term:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        raise SyntaxError(f"unknown function {ast.unparse(node.func)}")
    name = node.func.id
    if len(node.args) != FUNCTIONS[name] or node.keywords:
        raise SyntaxError(f"{name} takes {FUNCTIONS[name]} operands")
    arguments = [_render(argument, terms) for argument in node.args]
    return functions.TABLE[name](*arguments)
