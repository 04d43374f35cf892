"""The five decorators that turn a NumPy function into an op.

Every facet must be stated. ``vjp=nondifferentiable``, ``onnx=unsupported("why")`` and
``kernel=host_only`` are the explicit ways to say that there is none.

A `vjp` gets ``(g, y, *operands)``: gradient of the result, result, operands; it returns
one gradient or a tuple, with None for an operand that has none. Broadcasting is undone
centrally, so a rule never sums over stretched axes.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from graphkeras import dtypes
from graphkeras.errors import ShapeError
from graphkeras.ir.op import (
    OPERATORS,
    OPS,
    Op,
    call,
    inline,
    input_value,
    invoke_reference,
)
from graphkeras.ir.trace import untraced
from graphkeras.ir.types import Shape, TensorType, broadcast_shapes, normalize_axes
from graphkeras.ir.value import Attrs, Value

P = ParamSpec("P")
R = TypeVar("R")


class Decorator(Protocol):
    """What a definer returns: it leaves the function's signature as it is."""

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...


# ------------------------------------------------------------------ dtype promotion


def same(kinds: Sequence[str]) -> list[str]:
    """All operands meet in one dtype."""
    return [dtypes.result_type(*kinds)] * len(kinds) if kinds else []


def floating(kinds: Sequence[str]) -> list[str]:
    """All operands meet in one dtype, which is made a float."""
    return [dtypes.as_float(dtypes.result_type(*kinds))] * len(kinds)


def after_first(kinds: Sequence[str]) -> list[str]:
    """The first is a condition or index; the others meet in one dtype."""
    return ["bool", *same(kinds[1:])]


PROMOTIONS: dict[str, Any] = {
    "same": same,
    "float": floating,
    "after_first": after_first,
    "none": None,
}


def _promotion(promote: Any) -> Any:
    return promote if callable(promote) else PROMOTIONS[promote]


# ------------------------------------------------------------------------ families


def elementwise(
    *,
    scalar: str,
    vjp: Any,
    onnx: Any,
    promote: Any = "same",
    dtype: Any = None,
    infer: Callable[..., TensorType] | None = None,
    canonical: Callable[..., dict[str, Any]] | None = None,
    operator: str | None = None,
    operands: tuple[str, ...] | None = None,
    **facts: Any,
) -> Decorator:
    """Define an op that works on each element, with NumPy's broadcasting.

    Args:
        scalar: one element as an expression of ``{0}``, ``{1}`` ... and attributes in
            braces; it holds no numbers, since a literal would change the precision.
        vjp: the gradient rule.
        onnx: an ONNX operator's name, or ``lambda b, y, *inputs: ...``.
        promote: in which dtypes the operands meet: "same", "float", "after_first",
            "none" or a function of their dtypes.
        dtype: dtype of the result if it is not that of the operands: a name or a
            function of the operand dtypes and attributes.
        operator: the Python operator this op answers.
        facts: ``commutative``, ``identity``, ``idempotent``, ``domain`` ...
    """
    tree = parse_scalar(scalar)

    def broadcast(*types: TensorType, **attrs: Any) -> TensorType:
        shape = broadcast_shapes(*(t.shape for t in types))
        if dtype is None:
            return TensorType(types[-1].dtype, shape)
        if callable(dtype):
            return TensorType(dtype(*(t.dtype for t in types), **attrs), shape)
        return TensorType(dtype, shape)

    return _definer(
        "elementwise", infer=infer or broadcast, vjp=vjp, onnx=onnx, scalar=tree,
        facts=facts, promote=_promotion(promote), canonical=canonical,
        operator=operator, operands=operands,
    )  # fmt: skip


def reduction(
    *,
    combine: str,
    identity: Any,
    vjp: Any,
    onnx: Any,
    dtype: Callable[[str], str] | None = None,
    **facts: Any,
) -> Decorator:
    """Define an op ``f(x, axis=None, keepdims=False)`` that folds axes away.

    Args:
        combine: two partial results as an expression of ``{0}`` and ``{1}``.
        identity: the number that changes nothing, or "lowest" / "highest".
        dtype: dtype in which the fold is done and given, from that of `x`.
    """

    def canonical(x: TensorType, **attrs: Any) -> dict[str, Any]:
        keepdims = bool(attrs.get("keepdims"))
        return {"axis": normalize_axes(attrs.get("axis"), x.rank), "keepdims": keepdims}

    def infer(x: TensorType, *, axis: tuple[int, ...], keepdims: bool) -> TensorType:
        shape = reduced_shape(x.shape, axis, keepdims)
        return TensorType(dtype(x.dtype) if dtype else x.dtype, shape)

    return _definer(
        "reduction", infer=infer, vjp=vjp, onnx=onnx, facts=facts, canonical=canonical,
        combine=parse_scalar(combine), identity=identity,
    )  # fmt: skip


def movement(
    *,
    infer: Callable[..., TensorType],
    index: Callable[..., Any],
    vjp: Any,
    onnx: Any,
    inside: Callable[..., Any] | None = None,
    canonical: Callable[..., dict[str, Any]] | None = None,
    operator: str | None = None,
    operands: tuple[str, ...] | None = None,
    **facts: Any,
) -> Decorator:
    """Define an op that only says where each element comes from.

    Args:
        index: ``index(out, x, **attrs)``: from the tuple of output indices and the
            operand's type to the tuple of operand indices, by ``+ - * // %``. Code
            generation runs it on affine forms and on machine integers alike.
        inside: ``inside(out, x, **attrs)``: list of ``(low, i, high)``: the element
            exists where all ``low <= i < high`` (and ``(i, n)`` pairs: i % n == 0);
            elsewhere the result is the attribute `value`.
    """
    return _definer(
        "movement", infer=infer, vjp=vjp, onnx=onnx, index=index, inside=inside,
        canonical=canonical, facts=facts, operator=operator, operands=operands,
    )  # fmt: skip


