"""Samples of products, layers' functions, convolutions and pools."""

from __future__ import annotations

import math
from typing import Any

from tests.ops.sample import Sample, distribution, i, labels, s, x

LINEAR = {
    "gemm": [s(x(m, k), x(k, n)) for m, k, n in
             ((1, 1, 1), (15, 16, 17), (17, 0, 3), (0, 4, 2), (16, 127, 129))]
            + [s(x(2, 3, 4), x(2, 4, 5), free=(0, 1)), s(x(2, 1, 3, 4), x(5, 4, 2))],
    "weight_panels": [s(x(3, n)) for n in (1, 32, 70)] + [s(x(0, 3)), s(x(3, 0))],
    "panel_product": [s(x(m, k), x(n, k)) for m, k, n in
                      ((1, 19, 7), (1, 6, 33), (1, 40, 200), (17, 9, 70), (3, 0, 5),
                       (0, 4, 40), (14, 300, 64))]
                     + [s(x(5, 4), x(33, 4), free=(0,))],
    "dot": [s(x(3), x(3, salt=1)), s(x(2, 3), x(3)), s(x(2, 3), x(4, 3, 5)),
            s(x(3), x())],
    "tensordot": [s(x(2, 3, 4), x(4, 3), axes=((1, 2), (1, 0))),
                  s(x(2, 3), x(3, 4), axes=1, free=(0,)), s(x(2, 3), x(4), axes=0)],
    "inner": [s(x(2, 3), x(4, 3)), s(x(3), x())],
    "vdot": [s(x(2, 3), x(2, 3, salt=1))],
    "outer": [s(x(3), x(2, 2))],
    "kron": [s(x(2, 3), x(3, 2)), s(x(2), x(2, 2))],
    "cross": [s(x(4, 3), x(4, 3, salt=1)), s(x(3, 4), x(2, 4), axis=0),
              s(x(2), x(2, salt=1))],
    "trace": [s(x(3, 4)), s(x(2, 4, 4), offset=1, axis1=1, axis2=2)],
    "norm": [s(x(3, 4)), s(x(3, 4), axis=1, keepdims=True)]
            + [s(x(3, 4), ord=p, axis=1) for p in (1, 3, math.inf, -math.inf)]
            + [s(x(2, 3, 4), ord=p, axis=(1, 2)) for p in ("fro", 1, -1, math.inf)],
    "cdist": [s(x(4, 3), x(5, 3)), s(x(2, 4, 3), x(2, 1, 3))],
    "sum_of_products": [s([x(2, 3, 4), x(2, 5, 4)], subscripts="bij,bkj->bik")],
    "matmul": [s(x(3), x(3, salt=1)), s(x(2, 3), x(3)), s(x(3), x(3, 2)),
               s(x(2, 5, 3), x(3, 4), free=(0,)), s(x(3), x(2, 3, 4)),
               s(x(2, 4, 3), x(3))],
}  # fmt: skip

