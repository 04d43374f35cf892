"""The scope in which a user's Python runs once and leaves a graph behind.

Reading a variable makes a state leaf; assigning replaces its current value; what has
changed when the scope ends are extra outputs. Metrics, averages, seeds and optimizer
slots all work by this one mechanism. With ``eager=True`` every tensor also carries its
number, computed at once by the references: one tape, two moments of evaluation.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from graphkeras.ir.op import input_value, state_value
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.types import TensorType, type_of
from graphkeras.ir.value import Graph, Origin, Value, note_origin

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class _Stack(threading.local):
    def __init__(self) -> None:
        self.traces: list[Trace] = []


_stack = _Stack()


def current_trace() -> Trace | None:
    """Return the innermost trace of this thread, or None."""
    return _stack.traces[-1] if _stack.traces else None


class Trace:
    """A scope of tracing, used with ``with``.

    Args:
        eager: evaluate every tensor at once.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self.eager = eager
        self.inputs: list[Value] = []
        self.leaves: dict[Any, Value] = {}  # variable -> leaf first read
        self.current: dict[Any, Tensor] = {}  # variable -> tensor now
        self.readings: dict[Any, list[Value]] = {}  # variable -> values read so far
        self.foreign: weakref.WeakSet[Value] = weakref.WeakSet()  # made outside
        self.known: weakref.WeakKeyDictionary[Value, Any] = weakref.WeakKeyDictionary()
        self.losses: list[tuple[Any, Any]] = []  # (layer, tensor) from add_loss
        self.notes: dict[str, Any] = {}  # what layers leave for the trainer
        self.path: list[str] = []

    def __enter__(self) -> Trace:
        _stack.traces.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _stack.traces.remove(self)

    def input(self, name: str, type_: TensorType, data: Any = None) -> Tensor:
        """Declare an input and return it as a tensor."""
        value = input_value(name, type_, len(self.inputs))
        self.inputs.append(value)
        return self.tensor(value, data)

    def tensor(self, value: Value, data: Any = None) -> Tensor:
        """Wrap a value; in an eager trace `data` is its array."""
        if self.eager and data is not None:
            self.known[value] = data
        self._note(value)
        return Tensor(value, data)

    def read(self, variable: Any) -> Tensor:
        """Return the variable's current tensor."""
        found = self.current.get(variable)
        if found is None:
            leaf = _leaf_of(variable)
            found = self.tensor(leaf, variable.array if self.eager else None)
            self.leaves.setdefault(variable, leaf)
            self.current[variable] = found
        readings = self.readings.setdefault(variable, [])
        if not readings or readings[-1] is not found.value:
            readings.append(found.value)
        return found

    def assign(self, variable: Any, value: Any) -> None:
        """Make `value` (a tensor) the variable's current one."""
        self.read(variable)
        if self.eager:
            variable.set_array(value.numpy_view())
            leaf = self.leaves[variable] = _leaf_of(variable)
            value = self.tensor(leaf, variable.array)
        self.current[variable] = value

    def graph(self, outputs: Sequence[Tensor | Value]) -> tuple[Graph, list[Any]]:
        """Close the trace: return the graph and the variables behind its state."""
        variables = list(self.leaves)
        state = tuple(self.leaves[v] for v in variables)
        updates = tuple(self.current[v].value for v in variables)
        roots = tuple(o.value if isinstance(o, Tensor) else o for o in outputs)
        return Graph(tuple(self.inputs), roots, state, updates), variables

    @contextmanager
    def layer(self, name: str) -> Iterator[None]:
        """Note that what is built inside comes from the layer called `name`."""
        self.path.append(name)
        try:
            yield
        finally:
            self.path.pop()

    def _note(self, value: Value) -> None:
        if value.inputs and value.origin is None:
            note_origin(value, Origin("/".join(self.path), user_location()))


@contextmanager
def untraced() -> Iterator[None]:
    """Suspend all traces of this thread, as while a layer makes its variables."""
    held, _stack.traces = _stack.traces, []
    try:
        yield
    finally:
        _stack.traces = held


def _leaf_of(variable: Any) -> Value:
    type_ = type_of(variable.array)
    return state_value(variable.path, type_, id(variable), variable.version)


def user_location() -> str:
    """Return ``file:line`` of the innermost frame outside the package."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_PACKAGE, "<")) and "contextlib" not in name:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def trace_function(
    function: Callable[..., Any], types: Sequence[TensorType], names: Sequence[str] = ()
) -> tuple[Graph, list[Any]]:
    """Trace `function` on inputs of these types; it returns tensors (a list or one)."""
    with Trace() as trace:
        named = list(names) or [f"x{i}" for i in range(len(types))]
        inputs = [trace.input(n, t) for n, t in zip(named, types, strict=True)]
        result = function(*inputs)
        outputs = list(result) if isinstance(result, (tuple, list)) else [result]
        return trace.graph(outputs)
