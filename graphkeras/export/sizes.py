"""Sizes known only at run time, computed inside the ONNX graph.

A symbol such as ``batch`` is read off the input that has it; polynomials, ``//``, ``%``
and ``max`` of symbols become int64 vectors of one element, each computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphkeras.errors import ExportError, message
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim, SymbolicDim


class Sizes:
    """Turns dims into values of a builder's outermost graph.

    Args:
        b: the builder.
    """

    def __init__(self, b: Any) -> None:
        self.b = b
        self.sources: dict[str, tuple[str, int]] = {}  # symbol -> (input, axis)
        self._vectors: dict[Dim, str] = {}

    def learn(self, name: str, shape: Iterable[Dim]) -> None:
        """Note which symbols can be read off the value `name` of this shape."""
        for axis, dim in enumerate(shape):
            if str(dim) in dims.symbols(dim):
                self.sources.setdefault(str(dim), (name, axis))

    def vector(self, sizes: Sequence[Dim]) -> str:
        """Return the int64 vector of `sizes`."""
        parts: list[Any] = []
        for size in sizes:
            if isinstance(size, int) and parts and isinstance(parts[-1], list):
                parts[-1].append(size)
            else:
                parts.append([size] if isinstance(size, int) else self.one(size))
        refs = [self.b.ints(p) if isinstance(p, list) else p for p in parts]
        if not refs:
            return self.b.ints(())
        return refs[0] if len(refs) == 1 else self._node("Concat", *refs, axis=0)

    def one(self, size: Dim) -> str:
        """Return the int64 vector that holds `size` alone."""
        if isinstance(size, int):
            return self.b.ints((size,))
        if size not in self._vectors:
            self._vectors[size] = self._sum(size)
        return self._vectors[size]

    def scalar(self, size: Dim) -> str:
        """Return `size` as an int64 scalar."""
        if isinstance(size, int):
            return self.b.scalar(size, "int64")
        return self._node("Squeeze", self.one(size))

    def _node(self, kind: str, *refs: str, **attrs: Any) -> str:
        with self.b.outermost():
            return self.b.node(kind, *refs, **attrs)

    def _sum(self, size: SymbolicDim) -> str:
        total = None
        constant = size.terms.get((), 0)
        for monomial, coefficient in size.terms.items():
            if monomial:
                term = self._product(monomial, coefficient)
                total = term if total is None else self._node("Add", total, term)
        assert total is not None  # a SymbolicDim has a symbol
        return self._node("Add", total, self.b.ints((constant,))) if constant else total

    def _product(self, monomial: dims.Monomial, coefficient: int) -> str:
        factors = [self._atom(atom) for atom, power in monomial for _ in range(power)]
        if coefficient != 1:
            factors.append(self.b.ints((coefficient,)))
        out = factors[0]
        for factor in factors[1:]:
            out = self._node("Mul", out, factor)
        return out

    def _atom(self, atom: dims.Atom) -> str:
        if isinstance(atom, str):
            return self._symbol(atom)
        kind, a, b = atom
        left, right = self.one(a), self.one(b)
        if kind == "max":
            return self._node("Max", left, right)
        if not _never_negative(a):  # Div truncates; Mod takes the sign of the divisor
            left = self._node("Sub", left, self._node("Mod", left, right))
        return self._node("Div", left, right)

    def _symbol(self, name: str) -> str:
        if name not in self.sources:
            raise ExportError(
                message(
                    "export", f"the size {name!r} must be an axis of some input.",
                    f"inputs with {', '.join(self.sources) or 'no free size'}",
                    "Give the Input that size as None, or a number.",
                )
            )  # fmt: skip
        source, axis = self.sources[name]
        return self._node("Shape", source, start=axis, end=axis + 1)


def _never_negative(dim: Dim) -> bool:
    """Return whether a size is surely >= 0: sums and products of sizes are."""
    if isinstance(dim, int):
        return dim >= 0
    return all(
        coefficient > 0 and all(isinstance(a, str) or _atom_is(a) for a, _ in monomial)
        for monomial, coefficient in dim.terms.items()
    )


def _atom_is(atom: tuple[Any, ...]) -> bool:
    kind, a, b = atom
    if kind == "max":
        return _never_negative(a) or _never_negative(b)
    return _never_negative(a) and _never_negative(b)
