"""One seed for everything random."""

from __future__ import annotations

import random

import numpy as np

from graphkeras import config
from graphkeras.errors import ArgumentError, message


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy and everything graphkeras draws, for bit-equal runs.

    Raises:
        ArgumentError: if `seed` is not an int.

    Example:
        >>> set_random_seed(7); first = config.draw_seed()
        >>> set_random_seed(7); first == config.draw_seed()
        True
    """
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ArgumentError(
            message("set_random_seed", "expected an int.", f"seed={seed!r}")
        )
    random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    config.set_global_seed(int(seed))
