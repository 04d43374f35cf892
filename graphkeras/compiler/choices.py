"""Choices among graphs: each branch passed, or all of them computed and one selected.

To compute a few numbers more is cheaper than to wait for all threads before and after,
and what is selected in a loop needs no memory of its own. So small work, and work that
is little for each number that it gives, is not left out: both branches of "update, if
the gradients are finite" are parts of the loops that update.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from graphkeras.compiler.alike import identity
from graphkeras.compiler.cost import own_cost
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import CONSTANT, apply_to_values, rebuild
from graphkeras.ir.value import Graph, Value, walk
from graphkeras.ops.traced_choices import select

FEW = 1 << 12  # operations that are done before all threads have met
LIGHT = 64  # ... for each number that a choice gives: a trip through memory

Pass = Callable[[Graph], Graph]


def is_choice(value: Value) -> bool:
    """Return whether a value is a choice among graphs."""
    return value.op.name == "chosen_branch"


class Choices:
    """The choices of a graph, brought through all passes.

    Args:
        passed: runs all passes on a branch.

    Attributes:
        results: what stands for the results of a choice that are wanted.
    """

    def __init__(self, passed: Pass) -> None:
        self.passed = passed
        self.results: dict[Value, dict[int, Value]] = {}
        self._wanted: dict[Value, set[int]] = {}
        # Branches that are alike are passed once, and are the same graphs in the end.
        self._known: dict[Any, Graph] = {}
        self._cut: dict[Any, tuple[Graph, ...]] = {}

    def note(self, choice: Value, index: int) -> None:
        """Note that a result is wanted."""
        self._wanted.setdefault(choice, set()).add(index)

    def run(self, choice: Value, operands: Sequence[Value]) -> dict[int, Value]:
        """Return the results of a choice by their number, and keep them."""
        wanted = sorted(self._wanted.get(choice, ()))
        branches = [
            self._passed(replace(b, outputs=tuple(b.outputs[i] for i in wanted)))
            for b in choice.branches
        ]
        found = self._chosen(choice, branches, operands) if wanted else ()
        self.results[choice] = dict(zip(wanted, found))
        return self.results[choice]

    def _passed(self, branch: Graph) -> Graph:
        key = identity(branch)
        if key not in self._known:
            self._known[key] = self.passed(branch)
        return self._known[key]

    def _chosen(
        self, choice: Value, branches: list[Graph], operands: Sequence[Value]
    ) -> Sequence[Value]:
        index, *given = operands
        if index.op is CONSTANT:
            number = min(max(int(index.data.array), 0), len(branches) - 1)
            return _inline(branches[number], given)
        if is_light(branches):
            parts = [_inline(branch, given) for branch in branches]
            return [select(index, row) for row in zip(*parts)]
        return self._built(choice, branches, operands)

    def _built(
        self, choice: Value, branches: Sequence[Graph], operands: Sequence[Value]
    ) -> Sequence[Value]:
        """Return the results of a choice that stays one."""
        index, *given = operands
        used = {value for branch in branches for value in branch.walk()}
        kept = tuple(own in used for own in branches[0].inputs)
        graphs = self._cut.setdefault(
            (tuple(branches), kept), tuple(_without(b, kept) for b in branches)
        )
        taken = [operand for operand, stays in zip(given, kept) if stays]
        found: Any = apply_to_values(choice.op, [index, *taken], {"branches": graphs})
        return found if isinstance(found, tuple) else (found,)


def _without(branch: Graph, kept: Sequence[bool]) -> Graph:
    """Return a branch without the inputs that none reads."""
    pairs = zip(branch.inputs, kept, strict=True)
    return replace(branch, inputs=tuple(own for own, stays in pairs if stays))


def _inline(branch: Graph, operands: Sequence[Value]) -> list[Value]:
    """Return a branch's results, computed where the choice stands."""
    known = dict(zip(branch.inputs, operands, strict=True))
    for value in walk(branch.outputs, stop=known):
        known[value] = rebuild(value, [known[i] for i in value.inputs])
    return [known[value] for value in branch.outputs]


# ---------------------------------------------------------------------- what is cheap


def is_light(branches: Sequence[Graph]) -> bool:
    """Return whether to compute all branches and select."""
    work: Dim = 0
    for branch in branches:
        for value in branch.walk():
            more = _work(value)
            if more is None:
                return False
            work = work + more
    made = sum((t.size for v in branches[0].outputs for t in v.types), start=0)
    return _never_positive(work - FEW) or _never_positive(work - FEW - made * LIGHT)


def _never_positive(size: Dim) -> bool:
    """Return whether a size, as far as can be seen, is at most 0."""
    if isinstance(size, int):
        return size <= 0
    return all(count <= 0 for count in size.terms.values())


def _work(value: Value) -> Dim | None:
    """Return about how many operations a value takes, None if they are many."""
    if value.op.family == "elementwise":
        return value.type.size * max(own_cost(value.op), 1)  # type: ignore[union-attr]
    if value.op.family == "reduction":
        return value.inputs[0].type.size  # type: ignore[union-attr]
    return None if value.op.family == "structured" else 0
