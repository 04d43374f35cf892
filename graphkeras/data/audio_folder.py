"""Sounds in folders as a data set: .wav files."""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from graphkeras.data.folders import Plan
from graphkeras.errors import ArgumentError, DataError, message

FORMATS = (".wav",)


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Return a data set of the .wav files in a folder, one folder a class.

    Args:
        directory: the folder; in it one folder of .wav files for each class.
        labels: as for `text_dataset_from_directory`.
        label_mode: as there.
        class_names: as there.
        batch_size: sounds in a batch; None for single ones.
        sampling_rate: samples a second to convert all sounds to; as they are if None.
        output_sequence_length: samples to cut or fill up with zeros to; None: as many
            as the longest of a batch has.
        ragged: must be False: there are no ragged arrays.
        shuffle: whether files change places, anew in each pass.
        seed: decides how.
        validation_split: part of the files for validation, the last of the order.
        subset: "training", "validation", or "both" for a pair of the two.
        follow_links: whether folders that are links are entered.
        verbose: whether to print what was found.

    Returns:
        Dataset of sounds (batch, samples, channels) of float32 within [-1, 1], or of
        (sounds, labels).

    Raises:
        ArgumentError: for arguments outside their values.
        DataError: if there are no files, or one is no sound.
    """
    who = "audio_dataset_from_directory"
    if ragged:
        raise ArgumentError(
            message(who, "there are no ragged arrays.", "ragged=True",
                    "Sounds of a batch are filled up with zeros; batch_size=None gives"
                    " each at its own length.")
        )  # fmt: skip
    for name, number in (
        ("sampling_rate", sampling_rate),
        ("output_sequence_length", output_sequence_length),
    ):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ArgumentError(
                message(who, f"{name} must be an integer of at least 1.", repr(number))
            )
    plan = Plan(
        who, str(directory), FORMATS, labels, label_mode, class_names, shuffle, seed,
        validation_split, subset, follow_links, verbose, batch_size,
    )  # fmt: skip
    load = partial(read_wav, rate=sampling_rate, length=output_sequence_length)
    found = plan.checked().datasets(load, pad=output_sequence_length is None)
    return tuple(found) if subset == "both" else found[0]


def read_wav(
    path: str, rate: int | None = None, length: int | None = None
) -> np.ndarray:
    """Return the samples of a .wav file: float32 (samples, channels) in [-1, 1].

    Args:
        path: the file; integer samples of 8, 16, 24 or 32 bits.
        rate: samples a second to convert to.
        length: samples to cut or fill up to.

    Raises:
        DataError: if it is no such file.
    """
    try:
        with wave.open(path, "rb") as file:
            data = file.readframes(file.getnframes())
            width, channels = file.getsampwidth(), file.getnchannels()
            held = file.getframerate()
    except (wave.Error, EOFError) as error:
        raise DataError(
            message("read_wav", f"expected integer samples in {path}.", str(error),
                    "Convert it to 16-bit PCM.")
        ) from None  # fmt: skip
    sound = _as_floats(data, width).reshape(-1, channels)
    if rate is not None and rate != held:
        sound = resampled(sound, held, rate)
    if length is not None:
        kept = sound[:length]
        sound = np.pad(kept, ((0, length - len(kept)), (0, 0)))
    return sound


def _as_floats(data: bytes, width: int) -> np.ndarray:
    if width == 1:  # the only width without sign
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:
        words = np.zeros((len(data) // 3, 4), np.uint8)
        words[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (words.view("<i4")[:, 0] / 2**31).astype(np.float32)
    return (np.frombuffer(data, f"<i{width}") / 2 ** (8 * width - 1)).astype(np.float32)


_ZEROS = 16  # zero crossings of the sinc on each side


def resampled(sound: np.ndarray, held: int, wanted: int) -> np.ndarray:
    """Return samples (samples, channels) at another rate.

    Each new sample is a sum of the old ones around it, weighted by a sinc within a
    Kaiser window, whose band ends where the lower rate's does.
    Source: Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/.

    Example:
        >>> resampled(np.zeros((80, 1), "float32"), 8000, 16000).shape
        (160, 1)
    """
    count = math.ceil(len(sound) * wanted / held)
    low = min(1.0, wanted / held)  # the band, as a part of the old one
    reach = math.ceil(_ZEROS / low)
    places = np.arange(count) * (held / wanted)
    first = np.floor(places).astype(np.int64) - reach + 1
    out = np.zeros((count, sound.shape[1]), np.float64)
    for tap in range(2 * reach):
        index = first + tap
        x = (places - index) * low
        inside = np.clip(1 - (x / _ZEROS) ** 2, 0, None)
        weight = low * np.sinc(x) * np.i0(9.0 * np.sqrt(inside)) / np.i0(9.0)
        weight[(index < 0) | (index >= len(sound)) | (np.abs(x) > _ZEROS)] = 0
        out += weight[:, None] * sound[np.clip(index, 0, max(len(sound) - 1, 0))]
    return out.astype(np.float32)
