"""Reverse-mode differentiation: graph in, graph out, so second order comes free.

The rules stand with the ops (`vjp`). Broadcasting is undone here, once. A composite
without a rule of its own is opened and its body differentiated.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from graphkeras import dtypes, tree
from graphkeras.errors import GradientError, message
from graphkeras.ir.definers import expand_call
from graphkeras.ir.interpret import evaluate
from graphkeras.ir.op import ITEM, Op, Word, inline
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, current_trace
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Value, walk
from graphkeras.ops.creation import cast, full_like, full_value
from graphkeras.ops.math import add
from graphkeras.ops.reduce import sum as sum_over
from graphkeras.ops.shape import reshape


def gradient(
    loss: Value, wrt: Sequence[Value], seed: Value | None = None
) -> list[Value | None]:
    """Return d(sum of loss)/d(w) for each w; None where loss does not depend on it.

    Args:
        loss: a float value of any shape.
        wrt: values to differentiate by.
        seed: gradient of what comes after `loss`, of its shape; ones by default.

    Raises:
        GradientError: if an op on the way has no gradient.
    """
    if not dtypes.is_float(loss.dtype):
        raise GradientError(
            message(
                "gradient", "expected a float to differentiate.", str(loss.type),
                "Cast the loss to a float dtype.",
            )
        )  # fmt: skip
    return _accumulate(loss, wrt, seed, frozenset())


def _accumulate(
    loss: Value, wrt: Sequence[Value], seed: Value | None, stop: Container[Value]
) -> list[Value | None]:
    """Walk back from `loss`; values in `stop` count as independent of one another."""
    needed = _on_the_way(loss, wrt, stop)
    sums: dict[Value, Any] = {loss: ones_like(loss) if seed is None else seed}
    for value in reversed(walk([loss], stop)):
        if value in sums and value in needed and value.inputs:
            _push(value, sums, needed)
    return [sums.get(w) for w in wrt]


def ones_like(value: Value) -> Value:
    """Return ones of the value's type."""
    return full_value(1, value.shape, value.dtype)


def _on_the_way(
    loss: Value, targets: Sequence[Value], stop: Container[Value]
) -> set[Value]:
    """Return the values between `targets` and `loss`."""
    needed = set(targets)
    for value in walk([loss], stop):
        if any(i in needed for i in value.inputs):
            needed.add(value)
    return needed


def _push(value: Value, sums: dict[Value, Any], needed: set[Value]) -> None:
    """Send the gradient of `value` on to its operands."""
    if value.op is ITEM:
        _collect(value, sums)
        return
    g = sums[value]
    if isinstance(value.type, tuple):
        g = _complete(value, g)
    parts = _vjp(value, g)
    for operand, part in zip(value.inputs, parts, strict=True):
        if part is None or operand not in needed:
            continue
        part = unbroadcast(part, operand)
        old = sums.get(operand)
        sums[operand] = part if old is None else add(old, part)


def _collect(item: Value, sums: dict[Value, Any]) -> None:
    """An item's gradient waits in a slot of the op that gave it."""
    parent = item.inputs[0]
    slots = sums.setdefault(parent, [None] * len(parent.types))
    slots[item.index] = sums[item]


def _complete(value: Value, slots: list[Value | None]) -> tuple[Value, ...]:
    """Fill the slots of results nobody differentiated with zeros."""
    return tuple(
        full_value(0, t.shape, t.dtype) if s is None else s
        for s, t in zip(slots, value.types)
    )


def _vjp(value: Value, g: Any) -> Sequence[Value | None]:
    op = value.op
    if op.vjp is inline:
        return _through_body(value, g)
    if isinstance(op.vjp, Word) or op.vjp is None:
        if _gives_integers(value):
            return [None] * len(value.inputs)
        raise GradientError(
            message(
                value.origin.path if value.origin else op.name,
                f"{op.name} has no gradient.", str(value.type),
                "Use ops.stop_gradient where none is meant.",
            )
        )  # fmt: skip
    parts = op.vjp(g, value, *value.inputs)
    return parts if isinstance(parts, (tuple, list)) else (parts,)


def _gives_integers(value: Value) -> bool:
    return not any(dtypes.is_float(t.dtype) for t in value.types)


def _through_body(value: Value, g: Any) -> list[Value | None]:
    """Differentiate a composite by its body."""
    inputs = value.inputs
    result = expand_call(value.op, inputs, value.attributes)
    results = result if isinstance(result, tuple) else (result,)
    seeds = g if isinstance(g, tuple) else (g,)
    total: list[Value | None] = [None] * len(inputs)
    for part, seed in zip(results, seeds, strict=True):
        if not dtypes.is_float(part.dtype):
            continue
        for i, d in enumerate(_accumulate(part, inputs, seed, set(inputs))):
            if d is not None:
                total[i] = d if total[i] is None else add(total[i], d)
    return total


