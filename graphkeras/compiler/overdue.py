"""Updates of a table's rows put off until somebody reads them.

An optimizer moves every row of an embedding in every step, though a batch names few of
them, and reading and writing all of a large table takes longer than the arithmetic. A
row without gradient is moved by numbers that are the same for all rows. So these are
kept, step by step, and a row makes up for what it has missed, in registers, when it is
named again; all rows do every so often, and when the program ends::

    chain       which rows does this batch name?
    catch up    those: the steps they have missed, one by one
    ...         the step reads them
    sum chains  those: this step, with their gradients; this step's numbers are kept

Where a batch names many rows, or is a step by itself, all rows are moved in time.
Nobody outside sees a row that is behind, and the bits are those of the steps in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from graphkeras import dtypes
from graphkeras.compiler.binding import Block
from graphkeras.compiler.indexing import variables
from graphkeras.compiler.loops import Instruction, Section, Store
from graphkeras.compiler.lower import (
    Buffer,
    Call,
    CatchUp,
    Keep,
    Ledger,
    Place,
    Step,
    reads_of,
    writes_of,
)
from graphkeras.compiler.touches import finished_rows

if TYPE_CHECKING:
    from graphkeras.compiler.memory import Memory

SMALLEST = 1 << 18  # elements of a table that the caches do not hold anyway
KEPT = 64  # steps after which all rows catch up
WORD = 8  # bytes for each number that is kept
FEW = 5  # rows for each that is named, below which it is faster to be in time
_KINDS = ("given", "number", "read", "cast", "apply")


def put_off(memory: Memory) -> list[int]:
    """Let tables be updated late where nobody notices.

    Returns:
        The blocks of the arena that keep what they hold from step to step.
    """
    found: list[int] = []
    for step in [*memory.steps]:
        if isinstance(step, Call) and step.kernel == "index.sum_chains":
            late = _late(memory, step)
            if late is not None:
                found += _arrange(memory, step, late)
    return found


@dataclass(frozen=True, slots=True)
class _Late:
    """What was found out about a table that may be updated late.

    Attributes:
        chain: the step that finds out which rows are named.
        reader: the place of the first step that reads the table.
        section: how a row without gradient is moved, of numbers that are kept.
        kept: the instructions of the whole update that give these numbers.
    """

    chain: Call
    reader: int
    section: Section
    kept: tuple[int, ...]


def _late(memory: Memory, step: Call) -> _Late | None:
    """Return what is to be known, or None if the table's rows cannot wait."""
    if step.finish is None or step.finish.own is None or step.share is None:
        return None
    nest, (rows, *rest) = step.finish.nest, step.value.shape
    if len(rest) != 1 or not isinstance(rows, int) or not isinstance(rest[0], int):
        return None
    sizes = [size for _, size in (*nest.outer, *nest.inner)]
    if rows * rest[0] < SMALLEST or sizes != [rows, *rest]:
        return None
    if not _moves_alone(memory, step):
        return None
    chain = next((s for s in memory.steps if _makes(s, step.operands[1].source)), None)
    readers = _readers(memory, step)
    if readers is None or not isinstance(chain, Call):
        return None
    indices = chain.value.inputs[0]
    if any(r.value.inputs[1] is not indices for r in readers):
        return None
    reader = min(memory.steps.index(r) for r in readers)
    named = chain.operands[0].source
    if any(named in writes_of(s) for s in memory.steps[reader:]):
        return None
    return _Late(chain, reader, *_without_gradient(memory, step))


def _makes(step: Step, place: Place) -> bool:
    return isinstance(step, Call) and place in writes_of(step)


def _stores(step: Call) -> tuple[Store, ...]:
    assert step.finish is not None and step.finish.own is not None
    return (*step.finish.nest.tail.stores, step.finish.own)


