"""Where an element is read: index expressions of loop variables, kept as polynomials.

A loop variable is a symbol ``@0``, ``@1`` ... of `ir.dims`, so that an op's `index`
facet, run on `Place`s, gives a polynomial in loop variables and sizes. Ranges of the
variables settle most divisions: with ``0 <= @1 < n``, ``(@0 * n + @1) % n`` is ``@1``.
What is left of a reshape of contiguous data then cancels by itself, since ``a % n`` is
``a - a // n * n``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphkeras.ir import dims
from graphkeras.ir.dims import Atom, Dim, Monomial, SymbolicDim
from graphkeras.ir.value import Value

MOST_KEPT = 1 << 14  # answers: a compiler asks the same questions many times

Ranges = Mapping[str, Dim]  # loop variable -> number of turns
Test = tuple[Dim, Dim, Dim]  # low <= index < high


def variable(axis: int) -> SymbolicDim:
    """Return the loop variable of an axis."""
    return dims.symbol(f"@{axis}")


def variables(dim: Dim) -> set[str]:
    """Return the names of the loop variables in an index expression."""
    return {name for name in dims.symbols(dim) if name[0] == "@"}


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """An index expression together with what is known of its variables."""

    dim: Dim
    ranges: Ranges

    def _with(self, dim: Dim) -> Place:
        return Place(dim, self.ranges)

    def __add__(self, other: Place | Dim) -> Place:
        return self._with(self.dim + plain(other))

    def __mul__(self, other: Place | Dim) -> Place:
        return self._with(self.dim * plain(other))

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Place | Dim) -> Place:
        return self._with(self.dim - plain(other))

    def __rsub__(self, other: Place | Dim) -> Place:
        return self._with(plain(other) - self.dim)

    def __floordiv__(self, other: Dim) -> Place:
        return self._with(_divmod(self.dim, other, self.ranges)[0])

    def __mod__(self, other: Dim) -> Place:
        return self._with(_divmod(self.dim, other, self.ranges)[1])


def plain(index: Place | Dim) -> Dim:
    """Return the expression of a place, or a size as it is."""
    return index.dim if isinstance(index, Place) else index


def _divmod(a: Dim, n: Dim, ranges: Ranges) -> tuple[Dim, Dim]:
    """Split off the terms that n divides; the rest is often provably below n."""
    if n == 0:  # an axis without elements: no turn will ask
        return 0, a
    whole, rest = _split(a, n)
    if rest == 0:
        return whole, 0
    low, high = bounds(rest, ranges)
    if _known(low) and _known(high, below=n):
        return whole, rest
    quotient = whole + dims.floordiv(rest, n)
    return quotient, a - quotient * n


@lru_cache(MOST_KEPT)
def _split(a: Dim, n: Dim) -> tuple[Dim, Dim]:
    """Return (q, r) with a = q * n + r, taking into q what n divides.

    That is whole coefficients of a variable, or single terms of them.
    """
    whole: Dim = 0
    rest: Dim = 0
    for moving, coefficient in _by_variables(a).items():
        factor: Dim = SymbolicDim({moving: 1}) if moving else 1
        parts = [coefficient]
        if dims.floordiv(coefficient, n) * n != coefficient:
            parts = list(terms_of(coefficient))
        for part in parts:
            quotient = dims.floordiv(part, n)
            if quotient * n == part:
                whole = whole + quotient * factor
            else:
                rest = rest + part * factor
    return whole, rest


def _by_variables(dim: Dim) -> dict[Monomial, Dim]:
    """Return the coefficient, free of loop variables, of each product of them."""
    found: dict[Monomial, Dim] = {}
    for term in terms_of(dim):
        items = ((), term) if isinstance(term, int) else next(iter(term.terms.items()))
        monomial, number = items
        moving = tuple(part for part in monomial if varies(part[0]))
        fixed = tuple(part for part in monomial if part not in moving)
        own: Dim = SymbolicDim({fixed: number}) if fixed else number
        found[moving] = found.get(moving, 0) + own
    return found


def terms_of(dim: Dim) -> Iterable[Dim]:
    """Return the terms whose sum is `dim`."""
    if isinstance(dim, int):
        return [dim] if dim else []
    if len(dim.terms) == 1:
        return [dim]
    return [SymbolicDim({m: c}) if m else c for m, c in dim.terms.items()]


def _known(bound: Dim | None, below: Dim | None = None) -> bool:
    """Whether a bound is surely >= 0, or surely < `below`."""
    if bound is None:
        return False
    return nonnegative(bound if below is None else below - 1 - bound)


def nonnegative(dim: Dim) -> bool:
    """Whether a size is >= 0 whatever its symbols stand for (they are never < 0)."""
    if isinstance(dim, int):
        return dim >= 0
    return all(c >= 0 and _sizes_only(m) for m, c in dim.terms.items())


def _sizes_only(monomial: Monomial) -> bool:
    """Whether all factors are sizes or quotients and maxima of sizes."""
    return all(
        isinstance(atom, str) or (nonnegative(atom[1]) and nonnegative(atom[2]))
        for atom, _ in monomial
    )


def bounds(dim: Dim, ranges: Ranges) -> tuple[Dim | None, Dim | None]:
    """Return the smallest and the largest value over all turns, None if unknown."""
    low: Dim | None = 0
    high: Dim | None = 0
    for term in terms_of(dim):
        first, last = _term_bounds(term, ranges)
        low = None if low is None or first is None else low + first
        high = None if high is None or last is None else high + last
    return low, high


def _term_bounds(term: Dim, ranges: Ranges) -> tuple[Dim | None, Dim | None]:
    if isinstance(term, int) or not variables(term):
        return term, term
    ((monomial, number),) = term.terms.items()
    moving = [part for part in monomial if varies(part[0])]
    fixed = tuple(part for part in monomial if part not in moving)
    factor: Dim = SymbolicDim({fixed: number}) if fixed else number
    low: Dim = 1
    high: Dim = 1
    for atom, power in moving:
        ends = _atom_bounds(atom, ranges)
        if power > 1 or ends is None:
            return None, None
        low, high = low * ends[0], high * ends[1]
    if nonnegative(factor):
        return factor * low, factor * high
    if nonnegative(-factor):
        return factor * high, factor * low
    return None, None


@lru_cache(MOST_KEPT)
def varies(atom: Atom) -> bool:
    """Return whether an atom is, or holds, a loop variable."""
    return bool(variables(SymbolicDim({((atom, 1),): 1})))


def _atom_bounds(atom: Atom, ranges: Ranges) -> tuple[Dim, Dim] | None:
    """Return the ends of what is surely not negative, None if that is not known."""
    if isinstance(atom, str):
        return 0, ranges[atom] - 1
    kind, a, n = atom
    low, high = bounds(a, ranges)
    if kind != "//" or variables(n) or high is None:
        return None
    if low is None or not nonnegative(low):
        return None
    # (k * n - 1) // n is k - 1, which a plain quotient of sizes would not show.
    return 0, dims.floordiv(high + 1 + n - 1, n) - 1


@lru_cache(MOST_KEPT)
def coefficient(dim: Dim, name: str) -> Dim | None:
    """Return c where dim = c * variable + (what is free of it); None if not so."""
    total: Dim = 0
    for term in terms_of(dim):
        if name not in dims.symbols(term):
            continue
        ((monomial, number),) = term.terms.items()  # type: ignore[union-attr]
        if (name, 1) not in monomial:
            return None
        others = tuple(part for part in monomial if part != (name, 1))
        rest: Dim = SymbolicDim({others: number}) if others else number
        if variables(rest):
            return None
        total = total + rest
    return total


def strides_of(shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """Return the strides, in elements, of an array in C order."""
    strides: list[Dim] = []
    step: Dim = 1
    for size in reversed(shape):
        strides.insert(0, step)
        step = step * size
    return tuple(strides)


def flat(indices: Sequence[Dim], shape: Sequence[Dim]) -> Dim:
    """Return how many elements lie before the one at `indices`, in C order."""
    return _flat(tuple(indices), tuple(shape))


@lru_cache(MOST_KEPT)
def _flat(indices: tuple[Dim, ...], shape: tuple[Dim, ...]) -> Dim:
    total: Dim = 0
    for index, stride in zip(indices, strides_of(shape), strict=True):
        total = total + index * stride
    return total


def element_index(shape: Sequence[Dim], domain: Sequence[Dim]) -> tuple[Dim, ...]:
    """Return where, in an array of a shape, the element of a loop's turn lies.

    The loop runs over as many elements, in C order, maybe by other axes.
    """
    names = [variable(i) for i in range(len(domain))]
    left = Place(flat(names, domain), {str(v): n for v, n in zip(names, domain)})
    index: list[Dim] = []
    for size in reversed(shape):
        index.insert(0, 0 if size == 1 else plain(left % size))
        left = left // size
    return tuple(index)


def move(
    value: Value, out: Sequence[Dim], ranges: Ranges
) -> tuple[tuple[Dim, ...], tuple[Test, ...]]:
    """Return where a movement op reads its operand, and the tests for "inside"."""
    places = tuple(Place(i, ranges) for i in out)
    operand = value.inputs[0].type
    assert value.op.index is not None
    source = value.op.index(places, operand, **value.attributes)
    index = tuple(plain(i) for i in source)
    if value.op.inside is None:
        return index, ()
    tests = value.op.inside(places, operand, **value.attributes)
    return index, tuple(_test(t) for t in tests)


def _test(test: tuple[Any, ...]) -> Test:
    """Write both forms of a test, a range and "divides", as a range."""
    if len(test) == 3:
        low, index, high = (plain(t) for t in test)
        return low, index, high
    index, divisor = test
    return 0, plain(index % divisor), 1
