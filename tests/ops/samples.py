"""What the sweep feeds to each op: operands, attributes, and the exceptions.

An elementwise op needs no line here: its `domain` makes its samples. Any other op has
its own lines in one of the tables; the sweep names the op that has none.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphkeras.ir.op import OPS, Op, call
from graphkeras.ir.value import Value

AWKWARD = (0, 1, 15, 16, 17, 127, 129)


@dataclass(frozen=True)
class Sample:
    """One call of an op.

    Attributes:
        operands: arrays, lists of arrays, or None for an operand left out.
        attrs: the attributes.
        free: numbers of the operands whose first axis is of free size in one check.
    """

    operands: tuple
    attrs: dict[str, Any] = field(default_factory=dict)
    free: tuple[int, ...] = ()

    def arrays(self) -> list[np.ndarray]:
        """The operands that are arrays, one after another."""
        return [a for o in self.operands for a in _each(o) if a is not None]

    def call(self, op: Op, arrays: list[Any]) -> Any:
        """Call `op` with `arrays` in the places of the sample's own."""
        rest = iter(arrays)
        placed = [_replaced(o, rest) for o in self.operands]
        if op.variadic:
            return call(op, (placed[0],), self.attrs)
        return call(op, (), {**dict(zip(op.operands, placed)), **self.attrs})


def _each(operand: Any) -> list[Any]:
    return operand if isinstance(operand, list) else [operand]


def _replaced(operand: Any, rest: Iterator[Any]) -> Any:
    if isinstance(operand, list):
        return [next(rest) for _ in operand]
    return None if operand is None else next(rest)


def s(*operands: Any, free: tuple[int, ...] = (), **attrs: Any) -> Sample:
    """Return a sample."""
    return Sample(operands, attrs, free)


# ------------------------------------------------------------------------- numbers

_MAKERS: dict[str, Callable[[np.random.Generator, tuple], np.ndarray]] = {
    "any": lambda r, n: r.normal(size=n).astype("float32"),
    "positive": lambda r, n: r.uniform(0.5, 2, n).astype("float32"),
    "nonzero": lambda r, n: (
        r.choice([-1, 1], n) * r.uniform(0.5, 2, n)
    ).astype("float32"),
    "unit": lambda r, n: r.uniform(-0.9, 0.9, n).astype("float32"),
    "share": lambda r, n: r.uniform(0.05, 0.95, n).astype("float32"),
    "above_one": lambda r, n: r.uniform(1.2, 3, n).astype("float32"),
    "bool": lambda r, n: r.integers(0, 2, n).astype("bool"),
    "integer": lambda r, n: r.integers(-50, 50, n).astype("int32"),
    "digit": lambda r, n: r.integers(0, 6, n).astype("int32"),
    "bit": lambda r, n: r.integers(0, 2, n).astype("float32"),
}  # fmt: skip


def x(*shape: int, kind: str = "any", salt: int = 0) -> np.ndarray:
    """Return numbers of a kind, always the same for the same arguments."""
    seed = zlib.crc32(repr((shape, kind, salt)).encode())
    return np.asarray(_MAKERS[kind](np.random.default_rng(seed), shape))


def i(*numbers: Any) -> np.ndarray:
    """Return int32 numbers."""
    return np.asarray(numbers, "int32")


def labels(count: int, *shape: int) -> np.ndarray:
    """Return class numbers below `count`."""
    return np.abs(x(*shape, kind="integer")) % count


def distribution(*shape: int) -> np.ndarray:
    """Return probabilities that sum to 1 along the last axis."""
    raw = x(*shape, kind="positive")
    return raw / raw.sum(-1, keepdims=True)


# ---------------------------------------------------------------------- elementwise

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


# --------------------------------------------------------------------- other tables

