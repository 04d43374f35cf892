"""The layer DAG: which layer (or op) was called on what.

A `Call` is an event, since one layer may be called many times; `SymbolicTensor`s are
what calls give and take before there is data. The DAG is what a functional model saves,
prints and runs; the tensor graph is traced anew from it for each purpose.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from graphkeras import dtypes, naming, ops, tree
from graphkeras.errors import (
    ArgumentError,
    GraphKerasError,
    ShapeError,
    TraceError,
    message,
)
from graphkeras.ir import dims
from graphkeras.ir.op import Op, call
from graphkeras.ir.operators import Operators
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, user_location
from graphkeras.ir.types import TensorType
from graphkeras.layers import keras_ops
from graphkeras.layers.input_spec import KerasShape, keras_shape

Sizes = dict[str, dims.Dim]


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: which output of which call of what."""

    operation: Any
    node_index: int
    tensor_index: int


def type_from_shape(shape: Sequence[Any], dtype: Any, name: str = "x") -> TensorType:
    """Return the type of a Keras shape: None becomes a named size.

    The first axis is the batch, which all inputs of a model share.
    """
    word = re.sub(r"\W", "_", name)
    sizes = tuple(
        size
        if size is not None
        else dims.symbol(f"{word}_dim{axis}" if axis else "batch")
        for axis, size in enumerate(shape)
    )
    return TensorType(dtypes.standardize(dtype), sizes)


class SymbolicTensor(Operators):
    """A tensor of known dtype and shape but no data; public as `keras.KerasTensor`.

    Args:
        shape: sizes, None where free.
        dtype: dtype name.
        name: name for messages and for the free sizes.

    Example:
        >>> x = SymbolicTensor((None, 3))
        >>> x.shape, (x + 1).dtype
        ((None, 3), 'float32')
    """

    __op_priority__ = 40
    __array_ufunc__ = None  # NumPy leaves `array + symbolic` to us
    sparse = ragged = False

    def __init__(
        self,
        shape: Sequence[Any],
        dtype: Any = "float32",
        sparse: bool | None = None,
        ragged: bool | None = None,
        record_history: bool = True,
        name: str | None = None,
        **unused: Any,
    ) -> None:
        _refuse_sparse(sparse, ragged)
        self.name = name or naming.auto_name("keras_tensor")
        self.type = type_from_shape(shape, dtype, self.name)
        self.mask_type: TensorType | None = None
        self._keras_history = KerasHistory(None, 0, 0)

    @classmethod
    def of(cls, tensor: Tensor) -> SymbolicTensor:
        """Return the symbolic tensor of a traced tensor's type and mask."""
        self = cls((), tensor.dtype)
        self.type = TensorType(tensor.dtype, tuple(tensor.shape))
        mask = tensor._keras_mask
        if mask is not None:
            self.mask_type = TensorType(mask.dtype, tuple(mask.shape))
        return self

    @property
    def shape(self) -> KerasShape:
        """Sizes of the axes, None where free."""
        return keras_shape(self.type.shape)

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.type.rank

    def reshape(self, newshape: Any) -> Any:
        """Return `ops.reshape` of it."""
        return ops.reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """Return `ops.squeeze` of it."""
        return ops.squeeze(self, axis)

    @property
    def _keras_mask(self) -> Any:
        return None if self.mask_type is None else MaskOf()(self)

    @staticmethod
    def __apply_op__(op: Op, operands: list[Any], given: dict[str, Any]) -> Any:
        if op.variadic:
            return Operation(op, attributes=given)(list(operands))
        return Operation(op, attributes=given)(*operands)

    def get_config(self) -> dict[str, Any]:
        """Return shape, dtype and origin, as they stand in a functional config."""
        operation, node, index = self._keras_history
        name = getattr(operation, "name", None)
        return {
            "shape": self.shape, "dtype": self.dtype,
            "keras_history": [name, node, index],
        }  # fmt: skip

    def _no_data(self, wanted: str) -> TraceError:
        where = user_location()
        return TraceError(
            message(
                self.name, f"expected data, since Python asks for {wanted}"
                + (f" at {where}." if where else "."),
                f"a symbolic tensor {self.type}, which only stands for data",
                "Put the computation into a layer or ops.*, or call the model on "
                "arrays.",
            )
        )  # fmt: skip

    def __bool__(self) -> bool:
        raise self._no_data("a Python bool (in an `if`, `while`, `and` or `or`)")

    def __float__(self) -> float:
        raise self._no_data("a Python float")

    def __int__(self) -> int:
        raise self._no_data("a Python int")

    __index__ = __int__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise self._no_data("a NumPy array")

    def numpy(self) -> Any:
        """There is no data yet: raise TraceError."""
        raise self._no_data("a NumPy array")

    def __len__(self) -> int:
        size = self.shape[0] if self.shape else None
        if size is None:
            raise self._no_data("the length of a free axis")
        return size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


