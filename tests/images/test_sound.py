"""Fourier transforms against NumPy, and what spectrograms refuse."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import initializers, ops
from graphkeras import layers as L
from graphkeras.errors import ArgumentError, DTypeError, ShapeError
from graphkeras.export.check import open_session, run_session

SIZES = (1, 2, 3, 8, 13, 64, 97, 100, 128, 130, 1009)


def noise(*shape: int) -> np.ndarray:
    """Return normal numbers."""
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def assert_pair(found: Any, expected: np.ndarray) -> None:
    """Real and imaginary parts."""
    np.testing.assert_allclose(found[0], expected.real, atol=1e-9)
    np.testing.assert_allclose(found[1], expected.imag, atol=1e-9)


@pytest.mark.parametrize("n", SIZES)
def test_transforms_of_every_size_are_those_of_numpy(n: int) -> None:
    real, imag = noise(2, n), noise(3, n)[1:]
    assert_pair(ops.fft((real, imag)), np.fft.fft(real + 1j * imag))
    for length in {n, n + 3, max(n - 2, 1)}:
        assert_pair(ops.rfft(real, length), np.fft.rfft(real, length))
        if length > 1:
            back = ops.irfft(ops.rfft(real, length), length)
            expected = np.zeros((2, length))
            expected[:, : min(n, length)] = real[:, :length]
            np.testing.assert_allclose(back, expected, atol=1e-9)


def test_transforms_of_two_axes_and_back() -> None:
    real, imag = noise(2, 6, 70), noise(2, 6, 70)
    found = ops.fft2((real, imag))
    assert_pair(found, np.fft.fft2(real + 1j * imag))
    assert_pair(ops.ifft2(found), real + 1j * imag)


@pytest.mark.parametrize("window", ["hann", "hamming", None])
def test_frames_add_up_to_the_signal_again(window: str | None) -> None:
    x = noise(2, 64)
    found = ops.istft(ops.stft(x, 16, 4, 16, window), 16, 4, 16, window=window)
    scale = 4 if window is None else 1  # Keras adds frames without a window up as such
    np.testing.assert_allclose(found[:, 12:-12], scale * x[:, 12:-12], atol=1e-9)


WRONG: list[tuple[Any, Any, str]] = [
    (lambda: ops.fft(noise(3)), ArgumentError, "a pair of tensors"),
    (lambda: ops.fft((noise(3), noise(4))), ShapeError, "of one shape"),
    (lambda: ops.fft2((noise(3), noise(3))), ShapeError, "of rank 2"),
    (lambda: ops.stft(np.arange(9), 4, 2, 4), DTypeError, "float32 or float64"),
    (lambda: ops.stft(noise(9), 8, 2, 4), ArgumentError, "sequence_length"),
    (lambda: ops.stft(noise(9), 4, 2, 4, "flat"), ArgumentError, "window='flat'"),
    (lambda: ops.stft(noise(9), 4, 2, 4, noise(3)), ShapeError, "a window of 4"),
    (lambda: L.MelSpectrogram(8, sequence_length=9), ArgumentError, "sequence_length"),
    (lambda: L.MelSpectrogram(8)(np.ones((1, 9, 1), "float32")), ShapeError, "time"),
    (lambda: L.STFTSpectrogram("loud"), ArgumentError, "mode in"),
    (lambda: L.STFTSpectrogram(frame_length=4, frame_step=5), ArgumentError, "step"),
    (lambda: L.STFTSpectrogram(frame_length=4, fft_length=2), ArgumentError, "fft_"),
    (lambda: L.STFTSpectrogram(window="square"), ArgumentError, "name of a window"),
    (lambda: L.STFTSpectrogram()(np.ones((1, 300, 1), int)), DTypeError, "float16"),
    (lambda: ops.stft(noise(4), 8, 2, 8), ShapeError, "more than 4 numbers"),
    (lambda: initializers.STFT(window=("tukey", 0.3))((4, 1, 3)), ArgumentError,
     "a name or numbers"),
    (lambda: initializers.STFT("left"), ArgumentError, "side"),
    (lambda: initializers.STFT("real", noise(3))((4, 1, 3)), ShapeError, "window"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_wrong_is_said(number: int) -> None:
    call, error, text = WRONG[number]
    with pytest.raises(error, match=text):
        call()


def test_a_size_that_no_table_suits_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="power of two"):
        L.STFTSpectrogram(frame_length=8, fft_length=12)


def test_an_empty_batch_of_sounds_has_empty_spectrograms(tmp_path: Path) -> None:
    layer, sounds = L.MelSpectrogram(64, 16, num_mel_bins=8), np.zeros((0, 100), "f4")
    assert layer(sounds).shape == (0, 8, 7)
    x = keras.Input((100,), name="x")
    keras.Model(x, layer(x)).export(tmp_path / "m.onnx")
    session = open_session(tmp_path / "m.onnx")
    assert run_session(session, {"x": sounds})[0].shape == (0, 8, 7)


def write_wav(path: Path, sound: np.ndarray, rate: int) -> None:
    """Write a .wav file of one channel, 16 bits a sample."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, len(sound), "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def test_sounds_of_a_folder_become_spectrograms(tmp_path: Path) -> None:
    for kind, pitch in (("low", 20), ("high", 400)):
        (tmp_path / kind).mkdir()
        for number in range(3):
            sound = np.sin(np.arange(800 + number) * pitch * 2 * np.pi / 2000) / 2
            write_wav(tmp_path / kind / f"{number}.wav", sound, rate=2000)
    sounds = keras.utils.audio_dataset_from_directory(
        tmp_path, batch_size=2, output_sequence_length=800, verbose=False
    )
    layer = L.MelSpectrogram(128, 64, sampling_rate=2000, num_mel_bins=10)
    made = sounds.map(lambda x, y: (layer(x[..., 0]), y))
    for x, y in made:
        brightest = np.argmax(np.asarray(x).mean(-1), axis=-1)
        assert ((brightest > 2) == (np.asarray(y) == 0)).all()  # "high" comes first