NETWORKS = {
    "glu": [s(x(3, 8)), s(x(4, 3), axis=0)],
    "softmax": [s(x(4, n), free=(0,)) for n in (1, 17)]
               + [s(x(3, 4, 5), axis=1), s(x(3, 4, 5), axis=(1, 2))],
    "log_softmax": [s(x(4, 17), free=(0,)), s(x(3, 4, 5), axis=(0, 2))],
    "sparsemax": [s(x(4, 6)), s(x(4, 3), axis=0)],
    "one_hot": [s(labels(5, 17), num_classes=5, free=(0,)), s(i((0, -1), (7, 2)),
                num_classes=3, axis=1), s(labels(3, 2), num_classes=3, dtype="int32")],
    "multi_hot": [s(labels(5, 2, 3), num_classes=5), s(labels(4, 3), num_classes=4)],
    "softmax_crossentropy": [s(distribution(4, 7), x(4, 7), axis=-1, free=(0, 1)),
                             s(distribution(4, 7), x(4, 7), axis=0)],
    "categorical_crossentropy": [
        s(distribution(4, 7), distribution(4, 7), free=(0, 1)),
        s(distribution(4, 7), x(4, 7), from_logits=True),
        s(distribution(4, 7), distribution(4, 7), axis=0),
    ],
    "sparse_softmax_crossentropy": [s(labels(7, 4), x(4, 7), axis=-1, free=(0, 1))],
    "sparse_categorical_crossentropy": [
        s(labels(7, 4), distribution(4, 7), free=(0, 1)),
        s(labels(7, 4, 1), x(4, 7), from_logits=True),
        s(labels(3, 4, 2), distribution(4, 3, 2), axis=1),
        s(i(-1, 9), x(2, 3), from_logits=True),
    ],
    "standardize_and_scale": [
        s(x(4, 17), x(17), x(17, salt=1), axis=(1,), epsilon=1e-3, free=(0,)),
        s(x(3, 4, 5), x(3, 5), x(3, 5, salt=1), axis=(0, 2), epsilon=1e-3),
    ],
    "layer_normalization": [s(x(4, 17), None, None, epsilon=1e-3), s(x(4, 5, 3),
                            x(5, 3), None, axis=(1, 2), epsilon=1e-2)],
    "rms_normalization": [s(x(4, 17), x(17), epsilon=1e-3), s(x(4, 3), None)],
    "shift_and_scale": [s(x(5, 4), x(4), x(4, kind="positive"), x(4, salt=1),
                          x(4, salt=2), axis=1, epsilon=1e-3, free=(0,))],
    "batch_normalization": [
        s(x(5, 6, 4), x(4), x(4, kind="positive"), None, None, axis=-1, free=(0,)),
        s(x(5, 4, 6), x(4), x(4, kind="positive"), x(4), x(4, salt=1), axis=1),
    ],
    "rounded_einsum": [
        s(x(2, 3, 4), x(4, 5, kind="integer").astype("int8"),
          x(1, 1, 5, kind="positive"), equation="abc,cd->abd", low=-127, high=127,
          epsilon=1e-7, free=(0,)),
        s(x(2, 3, 4), x(3, 4, 2, 5, kind="integer").astype("int8"),
          x(1, 5, 2, kind="positive"), equation="abc,bcde->aed", low=-20, high=20,
          epsilon=1e-7),
    ],
    "depth_to_space": [s(x(2, 3, 2, 8), block_size=2),
                       s(x(2, 8, 3, 2), block_size=2, data_format="channels_first")],
    "space_to_depth": [s(x(2, 4, 6, 3), block_size=2)],
    "rearrange_axes": [s(x(2, 6, 3), pattern="b (h w) c -> b w (h c)",
                         lengths=(("h", 2),), free=(0,))],
    "psnr": [s(x(3, 4), x(3, 4, salt=1), max_val=2.0)],
    "normalize": [s(x(4, 17)), s(x(4, 5), order=3, axis=0), s(x(4, 5), order=1)],
}  # fmt: skip


def conv2d(
    image: tuple, kernel: tuple, free: tuple[int, ...] = (), **attrs: Any
) -> Sample:
    """Return a sample of the image primitive."""
    whole = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1),
             "groups": 1, **attrs}  # fmt: skip
    return s(x(*image), x(*kernel), free=free, **whole)


def conv3d(
    volume: tuple, kernel: tuple, free: tuple[int, ...] = (), **attrs: Any
) -> Sample:
    """Return a sample of a convolution of volumes."""
    whole = {"strides": (1, 1, 1), "padding": ((0, 0),) * 3, "dilation": (1, 1, 1),
             "groups": 1, **attrs}  # fmt: skip
    return s(x(*volume), x(*kernel), free=free, **whole)


_PADDED = {"padding": ((1, 1), (0, 2)), "strides": (2, 1)}
_GROUPED = {"groups": 2, "dilation": (1, 2)}

