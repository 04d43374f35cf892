"""Sizes that may be known only at run time: integer polynomials over named symbols.

`Dim` is `int | SymbolicDim`. Arithmetic folds to `int` whenever it can, so code that
computes shapes is written once for both. Equal polynomials are equal objects for `==`
and `hash`; an order between symbolic sizes is not known, and asking for it is an error.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from typing import Any, Union

# An atom is a symbol name or an operation that is no polynomial: ("//", dim, dim) ...
Atom = str | tuple[str, Any, Any]
Monomial = tuple[tuple[Atom, int], ...]  # ((atom, power), ...), sorted
Dim = Union[int, "SymbolicDim"]


# Programs have few sizes, and a compiler asks for the same sums of them many times.
_MOST_KEPT = 1 << 14


@functools.lru_cache(_MOST_KEPT)
def _key(item: object) -> str:
    return str(item)


class SymbolicDim:
    """A polynomial with integer coefficients, at least one of whose terms has a symbol.

    Example:
        >>> n = symbol("n")
        >>> 2 * n + 1, (4 * n) // 2, n - n
        (2*n+1, 2*n, 0)
    """

    __slots__ = ("_hash", "terms")

    __op_priority__ = 5  # ops take sizes, as scalars; any tensor decides before them

    @staticmethod
    def __apply_op__(op: Any, operands: list[Any], given: dict[str, Any]) -> Any:
        from graphkeras.ir.tensor import apply_to_sizes

        return apply_to_sizes(op, operands, given)

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        ordered = sorted(terms.items(), key=_key) if len(terms) > 1 else terms
        self.terms = dict(ordered)
        self._hash = hash(frozenset(self.terms.items()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, SymbolicDim) and self.terms == other.terms

    def __add__(self, other: Dim) -> Dim:
        return _sum(self, other) if _is_dim(other) else NotImplemented

    def __mul__(self, other: Dim) -> Dim:
        return _product(self, other) if _is_dim(other) else NotImplemented

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + -other if _is_dim(other) else NotImplemented

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other) if _is_dim(other) else NotImplemented

    def __rfloordiv__(self, other: Dim) -> Dim:
        return floordiv(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return self - floordiv(self, other) * other

    def __rmod__(self, other: Dim) -> Dim:
        return other - floordiv(other, self) * self

    def __repr__(self) -> str:
        parts = []
        for monomial, c in self.terms.items():
            names = "*".join(
                _atom_text(a) + (f"^{p}" if p > 1 else "") for a, p in monomial
            )
            parts.append(str(c) if not names else names if c == 1 else f"{c}*{names}")
        return "+".join(parts).replace("+-", "-").replace("-1*", "-")

    def _no_order(self, other: object) -> bool:
        raise TypeError(
            f"dim: the size {self} is not known while tracing, so it cannot be compared"
            f" with {other}.\n  Use ops.where/cond, or give the Input a fixed size."
        )

    __lt__ = __le__ = __gt__ = __ge__ = _no_order
    __bool__ = lambda self: True  # noqa: E731  a size of unknown value counts as present

    def __index__(self) -> int:
        raise TypeError(
            f"dim: the size {self} is known only at run time; Python asked for an int."
            "\n  Use ops.shape(x)[i], or give the Input a fixed size."
        )


def _is_dim(value: object) -> bool:
    kind = type(value)
    if kind is SymbolicDim or kind is int:
        return True
    return isinstance(value, (int, SymbolicDim)) and kind is not bool


def _terms(dim: Dim) -> Mapping[Monomial, int]:
    return dim.terms if isinstance(dim, SymbolicDim) else {(): int(dim)}


@functools.lru_cache(_MOST_KEPT)
def _sum(a: SymbolicDim, b: Dim) -> Dim:
    terms = dict(a.terms)
    for monomial, coefficient in _terms(b).items():
        terms[monomial] = terms.get(monomial, 0) + coefficient
    return _make(terms)


@functools.lru_cache(_MOST_KEPT)
def _product(a: SymbolicDim, b: Dim) -> Dim:
    terms: dict[Monomial, int] = {}
    for m1, c1 in a.terms.items():
        for m2, c2 in _terms(b).items():
            m = _times(m1, m2)
            terms[m] = terms.get(m, 0) + c1 * c2
    return _make(terms)


def _times(a: Monomial, b: Monomial) -> Monomial:
    powers = dict(a)
    for atom, power in b:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=_key))


def _make(terms: Mapping[Monomial, int]) -> Dim:
    kept = {m: c for m, c in terms.items() if c}
    if not kept or set(kept) == {()}:
        return kept.get((), 0)
    return SymbolicDim(kept)


def _atom_text(atom: Atom) -> str:
    if isinstance(atom, str):
        return atom
    kind, a, b = atom
    return f"max({a}, {b})" if kind == "max" else f"({a}){kind}({b})"


@functools.lru_cache(_MOST_KEPT)
def symbol(name: str) -> SymbolicDim:
    """Return the size called `name`."""
    return SymbolicDim({((name, 1),): 1})


def floordiv(a: Dim, b: Dim) -> Dim:
    """Return ``a // b``, exact where every term divides."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if b == 1:
        return a
    if a == b:
        return 1
    quotient = _exact(a, b)
    if quotient is not None:
        return quotient
    if isinstance(b, int):  # split off the part that divides: (4n+3)//2 = 2n + 3//2
        whole = {m: c // b for m, c in _terms(a).items() if c % b == 0}
        if whole:
            rest = _make({m: c for m, c in _terms(a).items() if c % b})
            return _make(whole) + floordiv(rest, b)
    return SymbolicDim({((("//", a, b), 1),): 1})


def _exact(a: Dim, b: Dim) -> Dim | None:
    """Return a / b if b has one term that divides each term of a."""
    divisor = _terms(b)
    if len(divisor) != 1:
        return _exact_by_common_factor(a, b)
    ((monomial, coefficient),) = divisor.items()
    out: dict[Monomial, int] = {}
    for m, c in _terms(a).items():
        powers = dict(m)
        for atom, power in monomial:
            powers[atom] = powers.get(atom, 0) - power
        if c % coefficient or min(powers.values(), default=0) < 0:
            return None
        kept = tuple((atom, p) for atom, p in powers.items() if p)
        out[tuple(sorted(kept, key=_key))] = c // coefficient
    return _make(out)


def _exact_by_common_factor(a: Dim, b: Dim) -> Dim | None:
    """Return a / b for a = b * (one monomial), by trying the ratio of two terms."""
    if not isinstance(a, SymbolicDim) or len(_terms(a)) != len(_terms(b)):
        return None
    first_b = next(iter(_terms(b).items()))
    for first_a in a.terms.items():
        ratio = _exact(_make(dict([first_a])), _make(dict([first_b])))
        if ratio is not None and ratio * b == a:
            return ratio
    return None


def ceildiv(a: Dim, b: Dim) -> Dim:
    """Return ``a / b`` rounded up."""
    return floordiv(a + b - 1, b)


def maximum(a: Dim, b: Dim) -> Dim:
    """Return the larger of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    if a == b:
        return a
    return SymbolicDim({((("max", a, b), 1),): 1})


def minimum(a: Dim, b: Dim) -> Dim:
    """Return the smaller of two sizes."""
    return a + b - maximum(a, b)


def product(dims: Iterable[Dim]) -> Dim:
    """Return the product of sizes (1 for none)."""
    return math.prod(dims, start=1)


def evaluate(dim: Dim, sizes: Mapping[str, int]) -> int:
    """Return the number `dim` stands for when its symbols have these `sizes`.

    Raises:
        KeyError: for a symbol that has no size.
    """
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, coefficient in dim.terms.items():
        for atom, power in monomial:
            coefficient *= _evaluate_atom(atom, sizes) ** power
        total += coefficient
    return total


def _evaluate_atom(atom: Atom, sizes: Mapping[str, int]) -> int:
    if isinstance(atom, str):
        return sizes[atom]
    kind, a, b = atom
    x, y = evaluate(a, sizes), evaluate(b, sizes)
    if kind == "max":
        return max(x, y)
    return x // y if y else 0  # nothing is in no parts


def symbols(dim: Dim) -> frozenset[str]:
    """Return the names of the symbols in `dim`."""
    return _symbols(dim) if isinstance(dim, SymbolicDim) else frozenset()


@functools.lru_cache(_MOST_KEPT)
def _symbols(dim: SymbolicDim) -> frozenset[str]:
    names: set[str] = set()
    for monomial in dim.terms:
        for atom, _ in monomial:
            if isinstance(atom, str):
                names.add(atom)
            else:
                names |= symbols(atom[1]) | symbols(atom[2])
    return frozenset(names)


def substitute(dim: Dim, sizes: Mapping[str, Dim]) -> Dim:
    """Return `dim` with some symbols replaced by other sizes."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms.items():
        term: Dim = coefficient
        for atom, power in monomial:
            for _ in range(power):
                term = term * _substitute_atom(atom, sizes)
        total = total + term
    return total


def _substitute_atom(atom: Atom, sizes: Mapping[str, Dim]) -> Dim:
    if isinstance(atom, str):
        return sizes[atom] if atom in sizes else symbol(atom)
    kind, a, b = atom
    x, y = substitute(a, sizes), substitute(b, sizes)
    return maximum(x, y) if kind == "max" else floordiv(x, y)


def is_static(dims: Iterable[Dim]) -> bool:
    """Return whether all sizes are plain ints."""
    return all(isinstance(d, int) for d in dims)
