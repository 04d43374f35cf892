"""Reverse-mode differentiation: graph in, graph out, so second order comes free.

The rules stand with the ops (`vjp`). Broadcasting is undone here, once. A composite
without a rule of its own is opened and its body differentiated.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphkeras import dtypes, tree
from graphkeras.errors import GradientError, TraceError, message
from graphkeras.ir.definers import expand_call
from graphkeras.ir.interpret import evaluate
from graphkeras.ir.op import ITEM, Op, Word, constant, inline
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, current_trace, untraced
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Value, type_text, walk
from graphkeras.ops.attention_by_hand import by_hand
from graphkeras.ops.creation import cast, full_like, full_value
from graphkeras.ops.math import add
from graphkeras.ops.reduce import sum as sum_over
from graphkeras.ops.shape import reshape, stack


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
    require_float(loss)
    return _accumulate([(loss, seed)], wrt, frozenset())


def require_float(loss: Value) -> None:
    """Raise GradientError for a loss that is no float."""
    if not dtypes.is_float(loss.dtype):
        raise GradientError(
            message(
                "gradient", "expected a float to differentiate.", str(loss.type),
                "Cast the loss to a float dtype.",
            )
        )  # fmt: skip


Seeded = Sequence[tuple[Value, Value | None]]  # results, gradients of what follows


def _accumulate(
    ends: Seeded, wrt: Sequence[Value], stop: Container[Value]
) -> list[Value | None]:
    """Walk back from all `ends` at once, so that what they share is passed once.

    Values in `stop` count as independent of one another.
    """
    roots = [value for value, _ in ends]
    needed = _on_the_way(roots, wrt, stop)
    sums: dict[Value, Any] = {}
    for value, seed in ends:
        g = ones_like(value) if seed is None else seed
        sums[value] = add(sums[value], g) if value in sums else g
    asked = set(wrt)
    for value in reversed(walk(roots, stop)):
        if value in sums and value in needed and value.inputs:
            whole = by_hand(value)
            if whole is None or any(v in stop or v in asked for v in whole.between):
                _push(value, sums, needed)
            else:
                _send(whole.sources, whole.slopes(sums[value]), sums, needed)
    return [sums.get(w) for w in wrt]


def ones_like(value: Value) -> Value:
    """Return ones of the value's type."""
    return full_value(1, value.shape, value.dtype)


def _on_the_way(
    ends: Sequence[Value], targets: Sequence[Value], stop: Container[Value]
) -> set[Value]:
    """Return the values between `targets` and `ends`."""
    needed = set(targets)
    for value in walk(ends, stop):
        if any(i in needed for i in value.inputs):
            needed.add(value)
    return needed


def _push(value: Value, sums: dict[Value, Any], needed: set[Value]) -> None:
    """Send the gradient of `value` on to its operands."""
    if value.op is ITEM:
        _collect(value, sums)
        return
    _send(value.inputs, _vjp(value, sums[value]), sums, needed)


def _send(
    operands: Sequence[Value], parts: Sequence[Value | None], sums: dict[Value, Any],
    needed: set[Value],
) -> None:  # fmt: skip
    """Add gradients to what is known of the operands'."""
    for operand, part in zip(operands, parts, strict=True):
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
    if op.fact("pulls"):
        parts: Sequence[Value | None] = op.vjp(g, value, *value.inputs, pull=_pull)
        return parts
    if isinstance(value.type, tuple):
        g = _complete(value, g)
    if isinstance(op.vjp, Word) or op.vjp is None:
        if _gives_integers(value):
            return [None] * len(value.inputs)
        path = value.origin.path if value.origin else ""
        raise GradientError(
            message(
                path or op.fact("known_as", op.name), f"{op.name} has no gradient.",
                type_text(value.type),
                op.fact("instead", "Use ops.stop_gradient where none is meant."),
            )
        )  # fmt: skip
    parts = op.vjp(g, value, *value.inputs)
    return parts if isinstance(parts, (tuple, list)) else (parts,)


def _pull(ends: Seeded, wrt: Sequence[Value]) -> list[Value | None]:
    """Differentiate inside a graph that an op holds; gradients have their types."""
    floats = [end for end in ends if dtypes.is_float(end[0].dtype)]
    return _accumulate(floats, wrt, frozenset())


def _gives_integers(value: Value) -> bool:
    return not any(dtypes.is_float(t.dtype) for t in value.types)


