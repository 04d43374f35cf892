"""Window functions of signals, under the names that Keras takes from SciPy.

Source: Harris, "On the use of windows for harmonic analysis with the discrete Fourier
transform" (1978), and Nuttall, "Some windows with very good sidelobe behavior" (1981).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphkeras.errors import ArgumentError, message, nearest

# Sums of cosines: a0 - a1 cos(t) + a2 cos(2 t) - ... over a turn.
_COSINES: dict[str, tuple[float, ...]] = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def _triang(n: int) -> np.ndarray:
    half = np.arange(1, (n + 1) // 2 + 1)
    side = (2 * half - 1.0) / n if n % 2 == 0 else 2 * half / (n + 1.0)
    return np.concatenate([side, side[::-1][n % 2 :]])


def _parzen(n: int) -> np.ndarray:
    x = np.abs(np.arange(-(n - 1) / 2.0, (n - 1) / 2.0 + 0.5)) / (n / 2.0)
    inner = 1 - 6 * x**2 + 6 * x**3
    return np.where(x <= (n - 1) / 4.0 / (n / 2.0), inner, 2 * (1 - x) ** 3)


def _bohman(n: int) -> np.ndarray:
    x = np.abs(np.linspace(-1, 1, n))
    w = (1 - x) * np.cos(np.pi * x) + np.sin(np.pi * x) / np.pi
    w[[0, -1]] = 0
    return w


def _barthann(n: int) -> np.ndarray:
    x = np.abs(np.arange(n) / (n - 1.0) - 0.5)
    return 0.62 - 0.48 * x + 0.38 * np.cos(2 * np.pi * x)


def _tukey(n: int) -> np.ndarray:
    x = np.minimum(np.arange(n), n - 1 - np.arange(n)) / ((n - 1) * 0.25)
    return np.where(x < 1, 0.5 * (1 - np.cos(np.pi * x)), 1.0)


_OTHERS: dict[str, Callable[[int], np.ndarray]] = {
    "bartlett": lambda n: 1 - np.abs(2 * np.arange(n) / (n - 1.0) - 1),
    "triang": _triang,
    "parzen": _parzen,
    "bohman": _bohman,
    "barthann": _barthann,
    "cosine": lambda n: np.sin(np.pi / n * (np.arange(n) + 0.5)),
    "lanczos": lambda n: np.sinc(2 * np.arange(n) / (n - 1.0) - 1),
    "exponential": lambda n: np.exp(-np.abs(np.arange(n) - (n - 1) / 2)),
    "tukey": _tukey,
}
_ALIASES = {
    "hanning": "hann", "hamm": "hamming", "rectangular": "boxcar", "rect": "boxcar",
    "ones": "boxcar", "box": "boxcar", "black": "blackman", "blk": "blackman",
    "bart": "bartlett", "triangle": "triang", "tri": "triang", "nutt": "nuttall",
    "blackharr": "blackmanharris", "flat": "flattop", "parz": "parzen",
    "bman": "bohman", "brthan": "barthann", "halfcosine": "cosine", "sinc": "lanczos",
}  # fmt: skip


def window_of(who: str, name: str, length: int, periodic: bool) -> np.ndarray:
    """Return a window of that name as float64.

    Args:
        who: the asker, for messages.
        name: "hann", "hamming", "blackman", "boxcar" and so on.
        length: how many numbers.
        periodic: whether it is one turn of a longer signal rather than symmetric.

    Raises:
        ArgumentError: if there is none of that name.

    Example:
        >>> window_of("example", "hann", 4, True)
        array([0. , 0.5, 1. , 0.5])
    """
    known = _ALIASES.get(name, name)
    if known not in _COSINES and known not in _OTHERS:
        raise ArgumentError(
            message(who, "expected the name of a window.", f"window={name!r}",
                    nearest(str(name), [*_COSINES, *_OTHERS], "window"))
        )  # fmt: skip
    if length <= 1:
        return np.ones(length)
    whole = length + 1 if periodic else length
    if known in _COSINES:
        turn = 2 * np.pi * np.arange(whole) / (whole - 1.0)
        w = sum((-1) ** k * a * np.cos(k * turn) for k, a in enumerate(_COSINES[known]))
    else:
        w = _OTHERS[known](whole)
    return np.asarray(w)[:length]
