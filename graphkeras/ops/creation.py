"""Ops that make tensors, and the change of dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir import dims
from graphkeras.ir.definers import composite, elementwise, movement
from graphkeras.ir.op import nondifferentiable
from graphkeras.ir.types import TensorType, broadcast_shapes, sizes_at

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def _cast_canonical(x: TensorType, *, dtype: Any) -> dict[str, Any]:
    return {"dtype": dtypes.standardize(dtype)}


def _cast_vjp(g: Any, y: Any, x: Any) -> Any:
    return cast(g, x.dtype) if dtypes.is_float(x.dtype) else None


def _cast_onnx(b: Any, y: Any, x: Any) -> Any:
    return b.Cast(x, to=b.dtype(y.dtype))


@elementwise(
    scalar="{0}",
    vjp=_cast_vjp,
    onnx=_cast_onnx,
    promote="none",
    dtype=lambda x, *, dtype: dtypes.standardize(dtype),
    operator="cast",
    canonical=_cast_canonical,
)
def cast(x: Tensor, dtype: Any) -> Any:
    """Return `x` in another dtype; float to integer truncates toward zero.

    Example:
        >>> cast(np.array([1.7, -1.7], "float32"), "int32")
        array([ 1, -1], dtype=int32)
    """
    return np.asarray(x).astype(dtypes.to_numpy(dtypes.standardize(dtype)))


def _broadcast_index(out: tuple, x: TensorType, *, shape: tuple) -> tuple:
    lead = len(shape) - x.rank
    return tuple(
        0 if size == 1 and shape[lead + i] != 1 else out[lead + i]
        for i, size in enumerate(x.shape)
    )


def _broadcast_sizes(x: TensorType, *, shape: Any) -> dict[str, Any]:
    sizes = (shape,) if isinstance(shape, (int, dims.SymbolicDim)) else tuple(shape)
    return {"shape": sizes_at((1,) * (len(sizes) - x.rank) + x.shape, sizes)}


def _broadcast_infer(x: TensorType, *, shape: tuple) -> TensorType:
    if broadcast_shapes(x.shape, tuple(shape)) != tuple(shape):
        from graphkeras.errors import ShapeError

        raise ShapeError(f"expected a shape that stretches to {list(shape)}")
    return x.with_shape(tuple(shape))


@movement(
    infer=_broadcast_infer,
    index=_broadcast_index,
    vjp=lambda g, y, x: g,  # summed back centrally
    onnx=lambda b, y, x: b.Expand(x, b.shape(y.type.shape)),
    canonical=_broadcast_sizes,
)
def broadcast_to(x: Tensor, shape: Any) -> Any:
    """Return `x` stretched to `shape` by NumPy's rule."""
    return np.broadcast_to(x, tuple(shape))


def _iota_onnx(b: Any, y: Any) -> Any:
    return b.iota(y.type, y.axis)


@elementwise(
    scalar="position",
    vjp=nondifferentiable,
    onnx=_iota_onnx,
    operands=(),
    infer=lambda *, shape, axis, dtype: TensorType(dtype, tuple(shape)),
)
def iota(*, shape: tuple, axis: int = 0, dtype: str = "int32") -> Any:
    """Return for each element its index along `axis`; free in a fused loop."""
    line = np.arange(shape[axis], dtype=dtypes.to_numpy(dtype))
    around = [1] * len(shape)
    around[axis] = shape[axis]
    return np.broadcast_to(line.reshape(around), shape)


