"""Index expressions as machine code, with what does not change in a loop before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphkeras.compiler.indexing import terms_of, varies
from graphkeras.ir import dims
from graphkeras.ir.dims import Atom, Dim, SymbolicDim
from graphkeras.kernels.cpu.emit import Emit, Index

Sizes = Callable[[Dim], Index]  # a size that is fixed for the run, as an index


class Indices:
    """The loop variables known at one level of a nest, and sums of their terms.

    A level extends the one around it: terms of an expression whose variables the outer
    level knows are summed there, once.
    """

    def __init__(
        self, e: Emit, sizes: Sizes, known: Mapping[str, Index], outer: Indices | None
    ) -> None:
        self.e, self.sizes, self.outer = e, sizes, outer
        around: Mapping[str, Index] = outer.known if outer else {}
        self.known: dict[str, Index] = {**around, **known}
        self._sums: dict[Dim, Index] = {}

    def prepare(self, place: Dim) -> None:
        """Sum the terms that are known here."""
        self._partial(place)

    def index(self, place: Dim) -> Index:
        """Return the whole expression; every variable in it is known here."""
        return self._partial(place)

    def _partial(self, place: Dim) -> Index:
        """Return the sum of the terms known at this level."""
        if place not in self._sums:
            total: Index = 0
            if self.outer is not None:
                total = self.outer._partial(place)
            for term in terms_of(place):
                if self._begins_here(term):
                    total = self.e.add(total, self._term(term))
            self._sums[place] = total
        return self._sums[place]

    def _begins_here(self, term: Dim) -> bool:
        """Whether a term is known here but not a level further out."""
        names = {n for n in dims.symbols(term) if n[0] == "@"}
        if not names <= set(self.known):
            return False
        return self.outer is None or not names <= set(self.outer.known)

    def _term(self, term: Dim) -> Index:
        """Return number * sizes * variables, the sizes as one word."""
        if isinstance(term, int):
            return term
        ((monomial, number),) = term.terms.items()
        moving = [(a, p) for a, p in monomial if varies(a)]
        fixed = tuple(part for part in monomial if part not in moving)
        total = self.sizes(SymbolicDim({fixed: number}) if fixed else number)
        for atom, power in moving:
            for _ in range(power):
                total = self.e.mul(total, self._atom(atom))
        return total

    def _atom(self, atom: Atom) -> Index:
        if isinstance(atom, str):
            return self.known[atom]
        kind, a, b = atom
        operate = self.e.maximum if kind == "max" else self.e.floordiv
        return operate(self.index(a), self.index(b))
