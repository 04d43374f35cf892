"""How the rows of a step come to its threads, as machine code.

Rows that cannot be used where they lie are gathered into batches, two by turns: those
of the next step while others may still be at the one before. Each thread gathers its
own: some of the rows, or some columns of all rows if that is what it will read.

Rows in no order lie far apart in a memory that is slow to answer, but takes some
questions at a time. So between two steps of a program each thread asks for a few of
the rows that it will gather next::

    run:  step 0 | few | step 1 | few | ... | gather what has come meanwhile
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from llvmlite import ir

from graphkeras.compiler.emit_share import Parts, first_turn
from graphkeras.compiler.lower import Step
from graphkeras.compiler.touches import Columns, Where, touches_of
from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.cut import PARTS
from graphkeras.kernels.cpu.emit import Emit, Index
from graphkeras.kernels.cpu.target import I64, POINTER, VOID
from graphkeras.runtime.control import CONTROL, FEEDER, feed_word

LINE = 64  # bytes of a cache line
NEAR = 1 << 18  # bytes of a batch that stay in a cache until the next step


class Batch(NamedTuple):
    """The rows of a step: so many of the order, from `start` on."""

    step: Index
    start: Index
    rows: Index


class Own(NamedTuple):
    """What a thread gathers of a batch: elements [first, first + width) of rows."""

    begin: Index
    rows: Index
    first: Index
    width: Index


def columns_of(steps: Sequence[Step], where: Where) -> dict[int, Columns]:
    """Return, by their numbers, the inputs of which threads read columns alone."""
    found: dict[int, set[object]] = {}
    for step in steps:
        for touch in touches_of(step, where):
            if touch.buffer.kind == "input":
                found.setdefault(touch.buffer.number, set()).add(touch.pattern)
    return {
        number: pattern
        for number, (pattern, *others) in found.items()
        if not others and isinstance(pattern, Columns)
    }


class Table:
    """The words of a thread's table that are about rows.

    Args:
        table: its address.
        control: where the control block begins.
    """

    def __init__(self, e: Emit, table: ir.Value, control: int) -> None:
        self.e, self.table, self.control = e, table, control

    def at(self, word: int) -> ir.Value:
        """Return the address of a word of the control block."""
        return self.e.address(self.table, "int64", self.control + word)

    def word(self, name: str) -> ir.Value:
        """Return a word of the control block."""
        return self.e.builder.load(self.at(CONTROL.index(name)), typ=I64)

    def of(self, number: int, *names: str) -> list[ir.Value]:
        """Return words about an input."""
        return [
            self.e.builder.load(self.at(feed_word(number, name)), typ=I64)
            for name in names
        ]

    def note(self, number: int, words: Mapping[str, Index]) -> None:
        """Write words about an input."""
        for name, value in words.items():
            place = self.at(feed_word(number, name))
            self.e.builder.store(self.e.index(value), place)


class Feed:
    """Writes how a thread comes by its rows.

    Args:
        parts: those that the thread does.
        tile: how many samples are never parted.
        columns: the inputs of which threads read columns alone.
        asks: how often a step asks for rows of the next.
        given: where a feeder finds what it is given, from the control block on.
    """

    def __init__(
        self, table: Table, parts: Parts, tile: int, columns: Mapping[int, Columns],
        asks: int, given: int,
    ) -> None:  # fmt: skip
        self.e, self.table, self.parts, self.tile = table.e, table, parts, tile
        self.columns, self.asks, self.given = columns, asks, given

    def batch(self, step: Index) -> Batch:
        """Return the rows of a step, none behind the last."""
        e, size = self.e, self.table.word("batch_size")
        start = e.mul(e.add(self.table.word("start"), step), size)
        left = e.maximum(0, e.sub(self.table.word("rows"), start))
        there = e.lt(step, self.table.word("steps"))
        return Batch(step, start, e.choose(there, e.minimum(size, left), 0))

    def place(self, number: int, batch: Batch) -> Index:
        """Return the address of an input's rows."""
        e = self.e
        source, size, feeder = self.table.of(number, "source", "row_bytes", "feeder")
        there = e.add(source, e.mul(batch.start, size))
        return e.choose(e.eq(feeder, 0), there, self._staging(number, batch.step))

    def _staging(self, number: int, step: Index) -> Index:
        """Return the address of the batch into which a step's rows are gathered."""
        e = self.e
        staging, row = self.table.of(number, "staging", "staged_bytes")
        rows = e.mul(e.mod(step, 2), self.table.word("batch_size"))
        return e.add(staging, e.mul(rows, row))

    def gather(self, number: int, batch: Batch) -> None:
        """Gather what is this thread's of a batch, if it is not used in place."""
        e, table = self.e, self.table
        source, elements, feeder, row = table.of(
            number, "source", "row_elements", "feeder", "staged_bytes"
        )
        with e.when(e.ne(feeder, 0)):
            own = self._own(number, batch)
            target = e.add(self._staging(number, batch.step), e.mul(own.begin, row))
            values = {
                "source": source, "order": table.word("order"), "count": own.rows,
                "start": e.add(batch.start, own.begin), "target": target,
                "row_elements": elements, "first": own.first, "width": own.width,
            }  # fmt: skip
            for word, name in enumerate(FEEDER, self.given):
                e.builder.store(e.index(values[name]), table.at(word))
            kind = ir.FunctionType(VOID, [POINTER, I64])
            function = e.builder.inttoptr(feeder, kind.as_pointer())
            e.call(function, [table.at(self.given), e.index(0)])

    def announce(self, number: int, batch: Batch) -> None:
        """Say what is to be asked for until a batch is gathered, if it is not much."""
        e, table = self.e, self.table
        size, elements, feeder = table.of(number, "row_bytes", "row_elements", "feeder")
        own = self._own(number, batch)
        near = e.le(e.mul(size, table.word("batch_size")), NEAR)
        rows = e.choose(e.both(near, e.ne(feeder, 0)), own.rows, 0)
        item = e.floordiv(size, e.maximum(elements, 1))
        first = e.add(batch.start, own.begin)
        words = {
            "next": first, "stop": e.add(first, rows),
            "few": e.ceildiv(rows, max(self.asks, 1)),
            "skip": e.mul(own.first, item), "asked": e.mul(own.width, item),
        }  # fmt: skip
        table.note(number, words)

    def _own(self, number: int, batch: Batch) -> Own:
        """Return what this thread gathers."""
        e, columns = self.e, self.columns.get(number)
        (elements,) = self.table.of(number, "row_elements")
        if columns is None:
            cells = e.ceildiv(batch.rows, self.tile)
            begin, stop = (
                first_turn(e, cells, self.tile, batch.rows, part)
                for part in (self.parts.low, self.parts.high)
            )
            return Own(begin, e.sub(stop, begin), 0, elements)
        assert isinstance(columns.cells, int) and isinstance(columns.size, int)
        parts = self.parts if columns.of == PARTS else self.parts.fewer(e, columns.of)
        first, stop = (
            first_turn(e, columns.cells, columns.size, elements, part, columns.of)
            for part in (parts.low, parts.high)
        )
        return Own(0, batch.rows, first, e.sub(stop, first))


