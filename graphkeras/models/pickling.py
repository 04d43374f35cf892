"""Models as pickles and deep copies: what a ``.keras`` file holds, in memory.

Compiled programs stay behind; they are made again when they are first needed.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

from graphkeras.saving.files import load_model, save_model
from graphkeras.saving.registry import noting_own

_NAME = "model.keras"


def reduced(model: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return how pickle makes the model again; see `object.__reduce__`.

    The user's own classes and functions go into the pickle by name, as pickles do.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has no weights yet
        path = Path(folder, _NAME)
        with noting_own() as own:
            save_model(model, path)
        return revived, (path.read_bytes(), own)


def revived(data: bytes, own: dict[str, Any]) -> Any:
    """Return the model of `reduced`; whoever reads pickles trusts them already."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _NAME)
        path.write_bytes(data)
        return load_model(path, own, safe_mode=False)
