"""From a user's function to the body of a loop: it is traced once, on new leaves.

Variables that the function assigns are carried from turn to turn, losses that it adds
are summed over all turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphkeras import dtypes, tree
from graphkeras.errors import ArgumentError, message
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import apply_to_values, constant
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import current_trace
from graphkeras.ir.value import Graph, Value, walk
from graphkeras.ops.creation import cast, convert_to_tensor
from graphkeras.ops.loops import closed, leaf, repeat, while_steps
from graphkeras.ops.reduce import sum as sum_of

Losses = list[tuple[Any, Any]]


def is_traced(structure: Any) -> bool:
    """Whether a loop over these is built, not run."""
    trace = current_trace()
    if trace is not None:
        return not trace.eager
    return any(
        isinstance(x, Value) or (isinstance(x, Tensor) and x.data is None)
        for x in tree.flatten(structure)
    )


def value_of(x: Any) -> Value:
    """Return what stands in the graph for a tensor, variable, array or number."""
    read = getattr(x, "__as_tensor__", None)
    x = convert_to_tensor(x if read is None else read(current_trace()))
    if isinstance(x, Value):
        return x
    found: Value = constant(x.data) if x._value is None else x.value
    return found


def shown(value: Value) -> Any:
    """Return a value as the function is to see it."""
    trace = current_trace()
    return value if trace is None else trace.tensor(value)


class Parts:
    """The tensors of a structure as values; None stays where it is."""

    def __init__(self, structure: Any) -> None:
        self.structure = structure
        self.leaves = tree.flatten(structure)
        self.values = [value_of(x) for x in self.leaves if x is not None]

    def packed(self, values: Sequence[Any]) -> Any:
        """Return a structure of that form."""
        rest = iter(values)
        filled = [None if x is None else next(rest) for x in self.leaves]
        return tree.pack_like(self.structure, filled)


class Outcome(NamedTuple):
    """What one run of the function gave.

    Attributes:
        changed: variables that have another value now.
    """

    result: Any
    changed: dict[Any, Value]
    losses: Losses


def run_once(function: Callable[[], Any], threaded: dict[Any, Value]) -> Outcome:
    """Run a function; whatever it assigns or adds is undone.

    Args:
        threaded: variables with the values that they have while it runs.
    """
    trace = current_trace()
    if trace is None:
        return Outcome(function(), {}, [])
    before, losses = dict(trace.current), trace.losses
    trace.losses = []
    try:
        for variable, value in threaded.items():
            trace.current[variable] = trace.tensor(value)
        result = function()
        changed = {
            variable: now.value
            for variable, now in trace.current.items()
            if now.value is not _start(variable, threaded, before)
        }
        return Outcome(result, changed, trace.losses)
    finally:
        for variable, value in trace.leaves.items():  # some may be read here first
            before.setdefault(variable, trace.tensor(value))
        trace.current, trace.losses = before, losses


def _start(variable: Any, threaded: dict[Any, Value], before: dict[Any, Any]) -> Value:
    if variable in threaded:
        return threaded[variable]
    trace = current_trace()
    assert trace is not None
    known = before.get(variable)
    return trace.leaves[variable] if known is None else known.value


def threaded_run(function: Callable[[], Any], threaded: dict[Any, Value]) -> Outcome:
    """Run a function as a turn of a loop, until all that it assigns is threaded.

    Args:
        threaded: gets a leaf for each variable that is assigned.
    """
    while True:
        outcome = run_once(function, threaded)
        missing = [v for v in outcome.changed if v not in threaded]
        if not missing:
            return outcome
        trace = current_trace()
        assert trace is not None
        for variable in missing:
            threaded[variable] = leaf("state", trace.read(variable).value.type)  # type: ignore[arg-type]


class NotALoop(Exception):
    """What a loop cannot be: the parts of a message."""

    def __init__(self, expected: str, came: str, remedy: str) -> None:
        super().__init__(expected)
        self.expected, self.came, self.remedy = expected, came, remedy


@dataclass(slots=True)
class Carried:
    """Values carried from turn to turn: the user's, then variables.

    Attributes:
        first: what the first turn begins with.
        leaves: what stands for them in the body.
    """

    who: str
    parts: Parts
    first: list[Value] = field(init=False)
    leaves: list[Value] = field(init=False)
    threaded: dict[Any, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begin(self.parts.values)

    def _begin(self, values: Sequence[Value]) -> None:
        self.first = list(values)
        self.leaves = [leaf("carry", v.type) for v in values]  # type: ignore[arg-type]

    def packed(self) -> Any:
        """Return the structure that the function is called with."""
        return self.parts.packed([shown(v) for v in self.leaves])

    def after(self, structure: Any, outcome: Outcome) -> list[Value] | None:
        """Return the values after a turn; None: begin again, in another dtype.

        Raises:
            ArgumentError: if the structure is not that of the first values.
            NotALoop: if a type is not that of the first value.
        """
        if not tree.same_structure(structure, self.parts.structure):
            raise ArgumentError(
                message(
                    self.who, "expected the function to return what it carries in the"
                    " structure in which it began.",
                    f"{outline(structure)} after {outline(self.parts.structure)}",
                    "Return the carried values as they were given, changed.",
                )
            )  # fmt: skip
        found = Parts(structure).values
        if self._is_wider(found):
            return None
        for old, new in zip(self.first, found, strict=True):
            if old.type != new.type:
                raise NotALoop(
                    "expected carried values that keep their shape and dtype",
                    f"{new.type} after {old.type}",
                    "Cast or broadcast the first value to what a turn gives",
                )
        return [*found, *(outcome.changed.get(v, x) for v, x in self.threaded.items())]

    def _is_wider(self, found: Sequence[Value]) -> bool:
        """Let Python's numbers become what the first turn makes of them."""
        numbers = [dtypes.weak_of(x) for x in self.parts.leaves if x is not None]
        pairs = list(zip(self.first, found, numbers))
        fits = [
            cast(old, new.dtype) if weak and old.dtype != new.dtype else old
            for old, new, weak in pairs
        ]
        if all(a is b for a, b in zip(fits, self.first)):
            return False
        self._begin(fits)
        self.threaded.clear()
        return True

    @property
    def all_first(self) -> list[Value]:
        """What the first turn begins with, variables included."""
        trace = current_trace()
        return [*self.first, *(trace.read(v).value for v in self.threaded)]  # type: ignore[union-attr]

    @property
    def all_leaves(self) -> list[Value]:
        """What stands for all that is carried."""
        return [*self.leaves, *self.threaded.values()]

    def settle(self, results: Sequence[Value]) -> Any:
        """Assign the variables' last values; return the others in their structure."""
        trace = current_trace()
        for variable, value in zip(self.threaded, results[len(self.first) :]):
            assert trace is not None
            trace.assign(variable, trace.tensor(value))
        return self.parts.packed([shown(v) for v in results[: len(self.first)]])


