"""A small language over llvmlite's IRBuilder: folded indices, loops, typed vectors.

Everything is emitted in its final form (explicit vectors, no aliasing puzzles), so
LLVM has only registers to allocate. Index arithmetic folds Python ints: a size known
at compile time costs nothing at run time.
"""

import functools
import itertools
import operator
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, ParamSpec, cast
from weakref import WeakKeyDictionary

from llvmlite import ir

from graphkeras.kernels.cpu.capture import capture
from graphkeras.kernels.cpu.convert import convert, from_memory, round_to, to_memory
from graphkeras.kernels.cpu.target import (
    I1,
    I32,
    I64,
    POINTER,
    VOID,
    itemsize,
    memory_type,
    native_lanes,
    register_type,
    suffix,
    undefined,
    whole,
    wholes,
)
from graphkeras.kernels.cpu.value import Index, Scalar, known
from graphkeras.kernels.stream import Stream

if TYPE_CHECKING:
    from graphkeras.kernels.cpu.array import Array

__all__ = [
    "Counter",
    "Emit",
    "Index",
    "Local",
    "Scalar",
    "kernel",
    "known",
    "native_lanes",
]

Branches = tuple[AbstractContextManager[None], AbstractContextManager[None]]
P = ParamSpec("P")
_numbers = itertools.count()
_shared: WeakKeyDictionary[ir.Module, dict[Hashable, ir.Function]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Local:
    """A mutable variable; LLVM turns it into registers."""

    emit: "Emit"
    slot: ir.Value
    dtype: str
    lanes: int

    def get(self) -> Scalar:
        """The present value."""
        kind = register_type(self.dtype, self.lanes)
        loaded = self.emit.builder.load(self.slot, typ=kind)
        return Scalar(loaded, self.dtype, self.lanes)

    def set(self, value: Scalar) -> None:
        """Put another value in."""
        if (value.dtype, value.lanes) != (self.dtype, self.lanes):
            raise TypeError(f"local holds {self.dtype} x {self.lanes}, not {value}")
        self.emit.builder.store(value.value, self.slot)


@dataclass(frozen=True, slots=True)
class Counter:
    """A mutable index."""

    local: Local

    def get(self) -> ir.Value:
        """The present index."""
        return self.local.get().value

    def set(self, index: Index) -> None:
        """Move to another index."""
        self.local.set(Scalar(self.local.emit.index(index), "int64"))

    def step(self, by: Index = 1) -> None:
        """Move on."""
        self.set(self.local.emit.add(self.get(), by))


class Emit:
    """Writes one LLVM function, through `builder`."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    @property
    def module(self) -> ir.Module:
        """The module being filled."""
        return self.builder.module

    @property
    def arguments(self) -> tuple[ir.Value, ...]:
        """Arguments of the function being written."""
        return tuple(self.builder.function.args)

    # ---- functions

    def function(self, name: str, argument_types: Sequence[ir.Type]) -> "Emit":
        """Begin an internal function that is never inlined; end it by `finish`."""
        kind = ir.FunctionType(VOID, argument_types)
        function = ir.Function(self.module, kind, f"{name}.{next(_numbers)}")
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        return Emit(ir.IRBuilder(function.append_basic_block("entry")))

    def finish(self) -> ir.Function:
        """Return from the function being written."""
        self.builder.ret_void()
        return self.builder.function

    def pass_on(self) -> None:
        """Say that all other functions are finished: they may be compiled now."""
        if isinstance(self.module, Stream):
            self.module.pass_on(self.builder.function)

    def call(self, function: ir.Function, arguments: Sequence[ir.Value]) -> None:
        """Call a function that returns nothing."""
        self.builder.call(function, arguments)

    def outline(self, name: str, body: Callable[["Emit"], None]) -> None:
        """Write `body` as an internal function of its own and call it here.

        Values of this function that the body uses (pointers, sizes, whatever its
        closures hold) become arguments by themselves.
        """
        inner = self.function(name, ())
        body(inner)
        function = inner.finish()
        self.call(function, capture(function))

    def shared(
        self,
        key: Hashable,
        name: str,
        arguments: Sequence[ir.Value],
        body: Callable[..., None],
    ) -> None:
        """Call the function `body(inner, *arguments)` writes: once for equal keys.

        Whatever the body uses beside its arguments must follow from the key.
        """
        functions = _shared.setdefault(self.module, {})
        if key not in functions:
            inner = self.function(name, [a.type for a in arguments])
            body(inner, *inner.arguments)
            functions[key] = inner.finish()
        self.call(functions[key], arguments)

    def external(
        self, name: str, result: ir.Type, kinds: Sequence[ir.Type]
    ) -> ir.Value:
        """A function of that name declared in this module."""
        found = self.module.globals.get(name)
        if found is None:
            found = ir.Function(self.module, ir.FunctionType(result, kinds), name)
        return found

    def intrinsic(self, name: str, *operands: Scalar) -> Scalar:
        """llvm.NAME on operands of one type, giving that type."""
        first = operands[0]
        kind = register_type(first.dtype, first.lanes)
        full = f"llvm.{name}.{suffix(kind)}"
        function = self.external(full, kind, [kind] * len(operands))
        result = self.builder.call(function, [o.value for o in operands])
        return Scalar(result, first.dtype, first.lanes)

    # ---- indices

    def index(self, index: Index) -> ir.Value:
        """An index as an i64 value."""
        return whole(64, index) if isinstance(index, int) else index

    def add(self, a: Index, b: Index) -> Index:
        """a + b"""
        x, y = known(a), known(b)
        if x is not None and y is not None:
            return x + y
        if x == 0:
            return b
        if y == 0:
            return a
        return self.builder.add(self.index(a), self.index(b), flags=("nsw",))

    def sub(self, a: Index, b: Index) -> Index:
        """a - b"""
        x, y = known(a), known(b)
        if x is not None and y is not None:
            return x - y
        if y == 0:
            return a
        return self.builder.sub(self.index(a), self.index(b), flags=("nsw",))

    def mul(self, a: Index, b: Index) -> Index:
        """a * b"""
        x, y = known(a), known(b)
        if x is not None and y is not None:
            return x * y
        if x == 0 or y == 0:
            return 0
        if x == 1:
            return b
        if y == 1:
            return a
        return self.builder.mul(self.index(a), self.index(b), flags=("nsw",))

    def floordiv(self, a: Index, b: Index) -> Index:
        """a // b, rounded down, for b > 0"""
        x, y = known(a), known(b)
        if x is not None and y is not None:
            return x // y
        if y == 1:
            return a
        if y is not None and y & (y - 1) == 0:
            return self.builder.ashr(self.index(a), self.index(y.bit_length() - 1))
        quotient = self.builder.sdiv(self.index(a), self.index(b))
        rest = self.builder.srem(self.index(a), self.index(b))
        lower = self.builder.sub(quotient, self.index(1))
        return self.builder.select(self.lt(rest, 0), lower, quotient)

    def mod(self, a: Index, b: Index) -> Index:
        """a - (a // b) * b, thus never negative, for b > 0"""
        x, y = known(a), known(b)
        if x is not None and y is not None:
            return x % y
        if y == 1:
            return 0
        if y is not None and y & (y - 1) == 0:
            return self.builder.and_(self.index(a), self.index(y - 1))
        rest = self.builder.srem(self.index(a), self.index(b))
        raised = self.builder.add(rest, self.index(b))
        return self.builder.select(self.lt(rest, 0), raised, rest)

    def ceildiv(self, a: Index, b: Index) -> Index:
        """a / b rounded up, for b > 0"""
        return self.floordiv(self.add(a, self.sub(b, 1)), b)

    def minimum(self, a: Index, b: Index) -> Index:
        """The smaller of two indices."""
        return self.choose(self.lt(a, b), a, b)

    def maximum(self, a: Index, b: Index) -> Index:
        """The larger of two indices."""
        return self.choose(self.lt(a, b), b, a)

    def clamp(self, index: Index, low: Index, high: Index) -> Index:
        """The index of [low, high] nearest to `index`."""
        return self.maximum(low, self.minimum(index, high))

    def product(self, factors: Sequence[Index]) -> Index:
        """Product of indices."""
        total: Index = 1
        for factor in factors:
            total = self.mul(total, factor)
        return total

    def compare(self, relation: str, a: Index, b: Index) -> ir.Value:
        """a RELATION b as an i1"""
        x, y = known(a), known(b)
        if x is not None and y is not None:
            return ir.Constant(I1, int(_COMPARISONS[relation](x, y)))
        return self.builder.icmp_signed(relation, self.index(a), self.index(b))

    def lt(self, a: Index, b: Index) -> ir.Value:
        """a < b"""
        return self.compare("<", a, b)

    def le(self, a: Index, b: Index) -> ir.Value:
        """a <= b"""
        return self.compare("<=", a, b)

    def gt(self, a: Index, b: Index) -> ir.Value:
        """a > b"""
        return self.compare(">", a, b)

    def ge(self, a: Index, b: Index) -> ir.Value:
        """a >= b"""
        return self.compare(">=", a, b)

    def eq(self, a: Index, b: Index) -> ir.Value:
        """a == b"""
        return self.compare("==", a, b)

    def ne(self, a: Index, b: Index) -> ir.Value:
        """a != b"""
        return self.compare("!=", a, b)

    def both(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a and b, of conditions"""
        for one, other in ((a, b), (b, a)):
            decided = known(one)
            if decided is not None:
                return other if decided else one
        return self.builder.and_(a, b)

    def either(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a or b, of conditions"""
        return self.builder.or_(a, b)

    def invert(self, condition: ir.Value) -> ir.Value:
        """not a condition"""
        decided = known(condition)
        if decided is not None:
            return ir.Constant(I1, int(not decided))
        return self.builder.not_(condition)

    def choose(self, condition: ir.Value, a: Index, b: Index) -> Index:
        """a if condition else b"""
        decided = known(condition)
        if decided is not None:
            return a if decided else b
        return self.builder.select(condition, self.index(a), self.index(b))

    # ---- control flow

    @contextmanager
    def loop(self, start: Index, stop: Index, step: Index = 1) -> Iterator[ir.Value]:
        """for i in range(start, stop, step), with step > 0."""
        x, y, z = known(start), known(stop), known(step)
        if x is not None and y is not None and z is not None:
            trips = len(range(x, y, z))
            if trips <= 1:
                with self.when(ir.Constant(I1, trips)):
                    yield self.index(x)
                return
        first = self.index(start)
        before = self.builder.block
        body = self.builder.append_basic_block("loop")
        done = self.builder.append_basic_block("done")
        self.builder.cbranch(self.lt(start, stop), body, done)
        self.builder.position_at_end(body)
        position = self.builder.phi(I64)
        position.add_incoming(first, before)
        yield position
        following = self.builder.add(position, self.index(step), flags=("nsw",))
        position.add_incoming(following, self.builder.block)
        self.builder.cbranch(self.lt(following, stop), body, done)
        self.builder.position_at_end(done)

    @contextmanager
    def loop_while(self, condition: Callable[[], ir.Value]) -> Iterator[None]:
        """Repeat the block while what `condition` emits, each time anew, is true."""
        test = self.builder.append_basic_block("test")
        body = self.builder.append_basic_block("while")
        done = self.builder.append_basic_block("done")
        self.builder.branch(test)
        self.builder.position_at_end(test)
        self.builder.cbranch(condition(), body, done)
        self.builder.position_at_end(body)
        yield
        self.builder.branch(test)
        self.builder.position_at_end(done)

    @contextmanager
    def when(self, condition: ir.Value) -> Iterator[None]:
        """Do the block if an i1 is true."""
        decided = known(condition)
        if decided:
            yield
            return
        body = self.builder.append_basic_block("when")
        done = self.builder.append_basic_block("done")
        if decided is None:
            self.builder.cbranch(condition, body, done)
        else:  # the block is still written, but nothing leads to it
            self.builder.branch(done)
        self.builder.position_at_end(body)
        yield
        self.builder.branch(done)
        self.builder.position_at_end(done)

    @contextmanager
    def when_else(self, condition: ir.Value) -> Iterator[Branches]:
        """`as (then, otherwise)`: do the one block or the other."""
        decided = known(condition)
        if decided is not None:
            opposite = ir.Constant(I1, int(not decided))
            yield self.when(condition), self.when(opposite)
            return
        first = self.builder.append_basic_block("then")
        second = self.builder.append_basic_block("otherwise")
        done = self.builder.append_basic_block("done")
        self.builder.cbranch(condition, first, second)
        yield self._branch(first, done), self._branch(second, done)
        self.builder.position_at_end(done)

    @contextmanager
    def _branch(self, block: ir.Block, done: ir.Block) -> Iterator[None]:
        self.builder.position_at_end(block)
        yield
        self.builder.branch(done)

    # ---- values

    def constant(self, dtype: str, number: float, lanes: int = 1) -> Scalar:
        """A Python number as a constant of that dtype."""
        kind = register_type(dtype)
        whole = isinstance(kind, ir.IntType)
        constant = ir.Constant(kind, int(number) if whole else float(number))
        if lanes > 1:
            constant = ir.Constant(register_type(dtype, lanes), [constant] * lanes)
        value = Scalar(constant, dtype, lanes)
        return self.round(value)

    def local(self, dtype: str, init: Scalar, lanes: int = 1) -> Local:
        """A mutable variable that begins as `init` (spread over the lanes)."""
        with self.builder.goto_entry_block():
            slot = self.builder.alloca(register_type(dtype, lanes))
        variable = Local(self, slot, dtype, lanes)
        variable.set(self.splat(init, lanes))
        return variable

    def counter(self, start: Index) -> "Counter":
        """A mutable index."""
        first = Scalar(self.index(start), "int64")
        return Counter(self.local("int64", first))

    def scratch(self, dtype: str, count: int) -> ir.Value:
        """Pointer to stack memory for `count` elements, aligned to a cache line."""
        with self.builder.goto_entry_block():
            slot = self.builder.alloca(memory_type(dtype), count)
        slot.align = 64
        slot.type = POINTER  # llvmlite still types what alloca gives; LLVM does not
        return slot

    def splat(self, scalar: Scalar, lanes: int) -> Scalar:
        """One value in every lane."""
        if scalar.lanes == lanes:
            return scalar
        empty = undefined(scalar.dtype, lanes)
        single = self.builder.insert_element(empty, scalar.value, whole(32, 0))
        mask = wholes(32, (0,) * lanes)
        spread = self.builder.shuffle_vector(single, empty, mask)
        return Scalar(spread, scalar.dtype, lanes)

    def lane(self, scalar: Scalar, position: int) -> Scalar:
        """One lane of a vector."""
        if scalar.lanes == 1:
            return scalar
        at = whole(32, position)
        return Scalar(self.builder.extract_element(scalar.value, at), scalar.dtype)

    def gather(self, parts: Sequence[Scalar]) -> Scalar:
        """Single values side by side."""
        if len(parts) == 1:
            return parts[0]
        dtype = parts[0].dtype
        value = undefined(dtype, len(parts))
        for position, part in enumerate(parts):
            at = whole(32, position)
            value = self.builder.insert_element(value, part.value, at)
        return Scalar(value, dtype, len(parts))

    def shuffle(self, a: Scalar, b: Scalar, lanes: Sequence[int]) -> Scalar:
        """The named lanes of a and b laid end to end."""
        mask = wholes(32, tuple(lanes))
        mixed = self.builder.shuffle_vector(a.value, b.value, mask)
        if len(lanes) == 1:
            mixed = self.builder.extract_element(mixed, whole(32, 0))
        return Scalar(mixed, a.dtype, len(lanes))

    def cast(self, scalar: Scalar, dtype: str) -> Scalar:
        """The value as another dtype, as NumPy's astype (floats saturate to ints)."""
        value = convert(self.builder, self.external, scalar, dtype)
        return Scalar(value, dtype, scalar.lanes)

    def round(self, scalar: Scalar) -> Scalar:
        """Round what is held in float32 to the half float it stands for."""
        value = round_to(self.builder, scalar.value, scalar.dtype, scalar.lanes)
        return Scalar(value, scalar.dtype, scalar.lanes)

    def from_index(self, index: Index, dtype: str, lanes: int = 1) -> Scalar:
        """index, index + 1, ... as values."""
        value = self.splat(Scalar(self.index(index), "int64"), lanes)
        if lanes > 1:
            ramp = wholes(64, tuple(range(lanes)))
            value = Scalar(self.builder.add(value.value, ramp), "int64", lanes)
        return self.cast(value, dtype)

    def to_index(self, scalar: Scalar) -> ir.Value:
        """A single value as an i64."""
        return self.cast(scalar, "int64").value

    # ---- memory

    def address(self, pointer: ir.Value, dtype: str, offset: Index) -> ir.Value:
        """Pointer to the element `offset` elements further."""
        if known(offset) == 0:
            return pointer
        element = memory_type(dtype)
        return self.builder.gep(pointer, [self.index(offset)], source_etype=element)

    def load(self, array: "Array", offset: Index, lanes: int = 1) -> Scalar:
        """`lanes` consecutive elements, `offset` elements into the array."""
        dtype = array.dtype
        place = self.address(array.pointer, dtype, offset)
        kind = memory_type(dtype, lanes)
        raw = self.builder.load(place, typ=kind, align=itemsize(dtype))
        return Scalar(from_memory(self.builder, raw, dtype, lanes), dtype, lanes)

    def store(self, array: "Array", offset: Index, scalar: Scalar) -> None:
        """Put the lanes of a value in consecutive elements, from `offset` on."""
        if scalar.dtype != array.dtype:
            raise TypeError(f"array holds {array.dtype}, not {scalar.dtype}")
        raw = to_memory(self.builder, scalar)
        place = self.address(array.pointer, array.dtype, offset)
        self.builder.store(raw, place, align=itemsize(array.dtype))

    def prefetch(self, array: "Array", offset: Index, *, write: bool = False) -> None:
        """Ask for the cache line of an element that will be used soon.

        To be read, it goes to the second-level cache, since it may be long before it
        is; to be written, to the first. The address need not be one of the array's.
        """
        kinds = [POINTER, I32, I32, I32]
        function = self.external("llvm.prefetch.p0", VOID, kinds)
        place = self.address(array.pointer, array.dtype, offset)
        kind = (1, 3, 1) if write else (0, 2, 1)  # write?, how near, data
        self.builder.call(function, [place, *(whole(32, n) for n in kind)])

    def load_some(
        self, array: "Array", offset: Index, lanes: int, live: Index
    ) -> Scalar:
        """The first `live` of `lanes` consecutive elements; 0 in the other lanes."""
        count = known(live)
        if count is not None and count >= lanes:
            return self.load(array, offset, lanes)
        kind = memory_type(array.dtype, lanes)
        mask = self._mask(lanes, live)
        place = self.address(array.pointer, array.dtype, offset)
        align = whole(32, itemsize(array.dtype))
        name = f"llvm.masked.load.{suffix(kind)}.p0"
        load = self.external(name, kind, [POINTER, I32, mask.type, kind])
        zero = ir.Constant(kind, None)
        raw = self.builder.call(load, [place, align, mask, zero])
        value = from_memory(self.builder, raw, array.dtype, lanes)
        return Scalar(value, array.dtype, lanes)

    def store_some(
        self, array: "Array", offset: Index, scalar: Scalar, live: Index
    ) -> None:
        """Store the first `live` lanes."""
        count = known(live)
        if count is not None and count >= scalar.lanes:
            self.store(array, offset, scalar)
            return
        raw = to_memory(self.builder, scalar)
        mask = self._mask(scalar.lanes, live)
        place = self.address(array.pointer, array.dtype, offset)
        align = whole(32, itemsize(array.dtype))
        name = f"llvm.masked.store.{suffix(raw.type)}.p0"
        store = self.external(name, VOID, [raw.type, POINTER, I32, mask.type])
        self.builder.call(store, [raw, place, align, mask])

    def _mask(self, lanes: int, live: Index) -> ir.Value:
        """<lanes x i1>, true in the first `live`."""
        count = known(live)
        if count is not None:
            return wholes(1, tuple(int(lane < count) for lane in range(lanes)))
        ramp = self.from_index(0, "int64", lanes).value
        limit = self.splat(Scalar(self.index(live), "int64"), lanes).value
        return self.builder.icmp_signed("<", ramp, limit)

    @staticmethod
    def native_lanes(dtype: str) -> int:
        """Elements that fill one vector register."""
        return native_lanes(dtype)


def kernel(
    function: Callable[Concatenate[Emit, P], None],
) -> Callable[Concatenate[Emit, P], None]:
    """Make an emitter write into a function of its own and call it where it is used."""

    @functools.wraps(function)
    def outlined(e: Emit, /, *args: P.args, **kwargs: P.kwargs) -> None:
        e.outline(function.__name__, lambda inner: function(inner, *args, **kwargs))

    return cast(Callable[Concatenate[Emit, P], None], outlined)


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
