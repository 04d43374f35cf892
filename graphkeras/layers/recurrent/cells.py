"""Cells: one step of a recurrent network, and all steps of it as one op."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphkeras import activations, ops, random
from graphkeras.layers.facets import KINDS, given, keep_facets
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import positive_int
from graphkeras.ops import recurrent
from graphkeras.ops.recurrent_steps import ACTIVATIONS

_WEIGHTS = ("kernel", "recurrent", "bias")
FACETS = tuple(f"{weight}_{kind}" for weight in _WEIGHTS for kind in KINDS)


def _loop_name(activation: Any) -> str | None:
    """What the loops call an activation, None if they do not have it."""
    for name in ACTIVATIONS:
        if activation in (getattr(activations, name), getattr(ops, name, None)):
            return name
    return None


class RecurrentCell(Layer):
    """Base of the built-in cells: weights of several gates side by side, dropout.

    Args:
        units: size of each state.
        activation: of the candidate.
        use_bias: whether there is a bias.
        dropout, recurrent_dropout: shares dropped of the inputs and of the state, the
            same at all steps.
        seed: int that fixes the dropout.
        recurrent_activation: of the gates, where there are any.
        implementation: 1 draws a dropout mask for each gate, 2 one for all inputs;
            dropout of the state always draws one a gate.
        facets: initializers, regularizers, constraints of the weights.
    """

    gates = 1
    states = 1  # how many tensors are handed from step to step

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        dropout: float,
        recurrent_dropout: float,
        seed: Any,
        recurrent_activation: Any = "sigmoid",
        implementation: int = 2,
        **facets: Any,
    ) -> None:
        super().__init__(**{k: v for k, v in facets.items() if k not in FACETS})
        self.units = positive_int(type(self).__name__, "units", units)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        keep_facets(self, **{name: facets[name] for name in FACETS})
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.implementation = 1 if self.recurrent_dropout else implementation
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self._drawn: dict[str, Any] | None = None

    @property
    def state_size(self) -> Any:
        """Size of the state, or a list of the sizes of several."""
        return self.units if self.states == 1 else [self.units] * self.states

    @property
    def output_size(self) -> int:
        """Size of the output."""
        return self.units

    # ---------------------------------------------------------------------- weights

    def build(self, input_shape: Any) -> None:
        """Make kernel, recurrent kernel and bias."""
        width = self.gates * self.units
        self.kernel = self._add("kernel", (input_shape[-1], width))
        self.recurrent_kernel = self._add(
            "recurrent", (self.units, width), "recurrent_kernel"
        )
        self.bias = self._add("bias", self._bias_shape()) if self.use_bias else None

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _add(self, facet: str, shape: tuple[int, ...], name: str | None = None) -> Any:
        return self.add_weight(
            shape, self._initializer(facet), name=name or facet,
            regularizer=getattr(self, f"{facet}_regularizer"),
            constraint=getattr(self, f"{facet}_constraint"),
        )  # fmt: skip

    def _initializer(self, facet: str) -> Any:
        return getattr(self, f"{facet}_initializer")

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return zeros for a batch."""
        shape = (batch_size, self.units)
        return [ops.zeros(shape, self.compute_dtype) for _ in range(self.states)]

    def _input_bias(self) -> Any:
        if self.bias is None:
            return ops.zeros((self.gates * self.units,), self.compute_dtype)
        return self.bias

    # ---------------------------------------------------------------------- dropout

    @contextmanager
    def same_masks(self) -> Iterator[None]:
        """Drop the same units in all steps that run inside."""
        self._drawn = {}
        try:
            yield
        finally:
            self._drawn = None

    def draw_masks(self, inputs: Any, states: Any, training: Any) -> None:
        """Draw what `same_masks` keeps, as the first step would."""
        if training and (self.dropout or self.recurrent_dropout):
            self.call(inputs, states, training)

    def _masks(self, what: str, like: Any, training: Any) -> list[Any]:
        """Factors on the inputs or on the state: none, one, or one a gate."""
        rate = self.dropout if what == "inputs" else self.recurrent_dropout
        if not training or not 0 < rate < 1:
            return []
        if self._drawn is not None and what in self._drawn:
            return self._drawn[what]
        count = self.gates if self.implementation == 1 else 1
        drawn = [self._draw(like, rate) for _ in range(count)]
        if self._drawn is not None:
            self._drawn[what] = drawn
        return drawn

    def _draw(self, like: Any, rate: float) -> Any:
        ones = ops.ones((like.shape[0], like.shape[-1]), like.dtype)
        return random.dropout(ones, rate, seed=self.seed_generator)

    def _projected(self, inputs: Any, training: Any) -> Any:
        """The inputs' share of all gates, for one step or for all."""
        masks = self._masks("inputs", inputs, training)
        if len(inputs.shape) == 3:
            masks = [ops.expand_dims(m, 1) for m in masks]
        return ops.add(_by_gate(inputs, masks, self.kernel), self._input_bias())

    def _recurred(self, h: Any, training: Any) -> list[Any]:
        """The state's share of each gate."""
        masks = self._masks("state", h, training)
        product = _by_gate(h, masks, self.recurrent_kernel)
        return ops.split(product, self.gates, axis=-1)

    # --------------------------------------------------------------------- all steps

    def _loop_activations(self) -> dict[str, Any]:
        names = {"activation": self.activation}
        if self.gates > 1:
            names["recurrent_activation"] = self.recurrent_activation
        return {key: _loop_name(function) for key, function in names.items()}

    @property
    def has_loop(self) -> bool:
        """Whether `sequence` computes what `call` does, step by step."""
        own = next(c for c in type(self).__mro__ if "call" in vars(c))
        known = own.__module__ == __name__
        return known and None not in self._loop_activations().values()

    def sequence(
        self, inputs: Any, states: list[Any], mask: Any, training: Any, reverse: bool
    ) -> tuple[Any, list[Any]]:
        """Run all steps as one op.

        Args:
            inputs: (batch, time, features).
            states: the first states.
            mask: (batch, time) bools or None: other steps repeat the states.
            training: whether dropout acts.
            reverse: whether to begin with the last step.

        Returns:
            The first state after each step, and all states after the last one run.
        """
        mask = recurrent.NONE if mask is None else ops.cast(mask, "bool")
        attributes = {**self._loop_activations(), "reverse": reverse}
        scales = self._masks("state", states[0], training)
        if scales or self._masks_by_gate(training):
            x = self._projected(inputs, training)
            scale = ops.concatenate(scales, -1) if scales else recurrent.unscaled(x)
            found = self._loop(x, states, mask, scale, attributes)
        else:
            masks = self._masks("inputs", inputs, training)
            x = ops.multiply(inputs, ops.expand_dims(masks[0], 1)) if masks else inputs
            found = self._layer(x, states, mask, attributes)
        return found[0], list(found[1 : 1 + self.states])

    def _masks_by_gate(self, training: Any) -> bool:
        several = self.implementation == 1 and self.gates > 1
        return bool(training) and 0 < self.dropout < 1 and several

    def _loop(
        self, x: Any, states: list[Any], mask: Any, scale: Any, attributes: Any
    ) -> Any:
        raise AttributeError(f"{type(self).__name__} has no loop")

    def _layer(self, x: Any, states: list[Any], mask: Any, attributes: Any) -> Any:
        raise AttributeError(f"{type(self).__name__} has no loop")


