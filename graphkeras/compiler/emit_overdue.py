"""Rows of a table that catch up, as machine code; see `overdue`.

First the rows that are due are listed, with the number of steps they have made. Then
each makes the steps it has missed, a few vectors of it at a time, in registers::

    for row, seen in due:
        for columns:
            load weights and moments
            for step in [seen, turn): one update without gradient, by kept numbers
            store them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphkeras.compiler.emit_index import Indices, Sizes
from graphkeras.compiler.emit_loop import Arrays, Code, Level, Target
from graphkeras.compiler.emit_share import Parts
from graphkeras.compiler.lower import Call, CatchUp
from graphkeras.compiler.overdue import FEW, KEPT, WORD
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit, Index, Local, Scalar, native_lanes
from graphkeras.kernels.cpu.loop import whole_part
from graphkeras.kernels.cpu.target import itemsize
from graphkeras.kernels.cpu.value import known

TOGETHER = 4  # vectors of a row, so that the steps of one need not wait for each other
AHEAD = 2  # rows asked for before their turn
LINE = 64  # bytes


@dataclass(frozen=True, slots=True)
class Clock:
    """How many steps were made since all rows were up to date; whether all are due."""

    turn: ir.Value
    every: ir.Value


def emit_keep(
    e: Emit, call: Call, arrays: Arrays, history: ir.Value, sizes: Sizes,
    turn: ir.Value,
) -> None:  # fmt: skip
    """Keep the numbers by which all elements are moved in this step."""
    assert call.keep is not None and call.finish is not None
    numbers = call.keep.numbers
    code = Code(Target(e, arrays, sizes), call.finish.nest.tail, "")
    top = Level(Indices(e, sizes, {}, None), {})
    code.enter(top, False)
    for slot, number in enumerate(numbers):
        value = top.values[number]
        place = _kept(e, history, turn, len(numbers), slot)
        e.store(Array(place, value.dtype, (), ()), 0, value)


def _kept(e: Emit, history: ir.Value, step: Index, words: int, slot: int) -> ir.Value:
    """Return where a number of a step is kept."""
    word = e.add(e.mul(e.mod(step, KEPT), words), slot)
    return e.address(history, "uint8", e.mul(word, WORD))


def emit_catch_up(
    e: Emit, step: CatchUp, pointers: Mapping[Any, ir.Value], sizes: Sizes,
    parts: Parts, clock: Clock,
) -> None:  # fmt: skip
    """Let rows catch up: those that are named, or all of a thread's."""
    late = _is_late(e, step, pointers, sizes, clock)
    with e.when(late):
        first, count = parts.turns(e, step.share, sizes)
        rows = _Rows(e, step, pointers, sizes, clock)
        due = rows.listed(first, count)
        with e.loop(0, due) as number:
            rows.ask(first, e.minimum(e.add(number, AHEAD), e.sub(due, 1)))
            rows.catch_up(first, number)


def _is_late(
    e: Emit, step: CatchUp, pointers: Mapping[Any, ir.Value], sizes: Sizes,
    clock: Clock,
) -> ir.Value:  # fmt: skip
    """Return whether rows may be behind: the first of some steps decides for all."""
    note = Array(pointers[step.ledger.late], "int32", (), ())
    few = e.lt(e.mul(sizes(step.named), FEW), sizes(step.share.size))
    few, begins = e.both(few, e.eq(clock.every, 0)), e.eq(clock.turn, 0)
    with e.when(e.both(begins, e.eq(e.arguments[1], 0))):
        e.store(note, 0, e.from_index(e.choose(few, 1, 0), note.dtype))
    noted = e.ne(e.to_index(e.load(note, 0)), 0)
    return e.builder.select(begins, few, noted)


