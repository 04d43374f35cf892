"""Tables and the FeatureSpaces put over them.

`record.py` runs them through Keras on TensorFlow and keeps what it gives in
``recorded.npz``. A space is made by a function of the class, so that both sides make
their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

COLUMNS: dict[str, Any] = {
    "age": [23.0, 45.5, 31.0, 60.25, 45.5, 18.0, 77.0],
    "pay": [1000.0, 2500.5, 0.0, 125.25, 98765.0, -40.0, 3.0],
    "town": ["Rome", "Oslo", "Rome", "Łódź", "", "Oslo", "Rome"],
    "code": [7, 7, 3, 99, -5, 3, 7],
    "kids": [0, 2, 1, 0, 5, 3, 1],
}
# Rows that were not learned from: unknown words, and numbers outside.
FED: dict[str, Any] = {
    "age": [23.0, -1e9, 45.5, 1e9],
    "pay": [0.0, 2500.5, -40.0, 3.5],
    "town": ["Oslo", "Paris", "", "Łódź"],
    "code": [99, 7, 12345, -5],
    "kids": [1, 0, 2, 2],
}
KINDS = {
    "float": "age", "float_normalized": "age", "float_rescaled": "age",
    "float_discretized": "pay", "integer_categorical": "code",
    "string_categorical": "town", "integer_hashed": "code", "string_hashed": "town",
}  # fmt: skip
MIXED = {
    "age": "float_normalized", "pay": "float_discretized", "town": "string_categorical",
    "code": "integer_categorical", "kids": "integer_hashed",
}  # fmt: skip

Maker = Callable[[Any], Any]
SPACES: dict[str, Maker] = {
    kind: lambda space, kind=kind, column=column: space({column: kind})
    for kind, column in KINDS.items()
} | {
    "two": lambda space: space({"age": "float_normalized",
                                "town": "string_categorical"}),
    "every kind": lambda space: space({**MIXED, "age": "float"}),
    "dict": lambda space: space(MIXED, output_mode="dict"),
    "crosses": lambda space: space(
        MIXED, crosses=[("town", "code"), ("kids", "code")], crossing_dim=11
    ),
    "sizes": lambda space: space(
        MIXED, hashing_dim=5, num_discretization_bins=3, crosses=[("town", "kids")]
    ),
    "cross of its own": lambda space: space(
        {"town": "string_categorical", "code": space.integer_hashed(4, "int")},
        crosses=[space.cross(("town", "code"), 6, output_mode="int")],
        output_mode="dict",
    ),
    "raw crosses": lambda space: space(
        {"town": space.feature("string", _unchanged(space), "float"),
         "kids": space.feature("int32", _unchanged(space), "float")},
        crosses=[("town", "kids")], output_mode="dict",
    ),
    "rescaled": lambda space: space(
        {"age": space.float_rescaled(1 / 50, -1.0), "pay": space.float("pay_of")}
    ),
    "discretized": lambda space: space(
        {"age": space.float_discretized(4, output_mode="int"),
         "pay": space.float_discretized(2)}, output_mode="dict",
    ),
    "categories": lambda space: space(
        {"town": space.string_categorical(max_tokens=3, output_mode="one_hot"),
         "code": space.integer_categorical(num_oov_indices=2, output_mode="int"),
         "kids": space.integer_categorical(max_tokens=4, num_oov_indices=1)},
        output_mode="dict",
    ),
    "hashes": lambda space: space(
        {"town": space.string_hashed(7), "code": space.integer_hashed(3, "int"),
         "kids": space.integer_hashed(2)}, output_mode="dict",
    ),
    "layers": lambda space: space(
        {"age": space.feature("float32", _layer(space, "Normalization")(
            mean=40.0, variance=9.0), "float"),
         "kids": space.feature("int32", _layer(space, "CategoryEncoding")(
             num_tokens=6), "float"),
         "town": space.feature("string", _layer(space, "TextVectorization")(
             output_mode="count", standardize=None), "float")},
        output_mode="dict",
    ),
}  # fmt: skip


def _layer(space: Any, name: str) -> Any:
    """Return a layer class of the library that a FeatureSpace is of."""
    import importlib

    library = space.__module__.partition(".")[0]
    return getattr(importlib.import_module(f"{library}.layers"), name)


def _unchanged(space: Any) -> Any:
    return _layer(space, "Identity")()


def columns(table: dict[str, Any], names: Any) -> dict[str, np.ndarray]:
    """Return some columns as arrays."""
    kinds = {"age": "float32", "pay": "float32", "code": "int64", "kids": "int32"}
    return {n: np.asarray(table[n], kinds.get(n)) for n in names}
