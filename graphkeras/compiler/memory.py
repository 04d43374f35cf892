"""Where every value lives: in place, in a caller's array, or in one shared arena.

New state is written straight into the variable's array when nobody reads the old
value afterwards. The rest shares an arena: two values may overlap when their lifetimes
do not. Sizes stay symbolic here; offsets are found when the program is bound to sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from graphkeras import dtypes
from graphkeras.compiler import overdue, repeats
from graphkeras.compiler.barriers import Schedule
from graphkeras.compiler.binding import Block
from graphkeras.compiler.cells import Lead, lead_of
from graphkeras.compiler.fuse import Plan
from graphkeras.compiler.lower import (
    Barrier,
    Buffer,
    Call,
    Choice,
    Loop,
    Nest,
    Place,
    Repeat,
    Step,
    copy_of,
    in_place,
    reads_of,
    steps_of,
    writes_of,
)
from graphkeras.compiler.runs import FewRows, Run, Runs
from graphkeras.compiler.sharing import Room, Sharing
from graphkeras.compiler.storage import is_leaf
from graphkeras.compiler.views import base
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import CONSTANT, INPUT, STATE
from graphkeras.ir.value import Graph, Value


@dataclass(slots=True)
class Memory:
    """The steps of a program and the buffer of everything they touch.

    Attributes:
        lead: what counts samples.
        runs, rooms: what is done part by part, see `runs`.
    """

    steps: list[Step]
    buffers: dict[Place, Buffer]
    lead: Lead
    blocks: list[Block] = field(default_factory=list)
    runs: tuple[Run, ...] = ()
    rooms: dict[int, FewRows] = field(default_factory=dict)
    constants: list[np.ndarray] = field(default_factory=list)

    def buffer(self, place: Place) -> Buffer:
        """Return where something lies."""
        found = self.buffers.get(place)
        return place if found is None and isinstance(place, Buffer) else found  # type: ignore[return-value]


def plan_memory(plan: Plan) -> Memory:
    """Return the steps of a plan with a place in memory for everything they touch."""
    roots = Roots(plan.graph, steps_of(plan))
    steps = roots.all
    lead = lead_of(plan.graph, repeats.loops_of(steps))
    memory = lay_out(plan.graph, roots, lead)
    lasting = overdue.put_off(memory)
    schedule = Schedule(lead, memory.buffer, memory.blocks)
    schedule.run(memory.steps)
    settle(memory, schedule)
    for number in lasting:
        block = memory.blocks[number]
        block.first, block.last = 0, max(schedule.spans)
    find_runs(memory)
    return memory


def find_runs(memory: Memory) -> None:
    """Let steps be done part by part where that pays."""
    runs = Runs(memory.lead, memory.steps, memory.buffer)
    runs.claim(memory.blocks)
    memory.runs, memory.rooms = runs.found, runs.rooms


def lay_out(graph: Graph, roots: Roots, lead: Lead, alone: bool = False) -> Memory:
    """Return the steps, cut for threads, and where everything lies.

    Args:
        alone: whether one thread is to run them all.
    """
    for step in roots.all:
        if isinstance(step, Repeat):
            plan_turns(step, lead, alone)
        elif isinstance(step, Choice):
            plan_branches(step, lead, alone)
    sharing = Sharing(lead, frozenset(old for old, _ in graph.changed))
    memory = Memory(
        roots.all if alone else sharing.steps(roots.all), roots.buffers, lead
    )
    _place_leaves(graph, memory)
    kept = {place: _room(leaf) for place, leaf in roots.kept.items()}
    _Blocks(memory, {**kept, **sharing.rooms}).run()
    for number, step in enumerate(memory.steps):
        if isinstance(step, Nest):
            repeats.take_room(step, memory, number)
    return memory


def plan_turns(step: Repeat, lead: Lead, alone: bool) -> None:
    """Plan the graphs of a loop.

    Args:
        lead: what counts samples in the program around it.
        alone: whether one thread runs all of that.
    """
    plans = repeats.plans_of(step)
    first = [
        copy_of(leaf, Buffer("state", i), Buffer("first", i))
        for i, leaf in enumerate(plans[-1].graph.state)
    ]
    if not alone and len(plans) == 1:
        _spread(step, plans[0], lead, Sharing(lead).steps([*first]))
    if not step.spread:
        step.prologue = [*first]
        step.memories = tuple(_laid_out(plan, lead, True) for plan in plans)


def _laid_out(plan: Plan, lead: Lead, alone: bool) -> Memory:
    return lay_out(plan.graph, Roots(plan.graph, steps_of(plan)), lead, alone)


def _spread(step: Repeat, plan: Plan, lead: Lead, first: list[Step]) -> None:
    """Let all threads make the turns, if there is a step to cut."""
    inner = _laid_out(plan, lead, False)
    if not any(map(repeats.is_cut, inner.steps)):
        return
    step.spread, step.memories = True, (inner,)
    free = Schedule(lead, inner.buffer, inner.blocks)
    free.run([*first, *inner.steps, *inner.steps])
    if not free.waits:
        step.prologue = first
        for block in inner.blocks:
            block.first = block.last = 0
        return
    schedule = Schedule(lead, inner.buffer, inner.blocks)
    schedule.run(inner.steps)
    settle(inner, schedule)
    step.span = max(schedule.spans, default=0) + 1
    inner.steps = [*inner.steps, Barrier()]
    step.prologue = [*first, Barrier()]


def plan_branches(step: Choice, lead: Lead, alone: bool) -> None:
    """Plan the branches of a choice; since one of them is run, all share memory.

    Args:
        lead: what counts samples in the program around it.
        alone: whether one thread runs all of that.
    """
    like = step.like
    if like is not None:
        step.memories, step.spread, step.span = like.memories, like.spread, like.span
        return
    plans = repeats.plans_of(step)
    if not alone:
        found = [_laid_out(plan, lead, False) for plan in plans]
        step.spread = any(repeats.is_cut(inner) for m in found for inner in m.steps)
    if not step.spread:
        step.memories = tuple(_laid_out(plan, lead, True) for plan in plans)
        return
    step.memories = tuple(found)
    for memory in found:
        schedule = Schedule(lead, memory.buffer, memory.blocks)
        schedule.run(memory.steps)
        settle(memory, schedule)
        find_runs(memory)
        for block in memory.blocks:
            block.first, block.last = block.first + step.span, block.last + step.span
        step.span += max(schedule.spans, default=0) + 1


def settle(memory: Memory, schedule: Schedule) -> None:
    """Take the order of a schedule; blocks live from one barrier to another."""
    memory.steps = schedule.steps
    lives: dict[int, list[int]] = {}
    for step, span in zip(schedule.steps, schedule.spans, strict=True):
        inside = repeats.lives(step)
        for place in (*reads_of(step), *writes_of(step)):
            buffer = memory.buffer(place)
            if buffer.kind == "arena":
                ends = inside.get(buffer, (0, repeats.span_of(step)))
                lives.setdefault(buffer.number, []).extend(span + at for at in ends)
    for number, spans in lives.items():
        block = memory.blocks[number]
        block.first, block.last = min(spans), max(spans)


class Roots:
    """Decides where results are written, and which must be copied there."""

    def __init__(self, graph: Graph, steps: list[Step]) -> None:
        self.graph, self.steps = graph, steps
        self.buffers: dict[Place, Buffer] = {}
        self.early: list[Step] = []  # copies of leaves, before anything overwrites them
        self.late: list[Step] = []  # copies of results, and of kept leaves
        self.kept: dict[Buffer, Value] = {}
        self.writer = {v: i for i, s in enumerate(steps) for v in writes_of(s)}
        self.readers: dict[Place, list[int]] = {}
        for i, step in enumerate(steps):
            for place in reads_of(step):
                self.readers.setdefault(place, []).append(i)
        self._bind_state()
        self._bind_outputs()

    @property
    def all(self) -> list[Step]:
        """The steps in the order in which they are right."""
        return [*self.early, *self.steps, *self.late]

    def _bind_state(self) -> None:
        numbers = {leaf: i for i, leaf in enumerate(self.graph.state)}
        for old, new in self.graph.changed:
            source, target = base(new), Buffer("state", numbers[old])
            if source not in self.buffers and self._may_overwrite(old, source):
                self.buffers[source] = target
            elif source.op is STATE or source.op is INPUT:
                self._keep(source, target)
            else:
                self.late.append(copy_of(source, target))

    def _may_overwrite(self, old: Value, source: Value) -> bool:
        """Whether nobody reads the old state after (or out of step with) the new."""
        if is_leaf(source):
            return False
        at = self.writer[source]
        readers = self.readers.get(old, [])
        if any(i > at for i in readers):
            return False
        step = self.steps[at]
        if at not in readers:
            return True
        return in_place(step, old, source)

    def _keep(self, leaf: Value, target: Buffer) -> None:
        """Copy a leaf that may be overwritten before its turn."""
        kept = Buffer("kept", len(self.kept))
        self.kept[kept] = leaf
        self.early.append(copy_of(leaf, kept))
        self.late.append(copy_of(leaf, target, kept))

    def _bind_outputs(self) -> None:
        for number, root in enumerate(self.graph.outputs):
            source, target = base(root), Buffer("output", number)
            if is_leaf(source):
                self.early.append(copy_of(source, target))
            elif source in self.buffers:
                self.late.append(copy_of(source, target))
            else:
                self.buffers[source] = target


def _place_leaves(graph: Graph, memory: Memory) -> None:
    """Give inputs, state and the constants that are read a buffer."""
    for kind, leaves in (("input", graph.inputs), ("state", graph.state)):
        for number, leaf in enumerate(leaves):
            memory.buffers[leaf] = Buffer(kind, number)
    for step in memory.steps:
        for place in reads_of(step):
            if place in memory.buffers or isinstance(place, Buffer):
                continue
            if place.op is CONSTANT:
                number = len(memory.constants)
                memory.buffers[place] = Buffer("constant", number)
                memory.constants.append(place.data.array)


def _room(value: Value) -> Room:
    return Room(value.type.size, value.dtype)  # type: ignore[union-attr]


class _Blocks:
    """Gives everything that is left a block of the arena."""

    def __init__(self, memory: Memory, rooms: dict[Buffer, Room]) -> None:
        self.memory, self.rooms = memory, rooms
        self.last: dict[Place, int] = {}
        for i, step in enumerate(memory.steps):
            for place in reads_of(step):
                self.last[place] = i

    def run(self) -> None:
        """Walk the steps in order; what a step makes may take over what it reads."""
        for i, step in enumerate(self.memory.steps):
            for place in writes_of(step):
                if self._is_free(place):
                    self._place(i, step, place)

    def _is_free(self, place: Place) -> bool:
        if place in self.memory.buffers:
            return False
        return not isinstance(place, Buffer) or place in self.rooms

    def _place(self, i: int, step: Step, place: Place) -> None:
        room = self.rooms[place] if isinstance(place, Buffer) else _room(place)
        last = self.last.get(place, i)
        size, itemsize = room.size, dtypes.itemsize(room.dtype)
        taken = self._overwritten(i, step, place, size, itemsize)
        if taken is None:
            buffer = self._new(Block(size, itemsize, i, last))
        else:
            buffer = taken
            self.memory.blocks[buffer.number].last = last
        self.memory.buffers[place] = buffer

    def _new(self, block: Block) -> Buffer:
        self.memory.blocks.append(block)
        return Buffer("arena", len(self.memory.blocks) - 1)

    def _overwritten(
        self, i: int, step: Step, place: Place, size: Dim, itemsize: int
    ) -> Buffer | None:
        """Return the block of an operand that ends here, if it may be taken over."""
        if not isinstance(step, (Loop, Call)):
            return None
        for source in dict.fromkeys(reads_of(step)):
            buffer = self.memory.buffers.get(source)
            if buffer is None or buffer.kind != "arena":
                continue
            block = self.memory.blocks[buffer.number]
            fits = block.last == i and (block.size, block.itemsize) == (size, itemsize)
            if fits and isinstance(source, Value) and in_place(step, source, place):
                return buffer
        return None
