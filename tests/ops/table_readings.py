"""Samples of rows of labels read off outputs."""

from __future__ import annotations

from tests.ops.sample import i, labels, s, x

READINGS = {
    "ctc_loss": [
        s(labels(3, 2, 3) + 1, x(2, 6, 5), i(3, 2), i(6, 5), free=(0, 1, 2, 3)),
        s(i((1, 1, 2)), x(1, 4, 4), i(3), i(4), mask_index=3),
    ],
    "ctc_decode": [
        s(x(3, 6, 4), i(6, 4, 0), free=(0, 1)),
        s(x(2, 5, 3), i(5, 5), merge_repeated=False, mask_index=2),
    ],
}  # fmt: skip
