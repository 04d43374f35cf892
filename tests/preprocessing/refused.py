"""What no ONNX operator can say: the layers' files are refused, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphkeras as keras
from graphkeras import layers
from graphkeras.utils import FeatureSpace

BYTES = "no standard operator reads the bytes"


def _of(layer: layers.Layer, *kinds: str) -> keras.Model:
    inputs = [keras.Input((1,), dtype=kind) for kind in kinds]
    return keras.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))


def _text(**options: Any) -> keras.Model:
    return _of(layers.TextVectorization(vocabulary=["a", "b"], **options), "string")


def _space() -> keras.Model:
    space = FeatureSpace({"town": "string_hashed"})
    return keras.Model(space.get_inputs(), space.get_encoded_features())


# (layer, what of it, a model, the reason)
REFUSED: list[tuple[str, str, Callable[[], keras.Model], str]] = [
    ("FeatureSpace", "`string_hashed`", _space, BYTES),
    ("HashedCrossing", "strings",
     lambda: _of(layers.HashedCrossing(5), "string", "string"), BYTES),
    ("Hashing", "strings", lambda: _of(layers.Hashing(5), "string"), BYTES),
    ("Hashing", "`salt`", lambda: _of(layers.Hashing(5, salt=1), "int64"), BYTES),
    ("IntegerLookup", "`salt`", lambda: _of(layers.IntegerLookup(
        vocabulary=[1], num_oov_indices=2, oov_method="farmhash", salt=1), "int64"),
     BYTES),
    ("StringLookup", "`num_oov_indices` above 1", lambda: _of(layers.StringLookup(
        vocabulary=["a"], num_oov_indices=2), "string"), BYTES),
    ("TextVectorization", "`split=\"character\"` without `ops=\"contrib\"`",
     lambda: _text(split="character"), "contrib"),
]  # fmt: skip
