"""Sounds in folders: .wav files of every width, cut, filled up and resampled."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras.data.audio_folder import read_wav, resampled
from graphkeras.errors import ArgumentError, DataError

SHARES = np.array([[-1.0, 0.5], [0.25, 0.0], [0.75, -0.5]])  # three samples, two ears


def write(path: Path, width: int, shares: np.ndarray = SHARES, rate: int = 100) -> None:
    path.parent.mkdir(exist_ok=True)
    whole = np.round(shares * 2 ** (8 * width - 1)).astype(np.int64)
    whole += 128 if width == 1 else 0
    data = b"".join(
        int(v).to_bytes(width, "little", signed=width > 1) for v in whole.flat
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(shares.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)


def load(folder: Path, **how: Any) -> Any:
    return keras.utils.audio_dataset_from_directory(
        folder, **{"shuffle": False, "verbose": False, **how}
    )


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_samples_of_every_width_become_shares_of_the_whole(
    width: int, tmp_path: Path
) -> None:
    write(tmp_path / "x.wav", width)
    found = read_wav(str(tmp_path / "x.wav"))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, SHARES)


def test_sounds_of_a_batch_are_filled_up_to_the_longest(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.wav", 2)
    write(tmp_path / "b" / "x.wav", 2, SHARES[:1])
    (sounds, labels), = load(tmp_path)  # fmt: skip
    assert sounds.shape == (2, 3, 2) and labels.numpy().tolist() == [0, 1]
    np.testing.assert_array_equal(sounds.numpy()[1], [SHARES[0], [0, 0], [0, 0]])


@pytest.mark.parametrize("length", [2, 5])
def test_sounds_are_cut_or_filled_up_to_a_length(length: int, tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.wav", 2)
    (sounds, _), = load(tmp_path, output_sequence_length=length)  # fmt: skip
    wanted = np.zeros((1, length, 2))
    wanted[0, : min(length, 3)] = SHARES[:length]
    np.testing.assert_array_equal(sounds.numpy(), wanted)


def test_both_subsets_are_a_pair(tmp_path: Path) -> None:
    for name in "xy":
        write(tmp_path / "a" / f"{name}.wav", 2)
    pair = load(tmp_path, validation_split=0.5, subset="both", seed=1)
    assert isinstance(pair, tuple) and pair[0].file_paths != pair[1].file_paths


@pytest.mark.parametrize("rates", [(100, 200), (200, 100), (441, 160)])
def test_a_tone_is_the_same_tone_at_another_rate(rates: tuple[int, int]) -> None:
    held, wanted = rates

    def tone(rate: int) -> np.ndarray:
        return np.sin(2 * np.pi * 7 * np.arange(4 * rate) / rate)[:, None]

    found = resampled(tone(held), held, wanted)
    middle = slice(wanted, 3 * wanted)  # away from the ends
    assert found.shape == (4 * wanted, 1)
    np.testing.assert_allclose(found[middle], tone(wanted)[middle], atol=2e-3)


def test_what_a_lower_rate_cannot_hold_is_left_out() -> None:
    high = np.sin(2 * np.pi * 70 * np.arange(800) / 200)[:, None]
    assert np.abs(resampled(high, 200, 100)[100:300]).max() < 0.02


def test_folders_are_brought_to_one_rate(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.wav", 2, np.zeros((50, 1)), rate=100)
    write(tmp_path / "a" / "y.wav", 2, np.zeros((100, 1)), rate=200)
    (sounds, _), = load(tmp_path, sampling_rate=400)  # fmt: skip
    assert sounds.shape == (2, 200, 1)


@pytest.mark.parametrize(
    "how, text",
    [
        ({"ragged": True}, "(?s)there are no ragged arrays.*batch_size=None"),
        ({"sampling_rate": 0}, "sampling_rate must be an integer of at least 1"),
        ({"sampling_rate": 0.5}, "sampling_rate must be an integer"),
        ({"output_sequence_length": -1}, "output_sequence_length must be"),
    ],
)
def test_mistakes_are_named(how: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=text):
        load(tmp_path, **how)


def test_what_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.wav").write_bytes(b"RIFF no wave")
    with pytest.raises(DataError, match=r"(?s)x\.wav.*16-bit PCM"):
        list(load(tmp_path))
