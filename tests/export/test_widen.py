"""Models that compute in bfloat16 export, with whatever loops and choices they have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import graphkeras as keras
from graphkeras import ops

COMPUTED: dict[str, Callable[[Any], Any]] = {
    "products": lambda x: ops.matmul(x, ops.transpose(x)) * 1.7,
    "scan": lambda x: ops.scan(
        lambda c, row: (ops.tanh(c + row * 2), c), ops.zeros_like(x[0]), x
    )[1],
    "while": lambda x: ops.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, y * 1.1 + 0.3), (0, x)
    )[1],
    "while over it": lambda x: ops.while_loop(
        lambda y: ops.sum(y) < 40, lambda y: y * 1.1 + 0.3, x
    ),
    "map": lambda x: ops.map(lambda row: ops.exp(row) * 3, x),
    "cond": lambda x: ops.cond(
        ops.sum(x) > 0, lambda: ops.exp(x) * 3, lambda: ops.sin(x) * 1.7
    ),
}


class Half(keras.layers.Layer):
    """Something computed in bfloat16."""

    def __init__(self, computed: Callable[[Any], Any]) -> None:
        super().__init__()
        self.computed = computed

    def call(self, x: Any) -> Any:
        return self.computed(ops.cast(x, "bfloat16"))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", COMPUTED)
def test_what_is_computed_in_bfloat16_is_served_alike(
    name: str, sign: int, tmp_path: Path
) -> None:
    x = keras.Input((3,))
    model = keras.Model(x, Half(COMPUTED[name])(x))
    rows = sign * np.linspace(-1, 2, 12, dtype="float32").reshape(4, 3)
    model.export(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: rows})
    expected = np.asarray(model.predict(rows, verbose=0), "float32")
    np.testing.assert_allclose(found, expected, rtol=2**-8)  # a bit of bfloat16