def _through_body(value: Value, g: Any) -> list[Value | None]:
    """Differentiate a composite by its body."""
    inputs = value.inputs
    result = expand_call(value.op, inputs, value.attributes)
    results = result if isinstance(result, tuple) else (result,)
    seeds = g if isinstance(value.type, tuple) else (g,)
    ends = [
        (part, seed)
        for part, seed in zip(results, seeds, strict=True)
        if seed is not None and dtypes.is_float(part.dtype)
    ]
    return _accumulate(ends, inputs, set(inputs))


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
        watch_accessed_variables: whether variables count as sources of themselves;
            if not, only what is given to `watch` does.

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
        self._all_variables = watch_accessed_variables
        self._watched: list[Any] = []
        self._trace: Any = None
        self._opened = self._used = False

    def __enter__(self) -> GradientTape:
        trace = current_trace()
        self._opened = trace is None
        if trace is None:
            trace = (self._trace or Trace(eager=True)).__enter__()
        self._trace = trace
        self._used = False
        return self

    def __exit__(self, *exception: object) -> None:
        if self._opened:
            self._trace.__exit__(*exception)

    def watch(self, tensor: Any) -> Any:
        """Count a tensor (or structure of them) as a source.

        Returns:
            The tensor; for an array a tensor that holds it, since an array itself
            leaves no trace.
        """
        watched = tree.map_structure(_watchable, tensor)
        self._watched += tree.flatten(watched)
        return watched

    def watched_variables(self) -> tuple[Any, ...]:
        """Return the variables that count as sources."""
        read = self._trace.readings if self._trace and self._all_variables else ()
        chosen = [w for w in self._watched if not isinstance(w, Tensor)]
        return tuple(dict.fromkeys([*(v for v in read if v.trainable), *chosen]))

    def reset(self) -> None:
        """Forget what was computed so far."""
        self._watched, self._used = [], False
        if self._opened and current_trace() is not self._trace:
            self._trace = None

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Compute without history, outside of a compiled step.

        Raises:
            TraceError: inside one, where all there is is the history.
        """
        if not self._trace.eager:
            raise TraceError(
                message("GradientTape", "stop_recording needs to run eagerly.", "",
                        "Use ops.stop_gradient on the result.")
            )  # fmt: skip
        with untraced():
            yield

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:  # fmt: skip
        """Return d(sum of target)/d(source) in the structure of `sources`.

        Args:
            target: tensor (or structure of them) computed in the scope.
            sources: variables and tensors, in any structure.
            output_gradients: gradient of what comes after `target`, of its structure.
            unconnected_gradients: "none" or "zero": what stands where the target does
                not depend on a source.

        Raises:
            GradientError: if called before the scope, or twice without `persistent`.
        """
        self._require_use()
        targets, flat = tree.flatten(target), tree.flatten(sources)
        seeds: list[Any] = [None] * len(targets)
        if output_gradients is not None:
            seeds = [_value_of(g) for g in tree.flatten(output_gradients)]
        places = [self._places(s) for s in flat]
        found = self._gradients(targets, seeds, [p for ps in places for p in ps])
        answers = iter(found)
        sums = [_total([next(answers) for _ in ps]) for ps in places]
        tensors = self._tensors(sums)
        if getattr(unconnected_gradients, "value", unconnected_gradients) == "zero":
            pairs = zip(tensors, flat, strict=True)
            tensors = [full_like(s, 0) if t is None else t for t, s in pairs]
        return tree.pack_like(sources, tensors)

    def jacobian(self, target: Any, sources: Any) -> Any:
        """Return d(target)/d(source): the target's axes, then the source's.

        The target's size must be known.
        """
        self._require_use()
        places = [self._places(s) for s in tree.flatten(sources)]
        wanted = [p for ps in places for p in ps]
        size = int(np.prod(target.shape))
        rows = []
        for i in range(size):
            unit = np.zeros(size, dtypes.to_numpy(target.dtype))
            unit[i] = 1
            seed = constant(unit.reshape(target.shape))
            answers = iter(self._gradients([target], [seed], wanted))
            rows.append([_total([next(answers) for _ in ps]) for ps in places])
        joined = [_jacobian_of(column, target.shape) for column in zip(*rows)]
        return tree.pack_like(sources, self._tensors(joined))

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

    def _places(self, source: Any) -> list[Value]:
        """Return the values a source has had: a variable one for each assignment."""
        if isinstance(source, Tensor):
            return [source.value]
        watched = self._all_variables or any(source is w for w in self._watched)
        return self._trace.readings.get(source, []) if watched else []

    def _gradients(
        self, targets: list[Any], seeds: list[Any], wanted: list[Value]
    ) -> list[Value | None]:
        """Return gradients of the sum of all targets.

        Nothing passes from one value of a variable to the next, nor into what was
        computed in another scope: neither is differentiable.
        """
        readings = self._trace.readings.values()
        stop = {v for values in readings for v in values} | set(self._trace.foreign)
        ends = []
        for target, seed in zip(targets, seeds, strict=True):
            if isinstance(target, Tensor):
                require_float(target.value)
                ends.append((target.value, seed))
        return _accumulate(ends, wanted, stop)

    def _tensors(self, values: list[Value | None]) -> list[Tensor | None]:
        if not self._trace.eager:
            return [None if v is None else self._trace.tensor(v) for v in values]
        present = [v for v in values if v is not None]
        arrays = iter(evaluate(present, self._trace.known, {}))
        inside = current_trace() is self._trace
        wrap = self._trace.tensor if inside else lambda _, data: Tensor(None, data)
        return [None if v is None else wrap(v, next(arrays)) for v in values]


def _watchable(tensor: Any) -> Any:
    held = isinstance(tensor, Tensor) or hasattr(tensor, "__as_tensor__")
    return tensor if held else Tensor.of(tensor)


def _value_of(tensor: Any) -> Value:
    return tensor.value if isinstance(tensor, Tensor) else constant(np.asarray(tensor))


def _total(parts: Sequence[Value | None]) -> Value | None:
    """Return the sum of what is there, or None."""
    present = [p for p in parts if p is not None]
    return functools.reduce(add, present) if present else None


def _jacobian_of(rows: Sequence[Value | None], shape: tuple) -> Value | None:
    if not rows or rows[0] is None:
        return None
    return reshape(stack(list(rows)), (*shape, *rows[0].shape))
