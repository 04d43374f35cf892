"""The builder `b` that the ops' ONNX rules speak to.

A rule reads as ONNX: ``lambda b, y, x: b.Softmax(x, axis=y.axis)``. Values go by name;
equal constants and equal nodes are one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, cast

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ExportError, ShapeError, message
from graphkeras.export.gaps import GAPS, Gap
from graphkeras.export.nodes import (
    CONTRIB,
    DTYPE_CODES,
    DTYPE_NAMES,
    ELEMENTWISE,
    GIVES_BOOL,
    ML,
    Body,
    Node,
)
from graphkeras.export.sizes import Sizes
from graphkeras.ir.dims import Dim
from graphkeras.ir.types import TensorType, broadcast_shapes, type_of
from graphkeras.ir.value import attribute_key

Ref = str  # the name of a value in the ONNX graph
_BOOL = TensorType("bool", ())
_INT = TensorType("int64", ())


class NoKernel(ExportError):
    """An operator that no runtime has for this dtype."""


class Builder:
    """Collects nodes; every method named like an ONNX operator adds one.

    ``b.Gather(x, i, axis=0)`` returns the name of its result; ``outputs=2`` gives two,
    ``domain="ai.onnx.ml"`` takes the other operator set; None leaves an operand out.

    Args:
        opset: version of the ``ai.onnx`` operators.
        contrib: whether rules may use onnxruntime's own operators.

    Attributes:
        body: the outermost graph.
        initializers: constants and weights by name.

    Example:
        >>> b = Builder()
        >>> x = b.input("x", TensorType("float32", (2,)))
        >>> b.Mul(x, b.scalar(2, "float32"))
        'Mul'
    """

    def __init__(self, opset: int = 20, contrib: bool = False) -> None:
        self.opset, self.contrib = opset, contrib
        self.body = Body("main")
        self.initializers: dict[str, np.ndarray] = {}
        self.who = "export"
        self._bodies = [self.body]
        self._path = ""
        self._types: dict[Ref, TensorType] = {}
        self._taken: dict[str, int] = {}
        self._constants: dict[tuple[Any, ...], Ref] = {}
        self._made: dict[tuple[Any, ...], tuple[Ref, ...]] = {}
        self._sizes = Sizes(self)

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        if not kind[:1].isupper():
            raise AttributeError(f"the ONNX builder has no {kind!r}")
        return functools.partial(self.node, kind)

    # --------------------------------------------------------------------- nodes

    def node(
        self, kind: str, *refs: Ref | None, outputs: int = 1, domain: str = "",
        **attrs: Any,
    ) -> Any:  # fmt: skip
        """Add an operator and return the name of its result, or a tuple of names."""
        if domain not in ("", ML) and not (self.contrib and domain == CONTRIB):
            self.refuse(f"{domain}.{kind} is not a standard operator")
        names = ["" if r is None else self._checked(kind, r) for r in refs]
        gap, dtype = self._gap(kind, names)
        if gap is not None:
            return self._widened(gap, dtype, kind, names, outputs, attrs)
        while names and not names[-1]:
            names.pop()
        kept = {k: _attribute(v) for k, v in attrs.items() if v is not None}
        key = (kind, domain, outputs, *names, *_attrs_key(kept))
        found = self._find(key)
        if found is None:
            found = tuple(self._name(kind) for _ in range(outputs))
            self._bodies[-1].nodes.append(Node(kind, names, [*found], kept, domain))
            self._made[(self._bodies[-1], *key)] = found
            if kind in ELEMENTWISE:
                self._infer(found[0], kind, names, kept)
        return found[0] if outputs == 1 else found

    def _infer(
        self, ref: Ref, kind: str, names: list[Ref], attrs: dict[str, Any]
    ) -> None:
        """Note the type of an elementwise result, so that gaps in it are seen."""
        known = [self.type(name) for name in names if name]
        if None in known:
            return
        types = cast(list[TensorType], known)
        dtype = "bool" if kind in GIVES_BOOL else types[-1].dtype
        if kind == "Cast":
            dtype = DTYPE_NAMES[attrs["to"]]
        with suppress(ShapeError):  # sizes that agree only at run time
            shape = broadcast_shapes(*(t.shape for t in types))
            self._types[ref] = TensorType(dtype, shape)

    def _gap(self, kind: str, names: list[Ref]) -> tuple[Gap | None, str]:
        """Return what to do where an operator lacks the dtype of its operands."""
        gap = GAPS.get(kind)
        if gap is not None:
            for name in names[gap.operands]:
                known = self.type(name)
                if known is not None and known.dtype in gap.instead:
                    return gap, known.dtype
        return None, ""

    def _widened(
        self, gap: Gap, dtype: str, kind: str, names: list[Ref], outputs: int,
        attrs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """Add an operator on operands cast to a dtype that it has, and cast back."""
        instead = gap.instead[dtype]
        if not instead:
            raise NoKernel(f"{kind} of {dtype} has no kernel in onnxruntime")
        names = [*names]
        names[gap.operands] = [self.cast_to(n, instead) for n in names[gap.operands]]
        found = self.node(kind, *names, outputs=outputs, **attrs)
        results = [found] if outputs == 1 else found
        back = tuple(self.Cast(ref, to=self.dtype(dtype)) for ref in results)
        return back[0] if outputs == 1 else back

    def _checked(self, kind: str, ref: Any) -> Ref:
        if not isinstance(ref, str):
            raise TypeError(
                f"b.{kind}: expected names of values.\n  Received {ref!r}."
                "\n  Wrap arrays by b.constant, numbers by b.scalar, sizes by b.shape."
            )
        return ref

    def _find(self, key: tuple[Any, ...]) -> tuple[Ref, ...] | None:
        """An equal node made before, here or in an enclosing graph."""
        hits = (self._made.get((body, *key)) for body in self._bodies)
        return next((hit for hit in hits if hit is not None), None)

    def _name(self, kind: str) -> Ref:
        return self.unique(f"{self._path}/{kind}" if self._path else kind)

    def unique(self, name: str) -> Ref:
        """Return `name`, with a number behind it if it is taken, and take it."""
        count = self._taken.get(name, 0)
        self._taken[name] = count + 1
        return name if not count else self.unique(f"{name}_{count}")

    @contextmanager
    def at(self, path: str) -> Iterator[None]:
        """Name what is made inside after the layer at `path`."""
        kept, self._path = self._path, path
        try:
            yield
        finally:
            self._path = kept

    # ---------------------------------------------------------- inputs, constants

    def input(self, name: str, type_: TensorType) -> Ref:
        """Declare an input of the outermost graph; its free sizes become known."""
        name = self.unique(name)
        self.body.inputs.append((name, type_))
        self.note_type(name, type_)
        return name

    def weight(self, name: str, array: np.ndarray) -> Ref:
        """Store a variable's array under its own name."""
        name = self.unique(name)
        self.initializers[name] = array
        self._types[name] = type_of(array)
        return name

    def restate(self, name: Ref, array: np.ndarray, alone: bool) -> Ref:
        """Store another arrangement of a weight, in its place if it has one reader."""
        if not alone or name in self._constants.values():
            return self.weight(name, array)
        self.initializers[name] = array
        self._types[name] = type_of(array)
        return name

    def constant(self, array: Any) -> Ref:
        """Return an array (of any dtype, strings as objects or str) as a constant."""
        array = np.asarray(array)
        array = np.asarray(array, dtypes.to_numpy(dtypes.of_array(array)), order="C")
        held = tuple(array.flat) if array.dtype == object else array.tobytes()
        key = (dtypes.of_array(array), array.shape, held)
        if key not in self._constants:
            self._constants[key] = self.weight(_constant_name(array), array)
        return self._constants[key]

    def scalar(self, value: Any, dtype: str) -> Ref:
        """Return a number (or string) as a constant of rank 0."""
        return self.constant(np.array(value, dtypes.to_numpy(dtype)))

    def ints(self, values: Sequence[int]) -> Ref:
        """Return plain ints as an int64 vector."""
        return self.constant(np.array(list(values), np.int64))

    # --------------------------------------------------------------- sizes, dtypes

    def shape(self, dims: Sequence[Dim]) -> Ref:
        """Return sizes, symbolic ones included, as an int64 vector."""
        return self._sizes.vector(tuple(dims))

    def size(self, dim: Dim, dtype: str = "int64") -> Ref:
        """Return one size as a scalar."""
        if isinstance(dim, int):
            return self.scalar(dim, dtype)
        ref = self._sizes.scalar(dim)
        return ref if dtype == "int64" else self.Cast(ref, to=self.dtype(dtype))

    def reshape(self, ref: Ref, dims: Sequence[Dim]) -> Ref:
        """Reshape to sizes that may be symbolic, right also where a size is 0.

        Axes of size 1 are added and dropped by Unsqueeze and Squeeze. Else a lone free
        size is written -1, sizes that stay in place 0; any other shape is computed.
        """
        dims = tuple(dims)
        known = self.type(ref)
        if known is not None and known.shape == dims:
            return ref
        if known is not None and len(dims) != known.rank:
            wide, kind = (
                (dims, "Unsqueeze")
                if len(dims) > known.rank
                else (known.shape, "Squeeze")
            )
            axes = _unit_axes(wide, known.shape if wide is dims else dims)
            if axes is not None:
                return self.node(kind, ref, self.ints(axes))
        target = _reshape_target(dims, known.shape if known else ())
        if target is None:
            return self.Reshape(ref, self.shape(dims), allowzero=1)
        return self.Reshape(ref, self.ints(target))

    def iota(self, type_: TensorType, axis: int) -> Ref:
        """Return a tensor whose elements are their own index along `axis`."""
        line = self.Range(self.size(0), self.size(type_.shape[axis]), self.size(1))
        if type_.dtype != "int64":
            line = self.Cast(line, to=self.dtype(type_.dtype))
        if type_.rank == 1:
            return line
        after = tuple(range(1, type_.rank - axis))
        column = self.Unsqueeze(line, self.ints(after)) if after else line
        return self.Expand(column, self.shape(type_.shape))

    def dtype(self, name: str) -> int:
        """Return ONNX's number for a dtype."""
        return DTYPE_CODES[name]

    def cast_to(self, ref: Ref, dtype: str) -> Ref:
        """Cast, unless the value is known to be of `dtype`."""
        known = self.type(ref)
        if known is not None and known.dtype == dtype:
            return ref
        return self.Cast(ref, to=self.dtype(dtype))

    def type(self, ref: Ref) -> TensorType | None:
        """Return the type of a value if it is known."""
        return self._types.get(ref)

    def note_type(self, ref: Ref, type_: TensorType) -> None:
        """Remember a value's type; sizes not met before can be read off the value."""
        self._types[ref] = type_
        if len(self._bodies) == 1:
            self._sizes.learn(ref, type_.shape)

    def known_types(self) -> list[tuple[Ref, TensorType]]:
        """Return every value whose type is known, with its type."""
        return list(self._types.items())

    def refuse(self, reason: str, remedy: str = "") -> NoReturn:
        """Raise the error that this op, used this way, cannot be said in ONNX."""
        way_out = "Leave this layer out of the exported model, or use other ops."
        expected = f"ONNX opset {self.opset} cannot express this: {reason}."
        raise ExportError(message(self.who, expected, "", remedy or way_out))

    # -------------------------------------------------------------- inner graphs

    @contextmanager
    def outermost(self) -> Iterator[None]:
        """Put the nodes made inside into the outermost graph."""
        kept, self._bodies = self._bodies, [self.body]
        try:
            with self.at("sizes"):
                yield
        finally:
            self._bodies = kept

    def subgraph(
        self,
        function: Callable[..., Any],
        *inputs: TensorType | str | None,
        name: str = "body",
        results: Sequence[TensorType | str | None] = (),
    ) -> Body:
        """Return the graph of what `function` adds, for an If, Loop or Scan.

        Args:
            function: takes the names of the inputs, gives one name or several; it may
                use values of the graphs around it.
            inputs: types of the inputs, or their dtypes, or None.
            results: types of the results, where the operator needs them.
        """
        body = Body(self.unique(f"{self._path}/{name}" if self._path else name))
        for i, type_ in enumerate(inputs):
            ref = self.unique(f"{body.name}/in{i}")
            body.inputs.append((ref, type_))
            if isinstance(type_, TensorType):
                self._types[ref] = type_
        self._bodies.append(body)
        try:
            given = function(*(ref for ref, _ in body.inputs))
            refs = [given] if isinstance(given, str) else list(given)
            self._close(body, refs, results)
        finally:
            self._bodies.pop()
        return body

    def _close(self, body: Body, refs: list[Ref], results: Sequence[Any]) -> None:
        """Name the results; each must come from a node of the body, and only once."""
        made = {name for node in body.nodes for name in node.outputs}
        types = [*results] or [
            self._types.get(r) and self._types[r].dtype for r in refs
        ]
        for ref, type_ in zip(refs, types, strict=True):
            if ref not in made or ref in body.output_names:
                again = Node("Identity", [ref], [self._name("Identity")])
                body.nodes.append(again)
                ref = again.outputs[0]
            body.outputs.append((ref, type_))

    def If(
        self, condition: Ref, then: Callable[[], Any], otherwise: Callable[[], Any],
        outputs: int = 1,
    ) -> Any:  # fmt: skip
        """Return what `then` makes if the scalar `condition` holds, else `otherwise`.

        Both take nothing and give as many values as `outputs`.
        """
        return self.node(
            "If", condition, outputs=outputs,
            then_branch=self.subgraph(then, name="then"),
            else_branch=self.subgraph(otherwise, name="else"),
        )  # fmt: skip

    def Loop(
        self,
        step: Callable[..., Sequence[Ref]],
        *carried: Ref,
        trips: Ref | None = None,
        condition: Ref | None = None,
        scans: int = 0,
        types: Sequence[TensorType | str | None] = (),
    ) -> Any:
        """Repeat `step` at most `trips` times, while its first result holds.

        Args:
            step: ``step(i, *carried) -> (go_on, *carried, *scanned)``; `i` counts from
                0, `go_on` is a bool scalar.
            carried: values handed from round to round; their shape may change.
            condition: whether to start at all; true by default.
            scans: how many results are stacked over the rounds.
            types: types of `carried`, where they are not known.

        Returns:
            The last carried values, then the stacked ones: one name or a tuple.
        """
        known = [*types] or [
            self._types.get(r) and self._types[r].dtype for r in carried
        ]
        start = self.scalar(True, "bool") if condition is None else condition
        body = self.subgraph(
            lambda i, _, *values: step(i, *values), _INT, _BOOL, *known, name="loop"
        )
        given = ["" if trips is None else trips, start, *carried]
        return self.node("Loop", *given, outputs=len(carried) + scans, body=body)


