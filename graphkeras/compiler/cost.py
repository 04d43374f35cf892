"""What an element costs to compute, in units of one addition."""

from __future__ import annotations

import ast
from functools import cache

from graphkeras.ir.op import CONSTANT, Op
from graphkeras.ir.value import Value

CHEAP_CALLS = ("abs", "sign", "minimum", "maximum", "floor", "ceil", "trunc", "round")
CALL, DIVISION, READ, INSIDE = 10, 4, 1, 4
MOST = 10_000  # trees that share parts would otherwise count to astronomical numbers


@cache
def own_cost(op: Op) -> int:
    """Return the cost of an elementwise op itself."""
    assert op.scalar is not None
    total = 0
    for node in ast.walk(op.scalar):
        if isinstance(node, ast.Call):
            cheap = isinstance(node.func, ast.Name) and node.func.id in CHEAP_CALLS
            total += 1 if cheap else CALL
        elif isinstance(node, (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)):
            total += DIVISION
        elif isinstance(node, (ast.operator, ast.cmpop, ast.unaryop, ast.IfExp)):
            total += 1
    return total


@cache
def tests_equality(op: Op) -> bool:
    """Return whether an elementwise op asks if two elements are equal."""
    assert op.scalar is not None
    nodes = ast.walk(op.scalar)
    return any(isinstance(node, (ast.Eq, ast.NotEq)) for node in nodes)


def element_cost(value: Value, known: dict[Value, int]) -> int:
    """Return the cost of one element, given that of the operands' elements."""
    if value.op is CONSTANT and value.data.array.size == 1:
        return 0
    if value.op.family == "movement":
        return known[value.inputs[0]] + (INSIDE if value.op.inside else 0)
    if value.op.family == "elementwise":
        total = own_cost(value.op) + sum(known[i] for i in value.inputs)
        return min(total, MOST)
    return READ