class _Rows:
    """The rows of a table, and what is noted about them."""

    def __init__(
        self, e: Emit, step: CatchUp, pointers: Mapping[Any, ir.Value], sizes: Sizes,
        clock: Clock,
    ) -> None:  # fmt: skip
        self.e, self.step, self.sizes, self.clock = e, step, sizes, clock
        (self.row, _), (self.column, width) = step.axes
        self.width = sizes(width)
        ledger = step.ledger

        def noted(place: Any) -> Array:
            return Array(pointers[place], "int32", (), ())

        self.first, self.seen = noted(step.first), noted(ledger.seen)
        self.due, self.history = noted(ledger.due), pointers[ledger.history]
        reads = [i for i in step.section.code if i.kind == "read"]
        self.states = {
            i.detail[0]: Array(pointers[i.detail[0]], i.dtype, (), ()) for i in reads
        }
        self.code = Code(Target(e, self.states, sizes), step.section, self.column)

    # ---- which rows

    def listed(self, first: Index, count: Index) -> Index:
        """List the rows that are due; return how many they are."""
        e, turn = self.e, self.clock.turn
        fresh, every = e.eq(turn, 0), e.ne(self.clock.every, 0)
        every = e.either(every, e.eq(e.mod(turn, KEPT), 0))
        found = e.counter(0)
        with e.loop(0, count) as i:
            row = e.add(first, i)
            named = e.ge(e.to_index(e.load(self.first, row)), 0)
            made = e.choose(fresh, 0, e.to_index(e.load(self.seen, row)))
            at = e.mul(2, e.add(first, found.get()))
            self._note(self.due, at, row)
            self._note(self.due, e.add(at, 1), made)
            due = e.both(e.lt(made, turn), e.either(named, every))
            found.step(e.choose(due, 1, 0))
            # A row that is named makes this step when its gradient is there.
            reached = e.choose(every, turn, made)
            self._note(self.seen, row, e.choose(named, e.add(turn, 1), reached))
        return found.get()

    def _note(self, array: Array, place: Index, number: Index) -> None:
        e = self.e
        e.store(array, place, e.from_index(number, array.dtype))

    def _listed(self, first: Index, number: Index, word: int) -> Index:
        e = self.e
        place = e.add(e.mul(2, e.add(first, number)), word)
        return e.to_index(e.load(self.due, place))

    def ask(self, first: Index, number: Index) -> None:
        """Ask for the memory of a row of the list."""
        e = self.e
        start = e.mul(self._listed(first, number, 0), self.width)
        for array in self.states.values():
            with e.loop(0, self.width, LINE // itemsize(array.dtype)) as column:
                e.prefetch(array, e.add(start, column), write=True)

    # ---- one of them

    def catch_up(self, first: Index, number: Index) -> None:
        """Make the steps that a row has missed."""
        e = self.e
        row, made = (self._listed(first, number, word) for word in (0, 1))
        lanes = native_lanes("float32")
        start: Index = 0
        for width, together in ((lanes, TOGETHER), (lanes, 1), (1, 1)):
            whole, _ = whole_part(e, e.sub(self.width, start), width * together)
            stop = e.add(start, whole)
            if known(whole) != 0:
                with e.loop(start, stop, width * together) as column:
                    at = [e.add(column, width * k) for k in range(together)]
                    self._cells(row, made, at, width)
            start = stop

    def _cells(self, row: Index, made: Index, columns: list[Index], lanes: int) -> None:
        """Bring some vectors of a row up to date."""
        e = self.e
        levels = [self._level(row, column) for column in columns]
        cells = [self._loaded(level, lanes) for level in levels]
        with e.loop(made, self.clock.turn) as step:
            kept = self._kept_at(step)
            for cell, column in zip(cells, columns):
                self._moved(self._level(row, column), kept, cell, lanes)
        for cell, level in zip(cells, levels):
            for number, local in cell.items():
                source, place, _ = self.step.section.code[number].detail
                e.store(self.states[source], level.indices.index(place), local.get())

    def _level(self, row: Index, column: Index) -> Level:
        at = {self.row: row, self.column: column}
        return Level(Indices(self.e, self.sizes, at, None), {})

    def _loaded(self, level: Level, lanes: int) -> dict[int, Local]:
        """Return what is read, by instruction, as something that changes."""
        e, found = self.e, {}
        for number, i in enumerate(self.step.section.code):
            if i.kind == "read":
                source, place, _ = i.detail
                value = e.load(self.states[source], level.indices.index(place), lanes)
                found[number] = e.local(i.dtype, value, lanes)
        return found

    def _kept_at(self, step: Index) -> dict[int, Scalar]:
        """Return the numbers of a step, by instruction."""
        e, found = self.e, {}
        for number, i in enumerate(self.step.section.code):
            if i.kind == "kept":
                words = self.step.ledger.words
                place = _kept(e, self.history, step, words, i.detail)
                found[number] = e.load(Array(place, i.dtype, (), ()), 0)
        return found

    def _moved(
        self, level: Level, kept: dict[int, Scalar], cell: dict[int, Local], lanes: int
    ) -> None:
        """Make one step."""
        level.values |= kept
        level.values |= {number: local.get() for number, local in cell.items()}
        self.code.enter(level, True, lanes)
        made = {s.target: level.values[s.arg] for s in self.step.section.stores}
        for number, local in cell.items():
            source = self.step.section.code[number].detail[0]
            local.set(self.e.splat(made[source], lanes))