def unbroadcast(g: Value, operand: Value) -> Value:
    """Sum a gradient over the axes along which its operand was stretched."""
    if g.shape == operand.shape:
        return g if g.dtype == operand.dtype else cast(g, operand.dtype)
    lead = len(g.shape) - len(operand.shape)
    axes = tuple(
        i for i in range(len(g.shape))
        if i < lead or (operand.shape[i - lead] == 1 and g.shape[i] != 1)
    )  # fmt: skip
    if lead < 0 or not axes:
        expected = TensorType(g.dtype, operand.shape)
        raise GradientError(
            f"gradient of {operand!r}: expected {expected}, got {g.type}"
        )
    return unbroadcast(reshape(sum_over(g, axis=axes), operand.shape), operand)


def differentiable(op: Op) -> bool:
    """Return whether an op states a gradient."""
    return not isinstance(op.vjp, Word) or op.vjp is inline


# ---------------------------------------------------------------------------- tape


class GradientTape:
    """A scope after which `gradient` differentiates what was computed in it.

    Nothing is recorded: the graph that is traced anyway is the tape. Outside of a
    compiled step the scope runs eagerly.

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: taken for TensorFlow's sake; nothing needs watching.

    Example:
        >>> from graphkeras.variables import Variable
        >>> weight = Variable(3.0, name="w")
        >>> with GradientTape() as tape:
        ...     loss = weight * weight
        >>> float(tape.gradient(loss, weight))
        6.0
    """

    def __init__(
        self, persistent: bool = False, watch_accessed_variables: bool = True
    ) -> None:
        self.persistent = persistent
        self._trace: Any = None
        self._opened = False
        self._before: dict[Any, Tensor] = {}
        self._used = False

    def __enter__(self) -> GradientTape:
        self._trace = current_trace()
        self._opened = self._trace is None
        if self._opened:
            self._trace = Trace(eager=True).__enter__()
        self._before = dict(self._trace.current)
        self._used = False
        return self

    def __exit__(self, *exception: object) -> None:
        if self._opened:
            self._trace.__exit__(*exception)

    def watch(self, tensor: Any) -> None:
        """Do nothing: the graph knows every tensor."""

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:  # fmt: skip
        """Return d(sum of target)/d(source) in the structure of `sources`.

        Args:
            target: tensor (or structure of them) computed in the scope.
            sources: variables and tensors, in any structure.
            output_gradients: gradient of what comes after `target`, of its shape.
            unconnected_gradients: "none" or "zero": what stands where the target does
                not depend on a source.

        Raises:
            GradientError: if called before the scope, or twice without `persistent`.
        """
        self._require_use()
        places = [self._place(s) for s in tree.flatten(sources)]
        wanted = [p for p in places if p is not None]
        seed = None if output_gradients is None else _value_of(output_gradients)
        found = self._gradients(tree.flatten(target), wanted, seed)
        answers = iter(found)
        filled = [
            self._or_zeros(
                None if p is None else next(answers), s, unconnected_gradients
            )
            for p, s in zip(places, tree.flatten(sources))
        ]
        return tree.pack_like(sources, filled) if tree.is_nested(sources) else filled[0]

    def _require_use(self) -> None:
        if self._trace is None or (self._used and not self.persistent):
            raise GradientError(
                message(
                    "GradientTape", "gradient is asked for once, after entering the"
                    " scope.", "another call" if self._used else "no scope",
                    "Use GradientTape(persistent=True) to ask more than once.",
                )
            )  # fmt: skip
        self._used = True

    def _place(self, source: Any) -> Value | None:
        """The value a source had when the scope first saw it, or None if never."""
        if isinstance(source, Tensor):
            return source.value
        before = self._before.get(source)
        return self._trace.leaves.get(source) if before is None else before.value

    def _gradients(
        self, targets: list[Any], wanted: list[Value], seed: Any
    ) -> list[Any]:
        """Gradients of the sum of all targets, as tensors."""
        sums: list[Value | None] = [None] * len(wanted)
        for target in targets:
            parts = gradient(_value_of(target), wanted, seed)
            sums = [_added(a, b) for a, b in zip(sums, parts)]
        return self._tensors(sums)

    def _tensors(self, values: list[Value | None]) -> list[Tensor | None]:
        if not self._trace.eager:
            return [None if v is None else self._trace.tensor(v) for v in values]
        arrays = iter(
            evaluate([v for v in values if v is not None], self._trace.known, {})
        )
        inside = current_trace() is self._trace
        return [
            None if v is None
            else self._trace.tensor(v, next(arrays)) if inside
            else Tensor(None, next(arrays))
            for v in values
        ]  # fmt: skip

    def _or_zeros(self, found: Any, source: Any, unconnected: str) -> Any:
        if found is None and unconnected == "zero":
            return full_like(source, 0)
        return found


def _value_of(tensor: Any) -> Value:
    return tensor.value if isinstance(tensor, Tensor) else Tensor.of(tensor).value


def _added(a: Value | None, b: Value | None) -> Value | None:
    return b if a is None else a if b is None else add(a, b)
