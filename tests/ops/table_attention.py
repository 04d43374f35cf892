"""Samples of attention: by its parts, and as kernels do it."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras.ops.attention import NO_MASK, NO_WORDS, attend
from tests.ops.sample import Sample, s, x

WORDS = np.array([7, 2**31 + 5], "uint32")
ALL = {"scale": 0.4, "causal": False, "blank": False, "rate": 0.0}
CAUSAL, BLANK = {**ALL, "causal": True}, {**ALL, "blank": True}
THINNED = {**BLANK, "rate": 0.25, "causal": True}
# The first sample's second query sees nothing.
HALF = x(2, 4, 5, 6, kind="bool") & (np.arange(5) != 1).reshape(5, 1)


def heads(
    queries: int = 5, keys: int = 6, groups: int = 4, width: int = 3,
    dtype: str = "float32",
) -> list[np.ndarray]:  # fmt: skip
    """Return queries in four heads, keys and values."""
    arrays = (x(2, queries, 4, 3), x(2, keys, groups, 3), x(2, keys, groups, width))
    return [(a * np.float32(0.7)).astype(dtype) for a in arrays]


def _slopes(sizes: dict[str, Any], *others: np.ndarray, **attrs: Any) -> Sample:
    query, key, value = heads(**sizes)
    shape = (*query.shape[:3], value.shape[3])
    g = [x(*shape, salt=k).astype(query.dtype) for k in (1, 2)]
    return s(query, key, value, *others, *g, **attrs)


def _split(*others: np.ndarray, groups: int = 2, **sizes: Any) -> tuple:
    """The operands of a kernel: heads in groups, and their numbers."""
    query, key, value = heads(groups=groups, **sizes)
    query = query.reshape(*query.shape[:2], groups, 4 // groups, 3)
    mask, words = others
    numbers = np.arange(8, dtype="uint32").reshape(2, groups, 4 // groups)
    return query, key, value, mask, numbers if words.size else NO_WORDS, words


def _back(operands: tuple, **attrs: Any) -> Sample:
    out, stats = attend(*operands, **attrs)
    return s(*operands, out, stats, x(*out.shape, salt=4), **attrs)


GROUPED = HALF.reshape(2, 2, 2, 5, 6)
KERNELS = [
    (_split(NO_MASK, NO_WORDS, queries=70, keys=33), CAUSAL),
    (_split(GROUPED, NO_WORDS, width=20), CAUSAL),
    (_split(GROUPED[:1, :1, :, :1], NO_WORDS), BLANK),
    (_split(GROUPED[:, :, :1, :, :1], WORDS, width=2), {**BLANK, "rate": 0.25}),
    (_split(NO_MASK, WORDS, queries=3, keys=130, groups=4), {**ALL, "rate": 0.5}),
]

ATTENTION: dict[str, list[Sample]] = {
    "dot_product_attention": [
        s(*heads(), None, None, free=(0, 1, 2)),
        s(*heads(width=2), None, None),
        s(*heads(5, 5, 2), x(2, 4, 5, 5), x(2, 1, 5, 5, kind="bool"),
          is_causal=True, attn_logits_soft_cap=2.0),
        s(*heads(5, 5, 2), None, x(5, 5, kind="bool"), is_causal=True),
        s(*heads(1, 7, dtype="float16"), None, x(2, 1, 1, 7, kind="bool")),
        s(*heads(0, 7), None, None),
    ],
    "attended": [
        s(*heads(), NO_MASK, NO_WORDS, free=(0, 1, 2), **ALL),
        s(*heads(), HALF, NO_WORDS, free=(0, 1, 2, 3), **CAUSAL),
        s(*heads(groups=2), HALF[:, :1], NO_WORDS, **BLANK),
        s(*heads(groups=1), HALF[:1, :, :1], NO_WORDS, **BLANK),
        s(*heads(7, 70, dtype="float64"), NO_MASK, NO_WORDS, **CAUSAL),
        s(*heads(70, 7, 2, 17), NO_MASK, NO_WORDS, **CAUSAL),
        s(*heads(dtype="float16"), HALF, NO_WORDS, **CAUSAL),
    ],
    "attended_slopes": [
        _slopes({}, NO_MASK, NO_WORDS, **ALL),
        _slopes({"groups": 2, "width": 5}, HALF, NO_WORDS, **CAUSAL),
        _slopes({"groups": 1}, HALF, NO_WORDS, **BLANK),
        _slopes({"queries": 70, "keys": 7}, NO_MASK, WORDS, **THINNED),
    ],
    "attend": [s(*operands, **attrs) for operands, attrs in KERNELS],
    "attend_backward": [_back(operands, **attrs) for operands, attrs in KERNELS],
}  # fmt: skip