def _constant(value: Any, shape: Any, dtype: str) -> Any:
    """A constant stretched to a shape; symbolic sizes make it a graph value."""
    shape = (shape,) if isinstance(shape, (int, dims.SymbolicDim)) else tuple(shape)
    array = np.asarray(value, dtype=dtypes.to_numpy(dtype))
    if dims.is_static(shape):
        return np.broadcast_to(array, shape)
    return traced(full_value(array, shape, dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return a tensor of `shape` filled with one number.

    Example:
        >>> full((2,), 7, dtype="int32")
        array([7, 7], dtype=int32)
    """
    if hasattr(fill_value, "__apply_op__"):
        return broadcast_to(
            fill_value if dtype is None else cast(fill_value, dtype), shape
        )
    weak = dtypes.weak_of(fill_value)
    kind = dtypes.resolve(weak) if dtype is None and weak else dtypes.standardize(dtype)
    return np.array(_constant(fill_value, shape, kind)) if _static(shape) else (
        _constant(fill_value, shape, kind)
    )  # fmt: skip


def _static(shape: Any) -> bool:
    return isinstance(shape, int) or (
        not isinstance(shape, dims.SymbolicDim) and dims.is_static(shape)
    )


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Return zeros of `shape`, of the default float if no dtype is given."""
    return full(shape, 0, dtypes.standardize(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Return ones of `shape`, of the default float if no dtype is given."""
    return full(shape, 1, dtypes.standardize(dtype))


def full_value(number: Any, shape: Any, dtype: str) -> Any:
    """Return a graph value of one number stretched to a shape."""
    from graphkeras.ir.op import constant

    one = constant(number, dtype)
    return broadcast_to(one, tuple(shape)) if shape else one


@composite()
def zeros_like(x: Tensor, dtype: Any = None) -> Any:
    """Return zeros of the shape (and dtype) of `x`."""
    return full_like(x, 0, dtype)


@composite()
def ones_like(x: Tensor, dtype: Any = None) -> Any:
    """Return ones of the shape (and dtype) of `x`."""
    return full_like(x, 1, dtype)


@composite()
def full_like(x: Tensor, fill_value: Any, dtype: Any = None) -> Any:
    """Return a tensor of the shape (and dtype) of `x` filled with one number."""
    kind = dtype_of(x) if dtype is None else dtypes.standardize(dtype)
    shape = x.shape if hasattr(x, "shape") else np.shape(x)
    if is_symbolic(x) and not hasattr(fill_value, "__apply_op__"):
        return beside(x, full_value(fill_value, shape, kind))
    return full(shape, fill_value, kind)


def is_symbolic(x: Any) -> bool:
    """Return whether `x` is a value, or a tensor that has no number yet."""
    from graphkeras.ir.value import Value

    if isinstance(x, np.ndarray):  # whose `data` not all dtypes have
        return False
    return isinstance(x, Value) or getattr(x, "data", x) is None


def beside(x: Any, value: Any) -> Any:
    """Return a graph value as whatever `x` is: a value or a tensor of the trace."""
    from graphkeras.ir.value import Value

    return value if isinstance(x, Value) else traced(value)


def positions(x: Any, shape: tuple, axis: int, dtype: str = "int32") -> Any:
    """Return the index along `axis` of each cell of `shape`, to be combined with `x`.

    It costs nothing in a graph; beside an array it is an array.
    """
    if is_symbolic(x):
        return beside(x, iota_value(tuple(shape), axis, dtype))
    return iota(shape=tuple(shape), axis=axis, dtype=dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Return evenly spaced numbers ``start, start + step, ... < stop``.

    Sizes may be symbolic when `start` and `step` are ints.
    """
    step = 1 if step is None else step
    if stop is None:
        start, stop = 0, start
    if not any(isinstance(v, dims.SymbolicDim) for v in (start, stop, step)):
        kinds = [dtypes.weak_of(v) or dtypes.of_array(np.asarray(v)) for v in
                 (start, stop, step)]  # fmt: skip
        kind = dtypes.standardize(dtype) if dtype else dtypes.result_type(*kinds)
        return np.arange(start, stop, step, dtype=dtypes.to_numpy(kind))
    count = dims.ceildiv(stop - start, step)
    kind = dtypes.standardize(dtype) if dtype else "int32"
    return traced(iota_value((count,), 0, kind) * step + start)


def iota_value(shape: tuple, axis: int, dtype: str) -> Any:
    """Return `iota` as a graph value (its shape may be symbolic)."""
    from graphkeras.ir.op import OPS, apply_to_values

    attrs = {"shape": tuple(shape), "axis": axis, "dtype": dtype}
    return apply_to_values(OPS["iota"], [], attrs)


def traced(value: Any) -> Any:
    """Return a graph value as a tensor of the current trace, if there is one."""
    from graphkeras.ir.trace import current_trace

    trace = current_trace()
    return value if trace is None else trace.tensor(value)


def convert_to_tensor(
    x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None
) -> Any:
    """Return `x` as a tensor; arrays and numbers become tensors that hold them."""
    from graphkeras.ir.tensor import Tensor

    if hasattr(x, "__apply_op__"):
        kind = "int32" if isinstance(x, dims.SymbolicDim) and dtype is None else dtype
        return x if kind is None else cast(x, kind)
    array = np.asarray(x)
    if dtype is None and array.dtype == np.float64 and not isinstance(x, np.ndarray):
        dtype = dtypes.as_float("weak_float")
    if dtype is None and array.dtype == np.int64 and not isinstance(x, np.ndarray):
        dtype = "int32"
    kind = dtypes.standardize(dtype) if dtype else None
    return Tensor.of(array, kind)


def convert_to_numpy(x: Any) -> np.ndarray:
    """Return `x` as a NumPy array."""
    return np.asarray(x)


def array(x: Any, dtype: Any = None) -> Any:
    """Return `x` as a tensor."""
    return convert_to_tensor(x, dtype)


@composite()
def copy(x: Tensor) -> Any:
    """Return `x`; tensors are never written to."""
    return np.array(x) if isinstance(x, np.ndarray) else x


def empty(shape: Any, dtype: Any = None) -> Any:
    """Return a tensor of `shape` whose numbers mean nothing (here: zeros)."""
    return zeros(shape, dtype)


@composite()
def empty_like(x: Tensor, dtype: Any = None) -> Any:
    """Return a tensor like `x` whose numbers mean nothing (here: zeros)."""
    return zeros_like(x, dtype)


def is_tensor(x: Any) -> bool:
    """Return whether `x` is a tensor; arrays and variables are none."""
    from graphkeras.ir import tensor

    return isinstance(x, tensor.Tensor)


def dtype(x: Any) -> str:
    """Return the name of the dtype of `x`."""
    return dtype_of(x)


def dtype_of(x: Any) -> str:
    """Return the dtype name of a tensor, array or number."""
    weak = dtypes.weak_of(x)
    if weak:
        return dtypes.resolve(weak)
    found = getattr(x, "dtype", None)
    return dtypes.standardize(np.asarray(x).dtype if found is None else found)
