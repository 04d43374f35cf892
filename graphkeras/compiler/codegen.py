"""A planned program as one LLVM module: a function a step, one that runs them all.

The program sees memory through a table of 64-bit words:

    word 0                 address of the sizes (int64), see `Sizes`
    words 1 ...            addresses of the buffers, by kind and number
    then                   the control block of an epoch, see `epoch`

Steps that differ only in the buffers they touch share one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Protocol

from llvmlite import ir

from graphkeras.compiler.emit_call import elements_of, emit_call
from graphkeras.compiler.emit_choice import emit_choice
from graphkeras.compiler.emit_feed import asking
from graphkeras.compiler.emit_loop import emit_loop
from graphkeras.compiler.emit_nest import Frame, is_alone
from graphkeras.compiler.emit_overdue import Clock, emit_catch_up, emit_keep
from graphkeras.compiler.emit_repeat import emit_repeat
from graphkeras.compiler.emit_share import Parts, first_turn
from graphkeras.compiler.loops import Loop
from graphkeras.compiler.lower import (
    Barrier,
    Buffer,
    Call,
    CatchUp,
    Choice,
    Nest,
    Repeat,
    Step,
    Work,
    writes_of,
)
from graphkeras.compiler.memory import Memory
from graphkeras.compiler.runs import Run, is_fine
from graphkeras.compiler.shares import TICKS, divisor_of
from graphkeras.compiler.touches import Rows
from graphkeras.errors import KernelError, message
from graphkeras.ir.dims import Dim, SymbolicDim
from graphkeras.ir.op import describe
from graphkeras.ir.value import Origin, Value, attribute_key
from graphkeras.kernels.cpu.cut import PARTS
from graphkeras.kernels.cpu.emit import Emit, Index
from graphkeras.kernels.cpu.target import I64, POINTER, VOID
from graphkeras.kernels.cpu.tile import YES
from graphkeras.kernels.cpu.value import multiple
from graphkeras.runtime.control import CONTROL

Pointers = dict[int, ir.Value]
Span = tuple[Index, Index]
Numbered = tuple[int, Step]
Do = Callable[[Emit, int, Step, Frame], None]

KINDS = ("input", "state", "output", "constant", "arena")


@dataclass(slots=True)
class Words:
    """Where in the table each buffer's address stands, and the sizes asked for."""

    counts: dict[str, int]
    sizes: dict[SymbolicDim, int] = field(default_factory=dict)

    def of(self, buffer: Buffer) -> int:
        """Return the word that holds a buffer's address."""
        before = KINDS[: KINDS.index(buffer.kind)]
        return 1 + sum(self.counts[k] for k in before) + buffer.number

    @property
    def control(self) -> int:
        """The first word after the buffers."""
        return 1 + sum(self.counts.values())


class Sizes:
    """Sizes as indices of one function: numbers, or words loaded at its start."""

    def __init__(self, e: Emit, words: Words, pointer: ir.Value) -> None:
        self.e, self.words, self.pointer = e, words, pointer
        self._loaded: dict[SymbolicDim, ir.Value] = {}

    def __call__(self, dim: Dim) -> Index:
        if isinstance(dim, int):
            return dim
        if dim not in self._loaded:
            at = self.words.sizes.setdefault(dim, len(self.words.sizes))
            with self.e.builder.goto_entry_block():
                place = self.e.address(self.pointer, "int64", at)
                loaded = self.e.builder.load(place, typ=I64)
            self._loaded[dim] = multiple(loaded, divisor_of(dim))
        return self._loaded[dim]


class Watch(Protocol):
    """What counts the time of each step; see `profile`."""

    def before(self, e: Emit) -> ir.Value: ...

    def after(self, e: Emit, number: int, began: ir.Value) -> None: ...

    def ran(self, e: Emit) -> None: ...


