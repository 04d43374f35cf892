"""Samples of the ops on categories: hashes of integers, and their encodings."""

from __future__ import annotations

import numpy as np

from tests.ops.sample import AWKWARD, Sample, i, s, x

WORDS = np.array([0, 1, 2**63, 2**64 - 1, 12345], "uint64")
DIGITS = np.array([0, -1, 99, -1234, 2**31, 10**11, -(10**15), 2**63 - 1], "int64")

CATEGORIES: dict[str, list[Sample]] = {
    "fingerprint_of_digits": [
        s(DIGITS, free=(0,)), s(WORDS), s(i([[7, -7], [10, -10]])),
        *(s(x(n, kind="integer")) for n in AWKWARD),
    ],
    "combine_fingerprints": [s(WORDS, WORDS[::-1].copy(), free=(0, 1))],
    "bucket": [s(WORDS, count=7, free=(0,)), s(WORDS, count=1)],
    "count_classes": [
        s(i([1, 1, 7, -1]), depth=3, free=(0,)),
        s(i([[1, 1, 7], [0, 2, 2]]), None, depth=3, free=(0,)),
        s(i([[[0, 1], [1, 1]]]), None, depth=2),
        s(i([1, 1, 7]), x(1, 3), depth=3),
        *(s(x(2, n, kind="digit"), None, depth=6) for n in AWKWARD),
    ],
    "encode_classes": [
        s(i([[1], [7]]), None, mode=mode, depth=3, dtype="float32", free=(0,))
        for mode in ("int", "one_hot", "multi_hot", "count")
    ] + [s(i([1, 2]), x(1, 2), mode="count", depth=3, dtype="float64")],
}  # fmt: skip
