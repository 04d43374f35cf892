"""The tensor graph: immutable, interned values and closed graphs of them.

Equal expressions are one object, so common subexpressions, memo tables and cache keys
come free, and a rewrite is "build the new one". Keys carry types and bits: without
that ``0.0`` would merge with ``-0.0`` and ``axis=1`` with ``axis=True``.
"""

from __future__ import annotations

import itertools
import struct
import weakref
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir.dims import Dim
from graphkeras.ir.operators import Operators
from graphkeras.ir.types import Shape, TensorType, type_of

if TYPE_CHECKING:
    from graphkeras.ir.op import Op

Attrs = tuple[tuple[str, Any], ...]
ValueType = TensorType | tuple[TensorType, ...]

_interned: weakref.WeakValueDictionary[tuple[Any, ...], Value] = (
    weakref.WeakValueDictionary()
)
_origins: weakref.WeakKeyDictionary[Value, Origin] = weakref.WeakKeyDictionary()
_serials = itertools.count()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: the layer's path and the user's source line."""

    path: str
    location: str

    def __str__(self) -> str:
        return " at ".join(part for part in (self.path, self.location) if part)


class Value(Operators):
    """One node: `op` applied to `inputs` with static `attrs`, of known `type`.

    ``value.axis`` reads the attribute called ``axis``. Two values are equal only if
    they are the same object; `serial` counts them in the order in which they came.
    """

    __slots__ = ("__weakref__", "attrs", "inputs", "op", "serial", "type")

    op: Op
    inputs: tuple[Value, ...]
    attrs: Attrs
    type: ValueType
    serial: int

    __op_priority__ = 10
    __array_ufunc__ = None  # NumPy leaves `array + value` to the value

    def __new__(
        cls, op: Op, inputs: Iterable[Value], attrs: Attrs, type_: ValueType
    ) -> Value:
        inputs = tuple(inputs)
        key = (op, inputs, tuple((k, attribute_key(v)) for k, v in attrs), type_)
        found = _interned.get(key)
        if found is not None:
            return found
        self = object.__new__(cls)
        self.op, self.inputs, self.attrs, self.type = op, inputs, attrs, type_
        self.serial = next(_serials)
        _interned[key] = self
        return self

    def __getattr__(self, name: str) -> Any:
        for key, value in object.__getattribute__(self, "attrs"):
            if key == name:
                return value
        raise AttributeError(f"{self.op.name} has no attribute {name!r}")

    @property
    def shape(self) -> Shape:
        """Sizes of the axes: ints or symbolic dims."""
        return self._tensor_type.shape

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self._tensor_type.dtype

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def types(self) -> tuple[TensorType, ...]:
        """The type of each result: one, but for an op that gives several."""
        return self.type if isinstance(self.type, tuple) else (self.type,)

    @property
    def _tensor_type(self) -> TensorType:
        if isinstance(self.type, tuple):
            raise AttributeError(f"{self.op.name} gives several values; use item(i)")
        return self.type

    @property
    def attributes(self) -> dict[str, Any]:
        """The static attributes as a dict."""
        return dict(self.attrs)

    @property
    def origin(self) -> Origin | None:
        """Where the value came from, if it was noted."""
        return _origins.get(self)

    @staticmethod
    def __apply_op__(op: Op, operands: list[Any], given: dict[str, Any]) -> Any:
        from graphkeras.ir.op import apply_to_values

        return apply_to_values(op, operands, given)

    def __repr__(self) -> str:
        return f"<{self.op.name}: {type_text(self.type)}>"


def type_text(type_: ValueType) -> str:
    """Return a type as it is printed."""
    if isinstance(type_, tuple):
        return "(" + ", ".join(map(str, type_)) + ")"
    return str(type_)


def next_serial() -> int:
    """Return the serial of a value that might come now."""
    return next(_serials)


def note_origin(value: Value, origin: Origin) -> None:
    """Remember where `value` came from; the first note wins."""
    if value not in _origins:
        _origins[value] = origin


def attribute_key(value: Any) -> Any:
    """Return a hashable key that keeps the type and the bits of an attribute."""
    if isinstance(value, float):
        return ("float", struct.pack("<d", value))
    if isinstance(value, (tuple, list)):
        return ("tuple", *(attribute_key(v) for v in value))
    if isinstance(value, (bool, int)):
        return (type(value).__name__, value)
    if isinstance(value, dict):
        return ("dict", *((k, attribute_key(v)) for k, v in sorted(value.items())))
    return value


@dataclass(frozen=True, slots=True, eq=False)
class ConstantData:
    """The bytes of a constant; equal bits of equal type are equal."""

    array: np.ndarray
    key: tuple[Any, ...] = field(repr=False)

    @classmethod
    def of(cls, array: np.ndarray) -> ConstantData:
        """Copy `array` and freeze it."""
        # Not ascontiguousarray: that would turn a scalar into a vector of one.
        array = np.array(
            array, dtype=dtypes.to_numpy(dtypes.of_array(array)), order="C"
        )
        array.setflags(write=False)
        held = tuple(array.ravel()) if array.dtype == object else array.tobytes()
        return cls(array, (dtypes.of_array(array), array.shape, held))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConstantData) and self.key == other.key

    def __repr__(self) -> str:
        if self.array.size <= 4:
            return str(self.array.tolist())
        return f"<{type_of(self.array)}>"


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A closed program: `outputs` computed from `inputs` and `state`.

    Attributes:
        inputs: leaf values fed at each run.
        outputs: values returned.
        state: leaf values read from variables.
        updates: new value of each state leaf, the leaf itself where it is unchanged.
    """

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    state: tuple[Value, ...] = ()
    updates: tuple[Value, ...] = ()

    @property
    def roots(self) -> tuple[Value, ...]:
        """Everything the graph computes: outputs, then changed state."""
        return (*self.outputs, *(new for _, new in self.changed))

    @property
    def changed(self) -> list[tuple[Value, Value]]:
        """Pairs of (state leaf, new value) for the state that changes."""
        pairs = zip(self.state, self.updates, strict=True)
        return [(old, new) for old, new in pairs if old is not new]

    def walk(self) -> list[Value]:
        """Return every value needed, operands before their users."""
        return walk(self.roots)

    def with_roots(self, roots: Iterable[Value]) -> Graph:
        """Return the graph with `roots` (same order and count) in place of its own."""
        new = list(roots)
        outputs = tuple(new[: len(self.outputs)])
        rest = iter(new[len(self.outputs) :])
        pairs = zip(self.state, self.updates, strict=True)
        updates = tuple(next(rest) if old is not up else old for old, up in pairs)
        return Graph(self.inputs, outputs, self.state, updates)

    def __str__(self) -> str:
        from graphkeras.ir.printer import graph_text

        return graph_text(self)


