"""Bidirectional: a recurrent layer run in both directions of time."""

from __future__ import annotations

from typing import Any

from graphkeras import ops, tree
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.arguments import signature_of
from graphkeras.layers.layer import Layer
from graphkeras.saving.registry import (
    deserialize_keras_object,
    serialize_keras_object,
)

_MERGES: dict[Any, Any] = {
    "concat": lambda a, b: ops.concatenate([a, b], -1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
    None: lambda a, b: (a, b),
}
_COMMON = ("stateful", "return_sequences", "return_state")


def _again(layer: Layer, prefix: str, **changes: Any) -> Any:
    """Make the layer anew from its config, so that it shares no weights."""
    config = serialize_keras_object(layer)
    name = f"{prefix}_{layer.name.removeprefix(f'{prefix}_')}"
    config["config"] = {**config["config"], **changes, "name": name}
    return deserialize_keras_object(config)


class Bidirectional(Layer):
    """A recurrent layer and its mirror image, the outputs merged.

    Args:
        layer: an `RNN`, or a layer with `go_backwards`, `return_sequences`,
            `return_state` and `stateful`.
        merge_mode: "concat", "sum", "ave", "mul", or None for both outputs.
        weights: first values, of both layers.
        backward_layer: layer for the other direction; by default a copy of `layer`.

    Call arguments: sequences, `initial_state` (of both), `mask`.

    Example:
        >>> import numpy as np
        >>> from graphkeras.layers import LSTM
        >>> Bidirectional(LSTM(4))(np.ones((2, 5, 3), "float32")).shape
        (2, 8)
    """

    _not_in_config = ("weights",)

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _require_layer(layer)
        _require_layer(layer if backward_layer is None else backward_layer)
        if merge_mode not in _MERGES:
            raise ArgumentError(
                message(
                    "Bidirectional", "expected merge_mode 'concat', 'sum', 'ave', "
                    "'mul' or None.", f"merge_mode={merge_mode!r}",
                )
            )  # fmt: skip
        self.merge_mode = merge_mode
        self.forward_layer = _again(layer, "forward")
        self.backward_layer = backward_layer or _again(
            layer, "backward", go_backwards=not layer.go_backwards
        )
        self._check_pair()
        for one in (self.forward_layer, self.backward_layer):
            if getattr(one, "zero_output_for_mask", None) is not None:
                one.zero_output_for_mask = one.return_sequences
        self._first_values = weights
        self.stateful, self.return_state = layer.stateful, layer.return_state
        self.return_sequences = layer.return_sequences
        self.supports_masking = True
        self.input_spec = layer.input_spec

    @property
    def layer(self) -> Any:
        """The layer that runs forward."""
        return self.forward_layer

    def _check_pair(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        same = [n for n in _COMMON if getattr(one, n) != getattr(other, n)]
        if same or one.go_backwards == other.go_backwards:
            raise ArgumentError(
                message(
                    "Bidirectional", "expected two layers that differ in go_backwards "
                    f"and agree in {', '.join(_COMMON)}.",
                    f"go_backwards={one.go_backwards} and {other.go_backwards}"
                    + "".join(f"; different {n}" for n in same),
                    "Leave backward_layer out to get a mirror image.",
                )
            )  # fmt: skip

    @property
    def states(self) -> Any:
        """The kept states of both layers, or None."""
        one, other = self.forward_layer.states, self.backward_layer.states
        return None if one is None or other is None else (*one, *other)

    def reset_state(self) -> None:
        """Set the kept states of both layers to zero."""
        for one in (self.forward_layer, self.backward_layer):
            one.reset_state()

    reset_states = reset_state

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build both layers."""
        for one in (self.forward_layer, self.backward_layer):
            if not one.built:
                one.build(sequences_shape)
        if self._first_values:
            self.set_weights(self._first_values)

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: Any = None,
    ) -> Any:
        """Return the merged outputs, then the states of both if asked for."""
        half = len(initial_state) // 2 if initial_state is not None else 0
        results = []
        for one, part in (
            (self.forward_layer, slice(None, half)),
            (self.backward_layer, slice(half, None)),
        ):
            extra = {"mask": mask, "training": training}
            if initial_state is not None:
                extra["initial_state"] = list(initial_state[part])
            takes = signature_of(type(one).call).parameters
            known = {k: v for k, v in extra.items() if k in takes and v is not None}
            results.append(one(sequences, **known))
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = tuple(s for result in results for s in result[1:])
            results = [result[0] for result in results]
        merged = self._merged(*(ops.cast(y, self.compute_dtype) for y in results))
        if not self.return_state:
            return merged
        return (*(merged if self.merge_mode is None else (merged,)), *states)

    def _merged(self, forward: Any, backward: Any) -> Any:
        if self.return_sequences:
            backward = ops.flip(backward, 1)
        return _MERGES[self.merge_mode](forward, backward)

    def compute_mask(self, sequences: Any, mask: Any = None) -> Any:
        """Return the mask of the outputs: that of the steps, none for states."""
        own = tree.flatten(mask)[0] if self.return_sequences else None
        outputs = [own, own] if self.merge_mode is None else [own]
        if self.return_state:
            sizes = tree.flatten(getattr(self.forward_layer, "state_size", []))
            outputs += [None] * (2 * len(sizes))
        return outputs if len(outputs) > 1 else own


def _require_layer(layer: Any) -> None:
    needed = ("go_backwards", *_COMMON)
    if not isinstance(layer, Layer) or any(not hasattr(layer, n) for n in needed):
        raise ArgumentError(
            message(
                "Bidirectional", "expected a recurrent layer.", f"{layer!r}",
                "Make an instance first: Bidirectional(layers.LSTM(8)).",
            )
        )  # fmt: skip
