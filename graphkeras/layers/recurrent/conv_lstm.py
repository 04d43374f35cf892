"""Long short-term memories whose products are convolutions."""

from __future__ import annotations

from typing import Any

from graphkeras import ops, random
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.layers.facets import given
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.recurrent.cells import LSTMCell
from graphkeras.layers.recurrent.rnn import chosen, time_first
from graphkeras.layers.recurrent.units import OverTime, of_cell
from graphkeras.layers.validation import image_format, int_tuple, one_of, positive_int
from graphkeras.ops.window import explicit_padding, results

_WINDOW = (
    "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate",
)  # fmt: skip


class ConvLSTMCell(LSTMCell):
    """One step of a `ConvLSTM` layer, whose arguments it takes.

    Args:
        rank: number of spatial axes.
    """

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        arguments = given(locals())
        window = {name: arguments.pop(name) for name in ("rank", *_WINDOW)}
        super().__init__(filters, **arguments, implementation=1, **kwargs)
        self._keep_window(**window)

    def _keep_window(
        self, rank: int, filters: int, kernel_size: Any, strides: Any, padding: str,
        data_format: str | None, dilation_rate: Any,
    ) -> None:  # fmt: skip
        who = f"ConvLSTM{rank}D"
        self.rank = rank
        self.filters = positive_int(who, "filters", filters)
        self.kernel_size = int_tuple(who, "kernel_size", kernel_size, rank)
        self.strides = int_tuple(who, "strides", strides, rank)
        self.dilation_rate = int_tuple(who, "dilation_rate", dilation_rate, rank)
        self.padding = one_of(who, "padding", padding, ("valid", "same"))
        self.data_format = image_format(who, data_format)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                message(
                    who, "expected strides or dilation_rate to be 1.",
                    f"strides={self.strides}, dilation_rate={self.dilation_rate}",
                )
            )  # fmt: skip

    # ---------------------------------------------------------------------- weights

    def build(self, inputs_shape: Any) -> None:
        """Make kernel, recurrent kernel and bias."""
        last = self.data_format == "channels_last"
        space = inputs_shape[1:-1] if last else inputs_shape[2:]
        channels = inputs_shape[-1 if last else 1]
        if None in (*space, channels):
            raise ShapeError(
                message(
                    "", "expected known sizes of space and channels.",
                    f"steps of shape {tuple(inputs_shape)}",
                    "Give the Input fixed sizes after the steps.",
                )
            )  # fmt: skip
        self._state_space = self._results(space)
        width = 4 * self.filters
        self.kernel = self._add("kernel", (*self.kernel_size, channels, width))
        self.recurrent_kernel = self._add(
            "recurrent", (*self.kernel_size, self.filters, width), "recurrent_kernel"
        )
        self.bias = self._add("bias", (width,)) if self.use_bias else None

    def _results(self, space: Any) -> tuple[int, ...]:
        rows = (space, self.kernel_size, self.strides)
        ends = explicit_padding(self.padding, *rows, self.dilation_rate)
        sizes: Any = map(results, *rows, ends, self.dilation_rate)
        return tuple(sizes)

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return zeros for a batch."""
        shape: tuple[Any, ...] = (batch_size, *self._state_space, self.filters)
        if self.data_format == "channels_first":
            shape = (batch_size, self.filters, *self._state_space)
        return [ops.zeros(shape, self.compute_dtype) for _ in range(2)]

    # ---------------------------------------------------------------------- dropout

    def _draw(self, like: Any, rate: float) -> Any:
        ones = ops.ones(tuple(like.shape), like.dtype)
        return random.dropout(ones, rate, seed=self.seed_generator)

    # ------------------------------------------------------------------------ steps

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _by_gate(self, x: Any, masks: list[Any], kernel: Any, **window: Any) -> Any:
        """Convolve x, thinned out for each gate by itself in training."""
        where = {"data_format": self.data_format, **window}
        if not masks:
            return ops.conv(x, kernel, **where)
        parts = zip(masks, ops.split(ops.convert_to_tensor(kernel), 4, axis=-1))
        found = [ops.conv(x * mask, part, **where) for mask, part in parts]
        return ops.concatenate(found, self._channel_axis)

    def _projected(self, inputs: Any, training: Any, masks: Any = None) -> Any:
        """The inputs' share of all gates."""
        masks = self._masks("inputs", inputs, training) if masks is None else masks
        x = self._by_gate(
            inputs, masks, self.kernel, strides=self.strides, padding=self.padding,
            dilation_rate=self.dilation_rate,
        )  # fmt: skip
        shape = [1] * len(x.shape)
        shape[self._channel_axis] = 4 * self.filters
        return x if self.bias is None else x + ops.reshape(self.bias, shape)

    def _all_projected(self, inputs: Any, steps: int, training: Any) -> Any:
        """The inputs' share at all steps, by one convolution."""
        batch = inputs.shape[0]
        masks = self._masks("inputs", inputs[:, 0], training)
        wide = [self._each_step(m, steps) for m in masks]
        flat = ops.reshape(inputs, (batch * steps, *inputs.shape[2:]))
        x = self._projected(flat, training, wide)
        return ops.reshape(x, (batch, steps, *x.shape[1:]))

    def _each_step(self, mask: Any, steps: Any) -> Any:
        """Repeat what a sample has for each of its steps."""
        batch, *rest = mask.shape
        wide = ops.broadcast_to(ops.expand_dims(mask, 1), (batch, steps, *rest))
        return ops.reshape(wide, (batch * steps, *rest))

    def _step(self, x: Any, h: Any, c: Any, training: Any) -> tuple[Any, Any]:
        masks = self._masks("state", h, training)
        sums = x + self._by_gate(h, masks, self.recurrent_kernel, padding="same")
        i, f, g, o = ops.split(sums, 4, axis=self._channel_axis)
        i, f, o = (self.recurrent_activation(gate) for gate in (i, f, o))
        carry = f * c + i * self.activation(g)
        return o * self.activation(carry), carry

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        """Return the output and the new states."""
        x = self._projected(inputs, training)
        h, c = states
        output, carry = self._step(x, h, c, training)
        return output, [output, carry]

    @property
    def has_loop(self) -> bool:
        """Whether `sequence` computes what `call` does, step by step."""
        return True

    def sequence(
        self, inputs: Any, states: list[Any], mask: Any, training: Any, reverse: bool
    ) -> tuple[Any, list[Any]]:
        """Run all steps; see `RecurrentCell.sequence`."""

        def step(before: Any, now: Any) -> tuple[Any, Any]:
            x, counts = now
            h, c = before
            new = self._step(x, h, c, training)
            if counts is not None:
                new = (chosen(counts, new[0], h), chosen(counts, new[1], c))
            return list(new), new[0]

        with self.same_masks():
            x = self._all_projected(inputs, inputs.shape[1], training)
            self._masks("state", states[0], training)  # drawn once, before the loop
            slices = time_first(x), None if mask is None else time_first(mask)
            after, outputs = ops.scan(step, list(states), slices, reverse=reverse)
        return time_first(outputs), after


