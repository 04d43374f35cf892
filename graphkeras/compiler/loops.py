"""Loop nests as data: what a fused group of values reads, computes, folds and stores.

A `Loop` stands between the graph and LLVM. Movement ops are gone: they live on in the
places (index expressions) from which elements are read. Every instruction is known by
its content, so a value needed twice at one place is computed once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.compiler.indexing import (
    Ranges,
    Test,
    bounds,
    flat,
    move,
    nonnegative,
    variable,
)
from graphkeras.compiler.shares import Share
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import CONSTANT, DIM, Op
from graphkeras.ir.types import Shape
from graphkeras.ir.value import Value


@dataclass(frozen=True, slots=True)
class Instruction:
    """One computed element.

    Attributes:
        kind: "read" (detail: source, place, guard), "number" (detail: bytes), "size"
            (detail: the size), "position" (detail: place), "apply" (detail: tree),
            "cast", "inside" (detail: tests; args: value, fill), "given" (detail: which
            result of the fold or call before).
        args: the instructions it takes, by their place in the body.
        value: the graph's value that it computes, for those who read the code.
    """

    kind: str
    dtype: str
    args: tuple[int, ...] = ()
    detail: Any = None
    value: Value | None = field(default=None, compare=False)

    @property
    def places(self) -> tuple[Dim, ...]:
        """Return all index expressions in it."""
        if self.kind == "read":
            _, place, guard = self.detail
            return (place, *(p for test in guard for p in test))
        if self.kind == "position":
            return (self.detail,)
        if self.kind == "inside":
            return tuple(p for test in self.detail for p in test)
        return ()

    def of(self, value: Value | None) -> Instruction:
        """Return the instruction as one that computes a value."""
        return Instruction(self.kind, self.dtype, self.args, self.detail, value)

    def at(self, change: Callable[[Dim], Dim]) -> Instruction:
        """Return the instruction with every index expression changed."""
        if self.kind == "read":
            source, place, guard = self.detail
            tests = tuple(tuple(change(p) for p in test) for test in guard)
            return replace(self, detail=(source, change(place), tests))
        if self.kind == "position":
            return replace(self, detail=change(self.detail))
        if self.kind == "inside":
            tests = tuple(tuple(change(p) for p in test) for test in self.detail)
            return replace(self, detail=tests)
        return self


@dataclass(frozen=True, slots=True)
class Store:
    """Element `arg` of the body goes to `place` of the memory of `target`."""

    target: Any
    place: Dim
    arg: int


@dataclass(frozen=True, slots=True)
class Fold:
    """Element `arg` of the body is folded into one result per outer turn."""

    combine: ast.expr
    identity: Any
    dtype: str
    arg: int


@dataclass(frozen=True, slots=True)
class Section:
    """Straight-line code run at one level of the nest."""

    code: tuple[Instruction, ...] = ()
    stores: tuple[Store, ...] = ()

    @property
    def places(self) -> Iterable[Dim]:
        """Yield every index expression."""
        for instruction in self.code:
            yield from instruction.places
        yield from (s.place for s in self.stores)

    def at(self, change: Callable[[Dim], Dim]) -> Section:
        """Return the section with every index expression changed."""
        stores = (replace(s, place=change(s.place)) for s in self.stores)
        return Section(tuple(i.at(change) for i in self.code), tuple(stores))

    def reads(self) -> list[tuple[Any, Dim, tuple[Test, ...]]]:
        """Return (source, place, guard) of everything read from memory."""
        return [i.detail for i in self.code if i.kind == "read"]


Axis = tuple[str, Dim]  # loop variable, number of turns


@dataclass(frozen=True, slots=True)
class Loop:
    """`body` for every index of outer x inner; `tail` once per outer index.

    Attributes:
        outer: axes of the nest, outermost first.
        inner: axes folded away (none where there is no fold).
        columns: whether neighbouring elements lie along the last outer axis although
            there are inner axes.
        share: how its turns are cut; None: one thread makes all of them.
    """

    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...] = ()
    body: Section = field(default_factory=Section)
    folds: tuple[Fold, ...] = ()
    tail: Section = field(default_factory=Section)
    columns: bool = False
    share: Share | None = None

    @property
    def sections(self) -> tuple[Section, Section]:
        """Body and tail."""
        return self.body, self.tail

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes, outer ones first."""
        return (*self.outer, *self.inner)

    @property
    def vector(self) -> str:
        """The variable along which neighbouring elements lie ("" for a scalar)."""
        axes = self.outer if self.columns or not self.inner else self.inner
        return axes[-1][0] if axes else ""


# ------------------------------------------------------------------ values -> code


@cache
def _scalar_form(op: Op) -> tuple[ast.expr, tuple[str, ...]]:
    """Return the op's expression with attributes made operands, and their names."""
    names: list[str] = []
    first = len(op.operands)

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.Name:
            if not node.id.startswith("a_"):
                return node
            if node.id[2:] not in names:
                names.append(node.id[2:])
            return ast.Name(f"x{first + names.index(node.id[2:])}", ast.Load())

    assert op.scalar is not None
    if not any(
        isinstance(n, ast.Name) and n.id[:2] == "a_" for n in ast.walk(op.scalar)
    ):
        return op.scalar, ()
    return Rename().visit(ast.parse(ast.unparse(op.scalar), mode="eval").body), tuple(
        names
    )


Guard = tuple[Test, ...]
Element = tuple[Value, tuple[Dim, ...], Guard]  # at which index, if which tests hold