IMAGES = {
    "conv2d": [
        conv2d((2, 5, 6, 3), (3, 2, 3, 4), free=(0,)),
        conv2d((2, 5, 6, 3), (3, 3, 3, 4), **_PADDED),
        conv2d((1, 5, 7, 4), (2, 3, 2, 6), **_GROUPED),
        conv2d((0, 5, 6, 3), (3, 2, 3, 17)),
    ],
    "conv2d_backward_data": [
        conv2d((2, 3, 5, 4), (3, 2, 3, 4), size=(5, 6), free=(0,)),
        conv2d((2, 3, 6, 4), (3, 3, 3, 4), size=(5, 6), **_PADDED),
        conv2d((1, 4, 3, 6), (2, 3, 2, 6), size=(5, 7), **_GROUPED),
    ],
    "conv2d_backward_weights": [
        conv2d((2, 5, 6, 3), (2, 3, 5, 4), window=(3, 2), free=(0, 1)),
        conv2d((2, 5, 6, 3), (2, 3, 6, 4), window=(3, 3), **_PADDED),
        conv2d((1, 5, 7, 4), (1, 4, 3, 6), window=(2, 3), **_GROUPED),
    ],
    "conv3d": [
        conv3d((2, 4, 3, 5, 3), (2, 3, 2, 3, 4), free=(0,)),
        conv3d((1, 5, 5, 4, 3), (3, 2, 2, 3, 2), strides=(2, 1, 2),
               padding=((1, 1), (0, 1), (0, 2))),
        conv3d((1, 5, 4, 4, 4), (2, 2, 2, 2, 6), groups=2, dilation=(3, 1, 2)),
        conv3d((1, 3, 3, 3, 2), (1, 1, 1, 2, 2), strides=(2, 2, 2)),
    ],
    "conv3d_backward_data": [
        conv3d((2, 3, 1, 4, 4), (2, 3, 2, 3, 4), size=(4, 3, 5), free=(0,)),
        conv3d((1, 3, 5, 3, 2), (3, 2, 2, 3, 2), size=(5, 5, 4), strides=(2, 1, 2),
               padding=((1, 1), (0, 1), (0, 2))),
        conv3d((1, 2, 2, 2, 2), (2, 2, 2, 3, 2), size=(5, 4, 5), strides=(2, 2, 2),
               padding=((0, -1), (0, 0), (0, -1))),
    ],
    "conv": [
        s(x(2, 5, 6, 3), x(3, 2, 3, 4), padding="same", free=(0,)),
        s(x(2, 5, 6, 3), x(3, 2, 3, 4), strides=2, padding="same"),
        s(x(2, 9, 3), x(3, 3, 4), padding="causal", dilation_rate=2, free=(0,)),
        s(x(2, 4, 5, 6), x(3, 2, 2, 4), data_format="channels_first"),
        s(x(2, 3, 9), x(3, 3, 4), strides=2, data_format="channels_first"),
        s(x(1, 4, 3, 5, 2), x(2, 3, 2, 2, 3), padding="same", free=(0,)),
    ],
    "depthwise_conv": [s(x(2, 5, 6, 3), x(3, 2, 3, 2), padding="same"),
                       s(x(2, 9, 3), x(3, 3, 1), strides=2)],
    "separable_conv": [s(x(2, 5, 6, 3), x(3, 2, 3, 2), x(1, 1, 6, 4))],
    "conv_transpose": [
        s(x(2, 3, 4, 3), x(3, 2, 5, 3), strides=2, free=(0,)),
        s(x(2, 3, 4, 3), x(3, 2, 5, 3), strides=(2, 3), padding="same"),
        s(x(2, 3, 4, 3), x(3, 3, 5, 3), strides=2, padding="same", output_padding=1),
        s(x(2, 5, 3), x(1, 2, 3), strides=3),
        s(x(2, 3, 5), x(2, 4, 3), dilation_rate=2, data_format="channels_first"),
        s(x(1, 2, 3, 2, 3), x(2, 3, 1, 2, 3), strides=2, padding="same"),
    ],
    "winograd_weights": [s(x(3, 4, 5, 6), turned=False), s(x(1, 5, 5, 6), turned=True)],
    "winograd_conv2d": [s(x(2, 5, 6, 3), x(36, 3, 4), size=(5, 5), window=(3, 4),
                          padding=((1, 1), (1, 1)), free=(0,)),
                        s(x(2, 1, 9, 3), x(6, 3, 4), size=(1, 8), window=(1, 2),
                          padding=((0, 0), (0, 0)))],
    "winograd_backward_weights": [s(x(2, 5, 6, 3), x(2, 5, 5, 4), window=(3, 4),
                                    padding=((1, 1), (1, 1)), free=(0,))],
    "winograd_weights_gradient": [s(x(36, 3, 4), window=(3, 5)),
                                  s(x(6, 3, 17), window=(2, 1))],
    "comb_weights": [s(x(1, 7, 5, 40), stride=3, teeth=3),
                     s(x(1, 7, 3, 6), stride=1, teeth=4)],
    "comb_weights_turned": [s(x(1, 7, 40, 5), stride=3, teeth=3),
                            s(x(1, 9, 3, 6), stride=2, teeth=3)],
    "comb_conv": [s(x(2, 2, 20, 3), x(1, 2, 6, 3, 3, 32), size=6, channels=40, taps=7,
                    stride=3, teeth=3, before=1, free=(0,)),
                  s(x(1, 1, 9, 3), x(1, 1, 6, 2, 3, 32), size=7, channels=4, taps=7,
                    stride=1, teeth=4, before=2)],
    "comb_backward_data": [
        s(x(2, 2, 6, 3), x(3, 2, 6, 1, 3, 32), size=20, channels=40, taps=7, stride=3,
          teeth=3, before=1, free=(0,)),
        s(x(1, 1, 7, 3), x(1, 1, 6, 2, 3, 32), size=9, channels=4, taps=7, stride=1,
          teeth=4, before=2)],
    "comb_backward_weights": [
        s(x(2, 2, 20, 3), x(2, 2, 6, 40), taps=7, stride=3, teeth=3, before=1,
          free=(0,)),
        s(x(1, 1, 9, 70), x(1, 1, 7, 4), taps=7, stride=1, teeth=4, before=2)],
    "comb_weights_gradient": [s(x(6, 3, 3, 5), taps=7, stride=3, teeth=3)],
    "max_pool2d": [s(x(2, 5, 6, 3), window=(2, 2), strides=(2, 2),
                     padding=((0, 1), (0, 0)), free=(0,)),
                   s(x(1, 5, 5, 2), window=(3, 2), strides=(1, 2),
                     padding=((1, 1), (0, 1)))],
    "max_pool2d_places": [s(x(2, 5, 6, 3).round(), window=(2, 3), strides=(2, 2),
                            padding=((0, 1), (1, 1)), free=(0,)),
                          s(x(1, 18, 17, 1), window=(17, 16), strides=(1, 1),
                            padding=((0, 0), (0, 0)))],
    "max_unpool2d": [s(labels(6, 2, 3, 3, 3), x(2, 3, 3, 3), size=(5, 6), window=(2, 3),
                       strides=(2, 2), padding=((0, 1), (1, 1))),
                     s(labels(6, 2, 2, 2, 3), x(2, 2, 2, 3), size=(5, 7), window=(2, 3),
                       strides=(2, 4), padding=((0, 0), (0, 0)))],
    "pool_at_places2d": [s(labels(6, 2, 3, 3, 3), x(2, 5, 6, 3), window=(2, 3),
                           strides=(2, 2), padding=((0, 1), (1, 1)))],
    "average_pool2d": [s(x(2, 5, 6, 3), window=(2, 3), strides=(2, 2),
                         padding=((0, 1), (1, 1)), free=(0,))],
    "average_pool2d_backward": [s(x(2, 3, 3, 3), size=(5, 6), window=(2, 3),
                                  strides=(2, 2), padding=((0, 1), (1, 1)))],
    "max_pool3d": [s(x(2, 3, 4, 5, 2), window=(2, 3, 2), strides=(1, 2, 2),
                     padding=((0, 1), (1, 1), (0, 0)), free=(0,))],
    "average_pool3d": [s(x(2, 3, 4, 5, 2), window=(2, 3, 2), strides=(1, 2, 2),
                         padding=((0, 1), (1, 1), (0, 0)), free=(0,))],
    "max_pool": [s(x(2, 5, 6, 3), pool_size=2, free=(0,)),
                 s(x(2, 5, 6, 3), pool_size=3, strides=2, padding="same"),
                 s(x(2, 3, 7), pool_size=2, data_format="channels_first"),
                 s(x(2, 7, 3), pool_size=3, strides=1, padding="same"),
                 s(x(1, 2, 4, 3, 5), pool_size=2, data_format="channels_first")],
    "average_pool": [s(x(2, 5, 6, 3), pool_size=(2, 3), padding="same"),
                     s(x(2, 7, 3), pool_size=2),
                     s(x(2, 3, 5, 6), pool_size=2, data_format="channels_first")],
}  # fmt: skip
