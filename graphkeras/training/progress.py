"""The progress bar: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from graphkeras import config
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
    """

    def __init__(self, total: int | None, verbose: int) -> None:
        self.total, self.verbose = total, verbose
        self.done, self._logs = 0, dict[str, Any]()
        self._start = time.monotonic()
        self._drawn = self._start
        self._first: tuple[float, int] | None = None  # when steps began, compiled
        self._live: Any = None
        self._can_live = verbose == 1 and is_live()

    def update(self, done: int, logs: dict[str, Any]) -> None:
        """Note progress; redraw at most ten times a second."""
        self.done, self._logs = done, logs or self._logs
        now = time.monotonic()
        if self._first is None and done:
            self._first = (now, done)
        if self._can_live and now - self._drawn >= _REDRAW:
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
            full = int(_WIDTH * min(self.done / self.total, 1.0))
            parts[0] += " " + "━" * full + "╌" * (_WIDTH - full)
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
            return f"{each:.0f}s/step"
        return (
            f"{each * 1e3:.0f}ms/step" if each >= 1e-3 else f"{each * 1e6:.0f}us/step"
        )


def is_live() -> bool:
    """Whether a line can be redrawn: on a terminal, and wanted."""
    if not config.is_interactive_logging_enabled():
        return False
    in_notebook = "ipykernel" in sys.modules
    return in_notebook or bool(getattr(sys.stdout, "isatty", lambda: False)())


def _live_line() -> Any:
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(file=sys.stdout), auto_refresh=False, transient=True)


def _text(line: str) -> Any:
    from rich.text import Text

    return Text(line, no_wrap=True, overflow="ellipsis")


def _number(value: Any) -> str:
    try:
        number = float(np.mean(value))
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.4f}" if abs(number) > 1e-3 or number == 0 else f"{number:.4e}"
