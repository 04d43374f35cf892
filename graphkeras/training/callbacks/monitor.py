"""Callbacks that watch one number: whether it still improves."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from graphkeras.errors import ArgumentError, GraphKerasError, message
from graphkeras.training.callbacks.callback import Callback


class MonitorCallback(Callback):
    """What they share: the name, which way is better, and the best so far.

    Args:
        monitor: name in the logs.
        mode: "min", "max", or "auto": by the metric.
        baseline: what there is to beat.
        min_delta: what counts as better must be so by this much.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto",
        baseline: float | None = None, min_delta: float = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__}: mode={mode!r} is unknown, so it is 'auto'.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor, self.mode = monitor, mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._upward: bool | None = None

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if self._upward is None:
            self._upward = self._direction()
        if reference is None:
            return True
        if self._upward:
            return bool(value - self.min_delta > reference)
        return bool(value + self.min_delta < reference)

    def _direction(self) -> bool:
        """Whether more is better: as said, or as the metric of that name says."""
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        ways = {
            metric.name: getattr(metric, "_direction", None)
            for metric in _all_metrics(self.model)
        }
        if ways.get(name) is not None:
            return ways[name] == "up"
        if name == "loss" or name.endswith("_loss"):
            return False
        suffixes = [way for known, way in ways.items() if name.endswith(f"_{known}")]
        if suffixes and suffixes[0] is not None:
            return suffixes[0] == "up"
        raise ArgumentError(
            message(
                type(self).__name__, "cannot tell whether more or less is better of"
                f" {self.monitor!r}.", f"mode={self.mode!r}",
                "Pass mode='max' or mode='min'.",
            )
        )  # fmt: skip

    def _value(self, logs: Any) -> float | None:
        """What is watched; warn if it is not there."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__}: there is no {self.monitor!r} to watch. There"
                f" are {', '.join(logs or {})}.",
                stacklevel=3,
            )
        return value


def _all_metrics(model: Any) -> list[Any]:
    found: list[Any] = []
    for metric in getattr(model, "metrics", []):
        found += metric.metrics if hasattr(metric, "metrics") else [metric]
    return found


class EarlyStopping(MonitorCallback):
    """Stop training when a number no longer improves.

    Args:
        monitor: name in the logs.
        min_delta: what counts as better must be so by this much.
        patience: after how many epochs without improvement to stop.
        verbose: 1 says so.
        mode: "min", "max", or "auto": by the metric.
        baseline: stop if the number does not come to beat this.
        restore_best_weights: whether to go back to the weights of the best epoch.
        start_from_epoch: how many epochs not to look at.
    """

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0,
        verbose: int = 0, mode: str = "auto", baseline: float | None = None,
        restore_best_weights: bool = False, start_from_epoch: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._start()

    def _start(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget earlier runs."""
        self._start()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best; stop after `patience` epochs without a better one."""
        current = self._value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_weights, self.best_epoch = self.model.get_weights(), epoch

    def on_train_end(self, logs: Any = None) -> None:
        """Put the best weights back, if asked to."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring the weights of epoch {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(MonitorCallback):
    """Lower the learning rate when a number no longer improves.

    Args:
        monitor: name in the logs.
        factor: by what the rate is multiplied, below 1.
        patience: after how many epochs without improvement.
        verbose: 1 says so.
        mode: "min", "max", or "auto": by the metric.
        min_delta: what counts as better must be so by this much.
        cooldown: how many epochs to wait after lowering it.
        min_lr: the lowest rate.

    Raises:
        ArgumentError: for a factor of 1 or more.
    """

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10,
        verbose: int = 0, mode: str = "auto", min_delta: float = 0.0001,
        cooldown: int = 0, min_lr: float = 0.0, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ArgumentError(
                message("ReduceLROnPlateau", "factor must be below 1.", f"{factor}")
            )
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget earlier runs."""
        self.best = None
        self.cooldown_counter = self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best; lower the rate after `patience` epochs."""
        logs = logs if logs is not None else {}
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self._value(logs)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best, self.wait = current, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        old = float(self.model.optimizer.learning_rate)
        if old <= np.float32(self.min_lr):
            return
        new = max(old * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau: learning rate {new}.")


class ModelCheckpoint(MonitorCallback):
    """Save the model (or its weights) after epochs, or after so many batches.

    Args:
        filepath: where to; it may hold ``{epoch:02d}``, ``{val_loss:.2f}`` and so on.
            It ends in ``.keras``, for weights in ``.weights.h5``.
        monitor: name in the logs.
        verbose: 1 says so.
        save_best_only: whether to save only when `monitor` improves.
        save_weights_only: whether to save the weights only.
        mode: "min", "max", or "auto": by the metric.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: what there is to beat at first.

    Raises:
        ArgumentError: for another ending of the path or another `save_freq`.
    """

    def __init__(
        self, filepath: Any, monitor: str = "val_loss", verbose: int = 0,
        save_best_only: bool = False, save_weights_only: bool = False,
        mode: str = "auto", save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose, self.save_freq = verbose, save_freq
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            self._refuse(f"filepath must end in {' or '.join(endings)}", self.filepath)
        if save_freq != "epoch" and not isinstance(save_freq, int):
            self._refuse("save_freq must be 'epoch' or a number", repr(save_freq))
        self._epoch = 0
        self._unsaved, self._last_batch = 0, -1

    def _refuse(self, expected: str, received: str) -> None:
        raise ArgumentError(message("ModelCheckpoint", f"{expected}.", received))

    def needs_batches(self, mode: str) -> bool:
        """Whether it saves within epochs."""
        return mode == "train" and self.save_freq != "epoch"

    def on_train_begin(self, logs: Any = None) -> None:
        """See at once whether the model can be saved.

        Raises:
            ArgumentError: if it has no such method.
        """
        method = "save_weights" if self.save_weights_only else "save"
        if not hasattr(self.model, method):
            self._refuse(f"expected a model with {method}()", type(self.model).__name__)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the number of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save after every `save_freq` batches."""
        if not isinstance(self.save_freq, int):
            return
        new_epoch = batch <= self._last_batch
        self._unsaved += batch + 1 if new_epoch else batch - self._last_batch
        self._last_batch = batch
        if self._unsaved >= self.save_freq:
            self._unsaved = 0
            self._save(self._epoch, logs, {"batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save, if there is something better or anything is to be saved."""
        if self.save_freq == "epoch":
            self._save(epoch, logs, {})

    def _save(self, epoch: int, logs: Any, more: dict[str, int]) -> None:
        path = self._path(epoch, {**(logs or {}), **more})
        if self.save_best_only and not self._is_best(epoch, logs):
            return
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        save: Callable[..., Any] = (
            self.model.save_weights if self.save_weights_only else self.model.save
        )
        save(path, overwrite=True)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: saved {path}")

    def _is_best(self, epoch: int, logs: Any) -> bool:
        current = self._value(logs)
        if current is None:
            return True
        better = self._is_improvement(current, self.best)
        if self.verbose > 0:
            word = "improved" if better else "did not improve"
            was = "nothing" if self.best is None else f"{self.best:.5f}"
            print(f"\nEpoch {epoch + 1}: {self.monitor} {word} from {was}")
        if better:
            self.best = current
        return better

    def _path(self, epoch: int, names: dict[str, Any]) -> str:
        try:
            return self.filepath.format(**{**names, "epoch": epoch + 1})
        except KeyError as error:
            raise GraphKerasError(
                message(
                    "ModelCheckpoint", "filepath may hold epoch, batch and names of"
                    f" the logs ({', '.join(names)}).", f"{error} in {self.filepath!r}",
                )
            ) from None  # fmt: skip
