"""Models made of calls between symbolic tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphkeras import ops, tree
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.types import TensorType
from graphkeras.layers.graph import SymbolicTensor, call_of, order_calls
from graphkeras.layers.input_spec import InputSpec, KerasShape
from graphkeras.layers.inputs import InputLayer
from graphkeras.layers.layer import Layer
from graphkeras.layers.recorded_masks import RecordedMasks
from graphkeras.layers.shapes import unpacked
from graphkeras.models import functional_config
from graphkeras.models.model import Model


class Functional(Model):
    """What lies between some inputs and outputs of the layer DAG.

    `keras.Model(inputs, outputs)` makes one. Inputs may also be tensors in the middle
    of another model: its layers are then shared.

    Args:
        inputs: symbolic tensor, or a list, tuple or dict of them.
        outputs: the same.
        name: name of the model.
        trainable: False freezes all layers.

    Raises:
        ArgumentError: if there is no path from the inputs to an output.
    """

    _untracked = Model._untracked | {
        "_operations", "_graph", "_inputs_struct", "_outputs_struct", "_cut_inputs",
    }  # fmt: skip

    layers_first = True  # in files

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        Layer.__init__(self, name=name, **kwargs)
        self._inputs_struct = _checked(self.name, "inputs", inputs)
        self._outputs_struct = _checked(self.name, "outputs", outputs)
        self._graph = order_calls(self.inputs, self.outputs)
        # A tensor in the middle of another model gets an input layer of its own.
        self._cut_inputs = {
            id(x): InputLayer(input_tensor=x, name=f"{x.name}_input")
            for x in self.inputs
            if not call_of(x).is_input
        }
        self._operations = [*self._cut_inputs.values(), *self._graph.operations]
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        self.supports_masking = True
        self.built = True
        if trainable is False:  # True would melt layers that are frozen
            self.trainable = False

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """Input tensors, flattened."""
        return tree.flatten(self._inputs_struct)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """Output tensors, flattened."""
        return tree.flatten(self._outputs_struct)

    @property
    def input(self) -> Any:
        """Inputs in the structure in which they were given."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """Outputs in the structure in which they were given."""
        return self._outputs_struct

    @property
    def input_shape(self) -> Any:
        """Shapes of the inputs."""
        return unpacked([x.shape for x in self.inputs])

    @property
    def output_shape(self) -> Any:
        """Shapes of the outputs."""
        return unpacked([x.shape for x in self.outputs])

    @property
    def input_names(self) -> list[str]:
        """Names of the input layers."""
        return [self._origin(x).name for x in self.inputs]

    @property
    def input_types(self) -> list[TensorType]:
        """Types of the inputs, with the free sizes that must be equal made so."""
        equal = {k: v for call in self._graph.calls for k, v in call.equal.items()}
        return [x.type.at(equal).at(equal) for x in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Names of the layers that give the outputs."""
        return [x._keras_history.operation.name for x in self.outputs]

    @property
    def operations(self) -> list[Any]:
        """Layers and ops in the order in which data meets them."""
        return list(self._operations)

    @property
    def layers(self) -> list[Layer]:
        """Layers in the order in which data meets them."""
        return [o for o in self._operations if isinstance(o, Layer)]

    @property
    def _layers(self) -> list[Layer]:
        known = {id(layer): layer for layer in self.layers}
        known |= {id(x): x for x in super()._layers}
        return list(known.values())

    def _origin(self, x: SymbolicTensor) -> InputLayer:
        """The input layer of one of the model's inputs."""
        return self._cut_inputs.get(id(x)) or x._keras_history.operation

    @property
    def input_spec(self) -> Any:
        """What the inputs must look like; the batch size is left open."""
        if isinstance(self._inputs_struct, Mapping):
            if any(tree.is_nested(v) for v in self._inputs_struct.values()):
                return None
            pairs = tree.children(self._inputs_struct)
            return [_spec(x, key, self._origin(x)) for key, x in pairs]
        return [_spec(x, self._origin(x).name, self._origin(x)) for x in self.inputs]

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        """The inputs say it; a value given by the base is not needed."""

    def build(self, input_shape: Any = None) -> None:
        """Functional models are built when they are made."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Run the data through all calls."""
        known = dict(zip(map(id, self.inputs), self._standardized(inputs)))
        if mask is not None:
            for x, m in zip(known.values(), tree.flatten(mask)):
                x._keras_mask = m
        masks = RecordedMasks()
        for event in self._graph.calls:
            if not event.is_input:
                # As in Keras, what `training` is now wins over what was recorded.
                event.run(known, training=training, **masks.given(event))
                masks.note(event, known)
        outputs = tree.map_structure(lambda x: known[id(x)], self._outputs_struct)
        return unpacked(outputs)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Masks travel on the tensors inside; the outputs carry theirs already."""
        return None

    def _standardized(self, inputs: Any) -> list[Any]:
        """Inputs as tensors, in the model's order, of the model's dtypes and ranks."""
        flat = _in_model_order(self, inputs)
        if len(flat) != len(self.inputs):
            raise ArgumentError(
                message(
                    "", f"expected {len(self.inputs)} input(s): "
                    f"{', '.join(self.input_names)}.", f"{len(flat)}",
                    "Pass them in the structure the model was made with.",
                )
            )  # fmt: skip
        return [_fitted(x, like) for x, like in zip(flat, self.inputs)]

    def get_config(self) -> dict[str, Any]:
        """Return layers, calls, inputs and outputs in Keras's functional format."""
        if functional_config.has_own_constructor(type(self)):
            return Model.get_config(self)
        return functional_config.serialize_model(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make the model from `get_config`'s result."""
        if "input_layers" not in config:
            return super().from_config(config)
        return functional_config.revive_model(cls, config, custom_objects)


def _checked(who: str, what: str, structure: Any) -> Any:
    for x in tree.flatten(structure):
        if not isinstance(x, SymbolicTensor):
            raise ArgumentError(
                message(
                    who, f"expected {what} to be symbolic tensors.",
                    f"{x!r} of type {type(x).__name__}",
                    "Start from keras.Input(shape=...) and call layers on it.",
                )
            )  # fmt: skip
    return structure


def _spec(x: SymbolicTensor, name: str, layer: InputLayer) -> InputSpec:
    shape: KerasShape = (None, *x.shape[1:]) if x.shape else ()
    return InputSpec(
        shape=shape, allow_last_axis_squeeze=True, name=name, optional=layer.optional
    )


def _in_model_order(model: Functional, inputs: Any) -> list[Any]:
    """Flatten; a dict given to a model made without one is taken by names."""
    if isinstance(inputs, Mapping) and not isinstance(model.input, Mapping):
        missing = [n for n in model.input_names if n not in inputs]
        if missing:
            raise ArgumentError(
                message(
                    "", f"expected inputs named {model.input_names}.",
                    f"keys {list(inputs)}", f"Add {', '.join(map(repr, missing))}.",
                )
            )  # fmt: skip
        return [inputs[n] for n in model.input_names]
    if isinstance(inputs, Mapping):
        inputs = {k: inputs[k] for k in model.input if k in inputs}
    return tree.flatten(inputs)


def _fitted(x: Any, like: SymbolicTensor) -> Any:
    if x is None:
        return None
    tensor = ops.convert_to_tensor(x)
    rank, wanted = len(tensor.shape), like.ndim
    if rank == wanted + 1 and tensor.shape[-1] == 1:
        fitted = ops.squeeze(tensor, axis=-1)
    elif rank == wanted - 1 and like.shape[-1] == 1:
        fitted = ops.expand_dims(tensor, axis=-1)
    elif rank == wanted:
        fitted = tensor
    else:
        raise ShapeError(
            message(
                "", f"expected input {like.name!r} of shape {like.shape}.",
                f"{list(tensor.shape)}", "Give a batch of that shape.",
            )
        )  # fmt: skip
    if fitted.dtype != like.dtype:
        fitted = ops.cast(fitted, like.dtype)
    if isinstance(fitted, Tensor) and fitted is not x:
        fitted._keras_mask = getattr(x, "_keras_mask", None)
    return fitted
