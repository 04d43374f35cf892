"""Callbacks that steer or note: learning rates, NaN, CSV files, averaged weights."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from graphkeras.errors import ArgumentError, GraphKerasError, message
from graphkeras.training.callbacks.callback import Callback


class LearningRateScheduler(Callback):
    """Set the learning rate at the start of each epoch.

    Args:
        schedule: ``schedule(epoch, rate)`` or ``schedule(epoch)``, gives a float.
        verbose: 1 says so.

    Raises:
        ArgumentError: if the schedule gives no float.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Ask the schedule and set the rate."""
        now = float(self.model.optimizer.learning_rate)
        try:
            rate = self.schedule(epoch, now)
        except TypeError:  # a schedule of the epoch alone
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.float32, np.float64)):
            raise ArgumentError(
                message(
                    "LearningRateScheduler", "the schedule must give a float.",
                    f"{rate!r}",
                )
            )  # fmt: skip
        self.model.optimizer.learning_rate = rate
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: learning rate {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the rate in the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class TerminateOnNaN(Callback):
    """Stop training when the loss is NaN or infinite.

    A compiled epoch is looked at some ten times a second, so a few steps more may run.

    Args:
        raise_error: whether to raise instead.

    Raises:
        GraphKerasError: with `raise_error`, at the first such loss.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def needs_batches(self, mode: str) -> bool:
        """Whether Python must run after each batch: no, it looks from outside."""
        return False

    def on_progress(self, done: int, losses: np.ndarray | None) -> bool:
        """Stop a running epoch whose loss broke."""
        if losses is None or np.isfinite(losses[:done]).all():
            return False
        self.on_batch_end(int(np.argmin(np.isfinite(losses[:done]))), {"loss": np.nan})
        return True

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop if the loss broke in this batch."""
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss) or self._told():
            return
        if self.raise_error:
            raise GraphKerasError(
                message("TerminateOnNaN", "expected a finite loss.", f"{loss} at batch "
                        f"{batch}", "Lower the learning rate, or check the data.")
            )  # fmt: skip
        print(f"Batch {batch}: invalid loss, terminating training")
        if self.model is not None:
            self.model.stop_training = True

    def _told(self) -> bool:
        return self.model is not None and self.model.stop_training


class CSVLogger(Callback):
    """Write the results of each epoch into a CSV file.

    Args:
        filename: the file.
        separator: what stands between the columns.
        append: whether to add to a file there is.
    """

    def __init__(
        self, filename: Any, separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep, self.append = separator, append
        self._file: IO[str] | None = None
        self._writer: csv.DictWriter[str] | None = None
        self._with_header = True

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the file."""
        there = os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._with_header = not (self.append and there)
        mode = "a" if self.append else "w"
        self._file = open(self.filename, mode, newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a row."""
        logs = logs or {}
        if self._file is None:
            return
        if self._writer is None:
            columns = ["epoch", *_columns(logs)]
            self._writer = csv.DictWriter(
                self._file, columns, restval="NA", extrasaction="ignore",
                delimiter=self.sep,
            )  # fmt: skip
            if self._with_header:
                self._writer.writeheader()
        self._writer.writerow(
            {"epoch": epoch, **{k: _cell(v) for k, v in logs.items()}}
        )
        self._file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None


def _columns(logs: dict[str, Any]) -> list[str]:
    """All names, and room for those of a validation that comes later."""
    names = sorted(logs)
    if any(name.startswith("val_") for name in names):
        return names
    return names + [f"val_{name}" for name in names]


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value):
        return f'"[{", ".join(map(str, value))}]"'
    return value


class SwapEMAWeights(Callback):
    """Use the optimizer's averaged weights for evaluation and prediction.

    Args:
        swap_on_epoch: whether also at the end of each epoch, so that checkpoints hold
            them.

    Raises:
        ArgumentError: if the optimizer keeps no averages.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def _swap(self, to: bool) -> None:
        if self._swapped == to:
            return
        for variable, average in self._pairs():
            held = variable.numpy()
            variable.assign(average.numpy())
            average.assign(held)
        self._swapped = to

    def _pairs(self) -> list[tuple[Any, Any]]:
        optimizer = self.model.optimizer
        if not optimizer.use_ema:
            raise ArgumentError(
                message("SwapEMAWeights", "needs an optimizer with use_ema=True.")
            )
        return optimizer.averaged() if optimizer.built else []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Train on the weights themselves."""
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Put the averages into the model."""
        if not self.swap_on_epoch:
            return
        self._swap(True)
        if self.params and epoch == self.params["epochs"] - 1:
            for variable, average in self._pairs():  # they stay: training is over
                average.assign(variable.numpy())

    def on_test_begin(self, logs: Any = None) -> None:
        """Evaluate the averages."""
        self._swap(True)

    def on_test_end(self, logs: Any = None) -> None:
        """Go back to the weights."""
        self._swap(False)

    def on_predict_begin(self, logs: Any = None) -> None:
        """Predict with the averages."""
        self._swap(True)

    def on_predict_end(self, logs: Any = None) -> None:
        """Go back to the weights."""
        self._swap(False)
