"""From groups to steps: loop nests, kernel calls and copies, in the order they run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from graphkeras.compiler.fuse import Group, Plan
from graphkeras.compiler.indexing import flat, strides_of
from graphkeras.compiler.loops import (
    Axis,
    Instruction,
    Loop,
    Section,
    Store,
    Writer,
    axes_of,
    domain_of,
    index_of,
)
from graphkeras.compiler.nests import collapse, finish_of
from graphkeras.compiler.shares import Share
from graphkeras.compiler.views import View, view_of
from graphkeras.errors import KernelError, message
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import item_of, nested
from graphkeras.ir.types import Shape, TensorType
from graphkeras.ir.value import Origin, Value
from graphkeras.runtime import link

if TYPE_CHECKING:
    from graphkeras.compiler.memory import Memory


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory by kind and number.

    Kinds: "input", "state", "output", "constant", "arena", and until they get a place
    in the arena "kept" for a copy of a variable's old value, "partial" for what the
    parts of a step leave; in a body that is repeated "first" for the value with which
    one that is carried begins.
    """

    kind: str
    number: int


Place = Value | Buffer


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to each result of a kernel before it is stored.

    Attributes:
        nest: rows and columns, and in its tail the code and what else is stored.
        arg: the instruction of the tail that the kernel stores as its result.
        own: how it does so, if what it stores is not its own result.
        once: whether variables are updated, so that nothing may be stored before.
    """

    nest: Loop
    arg: int
    own: Store | None = None
    once: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """Numbers of a finish that are kept, step by step; see `overdue`.

    Attributes:
        numbers: the instructions that give them.
        late: whether they are needed, see `Ledger`.
        history: where they are kept.
    """

    numbers: tuple[int, ...]
    late: Buffer
    history: Buffer


@dataclass(frozen=True, slots=True)
class Call:
    """A kernel run on views of memory.

    Attributes:
        results: what the kernel's own result arrays hold in the end.
        share: how its arrays are cut; None: one thread does it all.
        keep: what of its finish is kept, if only rows with a gradient are made.
    """

    value: Value
    kernel: str
    operands: tuple[View, ...]
    results: tuple[Place, ...]
    finish: Finish | None = None
    share: Share | None = None
    keep: Keep | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is noted about rows that are behind.

    Attributes:
        late: whether rows may be behind at all.
        seen: how many steps each row has made.
        due: which rows catch up now, and where they are.
        history: so many words for each step.
    """

    late: Buffer
    seen: Buffer
    due: Buffer
    history: Buffer
    words: int


@dataclass(frozen=True, eq=False, slots=True)
class CatchUp:
    """Steps that rows of a table have missed, made up for; see `overdue`.

    Attributes:
        value: the sum of gradients by which the rows are moved else.
        first: says by numbers that are not negative which rows are named.
        named: how many they are at most.
        section: one step of an element without gradient.
        axes: rows and columns.
    """

    value: Value
    first: Place
    named: Dim
    section: Section
    axes: tuple[Axis, ...]
    ledger: Ledger
    share: Share


@dataclass(eq=False, slots=True)
class Nest:
    """Graphs run as one step; see `repeats` and `memory`, which fill in how.

    Attributes:
        results: where what the graphs give lies in the end.
        plans: the fused graphs.
        memories: the same, laid out.
        spread: whether all threads take part; else one does all.
        rooms: memory of the program around it that the graphs use: for each of them
            the arena's blocks and the constants.
        span: number of barriers inside, if blocks may share memory between them.
    """

    value: Value
    operands: tuple[View, ...]
    results: tuple[Place, ...]
    plans: tuple[Plan, ...] = ()
    memories: tuple[Memory, ...] = ()
    spread: bool = False
    rooms: tuple[dict[Buffer, Buffer], ...] = ()
    span: int = 0

    @property
    def share(self) -> None:
        """Only steps inside are cut."""
        return

    @property
    def around(self) -> Iterator[Buffer]:
        """The memory of the program around it that it is lent."""
        for rooms in self.rooms:
            yield from rooms.values()


