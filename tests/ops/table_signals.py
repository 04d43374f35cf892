"""Samples of transforms and of rows of labels."""

from __future__ import annotations

from tests.ops.sample import i, labels, s, x

SIGNALS = {
    "fft": [s([x(2, n), x(2, n, salt=1)]) for n in (1, 7, 12, 96)],
    "fft2": [s([x(2, 3, 4), x(2, 3, 4, salt=1)])],
    "ifft2": [s([x(3, 50), x(3, 50, salt=1)])],
    "rfft": [s(x(2, 8), free=(0,)), s(x(2, 9)), s(x(3, 60), fft_length=64),
             s(x(2, 9), fft_length=6), s(x(2, 53))],
    "irfft": [s([x(2, 5), x(2, 5, salt=1)]), s([x(2, 5), x(2, 5)], fft_length=9),
              s([x(2, 5), x(2, 5)], fft_length=16), s([x(33), x(33)])],
    "stft": [s(x(2, 40), sequence_length=8, sequence_stride=4, fft_length=8,
               free=(0,)),
             s(x(40), sequence_length=7, sequence_stride=5, fft_length=10,
               window="hamming", center=False),
             s(x(1, 30), sequence_length=6, sequence_stride=3, fft_length=6,
               window=None)],
    "istft": [s([x(2, 6, 5), x(2, 6, 5, salt=1)], sequence_length=8,
                sequence_stride=4, fft_length=8),
              s([x(6, 6), x(6, 6)], sequence_length=7, sequence_stride=3,
                fft_length=10, length=12, center=False, window="hamming"),
              s([x(4, 4), x(4, 4)], sequence_length=6, sequence_stride=3,
                fft_length=6, window=None)],
    "ctc_loss": [
        s(labels(3, 2, 3) + 1, x(2, 6, 5), i(3, 2), i(6, 5), free=(0, 1, 2, 3)),
        s(i((1, 1, 2)), x(1, 4, 4), i(3), i(4), mask_index=3),
    ],
    "ctc_decode": [
        s(x(3, 6, 4), i(6, 4, 0), free=(0, 1)),
        s(x(2, 5, 3), i(5, 5), merge_repeated=False, mask_index=2),
    ],
}  # fmt: skip
