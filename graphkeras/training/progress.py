"""The progress bar: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from graphkeras import config
from graphkeras.errors import ArgumentError, message
from graphkeras.training.callbacks.callback import Callback

_REDRAW = 0.1  # seconds between two drawings
_WIDTH = 20  # cells of the bar


class ProgressBar(Callback):
    """Show how far an epoch is, and its results; public as `ProgbarLogger`."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Bar | None = None
        self._in_fit = False

    def needs_batches(self, mode: str) -> bool:
        """Whether Python must run after each batch: no, it looks from outside."""
        return False

    def on_progress(self, done: int, losses: np.ndarray | None) -> bool:
        """Redraw while an epoch runs compiled."""
        if self._bar is not None:
            known = losses is not None and 0 < done <= len(losses)
            self._bar.update(done, {"loss": float(losses[done - 1])} if known else {})  # type: ignore[index]
        return False

    def _begin(self) -> None:
        params = self.params or {}
        verbose = params.get("verbose", 1)
        self._bar = Bar(params.get("steps"), 1 if verbose == "auto" else int(verbose))

    def _batch(self, batch: int, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.update(batch + 1, logs or {})

    def _finish(self, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.finish(logs or {})
        self._bar = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Note that evaluations from now on are validations."""
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Say which epoch it is and start a bar."""
        params = self.params or {}
        if params.get("verbose") and params.get("epochs", 1) > 1:
            print(f"Epoch {epoch + 1}/{params['epochs']}")
        self._begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Redraw."""
        self._batch(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show the results of the epoch."""
        self._finish(logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Take down a bar left by an interrupted epoch."""
        self._in_fit = False

    def on_test_begin(self, logs: Any = None) -> None:
        """Start a bar, unless this is a validation."""
        if not self._in_fit:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Redraw, unless this is a validation."""
        if not self._in_fit:
            self._batch(batch, logs)

    def on_test_end(self, logs: Any = None) -> None:
        """Show the results, unless this is a validation."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Any = None) -> None:
        """Start a bar."""
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Redraw."""
        self._batch(batch)

    def on_predict_end(self, logs: Any = None) -> None:
        """Show that all is done."""
        self._finish()

    def abandon(self) -> None:
        """Take the live line down when an error ends the run."""
        if self._bar is not None:
            self._bar.close()


class Bar:
    """One line of progress.

    Args:
        total: number of steps, None if unknown.
        verbose: 0 nothing, 1 a bar (live on a terminal), 2 one line at the end.
        width: cells of the bar.
        interval: seconds between two drawings; a tenth if None.
        unit: what a step is called.
    """

    def __init__(
        self, total: int | None, verbose: int, width: int = _WIDTH,
        interval: float | None = None, unit: str = "step",
    ) -> None:  # fmt: skip
        self.total, self.verbose = total, verbose
        self._width, self._unit = width, unit
        self._interval = _REDRAW if interval is None else interval
        self.done, self._logs = 0, dict[str, Any]()
        self._start = time.monotonic()
        self._drawn = self._start
        self._first: tuple[float, int] | None = None  # when steps began, compiled
        self._live: Any = None
        self._can_live = verbose == 1 and is_live()

    def update(self, done: int, logs: dict[str, Any]) -> None:
        """Note progress; redraw, but not too often."""
        self.done, self._logs = done, logs or self._logs
        now = time.monotonic()
        if self._first is None and done:
            self._first = (now, done)
        if self._can_live and now - self._drawn >= self._interval:
            self._drawn = now
            self._draw()

    def _draw(self) -> None:
        if self._live is None:
            self._live = _live_line()
            self._live.start()
        self._live.update(_text(self.line(self._logs)), refresh=True)

    def finish(self, logs: dict[str, Any]) -> None:
        """Leave the final line."""
        self.done = self.total or self.done
        self.close()
        if self.verbose:
            print(self.line(logs), flush=True)

    def close(self) -> None:
        """Take the live line down."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def line(self, logs: dict[str, Any]) -> str:
        """Return the line: steps, bar, time, results."""
        seconds = time.monotonic() - self._start
        parts = [f"{self.done}/{self.total if self.total else 'unknown'}"]
        if self.verbose == 1 and self.total:
            full = int(self._width * min(self.done / self.total, 1.0))
            parts[0] += " " + "━" * full + "╌" * (self._width - full)
        parts.append(f"{seconds:.0f}s {self._per_step(seconds)}")
        parts += [f"{name}: {_number(value)}" for name, value in logs.items()]
        return " - ".join(parts)

    def _per_step(self, seconds: float) -> str:
        """The time of a step, without that of compiling before the first."""
        steps = self.done
        if self._first is not None and self._first[1] < steps:
            seconds = time.monotonic() - self._first[0]
            steps -= self._first[1]
        each = seconds / max(steps, 1)
        if each >= 1:
            return f"{each:.0f}s/{self._unit}"
        if each >= 1e-3:
            return f"{each * 1e3:.0f}ms/{self._unit}"
        return f"{each * 1e6:.0f}us/{self._unit}"


class Progbar:
    """A progress bar for loops of one's own.

    Args:
        target: number of steps, None if unknown.
        width: cells of the bar.
        verbose: 0 nothing, 1 a bar, 2 one line at the end.
        interval: seconds between two drawings at least.
        stateful_metrics: names whose latest value is shown; of others the mean.
        stateless_metrics: names of which the mean is shown; of others the latest.
        unit_name: what a step is called.

    Raises:
        ArgumentError: if both kinds of names are given.

    Example:
        >>> bar = Progbar(2, verbose=2)
        >>> bar.update(1, [("loss", 4.0)])
        >>> bar.add(1, [("loss", 2.0)])  # doctest: +ELLIPSIS
        2/2 - 0s ... - loss: 3.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = _WIDTH,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Any = None,
        stateless_metrics: Any = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ArgumentError(
                message("Progbar", "expected stateful_metrics or stateless_metrics.",
                        "both", "The names not given are of the other kind.")
            )  # fmt: skip
        self.target, self.verbose, self.unit_name = target, verbose, unit_name
        self._latest = None if stateful_metrics is None else set(stateful_metrics)
        self._means = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[float, int]] = {}
        self._bar = Bar(target, verbose, width, interval, unit_name)

    def update(
        self, current: int, values: Any = None, finalize: bool | None = None
    ) -> None:
        """Show that `current` steps are done.

        Args:
            current: steps done so far.
            values: ``(name, value)`` pairs; those of the last steps.
            finalize: whether it is the end; if None, when `target` is reached.
        """
        steps = max(current - self._bar.done, 1)
        for name, value in values or ():
            mean = float(np.mean(value))
            total, count = self._sums.get(name, (0.0, 0))
            keep = self._is_averaged(name)
            self._sums[name] = (
                (total + mean * steps, count + steps) if keep else (mean, 1)
            )
        logs = {name: total / count for name, (total, count) in self._sums.items()}
        self._bar.update(current, logs)
        if finalize or (finalize is None and self.target and current >= self.target):
            self._bar.finish(logs)

    def add(self, n: int, values: Any = None) -> None:
        """Show that `n` more steps are done."""
        self.update(self._bar.done + n, values)

    def _is_averaged(self, name: str) -> bool:
        if self._means is not None:
            return name in self._means
        return name not in (self._latest or ())


def is_live() -> bool:
    """Whether a line can be redrawn: on a terminal, and wanted."""
    if not config.is_interactive_logging_enabled():
        return False
    return _in_notebook() or bool(getattr(sys.stdout, "isatty", lambda: False)())


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules


def _live_line() -> Any:
    from rich.console import Console
    from rich.live import Live

    terminal = None if _in_notebook() else True  # `is_live` has seen that it is one
    console = Console(file=sys.stdout, force_terminal=terminal)
    return Live(console=console, auto_refresh=False, transient=True)


def _text(line: str) -> Any:
    from rich.text import Text

    return Text(line, no_wrap=True, overflow="ellipsis")


def _number(value: Any) -> str:
    try:
        number = float(np.mean(value))
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.4f}" if abs(number) > 1e-3 or number == 0 else f"{number:.4e}"
