"""A choice among graphs: one of them is run, the others are not.

Each branch is a closed graph. All have the same inputs, which stand for what any of
them takes from the graph around; their outputs agree in type.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.ir.definers import require, structured
from graphkeras.ir.interpret import evaluate
from graphkeras.ir.op import (
    INPUT,
    STATE,
    apply_to_values,
    nested,
    rebuild,
)
from graphkeras.ir.types import TensorType
from graphkeras.ir.typing import Tensor
from graphkeras.ir.value import Graph, Value, note_origin, walk
from graphkeras.ops.creation import full_value
from graphkeras.ops.loops import Sizes, at_sizes, leaf, require_types, sizes_of


def _canonical(*types: TensorType, **attrs: Any) -> dict[str, Any]:
    if attrs.get("sizes") is None:
        attrs["sizes"] = sizes_of(*attrs["branches"])
    return attrs


def _type(
    *types: TensorType, branches: Sequence[Graph], sizes: Sizes
) -> tuple[TensorType, ...]:
    index, *given = types
    require(index == TensorType("int32", ()), "expected a scalar int32 index")
    found = []
    for branch in branches:
        require_types(branch.inputs, given, sizes)
        made = (at_sizes(value._tensor_type, sizes) for value in branch.outputs)
        found.append(tuple(made))
    require(len(set(found)) == 1, "expected branches that give the same types")
    return found[0]


def _vjp(
    g: Sequence[Value | None], y: Value, index: Value, *xs: Value,
    pull: Callable[..., Any],
) -> list[Value | None]:  # fmt: skip
    """Choose among the branches' gradients by the same index."""
    inputs = y.branches[0].inputs
    floats = [i for i, x in enumerate(xs) if dtypes.is_float(x.dtype)]
    ends = [
        i for i, (slope, t) in enumerate(zip(g, y.types))
        if slope is not None and dtypes.is_float(t.dtype)
    ]  # fmt: skip
    slopes = {i: leaf("slope", y.types[i]) for i in ends}
    found = [
        pull([(branch.outputs[i], slope) for i, slope in slopes.items()],
             [inputs[i] for i in floats])
        for branch in y.branches
    ]  # fmt: skip
    known = [n for n, parts in enumerate(zip(*found)) if parts.count(None) < len(parts)]
    if not known:
        return [None] * (len(xs) + 1)
    outputs = [
        [_or_zero(parts[n], inputs[floats[n]]) for n in known] for parts in found
    ]
    leaves = [*inputs, *slopes.values()]
    operands = [*xs, *(g[i] for i in ends)]
    results = choose(index, operands, leaves, outputs, Below(leaves, outputs))
    by_place = {floats[n]: result for n, result in zip(known, results)}
    return [None, *(by_place.get(i) for i in range(len(xs)))]


def _or_zero(value: Value | None, like: Value) -> Value:
    return full_value(0, like.shape, like.dtype) if value is None else value


def _onnx(b: Any, y: Any, index: Any, *xs: Any) -> Any:
    """If after If: the first branches are asked for first."""
    last = len(y.branches) - 1

    def pick(number: int) -> Any:
        if number == last:
            return b.inline(y.branches[number], *xs)
        found = b.If(
            b.Less(index, b.constant(np.int32(number + 1))),
            lambda: b.inline(y.branches[number], *xs),
            lambda: pick(number + 1), outputs=len(y.types),
        )  # fmt: skip
        return (found,) if isinstance(found, str) else found

    return pick(0)


@structured(
    infer=_type, kernel=nested, vjp=_vjp, onnx=_onnx, canonical=_canonical,
    graphs=("branches",), pulls=True, known_as="switch",
)  # fmt: skip
def chosen_branch(xs: Sequence[Tensor], *, branches: Any, sizes: Any = None) -> Any:
    """Run one of some graphs, the nearest if there is none of that number.

    Args:
        xs: a scalar int32, then what the graphs take.
        branches: graphs with the same inputs.
        sizes: the sizes that the graphs' types speak of.
    """
    index, *rest = xs
    branch = branches[min(max(int(index), 0), len(branches) - 1)]
    found = dict(zip(branch.inputs, rest, strict=True))
    return tuple(evaluate(branch.outputs, found, dict(sizes)))


