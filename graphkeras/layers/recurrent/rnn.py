"""RNN: any cell run over the steps of a sequence."""

from __future__ import annotations

from functools import partial
from typing import Any

from graphkeras import ops, tree
from graphkeras.errors import ArgumentError, ShapeError, TraceError, message
from graphkeras.layers.layer import Layer
from graphkeras.layers.recurrent.stacked import (
    StackedRNNCells,
    build_cell,
    first_states,
    require_cell,
    run_cell,
    same_masks,
)
from graphkeras.ops.shape import slice_axes
from graphkeras.ops.traced_loops import value_of
from graphkeras.variables import Variable


class RNN(Layer):
    """A cell run over the steps of (batch, time, features).

    The built-in cells run as one op over time, a cell of the user's own as a loop whose
    body is the cell. The number of steps may be free.

    Args:
        cell: a layer with ``call(inputs, states) -> (output, states)`` and
            `state_size`, or a list of them.
        return_sequences: whether to return the outputs of all steps.
        return_state: whether to return the last states too.
        go_backwards: whether to begin with the last step; outputs come in the order in
            which they were made.
        stateful: whether the states of a batch begin the next one.
        unroll: whether to write a cell of the user's own out step by step; their number
            must then be known.
        zero_output_for_mask: whether masked steps give zeros rather than the output
            before.

    Call arguments: sequences, `initial_state` (list of states), `mask` (batch, time).

    Example:
        >>> import numpy as np
        >>> from graphkeras.layers import GRUCell
        >>> RNN(GRUCell(4), return_sequences=True)(np.ones((2, 5, 3), "float32")).shape
        (2, 5, 4)
    """

    _untracked = Layer._untracked | {"states"}

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        require_cell(type(self).__name__, cell)
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.unroll, self.zero_output_for_mask = unroll, zero_output_for_mask
        self.states: list[Any] | None = None
        self.supports_masking = True

    # ----------------------------------------------------------------------- states

    @property
    def state_size(self) -> list[Any]:
        """Sizes of the cell's states."""
        size = self.cell.state_size
        return list(size) if tree.is_nested(size) else [size]

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """Return the states the first step begins with."""
        states = first_states(self.cell, batch_size, self._cell_dtype())
        return list(states) if tree.is_nested(states) else [states]

    def _cell_dtype(self) -> str:
        return getattr(self.cell, "compute_dtype", self.compute_dtype)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the cell, and variables for the states if they are to be kept."""
        batch = sequences_shape[0]
        build_cell(self.cell, (batch, *sequences_shape[2:]))
        if not self.stateful or self.states is not None:
            self.reset_state()
            return
        if batch is None:
            raise ShapeError(
                message(
                    "", "expected a known batch size, since stateful=True.",
                    f"shape {sequences_shape}",
                    "Use keras.Input(batch_shape=(8, ...)).",
                )
            )  # fmt: skip
        self.states = tree.map_structure(
            lambda x: Variable(x, trainable=False, dtype=self.variable_dtype,
                               name="rnn_state"),
            self.get_initial_state(batch),
        )  # fmt: skip

    def reset_state(self) -> None:
        """Set the kept states to zero."""
        for variable in tree.flatten(self.states):
            if variable is not None:
                variable.assign(ops.zeros(variable.shape, variable.dtype))

    reset_states = reset_state

    def _first_states(self, sequences: Any, given: Any) -> list[Any]:
        batch = sequences.shape[0]
        if self.stateful and self.states is not None:
            own = tree.flatten(self.states)[0].shape[0]
            if isinstance(batch, int) and batch != own:
                raise ShapeError(
                    message(
                        "", f"expected batches of {own} samples, as stateful=True.",
                        f"{batch} samples", "Feed batches of that size.",
                    )
                )  # fmt: skip
        if given is None:
            given = self.get_initial_state(batch)
            if self.stateful:
                given = tree.map_structure(lambda v: of_rows(v, batch), self.states)
        listed = list(given) if tree.is_nested(given) else [given]
        kind = self._cell_dtype()
        return tree.map_structure(
            lambda x: ops.cast(ops.convert_to_tensor(x), kind), listed
        )

    # ------------------------------------------------------------------------- call

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: Any = False,
    ) -> Any:
        """Return the last output or all of them, and the states if asked for."""
        states = self._first_states(sequences, initial_state)
        mask = tree.flatten(mask)[0]
        if getattr(self.cell, "has_loop", False):
            output, states = self._looped(
                sequences, states, mask, training, initial_state is not None
            )
        else:
            run = self._unrolled if self.unroll else self._scanned
            output, states = run(sequences, states, mask, training)
        kind = self.compute_dtype
        output = ops.cast(output, kind)
        states = tree.map_structure(lambda x: ops.cast(x, kind), states)
        if self.stateful:
            for variable, state in zip(tree.flatten(self.states), tree.flatten(states)):
                variable.assign(of_rows(state, variable.shape[0]))
        return (output, *states) if self.return_state else output

    def _looped(
        self, x: Any, states: list[Any], mask: Any, training: Any, given: bool
    ) -> tuple[Any, list[Any]]:
        """All steps by the loop the cell has."""
        outputs, after = self.cell.sequence(
            x, states, mask, training, self.go_backwards
        )
        outputs = self._at_masked_steps(outputs, mask, given)
        if self.return_sequences:
            return (ops.flip(outputs, 1) if self.go_backwards else outputs), after
        if self.zero_output_for_mask or self.unroll:
            return outputs[:, 0 if self.go_backwards else -1], after
        last = after[-1] if isinstance(self.cell, StackedRNNCells) else after
        return last[0], after

    def _at_masked_steps(self, outputs: Any, mask: Any, given: bool) -> Any:
        """Zeros where Keras has them; the loop itself repeats the state.

        Unrolled, Keras repeats the output before, which is zero at first.
        """
        if mask is None:
            return outputs
        counts = ops.cast(mask, "bool")
        if self.unroll:
            if not (given or self.stateful):
                return outputs
            ran = ops.cast(counts, "int32")
            ran = ops.flip(ran, 1) if self.go_backwards else ran
            ran = ops.cumsum(ran, axis=1)
            counts = (ops.flip(ran, 1) if self.go_backwards else ran) > 0
        elif not self.zero_output_for_mask:
            return outputs
        wide = (*counts.shape, *(1,) * (len(outputs.shape) - 2))
        return ops.where(ops.reshape(counts, wide), outputs, 0)

    def _scanned(
        self, x: Any, states: list[Any], mask: Any, training: Any
    ) -> tuple[Any, list[Any]]:
        """All steps by a loop over time."""
        same: list[int] = []  # the state that is the output, if there is one

        def step(before: Any, now: Any) -> tuple[Any, Any]:
            features, counts = now
            output, after = self._step(features, before, training)
            if counts is not None:
                zero = self.zero_output_for_mask
                old = ops.zeros_like(output) if zero else _first_of(before)
                output = chosen(counts, output, old)
                after = tree.map_structure(partial(chosen, counts), after, before)
            same[:] = _places(output, after)
            return after, output if self.return_sequences or not same else None

        with same_masks(self.cell):
            if hasattr(self.cell, "draw_masks"):
                self.cell.draw_masks(x[:, 0], states, training)
            slices = time_first(x), None if mask is None else time_first(mask)
            after, outputs = ops.scan(step, states, slices, reverse=self.go_backwards)
        if self.return_sequences:
            outputs = ops.flip(outputs, 0) if self.go_backwards else outputs
            return time_first(outputs), after
        if outputs is None:
            return tree.flatten(after)[same[0]], after
        return outputs[0 if self.go_backwards else -1], after

    def _step(self, features: Any, states: list[Any], training: Any) -> Any:
        """One step: the output, and new states of the structure and dtypes before."""
        output, after = run_cell(self.cell, features, states, training)
        flat = zip(tree.flatten(after), tree.flatten(states), strict=True)
        kept = [
            new if ops.dtype(new) == ops.dtype(old) else ops.cast(new, ops.dtype(old))
            for new, old in flat
        ]
        return output, tree.pack_like(states, kept)

    def _unrolled(
        self, x: Any, states: list[Any], mask: Any, training: Any
    ) -> tuple[Any, list[Any]]:
        """All steps one by one; a masked one repeats the output before."""
        time = known_steps(x)
        outputs: list[Any] = []
        with same_masks(self.cell):
            for t in reversed(range(time)) if self.go_backwards else range(time):
                output, after = self._step(x[:, t], states, training)
                if mask is not None:
                    old = outputs[-1] if outputs else ops.zeros_like(output)
                    output = chosen(mask[:, t], output, old)
                    choose = partial(chosen, mask[:, t])
                    after = tree.map_structure(choose, after, states)
                states = after
                outputs.append(output)
        return ops.stack(outputs, 1) if self.return_sequences else outputs[-1], states

    def compute_mask(self, sequences: Any, mask: Any = None) -> Any:
        """Return the mask of the outputs: that of the steps, none for states."""
        output = tree.flatten(mask)[0] if self.return_sequences else None
        if not self.return_state:
            return output
        return [output, *(None for _ in tree.flatten(self.state_size))]


def known_steps(sequences: Any) -> int:
    """Return the number of steps.

    Raises:
        TraceError: if it is free: such a loop cannot be written out step by step.
    """
    time = sequences.shape[1]
    if not isinstance(time, int):
        raise TraceError(
            message(
                "", "expected a known number of steps, since unroll=True.",
                f"sequences of shape {list(sequences.shape)}",
                "Give the Input a fixed number of steps, or leave unroll out.",
            )
        )  # fmt: skip
    return time


def time_first(x: Any) -> Any:
    """Let the first two axes change places: (batch, time) or (time, batch)."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def of_rows(x: Any, count: Any) -> Any:
    """Return a tensor of kept states, or one to keep, as one of so many samples.

    A compiled step does not know its batch size: that it is right shows when it runs.
    """
    x = ops.convert_to_tensor(x)
    if x.shape[0] == count:
        return x
    rank = len(x.shape)
    limit = (count, *x.shape[1:])
    return slice_axes(x, start=(0,) * rank, limit=limit, step=(1,) * rank)


def chosen(counts: Any, new: Any, old: Any) -> Any:
    """Choose by (batch,), for tensors of any rank."""
    wide = (counts.shape[0], *[1] * (len(new.shape) - 1))
    return ops.where(ops.reshape(ops.cast(counts, "bool"), wide), new, old)


def _first_of(states: list[Any]) -> Any:
    """Return the state that stands for the output where a step is masked."""
    return states[-1][0] if tree.is_nested(states[0]) else states[0]


def _places(output: Any, states: Any) -> list[int]:
    """Return which of the states an output is."""
    value = value_of(output)
    return [i for i, x in enumerate(tree.flatten(states)) if value_of(x) is value]


def one_cell(who: str, value: Any) -> Any:
    """Refuse `use_cudnn=True`: there is no such library here.

    Raises:
        ArgumentError: for True and for what is no choice at all.
    """
    if value not in ("auto", False):
        raise ArgumentError(
            message(who, "expected use_cudnn to be 'auto' or False.", f"{value!r}")
        )
    return value
