"""What must hold of sizes so that a program reads nothing out of bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphkeras.compiler.indexing import bounds, move, nonnegative, variable
from graphkeras.errors import ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.value import Graph, Value, dims_of
from graphkeras.ops.loops import inner_graphs


@dataclass(frozen=True, slots=True)
class Check:
    """A size that must not be negative, and whose size it is."""

    size: Dim
    value: Value

    def hold(self, sizes: Mapping[str, int]) -> None:
        """Raise `ShapeError` if the size is negative."""
        if dims.evaluate(self.size, sizes) >= 0:
            return
        origin = self.value.origin
        bound = ", ".join(f"{k}={v}" for k, v in sizes.items())
        raise ShapeError(
            message(
                origin.path if origin and origin.path else self.value.op.name,
                f"{self.value.op.name} would reach outside of its operand"
                + (f" (asked for at {origin.location})." if origin else "."),
                f"{', '.join(str(i.type) for i in self.value.inputs)} with {bound}",
                "Give larger arrays, or slice less.",
            )
        )  # fmt: skip


def checks_of(graph: Graph) -> list[Check]:
    """Return what must hold of the sizes so that nothing is read out of bounds."""
    found: dict[Dim, Check] = {}
    for value in _everything(graph):
        for size in (*dims_of(value), *_margins(value)):
            if not nonnegative(size):
                found.setdefault(size, Check(size, value))
    return list(found.values())


def _everything(graph: Graph) -> Iterator[Value]:
    """Yield the values of a graph, and of those that its values hold."""
    for value in graph.walk():
        yield value
        for inner in inner_graphs(value):
            yield from _everything(inner)


def _margins(value: Value) -> Iterator[Dim]:
    """Yield for a movement op how far its indices stay inside, at both ends."""
    if value.op.family != "movement" or value.op.inside is not None:
        return
    if value.op.fact("view"):  # as many elements as its operand: the type rule says so
        return
    index = [variable(i) for i in range(value.rank)]
    ranges = {str(v): size for v, size in zip(index, value.shape)}
    source, _ = move(value, index, ranges)
    for place, size in zip(source, value.inputs[0].shape, strict=True):
        low, high = bounds(place, ranges)
        if low is not None:
            yield low
        if high is not None:
            yield size - 1 - high