def asking(e: Emit, control: int, inputs: int) -> ir.Function:
    """Add `ask(table)`: for a few of the next rows of all inputs that are gathered.

    Args:
        control: where the control block begins.
        inputs: how many there are.
    """
    inner = e.function("ask", [POINTER])
    table = Table(inner, inner.arguments[0], control)
    for number in range(inputs):
        _ask(table, number)
    return inner.finish()


def _ask(table: Table, number: int) -> None:
    """Ask for rows of an input, and note which are the next."""
    e = table.e
    begin, stop, few = table.of(number, "next", "stop", "few")
    with e.when(e.lt(begin, stop)):
        after = e.minimum(stop, e.add(begin, few))
        table.note(number, {"next": after})
        source, size, skip, asked = table.of(
            number, "source", "row_bytes", "skip", "asked"
        )
        pointer = e.builder.inttoptr(table.word("order"), POINTER)
        order = Array(pointer, "int64", (), ())
        rows = Array(e.builder.inttoptr(source, POINTER), "uint8", (), ())
        with e.loop(begin, after) as place:
            row = e.add(e.mul(e.load(order, place).value, size), skip)
            with e.loop(0, asked, LINE) as byte:
                e.prefetch(rows, e.add(row, byte))
            e.prefetch(rows, e.add(row, e.sub(asked, 1)))
