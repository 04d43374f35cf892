"""Samples of the ops on categories: hashes of integers, and their encodings."""

from __future__ import annotations

import numpy as np

from tests.ops.sample import AWKWARD, Sample, i, s, x

WORDS = np.array([0, 1, 2**63, 2**64 - 1, 12345], "uint64")
DIGITS = np.array([0, -1, 99, -1234, 2**31, 10**11, -(10**15), 2**63 - 1], "int64")

TEXTS = np.array(["A cat, a CAT!", "", "Été\tcat\x00", "[UNK] a\x85b"], object)
TOKENS = np.array([["a", "cat", ""], ["Cat", "a", "cat"]], object)
KNOWN = ["a", "cat", "a cat", "Été", "cat\x00"]

CATEGORIES: dict[str, list[Sample]] = {
    "text_to_numbers": [
        s(TEXTS, vocabulary=KNOWN, standardize="lower", width=5, free=(0,)),
        s(TEXTS, vocabulary=KNOWN, standardize="lower_and_strip_punctuation", width=3),
        s(TEXTS, vocabulary=KNOWN, ngrams=(2, 1), width=6, padding=-1),
        s(TEXTS[:0], vocabulary=KNOWN, width=2, free=(0,)),
        s(TOKENS, vocabulary=KNOWN, split=None, ngrams=(1, 2), free=(0,)),
        s(TOKENS, vocabulary=KNOWN, split=None, first=7, unknown=5, width=2),
    ],
    "look_up": [
        s(TEXTS, keys=["", "[UNK] a\x85b", "A"], values=[5, 6, 7], default=-1,
          free=(0,)),
        s(TOKENS, keys=["a", "cat", "", "Cat"], values=[3, 2, 1, 0]),
        s(DIGITS, keys=[-1, 2**63 - 1, 0], values=[9, 8, 7], default=0, free=(0,)),
        s(DIGITS[:0], keys=[-1], values=[9], default=0),
    ],
    "fingerprint": [s(TEXTS, free=(0,)), s(TEXTS, salt=(3, -4)), s(DIGITS), s(WORDS)],
    "fingerprint_of_digits": [
        s(DIGITS, free=(0,)), s(WORDS), s(i([[7, -7], [10, -10]])),
        *(s(x(n, kind="integer")) for n in AWKWARD),
    ],
    "combine_fingerprints": [s(WORDS, WORDS[::-1].copy(), free=(0, 1))],
    "quotient": [
        s(np.array([0, 7, 2**62, 10**18]), np.array([3, 7, 5, 10**9]), free=(0, 1)),
        *(s(x(n, kind="digit"), i([3])[0]) for n in AWKWARD),
    ],
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
