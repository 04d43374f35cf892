"""RNN: any cell run over the steps of a sequence."""

from __future__ import annotations

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
from graphkeras.variables import Variable


class RNN(Layer):
    """A cell run over the steps of (batch, time, features).

    The built-in cells run as one op over time, whose length may be free; a cell of the
    user's own is unrolled, so its number of steps must be known.

    Args:
        cell: a layer with ``call(inputs, states) -> (output, states)`` and
            `state_size`, or a list of them.
        return_sequences: whether to return the outputs of all steps.
        return_state: whether to return the last states too.
        go_backwards: whether to begin with the last step; outputs come in the order in
            which they were made.
        stateful: whether the states of a batch begin the next one.
        unroll: accepted for Keras's sake; the result is the same.
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
        if given is None:
            given = self.states if self.stateful else self.get_initial_state(batch)
        if self.stateful and self.states is not None:
            own = tree.flatten(self.states)[0].shape[0]
            if batch != own:
                raise ShapeError(
                    message(
                        "", f"expected batches of {own} samples, as stateful=True.",
                        f"{batch} samples", "Feed batches of that size.",
                    )
                )  # fmt: skip
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
            output, states = self._unrolled(sequences, states, mask, training)
        kind = self.compute_dtype
        output = ops.cast(output, kind)
        states = tree.map_structure(lambda x: ops.cast(x, kind), states)
        if self.stateful:
            for variable, state in zip(tree.flatten(self.states), tree.flatten(states)):
                variable.assign(state)
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

    def _unrolled(
        self, x: Any, states: list[Any], mask: Any, training: Any
    ) -> tuple[Any, list[Any]]:
        """All steps one by one."""
        time = known_steps(x)
        outputs: list[Any] = []
        with same_masks(self.cell):
            for t in reversed(range(time)) if self.go_backwards else range(time):
                output, after = run_cell(self.cell, x[:, t], states, training)
                after = list(after) if tree.is_nested(after) else [after]
                if mask is not None:
                    counts = ops.expand_dims(ops.cast(mask[:, t], "bool"), -1)
                    output = self._masked(counts, output, outputs, states)
                    after = tree.map_structure(
                        lambda new, old, c=counts: chosen(c, new, old), after, states
                    )
                states = after
                outputs.append(output)
        return ops.stack(outputs, 1) if self.return_sequences else outputs[-1], states

    def _masked(self, counts: Any, output: Any, outputs: Any, states: Any) -> Any:
        """What a step gives where it is masked."""
        if self.unroll:
            old = outputs[-1] if outputs else ops.zeros_like(output)
        elif self.zero_output_for_mask:
            old = ops.zeros_like(output)
        else:
            old = states[-1][0] if tree.is_nested(states[0]) else states[0]
        return chosen(counts, output, old)

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
                "", "expected a known number of steps, to unroll a cell without "
                "a loop of its own.", f"sequences of shape {list(sequences.shape)}",
                "Give the Input a fixed number of steps, or use LSTM, GRU, SimpleRNN "
                "with plain activations.",
            )
        )  # fmt: skip
    return time


def chosen(counts: Any, new: Any, old: Any) -> Any:
    """Choose by (batch, 1), for tensors of any rank."""
    extra = len(new.shape) - 2
    wide = ops.reshape(counts, (counts.shape[0], 1, *[1] * extra)) if extra else counts
    return ops.where(wide, new, old)


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
