"""Samples of ops that work element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras.ir.op import Op
from tests.ops.sample import AWKWARD, Sample, s, x

# Composites that work element by element: samples as for elementwise ops.
POINTWISE: dict[str, Any] = {
    **dict.fromkeys(
        [
            "relu",
            "relu6",
            "hard_tanh",
            "leaky_relu",
            "elu",
            "celu",
            "selu",
            "gelu",
            "silu",
            "softplus",
            "softsign",
            "log_sigmoid",
            "mish",
            "squareplus",
            "hard_sigmoid",
            "hard_silu",
            "sparse_sigmoid",
            "sparse_plus",
            "tanh_shrink",
            "soft_shrink",
            "hard_shrink",
            "deg2rad",
            "rad2deg",
            "sinc",
            "real",
            "imag",
            "positive",
            "exp2",
            "erfc",
            "isposinf",
            "isneginf",
            "isreal",
            "signbit",
            "nan_to_num",
            "angle",
            "round",
            "trunc",
            "zeros_like",
            "ones_like",
        ],
        "any",
    ),
    "logaddexp2": ("any", "any"),
    "reciprocal": "nonzero",
    "divide_no_nan": ("any", "nonzero"),
    "hypot": ("nonzero", "nonzero"),
    "ldexp": ("any", "unit"),
    "clip": ("any", "unit", "above_one"),
    "fmax": ("any", "any"),
    "fmin": ("any", "any"),
    "fabs": "nonzero",
    "heaviside": ("nonzero", "any"),
    "isclose": ("any", "any"),
    "sigmoid_crossentropy": ("bit", "any"),
    "binary_crossentropy": ("bit", "share"),
}


def pointwise_samples(op: Op, domain: Any) -> list[Sample]:
    """Return awkward sizes, broadcasting, and integers where they are allowed."""
    count = len(op.operands)
    kinds = domain if isinstance(domain, tuple) else (domain,) * count
    every = tuple(range(count))
    found = [
        Sample(tuple(x(n, kind=k, salt=j) for j, k in enumerate(kinds)), free=every)
        for n in AWKWARD
    ]
    found.append(Sample(tuple(x(kind=k) for k in kinds)))
    if count > 1 and op.name != "binary_crossentropy":
        shapes = [(3, 1), (1, 5), (2, 1, 1)]
        found.append(Sample(tuple(x(*n, kind=k) for n, k in zip(shapes, kinds))))
    if set(kinds) <= {"any", "nonzero", "positive"}:
        whole = [np.maximum(x(7, kind="integer", salt=j) % 9, 1) for j in every]
        found.append(Sample(tuple(whole)))
    return found


ELEMENTWISE = {
    "with_gradient": [s([x(3), x(3)], rule=lambda g: g)],
    "cast": [s(x(5), dtype="int32"), s(x(5, kind="integer"), dtype="float64"),
             s(x(5, kind="bool"), dtype="float32"), s(x(4), dtype="bool")],
    "iota": [s(shape=(3, 4), axis=1, dtype="int32"), s(shape=(0,), axis=0,
             dtype="float32"), s(shape=(17,), axis=0, dtype="int64")],
    "threefry2x32": [s(np.uint32(1), np.uint32(2), np.arange(17, dtype="uint32"))],
    "random_bits16": [s(np.uint32(1), np.uint32(2), np.arange(99, dtype="uint32"))],
    "where": [s(x(n, kind="bool"), x(n), x(n, salt=1), free=(0, 1, 2))
              for n in AWKWARD]
             + [s(x(3, 1, kind="bool"), x(4), np.float32(0))],
    "full_like": [s(x(2, 3), fill_value=7), s(x(3, kind="integer"), fill_value=2)],
    "threshold": [s(x(17), threshold=0.2, default_value=-1.0, free=(0,))],
}  # fmt: skip