def _by_gate(x: Any, masks: list[Any], kernel: Any) -> Any:
    """x @ kernel, with x thinned out for all gates alike or for each by itself."""
    if len(masks) < 2:
        return ops.matmul(ops.multiply(x, masks[0]) if masks else x, kernel)
    parts = zip(masks, ops.split(ops.convert_to_tensor(kernel), len(masks), axis=-1))
    return ops.concatenate([ops.matmul(x * m, part) for m, part in parts], -1)


class SimpleRNNCell(RecurrentCell):
    """h = activation(x @ kernel + bias + h @ recurrent_kernel).

    The arguments are those of `SimpleRNN`.

    Shapes: x: (batch, features), states: [(batch, units)] -> (batch, units), states.

    Example:
        >>> import numpy as np
        >>> x, h = np.ones((2, 3), "float32"), np.zeros((2, 4), "float32")
        >>> output, states = SimpleRNNCell(4)(x, [h])
        >>> output.shape, len(states)
        ((2, 4), 1)
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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals()), **kwargs)

    def call(self, sequence: Any, states: Any, training: Any = False) -> Any:
        """Return the output and the new states."""
        h, nested = _single(states)
        (back,) = self._recurred(h, training)
        new = self.activation(self._projected(sequence, training) + back)
        return new, [new] if nested else new

    def _loop(
        self, x: Any, states: list[Any], mask: Any, scale: Any, attributes: Any
    ) -> Any:
        return recurrent.simple_loop(
            x, self.recurrent_kernel, states[0], mask, scale, **attributes
        )

    def _layer(self, x: Any, states: list[Any], mask: Any, attributes: Any) -> Any:
        return recurrent.simple_rnn(
            x, self.kernel, self.recurrent_kernel, self._input_bias(), states[0], mask,
            **attributes,
        )  # fmt: skip


def _single(states: Any) -> tuple[Any, bool]:
    """The only state, and whether it came in a list."""
    nested = isinstance(states, (list, tuple))
    return (states[0] if nested else states), nested


class _WithOnes:
    """An initializer of LSTM biases: that of the user, but ones for the forget gate."""

    def __init__(self, initializer: Any, units: int) -> None:
        self.initializer, self.units = initializer, units

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        parts = [
            self.initializer((self.units,), dtype=dtype),
            ops.ones((self.units,), dtype),
            self.initializer((2 * self.units,), dtype=dtype),
        ]
        return ops.concatenate(parts)


class LSTMCell(RecurrentCell):
    """One step of a long short-term memory.

    ``c = f * c + i * activation(...)`` and ``h = o * activation(c)`` with the gates i,
    f and o by `recurrent_activation`. The arguments are those of `LSTM`.

    Shapes: x: (batch, features), states: [h, c], each (batch, units) -> h, [h, c].

    Example:
        >>> import numpy as np
        >>> x, h = np.ones((2, 3), "float32"), np.zeros((2, 4), "float32")
        >>> output, states = LSTMCell(4)(x, [h, h])
        >>> output.shape, len(states)
        ((2, 4), 2)
    """

    gates = 4
    states = 2

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        arguments = given(locals())
        del arguments["unit_forget_bias"]
        super().__init__(**arguments, **kwargs)
        self.unit_forget_bias = unit_forget_bias

    def _initializer(self, facet: str) -> Any:
        found = super()._initializer(facet)
        ones = facet == "bias" and self.unit_forget_bias
        return _WithOnes(found, self.units) if ones else found

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        """Return the output and the new states."""
        h, c = states
        x = ops.split(self._projected(inputs, training), 4, axis=-1)
        sums = [a + b for a, b in zip(x, self._recurred(h, training))]
        i, f, o = (self.recurrent_activation(sums[k]) for k in (0, 1, 3))
        carry = f * c + i * self.activation(sums[2])
        output = o * self.activation(carry)
        return output, [output, carry]

    def _loop(
        self, x: Any, states: list[Any], mask: Any, scale: Any, attributes: Any
    ) -> Any:
        h, c = states
        return recurrent.lstm_loop(
            x, self.recurrent_kernel, h, c, mask, scale, **attributes
        )

    def _layer(self, x: Any, states: list[Any], mask: Any, attributes: Any) -> Any:
        h, c = states
        return recurrent.lstm(
            x, self.kernel, self.recurrent_kernel, self._input_bias(), h, c, mask,
            **attributes,
        )  # fmt: skip


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit: h = z * h + (1 - z) * candidate.

    The arguments are those of `GRU`.

    Shapes: x: (batch, features), states: [(batch, units)] -> (batch, units), states.

    Example:
        >>> import numpy as np
        >>> x, h = np.ones((2, 3), "float32"), np.zeros((2, 4), "float32")
        >>> GRUCell(4)(x, [h])[0].shape
        (2, 4)
    """

    gates = 3

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        arguments = given(locals())
        del arguments["reset_after"]
        super().__init__(**arguments, **kwargs)
        self.reset_after = reset_after

    def _bias_shape(self) -> tuple[int, ...]:
        width = 3 * self.units
        return (2, width) if self.reset_after else (width,)

    def _input_bias(self) -> Any:
        if self.bias is None or not self.reset_after:
            return super()._input_bias()
        return self.bias[0]

    def _recurrent_bias(self) -> Any:
        if self.bias is None or not self.reset_after:
            return ops.zeros((3 * self.units,), self.compute_dtype)
        return self.bias[1]

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        """Return the output and the new states."""
        h, nested = _single(states)
        x = ops.split(self._projected(inputs, training), 3, axis=-1)
        back = self._recurred(h, training)
        biases = ops.split(self._recurrent_bias(), 3)
        z, r = (self.recurrent_activation(x[k] + back[k] + biases[k]) for k in (0, 1))
        if self.reset_after:
            inner = r * (back[2] + biases[2])
        else:
            masks = self._masks("state", h, training)
            kernel = self.recurrent_kernel[:, 2 * self.units :]
            inner = ops.matmul(r * (h * masks[2] if masks else h), kernel)
        new = z * h + (1 - z) * self.activation(x[2] + inner)
        return new, [new] if nested else new

    def _loop(
        self, x: Any, states: list[Any], mask: Any, scale: Any, attributes: Any
    ) -> Any:
        states, last, *_ = recurrent.gru_loop(
            x, self.recurrent_kernel, self._recurrent_bias(), states[0], mask, scale,
            reset_after=self.reset_after, **attributes,
        )  # fmt: skip
        return states, last

    def _layer(self, x: Any, states: list[Any], mask: Any, attributes: Any) -> Any:
        return recurrent.gru(
            x, self.kernel, self.recurrent_kernel, self._input_bias(),
            self._recurrent_bias(), states[0], mask, reset_after=self.reset_after,
            **attributes,
        )  # fmt: skip
