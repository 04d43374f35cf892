"""The record of an op, and how a call of one finds whoever must answer it.

The function *is* the op: its body is the NumPy reference, its name the op's name. All
other facets stand in the decorator (`definers`), so a forgotten one is an error when
the module is imported.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from graphkeras import dtypes, limits
from graphkeras.errors import DTypeError, GraphKerasError, ShapeError, message
from graphkeras.ir.dims import Dim, SymbolicDim, evaluate, symbols
from graphkeras.ir.operators import OPERATORS
from graphkeras.ir.types import TensorType, type_of
from graphkeras.ir.value import Attrs, ConstantData, Value, type_text

OPS: dict[str, Op] = {}


class Word:
    """An explicit "there is none" for a facet; leaving a facet out is an error."""

    def __init__(self, name: str, reason: str = "", remedy: str = "") -> None:
        self.name, self.reason, self.remedy = name, reason, remedy

    def __repr__(self) -> str:
        return self.name + (f"({self.reason!r})" if self.reason else "")


class Host(Word):
    """Says that an op runs before the compiled part of a program, as strings must.

    Args:
        function: ``"module.function"`` under ``compiler`` that does so quickly, by the
            name of the op's operands and attributes; "" for the reference.
    """

    def __init__(self, function: str = "") -> None:
        super().__init__("host", function)
        self.function = function


nondifferentiable = Word("nondifferentiable")
host_only = Host()
inline = Word("inline")  # composites: the body stands in for the facet
nested = Word("nested")  # as a kernel: the op runs the graphs among its attributes


def unsupported(reason: str, remedy: str = "") -> Word:
    """Say that ONNX cannot express an op, why, and what to do instead."""
    return Word("unsupported", reason, remedy)


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """All that is known of one op; see the definers for the meaning of the facets."""

    name: str
    family: str
    reference: Callable[..., Any]
    signature: inspect.Signature
    operands: tuple[str, ...]
    infer: Callable[..., Any]
    vjp: Any
    onnx: Any
    variadic: bool = False
    promote: Callable[[Sequence[str]], Sequence[str]] | None = None
    canonical: Callable[..., dict[str, Any]] | None = None
    scalar: ast.expr | None = None
    index: Callable[..., Any] | None = None
    inside: Callable[..., Any] | None = None
    identity: Any = None
    combine: ast.expr | None = None
    kernel: Any = None
    facts: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    @property
    def is_hosted(self) -> bool:
        """Whether it runs before the compiled part of a program."""
        return isinstance(self.kernel, Host)

    def fact(self, name: str, default: Any = None) -> Any:
        """Return a stated fact such as ``commutative`` or ``domain``."""
        return (self.facts or {}).get(name, default)

    @property
    def expands(self) -> bool:
        """Whether calling the op on values leaves no node of its own."""
        return self.family == "composite" and self.vjp is inline and self.onnx is inline

    def complete(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Return `attrs` with the defaults filled in."""
        return {n: attrs.get(n, default) for n, default in _defaults(self)}


@lru_cache(maxsize=4096)
def _defaults(op: Op) -> tuple[tuple[str, Any], ...]:
    """Return the attributes of an op with their defaults."""
    parameters = op.signature.parameters.items()
    return tuple((n, p.default) for n, p in parameters if n not in op.operands)


@lru_cache(maxsize=4096)
def _plain_names(op: Op) -> tuple[Sequence[str], Set[str], Set[str]] | None:
    """Return an op's parameters in order, all of them, and those that must be given;
    None if some are special."""
    parameters = op.signature.parameters.values()
    if any(p.kind is not p.POSITIONAL_OR_KEYWORD for p in parameters):
        return None
    wanted = frozenset(p.name for p in parameters if p.default is p.empty)
    names = tuple(p.name for p in parameters)
    return names, frozenset(names), wanted


