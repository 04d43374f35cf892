"""Variables: named arrays that a trace reads and assigns."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphkeras import dtypes, ops
from graphkeras.errors import ArgumentError, SavingError, ShapeError, message
from graphkeras.ir.op import Op, call
from graphkeras.ir.operators import Operators
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import current_trace

_ALIGNMENT = 64  # bytes: one cache line, one AVX-512 vector
_SMALL = 1024  # bytes: in so few it does not matter where they start
_counter = itertools.count()


def aligned(shape: Sequence[int], dtype: str) -> np.ndarray:
    """Return a zeroed C-order array that starts on a cache line, unless it is small."""
    kind = dtypes.to_numpy(dtype)
    size = math.prod(shape) * kind.itemsize
    if kind.hasobject or size <= _SMALL:
        return np.zeros(tuple(shape), kind)
    raw = np.zeros(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(kind).reshape(tuple(shape))


class Arrival:
    """Variables made while a file is loaded: they wait for its numbers.

    Their initializers do not run, and together they may take only so many bytes.

    Args:
        room: how many.
    """

    def __init__(self, room: int) -> None:
        self._room = self._left = room
        self._waiting: list[tuple[Variable, Callable[[], np.ndarray]]] = []

    def take(self, size: int) -> None:
        """Count the bytes of one more variable.

        Raises:
            SavingError: if there is no room for it.
        """
        self._left -= size
        if self._left < 0:
            raise SavingError(
                message(
                    "load", f"expected variables of at most {self._room:,} bytes, by "
                    "the weights in the file.",
                    f"a config that needs {-self._left:,} more",
                )
            )  # fmt: skip

    def wait(self, variable: Variable, initial: Callable[[], np.ndarray]) -> None:
        """Note a variable that has no numbers yet."""
        self._waiting.append((variable, initial))

    def initialize(self) -> None:
        """Run the initializers of the variables the file had no numbers for."""
        for variable, initial in self._waiting:
            if variable.version == 0:
                variable.array[...] = initial()


class _Arriving(threading.local):
    now: Arrival | None = None


_arriving = _Arriving()


@contextmanager
def arriving(room: int) -> Iterator[Arrival]:
    """A scope for loading a file; see `Arrival`."""
    before, _arriving.now = _arriving.now, Arrival(room)
    try:
        yield _arriving.now
    finally:
        _arriving.now = before


class _Casting(threading.local):
    to: str | None = None


_casting = _Casting()


@contextmanager
def casting(dtype: str | None) -> Iterator[None]:
    """A scope in which float variables read as another dtype; None ends an outer one.

    A layer of mixed precision computes in it: gradients pass through the cast.
    """
    before, _casting.to = _casting.to, dtype
    try:
        yield
    finally:
        _casting.to = before


def cast_to() -> str | None:
    """Return the dtype in which float variables read now, None for their own."""
    return _casting.to


class Replaced:
    """Counts the arrays of variables that others took the place of."""

    def __init__(self) -> None:
        self.count = 0


replaced = Replaced()


class _Lending(threading.local):
    scope: StatelessScope | None = None


_lending = _Lending()


class Variable(Operators):
    """An array with a name that layers, metrics and optimizers read and assign.

    Args:
        initializer: an array, a number, or a callable ``(shape, dtype) -> array``.
        shape: needed with a callable.
        dtype: dtype name; by default that of the array, float64 and Python floats
            becoming the default float.
        trainable: whether optimizers may change it.
        autocast: whether a layer of mixed precision reads it in its own dtype.
        name: name, unique within its layer.

    Example:
        >>> v = Variable(np.zeros(2), name="v")
        >>> v.assign_add([1.0, 2.0])
        <Variable v: f32[2]>
        >>> v.numpy()
        array([1., 2.], dtype=float32)
    """

    __op_priority__ = 20

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = None,
        synchronization: str | None = None,
        name: str | None = None,
        **unused: Any,
    ) -> None:
        self.name = name or f"variable_{next(_counter)}"
        self._autocast = autocast
        self.path = self.name
        self.trainable = trainable
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization or "auto"
        self.version = 0
        self.regularizer: Any = None
        self.constraint: Any = None
        self.array = _initial(self, initializer, shape, dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes, all known."""
        return self.array.shape

    @property
    def dtype(self) -> str:
        """Name of the dtype in which it reads."""
        return self._cast_target or self.stored_dtype

    @property
    def stored_dtype(self) -> str:
        """Name of the dtype in which it is held."""
        return dtypes.of_array(self.array)

    @property
    def _cast_target(self) -> str | None:
        """The dtype to cast to when read now, None for no cast."""
        to = _casting.to
        if to is None or not self._autocast or not dtypes.is_float(self.stored_dtype):
            return None
        return to

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.array.ndim

    @property
    def value(self) -> Any:
        """The tensor now: traced inside a trace, else one that holds the array."""
        trace = current_trace()
        return self._cast(
            Tensor(None, self.numpy()) if trace is None else trace.read(self)
        )

    def _cast(self, read: Any) -> Any:
        target = self._cast_target
        if target in (None, self.stored_dtype):
            return read
        return ops.cast(read, dtype=target)

    def numpy(self) -> np.ndarray:
        """Return a copy of the array."""
        return self.array.copy()

    def set_array(self, data: Any) -> None:
        """Replace the array; earlier readings keep what they saw."""
        fresh = aligned(self.shape, self.stored_dtype)
        fresh[...] = data
        self._take(fresh)

    def fill(self, write: Callable[[np.ndarray], Any]) -> None:
        """Let `write` put numbers into a new array that takes the array's place."""
        fresh = aligned(self.shape, self.stored_dtype)
        write(fresh)
        self._take(fresh)

    def _take(self, array: np.ndarray) -> None:
        self.array = array
        self.version += 1
        replaced.count += 1

    def assign(self, value: Any) -> Variable:
        """Give the variable a new value of its shape.

        Raises:
            ShapeError: if the shape differs.
        """
        shape = _shape_of(value)
        if shape != self.shape:
            raise ShapeError(
                message(
                    self.path, f"assign expected shape {list(self.shape)}.",
                    f"shape {list(shape)}", "A variable never changes its shape.",
                )
            )  # fmt: skip
        if _lending.scope is not None:
            _lending.scope.note(self)
        trace = current_trace()
        if trace is None:
            self.set_array(np.asarray(value))
        else:
            trace.assign(self, _as_tensor_of(value, self.stored_dtype, trace))
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the variable."""
        return self.assign(self.value + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the variable."""
        return self.assign(self.value - value)

    def __as_tensor__(self, trace: Any) -> Any:
        return self._cast(self.array if trace is None else trace.read(self))

    @staticmethod
    def __apply_op__(op: Op, operands: list[Any], given: dict[str, Any]) -> Any:
        trace = current_trace()
        read = [
            o.__as_tensor__(trace) if isinstance(o, Variable) else o for o in operands
        ]
        if op.variadic:
            return call(op, (read,), given)
        return call(op, (), {**dict(zip(op.operands, read)), **given})

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        trace = current_trace()
        if trace is not None:
            return np.asarray(self._cast(trace.read(self)), dtype)
        return np.array(self.array, dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kw: Any) -> Any:
        read = [i.value if isinstance(i, Variable) else i for i in inputs]
        return Tensor.__array_ufunc__(read[0], ufunc, method, *read, **kw)

    def __eq__(self, other: object) -> Any:
        return self is other if isinstance(other, Variable) else ops.equal(self, other)

    __hash__ = object.__hash__

    def __len__(self) -> int:
        return len(self.array)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        kind = dtypes.SHORT[self.dtype]
        return f"<Variable {self.path}: {kind}[{', '.join(map(str, self.shape))}]>"


