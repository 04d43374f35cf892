"""Callbacks that write files: checkpoints, and training that survives its process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.callbacks import BackupAndRestore, Callback, ModelCheckpoint
from graphkeras.errors import ArgumentError
from tests.saving.test_files import X, Y, noisy, state


class Crash(Callback):
    """Ends the program in the middle of an epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_crashed_training_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole = noisy()
    whole.fit(X, Y, epochs=4, verbose=0)
    with pytest.raises(KeyboardInterrupt):
        backup = BackupAndRestore(tmp_path / "backup")
        noisy().fit(X, Y, epochs=4, verbose=0, callbacks=[backup, Crash()])
    again = noisy()
    backup = BackupAndRestore(tmp_path / "backup")
    history = again.fit(X, Y, epochs=4, verbose=0, callbacks=[backup])
    assert history.epoch == [2, 3]
    assert not (tmp_path / "backup").exists()
    for a, b in zip(state(whole), state(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_backup_within_epochs_keeps_two_files(tmp_path: Path) -> None:
    backup = BackupAndRestore(tmp_path, 1, double_checkpoint=True)
    backup.delete_checkpoint = False
    noisy().fit(X, Y, epochs=3, batch_size=25, verbose=0, callbacks=[backup])
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["epoch_1.weights.h5", "epoch_2.weights.h5"]


@pytest.mark.parametrize("wrong", [{"backup_dir": ""}, {"save_freq": 0}])
def test_a_backup_refuses(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="expected"):
        BackupAndRestore(**{"backup_dir": tmp_path, **wrong})


def test_a_checkpoint_is_the_model_after_the_epoch(tmp_path: Path) -> None:
    model = noisy()
    save = ModelCheckpoint(tmp_path / "m_{epoch}.keras")
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[save])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m_1.keras", "m_2.keras"]
    loaded = keras.saving.load_model(tmp_path / "m_2.keras")
    for a, b in zip(state(model), state(loaded), strict=True):
        np.testing.assert_array_equal(a, b)
