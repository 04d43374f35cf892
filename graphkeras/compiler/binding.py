"""From the shapes of arrays to the numbers a program needs to run on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphkeras.errors import ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.interpret import bind_sizes
from graphkeras.ir.types import Shape
from graphkeras.ir.value import Graph
from graphkeras.runtime.program import Arena, Case, Shapes

if TYPE_CHECKING:
    from graphkeras.compiler.checks import Check

ALIGNMENT = 64
FEWEST_SIZES = 32  # the table of sizes also stands in for memory that is not there


@dataclass(slots=True)
class Block:
    """A piece of the arena, in use from step `first` to step `last`.

    Attributes:
        size: elements.
        own: whether each thread has such a piece; `first` and `last` count steps
            there, and barriers else.
    """

    size: Dim
    itemsize: int
    first: int
    last: int
    own: bool = False


@dataclass(frozen=True, slots=True)
class Sizing:
    """All that a program's code asks of sizes; it can be kept beside the code.

    Attributes:
        words: the sizes that the code reads, in order.
        outputs: the shape of each output.
        blocks: what shares the arena.
        checks: sizes that must not be negative.
    """

    words: tuple[Dim, ...]
    outputs: tuple[Shape, ...]
    blocks: tuple[Block, ...]
    checks: tuple[Dim, ...]


@dataclass(slots=True)
class Binder:
    """Binds a program to sizes; see `runtime.program.Layout`.

    Attributes:
        graph: as it was traced.
        explain: gives the checks with the values they are about; called if one fails.
    """

    graph: Graph
    sizing: Sizing
    explain: Callable[[], Sequence[Check]]

    def bind(self, cases: Sequence[Shapes]) -> tuple[list[Case], Arena]:
        """Return the sizes of each case, and an arena in which all of them fit.

        Raises:
            ShapeError: if shapes do not fit the graph's types or one another.
        """
        known = [self._sizes(shapes) for shapes in cases]
        found = []
        for sizes in known:
            words = [dims.evaluate(d, sizes) for d in self.sizing.words]
            words += [0] * (FEWEST_SIZES - len(words))
            outputs = [
                tuple(dims.evaluate(d, sizes) for d in shape)
                for shape in self.sizing.outputs
            ]
            found.append(Case(np.array(words, np.int64), outputs))
        return found, self._arena(known)

    def _sizes(self, shapes: Shapes) -> dict[str, int]:
        sizes: dict[str, int] = {}
        leaves = (*self.graph.inputs, *self.graph.state)
        for leaf, shape in zip(leaves, shapes, strict=True):
            bind_sizes(str(leaf.attributes["name"]), leaf.type, shape, sizes)
        self._require_all(sizes)
        if any(dims.evaluate(size, sizes) < 0 for size in self.sizing.checks):
            for check in self.explain():
                check.hold(sizes)
        return sizes

    def _require_all(self, sizes: Mapping[str, int]) -> None:
        """Refuse sizes that no array's axis is the measure of."""
        used = (
            *self.sizing.words,
            *(d for shape in self.sizing.outputs for d in shape),
        )
        missing = {name for dim in used for name in dims.symbols(dim)} - set(sizes)
        if missing:
            raise ShapeError(
                message(
                    "program", f"no input has an axis of size {min(missing)}.",
                    ", ".join(str(leaf.type) for leaf in self.graph.inputs),
                    "Give an Input that size alone, such as shape=(None, 3).",
                )
            )  # fmt: skip

    def _arena(self, known: Sequence[Mapping[str, int]]) -> Arena:
        common, each = (
            self._placed([b for b in self.sizing.blocks if b.own is own], known)
            for own in (False, True)
        )
        places = iter(common.offsets), (common.size + o for o in each.offsets)
        offsets = [next(places[b.own]) for b in self.sizing.blocks]
        return Arena(offsets, common.size, each.size)

    def _placed(
        self, blocks: Sequence[Block], known: Sequence[Mapping[str, int]]
    ) -> Arena:
        lengths = [
            max(dims.evaluate(b.size, sizes) for sizes in known) * b.itemsize
            for b in blocks
        ]
        return place_blocks([(b.first, b.last) for b in blocks], lengths)


def place_blocks(lives: Sequence[tuple[int, int]], lengths: Sequence[int]) -> Arena:
    """Return an offset for each block so that blocks in use together do not overlap.

    The largest first, each at the lowest place that is free during its whole life.

    Example:
        >>> place_blocks([(0, 1), (1, 2), (2, 3)], [64, 64, 64])
        Arena(offsets=[0, 64, 0], size=128, own=0)
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