def _initial(
    variable: Variable, initializer: Any, shape: Any, dtype: Any
) -> np.ndarray:
    if isinstance(initializer, Callable):  # type: ignore[arg-type]
        return _drawn(variable, initializer, shape, dtypes.standardize(dtype))
    source = np.asarray(initializer)
    kind = dtypes.standardize(dtype) if dtype else _dtype_of(initializer, source)
    source = np.broadcast_to(source, source.shape if shape is None else tuple(shape))
    array = _room_for(source.shape, kind)
    array[...] = source
    return array


def _drawn(variable: Variable, initializer: Any, shape: Any, kind: str) -> np.ndarray:
    """What an initializer gives, or room for it while a file is loaded."""
    if shape is None:
        name = variable.name
        raise ShapeError(message(name, "expected a shape beside the initializer."))
    array = _room_for(tuple(shape), kind)
    arrival = _arriving.now
    if arrival is None:
        array[...] = np.asarray(initializer(tuple(shape), dtype=kind))
    else:
        arrival.wait(variable, lambda: initializer(tuple(shape), dtype=kind))
    return array


def _room_for(shape: tuple[int, ...], kind: str) -> np.ndarray:
    if _arriving.now is not None:
        _arriving.now.take(math.prod(shape) * dtypes.to_numpy(kind).itemsize)
    return aligned(shape, kind)


