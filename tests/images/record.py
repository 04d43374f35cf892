"""Run the rows of `cases.py` through Keras on TensorFlow; writes recorded.npz.

Run by hand where both are installed, from the repository's root:
``python -m tests.images.record``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.images.cases import DRAWN, FIXED, image_of

HERE = Path(__file__).parent


def flattened(path: str, thing: Any) -> dict[str, np.ndarray]:
    """Return a nested dict of arrays as a flat one; None is left out."""
    if isinstance(thing, dict):
        parts = [flattened(f"{path}/{key}", value) for key, value in thing.items()]
        return {k: v for part in parts for k, v in part.items()}
    return {} if thing is None else {path: np.asarray(thing)}


def main() -> None:
    """Record every row."""
    import keras

    found: dict[str, np.ndarray] = {}
    for number, row in enumerate(FIXED):
        layer, x = getattr(keras.layers, row[0])(**row[1]), image_of(row)
        found[f"fixed/{number}"] = np.asarray(layer(x))
        if row[0] == "Equalization":
            found[f"rest/{number}"] = np.asarray(layer(x, training=False))
    for number, row in enumerate(DRAWN):
        layer, x = getattr(keras.layers, row[0])(**row[1], seed=number), image_of(row)
        drawn = layer.get_random_transformation(x, training=True)
        y = layer.transform_images(keras.ops.convert_to_tensor(x), drawn, training=True)
        found[f"drawn/{number}"] = np.asarray(y)
        found |= flattened(f"given/{number}", drawn)
    np.savez_compressed(HERE / "recorded.npz", **found)


if __name__ == "__main__":
    main()
