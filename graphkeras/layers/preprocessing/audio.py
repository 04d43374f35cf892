"""Spectrograms of sound."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from graphkeras import config, dtypes, ops
from graphkeras.errors import ArgumentError, DTypeError, ShapeError, message
from graphkeras.initializers import STFT
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer
from graphkeras.layers.preprocessing.beside import BesideLayer
from graphkeras.layers.validation import image_format, one_of, positive_int
from graphkeras.ops.windows import window_of

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class MelSpectrogram(BesideLayer):
    """How loud a signal is, over time and over bands spaced as the ear hears.

    Args:
        fft_length: numbers in a frame.
        sequence_stride: distance of frames.
        sequence_length: numbers in a window; `fft_length` by default.
        window: "hann", "hamming", an array, or None.
        sampling_rate: numbers in a second.
        num_mel_bins: bands.
        min_freq: lower end of the lowest band, in hertz.
        max_freq: upper end of the highest band; half the sampling rate by default.
        power_to_db: whether to return decibels.
        top_db: decibels below the loudest of the batch that are told apart.
        mag_exp: power of the magnitudes.
        min_power: least power of a band.
        ref_power: power of 0 decibels.

    Shapes: x: (batch, time) -> (batch, bands, frames), or the same without the batch.

    Source: Stevens, Volkmann and Newman, "A scale for the measurement of the
    psychological magnitude pitch" (1937).

    Example:
        >>> sound = np.ones((2, 1000), "float32")
        >>> MelSpectrogram(256, 128, num_mel_bins=16)(sound).shape
        (2, 16, 8)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = "MelSpectrogram"
        self.fft_length = positive_int(who, "fft_length", fft_length)
        self.sequence_stride = positive_int(who, "sequence_stride", sequence_stride)
        self.sequence_length = positive_int(
            who, "sequence_length", sequence_length or fft_length
        )
        if self.fft_length < self.sequence_length:
            raise ArgumentError(
                message(who, "expected sequence_length <= fft_length.",
                        f"sequence_length={sequence_length}, fft_length={fft_length}")
            )  # fmt: skip
        self.num_mel_bins = positive_int(who, "num_mel_bins", num_mel_bins)
        self.window, self.sampling_rate = window, sampling_rate
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power

    def call(self, inputs: Any) -> Any:
        """Return the spectrogram of signals, in the layer's dtype."""
        wide = self.compute_dtype == "float64"
        x = ops.cast(inputs, "float64" if wide else "float32")
        if not 1 <= len(x.shape) <= 2:
            raise ShapeError(
                message("", "expected (batch, time) or (time,).", f"{list(x.shape)}")
            )
        real, imag = ops.stft(
            x, self.sequence_length, self.sequence_stride, self.fft_length, self.window
        )
        power = ops.square(real) + ops.square(imag)
        if self.mag_exp != 2:
            power = ops.power(ops.sqrt(power), float(self.mag_exp))
        bands = ops.matmul(power, ops.cast(self._bands(), x.dtype))
        if self.power_to_db:
            bands = self._decibels(bands)
        return ops.cast(ops.swapaxes(bands, -1, -2), self.compute_dtype)

    def _bands(self) -> np.ndarray:
        return self.linear_to_mel_weight_matrix(
            self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate,
            self.min_freq, self.max_freq,
        )  # fmt: skip

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: int = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: Any = "float32",
    ) -> np.ndarray:
        """Return the share (bin, band) that each band has of each bin: triangles.

        Args:
            num_mel_bins: bands.
            num_spectrogram_bins: bins, from 0 hertz to half the sampling rate.
            sampling_rate: numbers in a second.
            lower_edge_hertz: lower end of the lowest band.
            upper_edge_hertz: upper end of the highest band.
            dtype: float dtype of the result.
        """
        kind = dtypes.to_numpy(dtypes.standardize(dtype))
        rate = np.asarray(sampling_rate, kind)
        bins = np.linspace(kind.type(0), rate / 2, num_spectrogram_bins, dtype=kind)
        lowest = _mel(np.asarray(lower_edge_hertz, kind))
        highest = _mel(np.asarray(upper_edge_hertz, kind))
        edges = np.linspace(lowest, highest, num_mel_bins + 2, dtype=kind)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        bins = _mel(bins[1:])[:, None]  # without the mean of the signal
        rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
        shares = np.maximum(kind.type(0), np.minimum(rising, falling))
        return np.pad(shares, ((1, 0), (0, 0))).astype(kind)

    def _decibels(self, power: Any) -> Any:
        level = 10.0 * ops.log10(ops.maximum(power, self.min_power))
        level = level - 10.0 * math.log10(max(abs(self.ref_power), self.min_power))
        rows = ops.reshape(ops.max(level, axis=(-2, -1)), (-1,))
        none = np.full(1, -np.inf, dtypes.to_numpy(rows.dtype))  # in an empty batch
        loudest = ops.max(ops.concatenate([rows, none], axis=0))
        return ops.maximum(level, loudest - self.top_db)


def _mel(hertz: np.ndarray) -> np.ndarray:
    """Frequencies on the mel scale of HTK."""
    one, corner, scale = (hertz.dtype.type(c) for c in (1.0, 700.0, 1127.0))
    return scale * np.log(one + hertz / corner)


