"""A planned program as one LLVM module: a function a step, one that runs them all.

The program sees memory through a table of 64-bit words:

    word 0                 address of the sizes (int64), see `Sizes`
    words 1 ...            addresses of the buffers, by kind and number
    then                   the control block of an epoch, see `epoch`

Steps that differ only in the buffers they touch share one function.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from llvmlite import ir

from graphkeras.compiler.emit_loop import emit_loop, epilogue_of
from graphkeras.compiler.loops import Loop
from graphkeras.compiler.lower import Buffer, Call, Step, reads_of, writes_of
from graphkeras.compiler.memory import Memory
from graphkeras.errors import KernelError, message
from graphkeras.ir.dims import Dim, SymbolicDim
from graphkeras.ir.op import describe
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Origin, Value, attribute_key
from graphkeras.kernels.cpu.array import Array, contiguous
from graphkeras.kernels.cpu.emit import Emit, Index
from graphkeras.kernels.cpu.target import I64, POINTER, VOID
from graphkeras.runtime import link

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
                self._loaded[dim] = self.e.builder.load(place, typ=I64)
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

    def run_function(self, module: ir.Module) -> ir.Function:
        """Add `run(table)`: every step once."""
        kind = ir.FunctionType(VOID, [POINTER])
        function = ir.Function(module, kind, module.get_unique_name("run"))
        function.linkage = "internal"
        e = Emit(ir.IRBuilder(function.append_basic_block("entry")))
        table = e.arguments[0]
        pointers: dict[int, ir.Value] = {}
        for number, step in enumerate(self.memory.steps):
            places = self._places(step)
            for word in (0, *(self.words.of(b) for b in places.values())):
                if word not in pointers:
                    pointers[word] = load_pointer(e, table, word)
            used = dict.fromkeys(self.words.of(b) for b in places.values())
            callee = self._function(e, step, places)
            arguments = [pointers[0], *(pointers[w] for w in used)]
            began = self.watch.before(e) if self.watch else None
            e.call(callee, arguments)
            if self.watch:
                self.watch.after(e, number, began)
        if self.watch:
            self.watch.ran(e)
        return e.finish()

    def _places(self, step: Step) -> dict[Any, Buffer]:
        """Return the buffer of everything a step touches."""
        touched = [*reads_of(step), *writes_of(step)]
        return {place: self.memory.buffer(place) for place in touched}

    def _function(self, e: Emit, step: Step, places: dict[Any, Buffer]) -> ir.Function:
        """Return the function of a step, one for all steps that are alike."""
        slots = {b: i for i, b in enumerate(dict.fromkeys(places.values()))}
        slot_of = {place: slots[buffer] for place, buffer in places.items()}
        key = _key(step, slot_of)
        if key not in self._functions:
            inner = e.function(step_name(step), [POINTER] * (1 + len(slots)))
            sizes = Sizes(inner, self.words, inner.arguments[0])
            pointers = {p: inner.arguments[1 + slot] for p, slot in slot_of.items()}
            try:
                _write(inner, step, pointers, sizes)
            except Exception as error:
                raise KernelError(_unwritable(step, error)) from error
            self._functions[key] = inner.finish()
        return self._functions[key]


def load_pointer(e: Emit, table: ir.Value, word: int) -> ir.Value:
    """Return the address that stands in a word of the table."""
    return e.builder.load(e.address(table, "int64", word), typ=POINTER)


def _unwritable(step: Step, error: Exception) -> str:
    """Return the message about a step no machine code can be written for."""
    targets = [t for t in writes_of(step) if isinstance(t, Value)]
    value = step.value if isinstance(step, Call) else targets[0]
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
    if isinstance(step, Call):
        return step.value.op.name
    return "fold" if step.folds else "loop"


def _key(step: Step, slots: dict[Any, int]) -> Any:
    """Return what tells the function of a step from others, buffers being numbered."""
    if isinstance(step, Call):
        views = tuple(
            (slots[v.source], v.source.dtype, v.offset, v.strides, i.type)
            for v, i in zip(step.operands, step.value.inputs)
        )
        results = tuple(slots[r] for r in step.results), step.value.type
        attrs = tuple((k, attribute_key(v)) for k, v in step.value.attrs)
        finish = step.finish
        after = finish and (_loop_key(finish.nest, slots), finish.arg)
        return step.kernel, views, results, attrs, after
    return _loop_key(step, slots)


def _loop_key(loop: Loop, slots: dict[Any, int]) -> Any:
    parts: list[Any] = [loop.outer, loop.inner, loop.columns, loop.folds]
    for section in loop.sections:
        for i in section.code:
            detail = i.detail
            if i.kind == "read":
                detail = (slots[detail[0]], *detail[1:])
            parts.append((i.kind, i.dtype, i.args, detail))
        parts += [(slots[s.target], s.place, s.arg) for s in section.stores]
    return tuple(parts)


def _write(e: Emit, step: Step, pointers: dict[Any, ir.Value], sizes: Sizes) -> None:
    if isinstance(step, Loop):
        emit_loop(e, step, _elements(step, pointers), sizes)
    else:
        _write_call(e, step, pointers, sizes)


def _elements(step: Loop, pointers: dict[Any, ir.Value]) -> dict[Any, Array]:
    """Return the memory of a loop's sources and targets, addressed by element."""
    arrays = {}
    for section in step.sections:
        for i in section.code:
            if i.kind == "read":
                arrays[i.detail[0]] = (i.detail[0], i.dtype)
        for store in section.stores:
            arrays[store.target] = (store.target, section.code[store.arg].dtype)
    return {
        place: Array(pointers[place], dtype, (), ())
        for place, (_, dtype) in arrays.items()
    }


def _write_call(
    e: Emit, step: Call, pointers: dict[Any, ir.Value], sizes: Sizes
) -> None:
    """Call the kernel with its operands, results and scratch arrays."""
    arrays = []
    for view, operand in zip(step.operands, step.value.inputs, strict=True):
        dtype = operand.dtype
        pointer = e.address(pointers[view.source], dtype, sizes(view.offset))
        shape = tuple(sizes(n) for n in operand.shape)
        strides = tuple(sizes(n) for n in view.strides)
        arrays.append(Array(pointer, dtype, shape, strides))
    # A finished result may be a reshape of the kernel's own: it goes by the latter.
    for result, type_ in zip(step.results, types_of(step.value), strict=True):
        arrays.append(_array(e, pointers[result], type_, sizes))
    kernel = link.kernel(step.kernel)
    # Attributes that only say how large a result is are seen in the arrays.
    attrs = {
        k: _attribute(v, sizes)
        for k, v in step.value.attrs
        if link.takes(step.kernel, k)
    }
    if step.finish is not None:
        elements = _elements(step.finish.nest, pointers)
        nest, arg = step.finish.nest, step.finish.arg
        attrs["epilogue"] = epilogue_of(e, nest, arg, elements, sizes)
    kernel(e, *arrays, **attrs)


def types_of(value: Value) -> tuple[TensorType, ...]:
    """Return the types of all results of an op."""
    return value.type if isinstance(value.type, tuple) else (value.type,)


def _array(e: Emit, pointer: ir.Value, type_: TensorType, sizes: Sizes) -> Array:
    return contiguous(pointer, type_.dtype, tuple(sizes(n) for n in type_.shape), e)


def _attribute(value: Any, sizes: Sizes) -> Any:
    """Return an attribute with its sizes as indices."""
    if isinstance(value, SymbolicDim):
        return sizes(value)
    if isinstance(value, tuple):
        return tuple(_attribute(v, sizes) for v in value)
    return value