def outline(structure: Any) -> str:
    """Return a structure as text, its leaves left out."""
    return str(tree.map_structure(lambda _: "*", structure)).replace("'", "")


def traced_scan(
    who: str, f: Callable[[Any, Any], Any], init: Any, xs: Any, length: Dim,
    reverse: bool,
) -> Any:  # fmt: skip
    """Return the last carried value and the stacked results of a loop in the graph.

    Raises:
        NotALoop: if a carried value does not keep its type, or is a string.
    """
    carried, sequences = Carried(who, Parts(init)), Parts(xs)
    rows = [
        leaf("slice", v._tensor_type.with_shape(v.shape[1:])) for v in sequences.values
    ]

    def turn() -> Any:
        return f(carried.packed(), sequences.packed([shown(v) for v in rows]))

    after = None
    while after is None:
        outcome = threaded_run(turn, carried.threaded)
        carry, y = _pair(who, outcome.result)
        after = carried.after(carry, outcome)
    made = Parts(y)
    losses = [value_of(loss) for _, loss in outcome.losses]
    leaves = [*carried.all_leaves, *rows]
    outputs, around, own = _closed([*after, *made.values, *losses], leaves)
    results = repeat(
        [*carried.all_first, *sequences.values, *around],
        body=Graph((*leaves, *own), outputs), carries=len(after),
        sequences=len(rows), length=length, reverse=reverse,
    )  # fmt: skip
    last, stacked = results[: len(after)], results[len(after) :]
    _add_losses(outcome.losses, stacked[len(made.values) :])
    ys = made.packed([shown(v) for v in stacked[: len(made.values)]])
    return carried.settle(last), ys


def _pair(who: str, result: Any) -> tuple[Any, Any]:
    if isinstance(result, (tuple, list)) and len(result) == 2:
        return result[0], result[1]
    raise ArgumentError(
        message(
            who, "expected the function to return a pair: what it carries, what this "
            "turn gives.", outline(result), "Return (carry, None) if there is nothing.",
        )
    )  # fmt: skip


def _closed(
    outputs: Sequence[Value], leaves: Sequence[Value]
) -> tuple[tuple[Value, ...], list[Value], list[Value]]:
    """Return a body's outputs, closed; strings are no matter of loops."""
    found = closed(outputs, leaves)
    for value in walk(found[0]):
        if value.op.is_hosted or any(t.dtype == "string" for t in value.types):
            raise NotALoop(
                "expected numbers in a loop", f"{value!r}",
                "Prepare texts before the loop",
            )  # fmt: skip
    return found


def _add_losses(losses: Losses, stacked: Sequence[Value]) -> None:
    """Add the losses of all turns."""
    trace = current_trace()
    for (layer, _), rows in zip(losses, stacked):
        assert trace is not None
        trace.losses.append((layer, sum_of(trace.tensor(rows), axis=0)))


def traced_while(
    cond: Callable[..., Any], body: Callable[..., Any], state: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Return the variables after a loop in the graph.

    Raises:
        NotALoop: if a variable of the loop does not keep its type.
    """
    carried = Carried("while_loop", Parts(state))
    after = None
    while after is None:
        outcome = threaded_run(lambda: body(*carried.packed()), carried.threaded)
        after = carried.after(outcome.result, outcome)
    test = run_once(lambda: cond(*carried.packed()), carried.threaded)
    going = value_of(test.result)
    if going.shape != ():
        raise ArgumentError(
            message(
                "while_loop", "expected a condition that gives a scalar.",
                f"{going.type}", "Fold it by ops.all or ops.any.",
            )
        )  # fmt: skip
    going = cast(going, "bool")
    leaves = carried.all_leaves
    outputs, around, own = _closed([going, *after], leaves)
    inputs = (*leaves, *own)
    results = apply_to_values(
        while_steps.op,  # type: ignore[attr-defined]
        [*carried.all_first, *around],
        {
            "condition": Graph(inputs, outputs[:1]), "body": Graph(inputs, outputs[1:]),
            "carries": len(after),
        },
    )  # fmt: skip
    packed: tuple[Any, ...] = carried.settle(
        results if isinstance(results, tuple) else (results,)
    )
    return packed