class Codegen:
    """Writes the steps of a program into a module."""

    def __init__(
        self, memory: Memory, words: Words, watch: Watch | None = None
    ) -> None:
        self.memory, self.words, self.watch = memory, words, watch
        self._functions: dict[Any, ir.Function] = {}
        self.asks = 0  # how often a run asks for rows of the next

    def run_function(self, module: ir.Module) -> ir.Function:
        """Add `run(table, low, high)`: parts [low, high) of every step, once.

        Steps that are not shared belong to part 0. Where threads wait for each other
        the team's function is called, if there is a team: see `kernels.cpu.team`.
        """
        kind = ir.FunctionType(VOID, [POINTER, I64, I64])
        function = ir.Function(module, kind, module.get_unique_name("run"))
        function.linkage = "internal"
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        table, low, high = e.arguments
        first = e.eq(low, 0)
        frame = Frame(self.memory, {}, load_pointer(e, table, 0), table, (low, high))
        for alone, run, stretch in _stretches(self.memory):
            for buffer in frame.buffers_of([step for _, step in stretch]):
                if buffer not in frame.pointers:
                    word = self.words.of(buffer)
                    frame.pointers[buffer] = load_pointer(e, table, word)
            if run is not None:
                self._part_by_part(e, run, stretch, frame, self._watched)
                continue
            with e.when(first if alone else YES):
                for number, step in stretch:
                    self._watched(e, number, step, _counted(e, step, frame))
                    if not alone:
                        self._ask(e)
                    e.pass_on()
        if self.watch:
            with e.when(first):
                self.watch.ran(e)
        return e.finish()

    def steps(self, e: Emit, frame: Frame, first: ir.Value) -> None:
        """Write all steps of a graph within a step; some are for the first thread."""
        for alone, run, stretch in _stretches(frame.memory):
            if run is not None:
                self._part_by_part(e, run, stretch, frame, self._unwatched)
                continue
            with e.when(first if alone else YES):
                for _, step in stretch:
                    self.step(e, step, frame)

    def catch_up_function(self, module: ir.Module) -> ir.Function | None:
        """Add `catch_up(table, low, high)`: what was put off in all steps, if any was.

        It is called after `run_function`.
        """
        late = [step for step in self.memory.steps if isinstance(step, CatchUp)]
        if not late:
            return None
        kind = ir.FunctionType(VOID, [POINTER, I64, I64])
        function = ir.Function(module, kind, module.get_unique_name("catch_up"))
        function.linkage = "internal"
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        table, low, high = e.arguments
        frame = Frame(self.memory, {}, load_pointer(e, table, 0), table, (low, high))
        for buffer in frame.buffers_of(late):
            frame.pointers[buffer] = load_pointer(e, table, self.words.of(buffer))
        for step in late:
            self.step(e, step, frame)
        return e.finish()

    def _part_by_part(
        self, e: Emit, run: Run, stretch: Sequence[Numbered], frame: Frame, do: Do
    ) -> None:
        """Do all steps of a run for a few parts, then for the next few."""
        low, high = frame.parts
        sizes = Sizes(e, self.words, frame.sizes)
        own = self._own_memory(e, frame.table)
        buffers = dict.fromkeys(frame.buffers_of([step for _, step in stretch]))
        many = sizes(run.parts)
        few = sizes(run.ticks)

        def near(around: Frame, span: Span, of: int) -> Frame:
            """Where everything lies when the parts (or ticks) of a span are done."""
            found = dict(around.pointers)
            for buffer, rows in _rooms_of(frame.memory, buffers, of):
                cells = sizes(rows.cells)
                size = frame.memory.blocks[buffer.number].itemsize * rows.size
                turn = first_turn(e, cells, 1, cells, span[0], of)
                away = e.sub(own, e.mul(turn, sizes(size)))
                found[buffer] = e.address(found[buffer], "uint8", away)
            return replace(around, pointers=found, parts=span)

        with e.loop(low, high, many) as part:
            some = near(frame, (part, e.minimum(high, e.add(part, many))), PARTS)
            for fine, steps in groupby(stretch, lambda pair: is_fine(pair[1])):
                if not fine:
                    for number, step in steps:
                        do(e, number, step, some)
                    continue
                begin, last = _in_ticks(e, some.parts)
                with e.loop(begin, last, few) as tick:
                    span = tick, e.minimum(last, e.add(tick, few))
                    inner = near(some, span, TICKS)
                    for number, step in steps:
                        do(e, number, step, inner)

    def _own_memory(self, e: Emit, table: ir.Value) -> Index:
        """Emit how far this thread's memory is from that of the first."""
        with e.builder.goto_entry_block():
            seat, own = (
                e.builder.load(e.address(table, "int64", word), typ=I64)
                for word in (
                    self.words.control + CONTROL.index(name) for name in ("seat", "own")
                )
            )
            return e.mul(e.floordiv(seat, 4), own)

    def _watched(self, e: Emit, number: int, step: Step, frame: Frame) -> None:
        """Run a step; count its time on the first thread, if somebody watches."""
        began = self.watch.before(e) if self.watch else None
        self._call(e, step, frame)
        if self.watch and began is not None:
            with e.when(e.eq(e.arguments[1], 0)):
                self.watch.after(e, number, began)

    def _unwatched(self, e: Emit, _: int, step: Step, frame: Frame) -> None:
        self._call(e, step, frame)

    def step(self, e: Emit, step: Step, frame: Frame) -> None:
        """Do whole parts of a step, be they counted in ticks or not."""
        self._call(e, step, _counted(e, step, frame))

    def _call(self, e: Emit, step: Step, frame: Frame) -> None:
        """Call the function of a step, or wait."""
        if isinstance(step, Barrier):
            e.call(self._waiting(e), [frame.table])
            return
        places = frame.places(step)
        used = [frame.pointers[b] for b in dict.fromkeys(places.values())]
        callee = self._function(e, step, places)
        last = [frame.table] if _needs_table(step) else []
        given = [e.index(part) for part in frame.parts]
        e.call(callee, [frame.sizes, *given, *used, *last])

    def _ask(self, e: Emit) -> None:
        """Ask for some of the rows of the next step."""
        if asking not in self._functions:
            inputs = self.words.counts["input"]
            self._functions[asking] = asking(e, self.words.control, inputs)
        e.call(self._functions[asking], [e.arguments[0]])
        self.asks += 1

    def _waiting(self, e: Emit) -> ir.Function:
        """Return the function of all barriers."""
        if Barrier not in self._functions:
            inner = e.function("barrier", [POINTER])
            wait(inner, inner.arguments[0], self.words)
            self._functions[Barrier] = inner.finish()
        return self._functions[Barrier]

    def _function(self, e: Emit, step: Work, places: dict[Any, Buffer]) -> ir.Function:
        """Return the function of a step, one for all steps that are alike."""
        slots = {b: i for i, b in enumerate(dict.fromkeys(places.values()))}
        slot_of = {place: slots[buffer] for place, buffer in places.items()}
        key = _key(step, slot_of)
        if key not in self._functions:
            kinds = [POINTER, I64, I64, *[POINTER] * len(slots)]
            if _needs_table(step):
                kinds.append(POINTER)
            inner = e.function(step_name(step), kinds)
            pointers = {p: inner.arguments[3 + slot] for p, slot in slot_of.items()}
            try:
                self._write(inner, step, pointers)
            except KernelError:  # of a step inside of this one: it has said all
                raise
            except Exception as error:
                raise KernelError(_unwritable(step, error)) from error
            self._functions[key] = inner.finish()
        return self._functions[key]

    def _write(self, e: Emit, step: Work, pointers: dict[Any, ir.Value]) -> None:
        address, low, high = e.arguments[:3]
        sizes = Sizes(e, self.words, address)
        parts = Parts(low, high, TICKS if is_fine(step) else PARTS)
        if isinstance(step, Loop):
            emit_loop(e, step, elements_of(step, pointers), sizes, parts)
        elif isinstance(step, Call):
            emit_call(e, step, pointers, sizes, parts)
            if step.keep is not None:
                self._keep(e, step, pointers, sizes)
        elif isinstance(step, CatchUp):
            clock = Clock(self._control(e, "turn"), self._control(e, "all"))
            emit_catch_up(e, step, pointers, sizes, parts, clock)
        elif isinstance(step, Choice):
            emit_choice(self, e, step, pointers, sizes)
        else:
            emit_repeat(self, e, step, pointers, sizes)

    def _keep(
        self, e: Emit, call: Call, pointers: dict[Any, ir.Value], sizes: Sizes
    ) -> None:
        """Let one thread keep the numbers of this step."""
        assert call.keep is not None and call.finish is not None
        nest, history = call.finish.nest, pointers[call.keep.history]
        with e.when(e.eq(e.arguments[1], 0)):
            arrays, turn = elements_of(nest, pointers), self._control(e, "turn")
            emit_keep(e, call, arrays, history, sizes, turn)

    def _control(self, e: Emit, name: str) -> ir.Value:
        """Emit a word of the control block of the table, the last argument."""
        place = self.words.control + CONTROL.index(name)
        return e.builder.load(e.address(e.arguments[-1], "int64", place), typ=I64)


