"""What every test may use: one source of random numbers, settings put back after."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

from graphkeras import config

# What is tested is compiled, not found where an earlier run left it.
os.environ["GRAPHKERAS_CACHE"] = "off"

# The same examples at each run, and no clock: machines are busy.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


@pytest.fixture
def rng() -> np.random.Generator:
    """The source of a test's numbers, the same at each run."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _settings_put_back() -> Iterator[None]:
    """Undo what a test sets in `keras.config`."""
    before = dict(config._settings)
    yield
    config._settings.clear()
    config._settings.update(before)
