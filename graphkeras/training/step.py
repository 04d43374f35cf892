"""A Python step (train, test or predict) as compiled programs, one a kind of batch.

The step is the user's Python, run once on traced tensors. What it reads and assigns is
the program's state, what it returns the program's outputs. With ``eager=True`` the same
Python runs for every batch, on tensors that hold numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from graphkeras import config, dtypes, tree
from graphkeras.compiler.programs import compile_graph
from graphkeras.ir import dims
from graphkeras.ir.interpret import bind_sizes
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph, Value, dims_of
from graphkeras.losses.labels import NOTE as LABELS
from graphkeras.losses.labels import LabelRange
from graphkeras.variables import Variable, replaced

MOST_MET = 64  # shapes whose program is found at once
BATCH = dims.symbol("batch")

_array_of = attrgetter("array")
_PARTS = ("x", "y", "sample_weight")


def batch_dtype(array: np.ndarray) -> str:
    """Return the dtype in which a step sees an array: floats in the default float."""
    kind = dtypes.of_array(array)
    return config.floatx() if dtypes.is_float(kind) else kind


@dataclass(frozen=True, slots=True)
class Sizes:
    """Which axes of the arrays of a step have one size, and which share a free one.

    Sizes that vary from batch to batch become symbols, and axes that always agreed
    share one; so a new length compiles anew once, not every time.

    Attributes:
        fixed: the size of each axis, None where it is free.
        groups: axes of one number have always had one size.
    """

    fixed: tuple[int | None, ...]
    groups: tuple[int, ...]

    @classmethod
    def of(cls, sizes: Sequence[int], free: Sequence[bool] = ()) -> Sizes:
        """Return what one batch of these sizes shows."""
        marks = free or [False] * len(sizes)
        fixed = tuple(None if f else s for s, f in zip(sizes, marks, strict=True))
        return cls(fixed, _numbered(sizes))

    def widened(self, sizes: Sequence[int]) -> Sizes:
        """Return what one more batch of these sizes shows."""
        fixed = tuple(f if f == s else None for f, s in zip(self.fixed, sizes))
        return Sizes(fixed, _numbered(list(zip(self.groups, sizes))))

    def dims(self) -> tuple[dims.Dim, ...]:
        """Return a number for each fixed axis and a symbol for each free one."""
        return tuple(
            dims.symbol(f"size_{g}") if f is None else f
            for f, g in zip(self.fixed, self.groups)
        )


def _numbered(keys: Sequence[Any]) -> tuple[int, ...]:
    """Number keys by first appearance; equal keys have equal numbers."""
    numbers: dict[Any, int] = {}
    return tuple(numbers.setdefault(key, len(numbers)) for key in keys)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a step returned: graph outputs by number in `places`, constants beside."""

    structure: Any
    places: tuple[int | None, ...]
    constants: tuple[Any, ...]
    by_key: tuple[tuple[Any, int], ...] = ()  # of a dict of graph outputs: their places

    @property
    def is_leaf(self) -> bool:
        """Whether the step returned one thing rather than a structure."""
        return not tree.is_nested(self.structure)

    def filled(self, arrays: Sequence[Any]) -> Any:
        """Return the step's structure with the arrays of one run."""
        if self.structure is None and self.places == (0,):  # what most models return
            return arrays[0]
        if self.by_key:
            return {key: arrays[place] for key, place in self.by_key}
        leaves = [
            c if p is None else arrays[p] for p, c in zip(self.places, self.constants)
        ]
        return leaves[0] if self.is_leaf else tree.pack_like(self.structure, leaves)