@dataclass(eq=False, slots=True)
class Repeat(Nest):
    """Graphs run turn by turn: a body, or a condition and a body.

    Its results are what is carried, then what the turns give.

    Attributes:
        prologue: steps that give the carried values their first ones.
        flag: where the condition leaves what it finds.
    """

    prologue: list[Step] = field(default_factory=list)
    flag: Buffer | None = None

    @property
    def around(self) -> Iterator[Buffer]:
        """The memory of the program around it that it is lent."""
        for rooms in self.rooms:
            yield from rooms.values()
        if self.flag is not None:
            yield self.flag


@dataclass(eq=False, slots=True)
class Choice(Nest):
    """Graphs of which one is run.

    Attributes:
        like: an earlier choice among the same graphs; they share plans and code.
    """

    like: Choice | None = None


@dataclass(frozen=True, slots=True)
class Barrier:
    """Where each thread waits for all others."""


Work = Loop | Call | Repeat | Choice | CatchUp
Step = Work | Barrier


def steps_of(plan: Plan) -> list[Step]:
    """Return one step a group."""
    steps = [_step(plan, group) for group in plan.groups]
    first: dict[Any, Choice] = {}
    for step in steps:
        if isinstance(step, Choice):
            found = first.setdefault((step.value.branches, step.value.sizes), step)
            step.like = None if found is step else found
    return steps


def _step(plan: Plan, group: Group) -> Step:
    if group.call is None:
        return plan.loop(group)
    if group.call.op.kernel is nested:
        return _nest(group.call)
    call = _call(group.call)
    return _finished(plan, call, group) if group.tail else call


def _finished(plan: Plan, call: Call, group: Group) -> Call:
    """Let the kernel store what the group makes of its results."""
    nest = finish_of(call.value, group.tail, plan.memory, plan.wanted)
    assert nest is not None  # or the group would not have been joined
    stores = nest.tail.stores
    once = any(store.target in plan.updated for store in stores)
    # The kernel's own memory must have the dtype of its sums; it may hold nothing else.
    own = next((s for s in stores if s.target.dtype == call.value.dtype), None)
    if own is None:
        return replace(call, finish=Finish(nest, 0, once=once))
    rest = Section(nest.tail.code, tuple(s for s in stores if s is not own))
    finish = Finish(replace(nest, tail=rest), own.arg, own, once)
    return replace(call, results=(own.target,), finish=finish)


def _call(value: Value) -> Call:
    op = value.op
    if not isinstance(op.kernel, str) or not link.has_kernel(op.kernel):
        raise KernelError(_no_kernel(value))
    strided = bool(op.fact("strided"))
    operands = tuple(view_of(operand, strided) for operand in value.inputs)
    if isinstance(value.type, tuple):
        results = tuple(item_of(value, i) for i in range(len(value.type)))
    else:
        results = (value,)
    return Call(value, op.kernel, operands, results)


def _nest(value: Value) -> Repeat | Choice:
    views = tuple(view_of(operand, strided=False) for operand in value.inputs)
    results = tuple(item_of(value, i) for i in range(len(value.types)))
    kind = Choice if value.op.name == "chosen_branch" else Repeat
    return kind(value, views, results)


def _no_kernel(value: Value) -> str:
    origin = value.origin or Origin("", "")
    path, location = origin.path, origin.location
    return message(
        path or value.op.name,
        f"{value.op.name} has no CPU kernel"
        + (f" (asked for at {location})." if location else "."),
        ", ".join(str(i.type) for i in value.inputs) or "no operands",
        "Run eagerly (run_eagerly=True), or compute it by other ops.",
    )  # fmt: skip


def types_of(value: Value) -> tuple[TensorType, ...]:
    """Return the types of all results of an op."""
    return value.type if isinstance(value.type, tuple) else (value.type,)


def shapes_of(call: Call) -> list[Shape]:
    """Return the shapes of a call's arrays: operands, then results."""
    results = (type_.shape for type_ in types_of(call.value))
    return [*(operand.shape for operand in call.value.inputs), *results]