ELEMENTWISE = {
    "with_gradient": [s([x(3), x(3)], rule=lambda g: g)],
    "cast": [s(x(5), dtype="int32"), s(x(5, kind="integer"), dtype="float64"),
             s(x(5, kind="bool"), dtype="float32"), s(x(4), dtype="bool")],
    "iota": [s(shape=(3, 4), axis=1, dtype="int32"), s(shape=(0,), axis=0,
             dtype="float32"), s(shape=(17,), axis=0, dtype="int64")],
    "threefry2x32": [s(np.uint32(1), np.uint32(2), np.arange(17, dtype="uint32"))],
    "where": [s(x(n, kind="bool"), x(n), x(n, salt=1), free=(0, 1, 2))
              for n in AWKWARD]
             + [s(x(3, 1, kind="bool"), x(4), np.float32(0))],
    "full_like": [s(x(2, 3), fill_value=7), s(x(3, kind="integer"), fill_value=2)],
    "threshold": [s(x(17), threshold=0.2, default_value=-1.0, free=(0,))],
}  # fmt: skip

REDUCTIONS = {
    name: [
        *[s(x(n, kind=kind), free=(0,)) for n in sizes],
        s(x(4, 17, 3, kind=kind), axis=1, free=(0,)),
        s(x(4, 5, 3, kind=kind), axis=(0, -1), keepdims=True),
        s(x(16, kind=kind), axis=()),
        s(x(kind=kind)),
    ]
    for names, kind, sizes in (
        ("sum", "any", AWKWARD),
        ("prod", "positive", (0, 1, 15, 16, 17)),
        ("mean max min logsumexp ptp var", "any", AWKWARD[1:]),
        ("any all", "bool", AWKWARD),
    )
    for name in names.split()
}
REDUCTIONS |= {
    "count_nonzero": [s(x(4, 17, kind="digit"), axis=1), s(x(0))],
    "std": [s(x(n), free=(0,)) for n in AWKWARD[2:]] + [s(x(4, 5, 3), axis=(0, 2))],
    "average": [s(x(5), x(5, kind="positive")), s(x(3, 4), None, axis=0),
                s(x(3, 4), x(4, kind="positive"), axis=1)],
    "moments": [s(x(4, 17), axes=0), s(x(4, 5, 3), axes=(0, 1), keepdims=True)],
}  # fmt: skip