def _bound(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, as `inspect` does, but quickly.

    Raises:
        TypeError: if they do not fit the signature.
    """
    plain = _plain_names(op)
    if plain is not None:
        names, known, wanted = plain
        given = dict(zip(names, args))
        fits = len(args) <= len(names) and given.keys().isdisjoint(kwargs)
        given |= kwargs
        if fits and wanted <= given.keys() and given.keys() <= known:
            return given
    return dict(op.signature.bind(*args, **kwargs).arguments)  # it says what is wrong


def bind(
    op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Split a call into operands and given attributes, by the op's signature."""
    open_ = any(getattr(a, "__leaves_out__", False) for a in (*args, *kwargs.values()))
    try:
        # A pattern may leave out attributes, even those that have no default.
        given = (
            dict(op.signature.bind_partial(*args, **kwargs).arguments)
            if open_
            else _bound(op, args, kwargs)
        )
    except TypeError as error:
        raise TypeError(f"{op.name}{op.signature}: {error}.") from None
    operands = []
    for name in op.operands:
        operand = given.pop(name, op.signature.parameters[name].default)
        if op.variadic and isinstance(operand, (list, tuple)):
            operands += list(operand)
        else:
            operands.append(operand)
    return operands, given


def call(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer a call: the operand of highest priority that has `__apply_op__` decides.

    Plain arrays and numbers run the reference.
    """
    operands, given = bind(op, args, kwargs)
    best = None
    for operand in operands:
        rank = getattr(operand, "__op_priority__", None)
        if rank is not None and (best is None or rank > best.__op_priority__):
            best = operand
    if best is None:
        best = _free_size(given)
    if best is not None:
        return type(best).__apply_op__(op, operands, given)
    return run(op, operands, op.complete(given))


def _free_size(attribute: Any) -> SymbolicDim | None:
    """Return a symbolic size among the attributes: arrays alone cannot have it."""
    if isinstance(attribute, dict):
        attribute = tuple(attribute.values())
    if isinstance(attribute, (tuple, list)):
        return next((s for s in map(_free_size, attribute) if s is not None), None)
    return attribute if isinstance(attribute, SymbolicDim) else None


def invoke_reference(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """Call the op's own body; operands by name, since attributes may precede them."""
    if op.variadic:
        return op.reference(list(operands), **attrs)
    return op.reference(**dict(zip(op.operands, operands, strict=True)), **attrs)


def run(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """Run the NumPy reference on arrays, with the dtypes the type rule promises."""
    if op.expands:
        result = invoke_reference(op, operands, attrs)
        return np.asarray(result) if isinstance(result, np.generic) else result
    arrays = as_arrays(op, operands)
    kinds = [type_of(a) for a in arrays]
    attrs = canonical_attrs(op, kinds, attrs)
    if op.fact("data_dependent"):
        return invoke_reference(op, arrays, attrs)
    promised = infer_type(op, kinds, attrs)
    with np.errstate(all="ignore"):
        result = invoke_reference(op, arrays, attrs)
    if isinstance(promised, tuple):
        return tuple(
            as_dtype(r, t.dtype) for r, t in zip(result, promised, strict=True)
        )
    return as_dtype(result, promised.dtype)


def as_dtype(array: Any, dtype: str) -> np.ndarray:
    """Return `array` as an ndarray of the named dtype."""
    with np.errstate(all="ignore"):
        return np.asarray(array, dtype=dtypes.to_numpy(dtype))


def as_arrays(op: Op, operands: Sequence[Any]) -> list[np.ndarray]:
    """Return the operands as arrays of the dtypes in which they meet."""
    targets = operand_dtypes(op, operands)
    return [as_dtype(o, t) for o, t in zip(operands, targets, strict=True)]


def operand_dtypes(op: Op, operands: Sequence[Any]) -> list[str]:
    """Return the dtype each operand must be cast to before the op sees it."""
    found = [_dtype_of(op, operand) for operand in operands]
    if op.promote is None:
        return [dtypes.resolve(d) for d in found]
    try:
        return list(op.promote(found))
    except DTypeError as error:
        raise DTypeError(message(op.name, str(error))) from None


def _dtype_of(op: Op, operand: Any) -> str:
    weak = dtypes.weak_of(operand)
    if weak is not None:
        return weak
    if isinstance(operand, SymbolicDim):
        return "weak_int"
    if operand is None:
        raise TypeError(
            message(op.name, "expected a tensor", "None", "Give all operands.")
        )
    dtype = getattr(operand, "dtype", None)
    if dtype is not None:
        return dtypes.standardize(dtype)
    array = np.asarray(operand)
    # Lists of Python numbers are as weak in kind as the numbers, but have a width.
    if array.dtype == np.float64:
        return dtypes.as_float("weak_float")
    return "int32" if array.dtype == np.int64 else dtypes.of_array(array)


def canonical_attrs(
    op: Op, types: Sequence[TensorType], attrs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the attributes in their one normal form (axes positive, sizes tuples)."""
    attrs = dict(attrs)
    if op.canonical is None:
        return attrs
    try:
        return op.canonical(*types, **attrs)
    except ShapeError as error:
        raise _typed(op, types, error) from None


def infer_type(op: Op, types: Sequence[TensorType], attrs: Mapping[str, Any]) -> Any:
    """Return the result type, or raise an error that names op and operand types."""
    try:
        return op.infer(*types, **attrs)
    except GraphKerasError as error:
        raise _typed(op, types, error) from None


def _typed(op: Op, types: Sequence[TensorType], error: Exception) -> Exception:
    if "\n  Received" in str(error):
        return error
    names = op.operands if len(op.operands) == len(types) else [""] * len(types)
    shown = ", ".join(f"{n}: {t}".lstrip(": ") for n, t in zip(names, types))
    return type(error)(message(op.name, f"{error}.", shown))


def apply_to_values(op: Op, operands: Sequence[Any], given: Mapping[str, Any]) -> Any:
    """Build the value (or tuple of values) of `op` on values, arrays and numbers."""
    attrs = op.complete(given)
    if op.expands:
        return invoke_reference(op, operands, attrs)
    targets = operand_dtypes(op, operands)
    values = [as_value(o, t) for o, t in zip(operands, targets, strict=True)]
    types = [v._tensor_type for v in values]
    attrs = canonical_attrs(op, types, attrs)
    result = infer_type(op, types, attrs)
    allowance = limits.current()
    if allowance is not None:
        _count(allowance, op, result)
    return projections(Value(op, values, tuple(sorted(attrs.items())), result))


def _count(allowance: limits.Allowance, op: Op, result: Any) -> None:
    """Count an op of a model that is being loaded; free sizes are taken to be 1."""
    allowance.step()
    for type_ in result if isinstance(result, tuple) else (result,):
        names = {name for size in type_.shape for name in symbols(size)}
        sizes = [abs(evaluate(d, dict.fromkeys(names, 1))) for d in type_.shape]
        allowance.tensor(math.prod(sizes), f"{op.name}: {type_}")


def projections(value: Value) -> Any:
    """Return the value, or the tuple of its items if its op gives several."""
    if not isinstance(value.type, tuple):
        return value
    return tuple(item_of(value, i) for i in range(len(value.type)))


def as_value(operand: Any, dtype: str) -> Value:
    """Return `operand` as a value of `dtype`: cast, or made a constant."""
    if isinstance(operand, Value):
        if operand.dtype == dtype:
            return operand
        cast: Value = OPERATORS["cast"](operand, dtype=dtype)
        return cast
    if isinstance(operand, SymbolicDim):
        return as_value(dim_value(operand), dtype)
    return constant(operand, dtype)


# ------------------------------------------------------------------------- leaves


def _leaf(name: str) -> Op:
    def no_reference() -> None:
        raise RuntimeError(f"{name} is a leaf: the interpreter supplies it")

    op = Op(
        name, "leaf", no_reference, inspect.Signature(), (),
        infer=no_reference, vjp=nondifferentiable, onnx=unsupported("leaf"),
    )  # fmt: skip
    OPS[name] = op
    return op


INPUT = _leaf("input")
STATE = _leaf("state")
CONSTANT = _leaf("constant")
DIM = _leaf("dim")
ITEM = _leaf("item")


def input_value(name: str, type_: TensorType, uid: int = 0) -> Value:
    """Return a leaf fed at each run; `uid` tells apart inputs of one name and type."""
    return Value(INPUT, (), (("name", name), ("uid", uid)), type_)


def state_value(name: str, type_: TensorType, uid: int, version: int = 0) -> Value:
    """Return the leaf for one reading of a variable."""
    attrs: Attrs = (("name", name), ("uid", uid), ("version", version))
    return Value(STATE, (), attrs, type_)


def constant(data: Any, dtype: str | None = None) -> Value:
    """Return the constant `data`, of `dtype` or its own."""
    array = np.asarray(data) if dtype is None else as_dtype(data, dtype)
    held = ConstantData.of(array)
    return Value(CONSTANT, (), (("data", held),), type_of(held.array))


def dim_value(dim: Dim) -> Value:
    """Return a size as an int32 scalar."""
    if isinstance(dim, int):
        return constant(dim, "int32")
    return Value(DIM, (), (("size", dim),), TensorType("int32", ()))


def item_of(value: Value, index: int) -> Value:
    """Return one result of an op that has several."""
    assert isinstance(value.type, tuple)
    return Value(ITEM, (value,), (("index", index),), value.type[index])


def is_constant(value: Value) -> bool:
    """Return whether the value is a literal array."""
    return value.op is CONSTANT


def rebuild(value: Value, inputs: Sequence[Value]) -> Value:
    """Return `value` with other operands, its type inferred anew."""
    if tuple(inputs) == value.inputs:
        return value
    if value.op is ITEM:
        return item_of(inputs[0], value.index)
    types = [i._tensor_type for i in inputs]
    result = infer_type(value.op, types, value.attributes)
    return Value(value.op, inputs, value.attrs, result)


def describe(value: Value) -> str:
    """Return `name: type` of a value, for messages."""
    return f"{value.op.name}: {type_text(value.type)}"