def _dtype_of(given: Any, source: np.ndarray) -> str:
    """Return the dtype a variable takes from its first value.

    Floats become the default float, Python's ints int32; an array of integers keeps
    its dtype.
    """
    if source.dtype == np.float64:
        return dtypes.standardize(None)
    python = not hasattr(given, "dtype")
    return "int32" if python and source.dtype == np.int64 else dtypes.of_array(source)


def _shape_of(value: Any) -> tuple:
    shape = getattr(value, "shape", None)
    return tuple(np.shape(value) if shape is None else shape)


def _as_tensor_of(value: Any, dtype: str, trace: Any) -> Any:
    tensor = ops.cast(value, dtype=dtype)
    if isinstance(tensor, Tensor):
        return tensor
    from graphkeras.ir.op import constant

    array = np.asarray(tensor)
    return trace.tensor(constant(array, dtype), array)


class StatelessScope:
    """A scope after which all variables are as they were before.

    Inside, variables may be given other values, and be assigned; what they came to is
    asked for afterwards.

    Args:
        state_mapping: pairs of a variable and its value inside.
        collect_losses: kept for Keras's sake; `add_loss` always collects.
        initialize_variables: kept for Keras's sake; variables begin with their values.

    Raises:
        ArgumentError: for a key that is no variable.
        ShapeError: for a value of another shape, when the scope is entered.

    Example:
        >>> v = Variable(1.0)
        >>> with StatelessScope([(v, 5.0)]) as scope:
        ...     _ = v.assign_add(2.0)
        >>> float(scope.get_current_value(v)), float(v)
        (7.0, 1.0)
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self._given = list(state_mapping or ())
        for variable, _ in self._given:
            if not isinstance(variable, Variable):
                raise ArgumentError(
                    message("StatelessScope", "expected pairs of a variable and value.",
                            f"{variable!r} for a variable")
                )  # fmt: skip
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Any] = []
        self._before: dict[int, tuple[Variable, Any]] = {}
        self._after: dict[int, Any] = {}

    def __enter__(self) -> StatelessScope:
        self._outer, _lending.scope = _lending.scope, self
        try:
            for variable, value in self._given:
                variable.assign(value.value if isinstance(value, Variable) else value)
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *args: Any) -> None:
        _lending.scope = self._outer
        for key, (variable, value) in self._before.items():
            self._after[key] = variable.value
            variable.assign(value)
        self._before = {}

    def note(self, variable: Variable) -> None:
        """Remember what a variable holds before its first assignment."""
        if id(variable) not in self._before:
            self._before[id(variable)] = (variable, variable.value)

    def add_loss(self, loss: Any) -> None:
        """Collect a loss."""
        self.losses.append(loss)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Assign, for as long as the scope lasts: a pair of a variable and a value."""
        update[0].assign(update[1])

    def get_current_value(self, variable: Variable) -> Any:
        """Return what a variable came to in the scope, None if it got no value."""
        if id(variable) in self._before:
            return variable.value
        return self._after.get(id(variable))


def stateless(
    who: str, *given: tuple[str, Sequence[Variable], Sequence[Any]]
) -> StatelessScope:
    """Return a scope in which variables have given values.

    Args:
        who: whose they are.
        given: names of arguments, the variables, and a value for each.

    Raises:
        ArgumentError: for another number of values.
    """
    pairs: list[tuple[Variable, Any]] = []
    for name, variables, values in given:
        if len(variables) != len(values):
            raise ArgumentError(
                message(who, f"expected {len(variables)} {name}.", str(len(values)),
                        "Give a value for each, in their order.")
            )  # fmt: skip
        pairs += zip(variables, values)
    return StatelessScope(pairs)