MOVEMENTS = {
    "broadcast_to": [s(x(1, 17), shape=(3, 17)), s(x(), shape=(2,)),
                     s(x(3), shape=(0, 3))],
    "reshape": [s(x(4, 6), newshape=(2, -1)), s(x(0, 3), newshape=(3, 0)),
                s(x(127), newshape=127)],
    "transpose": [s(x(3, 4, 5)), s(x(15, 17), axes=(1, 0)),
                  s(x(2, 3, 4, 5), axes=(0, 3, 1, 2), free=(0,))],
    "slice_axes": [s(x(17, 5), start=(2, 0), limit=(15, 5), step=(3, 1)),
                   s(x(5), start=(2,), limit=(2,), step=(1,))],
    "pad_interior": [
        s(x(4, 3), value=0.0, low=(1, 0), high=(2, 1), interior=(0, 0), free=(0,)),
        s(x(4, 3), value=1.5, low=(0, 2), high=(0, 0), interior=(2, 1)),
    ],
    "flip": [s(x(3, 17), axis=1, free=(0,)), s(x(2, 3)), s(x(0))],
    "concatenate": [s([x(3, 2), x(3, 5)], axis=1), s([x(1), x(0), x(16)]),
                    s([x(2, 3), i((1, 2, 3))])],
    "stack": [s([x(3, 2), x(3, 2, salt=1)], axis=1), s([x(0), x(0)])],
    "expand_dims": [s(x(3, 4), axis=1), s(x(3), axis=(0, -1))],
    "squeeze": [s(x(1, 3, 1)), s(x(1, 3, 1), axis=-1)],
    "ravel": [s(x(3, 5), free=(0,)), s(x())],
    "swapaxes": [s(x(3, 4, 5), axis1=0, axis2=-1)],
    "moveaxis": [s(x(3, 4, 5), source=0, destination=-1),
                 s(x(3, 4, 5), source=(0, 1), destination=(2, 0))],
    "getitem": [
        s(x(5, 4), key=2), s(x(5, 4), key=(slice(1, None, 2), -1)),
        s(x(5, 4, 3), key=(Ellipsis, None, 1)), s(x(5), key=slice(-3, -1)),
        s(x(5, 4), key=(slice(None), i(3, 0, 3))), s(x(17), key=slice(None, None, 4)),
    ],
    "split": [s(x(6, 2), indices_or_sections=3), s(x(2, 5), indices_or_sections=[1, 4],
              axis=1)],
    "array_split": [s(x(7), indices_or_sections=3)],
    "hsplit": [s(x(2, 4), indices_or_sections=2), s(x(4), indices_or_sections=2)],
    "vsplit": [s(x(4, 2), indices_or_sections=2)],
    "dsplit": [s(x(1, 2, 4), indices_or_sections=2)],
    "unstack": [s(x(3, 2)), s(x(2, 3), axis=1)],
    "append": [s(x(3), x(2)), s(x(3, 1), x(3, 2), axis=1)],
    "hstack": [s([x(3), x(2)]), s([x(3, 1), x(3, 2)])],
    "vstack": [s([x(3), x(3, salt=1)]), s([x(1, 2), x(3, 2)])],
    "dstack": [s([x(3), x(3, salt=1)]), s([x(3, 2, 1), x(3, 2, 4)])],
    "repeat": [s(x(3, 2), repeats=2, axis=1), s(x(3), repeats=[0, 2, 1]),
               s(x(2, 2), repeats=3)],
    "tile": [s(x(3, 2), repeats=2), s(x(3), repeats=(2, 2)),
             s(x(3, 2), repeats=(2, 1))],
    "roll": [s(x(17), shift=5), s(x(3, 4), shift=-1, axis=1),
             s(x(3, 4), shift=(1, 2), axis=(0, 1)), s(x(0), shift=1)],
    "rot90": [s(x(3, 4), k=k) for k in range(4)],
    "fliplr": [s(x(2, 3))],
    "flipud": [s(x(2, 3))],
    "pad": [s(x(3, 4), pad_width=((1, 2), (0, 1))),
            s(x(3), pad_width=2, mode="reflect"),
            s(x(3), pad_width=(2, 1), mode="symmetric"),
            s(x(1), pad_width=3, mode="reflect"),
            s(x(2, 2), pad_width=1, constant_values=4.0),
            s(x(2), pad_width=(5, 7), mode="symmetric")],
    "tril": [s(x(4, 3)), s(x(2, 3, 3), k=1)],
    "triu": [s(x(4, 3)), s(x(2, 3, 3), k=-1)],
    "diagonal": [s(x(4, 3)), s(x(2, 4, 3), offset=-1, axis1=1, axis2=2),
                 s(x(3, 5), offset=2)],
    "diag": [s(x(3, 4)), s(x(3)), s(x(3), k=-1), s(x(2), k=2)],
    "diagflat": [s(x(2, 2), k=1)],
}  # fmt: skip

