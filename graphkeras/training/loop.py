"""One pass of a step over data: the whole in one call, or batch by batch."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from graphkeras import config, tree
from graphkeras.data.workers import closing_if_can
from graphkeras.errors import message
from graphkeras.training.callbacks.callback import CallbackList
from graphkeras.training.data import ArrayData, Data, Span, StreamData
from graphkeras.training.step import Compiled, Step

_LOOK = 0.1  # seconds between two looks at a running epoch
_BRIEF = 0.02  # seconds that Ctrl-C may wait for


class Pass:
    """A pass of one step over one data set, with callbacks.

    Args:
        step: what to do with each batch.
        data: what to go over.
        callbacks: told before and after batches, if one of them wants to be.
        mode: "train", "test" or "predict".
        per_call: how many batches to run between two calls of the batch hooks.
        stopped: whether to stop after this batch.
    """

    def __init__(
        self, step: Step, data: Data, callbacks: CallbackList, mode: str, *,
        per_call: int = 1, stopped: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self.step, self.data, self.callbacks, self.mode = step, data, callbacks, mode
        self.per_call, self.stopped = per_call, stopped

    def run(self) -> tuple[Any, np.ndarray | None]:
        """Run the pass; return (what the last step returned, the loss of each step)."""
        if isinstance(self.data, ArrayData) and self._is_native():
            compiled = self.step.compiled_for(self.data.batch, self.data.arrays)
            compiled.check(self.data.arrays)
            if not compiled.needs_batches:
                span = self.data.epoch()
                if not self.callbacks.needs_batches(self.mode):
                    return self._at_once(compiled, span)
                return self._in_calls(compiled, span)
        losses: list[float] = []
        result = None
        for result in self.results():
            losses.append(_loss_of(result))
        return result, np.asarray(losses, np.float32)

    def _is_native(self) -> bool:
        """Whether compiled code may go over the rows by itself."""
        assert isinstance(self.data, ArrayData)
        return not self.step.eager and self.data.in_place

    def results(self) -> Iterator[Any]:
        """Run batch by batch and yield what each step returns."""
        with closing(self._batches()) as batches:
            yield from self._each(batches)

    def _each(self, batches: Iterator[Any]) -> Iterator[Any]:
        number, result = -1, None
        for number, batch in enumerate(batches):
            if number % self.per_call == 0:
                self._tell("begin", number, None)
            result = self.step.run(batch)
            yield result
            if (number + 1) % self.per_call == 0:
                self._tell("end", number, result)
            if self.stopped():
                return
        if (number + 1) % self.per_call:
            self._tell("end", number, result)

    def _batches(self) -> Generator[Any, None, None]:
        # A debugger wants the user's generator in the thread it looks at.
        ahead = not self.step.eager
        if isinstance(self.data, StreamData):
            yield from self.data.epoch(ahead)
            return
        with closing_if_can(self.data.batches_of(self.data.epoch(), ahead)) as batches:
            yield from batches

    def _tell(self, when: str, number: int, result: Any) -> None:
        hook = f"on_{self.mode}_batch_{when}"
        logs = {"outputs": result} if self.mode == "predict" else result
        getattr(self.callbacks, hook)(number, logs if when == "end" else None)

    # ------------------------------------------------------------------- in arrays

    def _at_once(self, compiled: Compiled, span: Span) -> tuple[Any, Any]:
        track = (
            np.full(span.steps, np.nan, np.float32) if compiled.tracks_loss else None
        )
        progress = np.zeros(2, np.int64)

        def look() -> None:
            done = int(progress[0])
            seen = None if track is None else track
            if self.callbacks.on_progress(done, seen):
                progress[1] = 1

        def work() -> Any:
            return self._epoch(compiled, span, span.steps, track, progress)

        result = _watched(work, look, progress)
        if track is not None:
            track = track[: int(progress[0])]
        return result, track

    def _in_calls(self, compiled: Compiled, span: Span) -> tuple[Any, Any]:
        losses: list[float] = []
        result = None
        end = span.start + span.steps
        for at in range(span.start, end, self.per_call):
            number = at - span.start
            count = min(self.per_call, end - at)
            self._tell("begin", number, None)
            part = Span(span.order, at, count)
            result = self._epoch(compiled, part, count, None, None)
            losses.append(_loss_of(result))
            self._tell("end", number + count - 1, result)
            if self.stopped():
                break
        return result, np.asarray(losses, np.float32)

    def _epoch(
        self, compiled: Compiled, span: Span, steps: int, track: Any, progress: Any
    ) -> Any:
        assert isinstance(self.data, ArrayData)
        return compiled.run_epoch(
            self.data.arrays, batch_size=self.data.batch_size, order=span.order,
            start=span.start, steps=steps, track=track, progress=progress,
        )  # fmt: skip

    # -------------------------------------------------------------------- predicting

    def collected(self) -> Any:
        """Run the pass and return the outputs of all rows."""
        if isinstance(self.data, ArrayData) and self._is_native():
            rows = self.data.batch_size
            compiled = self.step.compiled_for(self.data.batch, self.data.arrays, rows)
            split = compiled.needs_batches
            whole = self.data.steps is None
            if whole and not split and not self.callbacks.needs_batches(self.mode):
                span = self.data.epoch()
                rows = self.data.rows if span.order is None else len(span.order)
                room = compiled.room_for(self.data.arrays, rows)
                if room:
                    return self._collected_at_once(compiled, span, room)
        parts = list(self.results())
        flat = [_joined(leaves) for leaves in zip(*map(tree.flatten, parts))]
        nested = tree.is_nested(parts[0])
        return tree.pack_like(parts[0], flat) if nested else flat[0]

    def _collected_at_once(
        self, compiled: Compiled, span: Span, room: list[np.ndarray]
    ) -> Any:
        assert isinstance(self.data, ArrayData)
        progress = np.zeros(2, np.int64)
        data = self.data

        def work() -> Any:
            return compiled.run_epoch(
                data.arrays, batch_size=data.batch_size, order=span.order,
                collect=room, progress=progress,
            )  # fmt: skip

        def look() -> None:
            self.callbacks.on_progress(int(progress[0]), None)

        rows, began = len(room[0]) if room else 0, time.perf_counter()
        if self.step.lasts(compiled, rows) < _BRIEF:
            work()  # another thread would take longer to begin
            look()
        else:
            _watched(work, look, progress)
        self.step.took(compiled, rows, time.perf_counter() - began)
        return compiled.outputs.filled(room)


def _joined(parts: Sequence[Any]) -> np.ndarray:
    """Return the rows of all batches; 0 (or '') fills up those of narrower batches.

    So texts have the numbers that they get as one batch.
    """
    arrays = [np.asarray(part) for part in parts]
    shapes = {a.shape[1:] for a in arrays}
    if len(shapes) == 1 or len({len(shape) for shape in shapes}) > 1:
        return np.concatenate(arrays)
    widest = [max(sizes) for sizes in zip(*shapes)]
    kind, empty = arrays[0].dtype, "" if arrays[0].dtype == object else 0
    out = np.full((sum(map(len, arrays)), *widest), empty, kind)
    at = 0
    for array in arrays:
        place = (slice(at, at + len(array)), *map(slice, array.shape[1:]))
        out[place] = array
        at += len(array)
    return out


def _watched(
    work: Callable[[], Any], look: Callable[[], None], progress: np.ndarray
) -> Any:
    """Run `work` in a thread and look at it from this one, where Ctrl-C arrives."""
    outcome: list[Any] = [None, None]

    def run() -> None:
        try:
            outcome[0] = work()
        except BaseException as error:
            outcome[1] = error

    worker = threading.Thread(target=run, name="graphkeras-epoch", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(_LOOK)
            look()
        look()  # a short epoch may be over before the first look
    except BaseException:
        progress[1] = 1  # let the program stop before its arrays may go
        worker.join()
        raise
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def _loss_of(result: Any) -> float:
    loss = result.get("loss", 0.0) if isinstance(result, dict) else 0.0
    return float(loss) if np.size(loss) == 1 else 0.0


def warn_of_nan(losses: np.ndarray | None, epoch: int) -> bool:
    """Warn if a loss is not finite, naming epoch and step; return whether it did."""
    if losses is None or len(losses) == 0 or np.isfinite(losses).all():
        return False
    step = int(np.argmin(np.isfinite(losses)))
    warnings.warn(
        message(
            "fit", f"the loss is no longer finite from epoch {epoch + 1}, step"
            f" {step + 1} on.", f"{losses[step]}",
            "Lower the learning rate, clip gradients (clipnorm=1.0), or look for NaN in"
            " the data; callbacks.TerminateOnNaN() stops.",
        ),
        RuntimeWarning, stacklevel=3,
    )  # fmt: skip
    return True


def epochs_allowed(epochs: int) -> int:
    """Return how many epochs to run, given what `config.set_max_epochs` allows."""
    limit = config.max_epochs()
    if limit is None or epochs <= limit:
        return epochs
    warnings.warn(f"Limiting epochs to {limit}.", stacklevel=3)
    return limit