KerasTensor = SymbolicTensor


def _refuse_sparse(sparse: bool | None, ragged: bool | None) -> None:
    if sparse or ragged:
        raise ArgumentError(
            message(
                "Input", "expected a dense tensor.", "sparse=True or ragged=True",
                "Feed dense arrays; ids go through Embedding, lengths through Masking.",
            )
        )  # fmt: skip


def is_keras_tensor(x: Any) -> bool:
    """Return whether `x` is a symbolic tensor."""
    return isinstance(x, SymbolicTensor)


class Call:
    """One event: `operation` called on `args` and `kwargs` gave `outputs`.

    Attributes:
        equal: free sizes that had to be the same for the call to be possible.
    """

    __slots__ = ("args", "equal", "kwargs", "operation", "outputs")

    def __init__(
        self,
        operation: Any,
        args: tuple,
        kwargs: dict,
        outputs: Any,
        equal: Sizes | None = None,
    ) -> None:
        self.operation, self.args, self.kwargs = operation, args, kwargs
        self.outputs, self.equal = outputs, equal or {}
        history = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for index, tensor in enumerate(self.output_tensors):
            tensor._keras_history = KerasHistory(operation, history, index)

    @property
    def input_tensors(self) -> list[SymbolicTensor]:
        """Symbolic tensors among the arguments, in order."""
        return _symbolic((self.args, self.kwargs))

    @property
    def output_tensors(self) -> list[SymbolicTensor]:
        """Symbolic tensors of the result, in order."""
        return _symbolic(self.outputs)

    @property
    def is_input(self) -> bool:
        """Whether nothing came before: the call belongs to an Input."""
        return not self.input_tensors

    def run(self, known: dict[int, Any], operation: Any = None, **given: Any) -> None:
        """Repeat the call on what `known` holds for its tensors, and add its results.

        Another `operation` may take the place of the call's own; what is `given`
        replaces arguments that a layer was called with.
        """

        def data(x: Any) -> Any:
            return known[id(x)] if isinstance(x, SymbolicTensor) else x

        args = tree.map_structure(data, self.args)
        kwargs = tree.map_structure(data, self.kwargs)
        if hasattr(self.operation, "weights"):
            kwargs |= {
                name: value for name, value in given.items() if value is not None
            }
        results = (operation or self.operation)(*args, **kwargs)
        pairs = zip(tree.flatten(self.outputs), tree.flatten(results), strict=True)
        known.update((id(symbolic), result) for symbolic, result in pairs)


def _symbolic(structure: Any) -> list[SymbolicTensor]:
    return [x for x in tree.flatten(structure) if isinstance(x, SymbolicTensor)]


def has_symbolic(args: Any, kwargs: Any) -> bool:
    """Return whether a symbolic tensor is among the arguments."""
    return any(isinstance(x, SymbolicTensor) for x in tree.flatten((args, kwargs)))