INDEXING = {
    "gather": [s(x(5, 4), i(0, 4, -1, 2), axis=0), s(x(3, 5, 2), i((0, 1), (4, 4)),
               axis=1, free=(0,)), s(x(3, 0), i(), axis=1)],
    "take": [s(x(5, 4), i(1, 3)), s(x(5, 4), i(1, 3), axis=1),
             s(x(17, 2), i(16), axis=0)],
    "scatter_add": [s(i(0, 2, 0), x(3, 4), size=3), s(i((1, 1), (0, 3)), x(2, 2),
                    size=5), s(i(), x(0, 3), size=2)],
    "gather_along_axis": [s(x(3, 5), i((0, 4), (1, 1), (-1, 2)), axis=1)],
    "take_along_axis": [s(x(3, 5), i((0,), (1,), (4,)), axis=1),
                        s(x(3, 1, 2), i(((0, 1),)), axis=0),
                        s(x(4), i(3, 3), axis=None)],
    "scatter_add_along_axis": [
        s(i((0, 0), (1, 4)), x(2, 2), axis=1, size=5),
        s(i((0, 0), (1, 0)), x(2, 2), axis=0, size=3),
    ],
    "place_of_max": [s(x(n), axis=0) for n in AWKWARD[1:]]
                    + [s(x(3, 5, 2), axis=1, free=(0,))],
    "place_of_min": [s(x(n), axis=0) for n in AWKWARD[1:]] + [s(x(3, 5, 2), axis=1)],
    "argmax": [s(x(3, 17)), s(x(3, 17), axis=-1, keepdims=True, free=(0,)),
               s(i(1, 5, 5)), s(x(3, 5), keepdims=True)],
    "argmin": [s(x(3, 17)), s(x(3, 17), axis=0)],
    "cumulative": [
        s(x(n), axis=0, combine="add", reverse=r, exclusive=e)
        for n in (0, 1, 17) for r in (False, True) for e in (False, True)
    ],
    "cumsum": [s(x(3, 17), axis=1, free=(0,)), s(x(3, 4)), s(x(3, kind="bool"))],
    "cumprod": [s(x(3, 5), axis=0), s(x(4), dtype="float64"),
                s(np.asarray([2.0, 0, 3, 0, 4], "float32"))],
    "scatter": [s(i((0,), (2,), (0,)), x(3), shape=(4,)),
                s(i((0, 1), (2, 0)), x(2, 5), shape=(3, 2, 5))],
    "scatter_update": [
        s(x(4, 2), i((1,), (3,)), x(2, 2)), s(x(4), i((1,), (1,)), x(2)),
        s(x(4, 2), i((1, 0), (3, 1)), x(2), reduction="add"),
        s(x(4), i((1,), (1,)), x(2), reduction="max"),
        s(x(4), i((1,), (1,)), x(2), reduction="min"),
        s(x(4), i((1,), (1,)), x(2), reduction="mul"),
    ],
    **{
        f"segment_{how}": [s(x(5), i(0, 0, 1, 2, 2), num_segments=3),
                           s(x(4, 2), i(1, 0, 1, 0), num_segments=2)]
        for how in ("sum", "max", "min", "prod")
    },
}  # fmt: skip

SORTING = {
    "sort_with_room": [s(x(n), axis=0) for n in AWKWARD]
                      + [s(x(3, 17, 2), axis=1, free=(0,))],
    "argsort_with_room": [s(x(n), axis=0) for n in AWKWARD]
                         + [s(i(3, 1, 3, 1), axis=0)],
    "sort": [s(x(3, 17)), s(x(3, 4), axis=None), s(x(3, 4), axis=0)],
    "argsort": [s(x(3, 17)), s(x(3, 4), axis=None)],
    "argpartition": [s(x(5), kth=2)],
    "top_k_pair": [s(x(3, 17), k=5, free=(0,)), s(i(3, 1, 3, 1), k=3), s(x(4), k=0)],
    "top_k": [s(x(3, 17), k=3)],
    "in_top_k": [s(labels(5, 4), x(4, 5), k=2)],
    "searchsorted": [s(i(1, 3, 5), i(0, 3, 9)), s(i(1, 3, 3), i(3), side="right")],
    "digitize": [s(x(17), np.asarray([-1, 0, 1], "float32"))],
}  # fmt: skip

LINEAR = {
    "gemm": [s(x(m, k), x(k, n)) for m, k, n in
             ((1, 1, 1), (15, 16, 17), (17, 0, 3), (0, 4, 2), (16, 127, 129))]
            + [s(x(2, 3, 4), x(2, 4, 5), free=(0, 1)), s(x(2, 1, 3, 4), x(5, 4, 2))],
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
    "normalize": [s(x(4, 17)), s(x(4, 5), order=3, axis=0), s(x(4, 5), order=1)],
}  # fmt: skip


