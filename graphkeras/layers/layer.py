"""Layer: state and a computation written in ops."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphkeras import dtype_policies, dtypes, limits, naming, ops, regularizers, tree
from graphkeras.errors import ArgumentError, GraphKerasError, message
from graphkeras.ir.op import constant
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, current_trace, untraced, user_location
from graphkeras.layers.arguments import CallSpec, mask_of, shapes_for, signature_of
from graphkeras.layers.configured import ConfiguredLayer, captured
from graphkeras.layers.graph import Call, has_symbolic, infer, record
from graphkeras.layers.input_spec import InputSpec, check_inputs
from graphkeras.layers.shapes import tree_of_shapes, unpacked
from graphkeras.layers.state import State, checked_name
from graphkeras.saving.registry import init_arguments
from graphkeras.variables import Variable, cast_to, casting, stateless


class _Context(threading.local):
    """What nested calls of this thread pass down."""

    def __init__(self) -> None:
        self.training: list[Any] = []  # one entry a layer now being called
        self.paths: list[tuple[Any, str]] = []  # layers now open, with their paths
        self.born: list[Any] = []  # layers built while another was called


_context = _Context()


class name_scope:
    """A scope whose name is part of the paths of the layers built in it.

    Args:
        name: the part of the path, without a slash.
        caller, deduplicate: kept for Keras's sake.
        override_parent: a path that takes the place of what is around the scope.

    Raises:
        ArgumentError: for another name.

    Example:
        >>> from graphkeras.layers import Dense
        >>> dense = Dense(2, name="dense")
        >>> with name_scope("inner"):
        ...     dense.build((None, 3))
        >>> dense.kernel.path
        'inner/dense/kernel'
    """

    def __init__(
        self,
        name: str,
        caller: Any = None,
        deduplicate: bool = True,
        override_parent: str | None = None,
    ) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ArgumentError(
                message("name_scope", "expected a name without slash.", repr(name))
            )
        self.name, self.override_parent = name, override_parent

    def __enter__(self) -> name_scope:
        parent = self.override_parent
        if parent is None:
            parent = _context.paths[-1][1] if _context.paths else ""
        _context.paths.append((self, f"{parent}/{self.name}".strip("/")))
        return self

    def __exit__(self, *unused: Any) -> None:
        _context.paths.pop()


def _with_bookkeeping(build: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a class's `build`: note path and shapes, mark the layer built."""

    @functools.wraps(build)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        if self._building:  # super().build() of a subclass's build
            build(self, *args, **kwargs)
            return
        self._building = True
        try:
            with self._open_scope(), untraced(), casting(None):
                build(self, *args, **kwargs)
        finally:
            self._building = False
        shapes = signature_of(build).bind(*args, **kwargs).arguments
        self._finish_build(dict(shapes))

    return wrapped


