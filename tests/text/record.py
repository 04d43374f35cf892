"""Run `cases.py` through Keras on TensorFlow; writes recorded.npz and learned.json.

Run by hand where both are installed, from the repository's root:
``python -m tests.text.record``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.text.cases import ARGUMENTS, LEARNERS, batches

FILE = Path(__file__).parent / "recorded.npz"
LEARNED = Path(__file__).parent / "learned.json"


def answers(keras: Any, tf: Any, arguments: dict[str, Any]) -> list[np.ndarray]:
    """Return what Keras gives for each batch of a configuration."""
    layer = keras.layers.TextVectorization(**arguments)
    return [layer(tf.constant(batch)).numpy() for batch in batches(arguments)]


def batches_or_whole(data: Any) -> Any:
    """Data to learn from, in the form in which a layer gets it."""
    if isinstance(data, dict):
        return iter([np.array(batch, object) for batch in data["batches"]])
    return np.array(data, object)


def learned(keras: Any, tf: Any, row: Any) -> dict[str, Any]:
    """Return what Keras learns, and then answers; ragged answers made dense."""
    arguments, data, inputs = row
    layer = keras.layers.TextVectorization(**arguments)
    try:
        layer.adapt(batches_or_whole(data))
        result = layer(tf.constant(inputs))
        result = result.to_tensor() if hasattr(result, "to_tensor") else result
    except Exception as error:  # what Keras cannot do is recorded as well
        return {"error": type(error).__name__}
    found = result.numpy()
    return {"words": [*map(str, layer.get_vocabulary())], "dtype": found.dtype.name,
            "shape": [*found.shape], "data": found.ravel().tolist()}  # fmt: skip


def main() -> None:
    """Record every configuration."""
    import keras
    import tensorflow as tf

    lines = [json.dumps(learned(keras, tf, row), ensure_ascii=False)
             for row in LEARNERS]  # fmt: skip
    LEARNED.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")

    found = [a for one in ARGUMENTS for a in answers(keras, tf, one)]
    whole = [a.astype(np.int16).ravel() for a in found if a.dtype == np.int64]
    parts = [a.astype(np.float32).ravel() for a in found if a.dtype == np.float32]
    assert len(whole) + len(parts) == len(found)
    np.savez_compressed(
        FILE, whole=np.concatenate(whole), parts=np.concatenate(parts),
        shapes=np.array([a.shape for a in found], np.int16),
        floats=np.array([a.dtype == np.float32 for a in found]),
    )  # fmt: skip
    print(len(ARGUMENTS), "configurations,", sum(len(a) for a in found), "texts")


def recorded() -> list[list[np.ndarray]]:
    """Return for each configuration what Keras gave for each batch."""
    with np.load(FILE) as file:
        stored = {name: file[name] for name in file.files}
    at = {True: 0, False: 0}
    arrays = []
    for shape, floats in zip(stored["shapes"].tolist(), stored["floats"].tolist()):
        source = stored["parts" if floats else "whole"]
        size = int(np.prod(shape))
        piece = source[at[floats] : at[floats] + size].reshape(shape)
        arrays.append(piece if floats else piece.astype(np.int64))
        at[floats] += size
    left = iter(arrays)
    return [[next(left) for _ in batches(one)] for one in ARGUMENTS]


if __name__ == "__main__":
    main()
