"""The event files of the TensorBoard callback, read back record by record."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.errors import ArgumentError
from graphkeras.training.callbacks.events import _checksum

X = np.random.default_rng(0).random((12, 3)).astype("float32")
Y = X.sum(1)


def trained(folder: Path, **how: Any) -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="out")])
    model.compile("sgd", "mse", metrics=["mae"])
    board = keras.callbacks.TensorBoard(folder, **how)
    model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=0,
              callbacks=[board])  # fmt: skip
    return model


def fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (number, value) of a protobuf message."""
    at = 0
    while at < len(content):
        key, at = varint(content, at)
        if key & 7 == 0:
            value, at = varint(content, at)
        else:
            size = {1: 8, 5: 4}.get(key & 7)
            if size is None:
                size, at = varint(content, at)
            value, at = content[at : at + size], at + size
        yield key >> 3, value


def varint(content: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (content[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if content[at - 1] < 0x80:
            return number, at


def events(folder: Path) -> list[dict[int, Any]]:
    """Return the events of the only file in a folder; their sums must be right."""
    (path,) = folder.iterdir()
    content, at, found = path.read_bytes(), 0, []
    while at < len(content):
        (size,) = struct.unpack_from("<Q", content, at)
        event = content[at + 12 : at + 12 + size]
        assert content[at + 8 : at + 12] == _checksum(content[at : at + 8])
        assert content[at + 12 + size : at + 16 + size] == _checksum(event)
        found.append(dict(fields(event)))
        at += 16 + size
    return found


def values(folder: Path) -> list[tuple[int, str, dict[int, Any]]]:
    """Return (step, tag, value) of all that was noted."""
    noted = [(e[2], dict(fields(dict(fields(e[5]))[1]))) for e in events(folder)[1:]]
    return [(step, value[1].decode(), value) for step, value in noted]


def test_losses_and_metrics_are_noted_by_epoch(tmp_path: Path) -> None:
    model = trained(tmp_path, write_graph=False)
    assert events(tmp_path / "train")[0][3] == b"brain.Event:2"
    found = {
        (s, t): struct.unpack("<f", v[2])[0] for s, t, v in values(tmp_path / "train")
    }
    losses = model.history.history["loss"]
    assert [found[i, "epoch_loss"] for i in (0, 1)] == pytest.approx(losses)
    assert found[1, "epoch_learning_rate"] == pytest.approx(0.01)
    tags = {tag for _, tag, _ in values(tmp_path / "validation")}
    assert {"epoch_loss", "epoch_mae", "evaluation_loss_vs_iterations"} <= tags


def test_batches_are_noted_when_asked(tmp_path: Path) -> None:
    trained(tmp_path, write_graph=False, update_freq=2, write_steps_per_second=True)
    found = [(s, t) for s, t, _ in values(tmp_path / "train")]
    assert [s for s, t in found if t == "batch_loss"] == [2, 4, 6]
    assert (1, "epoch_steps_per_second") in found


def test_weights_are_noted_as_histograms(tmp_path: Path) -> None:
    trained(tmp_path, write_graph=False, histogram_freq=2)
    found = {(s, t): v for s, t, v in values(tmp_path / "train")}
    (key,) = [k for k in found if k[1].endswith("out/kernel/histogram")]
    histogram = dict(fields(found[key][5]))
    counts = np.frombuffer(histogram[7], np.float64)
    assert key[0] == 0 and counts.sum() == struct.unpack("<d", histogram[3])[0] == 3


def test_the_model_is_noted(tmp_path: Path) -> None:
    model = trained(tmp_path)
    _, tag, value = values(tmp_path / "train")[0]
    assert tag == "keras"
    assert dict(fields(value[8]))[8].decode() == model.to_json()


WRONG: dict[str, dict[str, Any]] = {
    "write_images is not written": {"write_images": True},
    "embeddings_freq is not written": {"embeddings_freq": 1},
    "update_freq must be": {"update_freq": "often"},
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_not_written_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=text):
        keras.callbacks.TensorBoard(tmp_path, **WRONG[text])