@dataclass(frozen=True, slots=True)
class Compiled:
    """One program of a step: its graph, variables, outputs and checks of its data.

    Attributes:
        tracks_loss: whether output 0 is the scalar loss.
        needs_batches: whether a size is found only in each batch, or an output is no
            part of the program.
        lead: the size that counts rows: a symbol, or 1 of a program for one row.
    """

    graph: Graph
    variables: list[Variable]
    outputs: Outputs
    labels: list[LabelRange]
    program: Any
    tracks_loss: bool
    needs_batches: bool
    lead: dims.Dim = BATCH

    @property
    def state(self) -> list[np.ndarray]:
        """The arrays of the variables, updated in place by a run."""
        return list(map(_array_of, self.variables))

    def check(self, arrays: Sequence[np.ndarray]) -> None:
        """Raise if labels are out of range."""
        for label in self.labels:
            label.check(arrays[self.graph.inputs.index(label.source)])

    def run(self, arrays: Sequence[np.ndarray]) -> Any:
        """Run one batch; return what the step returns, with arrays."""
        return self.outputs.filled(self.program.run(arrays, self.state))

    def run_epoch(self, sources: Sequence[np.ndarray], **how: Any) -> Any:
        """Run steps over rows of `sources`; return what the last step returns."""
        results = self.program.run_epoch(sources, self.state, **how)
        return self.outputs.filled(results)

    def room_for(
        self, sources: Sequence[np.ndarray], rows: int
    ) -> list[np.ndarray] | None:
        """Return arrays for the outputs of so many rows; None if they are not rows."""
        sizes: dict[str, int] = {}
        for leaf, array in zip(self.graph.inputs, sources):
            shape = array.shape if self.lead == BATCH else (1, *array.shape[1:])
            bind_sizes(str(leaf.name), leaf.type, shape, sizes)
        if any(not _is_rows(o.type, self.lead) for o in self.graph.outputs):
            return None
        return [
            np.empty(
                (rows, *(dims.evaluate(d, sizes) for d in o.shape[1:])),
                dtypes.to_numpy(o.dtype),
            )
            for o in self.graph.outputs
        ]


def _needs_batches(graph: Graph, program: Any) -> bool:
    """Whether a size is found only in each batch: the words of its longest text.

    Prepared all at once, every batch would be as wide as the widest of them. And
    outputs that come of the preparation itself are no part of the compiled steps.
    """
    if len(program.code.outputs) < len(graph.outputs):
        return True
    leaves = (*graph.inputs, *graph.state)
    given = {name for leaf in leaves for name in _symbols_of(leaf)}
    return any(_symbols_of(v) - given for v in graph.walk())


def _symbols_of(value: Value) -> set[str]:
    return {name for size in dims_of(value) for name in dims.symbols(size)}


def _is_rows(type_: Any, lead: dims.Dim) -> bool:
    rest = [dims.symbols(d) for d in type_.shape[1:]]
    return bool(type_.shape) and type_.shape[0] == lead and {"batch"} not in rest


