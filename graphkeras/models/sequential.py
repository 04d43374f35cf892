"""A list of layers, each fed by the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras.errors import ArgumentError, message
from graphkeras.layers.inputs import InputLayer
from graphkeras.layers.layer import Layer
from graphkeras.layers.shapes import is_shape
from graphkeras.models.functional import Functional
from graphkeras.models.model import Model
from graphkeras.saving.registry import (
    CustomObjectScope,
    deserialize_keras_object,
    serialize_keras_object,
)


class Sequential(Model):
    """A stack of layers with one input and one output.

    With a `keras.Input` in front it is built at once, else when it first sees data.

    Args:
        layers: layers from first to last.
        trainable: False freezes all of them.
        name: name of the model.

    Example:
        >>> from graphkeras import layers
        >>> model = Sequential([layers.Input((28, 28)), layers.Flatten()])
        >>> model.output_shape
        (None, 784)
    """

    _untracked = Model._untracked | {"_functional", "_first"}
    layers_first = True  # in files

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(trainable=trainable, name=name)
        self._first: InputLayer | None = None
        self._stack: list[Layer] = []
        self._functional: Functional | None = None
        self._dtype_seen: str | None = None
        self.supports_masking = True
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._rebuild()

    @property
    def layers(self) -> list[Layer]:
        """Layers from first to last, without the input layer."""
        return list(self._stack)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top of the stack.

        Raises:
            ArgumentError: if it is no layer, or its name is taken.
        """
        shape = getattr(layer, "_input_shape_arg", None)
        if shape is not None and not self._stack and self._first is None:
            self.add(InputLayer(shape=shape), rebuild=False)
        history = getattr(layer, "_keras_history", None)
        if history is not None and isinstance(history.operation, InputLayer):
            layer = history.operation
        self._check(layer)
        if isinstance(layer, InputLayer):
            self._first = layer
        else:
            self._stack.append(layer)
        self._reset()
        if rebuild:
            self._rebuild()

    def _check(self, layer: Any) -> None:
        if not isinstance(layer, Layer):
            raise ArgumentError(
                message(
                    self.name, "expected a layer to add.",
                    f"{layer!r} of type {type(layer).__name__}",
                    "Make an instance first: add(layers.Flatten()).",
                )
            )  # fmt: skip
        if layer.name in [other._name for other in self._stack]:
            raise ArgumentError(
                message(
                    self.name, "expected each layer to have its own name.",
                    f"a second {layer.name!r}", "Give one of them another name=.",
                )
            )  # fmt: skip
        if isinstance(layer, InputLayer) and (self._first or self._stack):
            raise ArgumentError(
                message(
                    self.name, "expected its one Input in front of all layers.",
                    f"an Input of shape {layer.batch_shape}",
                    "Make a new Sequential that starts with it.",
                )
            )  # fmt: skip

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off the stack and return it.

        Raises:
            ArgumentError: if there is none.
        """
        if not self._stack:
            raise ArgumentError(message(self.name, "expected a layer to pop."))
        layer = self._stack.pop()
        self._reset()
        if rebuild:
            self._rebuild()
        return layer

    def _reset(self) -> None:
        self.built, self._functional = False, None

    def _rebuild(self) -> None:
        if self._first is not None and self._stack:
            self.build(self._first.batch_shape)
        elif self._stack and isinstance(self._stack[0], Functional):
            shape = self._stack[0].input_shape
            if is_shape(shape):
                self.build(shape)

    def _build_for(self, spec: Any) -> None:
        if getattr(spec.first, "dtype", "") == "string":
            self._dtype_seen = "string"  # text is no float, whatever the first layer
        super()._build_for(spec)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for batches of `input_shape` (with the batch axis).

        Raises:
            ArgumentError: without layers, or for another shape than the Input's.
        """
        if not self._stack:
            raise ArgumentError(
                message(self.name, "expected layers to build.", "",
                        "Add some with model.add(layer).")
            )  # fmt: skip
        if not is_shape(input_shape):
            return  # a structure of inputs: layers are built as they are called
        shape = tuple(input_shape)
        if self._first is None:
            dtype = self._dtype_seen or self._stack[0].input_dtype
            self._first = InputLayer(batch_shape=(None, *shape[1:]), dtype=dtype)
        self._check_shape(shape)
        x = self._first.output
        for layer in self._stack:
            x = layer(x)
        self._functional = Functional(self._first.output, x, name=self.name)

    def _check_shape(self, shape: Any) -> None:
        own = self._first.batch_shape  # type: ignore[union-attr]
        pairs = zip(own, shape)
        if len(own) != len(shape) or any(
            a != b and None not in (a, b) for a, b in pairs
        ):
            raise ArgumentError(
                message(
                    self.name, f"expected the input shape {own} it was made for.",
                    f"input_shape={shape}", "Make a new Sequential for another shape.",
                )
            )  # fmt: skip

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Run the data through the layers."""
        if self._functional is not None:
            return self._functional.call(inputs, training=training, mask=mask)
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Masks travel on the tensors inside."""
        return None

    @property
    def input_dtype(self) -> str:
        """Dtype of the input layer, if there is one."""
        return super().input_dtype if self._first is None else self._first.dtype

    def _of_functional(self, what: str) -> Any:
        if self._functional is None:
            raise AttributeError(
                message(
                    self.name, f"expected a built model, to have {what}.", "",
                    "Start it with keras.Input, or call build(input_shape).",
                )
            )  # fmt: skip
        return getattr(self._functional, what)

    @property
    def inputs(self) -> Any:
        """Input tensors."""
        return self._of_functional("inputs")

    @property
    def outputs(self) -> Any:
        """Output tensors."""
        return self._of_functional("outputs")

    @property
    def input(self) -> Any:
        """The input tensor."""
        return self._of_functional("input")

    @property
    def output(self) -> Any:
        """The output tensor."""
        return self._of_functional("output")

    @property
    def input_shape(self) -> Any:
        """Shape of the input."""
        return self._of_functional("input_shape")

    @property
    def output_shape(self) -> Any:
        """Shape of the output."""
        return self._of_functional("output_shape")

    @property
    def input_names(self) -> list[str]:
        """Name of the input layer."""
        return self._of_functional("input_names")

    @property
    def output_names(self) -> list[str]:
        """Name of the last layer."""
        return self._of_functional("output_names")

    def get_config(self) -> dict[str, Any]:
        """Return the layers' configs and the input shape."""
        config = {k: v for k, v in super().get_config().items() if k != "layers"}
        listed = [*([self._first] if self._first else []), *self._stack]
        config["layers"] = [serialize_keras_object(layer) for layer in listed]
        if self._functional is not None:
            config["build_input_shape"] = self._first.batch_shape  # type: ignore[union-attr]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make the model from `get_config`'s result."""
        model = cls(name=config.get("name"))
        with CustomObjectScope(custom_objects or {}):
            for layer in config["layers"]:
                model.add(deserialize_keras_object(layer), rebuild=False)
        shape = config.get("build_input_shape")
        if shape is not None:
            model.build(tuple(shape))
        else:
            model._rebuild()
        if not config.get("trainable", True):  # True would melt layers that are frozen
            model.trainable = False
        return model
