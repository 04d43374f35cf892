"""Random bits of neighbouring vectors, made together.

One block of the generator has the bits of four positions, 16 from one to the next, so
a loop that goes by groups of 64 positions computes a quarter of the blocks::

    positions   0 ... 15 | 16 ... 31 | 32 ... 47 | 48 ... 63
    block       0 ... 15 |  0 ... 15 |  0 ... 15 |  0 ... 15
    its half    first    | second    | third     | fourth
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from graphkeras.compiler.indexing import coefficient, terms_of
from graphkeras.compiler.loops import Instruction, Loop
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.kernels.cpu import functions, loop
from graphkeras.kernels.cpu.emit import Emit, Index, Scalar
from graphkeras.kernels.cpu.term import Term

GROUP = 64  # positions
APART = 16  # positions whose bits are in one block are so far apart

Words = tuple[Term, Term]


@dataclass(slots=True)
class Draws:
    """The blocks of a group, and which of its vectors is being computed.

    Attributes:
        first: the vector's first position in the group.
    """

    first: int
    blocks: dict[tuple[Instruction, int], Words] = field(default_factory=dict)

    def take(self, e: Emit, instruction: Instruction, args: Sequence[Scalar]) -> Scalar:
        """Return the bits of the vector's positions."""
        key = (instruction, self.first % APART)
        if key not in self.blocks:
            lanes = max(arg.lanes for arg in args)
            terms = (Term(e, e.splat(arg, lanes)) for arg in args)
            self.blocks[key] = functions.random_words(*terms)
        return functions.random_half(self.blocks[key], self.first // APART).scalar

    def at(self, first: int) -> Draws:
        """Return the same for another vector of the group."""
        return Draws(first, self.blocks)


def is_draw(instruction: Instruction) -> bool:
    """Return whether an instruction draws random bits that can be made together."""
    tree = instruction.detail
    return (
        instruction.kind == "apply"
        and isinstance(tree, ast.Call)
        and isinstance(tree.func, ast.Name)
        and tree.func.id == "random_bits16"
    )


def draw_together(nest: Loop, lanes: int) -> bool:
    """Return whether a loop's vectors draw bits of which groups have blocks."""
    code = nest.body.code
    draws = [i for i in code if is_draw(i)]
    places = [code[i.args[2]] for i in draws]
    fits = lanes > 1 and APART % lanes == 0
    return bool(draws) and fits and all(_begins_groups(p, nest.vector) for p in places)


def _begins_groups(position: Instruction, vector: str) -> bool:
    """Whether a position is a multiple of GROUP wherever the loop's variable is."""
    if position.kind != "position":
        return False
    place = position.detail
    if coefficient(place, vector) != 1:
        return False
    return all(
        _factor(term) % GROUP == 0 for term in terms_of(place - dims.symbol(vector))
    )


def _factor(term: Dim) -> int:
    return term if isinstance(term, int) else next(iter(term.terms.values()))


def in_groups(
    e: Emit,
    first: Index,
    turns: Index,
    lanes: int,
    element: Callable[..., None],
) -> None:
    """Cover the turns from `first` on by whole groups, and vectors before and behind.

    `element(i, lanes, draws)` counts from `first`; `draws` is there in whole groups.
    """
    head = e.minimum(turns, e.mod(e.sub(0, first), GROUP))
    whole = e.mul(e.floordiv(e.sub(turns, head), GROUP), GROUP)
    tail = e.add(head, whole)
    loop.stretch(e, 0, head, lanes, element)
    with e.loop(head, tail, GROUP) as i:
        draws = Draws(0)
        for start in range(0, GROUP, lanes):
            element(e.add(i, start), lanes, draws.at(start))
    loop.stretch(e, tail, turns, lanes, element)