def walk(roots: Iterable[Value], stop: Container[Value] = ()) -> list[Value]:
    """Return `roots` and all they need, each once, operands before their users.

    Values in `stop`, and what only they need, are left out. Iterative: a network of a
    thousand layers must not meet Python's recursion limit.
    """
    done: set[Value] = set()
    order: list[Value] = []
    stack: list[tuple[Value, bool]] = [(r, False) for r in reversed(list(roots))]
    while stack:
        value, expanded = stack.pop()
        if value in done or value in stop:
            continue
        if expanded:
            done.add(value)
            order.append(value)
            continue
        stack.append((value, True))
        stack.extend((i, False) for i in reversed(value.inputs) if i not in done)
    return order


def users(values: Iterable[Value]) -> dict[Value, list[Value]]:
    """Return for each value the values that take it as an operand."""
    table: dict[Value, list[Value]] = {}
    for value in values:
        for operand in dict.fromkeys(value.inputs):
            table.setdefault(operand, []).append(value)
    return table


def leaves(values: Iterable[Value]) -> Iterator[Value]:
    """Yield the values that have no operands."""
    return (v for v in values if not v.inputs)


def dims_of(value: Value) -> Iterator[Dim]:
    """Yield every size in the types of a value."""
    for type_ in value.types:
        yield from type_.shape
