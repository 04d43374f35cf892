"""BackupAndRestore: training that survives the end of its process."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from graphkeras.errors import ArgumentError, message
from graphkeras.training.callbacks.callback import Callback

_NAME = re.compile(r"epoch_(\d+)\.weights\.h5")


class BackupAndRestore(Callback):
    """Keep the state of training in a folder, and go on from there if it is found.

    Run the same program again after it was stopped: `fit` begins with the epoch that
    was not finished, and what follows is bit for bit what would have been.

    Args:
        backup_dir: folder for the file, which carries the number of epochs done in its
            name, so that both change in one step.
        save_freq: "epoch", or a number of batches; then an unfinished epoch is begun
            anew, with the weights it had reached.
        double_checkpoint: whether to keep the file before the last too.
        delete_checkpoint: whether to delete the folder when training is done.

    Raises:
        ArgumentError: for no folder or another `save_freq`.
    """

    def __init__(
        self,
        backup_dir: Any,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ArgumentError(
                message("BackupAndRestore", "expected a folder.", repr(backup_dir))
            )
        if save_freq != "epoch" and (type(save_freq) is not int or save_freq < 1):
            raise ArgumentError(
                message("BackupAndRestore", "expected save_freq to be 'epoch' or a "
                        "number of batches.", f"save_freq={save_freq!r}")
            )  # fmt: skip
        self.backup_dir = Path(backup_dir)
        self.save_freq = save_freq
        self.kept = 2 if double_checkpoint else 1
        self.delete_checkpoint = delete_checkpoint
        self._epochs_done = 0
        self._waiting, self._last_batch = 0, -1

    def needs_batches(self, mode: str) -> bool:
        """Whether it saves within epochs."""
        return mode == "train" and self.save_freq != "epoch"

    def on_train_begin(self, logs: Any = None) -> None:
        """Go on from the newest file, if there is one."""
        if not self.model.built:
            raise ArgumentError(
                message("BackupAndRestore", "expected a built model.", self.model.name,
                        "Start it with keras.Input, or call it on data first.")
            )  # fmt: skip
        found = self._files()
        if not found:
            return
        if self.model.optimizer is not None and not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._epochs_done, path = found[-1]
        self.model.load_weights(path)
        self.model._initial_epoch = self._epochs_done

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch, and save."""
        self._epochs_done = epoch + 1
        if self.save_freq == "epoch":
            self._save()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save after every `save_freq` batches."""
        if not isinstance(self.save_freq, int):
            return
        new_epoch = batch <= self._last_batch
        self._waiting += batch + 1 if new_epoch else batch - self._last_batch
        self._last_batch = batch
        if self._waiting >= self.save_freq:
            self._waiting = 0
            self._save()

    def on_train_end(self, logs: Any = None) -> None:
        """Delete what is not needed any more."""
        if self.delete_checkpoint and self.backup_dir.exists():
            shutil.rmtree(self.backup_dir)

    def _save(self) -> None:
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(
            self.backup_dir / f"epoch_{self._epochs_done}.weights.h5"
        )
        for _, path in self._files()[: -self.kept]:
            path.unlink()

    def _files(self) -> list[tuple[int, Path]]:
        """What was saved, by number of epochs."""
        paths = self.backup_dir.glob("epoch_*.weights.h5")
        pairs = [(_NAME.fullmatch(p.name), p) for p in paths]
        return sorted((int(m[1]), p) for m, p in pairs if m)
