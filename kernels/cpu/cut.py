"""Where a kernel's work may be cut, so that threads can share it.

A kernel knows nothing of threads. It says along which axes its arrays may be cut, and
whoever runs it gives each thread arrays that begin and end elsewhere::

    @cut(x=0, out=0)             samples: out[i] is made of x[i] and of all the rest
    @cut(w=3, out=3, grain=64)   output channels, in whole panels of 64
    @cut(out=1, moves=ROWS)      rows of results: x is the same, its windows move along
    @summed(x=0, g=0)            out is the sum of what parts of the samples give
    @kernel
    def conv(e, x, w, out): ...

The first that leaves enough to share is taken, so the best comes first. What a cut
promises, and `tests/kernels/test_cuts.py` holds it to:

* Of a cut kernel every result array is named. Run on x[first:stop], out[first:stop] and
  the whole of the other arrays, it writes the cells of out[first:stop], and to the bit
  what it would have written there otherwise, however large the part is (maybe empty).
  So how a cell is computed may depend neither on the size along a cut axis nor on
  where it lies on that axis, but for `grain`: `first` is a multiple of it.
* Of a summed kernel no result is named: on parts of the operands, maybe empty ones, it
  writes results that add up to the whole.
* It writes nothing but its results and memory of its own (`Emit.scratch`), of which
  each thread has one.
* Sizes along a cut axis are not known when the code is written; strides are.

An axis may be given as the name of an attribute that holds it; with `beside`, that of
the first array named must differ from the attribute. An array without the axis, or with
another size along it than the last array named, is left whole: it is stretched, or not
there. If the last one has no such axis, or an attribute is not what `where` asks, the
cut is none of this call's. What `moves` is for arrays whose sizes before the cut axis
are all 1: one sample.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from graphkeras.kernels.cpu.array import Array
from graphkeras.kernels.cpu.emit import Emit
from graphkeras.kernels.cpu.value import Index

PARTS = 16  # the work of a step is cut in so many; a thread takes neighbouring ones

F = TypeVar("F", bound=Callable[..., None])


class Moves(Protocol):
    """What else changes where a part begins elsewhere."""

    def grain(self, attributes: Mapping[str, Any]) -> int:
        """At multiples of what a part may begin."""

    def part(
        self, e: Emit, arrays: list[Array], attributes: dict[str, Any], first: Index
    ) -> tuple[list[Array], dict[str, Any]]:
        """Arrays, the result being cut already, and attributes of a part."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to cut a kernel.

    Attributes:
        axes: for each array that is cut, its axis or the attribute that says so.
        grain: parts begin at multiples of it.
        sums: whether the results of parts are added up.
        beside: the attribute from which the axis must differ.
        where: attributes and what they must be.
        moves: what else changes in a part, if anything does.
        together: whether a part is best done in one go, even if the cache holds less.
    """

    axes: tuple[tuple[str, int | str], ...]
    grain: int = 1
    sums: bool = False
    beside: str = ""
    where: tuple[tuple[str, Any], ...] = ()
    moves: Moves | None = None
    together: bool = False

    def grain_for(self, attributes: Mapping[str, Any]) -> int:
        """At multiples of what the parts of a call may begin."""
        return self.grain if self.moves is None else self.moves.grain(attributes)


def cut(
    *,
    grain: int = 1,
    beside: str = "",
    where: Mapping[str, Any] | None = None,
    moves: Moves | None = None,
    together: bool = False,
    **axes: int | str,
) -> Callable[[F], F]:
    """Say that a kernel can run on parts of these arrays."""
    conditions = tuple((where or {}).items())
    ways = tuple(axes.items())
    made = Cut(ways, grain, False, beside, conditions, moves, together)
    return _adding(made)


def summed(**axes: int | str) -> Callable[[F], F]:
    """Say that a kernel's results are sums of those of parts of these arrays."""
    return _adding(Cut(tuple(axes.items()), sums=True))


def _adding(way: Cut) -> Callable[[F], F]:
    def add(function: F) -> F:
        function.cuts = (way, *cuts_of(function))  # type: ignore[attr-defined]
        return function

    return add


def cuts_of(function: Callable[..., None]) -> tuple[Cut, ...]:
    """The ways to cut a kernel, best first."""
    return getattr(function, "cuts", ())


def axes_of(
    function: Callable[..., None],
    way: Cut,
    ranks: list[int],
    attributes: Mapping[str, Any],
) -> dict[int, int] | None:
    """The axis of each array that is cut, by its position, the last named one last.

    Args:
        ranks: of all arrays, in order.

    Returns:
        None if this call cannot be cut so.
    """
    if any(attributes[name] != value for name, value in way.where):
        return None
    names = _names(function, len(ranks))
    found: dict[int, int] = {}
    for name, given in way.axes:
        axis = attributes[given] if isinstance(given, str) else given
        for position, rank in enumerate(ranks):
            if names[position] != name or not -rank <= axis < rank:
                continue
            if not found and way.beside and (attributes[way.beside] - axis) % rank == 0:
                return None
            found[position] = axis % rank
    last = way.axes[-1][0]
    return found if found and names[[*found][-1]] == last else None


def _names(function: Callable[..., None], count: int) -> list[str]:
    """The parameter that takes each of so many arrays."""
    _, *parameters = inspect.signature(function).parameters.values()
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return names + [parameter.name] * (count - len(names))
        names.append(parameter.name)
    return names[:count]
