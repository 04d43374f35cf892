"""Windows that slide over a series of measurements, as a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import config
from graphkeras.data.arrays import array_of
from graphkeras.data.dataset import Dataset
from graphkeras.data.text_folder import check_format
from graphkeras.errors import ArgumentError, message

_WHO = "timeseries_dataset_from_array"


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",  # noqa: A002  Keras's name
) -> Dataset:
    """Return windows over a series: elements i, i + rate, i + 2 rate ... for each i.

    The windows are views of `data`: nothing is copied before a batch is read.

    Args:
        data: (time, ...).
        targets: what belongs to the window that starts at the same place; None for
            windows alone.
        sequence_length: elements in a window.
        sequence_stride: places between the starts of two windows.
        sampling_rate: places between two elements of a window.
        batch_size: windows in a batch; None for single windows.
        shuffle: whether windows change places, anew in each pass.
        seed: decides how.
        start_index: first place to use.
        end_index: place before which to end.
        format: "tf" or "grain", for Keras's sake: it is a `keras.data.Dataset` anyway.

    Returns:
        Dataset of windows (batch, sequence_length, ...), or of (windows, targets).

    Raises:
        ArgumentError: for arguments outside their values.

    Example:
        >>> ds = timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, 3)
        >>> x, y = next(iter(ds))
        >>> x.numpy().tolist(), y.numpy().tolist()
        ([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]], [0, 10, 20, 30])
    """
    series = array_of(data)
    start, end = _bounds(len(series), start_index, end_index)
    _check_steps(
        len(series), sampling_rate=sampling_rate, sequence_stride=sequence_stride
    )
    check_format(_WHO, format)
    if sequence_length < 1:
        raise ArgumentError(
            message(_WHO, "sequence_length must be at least 1.", str(sequence_length))
        )
    reach = (sequence_length - 1) * sampling_rate + 1
    count = end - start - reach + 1
    held = None if targets is None else array_of(targets)[start:]
    if held is not None:
        count = min(count, len(held))
    windows = _windows(series[start:end], reach, sampling_rate)
    places = slice(0, max(count, 0), sequence_stride)
    rows = windows[places] if held is None else (windows[places], held[places])
    return _arranged(Dataset.from_tensor_slices(rows), batch_size, shuffle, seed)


def _windows(series: np.ndarray, reach: int, rate: int) -> np.ndarray:
    """Return views of every `rate`-th element of `reach`; none of a short series."""
    if len(series) < reach:
        length = (reach - 1) // rate + 1
        return np.empty((0, length, *series.shape[1:]), series.dtype)
    views = np.lib.stride_tricks.sliding_window_view(series, reach, axis=0)
    return np.moveaxis(views[..., ::rate], -1, 1)


def _arranged(
    rows: Dataset, batch_size: int | None, shuffle: bool, seed: int | None
) -> Dataset:
    if shuffle:
        size = max(len(rows), 1)  # the whole: rows are chosen by number
        rows = rows.shuffle(size, config.draw_seed() if seed is None else seed)
    return rows if batch_size is None else rows.batch(batch_size)


def _bounds(length: int, start: int | None, end: int | None) -> tuple[int, int]:
    if start and not 0 <= start < length:
        raise ArgumentError(
            message(_WHO, f"start_index must be from 0 to {length - 1}.", str(start))
        )
    if end and (end <= (start or 0) or end >= length):
        raise ArgumentError(
            message(_WHO, f"end_index must be from {(start or 0) + 1} to {length - 1}.",
                    str(end))
        )  # fmt: skip
    return start or 0, length if end is None else end


def _check_steps(length: int, **steps: int) -> None:
    for name, step in steps.items():
        if not 0 < step < length:
            raise ArgumentError(
                message(_WHO, f"{name} must be from 1 to {length - 1}.", str(step))
            )