class Step:
    """A function of a batch, compiled for each kind of batch it meets.

    Args:
        function: takes a batch (nested tensors) and returns nested tensors.
        name: name of the programs.
        eager: run the Python for every batch instead.
        free: ``free(x)``, for each array of the model's inputs which axes have no
            fixed size.
        serves: whether it only answers: one row has a program of its own, where threads
            share what is done to it rather than rows; and what is made of weights alone
            is kept until they change.
    """

    def __init__(
        self, function: Callable[[Any], Any], name: str, *, eager: bool = False,
        free: Callable[[Any], list[tuple[bool, ...]]] = lambda x: [],
        serves: bool = False,
    ) -> None:  # fmt: skip
        self.function, self.name, self.eager, self._free = function, name, eager, free
        self.serves = serves
        self._sizes: dict[Any, Sizes] = {}  # by layout: structure, dtypes and ranks
        self._compiled: dict[Any, Compiled] = {}
        self._met: dict[Any, Compiled] = {}  # by structure, dtypes and exact shapes
        self._latest: _Latest | None = None
        self._seconds: dict[int, float] = {}  # of a row, by the program's `id`

    def compiled_for(
        self, batch: Any, arrays: Sequence[np.ndarray], rows: int | None = None
    ) -> Compiled:
        """Return the program for batches like this one.

        Args:
            batch: the structure, its leaves arrays or None.
            arrays: the leaves that are arrays, in order.
            rows: of a batch, if there are more in the arrays.
        """
        lead = self._lead(arrays, rows)
        kinds = tuple((batch_dtype(a), a.ndim) for a in arrays)
        layout = lead, _paths(batch), kinds
        sizes = tuple(size for a in arrays for size in a.shape[1:])
        exact, known = Sizes.of(sizes), self._sizes.get(layout)
        if known is None:
            wide = Sizes.of(sizes, self._free_axes(batch, arrays))
        else:
            wide = known.widened(sizes)
        for candidate in (exact, wide):
            found = self._compiled.get((layout, candidate.dims()))
            if found is not None:
                return found
        used, compiled = self._widest(batch, arrays, layout, wide, exact)
        self._compiled[layout, used.dims()] = compiled
        return compiled

    def _lead(self, arrays: Sequence[np.ndarray], rows: int | None) -> dims.Dim:
        """Return 1 for one row that has a program of its own, else a symbol."""
        counts = {len(a) if a.ndim else 0 for a in arrays} if rows is None else {rows}
        return 1 if self.serves and counts == {1} else BATCH

    def _widest(
        self, batch: Any, arrays: Sequence[np.ndarray], layout: Any, wide: Sizes,
        exact: Sizes,
    ) -> tuple[Sizes, Compiled]:  # fmt: skip
        """Compile for free sizes, or if the model needs them fixed for these."""
        lead = layout[0]
        try:
            compiled = self._compile(batch, _types(arrays, wide, lead), lead)
        except Exception:  # whatever the user's Python does with a size it lacks
            if wide.dims() == exact.dims():
                raise
            # What is wrong with these very sizes is what the user wants to read.
            return exact, self._compile(batch, _types(arrays, exact, lead), lead)
        self._sizes[layout] = wide
        return wide, compiled

    def _free_axes(self, batch: Any, arrays: Sequence[np.ndarray]) -> list[bool]:
        """Which axes, the batch apart, have no fixed size from the start.

        Those the model declares so, unless targets or weights share the size: whether
        they do so by chance shows when it changes.
        """
        x = batch[0] if isinstance(batch, tuple) and batch else batch
        count = sum(leaf is not None for leaf in tree.flatten(x))
        taken = {size for a in arrays[count:] for size in a.shape[1:]}
        declared = [*self._free(x), *([()] * len(arrays))]
        found: list[bool] = []
        for array, axes in zip(arrays, declared):
            free = axes if len(axes) == array.ndim else [False] * array.ndim
            pairs = zip(array.shape[1:], free[1:])
            found += [is_free and size not in taken for size, is_free in pairs]
        return found

    def _compile(
        self, batch: Any, types: Sequence[TensorType], lead: dims.Dim
    ) -> Compiled:
        with Trace() as trace:
            rest = iter(types)
            leaves = [
                None if leaf is None else trace.input(_name_of(path), next(rest))
                for path, leaf in tree.flatten_with_path(batch)
            ]
            result = self.function(_packed(batch, leaves))
            values, outputs = _read_outputs(result, trace)
            graph, variables = trace.graph(values)
        program = compile_graph(graph, name=self.name, keeps=self.serves)
        return Compiled(
            graph, variables, outputs, trace.notes.get(LABELS, []), program,
            _tracks_loss(result, graph), _needs_batches(graph, program), lead,
        )  # fmt: skip

    def lasts(self, compiled: Compiled, rows: int) -> float:
        """Return how many seconds so many rows take, by what they took the last time.

        It is infinite as long as nobody knows.
        """
        return rows * self._seconds.get(id(compiled), math.inf) if rows else 0.0

    def took(self, compiled: Compiled, rows: int, seconds: float) -> None:
        """Note how long so many rows took."""
        if rows:
            self._seconds[id(compiled)] = seconds / rows

    def run_eagerly(self, batch: Any) -> Any:
        """Run the Python on one batch; return what it returns, with arrays."""
        with Trace(eager=True) as trace:
            leaves = []
            for path, leaf in tree.flatten_with_path(batch):
                if leaf is not None:
                    array = np.asarray(leaf, dtypes.to_numpy(batch_dtype(leaf)))
                    type_ = TensorType(batch_dtype(leaf), array.shape)
                    leaf = trace.input(_name_of(path), type_, array)
                leaves.append(leaf)
            result = self.function(_packed(batch, leaves))
            return tree.map_structure(_as_array, result)

    def run(self, batch: Any) -> Any:
        """Run one batch; return what the step returns, with arrays."""
        if self.eager:
            return self.run_eagerly(batch)
        latest = self._latest
        if latest is not None:
            found = latest.again(batch)
            if found is not None:
                return latest.outputs.filled(found)
        return self._run(batch)

    def _run(self, batch: Any) -> Any:
        arrays: list[np.ndarray] = []
        key = config.floatx(), _exactly(batch, arrays)
        compiled = self._met.get(key)
        if compiled is None:
            compiled = self.compiled_for(batch, arrays)
            if len(self._met) >= MOST_MET:
                self._met.clear()
            self._met[key] = compiled
        compiled.check(arrays)
        before = replaced.count
        result = compiled.run(arrays)
        self._latest = _Latest.of(batch, compiled, before)
        return result


@dataclass(frozen=True, slots=True)
class _Latest:
    """The batch that was run last: one like it needs no looking for its program.

    Attributes:
        replaced: how many arrays of variables had been replaced before.
        kind: of the inputs: an array, or a list, tuple or dict of arrays.
        keys: of a dict, in the order of its arrays.
        last: what the program remembers.
    """

    floatx: str
    replaced: int
    kind: Any
    keys: tuple[Any, ...]
    program: Any
    last: Any
    outputs: Outputs

    @classmethod
    def of(cls, batch: Any, compiled: Compiled, before: int) -> _Latest | None:
        """Return what there is to know of a batch; None if each has to be looked at."""
        last = compiled.program.last_on(compiled.state)
        alone = type(batch) is tuple and len(batch) == 1
        if last is None or not alone or compiled.labels:
            return None
        (x,) = batch
        keys = tuple(tree.sorted_keys(x)) if type(x) is dict else ()
        return cls(
            config.floatx(), before, type(x), keys, compiled.program, last,
            compiled.outputs,
        )  # fmt: skip

    def again(self, batch: Any) -> list[np.ndarray] | None:
        """Run a batch of the same structure and kinds; None if it is of others."""
        if type(batch) is not tuple or len(batch) != 1:
            return None
        (x,), kind = batch, self.kind
        if type(x) is not kind or replaced.count != self.replaced:
            return None
        if config.floatx() != self.floatx:
            return None
        if kind is np.ndarray:
            x = batch
        elif kind is dict:
            if len(x) != len(self.keys) or not all(map(x.__contains__, self.keys)):
                return None
            x = [x[key] for key in self.keys]
        elif kind is not list and kind is not tuple:
            return None
        found: list[np.ndarray] | None = self.program.again(x, self.last)
        return found


def _exactly(batch: Any, arrays: list[np.ndarray]) -> Any:
    """Return a batch's structure, dtypes and shapes; add its arrays to a list."""
    if batch is None:
        return None
    if isinstance(batch, np.ndarray):
        arrays.append(batch)
        return batch.dtype, batch.shape
    if type(batch) is tuple:
        return tuple([_exactly(part, arrays) for part in batch])
    parts = [(key, _exactly(part, arrays)) for key, part in tree.children(batch)]
    return type(batch), tuple(parts)


def _types(
    arrays: Sequence[np.ndarray], sizes: Sizes, lead: dims.Dim
) -> list[TensorType]:
    rest = iter(sizes.dims())
    return [
        TensorType(batch_dtype(a), (lead, *(next(rest) for _ in a.shape[1:])))
        for a in arrays
    ]


def _packed(batch: Any, leaves: list[Any]) -> Any:
    return tree.pack_like(batch, leaves) if tree.is_nested(batch) else leaves[0]


def _paths(batch: Any) -> tuple[Any, ...]:
    pairs = tree.flatten_with_path(batch)
    return tuple((path, leaf is None) for path, leaf in pairs)


def _name_of(path: tuple[Any, ...]) -> str:
    if not path or path[0] not in range(len(_PARTS)):
        return "_".join(("x", *map(str, path)))
    return "_".join((_PARTS[path[0]], *map(str, path[1:])))


def _read_outputs(result: Any, trace: Trace) -> tuple[list[Tensor], Outputs]:
    """Split what a step returned into traced tensors and constants, the loss first."""
    values: list[Tensor] = []
    places: list[int | None] = []
    constants: list[Any] = []
    pairs = tree.flatten_with_path(result)
    for _, leaf in pairs:
        tensor = trace.read(leaf) if isinstance(leaf, Variable) else leaf
        traced = isinstance(tensor, Tensor) and tensor.data is None
        places.append(len(values) if traced else None)
        constants.append(None if traced else _as_array(tensor))
        if traced:
            values.append(tensor)
    first = next((p for (path, _), p in zip(pairs, places) if path == ("loss",)), None)
    if first:
        values.insert(0, values.pop(first))
        places = [
            p if p is None or p > first else 0 if p == first else p + 1 for p in places
        ]
    structure = tree.map_structure(lambda _: None, result)
    by_key = _places_by_key(structure, places)
    return values, Outputs(structure, tuple(places), tuple(constants), by_key)


def _places_by_key(structure: Any, places: list[Any]) -> tuple[tuple[Any, int], ...]:
    """Return (key, place) of a plain dict of graph outputs in its order, else none."""
    if type(structure) is not dict or None in places:
        return ()
    if any(map(tree.is_nested, structure.values())):
        return ()
    found = dict(zip(tree.sorted_keys(structure), places, strict=True))
    return tuple((key, found[key]) for key in structure)


def _tracks_loss(result: Any, graph: Graph) -> bool:
    if not isinstance(result, dict) or "loss" not in result or not graph.outputs:
        return False
    loss = result["loss"]
    return (
        isinstance(loss, Tensor) and loss.data is None
        and graph.outputs[0].type == TensorType("float32", ())
    )  # fmt: skip


def _as_array(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return leaf.numpy_view()
    return leaf.numpy() if isinstance(leaf, Variable) else leaf