class Layer(ConfiguredLayer, State):
    """State (variables) and a computation on tensors (`call`).

    Write `__init__` to keep the arguments, `build(input_shape)` to make variables with
    `add_weight`, and `call(inputs)` in `keras.ops`. The output shape is found by
    tracing `call`, and the config is taken from the arguments of `__init__`.

    Args:
        activity_regularizer: penalty on the output.
        trainable: whether the variables train.
        dtype: dtype name or policy of computation and weights.
        autocast: whether float inputs are cast to the layer's dtype.
        name: name, unique in a model; made from the class's name by default.

    Example:
        >>> class Double(Layer):
        ...     def call(self, x):
        ...         return 2 * x
        >>> Double()(np.ones((1, 2), "float32")).numpy()
        array([[2., 2.]], dtype=float32)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        self.__dict__["_captured_arguments"] = captured(cls, args, kwargs)
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _with_bookkeeping(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        allowance = limits.current()
        if allowance is not None:
            allowance.layer()
        self._input_shape_arg = _legacy_input_shape(kwargs)
        if kwargs:
            raise ArgumentError(
                message(
                    type(self).__name__, "expected only known arguments.",
                    ", ".join(f"{k}={v!r}" for k, v in kwargs.items()),
                    f"It takes {', '.join((*init_arguments(type(self)), 'name'))}.",
                )
            )  # fmt: skip
        if not isinstance(trainable, bool):
            raise ArgumentError(
                message(type(self).__name__, "expected trainable to be a bool.",
                        f"trainable={trainable!r}")
            )  # fmt: skip
        self._name = checked_name(name) or naming.auto_name(type(self).__name__)
        self._trainable = trainable
        self._dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self.input_spec: Any = None
        self.supports_masking = type(self).compute_mask is not Layer.compute_mask
        self._inbound_nodes: list[Call] = []
        self._eager_losses: list[Any] = []
        self._build_shapes: dict[str, Any] | None = None
        self._built_at = ""
        self._path: str | None = None
        self._parent_path: str | None = None
        self._building = False
        self._first_input: Any = None  # what the first argument looked like
        self._convert_input_args = True
        self._allow_non_tensor_positional_args = False
        self._layer_initialized = True

    # ------------------------------------------------------------- for subclasses

    def build(self, input_shape: Any) -> None:
        """Make the variables; by default trace `call`: sublayers then build theirs."""
        if any(not layer.built for layer in self._layers):
            shapes = tree_of_shapes(input_shape)
            self.compute_output_spec(shapes)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; every layer writes its own."""
        raise ArgumentError(
            message(
                type(self).__name__, "expected a call(self, inputs) method.", "",
                "Write it in ops.*; it returns the outputs.",
            )
        )  # fmt: skip

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the outputs; by default that of the inputs."""
        return previous_mask

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or a list of them) to what is minimised; for use inside `call`.

        Raises:
            ArgumentError: outside of `call`.
        """
        trace = current_trace()
        if trace is None:
            raise ArgumentError(
                message(
                    self.name, "expected add_loss inside call(), on tensors.",
                    f"{loss!r}", "Move it into call(), or use a regularizer.",
                )
            )  # fmt: skip
        trace.losses += [(self, x) for x in tree.flatten(loss)]

    # --------------------------------------------------------------- what it is

    @property
    def dtype_policy(self) -> dtype_policies.DTypePolicy:
        """Dtypes of computation and weights."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._dtype_policy = dtype_policies.get(value)

    def _own_policy(self) -> dtype_policies.DTypePolicy:
        """The policy, chosen by the layer's path where there are several."""
        policy = self._dtype_policy
        several = isinstance(policy, dtype_policies.DTypePolicyMap)
        return policy[self.path] if several else policy  # type: ignore[index]

    @property
    def compute_dtype(self) -> str:
        """Dtype of the computation."""
        return self._own_policy().compute_dtype

    @property
    def variable_dtype(self) -> str:  # type: ignore[override]
        """Dtype of the weights."""
        return self._own_policy().variable_dtype

    @property
    def dtype(self) -> str:
        """Dtype of the weights."""
        return self.variable_dtype

    @property
    def input_dtype(self) -> str:
        """Dtype to which float inputs are cast."""
        return self.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        """How the weights are held, if in few bits."""
        return self._own_policy().quantization_mode

    @property
    def input(self) -> Any:
        """Symbolic tensor (or structure) the layer was first called on."""
        return unpacked(self._first_call("input").args)

    @property
    def output(self) -> Any:
        """Symbolic tensor (or structure) the layer's first call gave."""
        return self._first_call("output").outputs

    def _first_call(self, what: str) -> Call:
        if not self._inbound_nodes:
            raise AttributeError(
                message(
                    self.name, f"expected a layer that was called, to have an {what}.",
                    "", "Call it on a keras.Input first.",
                )
            )  # fmt: skip
        return self._inbound_nodes[0]

    @property
    def losses(self) -> list[Any]:
        """Losses added in `call` and penalties of weights, sublayers included."""
        layers = {id(layer): layer for layer in self._flatten_layers()}
        trace = current_trace()
        if trace is None:
            found = [x for layer in layers.values() for x in layer._eager_losses]
        else:
            found = [x for layer, x in trace.losses if id(layer) in layers]
        weights = [v for v in self.trainable_weights if v.regularizer is not None]
        return found + [v.regularizer(v) for v in weights]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # ------------------------------------------------------------------- calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on arrays, on tensors of a trace, or on symbolic tensors.

        Symbolic tensors give symbolic tensors and a `Call` in the layer DAG.
        """
        self._check_initialized()
        if has_symbolic(args, kwargs):
            return record(self, self._call_in_trace, args, kwargs)
        if current_trace() is None:
            return self._call_eagerly(args, kwargs)
        return self._call_in_trace(*args, **kwargs)

    def stateless_call(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Compute with given values of the variables, which stay as they are.

        Args:
            trainable_variables: a value for each of `trainable_variables`.
            non_trainable_variables: a value for each of `non_trainable_variables`.
            return_losses: whether to return the losses of the call too.
            args, kwargs: arguments of the call.

        Returns:
            The outputs, and the new values of the variables that do not train.

        Raises:
            ArgumentError: for a layer that is not built, or another number of values.
        """
        if not self.built:
            raise ArgumentError(
                message(self.name, "stateless_call expected a built layer.",
                        f"{self!r}", "Call it on data first.")
            )  # fmt: skip
        held = self.non_trainable_variables
        scope = stateless(
            self.name,
            ("trainable_variables", self.trainable_variables, trainable_variables),
            ("non_trainable_variables", held, non_trainable_variables),
        )
        with scope:
            outputs = self(*args, **kwargs)
            losses = (self.losses,) if return_losses else ()
        return outputs, [scope.get_current_value(v) for v in held], *losses

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return what a call on symbolic tensors gives, of which no model knows."""
        return self.compute_output_spec(*args, **kwargs)

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: Keras 3 has no metrics of layers.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            message(self.name, "add_metric is not part of Keras 3.", "",
                    "Give metrics to Model.compile, or update one in call() that the"
                    " layer holds.")
        )  # fmt: skip

    def _check_initialized(self) -> None:
        if "_layer_initialized" not in self.__dict__:
            raise ArgumentError(
                message(
                    type(self).__name__, "expected super().__init__() to have run.", "",
                    "Call it as the first statement of your __init__.",
                )
            )  # fmt: skip

    def _call_eagerly(self, args: Any, kwargs: Any) -> Any:
        with Trace(eager=True) as trace:
            outputs = self._call_in_trace(*args, **kwargs)
        for layer, loss in trace.losses:
            layer._eager_losses.append(_detached(loss))
        return tree.map_structure(_detached, outputs)

    def _call_in_trace(self, *args: Any, **kwargs: Any) -> Any:
        allowance = limits.current()
        if allowance is not None:
            allowance.layer()
        with self._open_scope(), self._named_errors(), self._watched_births():
            if not _context.training:
                self._clear_losses()
            if self._convert_input_args:
                args = tree.map_structure(self._converted_input, args)
                kwargs = tree.map_structure(self._converted_input, kwargs)
            self._check_positional(args)
            spec = CallSpec(type(self).call, args, kwargs)
            self._check_input_spec(spec.first)
            self._build_for(spec)
            return self._run_call(spec, args, kwargs)

    def _run_call(self, spec: CallSpec, args: Any, kwargs: Any) -> Any:
        kwargs = {**kwargs, **spec.masks()}
        if "training" not in spec.arguments:
            kwargs.pop("training", None)
        training = self._resolve_training(spec)
        if "training" in spec.arguments and spec.given.get("training") is None:
            kwargs.pop("training", None)
            if training is not None:
                kwargs["training"] = training
        previous = kwargs.get("mask")
        if previous is None:
            previous = tree.map_structure(mask_of, spec.first)
        _context.training.append(training)
        try:
            with casting(self._read_dtype()):
                outputs = tree.map_structure(_as_tensor, self.call(*args, **kwargs))
            self._regularize_activity(outputs)
        finally:
            _context.training.pop()
        self._finish_first_call(spec)
        if self.supports_masking:
            self._mask_outputs(spec.first, outputs, previous)
        elif "mask" not in spec.arguments:  # such a layer uses the mask up
            self._warn_lost_mask(previous)
        return outputs

    def _read_dtype(self) -> str | None:
        """The dtype in which `call` reads float variables, None for their own.

        Only inside a layer of mixed precision has a layer of one dtype to say it.
        """
        kind = self.compute_dtype
        if not self.autocast or not dtypes.is_float(kind):
            return None
        return kind if cast_to() is not None or kind != self.variable_dtype else None

    def _resolve_training(self, spec: CallSpec) -> Any:
        """Given here, else by a layer around, else by the signature of `call`."""
        if spec.training is not None:
            return spec.training
        around = _context.training[-1] if _context.training else None
        return spec.arguments.get("training") if around is None else around

    def _converted_input(self, x: Any) -> Any:
        """Make an argument a tensor, floats of the layer's dtype."""
        if isinstance(x, Variable):
            x = x.value
        elif not isinstance(x, Tensor):
            if not hasattr(x, "__array__"):
                return x
            x = _as_tensor(np.asarray(x), self._cast_target(x))
        target = self._cast_target(x)
        if target is None or target == x.dtype:
            return x
        cast = ops.cast(x, target)
        cast._keras_mask = x._keras_mask
        return cast

    def _cast_target(self, x: Any) -> str | None:
        kind = dtypes.standardize(np.asarray(x).dtype if not hasattr(x, "dtype") else
                                  x.dtype)  # fmt: skip
        both = dtypes.is_float(kind) and dtypes.is_float(self.input_dtype)
        return self.input_dtype if self.autocast and both else None

    def _check_positional(self, args: Any) -> None:
        if self._allow_non_tensor_positional_args:
            return
        for x in tree.flatten(args):
            if x is not None and not isinstance(x, Tensor):
                raise ArgumentError(
                    message(
                        "", "expected tensors or arrays as positional arguments.",
                        f"{x!r} of type {type(x).__name__}",
                        "Make it an array, or pass it as a keyword argument.",
                    )
                )  # fmt: skip

    def _check_input_spec(self, first: Any) -> None:
        if self.input_spec is not None:
            remedy = ""
            if self.built and self._build_shapes:
                shape = next(iter(self._build_shapes.values()))
                where = f" at {self._built_at}" if self._built_at else ""
                remedy = (
                    f"It was built for {shape}{where}; call it on the same size or "
                )
                remedy += "make a new layer."
            check_inputs(self.input_spec, first, "", remedy)

    def _build_for(self, spec: CallSpec) -> None:
        if self.built or self._building or type(self).build is Layer.build:
            return
        shapes = shapes_for(type(self).build, spec.shapes(), spec, type(self).__name__)
        self.build(**shapes)
        self._check_input_spec(spec.first)

    def _finish_first_call(self, spec: CallSpec) -> None:
        if self._first_input is None:
            self._first_input = tree.map_structure(_described, spec.first)
        if not self.built:
            first = next(iter(spec.shapes().values()), None)
            has_state = bool(self._layers) or bool(self._own_variables())
            self._finish_build({"input_shape": first} if has_state else None)

    def _finish_build(self, shapes: dict[str, Any] | None) -> None:
        self._build_shapes = shapes
        self._built_at = user_location()
        self.built = True
        if _context.training and self._own_variables():
            _context.born.append(self)

    def _regularize_activity(self, outputs: Any) -> None:
        if self.activity_regularizer is None:
            return
        for x in tree.flatten(outputs):
            if isinstance(x, Tensor):
                loss = self.activity_regularizer(x)
                self.add_loss(ops.divide(loss, x.shape[0]) if x.shape else loss)

    def _mask_outputs(self, inputs: Any, outputs: Any, previous: Any) -> None:
        flat = [x for x in tree.flatten(outputs) if isinstance(x, Tensor)]
        if all(x._keras_mask is not None for x in flat):
            return
        masks = self.compute_mask(inputs, previous)
        if masks is not None:
            for x, mask in zip(flat, tree.flatten(masks)):
                if x._keras_mask is None:
                    x._keras_mask = mask

    def _warn_lost_mask(self, previous: Any) -> None:
        if any(m is not None for m in tree.flatten(previous)):
            warnings.warn(
                f"Layer {self.name!r} (of type {type(self).__name__}) was passed an "
                "input with a mask but does not support masking: layers after it will "
                "not see the mask.",
                stacklevel=2,
            )

    def _clear_losses(self) -> None:
        """Losses are those of the latest outermost call."""
        layers = self._flatten_layers()
        trace = current_trace()
        for layer in layers:
            layer._eager_losses.clear()
        if trace is not None and trace.losses:
            mine = {id(layer) for layer in layers}
            trace.losses = [(w, x) for w, x in trace.losses if id(w) not in mine]

    @contextmanager
    def _open_scope(self) -> Iterator[None]:
        """Enter the layer's part of variable paths and of the trace's origins."""
        outer = _context.paths[-1] if _context.paths else (None, "")
        if outer[0] is self:
            yield
            return
        if self._parent_path is None:
            self._parent_path = outer[1]
        self._path = f"{self._parent_path}/{self.name}".lstrip("/")
        _context.paths.append((self, self._path))
        trace = current_trace()
        try:
            if trace is None:
                yield
            else:
                with trace.layer(self.name):
                    yield
        finally:
            _context.paths.pop()

    @contextmanager
    def _watched_births(self) -> Iterator[None]:
        """Warn of layers the outermost call built but nobody holds, nor trains."""
        if _context.training:
            yield
            return
        _context.born.clear()
        yield
        held = {id(layer) for layer in self._flatten_layers()}
        strays = [x.name for x in _context.born if id(x) not in held]
        if strays:
            warnings.warn(
                f"Layer {self.name!r} used {', '.join(strays)} in call() without "
                "holding it: its weights are not part of the model. Make it in "
                "__init__ and keep it in an attribute.",
                stacklevel=4,
            )

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Put the layer's path before an error, once."""
        try:
            yield
        except GraphKerasError as error:
            if getattr(error, "layer_path", None):
                raise
            text = str(error).removeprefix(": ").removeprefix(f"{self.path}: ")
            named = type(error)(f"{self.path}: {text}")
            named.layer_path = self.path  # type: ignore[attr-defined]
            raise named from error

    # -------------------------------------------------------------------- shapes

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic outputs for symbolic inputs, without recording a Call."""
        return infer(self._call_in_trace, args, kwargs)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output shape for an input shape, None standing for any size.

        Keyword arguments that are no shapes go to `call`.
        """
        kind = self.compute_dtype
        args = tuple(tree_of_shapes(a, kind) for a in args)
        named = {
            k.removesuffix("_shape"): v if isinstance(v, bool) else
            tree_of_shapes(v, kind) for k, v in kwargs.items()
        }  # fmt: skip
        if list(named) == ["input"]:
            args, named = (named["input"],), {}
        outputs = self.compute_output_spec(*args, **named)
        return tree.map_structure(lambda x: x.shape, outputs)