def _attribute(value: Any) -> Any:
    """Bring an attribute to one form: lists, not tuples; ints, not bools."""
    if isinstance(value, (bool, np.integer)):
        return int(value)
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, (tuple, list)):
        return [_attribute(v) for v in value]
    return value


def _attrs_key(attrs: dict[str, Any]) -> Iterator[Any]:
    for name, value in sorted(attrs.items()):
        if isinstance(value, np.ndarray):
            value = (str(value.dtype), value.shape, value.tobytes())
        yield name, attribute_key(value)


def _constant_name(array: np.ndarray) -> str:
    """A short constant is called by its value, so that a viewer shows it."""
    kind = dtypes.SHORT[dtypes.of_array(array)]
    if array.ndim > 1 or array.size > 6 or array.dtype == object:
        return f"constant:{kind}{[*array.shape]}"
    return f"{kind}:{np.array2string(array, separator=',')}".replace(" ", "")


def _unit_axes(wide: tuple[Dim, ...], narrow: tuple[Dim, ...]) -> list[int] | None:
    """Return the axes of size 1 that only `wide` has, None if more differs."""
    axes, rest = [], list(narrow)
    for axis, size in enumerate(wide):
        if rest and rest[0] == size:
            rest.pop(0)
        elif size == 1:
            axes.append(axis)
        else:
            return None
    return None if rest else axes


def _reshape_target(dims: tuple[Dim, ...], old: tuple[Dim, ...]) -> list[int] | None:
    """Return a constant that says `dims`, or None if they must be computed."""
    free = [i for i, d in enumerate(dims) if not isinstance(d, int)]
    if not free:
        return [int(d) for d in dims] if 0 not in dims else None
    if 0 in dims:
        return None
    if len(free) == 1:
        return [d if isinstance(d, int) else -1 for d in dims]
    if all(i < len(old) and old[i] == dims[i] for i in free):
        return [d if isinstance(d, int) else 0 for d in dims]
    return None
