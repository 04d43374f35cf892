"""From a user's functions to the branches of a choice: each is traced once.

Variables that a branch assigns, and losses that it adds, are results of the choice
too; a branch that leaves a variable alone gives it back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphkeras import dtypes, tree
from graphkeras.errors import ArgumentError, DTypeError, ShapeError, message
from graphkeras.ir.op import as_value
from graphkeras.ir.trace import current_trace
from graphkeras.ir.types import broadcast_shapes
from graphkeras.ir.value import Value, next_serial
from graphkeras.ops.choices import Since, choose
from graphkeras.ops.compare import equal, less, where
from graphkeras.ops.creation import broadcast_to, cast, full_value
from graphkeras.ops.math import maximum, minimum
from graphkeras.ops.shape import reshape
from graphkeras.ops.traced_loops import Outcome, outline, run_once, shown, value_of


def traced_choice(who: str, index: Any, branches: Sequence[Callable[[], Any]]) -> Any:
    """Return what the branch of that number gives; no other one is computed.

    Args:
        who: for messages.
        index: a number that the running model knows.

    Raises:
        ArgumentError: if branches give different structures, or shapes that do not
            broadcast, or the index is no scalar.
    """
    place = _scalar(who, index, len(branches) - 1)
    first = next_serial()
    outcomes = [run_once(branch, {}) for branch in branches]
    require_alike(who, [outcome.result for outcome in outcomes])
    parts = _Results(who, outcomes)
    texts = [i for i, row in enumerate(parts.rows) if row[0].dtype == "string"]
    kept = [row for i, row in enumerate(parts.rows) if i not in texts]
    found = choose(place, [], [], list(zip(*kept)), Since(first)) if kept else ()
    rest = iter(found)
    results = [
        select(place, row) if i in texts else next(rest)
        for i, row in enumerate(parts.rows)
    ]
    return parts.settle(results)


def select(index: Any, parts: Sequence[Any]) -> Any:
    """Return the part of that number, or the nearest; all are computed."""
    chosen = parts[-1]
    for i in reversed(range(1, len(parts) - 1)):
        chosen = where(equal(index, i), parts[i], chosen)
    return where(less(index, 1), parts[0], chosen) if len(parts) > 1 else chosen


def require_alike(who: str, results: Sequence[Any]) -> None:
    """Refuse results of different structure.

    Raises:
        ArgumentError: if there are such.
    """
    first = results[0]
    for other in results[1:]:
        gaps = [x is None for x in tree.flatten(other)]
        if tree.same_structure(first, other) and gaps == [
            x is None for x in tree.flatten(first)
        ]:
            continue
        raise ArgumentError(
            message(
                who, "expected branches that return one structure.",
                f"{_form(first)} and {_form(other)}",
                "Return the same tuples, lists or dicts, and None in the same places.",
            )
        )  # fmt: skip


def _form(structure: Any) -> str:
    return "None" if structure is None else outline(structure)


def _scalar(who: str, index: Any, last: int) -> Value:
    """Return the index as a scalar int32."""
    value = value_of(index)
    if value.type.size != 1:  # type: ignore[union-attr]
        raise ArgumentError(
            message(
                who, "expected one number that says which branch.", str(value.type),
                "Fold it by ops.all or ops.any, or select elementwise by ops.where.",
            )
        )  # fmt: skip
    if value.dtype in ("int64", "uint32", "uint64"):  # it may be too large
        value = minimum(value, last)
        value = maximum(value, 0) if value.dtype == "int64" else value
    return as_value(reshape(value, ()), "int32")


class _Results:
    """What the branches give, row by row: results, variables, losses.

    Attributes:
        rows: for each result what each branch gives for it, of one type.
    """

    def __init__(self, who: str, outcomes: Sequence[Outcome]) -> None:
        self.who, self.outcomes = who, outcomes
        self.flat = [tree.flatten(outcome.result) for outcome in outcomes]
        there = [i for i, x in enumerate(self.flat[0]) if x is not None]
        self.variables = list(dict.fromkeys(v for o in outcomes for v in o.changed))
        self.rows = [self._agreed([flat[i] for flat in self.flat]) for i in there]
        self.count = len(self.rows)
        self.rows += [self._states(variable) for variable in self.variables]
        self.losses = [(n, k) for n, o in enumerate(outcomes)
                       for k in range(len(o.losses))]  # fmt: skip
        self.rows += [self._loss(*which) for which in self.losses]

    def _agreed(self, parts: Sequence[Any]) -> list[Value]:
        """Return values of one dtype and shape."""
        values = [value_of(part) for part in parts]
        kinds = [
            dtypes.weak_of(part) or value.dtype for part, value in zip(parts, values)
        ]
        if len({v.type for v in values}) == 1 and len(set(kinds)) == 1:
            return values
        try:
            dtype = dtypes.resolve(dtypes.result_type(*kinds))
            shape = broadcast_shapes(*(v.shape for v in values))
        except (ShapeError, DTypeError) as problem:
            raise _unlike(self.who, values) from problem
        cast_ = [v if v.dtype == dtype else cast(v, dtype) for v in values]
        return [v if v.shape == shape else broadcast_to(v, shape) for v in cast_]

    def _states(self, variable: Any) -> list[Value]:
        trace = current_trace()
        assert trace is not None
        start = trace.read(variable).value
        return [outcome.changed.get(variable, start) for outcome in self.outcomes]

    def _loss(self, branch: int, number: int) -> list[Value]:
        """Return a loss that one branch adds, and nothing for the others."""
        loss = value_of(self.outcomes[branch].losses[number][1])
        nothing = full_value(0, loss.shape, loss.dtype)
        return [loss if n == branch else nothing for n in range(len(self.outcomes))]

    def settle(self, found: Sequence[Value]) -> Any:
        """Assign variables and add losses; return the results in their structure."""
        trace = current_trace()
        rest = iter(found[self.count :])
        for variable in self.variables:
            trace.assign(variable, trace.tensor(next(rest)))  # type: ignore[union-attr]
        for branch, number in self.losses:
            layer, _ = self.outcomes[branch].losses[number]
            trace.losses.append((layer, trace.tensor(next(rest))))  # type: ignore[union-attr]
        mine = iter(found[: self.count])
        filled = [None if x is None else shown(next(mine)) for x in self.flat[0]]
        return tree.pack_like(self.outcomes[0].result, filled)


def _unlike(who: str, values: Sequence[Value]) -> ArgumentError:
    types = ", ".join(dict.fromkeys(str(v.type) for v in values))
    return ArgumentError(
        message(
            who, "expected branches that agree in shape and dtype.", types,
            "Cast, pad or reshape, so that each branch returns the same.",
        )
    )  # fmt: skip