def structured(
    *,
    infer: Callable[..., Any],
    kernel: Any,
    vjp: Any,
    onnx: Any,
    promote: Any = "none",
    canonical: Callable[..., dict[str, Any]] | None = None,
    operator: str | None = None,
    operands: tuple[str, ...] | None = None,
    **facts: Any,
) -> Decorator:
    """Define an op with a loop nest of its own.

    Args:
        infer: TensorTypes (and attributes) in, TensorType or a tuple of them out.
        kernel: ``"module.function"`` under ``kernels/cpu`` and ``kernels/cuda``, or
            `host_only` for an op on strings, which runs before the device part.
    """
    return _definer(
        "structured", infer=infer, vjp=vjp, onnx=onnx, kernel=kernel, facts=facts,
        canonical=canonical, promote=_promotion(promote), operator=operator,
        operands=operands,
    )  # fmt: skip


def composite(
    *,
    vjp: Any = inline,
    onnx: Any = inline,
    infer: Callable[..., Any] | None = None,
    promote: Any = "none",
    canonical: Callable[..., dict[str, Any]] | None = None,
    operator: str | None = None,
    operands: tuple[str, ...] | None = None,
    **facts: Any,
) -> Decorator:
    """Define an op by other ops; the body is the reference and every kernel.

    With a `vjp` or `onnx` rule the op stays whole in the graph until the compiler
    expands it; with neither a call is its body. Its type is found by tracing the body,
    unless `infer` says it.
    """
    return _definer(
        "composite", infer=infer, vjp=vjp, onnx=onnx, facts=facts, canonical=canonical,
        promote=_promotion(promote), operator=operator, operands=operands,
    )  # fmt: skip


# ------------------------------------------------------------------------- helpers


def reduced_shape(shape: Shape, axis: tuple[int, ...], keepdims: bool) -> Shape:
    """Return a shape without `axis`, or with size 1 there."""
    if keepdims:
        return tuple(1 if i in axis else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axis)


_PLACE = re.compile(r"\{(\w+)\}")


def parse_scalar(text: str) -> ast.expr:
    """Parse a scalar expression; operands become names ``x0``, ``x1`` ...

    Raises:
        ValueError: for a numeric literal: constants must be typed values.
    """
    python = _PLACE.sub(lambda m: f"x{m[1]}" if m[1].isdigit() else f"a_{m[1]}", text)
    tree = ast.parse(python, mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            raise ValueError(
                f"scalar {text!r}: expected no literal: it would set the precision.\n"
                f"  Received {node.value!r}.\n  Make it an operand."
            )
    return tree


def _definer(family: str, *, operator: str | None = None, **facets: Any) -> Decorator:
    def define(function: Callable[P, R]) -> Callable[P, R]:
        stated = facets.pop("operands", None)
        signature = inspect.signature(function)
        operands = _operands_of(signature) if stated is None else stated
        variadic = len(operands) == 1 and _annotation(signature, operands[0]) == (
            "Sequence[Tensor]"
        )
        op = Op(
            function.__name__, family, function, signature, operands,
            variadic=variadic, **facets,
        )  # fmt: skip
        if op.infer is None:
            op = _with_traced_type(op)
        return _publish(op, operator)

    return define


def _publish(op: Op, operator: str | None) -> Callable[..., Any]:
    """Enter the op in the table and return the function users call."""

    @functools.wraps(op.reference)
    def function(*args: Any, **kwargs: Any) -> Any:
        return call(op, args, kwargs)

    function.op = op  # type: ignore[attr-defined]
    OPS[op.name] = op
    if operator is not None:
        OPERATORS[operator] = function
    return function


def _annotation(signature: inspect.Signature, name: str) -> str:
    note = signature.parameters[name].annotation
    return note if isinstance(note, str) else getattr(note, "__name__", str(note))


def _operands_of(signature: inspect.Signature) -> tuple[str, ...]:
    """Parameters annotated as tensors, else the positional ones without default."""
    names = [n for n in signature.parameters if "Tensor" in _annotation(signature, n)]
    if names:
        return tuple(names)
    return tuple(
        name
        for name, p in signature.parameters.items()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    )


def _with_traced_type(op: Op) -> Op:
    """Infer a composite's type by running its body on abstract values, once a case."""
    import dataclasses

    @functools.lru_cache(maxsize=4096)
    def traced(types: tuple[TensorType, ...], attrs: Attrs) -> Any:
        inputs = [input_value(f"x{i}", t, i) for i, t in enumerate(types)]
        result = expand_call(op, inputs, dict(attrs))
        if isinstance(result, tuple):
            return tuple(r.type for r in result)
        return result.type

    def infer(*types: TensorType, **attrs: Any) -> Any:
        try:
            return traced(types, tuple(sorted(attrs.items())))
        except TypeError as error:
            if "unhashable" not in str(error):
                raise
            return traced.__wrapped__(types, tuple(sorted(attrs.items())))

    return dataclasses.replace(op, infer=infer)


def expand_call(op: Op, inputs: Sequence[Value], attrs: dict[str, Any]) -> Any:
    """Run a composite's body on values; the result is made of other ops."""
    with untraced():  # sizes met on the way shall be values too, not tensors
        return invoke_reference(op, inputs, attrs)


def require(condition: object, fact: str) -> None:
    """Raise `ShapeError` with a plain fact; the caller adds op and types."""
    if not condition:
        raise ShapeError(fact)