def _needs_table(step: Work) -> bool:
    """Whether a step has steps inside that may wait, or must know the turn."""
    late = isinstance(step, Call) and step.keep is not None
    return late or isinstance(step, (Nest, CatchUp))


def _stretches(
    memory: Memory,
) -> Iterator[tuple[bool, Run | None, list[Numbered]]]:
    """Yield neighbouring steps: whether one thread does them, or their run."""
    runs = {i: run for run in memory.runs for i in range(run.first, run.stop)}
    for (alone, run), steps in groupby(
        enumerate(memory.steps), lambda pair: (is_alone(pair[1]), runs.get(pair[0]))
    ):
        yield alone, run, list(steps)


def _rooms_of(
    memory: Memory, buffers: Iterable[Buffer], of: int
) -> Iterator[tuple[Buffer, Rows]]:
    """Yield the buffers of a run with memory for a few parts, or ticks, alone."""
    for buffer in buffers:
        room = memory.rooms.get(buffer.number)
        if buffer.kind == "arena" and room is not None and room.of == of:
            yield buffer, room.rows


def _counted(e: Emit, step: Step, frame: Frame) -> Frame:
    """Return the frame with its whole parts counted as a step counts them."""
    return replace(frame, parts=_in_ticks(e, frame.parts)) if is_fine(step) else frame


