"""Loop nests as machine code: vectors along the last axis, single elements at its end.

What does not depend on the innermost axis is computed outside of it: scalars once, what
belongs to a row once a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.compiler.emit_draws import Draws, draw_together, in_groups, is_draw
from graphkeras.compiler.emit_index import Indices, Sizes
from graphkeras.compiler.emit_share import WHOLE, Parts
from graphkeras.compiler.indexing import Test, coefficient, variables
from graphkeras.compiler.loops import Axis, Fold, Instruction, Loop, Section, Store
from graphkeras.compiler.shares import Share, divisor_of
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.kernels.cpu import limits, loop
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Index, Scalar, native_lanes
from graphkeras.kernels.cpu.scalar import evaluate
from graphkeras.kernels.cpu.tile import SHORT, Asking, Epilogue, Short

Arrays = Mapping[object, Array]


def emit_loop(
    e: Emit, nest: Loop, arrays: Arrays, sizes: Sizes, parts: Parts = WHOLE
) -> None:
    """Write the parts of a loop nest whose sources and targets lie at `arrays`."""
    _Nest(e, nest, arrays, sizes).write(parts)


def epilogue_of(
    e: Emit, nest: Loop, arg: int, arrays: Arrays, sizes: Sizes
) -> Epilogue:
    """Return what a kernel calls on each of its results, to get what it stores.

    Args:
        nest: rows and columns, and the code in its tail.
        arg: the instruction of the tail that the kernel stores.
    """
    vector = nest.inner[-1][0] if nest.inner else ""
    before = Code(Target(e, arrays, sizes), nest.tail, vector)
    top = Level(Indices(e, sizes, {}, None), {})
    before.enter(top, False)
    outside = e.arguments[0]

    def finish(
        inner: Emit, value: Scalar, row: Index, column: Index, lanes: int
    ) -> Scalar:
        target = Target(inner, arrays, sizes, outside)
        code = Code(target, nest.tail, vector)
        at = [*((name, row) for name, _ in nest.outer),
              *((name, column) for name, _ in nest.inner)]  # fmt: skip
        level = Level(Indices(inner, sizes, dict(at), top.indices), dict(top.values))
        code.give(level, (value,))
        code.enter(level, True, lanes)
        code.store(level, lanes)
        return inner.splat(level.values[arg], lanes)

    if len(nest.tail.code) <= SHORT:
        return Short(finish)
    places = _moving(nest, vector)
    if not places:
        return finish

    def ask(inner: Emit, row: Index, column: Index) -> None:
        at = [*((name, row) for name, _ in nest.outer),
              *((name, column) for name, _ in nest.inner)]  # fmt: skip
        indices = Indices(inner, sizes, dict(at), top.indices)
        for (source, place), writes in places.items():
            indices.prepare(place)
            inner.prefetch(arrays[source], indices.index(place), write=writes)

    return Asking(finish, ask)


def _moving(nest: Loop, vector: str) -> dict[tuple[Any, Dim], bool]:
    """Return what a finish reads or writes of each row, and whether it writes it."""
    tail, rows = nest.tail, {name for name, _ in nest.outer}
    found = {
        (source, place): False for source, place, guard in tail.reads() if not guard
    }
    found |= {(store.target, store.place): True for store in tail.stores}
    return {
        (source, place): writes
        for (source, place), writes in found.items()
        if rows & variables(place) and coefficient(place, vector) == 1
    }


class Target:
    """The function being written, and the memory it may touch."""

    def __init__(
        self, e: Emit, arrays: Arrays, sizes: Sizes, harmless: object = None
    ) -> None:
        self.e, self.arrays, self.sizes = e, arrays, sizes
        self.harmless = e.arguments[0] if harmless is None else harmless


class Level:
    """What is known at one depth of the nest: indices, and values by instruction."""

    def __init__(self, indices: Indices, values: dict[int, Scalar]) -> None:
        self.indices, self.values = indices, values
        self.draws: Draws | None = None


class Code:
    """One section, run level by level.

    Args:
        vector: the variable along which neighbouring elements lie.
        aligned: whether a vector begins at a multiple of its length.
    """

    def __init__(
        self, to: Target, section: Section, vector: str, aligned: bool = False
    ) -> None:
        self.to, self.section, self.vector = to, section, vector
        self.aligned = aligned
        self.depends = self._dependence()

    def _dependence(self) -> list[frozenset[str]]:
        """Return on which loop variables each instruction depends."""
        found: list[frozenset[str]] = []
        for instruction in self.section.code:
            names = {"given"} if instruction.kind == "given" else set()
            for place in instruction.places:
                names |= variables(place)
            for arg in instruction.args:
                names |= found[arg]
            found.append(frozenset(names))
        return found

    def give(self, level: Level, results: Sequence[Scalar]) -> None:
        """Take what a fold or a kernel has left."""
        for number, instruction in enumerate(self.section.code):
            if instruction.kind == "given":
                result = results[instruction.detail]
                level.values[number] = self.to.e.cast(result, instruction.dtype)

    def enter(self, level: Level, last: bool, lanes: int = 1) -> None:
        """Compute what can be computed at this level for the first time."""
        here = set(level.indices.known) | ({"given"} if last else set())
        for place in self.section.places:
            level.indices.prepare(place)
        for number, instruction in enumerate(self.section.code):
            if number in level.values or not self.depends[number] <= here:
                continue
            wide = lanes if self.vector in self.depends[number] else 1
            level.values[number] = self._value(instruction, level, wide)

    def _value(self, instruction: Instruction, level: Level, lanes: int) -> Scalar:
        e, dtype = self.to.e, instruction.dtype
        args = [level.values[a] for a in instruction.args]
        match instruction.kind:
            case "number":
                return _number(e, instruction)
            case "size":
                return e.from_index(self.to.sizes(instruction.detail), dtype)
            case "position":
                return self._position(level, instruction, lanes)
            case "read":
                return self._read(level, instruction, lanes)
            case "inside":
                return self._inside(level, instruction, args, lanes)
            case "cast":
                return e.cast(args[0], dtype)
        if level.draws is not None and is_draw(instruction):
            return level.draws.take(e, instruction, args)
        return e.cast(evaluate(e, instruction.detail, args), dtype)

    # ---- places

    def _step(self, place: Dim) -> int | None:
        """Return how far a place moves from lane to lane, if that is a known number."""
        step = coefficient(place, self.vector) if self.vector else 0
        return step if isinstance(step, int) else None

    def _lanes(self, level: Level, place: Dim, lanes: int) -> list[Index]:
        """Return the place in each lane."""
        e, indices = self.to.e, level.indices
        if lanes == 1:
            return [indices.index(place)]
        step = coefficient(place, self.vector)
        if step is not None:
            first, stride = indices.index(place), self.to.sizes(step)
            return [e.add(first, e.mul(lane, stride)) for lane in range(lanes)]
        found = []
        for lane in range(lanes):
            at = e.add(indices.known[self.vector], lane)
            here = {**indices.known, self.vector: at}
            inner = Indices(e, self.to.sizes, here, indices.outer)
            found.append(inner.index(place))
        return found

    def _position(self, level: Level, instruction: Instruction, lanes: int) -> Scalar:
        e, dtype, place = self.to.e, instruction.dtype, instruction.detail
        if lanes == 1 or self._step(place) == 1:
            return e.from_index(level.indices.index(place), dtype, lanes)
        each = self._lanes(level, place, lanes)
        return e.gather([e.from_index(i, dtype) for i in each])

    def _read(self, level: Level, instruction: Instruction, lanes: int) -> Scalar:
        e = self.to.e
        source, place, guard = instruction.detail
        array = self.to.arrays[source]
        if guard:
            return self._guarded(level, array, place, guard, lanes)
        step = self._step(place)
        if step == 1 or lanes == 1:
            return e.load(array, level.indices.index(place), lanes)
        if step == 0:
            return e.load(array, level.indices.index(place))
        each = self._lanes(level, place, lanes)
        return e.gather([e.load(array, i) for i in each])

    def _guarded(
        self, level: Level, array: Array, place: Dim, guard: Sequence[Test], lanes: int
    ) -> Scalar:
        """Read where the tests hold; elsewhere something harmless."""
        e = self.to.e
        if self._step(place) == 1 and self._hold_alike(guard, lanes):
            (whole,) = self._holds(level, guard, 1)
            return self._load_if(whole, array, level.indices.index(place), lanes)
        inside = self._holds(level, guard, lanes)
        uniform = not any(self.vector in variables(p) for t in guard for p in t)
        if uniform and (lanes == 1 or self._step(place) == 1):
            return self._load_if(inside[0], array, level.indices.index(place), lanes)
        each = self._lanes(level, place, lanes)
        return e.gather([self._load_if(t, array, i, 1) for t, i in zip(inside, each)])

    def _load_if(
        self, inside: object, array: Array, place: Index, lanes: int
    ) -> Scalar:
        """Read at a place, or else in the table of sizes, which is long enough."""
        e = self.to.e
        address = e.address(array.pointer, array.dtype, place)
        pointer = e.builder.select(inside, address, self.to.harmless)
        return e.load(Array(pointer, array.dtype, (), ()), 0, lanes)

    def _holds(self, level: Level, tests: Sequence[Test], lanes: int) -> list[Any]:
        """Return for each lane an i1: whether all tests hold."""
        e = self.to.e
        found: list[Any] = [None] * lanes
        for low, place, high in tests:
            ends = [level.indices.index(end) for end in (low, high)]
            for lane, at in enumerate(self._spread(level, place, lanes)):
                both = e.both(e.ge(at, ends[0]), e.lt(at, ends[1]))
                found[lane] = both if found[lane] is None else e.both(found[lane], both)
        return found

    def _hold_alike(self, tests: Sequence[Test], lanes: int) -> bool:
        """Whether each test holds for a whole vector or for none of it.

        So it is where a range begins and ends with a vector.
        """
        if not self.aligned or lanes == 1:
            return False
        for low, place, high in tests:
            if self.vector in (*variables(low), *variables(high)):
                return False
            if self.vector not in variables(place):
                continue
            if coefficient(place, self.vector) != 1:
                return False
            first = dims.substitute(place, {self.vector: 0})
            if divisor_of(low - first, high - first) % lanes:
                return False
        return True

    def _spread(self, level: Level, place: Dim, lanes: int) -> list[Index]:
        if self.vector in variables(place):
            return self._lanes(level, place, lanes)
        return [level.indices.index(place)] * lanes

    def _inside(
        self, level: Level, instruction: Instruction, args: list[Scalar], lanes: int
    ) -> Scalar:
        e, dtype = self.to.e, instruction.dtype
        value, fill = (e.splat(a, lanes) for a in args)
        if self._hold_alike(instruction.detail, lanes):
            (whole,) = self._holds(level, instruction.detail, 1)
            return Scalar(
                e.builder.select(whole, value.value, fill.value), dtype, lanes
            )
        tests = self._holds(level, instruction.detail, lanes)
        condition = e.gather([Scalar(t, "bool") for t in tests])
        chosen = e.builder.select(condition.value, value.value, fill.value)
        return Scalar(chosen, dtype, lanes)

    # ---- results

    def store(self, level: Level, lanes: int) -> None:
        """Write the results of the section."""
        for store in self.section.stores:
            self._store(level, store, lanes)

    def _store(self, level: Level, store: Store, lanes: int) -> None:
        e, array = self.to.e, self.to.arrays[store.target]
        value = level.values[store.arg]
        step = self._step(store.place)
        if step == 1 or lanes == 1:
            e.store(array, level.indices.index(store.place), e.splat(value, lanes))
            return
        wide = e.splat(value, lanes)
        for lane, place in enumerate(self._lanes(level, store.place, lanes)):
            e.store(array, place, e.lane(wide, lane))


def _number(e: Emit, instruction: Instruction) -> Scalar:
    kind = dtypes.to_numpy(instruction.dtype)
    return e.constant(
        instruction.dtype, np.frombuffer(instruction.detail, kind)[0].item()
    )


class _Nest:
    """Writes one nest."""

    def __init__(self, e: Emit, nest: Loop, arrays: Arrays, sizes: Sizes) -> None:
        self.e, self.nest, self.sizes = e, nest, sizes
        target = Target(e, arrays, sizes)
        self.lanes = self._width()
        # Draws come in groups, and folds by strips, that begin where they like.
        aligned = not nest.folds and not draw_together(nest, self.lanes)
        self.body = Code(target, nest.body, nest.vector, aligned)
        tail_vector = nest.outer[-1][0] if nest.columns else ""
        self.tail = Code(target, nest.tail, tail_vector)
        self.starts: dict[str, Index] = {}  # of what does not begin at 0, is cut
        self.turns: dict[str, Index] = {}

    def _width(self) -> int:
        """Return the lanes of a vector: one where the axis is shorter than two."""
        lanes = native_lanes("float32")
        axes = dict(self.nest.axes)
        size = axes.get(self.nest.vector, 1)
        while isinstance(size, int) and lanes > max(size, 1):
            lanes //= 2
        return lanes

    def write(self, parts: Parts) -> None:
        """Write the nest into the function."""
        share = self.nest.share
        if share is None or share.parts:
            self._write(parts)
            return
        first, turns = parts.turns(self.e, share, self.sizes)
        self.starts[share.variable], self.turns[share.variable] = first, turns
        with self.e.when(self.e.gt(turns, 0)):
            self._write(parts)

    def _write(self, parts: Parts) -> None:
        top = Level(Indices(self.e, self.sizes, {}, None), {})
        self.body.enter(top, False)
        if not self.nest.folds:
            self._elementwise(top)
            return
        after = Level(top.indices, {})
        self.tail.enter(after, False)
        share = self.nest.share
        if share is None or not share.parts:
            self._fold(self.nest.outer, top, after)
            return
        (name, _), *outer = self.nest.outer
        with self.e.loop(parts.low, parts.high) as part:
            self._cut_to(parts, share, part)
            level, below = (self._inner(up, [name], [part]) for up in (top, after))
            self.body.enter(level, False)
            self.tail.enter(below, False)
            self._fold(outer, level, below)

    def _cut_to(self, parts: Parts, share: Share, part: Index) -> None:
        """Let what is folded be what belongs to a part."""
        e, name = self.e, share.variable
        first = parts.first(e, share, self.sizes, part)
        stop = parts.first(e, share, self.sizes, e.add(part, 1))
        self.starts[name], self.turns[name] = first, e.sub(stop, first)

    def _turns(self, axes: Sequence[tuple[str, Dim]]) -> list[Index]:
        return [self.turns.get(name, self.sizes(size)) for name, size in axes]

    def _inner(self, level: Level, names: Sequence[str], at: Sequence[Index]) -> Level:
        known_here = {
            name: self.e.add(self.starts.get(name, 0), index)
            for name, index in zip(names, at, strict=True)
        }
        indices = Indices(self.e, self.sizes, known_here, level.indices)
        return Level(indices, dict(level.values))

    def _elementwise(self, top: Level) -> None:
        names = [name for name, _ in self.nest.outer]
        turns = self._turns(self.nest.outer)
        if not turns:
            self.body.store(top, 1)
            return

        def row(outer: Sequence[Index]) -> None:
            level = self._inner(top, names[:-1], outer)
            self.body.enter(level, False)

            def element(i: Index, lanes: int, draws: Draws | None = None) -> None:
                inner = self._inner(level, names[-1:], [i])
                inner.draws = draws
                self.body.enter(inner, True, lanes)
                self.body.store(inner, lanes)

            if draw_together(self.nest, self.lanes):
                first = self.starts.get(names[-1], 0)
                in_groups(self.e, first, turns[-1], self.lanes, element)
            else:
                loop.stretch(self.e, 0, turns[-1], self.lanes, element)

        loop.nest(self.e, turns[:-1], row)

    def _fold(self, axes: Sequence[Axis], top: Level, after: Level) -> None:
        nest, e = self.nest, self.e
        outer = [name for name, _ in axes]
        inner = [name for name, _ in nest.inner]

        def load(
            at: Sequence[Index], within: Sequence[Index], lanes: int
        ) -> tuple[Scalar, ...]:
            level = self._inner(top, [*outer, *inner], [*at, *within])
            self.body.enter(level, True, lanes)
            self.body.store(level, lanes)
            return tuple(
                e.splat(e.cast(level.values[f.arg], f.dtype), lanes) for f in nest.folds
            )

        def store(at: Sequence[Index], results: tuple[Scalar, ...]) -> None:
            level = self._inner(after, outer, at)
            self.tail.give(level, results)
            self.tail.enter(level, True, results[0].lanes)
            self.tail.store(level, results[0].lanes)

        fold = loop.reduce_columns if nest.columns else loop.reduce
        wide = self.lanes == native_lanes("float32")
        fold(
            e, self._turns(axes), self._turns(nest.inner), load, self._combine,
            tuple(_identity(e, f) for f in nest.folds), store, wide,
        )  # fmt: skip

    def _combine(
        self, e: Emit, a: tuple[Scalar, ...], b: tuple[Scalar, ...]
    ) -> tuple[Scalar, ...]:
        return tuple(
            evaluate(e, fold.combine, (x, y))
            for fold, x, y in zip(self.nest.folds, a, b, strict=True)
        )


def _identity(e: Emit, fold: Fold) -> Scalar:
    ends = {"lowest": limits.lowest, "highest": limits.highest}
    find = ends.get(fold.identity) if isinstance(fold.identity, str) else None
    return e.constant(fold.dtype, find(fold.dtype) if find else fold.identity)
