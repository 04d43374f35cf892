"""Layers called beside a model, on arrays: compiled once they have had enough to do.

Beside a model a layer runs by NumPy, op by op, which needs no compiler and is soon done
for little data. A layer that meets much of it, such as one mapped over a data set, is
compiled like a model instead. When that happens depends on the sizes of the data alone,
never on time, so that runs repeat each other bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphkeras import dtypes, tree
from graphkeras.compiler.programs import compile_graph
from graphkeras.errors import GraphKerasError
from graphkeras.ir import dims
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, untraced
from graphkeras.ir.types import TensorType
from graphkeras.layers.configured import is_library_class
from graphkeras.layers.layer import Layer

ENOUGH = 2**19  # elements, together, from which on compiling pays
MOST_SIZES = 2  # sizes a program is compiled for before one takes any size


class _Compiled:
    """A program together with the structure of what it returns."""

    def __init__(
        self, function: Callable[[Any], Any], args: Any, leaves: list[Any], types: Any
    ) -> None:
        rest = iter(types)
        with untraced(), Trace() as trace:
            given = [
                trace.input(f"x{i}", next(rest)) if isinstance(x, np.ndarray) else x
                for i, x in enumerate(leaves)
            ]
            self.outputs = function(_packed(args, given))
            self.leaves = tree.flatten(self.outputs)
            values = [x for x in self.leaves if isinstance(x, Tensor)]
            graph, self.variables = trace.graph(values)
            if trace.losses or any(x._keras_mask is not None for x in values):
                raise NotImplementedError("losses and masks are not results")
        self.program = compile_graph(graph, name="beside")

    def run(self, arrays: Sequence[np.ndarray]) -> Any:
        """Run on arrays; update the variables."""
        state = [v.array.copy() for v in self.variables]
        found = iter(self.program.run(arrays, state))
        for variable, array in zip(self.variables, state):
            variable.set_array(array)
        leaves = [
            Tensor(None, next(found)) if isinstance(x, Tensor) else x
            for x in self.leaves
        ]
        return _packed(self.outputs, leaves)


def _packed(structure: Any, leaves: list[Any]) -> Any:
    return tree.pack_like(structure, leaves) if tree.is_nested(structure) else leaves[0]


class Repeated:
    """A function of nested arrays that is compiled when it is called for enough.

    Args:
        function: takes one structure of tensors and returns another.
        first: whether the channels of images come first.
    """

    def __init__(self, function: Callable[[Any], Any], first: bool) -> None:
        self.function, self.first = function, first
        self._met: dict[Any, int] = {}  # layout -> elements so far
        self._programs: dict[Any, _Compiled | None] = {}  # None: it cannot be

    def __call__(self, args: Any) -> Any:
        """Return the result, or None where it is still to be computed eagerly."""
        leaves = [_number(leaf) for leaf in tree.flatten(args)]
        if any(leaf is _UNKNOWN for leaf in leaves):
            return None
        arrays = [x for x in leaves if isinstance(x, np.ndarray)]
        layout = tuple(
            (path, (dtypes.of_array(x), x.ndim) if isinstance(x, np.ndarray) else x)
            for (path, _), x in zip(tree.flatten_with_path(args), leaves)
        )
        met = self._met[layout] = self._met.get(layout, 0) + sum(a.size for a in arrays)
        if met < ENOUGH:
            return None
        compiled = self._program(layout, args, leaves, arrays)
        try:
            return None if compiled is None else compiled.run(arrays)
        except GraphKerasError:  # other sizes than it can take
            return None

    def _program(
        self, layout: Any, args: Any, leaves: list[Any], arrays: list[np.ndarray]
    ) -> _Compiled | None:
        free: Any = (layout, "any size")
        if free in self._programs:
            return self._programs[free]
        types = _types(arrays, False, self.first)
        key: Any = (layout, tuple(types))
        if key not in self._programs:
            if sum(k[0] == layout for k in self._programs) >= MOST_SIZES:
                key, types = free, _types(arrays, True, self.first)
            try:
                self._programs[key] = _Compiled(self.function, args, leaves, types)
            except (GraphKerasError, TypeError, NotImplementedError):
                self._programs[key] = None  # run eagerly, it says what is wrong
        return self._programs[key]


_UNKNOWN = object()


def _number(leaf: Any) -> Any:
    """Return a leaf as an array or something plain; `_UNKNOWN` if it is neither."""
    if isinstance(leaf, Tensor) and leaf.data is not None and leaf._keras_mask is None:
        leaf = leaf.numpy_view()
    if isinstance(leaf, (np.ndarray, np.generic)):
        array = np.asarray(leaf)
        return _UNKNOWN if array.dtype.hasobject or array.dtype.kind in "USc" else array
    return leaf if leaf is None or isinstance(leaf, (int, float, str)) else _UNKNOWN


def _types(
    arrays: Sequence[np.ndarray], several: bool, first: bool
) -> list[TensorType]:
    """Return the types of a program: of any batch, and of any size if it met several.

    Channels are always known: the last axis, or the third from the end.
    """
    rank = max((a.ndim for a in arrays), default=0)
    batch = next((a.shape[0] for a in arrays if a.ndim == rank > 3), None)
    types = []
    for n, array in enumerate(arrays):
        sizes: list[dims.Dim] = list(array.shape)
        if several and array.ndim >= 3:
            for axis in (-2, -1) if first else (-3, -2):
                sizes[axis] = dims.symbol(f"size{n}_{axis % array.ndim}")
        if batch is not None and sizes and array.shape[0] == batch:
            sizes[0] = dims.symbol("batch")
        types.append(TensorType(dtypes.of_array(array), tuple(sizes)))
    return types


class BesideLayer(Layer):
    """A layer that is often called on arrays, beside a model."""

    _untracked = Layer._untracked | {"_beside"}
    _calls_beside = True  # whether whole calls may be compiled
    _beside: dict[Any, Repeated]
    _is_beside = False  # whether it is being called on arrays, outside of any trace

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_"):  # what was compiled may not hold any more
            self.__dict__["_beside"] = {}

    def _call_eagerly(self, args: Any, kwargs: Any) -> Any:
        self.__dict__["_is_beside"] = True
        try:
            return self._call_beside(args, kwargs)
        finally:
            self.__dict__["_is_beside"] = False

    def _call_beside(self, args: Any, kwargs: Any) -> Any:
        own = is_library_class(type(self)) and self._calls_beside and not args[1:]
        if own and args and all(v in (True, False, None) for v in kwargs.values()):
            key = tuple(sorted(kwargs.items()))
            found = self._repeated(key, lambda x: self._call_in_trace(x, **kwargs))
            result = found(args[0])
            if result is not None:
                return result
        return super()._call_eagerly(args, kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_beside": {}}

    def _repeated(self, key: Any, function: Callable[[Any], Any]) -> Repeated:
        """Return what runs a function of this layer, one for each key."""
        if key not in self._beside:
            first = getattr(self, "data_format", None) == "channels_first"
            self._beside[key] = Repeated(function, first)
        return self._beside[key]