def _moves_alone(memory: Memory, step: Call) -> bool:
    """Whether each element is made of itself, its gradient, and numbers for all."""
    assert step.finish is not None
    tail = step.finish.nest.tail
    if any(i.kind not in _KINDS for i in tail.code):
        return False
    places = {memory.buffer(s.target): s.place for s in _stores(step)}
    if any(buffer.kind != "state" for buffer in places):
        return False
    reads = [read for read in tail.reads() if variables(read[1])]
    own = {memory.buffer(source) for source, *_ in reads}
    inside = all(
        not guard and places.get(memory.buffer(source)) == place
        for source, place, guard in reads
    )
    return inside and own == set(places)


def _readers(memory: Memory, step: Call) -> list[Call] | None:
    """Return the lookups of rows of a table, None if somebody else touches it."""
    own = {memory.buffer(store.target) for store in _stores(step)}
    found: list[Call] = []
    for other in memory.steps:
        if other is step:
            continue
        if not own.isdisjoint(map(memory.buffer, writes_of(other))):
            return None
        if own.isdisjoint(map(memory.buffer, reads_of(other))):
            continue
        if not (isinstance(other, Call) and other.kernel == "index.take"):
            return None
        table = other.operands[0]
        whole = table.source is other.value.inputs[0] and other.value.axis == 0
        if not whole or memory.buffer(other.operands[1].source) in own:
            return None
        found.append(other)
    return found or None


# ------------------------------------------------------------------------ the code


def _without_gradient(memory: Memory, step: Call) -> tuple[Section, tuple[int, ...]]:
    """Return the update of a gradient of 0, and which of its numbers are kept."""
    assert step.finish is not None
    code = step.finish.nest.tail.code
    moving = _moving(code)
    old = {
        memory.buffer(source): source for source, *_ in step.finish.nest.tail.reads()
    }
    stores = tuple(
        replace(s, target=old[memory.buffer(s.target)]) for s in _stores(step)
    )
    wanted = {a for i in moving for a in code[i].args} | {s.arg for s in stores}
    kept = tuple(
        i for i in sorted(wanted) if i not in moving and code[i].kind != "number"
    )
    slots = {number: slot for slot, number in enumerate(kept)}
    return Section(tuple(_late_code(code, moving, slots)), stores), kept


def _moving(code: Sequence[Instruction]) -> set[int]:
    """Return the instructions that differ from element to element."""
    found: set[int] = set()
    for number, i in enumerate(code):
        apart = i.kind == "given" or any(map(variables, i.places))
        if apart or not found.isdisjoint(i.args):
            found.add(number)
    return found


def _late_code(
    code: Sequence[Instruction], moving: set[int], slots: dict[int, int]
) -> Iterator[Instruction]:
    for number, i in enumerate(code):
        if number in slots:
            yield Instruction("kept", i.dtype, (), slots[number])
        elif i.kind == "given" or (number not in moving and i.kind != "number"):
            zero = np.zeros((), dtypes.to_numpy(i.dtype)).tobytes()
            yield Instruction("number", i.dtype, (), zero)
        else:
            yield i


# ------------------------------------------------------------------- the new order


def _arrange(memory: Memory, step: Call, late: _Late) -> list[int]:
    """Put the steps in the new order; return the blocks of what is noted."""
    rows, _ = step.value.shape
    first = len(memory.blocks)
    sizes = ((1, 4), (rows, 4), (2 * rows, 4), (KEPT * len(late.kept), WORD))
    memory.blocks += [Block(size, itemsize, 0, 0) for size, itemsize in sizes]
    places = [Buffer("arena", first + i) for i in range(len(sizes))]
    behind, seen, due, history = places
    ledger = Ledger(behind, seen, due, history, len(late.kept))
    assert step.finish is not None and step.share is not None
    nest = step.finish.nest
    catch = CatchUp(
        step.value, step.operands[1].source, step.value.inputs[0].shape[0],
        late.section, (*nest.outer, *nest.inner), ledger,
        finished_rows(step, step.share),
    )  # fmt: skip
    steps = memory.steps
    steps[steps.index(step)] = replace(
        step, keep=Keep(late.kept, ledger.late, ledger.history)
    )
    steps.insert(late.reader, catch)
    if steps.index(late.chain) > late.reader:
        steps.remove(late.chain)
        steps.insert(late.reader, late.chain)
    return [place.number for place in places]