def conv2d(
    image: tuple, kernel: tuple, free: tuple[int, ...] = (), **attrs: Any
) -> Sample:
    """Return a sample of the image primitive."""
    whole = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1),
             "groups": 1, **attrs}  # fmt: skip
    return s(x(*image), x(*kernel), free=free, **whole)


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
    "conv": [
        s(x(2, 5, 6, 3), x(3, 2, 3, 4), padding="same", free=(0,)),
        s(x(2, 5, 6, 3), x(3, 2, 3, 4), strides=2, padding="same"),
        s(x(2, 9, 3), x(3, 3, 4), padding="causal", dilation_rate=2, free=(0,)),
        s(x(2, 4, 5, 6), x(3, 2, 2, 4), data_format="channels_first"),
        s(x(2, 3, 9), x(3, 3, 4), strides=2, data_format="channels_first"),
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
    ],
    "max_pool2d": [s(x(2, 5, 6, 3), window=(2, 2), strides=(2, 2),
                     padding=((0, 1), (0, 0)), free=(0,)),
                   s(x(1, 5, 5, 2), window=(3, 2), strides=(1, 2),
                     padding=((1, 1), (0, 1)))],
    "max_pool2d_backward": [s(x(2, 4, 4, 3), x(2, 4, 4, 3)[:, ::2, ::2], x(2, 2, 2, 3),
                              window=(1, 1), strides=(2, 2), padding=((0, 0), (0, 0)))],
    "average_pool2d": [s(x(2, 5, 6, 3), window=(2, 3), strides=(2, 2),
                         padding=((0, 1), (1, 1)), free=(0,))],
    "average_pool2d_backward": [s(x(2, 3, 3, 3), size=(5, 6), window=(2, 3),
                                  strides=(2, 2), padding=((0, 1), (1, 1)))],
    "max_pool": [s(x(2, 5, 6, 3), pool_size=2, free=(0,)),
                 s(x(2, 5, 6, 3), pool_size=3, strides=2, padding="same"),
                 s(x(2, 3, 7), pool_size=2, data_format="channels_first"),
                 s(x(2, 7, 3), pool_size=3, strides=1, padding="same")],
    "average_pool": [s(x(2, 5, 6, 3), pool_size=(2, 3), padding="same"),
                     s(x(2, 7, 3), pool_size=2),
                     s(x(2, 3, 5, 6), pool_size=2, data_format="channels_first")],
}  # fmt: skip

TABLE: dict[str, list[Sample]] = {
    **ELEMENTWISE, **REDUCTIONS, **MOVEMENTS, **INDEXING, **SORTING, **LINEAR,
    **NETWORKS, **IMAGES,
}  # fmt: skip


def samples_of(op: Op) -> list[Sample]:
    """Return the samples of an op; an empty list if nobody wrote one."""
    if op.name in TABLE:
        return TABLE[op.name]
    if op.name in POINTWISE:
        return pointwise_samples(op, POINTWISE[op.name])
    if op.family == "elementwise":
        return pointwise_samples(op, op.fact("domain", "any"))
    return []


def names() -> list[str]:
    """Return the ops of the table, text apart: it has a sweep of its own."""
    return sorted(
        name
        for name, op in OPS.items()
        if op.reference.__module__.startswith("graphkeras.ops.")
        and not op.reference.__module__.endswith("text")
    )


# ----------------------------------------------------------------------- exceptions

# (check, op) -> why it is expected to fail.
EXPECTED: dict[tuple[str, str], str] = {
    ("gradient", "stop_gradient"): "it is there to have another gradient",
    ("gradient", "with_gradient"): "it is there to have another gradient",
    ("onnx", "cumprod"): "ONNX has a running sum only",
}


def flat(result: Any) -> list[Any]:
    """Return the result of a call as a list."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


def is_value(thing: Any) -> bool:
    """Return whether a result is a node of the graph (not a constant array)."""
    return isinstance(thing, Value)
