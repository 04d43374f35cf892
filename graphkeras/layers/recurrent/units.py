"""The built-in cells as layers over time."""

from __future__ import annotations

from typing import Any

from graphkeras.layers.facets import given
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.recurrent.cells import (
    FACETS,
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNNCell,
)
from graphkeras.layers.recurrent.rnn import RNN, one_cell
from graphkeras.saving.registry import init_arguments

_OVER_TIME = (
    "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
    "activity_regularizer",
)  # fmt: skip
_OF_CELL = (
    "units", "activation", "recurrent_activation", "use_bias", "dropout",
    "recurrent_dropout", "unit_forget_bias", "reset_after", "seed", *FACETS,
)  # fmt: skip


class OverTime(RNN):
    """Base: arguments of the cell are attributes of the layer as well."""

    _not_in_config = ("use_cudnn",)

    def _over_time(
        self, cell: type[RecurrentCell], name: str, arguments: Any, kwargs: Any
    ) -> None:
        """Make the cell, and the layer around it."""
        wanted = {k: arguments[k] for k in init_arguments(cell) if k in arguments}
        for key in ("dtype", "trainable", "implementation"):
            if key in kwargs:
                wanted[key] = kwargs[key]
        kwargs = {k: v for k, v in kwargs.items() if k != "implementation"}
        RNN.__init__(
            self, cell(**wanted, name=name), **{k: arguments[k] for k in _OVER_TIME},
            **kwargs,
        )  # fmt: skip
        self.use_cudnn = one_cell(
            type(self).__name__, arguments.get("use_cudnn", "auto")
        )
        self.input_spec = InputSpec(ndim=3)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        zeros = {"zero_output_for_mask": self.zero_output_for_mask}
        return {**super().get_config(), **zeros}


def of_cell(name: str) -> property:
    """Return a property that is the cell's."""
    return property(lambda self: getattr(self.cell, name))


for _name in _OF_CELL:
    setattr(OverTime, _name, of_cell(_name))


class SimpleRNN(OverTime):
    """h = activation(x @ kernel + bias + h @ recurrent_kernel), over time.

    Args:
        units: size of state and output.
        activation: name or callable.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer,
            activity_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections.
        dropout, recurrent_dropout: shares dropped in training, of inputs and state.
        return_sequences, return_state, go_backwards, stateful, unroll: as in `RNN`.
        seed: int that fixes the dropout.

    Shapes: x: (batch, time, features) -> (batch, units) or (batch, time, units).

    Example:
        >>> import numpy as np
        >>> SimpleRNN(4)(np.ones((2, 5, 3), "float32")).shape
        (2, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        self._over_time(SimpleRNNCell, "simple_rnn_cell", given(locals()), kwargs)


class LSTM(OverTime):
    """Long short-term memory over time.

    Gates lie side by side in the weights, in the order input, forget, candidate,
    output. Source: Hochreiter and Schmidhuber (1997).

    Args:
        units: size of each state and of the output.
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
        return_sequences, return_state, go_backwards, stateful, unroll: as in `RNN`.
        use_cudnn: accepted for Keras's sake.

    Shapes: x: (batch, time, features) -> (batch, units) or (batch, time, units); with
        `return_state` also h and c, each (batch, units).

    Example:
        >>> import numpy as np
        >>> output, h, c = LSTM(4, return_state=True)(np.ones((2, 5, 3), "float32"))
        >>> output.shape, c.shape
        ((2, 4), (2, 4))
    """

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        self._over_time(LSTMCell, "lstm_cell", given(locals()), kwargs)


class GRU(OverTime):
    """Gated recurrent unit over time.

    Gates lie side by side in the weights, in the order update, reset, candidate; with
    `reset_after` the bias has two rows, for inputs and state. Source: Cho et al.,
    arXiv:1406.1078.

    Args:
        units: size of state and output.
        activation: of the candidate.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values.
        kernel_regularizer, recurrent_regularizer, bias_regularizer,
            activity_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: projections.
        dropout, recurrent_dropout: shares dropped in training, of inputs and state.
        seed: int that fixes the dropout.
        return_sequences, return_state, go_backwards, stateful, unroll: as in `RNN`.
        reset_after: whether the reset gate acts on the state's product with its
            kernel, rather than on the state.
        use_cudnn: accepted for Keras's sake.

    Shapes: x: (batch, time, features) -> (batch, units) or (batch, time, units).

    Example:
        >>> import numpy as np
        >>> GRU(4, return_sequences=True)(np.ones((2, 5, 3), "float32")).shape
        (2, 5, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        self._over_time(GRUCell, "gru_cell", given(locals()), kwargs)
