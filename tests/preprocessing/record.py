"""Run the rows of `cases.py` through Keras on TensorFlow; writes recorded.json.

Run by hand where both are installed, from the repository's root:
``python -m tests.preprocessing.record``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.preprocessing.cases import MORE, ROWS

HERE = Path(__file__).parent


def as_array(data: Any) -> Any:
    """What is fed: arrays, so that both sides read the same dtypes, or batches."""
    if isinstance(data, dict):
        return iter([np.asarray(batch) for batch in data["batches"]])
    return np.asarray(data)


def expected(keras: Any, row: Any) -> Any:
    """Return dtype, shape and numbers that Keras gives, or its error."""
    name, arguments, samples, inputs = row
    layer = getattr(keras.layers, name)(**arguments)
    try:
        if samples is not None:
            layer.adapt(as_array(samples))
    except Exception as error:
        return {"error": type(error).__name__}
    several = name == "HashedCrossing"
    fed = [as_array(x) for x in inputs] if several else as_array(inputs)
    try:
        result = layer(fed).numpy()
    except Exception as error:  # what Keras cannot do is recorded as well
        return {"error": type(error).__name__}
    if result.dtype == object:
        texts = [x.decode() for x in result.ravel()]
        return {"dtype": "string", "shape": list(result.shape), "data": texts}
    return {"dtype": result.dtype.name, "shape": list(result.shape),
            "data": result.ravel().tolist()}  # fmt: skip


def main() -> None:
    """Record every row."""
    import keras

    found = [expected(keras, row) for row in ROWS + MORE]
    lines = ",\n".join(json.dumps(f, separators=(",", ":")) for f in found)
    (HERE / "recorded.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