Layer.build = _with_bookkeeping(Layer.build)  # type: ignore[method-assign]


def _legacy_input_shape(kwargs: dict[str, Any]) -> Any:
    shape = kwargs.pop("input_shape", None)
    size = kwargs.pop("input_dim", None)
    if size is not None:
        shape = (size,)
    if shape is not None:
        warnings.warn(
            "Do not pass input_shape or input_dim to a layer; start a Sequential model "
            "with keras.Input(shape) instead.",
            stacklevel=4,
        )
    return shape


def _as_tensor(x: Any, dtype: str | None = None) -> Any:
    """Make an array a tensor of the current trace; leave everything else."""
    if isinstance(x, Variable):
        return x.value
    if not isinstance(x, (np.ndarray, np.generic)):
        return x
    trace = current_trace()
    if trace is None or trace.eager:
        return Tensor.of(x, dtype or dtypes.of_array(np.asarray(x)))
    return trace.tensor(constant(x, dtype))


def _described(x: Any) -> Any:
    """Shape and dtype of a tensor, without holding on to it."""
    if not isinstance(x, Tensor):
        return x
    return InputSpec(dtype=x.dtype, shape=x.shape)


def _detached(x: Any) -> Any:
    """A tensor that keeps its data and mask but no history."""
    if not isinstance(x, Tensor):
        return x
    free = Tensor(None, x.numpy_view())
    free._keras_mask = _detached(x._keras_mask)
    return free
