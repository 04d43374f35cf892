"""Rewrite rules whose patterns are written with the ops themselves.

::

    x = wildcard("x")

    @rule(reshape(reshape(x)))
    def merge_reshapes(root, x):
        '''reshape(reshape(x)) is one reshape.'''
        return reshape(x, root.newshape)

Attributes left out of a pattern match anything. A rule returns the new value, or None
for "not here".
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkeras.ir.op import CONSTANT, Op, invoke_reference, rebuild
from graphkeras.ir.operators import Operators
from graphkeras.ir.value import Graph, Value, attribute_key, note_origin, walk


class Pattern(Operators):
    """A shape of expression: an op on patterns, a literal, or a wildcard."""

    __op_priority__ = 50
    __leaves_out__ = True  # attributes, when an op is called on it
    __array_ufunc__ = None

    def __init__(
        self,
        op: Op | None = None,
        operands: Sequence[Pattern] = (),
        attrs: dict[str, Any] | None = None,
        name: str = "",
        literal: Any = None,
    ) -> None:
        self.op, self.operands, self.attrs = op, tuple(operands), attrs or {}
        self.name, self.literal = name, literal

    @staticmethod
    def __apply_op__(op: Op, operands: list[Any], given: dict[str, Any]) -> Pattern:
        if op.expands:  # its values are made of other ops: so is its pattern
            built: Pattern = invoke_reference(op, operands, op.complete(given))
            return built
        parts = [o if isinstance(o, Pattern) else Pattern(literal=o) for o in operands]
        return Pattern(op, parts, given)

    def __repr__(self) -> str:
        if self.name:
            return self.name
        if self.op is None:
            return repr(self.literal)
        return f"{self.op.name}({', '.join(map(repr, self.operands))})"


def wildcard(name: str) -> Pattern:
    """Return a pattern that matches any value and hands it to the rule by `name`."""
    return Pattern(name=name)


def match(pattern: Pattern, value: Value, found: dict[str, Value]) -> bool:
    """Return whether `value` has the shape of `pattern`, filling in the wildcards."""
    if pattern.name:
        return found.setdefault(pattern.name, value) is value
    if pattern.op is None:
        return is_literal(value, pattern.literal)
    if value.op is not pattern.op or len(value.inputs) != len(pattern.operands):
        return False
    attrs = value.attributes
    if any(
        attribute_key(attrs[k]) != attribute_key(v) for k, v in pattern.attrs.items()
    ):
        return False
    kept = dict(found)
    for order in _orders(pattern):
        found.clear()
        found.update(kept)
        if all(match(p, v, found) for p, v in zip(order, value.inputs)):
            return True
    return False


def _orders(pattern: Pattern) -> Iterator[Sequence[Pattern]]:
    yield pattern.operands
    if pattern.op is not None and pattern.op.fact("commutative"):
        yield pattern.operands[::-1]


def is_literal(value: Value, number: Any) -> bool:
    """Return whether `value` is a constant all of whose elements equal `number`."""
    if value.op is not CONSTANT or value.data.array.dtype == object:
        return False
    array = value.data.array
    if array.size == 0 or not bool(np.all(array == number)):
        return False
    return number != 0 or not np.signbit(np.asarray(array, "float64")).any()


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rewrite of the values that match `pattern`."""

    pattern: Pattern
    function: Callable[..., Value | None]
    parameters: tuple[str, ...]

    @property
    def name(self) -> str:
        """The function's name, as it appears in logs and tests."""
        return self.function.__name__

    def apply(self, value: Value) -> Value | None:
        """Return the replacement of `value`, or None if the rule does not fit."""
        found: dict[str, Value] = {}
        if not match(self.pattern, value, found):
            return None
        found["root"] = value
        new = self.function(**{p: found[p] for p in self.parameters})
        return None if new is value else new


def rule(pattern: Pattern) -> Callable[[Callable[..., Value | None]], Rule]:
    """Make a function the rewrite of everything that matches `pattern`."""

    def define(function: Callable[..., Value | None]) -> Rule:
        return Rule(pattern, function, tuple(inspect.signature(function).parameters))

    return define


class RuleSet:
    """Rules indexed by the op at the root of their pattern, tried in order."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = list(rules)
        self._by_op: dict[Op | None, list[Rule]] = {}
        for r in self.rules:
            self._by_op.setdefault(r.pattern.op, []).append(r)
        self.fired: dict[str, int] = {}

    def rewrite(self, value: Value, limit: int = 100) -> Value:
        """Return `value` after rules fire on it until none does."""
        for _ in range(limit):
            new = self._once(value)
            if new is None:
                return value
            value = new
        raise RuntimeError(f"rules do not come to an end at {value!r}: {self.fired}")

    def _once(self, value: Value) -> Value | None:
        for r in self._by_op.get(value.op, ()):
            new = r.apply(value)
            if new is not None:
                self.fired[r.name] = self.fired.get(r.name, 0) + 1
                return new
        return None


def rewrite(graph: Graph, change: Callable[[Value], Value]) -> Graph:
    """Return the graph with `change` applied to every value, operands first.

    A replacement's own new parts are visited too, so rules may build on one another.
    """
    done: Settled = {}
    for value in walk(graph.roots):
        _settle(value, change, done)
    return graph.with_roots([done[root] for root in graph.roots])


Settled = dict[Value, Value]


def _settle(value: Value, change: Callable[[Value], Value], done: Settled) -> None:
    known = rebuild(value, [done[i] for i in value.inputs])
    new = change(known)
    if new is known:  # nothing to change: neither in a second look
        if new not in done and value.origin and new.inputs:
            note_origin(new, value.origin)
        done[value] = done.setdefault(new, new)
        return
    for part in walk([new], stop=done):  # what the change built anew, itself last
        done[part] = change(rebuild(part, [done[i] for i in part.inputs]))
        done.setdefault(done[part], done[part])
        if value.origin and part.inputs:
            note_origin(done[part], value.origin)
    done[value] = done[new]