class _ConvLSTM(OverTime):
    """Long short-term memory of images, signals or volumes over time.

    The products of an LSTM are convolutions here.
    Source: Shi et al., arXiv:1506.04214, without the gates' view of the carry.

    Args:
        filters: number of channels of state and output.
        kernel_size, strides, padding, data_format, dilation_rate: of the convolution of
            the inputs; that of the state has stride 1 and padding "same".
        activation: of candidate and carry.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer,
            activity_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections.
        dropout, recurrent_dropout: shares dropped in training, of inputs and state.
        seed: int that fixes the dropout.
        return_sequences, return_state, go_backwards, stateful: as in `RNN`.

    Shapes: x: (batch, time, *space, channels) -> (batch, *space, filters), with
        `return_sequences` (batch, time, *space, filters).
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        arguments = {**given(locals()), "unroll": False, "rank": self.rank}
        self._over_time(ConvLSTMCell, "conv_lstm_cell", arguments, kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "unroll": self.unroll}


for _name in _WINDOW:
    setattr(_ConvLSTM, _name, of_cell(_name))


class ConvLSTM1D(_ConvLSTM):
    __doc__ = _ConvLSTM.__doc__
    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """Long short-term memory of images over time.

    Example:
        >>> import numpy as np
        >>> ConvLSTM2D(4, 3, padding="same")(np.ones((1, 5, 6, 7, 2), "float32")).shape
        (1, 6, 7, 4)
    """

    __doc__ = f"{__doc__}\n{_ConvLSTM.__doc__}"


class ConvLSTM3D(_ConvLSTM):
    __doc__ = _ConvLSTM.__doc__
    rank = 3
