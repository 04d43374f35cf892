"""Model: a layer that trains, prints itself and is exported."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphkeras.errors import ArgumentError, message, nearest
from graphkeras.layers.graph import SymbolicTensor
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import one_of
from graphkeras.models.about import described, logit_outputs
from graphkeras.models.pickling import reduced
from graphkeras.models.state_tree import set_state_tree, state_tree
from graphkeras.models.summary import print_summary
from graphkeras.models.tracing import trace_model
from graphkeras.saving.files import (
    load_weights,
    model_to_json,
    save_model,
    save_weights,
)
from graphkeras.saving.registry import (
    CustomObjectScope,
)
from graphkeras.training.trainer import Trainer

if TYPE_CHECKING:
    from graphkeras.export.labels import Labels
    from graphkeras.export.report import Report


class Model(Trainer, Layer):
    """Layers grouped into one object with training, printing and export.

    Three ways: `Model(inputs, outputs)` takes what lies between symbolic tensors;
    `Sequential` is a list of layers; a subclass makes layers in `__init__` and calls
    them in `call`.

    Example:
        >>> from graphkeras import layers
        >>> x = layers.Input((3,))
        >>> Model(x, layers.Dense(2)(x)).output_shape
        (None, 2)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _is_functional(args, kwargs):
            from graphkeras.models.functional import Functional

            return Layer.__new__(Functional)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _is_functional(args, kwargs):
            from graphkeras.models.functional import Functional

            _make_functional(type(self), Functional)
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
        else:
            super().__init__(*args, **kwargs)

    @property
    def layers(self) -> list[Layer]:
        """Layers the model is made of, nested models not opened."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or place.

        Raises:
            ArgumentError: if there is none, or not one of the two is given.
        """
        if (name is None) == (index is None):
            raise ArgumentError(
                message(
                    self.name, "get_layer expected a name or an index.",
                    f"name={name!r}, index={index!r}", "Give one of them.",
                )
            )  # fmt: skip
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(
                    message(
                        self.name, f"get_layer expected an index below {len(layers)}.",
                        f"index={index}",
                    )
                )  # fmt: skip
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ArgumentError(
            message(
                self.name, "get_layer expected the name of one of its layers.",
                repr(name), nearest(str(name), [x.name for x in layers], "layer"),
            )
        )  # fmt: skip

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print layers, output shapes and numbers of parameters.

        Args:
            line_length: width in characters.
            positions: where columns end, as fractions of the width.
            print_fn: called with the whole text, in place of printing it.
            expand_nested: whether to list the layers of nested models.
            show_trainable: whether to say which layers train.
            layer_range: names (or patterns) of the first and the last layer to list.
        """
        print_summary(
            self, line_length, positions, print_fn, expand_nested,
            show_trainable, layer_range,
        )  # fmt: skip

    def saved_children(self) -> dict[str, Any]:
        """Return what may hold state that is saved: layers, optimizer, attributes."""
        found = super().saved_children()
        found |= {"layers": self.layers, "optimizer": self.optimizer}
        return found | ({"_shuffler": self._shuffler} if self.compiled else {})

    @property
    def jit_compile(self) -> bool:
        """Whether steps are compiled: unless they run eagerly."""
        return not self.run_eagerly

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Return the values of all variables, nested by their paths.

        Args:
            value_format: "backend_tensor" or "numpy_array".

        Returns:
            Dict of "trainable_variables", "non_trainable_variables",
            "optimizer_variables" and "metrics_variables".

        Raises:
            ArgumentError: if two variables of a kind have one path.
        """
        return state_tree(self, value_format)

    def set_state_tree(self, state_tree: Mapping[str, Any]) -> None:
        """Assign what `get_state_tree` returned, or part of it.

        Raises:
            ArgumentError: for a path the model has not.
        """
        set_state_tree(self, state_tree)

    def __reduce__(self) -> Any:
        """Be pickled and copied as what `save` writes."""
        return reduced(self)

    def save(
        self,
        filepath: Any,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the model, weights and state of training to a ``.keras`` file.

        See `keras.saving.save_model`.
        """
        save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(
        self,
        filepath: Any,
        overwrite: bool = True,
        max_shard_size: float | None = None,
    ) -> None:
        """Write the weights to a ``.weights.h5`` file, or to several.

        See `keras.saving.save_weights`.
        """
        save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any
    ) -> None:
        """Read the weights of a model of the same architecture from a file.

        Args:
            filepath: a ``.weights.h5``, ``.weights.json``, ``.keras`` or ``.h5`` file.
            skip_mismatch: whether to warn of layers that do not fit.
            kwargs: ``by_name`` for older ``.h5`` files: match layers by name; and
                ``objects_to_skip``.

        Raises:
            SavingError: if the file is damaged or does not fit.
        """
        load_weights(self, filepath, skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """Return the model's config as JSON; `kwargs` go to `json.dumps`."""
        return model_to_json(self, **kwargs)

    def export(
        self,
        filepath: Any,
        format: str = "onnx",  # noqa: A002  Keras's name
        verbose: bool | None = None,
        input_signature: Any = None,
        *,
        opset: int = 20,
        ops: str = "standard",
        labels: Labels | None = None,
        metadata: Mapping[str, str] | None = None,
        check: bool = True,
        samples: Any = None,
        atol: float = 1e-4,
        name: str | None = None,
        external_data: bool = False,
    ) -> Report:
        """Write the model, preprocessing included, as one ONNX file.

        Inputs are named after the Input layers, outputs after the layers that give
        them, or their keys in a dict; the batch and other free sizes stay free.

        Args:
            filepath: where the file goes.
            format: "onnx".
            verbose: whether to print what the file holds.
            input_signature: what the inputs look like, for a subclassed model that was
                never called: InputSpecs, symbolic tensors or arrays.
            opset: version of ONNX's operators.
            ops: "standard"; "contrib" also allows operators that only onnxruntime has
                (and every build of it has), where they do more or are faster.
            labels: names of the classes, a list, or a dict of lists by output: beside
                `digit`, the file then gives `digit_label`, the name of the winner.
            metadata: pairs to store in the file, beside the names and results that it
                says of itself.
            check: run the file in onnxruntime and compare before it is put in place.
            samples: arrays to check on; random ones by default.
            atol: largest difference allowed.
            name: name of the graph in the file; that of the model by default.
            external_data: write the weights to ``<filepath>.data`` beside the file, as
                is done in any case past 2 GiB.

        Returns:
            What the file holds.

        Raises:
            ExportError: if ONNX cannot say the model, or the check fails.
        """
        from graphkeras.export.onnx import export_graph  # much, and seldom needed

        one_of(self.name, "format", format, ("onnx",))
        traced = trace_model(self, input_signature)
        about = {**described(self), "opset": str(opset), **(metadata or {})}
        report = export_graph(
            traced.graph, [v.array for v in traced.variables], filepath,
            input_names=traced.input_names, output_names=traced.output_names,
            opset=opset, ops=ops, labels=labels,
            logits=logit_outputs(self, traced.output_names), metadata=about,
            check=check, samples=samples, atol=atol, name=name or self.name,
            external_data=external_data,
        )  # fmt: skip
        if verbose:
            print(report)
        return report

    def quantize(
        self,
        mode: str | None = None,
        config: Any = None,
        filters: Any = None,
        type_check: bool = True,
    ) -> None:
        """Hold the matrices of layers that know it in eight bits from now on.

        Args:
            mode: "int8".
            config: a `keras.quantizers.Int8QuantizationConfig`, in the place of `mode`.
            filters: a regular expression of layer names, a list of them, or a function
                of a layer: which layers are meant; all by default.
            type_check: whether to refuse subclasses of the layers of Keras.

        Raises:
            ArgumentError: for another mode, or layers that are not built.
        """
        for layer in self._flatten_layers(include_self=False):
            if hasattr(layer, "quantize") and _is_meant(layer, filters):
                layer.quantize(mode, type_check=type_check, config=config)
        self._settled.steps.clear()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a model from `get_config`'s result."""
        with CustomObjectScope(custom_objects or {}):
            if {"input_layers", "layers"} <= set(config):
                from graphkeras.models.functional import Functional

                made = Functional if cls is Model else cls
                return made.from_config(config)
            return super().from_config(config)


def _is_functional(args: Any, kwargs: Any) -> bool:
    """Whether the arguments are those of a functional model."""
    if len(args) >= 2:
        return True
    if "outputs" in kwargs:
        return bool(args) or "inputs" in kwargs
    return bool(args) and isinstance(args[0], SymbolicTensor)


def _make_functional(cls: type, functional: type) -> None:
    """Let a user's subclass of Model, made with inputs and outputs, be functional."""
    if issubclass(cls, functional):
        return
    bases = tuple(functional if b is Model else b for b in cls.__bases__)
    if bases != cls.__bases__:
        cls.__bases__ = bases
        return
    for base in cls.__bases__:
        if issubclass(base, Model):
            _make_functional(base, functional)


def _is_meant(layer: Any, filters: Any) -> bool:
    if filters is None:
        return True
    if callable(filters):
        return bool(filters(layer))
    patterns = [filters] if isinstance(filters, str) else filters
    return any(re.search(pattern, layer.name) for pattern in patterns)
