"""Has programs run on a number of threads, whether they gain by it or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from graphkeras import config
from graphkeras.runtime.pace import Pace


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run every program on so many threads, if the team is free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pace, "threads", lambda pace, most: most)
        patch.setitem(config._settings, "threads", count)
        yield
