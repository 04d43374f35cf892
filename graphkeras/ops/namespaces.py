"""Keras's second paths to its ops: `keras.ops.nn`, `.linalg`, `.numpy`, `.image`.

Here an op lives in the module of its family. A module that is also one of those paths
answers for the ops of other families too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def elsewhere(module: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` by which `module` hands out any public op."""

    def find(name: str) -> Any:
        found = vars(sys.modules["graphkeras.ops"]).get(name)
        if not callable(found):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return found

    return find
