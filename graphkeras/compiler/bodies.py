"""The graphs that loops hold: brought through all passes, and freed of what is idle.

A loop that is needed twice, once for its results and once for what its gradient wants
to know of each turn, becomes one. What no turn changes is computed before the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from graphkeras.compiler.choices import Choices, is_choice
from graphkeras.compiler.gathering import Gathering
from graphkeras.ir.op import ITEM, apply_to_values, rebuild
from graphkeras.ir.value import Graph, Value, note_origin, walk
from graphkeras.ops.loops import closed, inner_graphs

Pass = Callable[[Graph], Graph]


@dataclass(slots=True)
class _Use:
    """What a graph needs of loops that do the same.

    Attributes:
        stash: which carried values each turn's finding is wanted of.
        outputs: which of the results that turns give are wanted.
        results: of the one loop, once it is built.
    """

    stash: set[int] = field(default_factory=set)
    outputs: set[int] = field(default_factory=set)
    results: list[Value] = field(default_factory=list)


def pass_bodies(graph: Graph, passed: Pass, gather: bool = True) -> Graph:
    """Return the graph with its loops joined, and their bodies passed.

    Args:
        passed: runs all passes on a body.
        gather: whether to do for all turns together what can be; see `gathering`.
    """
    order = graph.walk()
    if not any(inner_graphs(value) for value in order):
        return graph
    return graph.with_roots(_Bodies(order, passed, gather).run(graph.roots))


class _Bodies:
    def __init__(self, order: Sequence[Value], passed: Pass, gather: bool) -> None:
        self.order, self.passed, self.gather = order, passed, gather
        self.done: dict[Value, Value] = {}
        self.uses: dict[Any, _Use] = {}
        self.choices = Choices(passed)
        for value in order:
            parent = value.inputs[0] if value.op is ITEM else None
            if parent is not None and _is_scan(parent):
                self._note(parent, value.index)
            elif parent is not None and is_choice(parent):
                self.choices.note(parent, value.index)

    def _note(self, loop: Value, index: int) -> None:
        use = self.uses.setdefault(_same(loop), _Use())
        count = len(loop.body.outputs)
        if index >= count:
            use.stash.add(loop.stash[index - count])
        elif index >= loop.carries:
            use.outputs.add(index)

    def run(self, roots: Sequence[Value]) -> list[Value]:
        """Return the new roots."""
        for value in self.order:
            self.done[value] = new = self._changed(value)
            if value.origin is not None:
                note_origin(new, value.origin)
        return [self.done[root] for root in roots]

    def _changed(self, value: Value) -> Value:
        parent = value.inputs[0] if value.op is ITEM else None
        if parent is not None and _is_scan(parent):
            results = self.uses[_same(parent)].results
            return results[self._place(parent, value.index)]
        if parent is not None and is_choice(parent):
            return self.choices.results[parent][value.index]
        operands = [self.done[i] for i in value.inputs]
        if _is_scan(value):
            return self._scan(value, operands)
        if is_choice(value):
            return self._choice(value, operands)
        if inner_graphs(value):
            graphs = {
                n: self.passed(value.attributes[n]) for n in value.op.fact("graphs")
            }
            return _with(value, operands, graphs)
        return rebuild(value, operands)

    def _choice(self, choice: Value, operands: list[Value]) -> Value:
        results = self.choices.run(choice, operands)
        # Only its items are asked for; if there are none, the index stands in.
        return next(iter(results.values()), operands[0])

    def _place(self, loop: Value, index: int) -> int:
        """Return where a result of a loop is among those of the new one."""
        use, count, n = self.uses[_same(loop)], len(loop.body.outputs), loop.carries
        if index < n:
            return index
        if index < count:
            return n + sorted(use.outputs).index(index)
        at = sorted(use.stash).index(loop.stash[index - count])
        return n + len(use.outputs) + at

    def _scan(self, loop: Value, operands: list[Value]) -> Value:
        use = self.uses.setdefault(_same(loop), _Use())
        if not use.results:
            body, n = loop.body, loop.carries
            kept = [body.outputs[i] for i in sorted(use.outputs)]
            body = self.passed(replace(body, outputs=(*body.outputs[:n], *kept)))
            body, operands = _lifted(body, operands, n + loop.sequences)
            stash = tuple(sorted(use.stash))
            parts = Gathering(body, operands, n, loop.sequences, loop.length, stash)
            use.results = parts.results(partial(_rebuilt, loop), self.gather)
        return use.results[0]  # only its items are asked for, see above


def _is_scan(value: Value) -> bool:
    return value.op.name == "scan_steps"


def _same(loop: Value) -> Any:
    """Return what loops share that compute the same turns."""
    return loop.inputs, loop.body, loop.reverse, loop.length


def _with(loop: Value, operands: list[Value], attrs: dict[str, Any]) -> Value:
    found = apply_to_values(
        loop.op, operands, {**loop.attributes, "sizes": None, **attrs}
    )
    new: Value = (found[0] if isinstance(found, tuple) else found).inputs[0]
    return new


def _rebuilt(
    loop: Value, body: Graph, operands: list[Value], carries: int, sequences: int,
    stash: tuple[int, ...],
) -> Value:  # fmt: skip
    sizes = {"carries": carries, "sequences": sequences, "stash": stash}
    return _with(loop, operands, {"body": body, **sizes})


def _lifted(
    body: Graph, operands: list[Value], moving: int
) -> tuple[Graph, list[Value]]:
    """Compute before the loop what depends on nothing that moves.

    Args:
        moving: how many inputs of the body change from turn to turn.
    """
    leaves = body.inputs[:moving]
    outputs, taken, own = closed(body.outputs, leaves)
    known = dict(zip(body.inputs[moving:], operands[moving:], strict=True))
    for value in walk(taken, stop=known):
        known[value] = rebuild(value, [known[i] for i in value.inputs])
    return Graph((*leaves, *own), outputs), [
        *operands[:moving], *(known[value] for value in taken)
    ]  # fmt: skip