def copy_of(value: Value, target: Buffer, source: Buffer | None = None) -> Loop:
    """Return the loop that copies a leaf or stored value to a buffer.

    Args:
        source: where to read the value, if not from its own memory.
    """
    axes = axes_of(domain_of(value.shape))
    index = index_of(value.shape)
    place = flat(index, value.shape)
    writer = Writer(dict(axes), {value})
    arg = writer.element(value, index)
    code = tuple(writer.code)
    if source is not None:
        code = (Instruction("read", value.dtype, (), (source, place, ())),)
    return collapse(Loop(tuple(axes), (), Section(code, (Store(target, place, arg),))))


def reads_of(step: Step) -> Iterator[Place]:
    """Yield the values a step reads from memory."""
    if isinstance(step, Barrier):
        return
    if isinstance(step, Nest):
        yield from (view.source for view in step.operands)
        yield from (buffer for buffer in step.around if buffer.kind == "constant")
        return
    if isinstance(step, CatchUp):
        yield from (step.first, step.ledger.history)
        yield from (source for source, *_ in step.section.reads())
        return
    if isinstance(step, Call):
        yield from (view.source for view in step.operands)
        if step.finish is not None:
            yield from (source for source, *_ in step.finish.nest.tail.reads())
        if step.keep is not None:
            yield step.keep.late
        return
    for section in step.sections:
        yield from (source for source, _, _ in section.reads())


def writes_of(step: Step) -> Iterator[Place]:
    """Yield the values (or buffers) a step writes."""
    if isinstance(step, Barrier):
        return
    if isinstance(step, Nest):
        yield from step.results
        yield from (buffer for buffer in step.around if buffer.kind == "arena")
        return
    if isinstance(step, CatchUp):
        yield from (step.ledger.late, step.ledger.seen, step.ledger.due)
        yield from (store.target for store in step.section.stores)
        return
    if isinstance(step, Call):
        yield from step.results
        if step.finish is not None:
            yield from (store.target for store in step.finish.nest.tail.stores)
        if step.keep is not None:
            yield step.keep.history
        return
    for section in step.sections:
        yield from (store.target for store in section.stores)


def in_place(step: Step, source: Place, target: Place) -> bool:
    """Whether `target` may overwrite `source`: each element is read, then written.

    A kernel that is finished element by element may first leave sums of a part of the
    products where its result goes, and reads what finishes it after that, unless it
    says that it stores each element once.
    """
    if isinstance(step, Call) and step.finish is None:
        return _lies_over(step, source, target)
    if isinstance(step, Call) and not _stores_once(step, source):
        return False
    if not isinstance(step, (Loop, Call)):
        return False
    for section in _sections(step):
        places = [s.place for s in section.stores if s.target is target]
        reads = [(p, guard) for v, p, guard in section.reads() if v is source]
        if reads and not places:
            return False
        if any(place != places[0] or guard for place, guard in reads):
            return False
    return True


def _stores_once(call: Call, source: Place) -> bool:
    """Whether a finished kernel reads a source when it stores an element, if at all."""
    whole = any(view.source is source for view in call.operands)
    asked = call.finish is not None and call.finish.once
    return (asked or link.stores_once(call.kernel)) and not whole


def _sections(step: Loop | Call) -> tuple[Section, ...]:
    """Return what a step does element by element."""
    if isinstance(step, Loop):
        return step.sections
    assert step.finish is not None
    tail, own = step.finish.nest.tail, step.finish.own
    stores = tail.stores if own is None else (*tail.stores, own)
    return (replace(tail, stores=stores),)


def _lies_over(call: Call, source: Place, target: Place) -> bool:
    """Whether a kernel's result may lie over an operand that nothing else reads."""
    pairs, operands = link.overwritten(call.kernel), len(call.operands)
    readers = [i for i, view in enumerate(call.operands) if view.source is source]
    writers = [i for i, result in enumerate(call.results) if result is target]
    if len(readers) != 1 or len(writers) != 1:
        return False
    (reader,), (writer,), shapes = readers, writers, shapes_of(call)
    if pairs.get(operands + writer) != reader:
        return False
    view, shape = call.operands[reader], shapes[reader]
    in_order = view.offset == 0 and view.strides == tuple(strides_of(shape))
    return in_order and shape == shapes[operands + writer]
