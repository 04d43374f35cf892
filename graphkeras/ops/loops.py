"""Loops that stay loops: a body traced once, run for as many turns as there are.

The body is a closed graph. Its inputs are what is carried from turn to turn, one slice
of each sequence, and what it takes of the graph around it, in this order; its outputs
are the carried values of the next turn and what each turn gives.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir import dims
from graphkeras.ir.definers import require, structured
from graphkeras.ir.dims import Dim
from graphkeras.ir.interpret import evaluate
from graphkeras.ir.op import (
    CONSTANT,
    INPUT,
    STATE,
    apply_to_values,
    input_value,
    nested,
    nondifferentiable,
    rebuild,
)
from graphkeras.ir.types import TensorType
from graphkeras.ir.typing import Tensor
from graphkeras.ir.value import Graph, Value, dims_of, note_origin, walk
from graphkeras.ops.creation import full_value
from graphkeras.ops.loops_onnx import scan_rule, while_rule
from graphkeras.ops.math import add

# What costs nothing where it is read, and may be large where it is kept.
_WRITTEN_INSIDE = ("broadcast_to", "reshape")

_serial = itertools.count()

# Names and what they stand for: sizes of the body that its operands may not show.
Sizes = tuple[tuple[str, Dim], ...]


# ------------------------------------------------------------------------- bodies


def leaf(name: str, type_: TensorType) -> Value:
    """Return a new input of a body, unlike that of any other."""
    return input_value(name, type_, next(_serial))


def closed(
    outputs: Sequence[Value], leaves: Sequence[Value]
) -> tuple[tuple[Value, ...], list[Value], list[Value]]:
    """Return outputs that depend on leaves alone.

    Args:
        outputs: values that may depend on anything.
        leaves: the inputs that the body has already.

    Returns:
        The outputs; what the body takes from around it: whatever does not change from
        turn to turn, computed once; and the inputs that stand for that.
    """
    inside = set(leaves)
    order = walk(outputs)
    for value in order:
        if any(operand in inside for operand in value.inputs):
            inside.add(value)
    new: dict[Value, Value] = {value: value for value in leaves}
    taken: dict[Value, Value] = {}
    for value in order:
        if value in inside and value not in new:
            operands = [_own(x, inside, new, taken) for x in value.inputs]
            new[value] = rebuild(value, operands)
            if value.origin is not None:
                note_origin(new[value], value.origin)
    found = tuple(_own(value, inside, new, taken) for value in outputs)
    return found, list(taken), list(taken.values())


def _own(
    value: Value, inside: Container[Value], new: dict[Value, Value],
    taken: dict[Value, Value],
) -> Value:  # fmt: skip
    """Return what stands for a value in the body."""
    if value in inside:
        return new[value]
    if value not in new:
        if _is_free(value):
            new[value] = value
        elif value.op.name in _WRITTEN_INSIDE:
            new[value] = rebuild(value, [_own(value.inputs[0], inside, new, taken)])
        else:
            new[value] = taken[value] = leaf("captured", value._tensor_type)
    return new[value]


def _is_free(value: Value) -> bool:
    """Whether a value is made of single numbers and sizes alone."""
    for part in walk([value]):
        if part.op in (INPUT, STATE) or part.op.family not in (
            "leaf", "elementwise", "movement"
        ):  # fmt: skip
            return False
        if part.op is CONSTANT and part.data.array.size > 1:
            return False
    return True


def sizes_of(*graphs: Graph) -> Sizes:
    """Return every symbol of these graphs as a size that is known at run time."""
    names: set[str] = set()
    for graph in graphs:
        for value in graph.walk():
            for dim in (*dims_of(value), *_dims_in(value.attrs)):
                names |= dims.symbols(dim)
            names |= {name for name, _ in value.attributes.get("sizes", ())}
    return tuple((name, dims.symbol(name)) for name in sorted(names))


def _dims_in(attribute: Any) -> list[Dim]:
    if isinstance(attribute, tuple):
        return [dim for part in attribute for dim in _dims_in(part)]
    return [attribute] if isinstance(attribute, dims.SymbolicDim) else []


def at_sizes(type_: TensorType, sizes: Sizes) -> TensorType:
    return type_.at(dict(sizes))


def require_types(
    leaves: Sequence[Value], types: Sequence[TensorType], sizes: Sizes
) -> None:
    require(len(leaves) == len(types), f"expected {len(leaves)} operands")
    for value, type_ in zip(leaves, types):
        expected = at_sizes(value._tensor_type, sizes)
        require(expected == type_, f"expected {expected} for {value.name}, got {type_}")


# --------------------------------------------------------------------------- scan


def _scan_canonical(*types: TensorType, **attrs: Any) -> dict[str, Any]:
    if attrs.get("sizes") is None:
        attrs["sizes"] = sizes_of(attrs["body"])
    return attrs


def _scan_type(
    *types: TensorType, body: Graph, carries: int, sequences: int, length: Dim,
    reverse: bool, stash: tuple[int, ...], sizes: Sizes,
) -> tuple[TensorType, ...]:  # fmt: skip
    slices = types[carries : carries + sequences]
    for type_ in slices:
        require(type_.rank and type_.shape[0] == length, f"expected {length} slices")
    rows = [type_.with_shape(type_.shape[1:]) for type_ in slices]
    given = [*types[:carries], *rows, *types[carries + sequences :]]
    require_types(body.inputs, given, sizes)
    after = [at_sizes(value._tensor_type, sizes) for value in body.outputs]
    require(tuple(after[:carries]) == types[:carries], "expected carries to keep type")
    made = [*after[carries:], *(types[i] for i in stash)]
    stacked = (t.with_shape((length, *t.shape)) for t in made)
    return (*types[:carries], *stacked)


def _scan_vjp(
    g: Sequence[Value | None], y: Value, *xs: Value, pull: Callable[..., Any]
) -> list[Value | None]:
    return _Back(y, xs, g).gradients(pull)


@structured(
    infer=_scan_type, kernel=nested, vjp=_scan_vjp, onnx=scan_rule,
    canonical=_scan_canonical, graphs=("body",), pulls=True,
)  # fmt: skip
def scan_steps(
    xs: Sequence[Tensor], *, body: Graph, carries: int, sequences: int, length: Dim,
    reverse: bool = False, stash: tuple[int, ...] = (), sizes: Any = None,
) -> Any:  # fmt: skip
    """Run a body for each slice: carried values after it, then results stacked.

    Args:
        xs: first carried values, sequences, and what the body takes from around it.
        body: the graph of one turn.
        carries: how many values are carried.
        sequences: how many operands are taken slice by slice, along their first axis.
        length: how many turns there are.
        reverse: whether the last slice is the first.
        stash: the carried values that are given too, as each turn found them.
        sizes: the sizes that the body's types speak of.
    """
    carried, given = list(xs[:carries]), xs[carries : carries + sequences]
    rest, known = xs[carries + sequences :], dict(sizes)
    kinds = [*body.outputs[carries:], *(body.inputs[i] for i in stash)]
    stacks = [_room(int(length), value, sizes) for value in kinds]
    for t in reversed(range(int(length))) if reverse else range(int(length)):
        found = dict(zip(body.inputs, (*carried, *(x[t] for x in given), *rest)))
        before = [carried[i] for i in stash]
        results = evaluate(body.outputs, found, known)
        carried = results[:carries]
        for stack, row in zip(stacks, (*results[carries:], *before)):
            stack[t] = row
    return (*carried, *stacks)


def _room(length: int, value: Value, sizes: Sizes) -> np.ndarray:
    type_ = at_sizes(value._tensor_type, sizes)
    return np.empty((length, *type_.shape), dtypes.to_numpy(type_.dtype))


class _Back:
    """The loop that goes back over a scan: it computes each turn's body again.

    It carries the gradients of the carried values and the sums of those of what the
    body takes from around it; each turn gives the gradients of its slices.
    """

    def __init__(
        self, y: Value, xs: Sequence[Value], g: Sequence[Value | None]
    ) -> None:
        self.y, self.xs, self.body = y, xs, y.body
        self.n, self.m = y.carries, y.carries + y.sequences
        self.g = [
            s if dtypes.is_float(t.dtype) else None for s, t in zip(g, y.types)
        ]  # fmt: skip

    def gradients(self, pull: Callable[..., Any]) -> list[Value | None]:
        """Return the gradient of each operand."""
        inputs, n, m = self.body.inputs, self.n, self.m
        floats = [i for i, v in enumerate(inputs) if dtypes.is_float(v.dtype)]
        # What is pulled back: carried values by what the turn after says, others by g.
        carried = {i: leaf("slope", inputs[i].type) for i in floats if i < n}
        ends = [(self.body.outputs[i], slope) for i, slope in carried.items()]
        given = [(i, s) for i, s in enumerate(self.g[n:], n) if s is not None]
        slices = [leaf("slope", self._made(i)._tensor_type) for i, _ in given]
        ends += [(self._made(i), slope) for (i, _), slope in zip(given, slices)]
        found = dict(zip(floats, pull(ends, [inputs[i] for i in floats])))
        sums = {
            i: leaf("sum", inputs[i].type)
            for i in floats if i >= m and found[i] is not None
        }  # fmt: skip
        after = [_or_zero(found[i], inputs[i]) for i in carried]
        after += [add(total, found[i]) for i, total in sums.items()]
        rows = {i: found[i] for i in floats if n <= i < m and found[i] is not None}
        own = [*carried.values(), *sums.values()]
        first = [_or_zero(self.g[i], self.xs[i]) for i in carried]
        first += [_or_zero(None, self.xs[i]) for i in sums]
        results = self._run(own, first, [*after, *rows.values()], slices, given)
        return self._sorted(results, [*carried, *sums, *rows])

    def _made(self, number: int) -> Value:
        """Return the value of the body behind a result that is stacked."""
        count = len(self.body.outputs)
        if number < count:
            return self.body.outputs[number]
        return self.body.inputs[self.y.stash[number - count]]

    def _run(
        self, own: list[Value], first: list[Value], outputs: list[Any],
        slices: list[Value], given: list[tuple[int, Any]],
    ) -> tuple[Value, ...]:  # fmt: skip
        """Return the results of the loop back."""
        inputs, n, m = self.body.inputs, self.n, self.m
        used = set(walk(outputs))
        stash = tuple(i for i in range(n) if inputs[i] in used)
        kept = self._stashed(stash)
        rows = [i for i in range(n, m) if inputs[i] in used]
        around = [i for i in range(m, len(inputs)) if inputs[i] in used]
        leaves = [*own, *(inputs[i] for i in (*stash, *rows)), *slices]
        leaves += [inputs[i] for i in around]
        outputs_, extra, more = closed(outputs, leaves)
        operands = [*first, *kept, *(self.xs[i] for i in rows), *(s for _, s in given)]
        operands += [*(self.xs[i] for i in around), *extra]
        return repeat(
            operands, body=Graph((*leaves, *more), outputs_), carries=len(own),
            sequences=len(kept) + len(rows) + len(given), length=self.y.length,
            reverse=not self.y.reverse,
        )  # fmt: skip

    def _stashed(self, stash: tuple[int, ...]) -> tuple[Value, ...]:
        """Return what each turn found, by the same loop with more results."""
        if not stash:
            return ()
        attrs = {**self.y.attributes, "stash": (*self.y.stash, *stash)}
        results = apply_to_values(self.y.op, self.xs, attrs)
        return results[-len(stash) :]

    def _sorted(self, results: Sequence[Value], places: list[int]) -> list[Any]:
        by_place = dict(zip(places, results, strict=True))
        return [by_place.get(i) for i in range(len(self.xs))]


def _or_zero(value: Value | None, like: Value) -> Value:
    return full_value(0, like.shape, like.dtype) if value is None else value


def repeat(operands: Sequence[Value], **attrs: Any) -> tuple[Value, ...]:
    """Return the results of `scan_steps`, always as a tuple."""
    found = apply_to_values(scan_steps.op, operands, attrs)  # type: ignore[attr-defined]
    return found if isinstance(found, tuple) else (found,)


# -------------------------------------------------------------------------- while


def _while_canonical(*types: TensorType, **attrs: Any) -> dict[str, Any]:
    if attrs.get("sizes") is None:
        attrs["sizes"] = sizes_of(attrs["condition"], attrs["body"])
    return attrs


def _while_type(
    *types: TensorType, condition: Graph, body: Graph, carries: int, sizes: Sizes
) -> tuple[TensorType, ...]:
    require_types(body.inputs, types, sizes)
    require_types(condition.inputs, types, sizes)
    after = tuple(at_sizes(value._tensor_type, sizes) for value in body.outputs)
    require(after == types[:carries], "expected carries to keep their type")
    require(
        condition.outputs[0].type == TensorType("bool", ()), "expected a scalar bool"
    )
    return after


@structured(
    infer=_while_type, kernel=nested, vjp=nondifferentiable, onnx=while_rule,
    canonical=_while_canonical, graphs=("condition", "body"),
    known_as="while_loop",
    instead="Use ops.scan or a fori_loop of known bounds, or ops.stop_gradient where"
    " none is meant.",
)  # fmt: skip
def while_steps(
    xs: Sequence[Tensor], *, condition: Graph, body: Graph, carries: int,
    sizes: Any = None,
) -> Any:  # fmt: skip
    """Run a body for as long as a condition holds: the carried values after it.

    Args:
        xs: first carried values, and what the two graphs take from around them.
        condition: a graph whose one output is a scalar bool.
        body: the graph of one turn, with the same inputs.
        carries: how many values are carried.
        sizes: the sizes that the graphs' types speak of.
    """
    carried, rest, known = list(xs[:carries]), xs[carries:], dict(sizes)
    while True:
        found = dict(zip(condition.inputs, (*carried, *rest)))
        if not bool(evaluate(condition.outputs, found, known)[0]):
            return tuple(carried)
        found = dict(zip(body.inputs, (*carried, *rest)))
        carried = evaluate(body.outputs, found, known)


def inner_graphs(value: Value) -> list[Graph]:
    """Return the graphs that a value holds."""
    held = [value.attributes[name] for name in value.op.fact("graphs", ())]
    return [graph for one in held for graph in _each(one)]


def _each(held: Graph | Sequence[Graph]) -> Sequence[Graph]:
    return (held,) if isinstance(held, Graph) else held
