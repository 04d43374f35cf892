"""From the shapes of arrays to the numbers a program needs to run on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphkeras.compiler.indexing import bounds, move, nonnegative, variable
from graphkeras.compiler.memory import Block
from graphkeras.errors import ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim, SymbolicDim
from graphkeras.ir.interpret import bind_sizes
from graphkeras.ir.value import Graph, Value, dims_of
from graphkeras.runtime.program import Arena, Case, Shapes

ALIGNMENT = 64
FEWEST_SIZES = 32  # the table of sizes also stands in for memory that is not there


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
    for value in graph.walk():
        for size in (*dims_of(value), *_margins(value)):
            if not nonnegative(size):
                found.setdefault(size, Check(size, value))
    return list(found.values())


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


@dataclass(slots=True)
class Binder:
    """Binds a program to sizes; see `runtime.program.Layout`."""

    graph: Graph
    blocks: Sequence[Block]
    words: Sequence[SymbolicDim]
    checks: Sequence[Check]

    def bind(self, cases: Sequence[Shapes]) -> tuple[list[Case], Arena]:
        """Return the sizes of each case, and an arena in which all of them fit.

        Raises:
            ShapeError: if shapes do not fit the graph's types or one another.
        """
        known = [self._sizes(shapes) for shapes in cases]
        found = []
        for sizes in known:
            words = [dims.evaluate(d, sizes) for d in self.words]
            words += [0] * (FEWEST_SIZES - len(words))
            outputs = [self._shape(o, sizes) for o in self.graph.outputs]
            found.append(Case(np.array(words, np.int64), outputs))
        return found, self._arena(known)

    def _sizes(self, shapes: Shapes) -> dict[str, int]:
        sizes: dict[str, int] = {}
        leaves = (*self.graph.inputs, *self.graph.state)
        for leaf, shape in zip(leaves, shapes, strict=True):
            bind_sizes(str(leaf.attributes["name"]), leaf.type, shape, sizes)
        self._require_all(sizes)
        for check in self.checks:
            check.hold(sizes)
        return sizes

    def _require_all(self, sizes: Mapping[str, int]) -> None:
        """Refuse sizes that no array's axis is the measure of."""
        used = (*self.words, *(d for o in self.graph.outputs for d in o.shape))
        missing = {name for dim in used for name in dims.symbols(dim)} - set(sizes)
        if missing:
            raise ShapeError(
                message(
                    "program", f"no input has an axis of size {min(missing)}.",
                    ", ".join(str(leaf.type) for leaf in self.graph.inputs),
                    "Give an Input that size alone, such as shape=(None, 3).",
                )
            )  # fmt: skip

    def _shape(self, value: Value, sizes: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(dims.evaluate(d, sizes) for d in value.shape)

    def _arena(self, known: Sequence[Mapping[str, int]]) -> Arena:
        lengths = [
            max(dims.evaluate(b.size, sizes) for sizes in known) * b.itemsize
            for b in self.blocks
        ]
        return place_blocks([(b.first, b.last) for b in self.blocks], lengths)


def place_blocks(lives: Sequence[tuple[int, int]], lengths: Sequence[int]) -> Arena:
    """Return an offset for each block so that blocks in use together do not overlap.

    The largest first, each at the lowest place that is free during its whole life.

    Example:
        >>> place_blocks([(0, 1), (1, 2), (2, 3)], [64, 64, 64])
        Arena(offsets=[0, 64, 0], size=128)
    """
    offsets = [0] * len(lives)
    placed: list[int] = []
    order = sorted(range(len(lives)), key=lambda i: (-lengths[i], i))
    for i in order:
        first, last = lives[i]
        rivals = sorted(
            (offsets[j], offsets[j] + _padded(lengths[j]))
            for j in placed
            if lives[j][0] <= last and first <= lives[j][1]
        )
        offsets[i] = _gap(rivals, _padded(lengths[i]))
        placed.append(i)
    size = max((o + _padded(n) for o, n in zip(offsets, lengths)), default=0)
    return Arena(offsets, size)


def _gap(taken: Sequence[tuple[int, int]], length: int) -> int:
    """Return the lowest offset at which `length` bytes are free."""
    at = 0
    for start, stop in taken:
        if start - at >= length:
            return at
        at = max(at, stop)
    return at


def _padded(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT
