"""A compiled program: code, the buffers it works in, and how to run it.

A program knows no op and no layer. It is bound to sizes as arrays arrive; other sizes
bind anew and compile nothing.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from graphkeras import config, dtypes
from graphkeras.errors import ArgumentError, DataError, message
from graphkeras.runtime import control, cpu, team
from graphkeras.runtime.again import Last
from graphkeras.runtime.control import (
    CATCH_UP,
    CONTROL,
    EPOCH,
    ONCE,
    PARTS,
    collect_word,
    feed_word,
)
from graphkeras.runtime.held import HeldState
from graphkeras.runtime.link import Entry
from graphkeras.runtime.pace import Pace
from graphkeras.runtime.team import Tables

Shapes = Sequence[tuple[int, ...]]
Arrays = Sequence[np.ndarray]
# Seconds of a step on one thread that a second one may shorten.
WORTH_CALLING, WORTH_WAITING = 1.2e-5, 5e-5  # of a single run, in an epoch
MOST_BINDINGS = 8  # sizes remembered, so that train and test batches can alternate


class Case(NamedTuple):
    """A program at certain sizes: the words of its sizes, the shapes of its outputs."""

    words: np.ndarray
    outputs: list[tuple[int, ...]]


class Arena(NamedTuple):
    """Where the blocks of the arena begin, and how many bytes it has.

    Attributes:
        own: bytes that each thread needs for itself, behind the others.
    """

    offsets: list[int]
    size: int
    own: int = 0


class Layout(Protocol):
    """What turns shapes into sizes; made by the compiler."""

    def bind(self, cases: Sequence[Shapes]) -> tuple[list[Case], Arena]:
        """Return the sizes of each case, and an arena in which all of them fit."""


@dataclass(frozen=True, slots=True)
class Port:
    """An array that goes in or out.

    Attributes:
        batched: whether its rows are samples.
    """

    name: str
    dtype: str
    batched: bool = False

    @property
    def kind(self) -> np.dtype:
        """The NumPy dtype."""
        return dtypes.to_numpy(self.dtype)


@dataclass(frozen=True, slots=True)
class Code:
    """All that the compiler hands over.

    Attributes:
        entry: the compiled function of (address of the table, mode).
        constants: arrays that the code reads.
        blocks: number of blocks in the arena.
        feeder: from (dtype of rows, dtype of batch) to the function that gathers them.
        team: gives the function by which threads find together.
        writes: whether it changes its state.
    """

    entry: Entry
    inputs: tuple[Port, ...]
    state: tuple[Port, ...]
    outputs: tuple[Port, ...]
    constants: tuple[np.ndarray, ...]
    blocks: int
    layout: Layout
    feeder: Callable[[str, str], Any]
    team: Callable[[], Entry]
    writes: bool = True


class _Binding(NamedTuple):
    cases: list[Case]
    arena: Arena
    first: int  # address of the first case's words
    paces: tuple[Pace, Pace]  # of single runs, of epochs


class Program:
    """A graph that can be run; made by `compiler.pipeline.compile_graph`.

    Attributes:
        name: for messages.
        code: what was compiled.
    """

    def __init__(self, name: str, code: Code) -> None:
        self.name, self.code = name, code
        self._lock = threading.Lock()
        _programs.add(self)
        self._bindings: dict[Any, _Binding] = {}
        self._bound: Any = None  # the key of the binding that is in the table
        self._recent: Last | None = None  # of the run that the table is still set for
        self._arena = cpu.aligned(0)
        self._tables: Tables | None = None  # for a team
        self._copied: Any = None  # the binding whose control words are in all of them
        counts = (code.inputs, code.state, code.outputs, code.constants)
        self._first = [1]
        for ports in counts:
            self._first.append(self._first[-1] + len(ports))
        self._control = self._first[4] + code.blocks
        extra = control.block_size(len(code.inputs), len(code.outputs))
        self._table = np.zeros(self._control + extra, np.int64)
        self._words = memoryview(self._table)  # type: ignore[arg-type]
        self._pointers = self._words[: self._control]
        self._start = cpu.address(self._table)
        self._kinds = [p.kind for p in code.inputs]
        self._made = [p.kind for p in code.outputs]
        self._state = HeldState(name, code.state)
        self._set("high", PARTS)
        self._constants = [np.require(c, requirements="C") for c in code.constants]
        self._point(3, self._constants)

    # ------------------------------------------------------------------- one step

    def run(self, inputs: Sequence[Any], state: Arrays = ()) -> list[np.ndarray]:
        """Run once; returns the outputs and updates `state` in place.

        Args:
            inputs: one array an input; other dtypes are cast.
            state: the variables' arrays, in C order and of their dtypes.

        Raises:
            ShapeError: if shapes do not fit.
        """
        self._check_counts(inputs, state)
        arrays = [cpu.as_input(a, kind) for a, kind in zip(inputs, self._kinds)]
        words = self._words
        with self._lock:
            self._recent = None
            self._hold(state)
            places = [cpu.address(a) for a in arrays]
            if not self._state.places.isdisjoint(places):
                arrays = cpu.apart(arrays, self._state.places)
                places = [cpu.address(a) for a in arrays]
            binding = self._bind((tuple([a.shape for a in arrays]),))
            kinds = [(kind, a.shape) for kind, a in zip(self._kinds, arrays)]
            made = [*zip(binding.cases[0].outputs, self._made)]
            words[0] = binding.first
            last = Last(kinds, made, binding)
            outputs = self._once(places, last)
            control.written.count += self.code.writes
            if not self.code.writes:  # else inputs and state have to be told apart
                self._recent = last
        return outputs

    def last_on(self, state: Arrays) -> Last | None:
        """Return what the last run was like if it was on these very arrays.

        None, too, if one like it has to be looked at.
        """
        with self._lock:
            return self._recent if self._state.holds(state) else None

    def again(self, inputs: Sequence[Any], last: Last) -> list[np.ndarray] | None:
        """Run once more on the state of an earlier run, if no other was made since.

        Args:
            inputs: arrays, as for `run`.
            last: what that run was like.

        Returns:
            The outputs, or None if inputs are of other kinds: `run` takes them.
        """
        places = last.places(inputs)
        if places is None:
            return None
        with self._lock:
            return self._once(places, last) if self._recent is last else None

    def _once(self, places: Sequence[int], last: Last) -> list[np.ndarray]:
        """Run on inputs at these places; return new outputs."""
        outputs, targets = last.made()
        words, word = self._words, self._first[0]
        for place in places:
            words[word] = place
            word += 1
        word = self._first[2]
        for place in targets:
            words[word] = place
            word += 1
        self._call(ONCE, last.binding, 1)
        return outputs

    def _call(self, mode: int, binding: _Binding, steps: int) -> None:
        """Run the code on as many threads as are worth it."""
        pace = binding.paces[mode]
        if pace.settled:
            self.code.entry(self._start, mode)
            return
        most = min(config.get_threads(), PARTS)
        if pace.trusts(most):
            threads = pace.latest
            if threads == 1 or not self._call_together(mode, binding.arena, threads):
                self.code.entry(self._start, mode)
            return
        threads = pace.threads(most)
        began = time.perf_counter()
        if threads == 1 or not self._call_together(mode, binding.arena, threads):
            threads = 1
            self.code.entry(self._start, mode)
        pace.note(threads, time.perf_counter() - began, steps)

    def _call_together(self, mode: int, arena: Arena, threads: int) -> bool:
        """Run the code on several threads; whether they were free to do it."""
        if arena.size + arena.own * threads > len(self._arena):
            self._make_room(arena)  # more threads were allowed meanwhile
        tables = self._tables
        if tables is None or tables.members != threads:
            self._tables = tables = Tables(threads, len(self._table), self._control)
            self._copied = None
        brief = mode == ONCE
        if brief and self._copied is self._bound:  # the control words are as they were
            tables.point(self._pointers)
        else:
            tables.fill(self._table)
            self._copied = self._bound if brief else None
        entry = self.code.entry.address
        if not team.run(self.code.team, entry, mode, tables, brief):
            return False
        if not brief:
            self._table[:] = tables.rows[0]
            for name, value in (("low", 0), ("high", PARTS), ("team", 0)):
                self._set(name, value)
        return True

    def _hold(self, state: Arrays) -> None:
        """Let the variables be these arrays."""
        for number, place in self._state.take(state):
            self._words[self._first[1] + number] = place

    def _point(self, kind: int, arrays: Arrays) -> None:
        """Let all buffers of a kind be these arrays."""
        for word, array in enumerate(arrays, self._first[kind]):
            self._words[word] = cpu.address(array)

    def _bind(self, cases: tuple[Shapes, ...]) -> _Binding:
        """Return the binding to these inputs' shapes, its arena being in the table."""
        key = (cases, self._state.shapes)
        if self._bound is not None and self._bound[0] == key:
            return self._bound[1]
        binding = self._bindings.pop(key, None) or self._new_binding(cases)
        self._bindings[key] = binding
        self._bound = key, binding
        self._make_room(binding.arena)
        return binding

    def _make_room(self, arena: Arena) -> None:
        """Have an arena for all threads there may be, and its blocks in the table."""
        wanted = arena.size + arena.own * min(config.get_threads(), PARTS)
        if wanted > len(self._arena):
            old, self._arena = self._arena, cpu.aligned(wanted)
            self._arena[: len(old)] = old  # what is known of rows that are behind
        start = cpu.address(self._arena)
        offsets = np.array(arena.offsets, np.int64)
        self._table[self._first[4] : self._control] = offsets + start
        self._set("own", arena.own)

    def _new_binding(self, cases: Sequence[Shapes]) -> _Binding:
        whole = [[*shapes, *self._state.shapes] for shapes in cases]
        found, arena = self.code.layout.bind(whole)
        while len(self._bindings) >= MOST_BINDINGS:
            del self._bindings[next(iter(self._bindings))]
        paces = Pace(WORTH_CALLING), Pace(WORTH_WAITING)
        return _Binding(found, arena, cpu.address(found[0].words), paces)

    def _check_counts(self, inputs: Sequence[Any], state: Sequence[Any]) -> None:
        code = self.code
        if len(inputs) == len(code.inputs) and len(state) == len(code.state):
            return
        for what, given, ports in (
            ("inputs", inputs, self.code.inputs),
            ("state arrays", state, self.code.state),
        ):
            if len(given) != len(ports):
                names = ", ".join(p.name for p in ports)
                raise ArgumentError(
                    message(
                        self.name, f"expected {len(ports)} {what} ({names}).",
                        f"{len(given)}", "Give one array for each.",
                    )
                )  # fmt: skip

    # --------------------------------------------------------------------- an epoch

    def run_epoch(
        self,
        sources: Sequence[Any],
        state: Arrays,
        *,
        batch_size: int,
        order: np.ndarray | None = None,
        shuffle: tuple[int, int] | None = None,
        start: int = 0,
        steps: int | None = None,
        collect: Sequence[np.ndarray | None] | None = None,
        track: np.ndarray | None = None,
        progress: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """Run over the rows of `sources` in batches, all in compiled code.

        The rows of an input without a batch axis are not split: every step sees all
        of it. The interpreter lock is released for the whole call.

        Args:
            sources: one array an input, used in place; rows are cast as they are read.
            state: as for `run`.
            batch_size: rows in a step; the last step takes what is left.
            order: int64 row numbers to visit, by default all in order.
            shuffle: a Threefry key; the rows are visited in an order made of it.
            start: number of the first step.
            steps: how many steps to make, by default all that are left.
            collect: for each output None, or an array whose row r becomes the
                output's row for the r-th row visited.
            track: float32[steps] that takes output 0, a scalar, of each step.
            progress: int64[2]: the steps done, and a request to stop when not 0; both
                may be used by another thread.

        Returns:
            The outputs of the last step made, none if no step was.

        Raises:
            DataError: if the arrays do not fit each other.
        """
        self._check_counts(sources, state)
        pairs = zip(sources, self.code.inputs)
        arrays = [cpu.as_source(f"{self.name}: {p.name}", a) for a, p in pairs]
        arrays = cpu.apart(arrays, set(cpu.addresses(state)))
        epoch = _Epoch(self.code, self.name, arrays, batch_size, order, shuffle)
        epoch.limit(start, steps)
        epoch.watch(collect, track, progress)
        with self._lock:
            return self._run_epoch(epoch, state)

    def _run_epoch(self, epoch: _Epoch, state: Arrays) -> list[np.ndarray]:
        self._recent = None
        self._hold(state)
        binding = self._bind(tuple(map(tuple, epoch.batch_shapes())))
        epoch.allocate(binding.cases[0])
        self._point(2, epoch.outputs)
        words = epoch.words(binding.cases)
        self._table[self._control : self._control + len(words)] = words
        self._set("own", binding.arena.own)
        try:
            done = self._run_stretches(epoch, binding)
        finally:
            self._catch_up(binding)
        return epoch.results(done, binding.cases)

    def _run_stretches(self, epoch: _Epoch, binding: _Binding) -> int:
        """Make the steps, a number at a time; return how many were made."""
        made, going, pace = 0, True, binding.paces[EPOCH]
        self._set("shuffle", int(epoch.shuffle is not None))
        while going:
            pace.threads(min(config.get_threads(), PARTS))  # a trial takes few steps
            stop = made + pace.steps(epoch.steps - made)
            self._set("made", made)
            self._set("steps", stop)
            self._call(EPOCH, binding, stop - made)
            made = self._words[self._control + CONTROL.index("done")]
            self._set("shuffle", 0)
            going = made == stop < epoch.steps
            control.written.count += self.code.writes
        return made

    def _catch_up(self, binding: _Binding) -> None:
        """Let all rows of tables make the steps that were put off, if any were."""
        if not self._words[self._control + CONTROL.index("turn")]:
            return
        self._set("all", 1)
        threads = min(binding.paces[EPOCH].latest, config.get_threads(), PARTS)
        arena = binding.arena
        if threads == 1 or not self._call_together(CATCH_UP, arena, threads):
            self.code.entry(self._start, CATCH_UP)
        self._set("turn", 0)
        self._set("all", 0)

    def _set(self, name: str, value: int) -> None:
        """Write a word of the control block."""
        self._words[self._control + CONTROL.index(name)] = value


def _unlock() -> None:
    """Let the child of a fork run what another thread was running at that moment."""
    for program in _programs:
        program._lock = threading.Lock()


_programs: weakref.WeakSet[Program] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


class _Epoch:
    """One call of `run_epoch`: its rows, its memory and its words."""

    def __init__(
        self,
        code: Code,
        name: str,
        sources: list[np.ndarray],
        batch_size: int,
        order: np.ndarray | None,
        shuffle: tuple[int, int] | None,
    ) -> None:
        self.code, self.name, self.sources = code, name, sources
        self.shuffle = shuffle
        self.rows = self._common_rows()
        self.order = self._check_order(order)
        if self.order is not None and order is not None:
            self.rows = len(self.order)
        if batch_size < 1:
            raise ArgumentError(
                message(name, "expected batch_size >= 1.", str(batch_size))
            )
        self.batch = min(batch_size, max(self.rows, 1))
        self.kept: list[np.ndarray] = []  # memory that must outlive the call
        self.collect: list[np.ndarray | None] = [None] * len(code.outputs)
        self.track: np.ndarray | None = None
        self.progress: np.ndarray | None = None
        self.outputs: list[np.ndarray] = []
        self.start = self.steps = 0

    # ---- rows

    def _common_rows(self) -> int:
        pairs = zip(self.sources, self.code.inputs)
        counts = {p.name: len(a) if a.ndim else 0 for a, p in pairs if p.batched}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{k}: {n}" for k, n in counts.items())
            raise DataError(
                message(
                    self.name, "expected the same number of rows in all arrays.",
                    listed, "Cut or repeat the shorter ones.",
                )
            )  # fmt: skip
        return next(iter(counts.values()), 0)

    def _check_order(self, order: np.ndarray | None) -> np.ndarray | None:
        if order is None:
            return np.empty(self.rows, np.int64) if self.shuffle else None
        if self.shuffle:
            raise ArgumentError(
                message(self.name, "expected an order or a shuffle, not both.")
            )
        found = np.require(order, np.int64, "C")
        if len(found) and not 0 <= found.min() <= found.max() < self.rows:
            raise DataError(
                message(
                    self.name, f"expected row numbers in [0, {self.rows}).",
                    f"{found.min()} to {found.max()}", "Take them from range(rows).",
                )
            )  # fmt: skip
        return found

    def limit(self, start: int, steps: int | None) -> None:
        """Take `steps` steps from step number `start` on."""
        total = -(-self.rows // self.batch)
        left = max(total - start, 0)
        self.start, self.steps = start, left if steps is None else min(steps, left)

    @property
    def last_rows(self) -> int:
        """Rows of the last batch."""
        return self.rows % self.batch or self.batch

    def batch_shapes(self) -> list[list[tuple[int, ...]]]:
        """Return the shapes of the inputs of a full batch and of the last one."""
        return [
            [
                (rows, *a.shape[1:]) if p.batched else a.shape
                for a, p in zip(self.sources, self.code.inputs)
            ]
            for rows in dict.fromkeys((self.batch, self.last_rows))
        ]

    # ---- results

    def watch(
        self,
        collect: Sequence[np.ndarray | None] | None,
        track: np.ndarray | None,
        progress: np.ndarray | None,
    ) -> None:
        """Note where results and progress are to be written."""
        if collect is not None:
            self.collect = [
                *collect,
                *([None] * (len(self.code.outputs) - len(collect))),
            ]
        for array, port in zip(self.collect, self.code.outputs):
            if array is not None:
                self._check_memory(port.name, array, port.kind, self.rows)
        if track is not None:
            self._check_memory("track", track, np.dtype(np.float32), self.steps)
        if progress is not None:
            self._check_memory("progress", progress, np.dtype(np.int64), 2)
        self.track, self.progress = track, progress

    def _check_memory(self, what: str, a: np.ndarray, kind: np.dtype, n: int) -> None:
        fits = a.dtype == kind and a.flags.c_contiguous and a.flags.writeable
        if not fits or a.ndim < 1 or len(a) < n:
            raise DataError(
                message(
                    f"{self.name}: {what}",
                    f"expected a writeable {kind} array of {n} rows in C order.",
                    f"{a.dtype} array of shape {list(a.shape)}",
                )
            )

    def allocate(self, full: Case) -> None:
        """Make room for the outputs of a step that are not collected."""
        for shape, port, target in zip(full.outputs, self.code.outputs, self.collect):
            if target is not None and (not shape or target.shape[1:] != shape[1:]):
                raise DataError(
                    message(
                        f"{self.name}: {port.name}",
                        f"expected collect rows of shape {list(shape[1:])}.",
                        f"an array of shape {list(target.shape)}",
                    )
                )
            self.outputs.append(cpu.empty(shape, port.kind))

    def results(self, done: int, cases: Sequence[Case]) -> list[np.ndarray]:
        """Return the outputs of the last step made."""
        if not done:
            return []
        first = (self.start + done - 1) * self.batch
        partial = self.rows - first < self.batch
        found = []
        shapes = cases[-1 if partial else 0].outputs
        for shape, buffer, target in zip(shapes, self.outputs, self.collect):
            if target is not None:
                found.append(target[first : first + shape[0]].copy())
                continue
            count = int(np.prod(shape, dtype=np.int64))
            found.append(buffer.reshape(-1)[:count].reshape(shape))
        return found

    # ---- words

    def words(self, cases: Sequence[Case]) -> np.ndarray:
        """Return the control block."""
        inputs, outputs = len(self.code.inputs), len(self.code.outputs)
        words = np.zeros(control.block_size(inputs, outputs), np.int64)
        keys = self.shuffle or (0, 0)
        values = {
            "rows": self.rows, "batch_size": self.batch, "start": self.start,
            "high": PARTS, "key0": keys[0], "key1": keys[1],
            "sizes": cpu.address(cases[0].words),
            "last_sizes": cpu.address(cases[-1].words),
        }  # fmt: skip
        for i, (source, port) in enumerate(zip(self.sources, self.code.inputs)):
            for name, value in self._feed(source, port).items():
                words[feed_word(i, name)] = value
        for i, target in enumerate(self.collect):
            if target is not None:
                words[collect_word(inputs, i, "target")] = cpu.address(target)
                row = target.strides[0]
                words[collect_word(inputs, i, "row_bytes")] = row
        for name, array in (
            ("order", self.order), ("track", self.track), ("progress", self.progress),
        ):  # fmt: skip
            values[name] = 0 if array is None else cpu.address(array)
        for name, value in values.items():
            words[CONTROL.index(name)] = value
        return words

    def _feed(self, source: np.ndarray, port: Port) -> dict[str, int]:
        """Return the words of one input; makes its staging memory if it needs any."""
        if not port.batched:
            whole = cpu.as_input(source, port.kind)
            self.kept.append(whole)
            return {"source": cpu.address(whole)}
        elements = int(np.prod(source.shape[1:], dtype=np.int64))
        words = {
            "source": cpu.address(source), "row_elements": elements,
            "row_bytes": elements * source.itemsize,
        }  # fmt: skip
        if self.order is None and source.dtype == port.kind:
            return words
        if self.order is None:
            self.order = np.arange(self.rows, dtype=np.int64)
        entry = self.code.feeder(dtypes.of_array(source), port.dtype)
        staging = cpu.empty((2, self.batch, elements), port.kind)
        self.kept.append(staging)
        row = elements * port.kind.itemsize
        found = {"feeder": entry.address, "staging": cpu.address(staging)}
        return {**words, **found, "staged_bytes": row}
