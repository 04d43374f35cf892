"""Run `cases.py` through Keras on TensorFlow; writes recorded.npz.

Run by hand where both are installed, from the repository's root:
``python -m tests.tables.record``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.tables.cases import COLUMNS, FED, SPACES, columns

HERE = Path(__file__).parent


def flat(name: str, found: Any) -> dict[str, np.ndarray]:
    """Return one array, or one of each key, under a name."""
    if not isinstance(found, dict):
        return {name: np.asarray(found)}
    return {f"{name}/{key}": np.asarray(value) for key, value in found.items()}


def main() -> None:
    """Record every space: rows learned from, others, and a single row."""
    import keras

    found: dict[str, np.ndarray] = {}
    for name, make in SPACES.items():
        space = make(keras.utils.FeatureSpace)
        space.adapt(columns(COLUMNS, space.features))
        found |= flat(f"{name}/learned", space(columns(COLUMNS, space.features)))
        found |= flat(f"{name}/fed", space(columns(FED, space.features)))
        row = {n: FED[n][1] for n in space.features}
        found |= flat(f"{name}/row", space(row))
    for key, words in found.items():
        if words.dtype == object:
            found[key] = np.char.decode(words.astype("S"), "utf-8")
    np.savez_compressed(HERE / "recorded.npz", **found)


if __name__ == "__main__":
    main()
