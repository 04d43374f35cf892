"""Samples of ops that fold, move, index and sort."""

from __future__ import annotations

import numpy as np

from tests.ops.sample import AWKWARD, i, labels, s, x

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
        s(x(3, 7), key=(slice(None, None, -1), slice(5, 0, -2)), free=()),
        s(x(3, 4), key=(slice(None), slice(None, None, -1)), free=(0,)),
        s(x(3, 4), key=(slice(1, 2, -1), None), free=()),
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
    "slice": [s(x(4, 5), start_indices=(1, 2), shape=(2, 2)),
              s(x(17), start_indices=(3,), shape=(9,))],
    "slice_update": [s(x(4, 5), x(2, 2), start_indices=(1, 3)),
                     s(x(4, 5), x(4, 2), start_indices=(0, 0), free=(0, 1))],
    "take": [s(x(5, 4), i(1, 3)), s(x(5, 4), i(1, 3), axis=1),
             s(x(17, 2), i(16), axis=0)],
    "scatter_add": [s(i(0, 2, 0), x(3, 4), size=3), s(i((1, 1), (0, 3)), x(2, 2),
                    size=5), s(i(), x(0, 3), size=2)],
    "chain": [s(i(0, 2, 0), size=3), s(i((1, -1), (0, 9)), size=5), s(i(), size=2)],
    "sum_chains": [
        s(i(0, 2, 0), i(0, -1, 1), i(2, -1, -1), x(3, 4)),
        s(i(1, 1), i(-1, 0), i(1, -1), x(2, 2, 3)),
    ],
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