# -------------------------------------------------------------- closing the branches


class Since:
    """The values that have come since a serial was the next one."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __contains__(self, value: object) -> bool:
        return value.serial >= self.first  # type: ignore[attr-defined]


class Below:
    """The values of some outputs that depend on leaves."""

    def __init__(
        self, leaves: Sequence[Value], outputs: Sequence[Sequence[Value]]
    ) -> None:
        self.found = set(leaves)
        for value in walk([v for branch in outputs for v in branch]):
            if any(operand in self.found for operand in value.inputs):
                self.found.add(value)

    def __contains__(self, value: object) -> bool:
        return value in self.found


def choose(
    index: Any,
    operands: Sequence[Any],
    leaves: Sequence[Value],
    outputs: Sequence[Sequence[Value]],
    own: Container[Value],
) -> tuple[Value, ...]:
    """Return the results of the branch of that number.

    Args:
        operands: what the leaves stand for.
        leaves: inputs that the branches have already.
        outputs: of each branch; what they need may be anywhere.
        own: what is computed in a branch; the rest is taken from around it.
    """
    closing = _Closing(leaves, outputs, own)
    graphs = closing.graphs()
    given = [index, *operands, *closing.taken]
    found = apply_to_values(chosen_branch.op, given, {"branches": graphs})  # type: ignore[attr-defined]
    return found if isinstance(found, tuple) else (found,)


class _Closing:
    """Branches that are being cut out of the graph around them.

    Attributes:
        taken: what they take from it, with the leaf that stands for it.
    """

    def __init__(
        self, leaves: Sequence[Value], outputs: Sequence[Sequence[Value]],
        own: Container[Value],
    ) -> None:  # fmt: skip
        self.leaves, self.outputs, self.own = leaves, outputs, own
        self.taken: dict[Value, Value] = {}
        self.new: dict[Value, Value] = {value: value for value in leaves}
        self._free: dict[Value, bool] = {}

    def graphs(self) -> tuple[Graph, ...]:
        """Return the closed branches."""
        found = []
        for branch in self.outputs:
            # What is taken from around must not be walked through: it may be large.
            for value in walk(branch, stop=_Known(self)):
                self._close(value)
            found.append([self._of(value) for value in branch])
        inputs = (*self.leaves, *self.taken.values())
        return tuple(Graph(inputs, tuple(outputs)) for outputs in found)

    def is_inside(self, value: Value) -> bool:
        """Whether a value is computed in the branches."""
        if self.is_free(value):
            return True
        return value.inputs != () and value in self.own and not _is_of_texts(value)

    def is_free(self, value: Value) -> bool:
        """Whether a value is made of constants and sizes alone."""
        for part in walk([value], stop=self._free):
            fixed = part.op not in (INPUT, STATE) and not _is_of_texts(part)
            self._free[part] = fixed and all(self._free[i] for i in part.inputs)
        return self._free[value]

    def _close(self, value: Value) -> None:
        operands = [self._of(x) for x in value.inputs]
        self.new[value] = made = rebuild(value, operands) if operands else value
        if value.origin is not None:
            note_origin(made, value.origin)

    def _of(self, value: Value) -> Value:
        """Return what stands for a value in the branches."""
        if value not in self.new:
            self.new[value] = self.taken[value] = leaf("captured", value._tensor_type)
        return self.new[value]


class _Known:
    """What a walk through a branch need not go into."""

    def __init__(self, closing: _Closing) -> None:
        self.closing = closing

    def __contains__(self, value: object) -> bool:
        known = value in self.closing.new
        return known or not self.closing.is_inside(value)  # type: ignore[arg-type]


def _is_of_texts(value: Value) -> bool:
    """Whether a value is a text, or made of one: texts are prepared beforehand."""
    types = [*value.types, *(t for x in value.inputs for t in x.types)]
    return value.op.is_hosted or any(t.dtype == "string" for t in types)
