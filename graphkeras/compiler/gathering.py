"""What a loop does in every turn, done for all turns together.

A product of a slice and a weight becomes one product before the loop. A sum over turns
of products, such as the gradient of a weight, becomes one product behind it: the loop
leaves what goes into it::

    carry + transpose(a) @ b  each turn   ->   first + transpose(all a) @ (all b)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphkeras.ir.dims import Dim
from graphkeras.ir.op import item_of, rebuild
from graphkeras.ir.value import Graph, Value, users, walk
from graphkeras.ops.linalg import gemm
from graphkeras.ops.loops import leaf
from graphkeras.ops.math import add
from graphkeras.ops.reduce import sum as sum_of
from graphkeras.ops.shape import reshape, transpose

Build = Callable[[Graph, list[Value], int, int, tuple[int, ...]], Value]


class Gathering:
    """A loop that is being taken apart.

    Args:
        body: the graph of a turn.
        operands: of the loop.
        carries: how many of them are carried.
        sequences: how many are taken slice by slice.
        stash: the carried values that are wanted as each turn finds them.
    """

    def __init__(
        self, body: Graph, operands: Sequence[Value], carries: int, sequences: int,
        length: Dim, stash: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.length, self.stash, self.carries = length, stash, carries
        moving = carries + sequences
        self.first = dict(zip(body.inputs[:carries], operands[:carries]))
        self.slices = dict(zip(body.inputs[carries:moving], operands[carries:moving]))
        self.around = dict(zip(body.inputs[moving:], operands[moving:]))
        self.outputs = list(body.outputs)
        self.given: list[Value] = []  # what is left for products behind the loop
        self.sums: dict[int, Value] = {}  # carry -> what is added to it each turn

    def results(self, build: Build, gather: bool) -> list[Value]:
        """Return the results of the loop: carried values, those of turns, the stash.

        Args:
            build: makes a loop of body, operands, numbers of carries and sequences,
                and the stash.
            gather: whether to take anything out of the loop.
        """
        if gather:
            self._products()
            self._find_sums()
        kept = [i for i in range(self.carries) if i not in self.sums]
        outputs = [self.outputs[i] for i in kept]
        outputs += [*self.outputs[self.carries :], *self.given]
        used = set(walk(outputs))
        leaves = [*self.first]
        slices = [v for v in self.slices if v in used]
        around = [v for v in self.around if v in used]
        body = Graph((*(leaves[i] for i in kept), *slices, *around), tuple(outputs))
        operands = [self.first[leaves[i]] for i in kept]
        operands += [
            *(self.slices[v] for v in slices),
            *(self.around[v] for v in around),
        ]
        stash = tuple(kept.index(i) for i in self.stash)
        if not outputs:
            return self._sorted([], kept)
        loop = build(body, operands, len(kept), len(slices), stash)
        return self._sorted([item_of(loop, i) for i in range(len(loop.types))], kept)

    def _sorted(self, items: list[Value], kept: list[int]) -> list[Value]:
        count = len(self.outputs) - self.carries
        last = dict(zip(kept, items))
        ys = items[len(kept) : len(kept) + count]
        given = items[len(kept) + count : len(kept) + count + len(self.given)]
        stacks = {**self.slices, **dict(zip(self.given, given))}
        for i, (own, first) in enumerate(self.first.items()):
            if i in self.sums:
                total = self._total(self.sums[i], stacks)
                last[i] = add(first, reshape(total, own.shape))
        stash = items[len(kept) + count + len(self.given) :]
        return [*(last[i] for i in range(self.carries)), *ys, *stash]

    # ---- before the loop

    def _products(self) -> None:
        """Let products of slices and what does not move be slices themselves."""
        new: dict[Value, Value] = {}
        for value in walk(self.outputs):
            weight = self._weight_of(value)
            if weight is not None:
                new[value] = own = leaf("slice", value._tensor_type)
                rows = self._rows(self.slices[value.inputs[0]])
                self.slices[own] = reshape(
                    gemm(rows, weight), (self.length, *value.shape)
                )
            else:
                operands = [new[i] for i in value.inputs]
                new[value] = rebuild(value, operands) if operands else value
        self.outputs = [new[value] for value in self.outputs]

    def _weight_of(self, value: Value) -> Value | None:
        """Return the weight that a slice is multiplied by."""
        if value.op.name != "gemm" or value.rank != 2:
            return None
        left, right = value.inputs
        if left not in self.slices:
            return None
        if right.op.name == "transpose" and right.inputs[0] in self.around:
            return transpose(self.around[right.inputs[0]], right.axes)
        return self.around.get(right)

    def _rows(self, stack: Value) -> Value:
        """Return the rows of all slices as those of one matrix."""
        _, rows, columns = stack.shape
        found: Value = reshape(stack, (self.length * rows, columns))
        return found

    # ---- behind it

    def _find_sums(self) -> None:
        readers = users(walk(self.outputs))
        for i, own in enumerate(self.first):
            out = self.outputs[i]
            alone = readers.get(own) == [out] and out not in readers
            if i in self.stash or not alone or self.outputs.count(out) > 1:
                continue
            term = _added_to(out, own)
            parts = None if term is None else _parts_of(term)
            if term is not None and parts is not None:
                self.sums[i] = term
                new = [p for p in parts if p not in self.slices]
                self.given += [p for p in new if p not in self.given]

    def _total(self, term: Value, stacks: dict[Value, Value]) -> Value:
        """Return what a term adds up to over all turns."""
        folded = _folded(term)
        parts = [stacks[part] for part in _parts_of(term) or ()]
        if folded.op.name == "gemm":
            left, right = map(self._rows, parts)
            product: Value = gemm(transpose(left, (1, 0)), right)
            return product
        total: Value = sum_of(parts[0], axis=(0, *(axis + 1 for axis in folded.axis)))
        return total


def _added_to(out: Value, own: Value) -> Value | None:
    """Return what is added to a carried value."""
    if out.op.name != "add" or out.type != own.type:
        return None
    left, right = out.inputs
    found = right if left is own else left
    return found if found.type == own.type else None


def _folded(term: Value) -> Value:
    return term.inputs[0] if term.op.name == "reshape" else term


def _parts_of(term: Value) -> list[Value] | None:
    """Return what of each turn goes into a sum over all of them."""
    term = _folded(term)
    if term.op.name == "sum":
        return [term.inputs[0]]
    if term.op.name != "gemm" or term.rank != 2:
        return None
    left, right = term.inputs
    if left.op.name != "transpose" or left.axes != (1, 0):
        return None
    return [left.inputs[0], right]