def _in_ticks(e: Emit, parts: Sequence[Index]) -> Span:
    low, high = (e.mul(part, TICKS // PARTS) for part in parts)
    return low, high


def load_pointer(e: Emit, table: ir.Value, word: int) -> ir.Value:
    """Return the address that stands in a word of the table."""
    return e.builder.load(e.address(table, "int64", word), typ=POINTER)


def wait(e: Emit, table: ir.Value, words: Words) -> None:
    """Wait for all other threads, if there are any."""
    team, seat, function = (
        e.builder.load(e.address(table, "int64", words.control + at), typ=I64)
        for at in (CONTROL.index(n) for n in ("team", "seat", "wait"))
    )
    with e.when(e.ne(team, 0)):
        call_address(e, function, team, seat)


def call_address(e: Emit, address: ir.Value, pointer: ir.Value, number: Index) -> None:
    """Call a void(pointer, i64) function by its address."""
    kind = ir.FunctionType(VOID, [POINTER, I64])
    function = e.builder.inttoptr(address, kind.as_pointer())
    if pointer.type == I64:
        pointer = e.builder.inttoptr(pointer, POINTER)
    e.builder.call(function, [pointer, e.index(number)])


def _unwritable(step: Work, error: Exception) -> str:
    """Return the message about a step no machine code can be written for."""
    targets = [t for t in writes_of(step) if isinstance(t, Value)]
    value = targets[0] if isinstance(step, Loop) else step.value
    origin = value.origin or Origin("", "")
    return message(
        origin.path or value.op.name,
        f"{value.op.name} cannot be compiled: {error}"
        + (f" (asked for at {origin.location})." if origin.location else "."),
        ", ".join(describe(v) for v in (value, *value.inputs)),
        "Cast its operands, run eagerly, or compute it by other ops.",
    )


def step_name(step: Step) -> str:
    """Return what a step is called in the code, and by a profile."""
    if isinstance(step, Barrier):
        return "barrier"
    if isinstance(step, CatchUp):
        return "catch up"
    if isinstance(step, (Call, Nest)):
        return step.value.op.name
    return "fold" if step.folds else "loop"


def _key(step: Work, slots: dict[Any, int]) -> Any:
    """Return what tells the function of a step from others, buffers being numbered."""
    if isinstance(step, (Repeat, CatchUp)):
        return step
    if isinstance(step, Choice):
        offsets = tuple((slots[v.source], v.offset) for v in step.operands)
        found = tuple(slots[place] for place in (*step.results, *step.around))
        return step.like or step, offsets, found
    if isinstance(step, Call):
        views = tuple(
            (slots[v.source], v.source.dtype, v.offset, v.strides, i.type)
            for v, i in zip(step.operands, step.value.inputs)
        )
        results = tuple(slots[r] for r in step.results), step.value.type
        attrs = tuple((k, attribute_key(v)) for k, v in step.value.attrs)
        finish = step.finish
        after = finish and (_loop_key(finish.nest, slots), finish.arg)
        kept = step.keep
        keep = kept and (kept.numbers, slots[kept.late], slots[kept.history])
        return step.kernel, views, results, attrs, after, step.share, keep
    return _loop_key(step, slots)


def _loop_key(loop: Loop, slots: dict[Any, int]) -> Any:
    parts: list[Any] = [loop.outer, loop.inner, loop.columns, loop.folds, loop.share]
    for section in loop.sections:
        for i in section.code:
            detail = i.detail
            if i.kind == "read":
                detail = (slots[detail[0]], *detail[1:])
            parts.append((i.kind, i.dtype, i.args, detail))
        parts += [(slots[s.target], s.place, s.arg) for s in section.stores]
    return tuple(parts)