class STFTSpectrogram(Layer):
    """Short-time Fourier transforms of signals, by kernels that can be trained.

    Args:
        mode: what is returned: "log" of the magnitude, "magnitude", "psd" (power),
            "real", "imag", "angle", or "stft" (real and imaginary together).
        frame_length: numbers in a frame.
        frame_step: distance of frames; half a frame by default.
        fft_length: numbers that are transformed, by default the next power of two.
        window: name of a window function, an array, or None.
        periodic: whether the window is one turn of a longer signal.
        scaling: "density" (the window has unit power), "spectrum" (unit sum) or None.
        padding: "valid" or "same".
        expand_dims: whether frequencies and channels are axes of their own.
        data_format: "channels_last" or "channels_first".

    Shapes: x: (batch, time, channels) -> (batch, frames, channels * frequencies), or
    (batch, frames, frequencies, channels) with `expand_dims`.

    Example:
        >>> STFTSpectrogram(frame_length=8)(np.ones((1, 20, 1), "float32")).shape
        (1, 4, 5)
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = "STFTSpectrogram"
        self.mode = one_of(who, "mode", mode, MODES)
        self.frame_length = positive_int(who, "frame_length", frame_length)
        self.frame_step, self.fft_length = frame_step, fft_length
        self._check_lengths(who)
        if scaling is not None:
            one_of(who, "scaling", scaling, ("density", "spectrum"))
        self.padding = one_of(who, "padding", padding, ("valid", "same"))
        if isinstance(window, str):
            window_of(who, window, 1, False)
        self.window, self.periodic, self.scaling = window, periodic, scaling
        self.expand_dims = expand_dims
        self.data_format = image_format(who, data_format)
        self.input_spec = InputSpec(ndim=3)

    def _check_lengths(self, who: str) -> None:
        step, size = self.frame_step, self.fft_length
        if step is not None and not 1 <= step <= self.frame_length:
            raise ArgumentError(
                message(who, "expected 1 <= frame_step <= frame_length.",
                        f"frame_step={step}, frame_length={self.frame_length}")
            )  # fmt: skip
        if size is not None and size < self.frame_length:
            raise ArgumentError(
                message(who, "expected fft_length >= frame_length.",
                        f"fft_length={size}, frame_length={self.frame_length}")
            )  # fmt: skip
        if size is not None and size & -size != size:
            warnings.warn(
                f"{who}: a power of two is faster than fft_length={size}.", stacklevel=4
            )
        self._step = step or max(self.frame_length // 2, 1)
        self._size = size or 2 ** math.ceil(math.log2(self.frame_length))

    def build(self, input_shape: Any) -> None:
        """Make the kernels: cosines and sines under the window."""
        shape = (self.frame_length, 1, self._size // 2 + 1)
        for side, left_out in (("real", "imag"), ("imag", "real")):
            if self.mode != left_out:
                made = STFT(side, self.window, self.scaling, self.periodic)
                weight = self.add_weight(shape, made, name=f"{side}_kernel")
                setattr(self, f"{side}_kernel", weight)

    def call(self, inputs: Any) -> Any:
        """Return the spectrogram of signals."""
        if inputs.dtype not in ("float16", "float32", "float64"):
            raise DTypeError(
                message("", "expected float16, float32 or float64.", inputs.dtype,
                        "Cast the signal.")
            )  # fmt: skip
        if self.mode in ("real", "imag"):
            return self._arranged(self._side(inputs, self.mode))
        real, imag = self._side(inputs, "real"), self._side(inputs, "imag")
        if self.mode == "angle":
            return self._arranged(ops.arctan2(imag, real))
        if self.mode == "stft":
            return self._arranged(ops.concatenate([real, imag], axis=3))
        power = ops.square(real) + ops.square(imag)
        if self.mode == "psd":
            inner = ops.pad(power[..., 1:-1], ((0, 0),) * 3 + ((1, 1),))
            return self._arranged(power + inner)
        floor = config.epsilon()
        size = self._arranged(ops.sqrt(ops.maximum(power, floor)))
        return size if self.mode == "magnitude" else ops.log(ops.maximum(size, floor))

    def _side(self, inputs: Any, side: str) -> Any:
        """Return (batch, channels, frames, frequencies)."""
        last = self.data_format == "channels_last"
        x = ops.swapaxes(inputs, 1, 2) if last else inputs
        batch, channels, time = x.shape
        kernel = ops.cast(getattr(self, f"{side}_kernel"), x.dtype)
        y = ops.conv(
            ops.reshape(x, (batch * channels, time, 1)), kernel, strides=self._step,
            padding=self.padding, data_format="channels_last",
        )  # fmt: skip
        return ops.reshape(y, (batch, channels, *y.shape[1:]))

    def _arranged(self, y: Any) -> Any:
        """Bring (batch, channels, frames, frequencies) to the shape asked for."""
        batch, channels, frames, frequencies = y.shape
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return ops.transpose(y, (0, 2, 3, 1)) if last else y
        if last:
            y = ops.transpose(y, (0, 2, 1, 3))
            return ops.reshape(y, (batch, frames, channels * frequencies))
        y = ops.transpose(y, (0, 1, 3, 2))
        return ops.reshape(y, (batch, channels * frequencies, frames))
