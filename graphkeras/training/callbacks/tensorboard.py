"""The callback that writes what TensorBoard shows; TensorBoard itself is not needed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphkeras.errors import ArgumentError, message
from graphkeras.training.callbacks.callback import Callback
from graphkeras.training.callbacks.events import EventFile


class TensorBoard(Callback):
    """Write losses and metrics for TensorBoard, in folders `train` and `validation`.

    Args:
        log_dir: the folder.
        histogram_freq: epochs between two histograms of all weights; 0 for none.
        write_graph: whether to note the model, if it has a config.
        write_images: False: weights are not drawn as images.
        write_steps_per_second: whether to note the speed.
        update_freq: "epoch", "batch", or after how many batches to note losses too;
            the latter two bring Python between the batches.
        profile_batch: 0: `tools/profile.py` tells where the time goes.
        embeddings_freq: 0: there is no projector.
        embeddings_metadata: None.

    Raises:
        ArgumentError: for what is not written.

    Example:
        >>> import tempfile
        >>> import graphkeras as keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     board = keras.callbacks.TensorBoard(folder)
        ...     history = model.fit(np.ones((4, 2)), np.ones(4), verbose=0,
        ...                         callbacks=[board])
        ...     os.listdir(folder)
        ['train']
    """

    def __init__(
        self, log_dir: Any = "logs", histogram_freq: int = 0, write_graph: bool = True,
        write_images: bool = False, write_steps_per_second: bool = False,
        update_freq: Any = "epoch", profile_batch: Any = 0, embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _refuse(
            write_images=write_images, profile_batch=profile_batch,
            embeddings_freq=embeddings_freq, embeddings_metadata=embeddings_metadata,
        )  # fmt: skip
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq, self.write_graph = histogram_freq, write_graph
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and (
            not isinstance(self.update_freq, int) or self.update_freq < 1
        ):
            raise ArgumentError(
                message("TensorBoard", 'update_freq must be "epoch", "batch" or a '
                        "number of batches.", f"{update_freq!r}")
            )  # fmt: skip
        self._files: dict[str, EventFile] = {}
        self._steps, self._began = 0, (0, 0.0)

    def needs_batches(self, mode: str) -> bool:
        """Whether Python must run after each batch."""
        return mode == "train" and self.update_freq != "epoch"

    def on_train_begin(self, logs: Any = None) -> None:
        """Note the model."""
        self._steps = 0
        if self.write_graph:
            try:
                config = self.model.to_json()
            except (NotImplementedError, TypeError, ValueError):
                return  # subclassed: it has no graph to show
            self._file("train").model(config)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Look at the clock."""
        self._began = self._iterations(), time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note what the batches gave so far."""
        self._steps += 1
        if self.update_freq == "epoch" or self._steps % self.update_freq:
            return
        for name, value in (logs or {}).items():
            self._file("train").scalar(f"batch_{name}", float(value), self._steps)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the results of an epoch."""
        results = dict(logs or {})
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None:
            results["learning_rate"] = float(np.asarray(rate))
        if self.write_steps_per_second:
            before, began = self._began
            seconds = max(time.perf_counter() - began, 1e-9)
            results["steps_per_second"] = (self._iterations() - before) / seconds
        self._note("epoch_{}", results, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for variable in self.model.weights:
                tag = f"{variable.path}/histogram"
                self._file("train").histogram(tag, np.asarray(variable), epoch)
        for file in self._files.values():
            file.flush()

    def on_test_end(self, logs: Any = None) -> None:
        """Note the results of an evaluation by the steps trained so far."""
        for name, value in (logs or {}).items():
            tag = f"evaluation_{name}_vs_iterations"
            self._file("validation").scalar(tag, float(value), self._iterations())
        if logs:
            self._file("validation").flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _iterations(self) -> int:
        optimizer = getattr(self.model, "optimizer", None)
        return 0 if optimizer is None else int(np.asarray(optimizer.iterations))

    def _note(self, tag: str, results: Mapping[str, Any], step: int) -> None:
        for name, value in results.items():
            part = "validation" if name.startswith("val_") else "train"
            name = name.removeprefix("val_")
            self._file(part).scalar(tag.format(name), float(value), step)

    def _file(self, part: str) -> EventFile:
        if part not in self._files:
            self._files[part] = EventFile(os.path.join(self.log_dir, part))
        return self._files[part]


def _refuse(**given: Any) -> None:
    for name, value in given.items():
        if value:
            raise ArgumentError(
                message("TensorBoard", f"{name} is not written.", f"{name}={value!r}",
                        "Leave it out.")
            )  # fmt: skip