def record(operation: Any, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Infer what a call gives, and add the call to the DAG.

    Two inputs with a free size each, such as two texts of any length, may meet where
    only equal sizes fit: they are then taken to be equal, as Keras does.
    """
    equal: Sizes = {}
    try:
        outputs = infer(run, args, kwargs)
    except ShapeError:
        tensors = _symbolic((args, kwargs))
        # A mask has fewer axes than what it is for, but the same leading ones.
        equal = _equal_sizes(tensors) or _equal_sizes(tensors, of_any_rank=True)
        if not equal:
            raise
        outputs = infer(run, args, kwargs, equal)
    Call(operation, args, kwargs, outputs, equal)
    return outputs


def _equal_sizes(tensors: list[SymbolicTensor], of_any_rank: bool = False) -> Sizes:
    """Sizes of one symbol each that become equal on an axis if the symbols are."""
    equal: Sizes = {}
    first = tensors[0] if tensors else None
    for other in tensors[1:]:
        if first is None or not (of_any_rank or other.ndim == first.ndim):
            continue
        for a, b in zip(first.type.shape, other.type.shape):
            b = dims.substitute(b, equal)
            names = [list(dims.symbols(d) - {"batch"}) for d in (a, b)]
            if a == b or [len(n) for n in names] != [1, 1]:
                continue
            guess = {names[1][0]: dims.symbol(names[0][0])}
            if dims.substitute(b, guess) == a:
                equal |= guess
    return equal


def infer(
    function: Callable[..., Any], args: Any, kwargs: Any, equal: Sizes | None = None
) -> Any:
    """Run `function` on placeholders of its symbolic arguments; return what it gives.

    Nothing happens to variables: their reads and assignments end with the trace.
    """
    with Trace() as trace:
        made: dict[int, Tensor] = {}

        def placeholder(x: Any) -> Any:
            if not isinstance(x, SymbolicTensor):
                return x
            if id(x) not in made:
                made[id(x)] = tensor = trace.input(x.name, x.type.at(equal or {}))
                if x.mask_type is not None:
                    mask = x.mask_type.at(equal or {})
                    tensor._keras_mask = trace.input(f"{x.name}_mask", mask)
            return made[id(x)]

        args = tree.map_structure(placeholder, args)
        kwargs = tree.map_structure(placeholder, kwargs)
        result = function(*args, **kwargs)
        return tree.map_structure(
            lambda x: SymbolicTensor.of(x) if isinstance(x, Tensor) else x, result
        )


class Operation:
    """An op with its attributes as it stands in the layer DAG, under a name of its own.

    Args:
        function: a function of `keras.ops`, or the op behind one.
        name: name in the model.
        attributes: what the function is given beside its operands.
    """

    def __init__(
        self,
        function: Op | Callable[..., Any],
        name: str | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> None:
        self.op: Op | None
        self.function: Callable[..., Any]
        if isinstance(function, Op):
            self.op, self.function = function, function.reference
        else:
            self.op, self.function = getattr(function, "op", None), function
        self.attributes = dict(attributes or {})
        self.name = name or naming.auto_name(self._base_name)
        self._inbound_nodes: list[Call] = []

    def __call__(self, *operands: Any, **kwargs: Any) -> Any:
        if not has_symbolic(operands, kwargs):
            return self._run(*operands, **kwargs)
        try:
            return record(self, self._run, operands, kwargs)
        except GraphKerasError as error:
            raise type(error)(f"{self.name}: {error}") from error

    def _run(self, *operands: Any, **kwargs: Any) -> Any:
        given = self.bound(operands, kwargs)
        if self.op is None:
            return self.function(*given.args, **given.kwargs)
        return call(self.op, given.args, given.kwargs)

    def bound(self, operands: Any, kwargs: Any) -> inspect.BoundArguments:
        """Return the arguments of one call, attributes included, by name.

        What is given by place fills the operands first.
        """
        signature = inspect.signature(self.function)
        parameters = signature.parameters
        if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
            return signature.bind(*self.attributes.values(), *operands, **kwargs)
        first = self.op.operands if self.op is not None else ()
        order = [n for n in (*first, *parameters) if n not in self.attributes]
        named = dict(zip(dict.fromkeys(order), operands))
        return signature.bind(**self.attributes, **named, **kwargs)

    @property
    def output(self) -> Any:
        """What the first call gave."""
        return self._inbound_nodes[0].outputs

    @property
    def _base_name(self) -> str:
        return self.op.name if self.op is not None else self.function.__name__

    @property
    def kind(self) -> str:
        """The name of the class Keras has behind the function: "LeakyRelu"."""
        return keras_ops.kind_of(self.function, self._base_name)

    def get_config(self) -> dict[str, Any]:
        """Return the name of this use of the op and its attributes."""
        return {"name": self.name, **self.attributes}

    @classmethod
    def of_config(cls, kind: str, config: dict[str, Any]) -> Operation:
        """Make an operation of the class name and config Keras writes for it."""
        attributes = dict(config)
        name = attributes.pop("name", None)
        if kind == MaskOf.kind:
            return MaskOf(name)
        function = keras_ops.function_of(kind, attributes)
        known = inspect.signature(function).parameters
        return cls(function, name, {k: v for k, v in attributes.items() if k in known})

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"


class MaskOf(Operation):
    """The mask that travels with a tensor, as a tensor of the DAG."""

    kind = "MaskOf"

    def __init__(self, name: str | None = None) -> None:
        super().__init__(_mask_of, name or naming.auto_name("mask_of"))

    def _run(self, *operands: Any, **kwargs: Any) -> Any:
        return _mask_of(*operands)


def _mask_of(x: Any) -> Any:
    return x._keras_mask


# ----------------------------------------------------------------------- order of calls


class CallGraph(NamedTuple):
    """The calls between some inputs and outputs.

    Attributes:
        calls: in an order in which they can run.
        operations: layers and ops, furthest from the outputs first, as in Keras.
        depths: calls by their distance from the outputs.
    """

    calls: list[Call]
    operations: list[Any]
    depths: dict[int, list[Call]]


def call_of(tensor: SymbolicTensor) -> Call:
    """Return the call that gave a tensor.

    Raises:
        ArgumentError: if none did.
    """
    operation, node, _ = tensor._keras_history
    if operation is None:
        raise ArgumentError(
            message(
                tensor.name, "expected a tensor that comes from an Input.", f"{tensor}",
                "Start from keras.Input(shape=...).",
            )
        )  # fmt: skip
    return operation._inbound_nodes[node]


def sources_of(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    """Return the tensors of the Inputs that a tensor was made of, in order.

    Public as `keras.utils.get_source_inputs`.

    Example:
        >>> from graphkeras import Input
        >>> x = Input((3,))
        >>> sources_of(x * 2 + 1)[0] is x
        True
    """
    calls, _ = _search(set(), [tensor])
    found = [t for event in calls if event.is_input for t in event.output_tensors]
    return list(dict.fromkeys(found))


def order_calls(
    inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]
) -> CallGraph:
    """Return the calls that lead from `inputs` to `outputs`.

    Raises:
        ArgumentError: if an output needs an Input that is not given, if no input leads
            to an output, or if there is a cycle.
    """
    given = {id(x) for x in inputs}
    calls, seen = _search(given, outputs)
    _check_connected(given, inputs, outputs, calls)
    levels = _levels(calls)
    for tensor in inputs:  # inputs nobody uses are part of the model all the same
        if call_of(tensor).is_input and call_of(tensor) not in levels:
            levels[call_of(tensor)] = 0
            calls.append(call_of(tensor))
            seen.setdefault(tensor._keras_history.operation, -1)
    heights: dict[Any, int] = {}
    depths: dict[int, list[Call]] = {}
    for event, level in levels.items():
        depths.setdefault(level, []).append(event)
        heights[event.operation] = max(heights.get(event.operation, 0), level)
    operations = sorted(heights, key=lambda o: (-heights[o], seen[o]))
    _check_names(operations)
    return CallGraph(calls, operations, depths)


def _search(given: set[int], outputs: Sequence[SymbolicTensor]) -> tuple[list, dict]:
    """Depth first from the outputs: calls after what they need, operations as met."""
    finished: list[Call] = []
    state: dict[Call, str] = {}
    seen: dict[Any, int] = {}
    stack: list[tuple[Call, bool]] = []
    for output in outputs:
        stack.append((call_of(output), False))
        while stack:
            event, expanded = stack.pop()
            if expanded:
                state[event] = "done"
                finished.append(event)
            elif state.get(event) == "open":
                raise _cycle(event)
            elif event not in state and not _is_cut(event, given):
                state[event] = "open"
                seen.setdefault(event.operation, len(seen))
                stack.append((event, True))
                needed = [call_of(t) for t in event.input_tensors if id(t) not in given
                          or call_of(t).is_input]  # fmt: skip
                stack += [
                    (n, False) for n in reversed(needed) if state.get(n) != "done"
                ]
    return finished, seen


def _is_cut(event: Call, given: set[int]) -> bool:
    """Whether a call made only tensors that are inputs: it lies outside the model."""
    if event.is_input:
        return False
    return all(id(t) in given for t in event.output_tensors)


def _cycle(event: Call) -> ArgumentError:
    return ArgumentError(
        message(
            event.operation.name, "expected a graph without cycles.",
            "a layer whose input depends on its own output",
            "Make a second call of the layer instead of feeding its result back.",
        )
    )  # fmt: skip


def _levels(calls: list[Call]) -> dict[Call, int]:
    """Distance of each call from the outputs; calls of one layer share the largest."""
    levels: dict[Call, int] = {}
    highest: dict[Any, int] = {}
    inside = set(calls)
    for event in reversed(calls):
        level = max(levels.get(event, 0), highest.get(event.operation, 0))
        levels[event] = highest[event.operation] = level
        for tensor in event.input_tensors:
            before = call_of(tensor) if tensor._keras_history.operation else None
            if before in inside:
                levels[before] = max(level + 1, levels.get(before, 0))
    return levels


def _check_connected(given: set[int], inputs: Any, outputs: Any, calls: Any) -> None:
    for event in calls:
        for tensor in event.output_tensors if event.is_input else ():
            if id(tensor) not in given:
                raise _disconnected(tensor, inputs)
    used = {id(t) for event in calls for t in event.input_tensors}
    used |= {id(t) for t in outputs}
    if inputs and outputs and not used & given:
        raise _disconnected(outputs[0], inputs)


def _disconnected(tensor: SymbolicTensor, inputs: Any) -> ArgumentError:
    names = ", ".join(repr(x.name) for x in inputs) or "none"
    return ArgumentError(
        message(
            "Model", "expected a path from the inputs to every output (the graph is "
            "disconnected).",
            f"inputs {names}, while the outputs need {tensor.name!r} "
            f"of shape {tensor.shape}",
            f"Add {tensor.name!r} to the model's inputs, or take it out of the path.",
        )
    )  # fmt: skip


def _check_names(operations: list[Any]) -> None:
    for name, count in Counter(o.name for o in operations).items():
        if count > 1:
            raise ArgumentError(
                message(
                    "Model", "expected every layer of a model to have its own name.",
                    f"{count} named {name!r}", "Give one another name=.",
                )
            )  # fmt: skip
