"""What user code holds while it is traced: a thin handle on a value.

A value cannot play this part: it is a dict key, so ``==`` must be identity, and equal
values are one object, so nothing of one call (a mask, an eager result) may hang on it.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import TraceError, message
from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.op import (
    OPERATORS,
    OPS,
    Op,
    apply_to_values,
    constant,
    dim_value,
    input_value,
    invoke_reference,
    run,
)
from graphkeras.ir.operators import Operators
from graphkeras.ir.types import Shape, type_of
from graphkeras.ir.value import Value

_serial = itertools.count()


class Tensor(Operators):
    """A value of the current trace, with the number behind it when run eagerly.

    Attributes:
        shape: sizes, symbolic ones included.
        dtype: dtype name.
    """

    __slots__ = ("__weakref__", "_keras_mask", "_value", "data")

    __op_priority__ = 30

    def __init__(self, value: Value | None, data: Any = None) -> None:
        self._value = value
        self.data = data
        self._keras_mask: Any = None

    @classmethod
    def of(cls, array: Any, dtype: str | None = None) -> Tensor:
        """Return a tensor that holds an array and has no history."""
        kind = dtypes.to_numpy(dtype) if dtype else None
        return cls(None, np.asarray(array, dtype=kind))

    def unmasked(self) -> Tensor:
        """Return the same tensor with no mask to travel on it."""
        return Tensor(self.value, self.data)

    @property
    def value(self) -> Value:
        """The graph node; made on first use for a tensor that only holds data."""
        if self._value is None:
            # Counted, not id(self): an id may be given again while the value lives.
            self._value = input_value("data", type_of(self.data), next(_serial))
        return self._value

    @property
    def shape(self) -> Shape:
        """Sizes of the axes."""
        return tuple(self.data.shape) if self.data is not None else self.value.shape

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        if self.data is not None:
            return dtypes.of_array(self.data)
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @staticmethod
    def __apply_op__(op: Op, operands: list[Any], given: dict[str, Any]) -> Any:
        from graphkeras.ir.trace import current_trace

        trace = current_trace()
        if op.expands:
            return invoke_reference(op, operands, op.complete(given))
        operands = [_readable(o, trace) for o in operands]
        held = all(not isinstance(o, Tensor) or o.data is not None for o in operands)
        if trace is None or (trace.eager and held):
            return _apply_eagerly(op, operands, given, trace)
        if op.fact("data_dependent"):
            raise TraceError(
                message(
                    op.name, f"{op.fact('data_dependent')}.", "",
                    "It runs only eagerly: use ops.where, or run_eagerly=True.",
                )
            )  # fmt: skip
        values = [_graph_value(o) for o in operands]
        result = apply_to_values(op, values, given)
        if isinstance(result, tuple):
            return tuple(trace.tensor(r) for r in result)
        return trace.tensor(result)

    def numpy(self) -> np.ndarray:
        """Return the array.

        Raises:
            TraceError: while compiling, when there is no number yet.
        """
        if self.data is None:
            raise TraceError(_no_number(self, "a NumPy array"))
        return np.array(self.data)

    def numpy_view(self) -> np.ndarray:
        """Return the array itself, not to be written to."""
        if self.data is None:
            raise TraceError(_no_number(self, "a NumPy array"))
        return np.asarray(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.data is None:
            raise TraceError(_no_number(self, "a NumPy array"))
        return (
            np.array(self.data, dtype=dtype) if copy else np.asarray(self.data, dtype)
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kw: Any) -> Any:
        """NumPy functions called on a tensor are the ops of the same name."""
        op = OPS.get(ufunc.__name__)
        if method != "__call__" or kw or op is None:
            arrays = [np.asarray(i) if isinstance(i, Tensor) else i for i in inputs]
            return getattr(ufunc, method)(*arrays, **kw)
        from graphkeras.ir.op import call

        return call(op, inputs, {})

    def __bool__(self) -> bool:
        return bool(self._number("a Python bool (in an `if`, `while`, `and` or `or`)"))

    def __float__(self) -> float:
        return float(self._number("a Python float"))

    def __int__(self) -> int:
        return int(self._number("a Python int"))

    def __index__(self) -> int:
        return int(self._number("a Python int"))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar tensor has no len()")
        return int(self.shape[0])

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> Any:
        return False if other is None else OPERATORS["=="](self, other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else OPERATORS["!="](self, other)

    __hash__ = object.__hash__

    def __format__(self, spec: str) -> str:
        if spec and self.data is not None:
            return format(self.data.item(), spec)
        return str(self)

    def __repr__(self) -> str:
        if self.data is None:
            return f"<Tensor {self.value.type}>"
        return f"<Tensor {type_of(self.data)}: {self.data}>"

    def _number(self, wanted: str) -> Any:
        if self.data is None:
            raise TraceError(_no_number(self, wanted))
        return self.data.item() if self.data.size == 1 else self.data

    def item(self) -> Any:
        """Return the Python number of a tensor of one element."""
        return self._number("a Python number")


def apply_to_sizes(op: Op, operands: list[Any], given: dict[str, Any]) -> Any:
    """Apply an op to symbolic sizes: int32 scalars of the current trace."""
    from graphkeras.ir.trace import current_trace

    trace = current_trace()
    values = [dim_value(o) if isinstance(o, SymbolicDim) else o for o in operands]
    if trace is None:
        return apply_to_values(op, values, given)
    traced = [trace.tensor(v) if isinstance(v, Value) else v for v in values]
    return Tensor.__apply_op__(op, traced, given)


def _readable(operand: Any, trace: Any) -> Any:
    """A variable answers by putting its value in its place."""
    read = getattr(operand, "__as_tensor__", None)
    return read(trace) if read is not None else operand


def _graph_value(operand: Any) -> Any:
    """What a tensor is in a compiled trace; one without history is a constant there."""
    if not isinstance(operand, Tensor):
        return operand
    return constant(operand.data) if operand._value is None else operand.value


def _apply_eagerly(op: Op, operands: list[Any], given: Any, trace: Any) -> Any:
    arrays = [o.numpy_view() if isinstance(o, Tensor) else o for o in operands]
    result = run(op, arrays, op.complete(given))
    if trace is None or op.fact("data_dependent") or op.is_hosted:
        if isinstance(result, tuple):  # no history: nothing differentiates strings
            return tuple(Tensor(None, r) for r in result)
        return Tensor(None, result)
    values = [_eager_value(o, trace) for o in operands]
    built = apply_to_values(op, values, given)
    if isinstance(built, tuple):
        return tuple(trace.tensor(v, r) for v, r in zip(built, result))
    return trace.tensor(built, result)


def _eager_value(operand: Any, trace: Any) -> Any:
    if not isinstance(operand, Tensor):
        return operand
    if operand.value not in trace.known:
        trace.known[operand.value] = operand.data
        trace.foreign.add(operand.value)
    return operand.value


def _no_number(tensor: Tensor, wanted: str) -> str:
    from graphkeras.ir.trace import user_location

    where = user_location()
    path = tensor.value.origin.path if tensor.value.origin else ""
    return message(
        path or tensor.value.op.name,
        f"expected a value known while tracing, since Python asks for {wanted}"
        + (f" at {where}." if where else "."),
        f"{tensor.value.type}, which has a number only when the model runs",
        "Use ops.where, ops.cond, ops.while_loop or ops.scan; decide on a static"
        " attribute or shape; or compile(run_eagerly=True).",
    )