class Writer:
    """Writes the code of one section by walking back from what is stored.

    Args:
        ranges: turns of each loop variable.
        stored: values that are read from memory, not computed here.
    """

    def __init__(self, ranges: Ranges, stored: Container[Value]) -> None:
        self.ranges, self.stored = ranges, stored
        self.code: list[Instruction] = []
        self._known: dict[Instruction, int] = {}
        self._found: dict[Element, int] = {}
        self._operands: dict[Element, tuple[Element, ...]] = {}
        self._given: dict[Value, tuple[Dim, int]] = {}

    def given(self, value: Value, index: Sequence[Dim], which: int) -> None:
        """Let `value` at `index` be what the fold or call before has left."""
        code = self._add(Instruction("given", value.dtype, (), which), value)
        self._given[value] = (flat(index, value.shape), code)

    def element(self, value: Value, index: Sequence[Dim]) -> int:
        """Return the instruction that gives `value` at `index`.

        Iterative, for expressions of any depth: what an element needs is on the stack
        above it.
        """
        found = self._found
        wanted: Element = (value, tuple(index), ())
        stack = [wanted]
        while stack:
            element = stack[-1]
            if element in found:
                stack.pop()
                continue
            needs = self._needs(element)
            args = tuple([found.get(n, -1) for n in needs])
            if -1 in args:
                stack += [n for n, arg in zip(needs, args) if arg < 0][::-1]
                continue
            found[element] = self._write(element, args)
            stack.pop()
        return found[wanted]

    def number(self, number: Any, dtype: str) -> int:
        """Return the instruction for a literal."""
        bits = np.asarray(number, dtypes.to_numpy(dtype)).tobytes()
        return self._add(Instruction("number", dtype, (), bits))

    def _add(self, instruction: Instruction, value: Value | None = None) -> int:
        number = self._known.setdefault(instruction, len(self.code))
        if number == len(self.code):
            self.code.append(instruction.of(value))
        return number

    def _needs(self, element: Element) -> tuple[Element, ...]:
        """Return the elements from which one is computed."""
        needs = self._operands.get(element)
        if needs is None:
            needs = self._operands[element] = self._find_needs(*element)
        return needs

    def _find_needs(
        self, value: Value, index: tuple[Dim, ...], guard: Guard
    ) -> tuple[Element, ...]:
        if value in self.stored or value in self._given:
            return ()
        if value.op in (CONSTANT, DIM):
            return ()
        if value.op.family != "movement":
            return tuple(
                (x, broadcast_index(index, value.shape, x.shape), guard)
                for x in value.inputs
            )
        source, tests = move(value, index, self.ranges)
        tests = tuple(t for t in tests if not self._holds(t))
        return ((value.inputs[0], source, (*guard, *tests)),)

    def _holds(self, test: Test) -> bool:
        """Whether a test is true on every turn."""
        low, index, high = test
        first, last = bounds(index, self.ranges)
        if first is None or last is None:
            return False
        return nonnegative(first - low) and nonnegative(high - 1 - last)

    def _write(self, element: Element, args: tuple[int, ...]) -> int:
        value, index, guard = element
        if value in self._given:
            place, code = self._given[value]
            assert flat(index, value.shape) == place and not guard
            return code
        if value.op is CONSTANT and value.data.array.size == 1:
            return self.number(value.data.array, value.dtype)
        if value in self.stored or value.op is CONSTANT:
            read = (value, flat(index, value.shape), guard)
            return self._add(Instruction("read", value.dtype, (), read), value)
        if value.op is DIM:
            return self._add(Instruction("size", value.dtype, (), value.size), value)
        if value.op.family == "movement":
            return self._moved(element, args[0])
        return self._applied(value, index, args)

    def _moved(self, element: Element, operand: int) -> int:
        """The operand itself; where tests were added for it, or else the fill value."""
        value, _, guard = element
        ((_, _, inner),) = self._needs(element)
        tests = inner[len(guard) :]
        if not tests:
            return operand
        fill = self.number(value.value, value.dtype)
        inside = Instruction("inside", value.dtype, (operand, fill), tests)
        return self._add(inside, value)

    def _applied(
        self, value: Value, index: tuple[Dim, ...], args: tuple[int, ...]
    ) -> int:
        tree, names = _scalar_form(value.op)
        if isinstance(tree, ast.Name) and tree.id == "position":
            place = index[value.axis]
            return self._add(Instruction("position", value.dtype, (), place), value)
        if isinstance(tree, ast.Name):
            if self.code[args[0]].dtype == value.dtype:
                return args[0]
            return self._add(Instruction("cast", value.dtype, args), value)
        kind = value.inputs[-1].dtype
        numbers = (self.number(value.attributes[n], kind) for n in names)
        apply = Instruction("apply", value.dtype, (*args, *numbers), tree)
        return self._add(apply, value)


def broadcast_index(
    index: tuple[Dim, ...], shape: Shape, operand: Shape
) -> tuple[Dim, ...]:
    """Return where an elementwise op reads an operand that may be stretched."""
    lead = len(shape) - len(operand)
    return tuple(0 if size == 1 else index[lead + i] for i, size in enumerate(operand))


def index_of(shape: Shape, names: Sequence[str] | None = None) -> tuple[Dim, ...]:
    """Return one loop variable an axis (of these names), 0 for axes of size 1."""
    names = names or [str(variable(i)) for i in range(len(shape))]
    axes = iter(names)
    return tuple(0 if size == 1 else dims.symbol(next(axes)) for size in shape)


def domain_of(shape: Shape) -> Shape:
    """Return the sizes without those that are 1: the axes a loop runs over."""
    return tuple(size for size in shape if size != 1)


def axes_of(domain: Shape) -> list[Axis]:
    """Return the loop variables of a domain with their turns."""
    return [(str(variable(i)), size) for i, size in enumerate(domain)]
