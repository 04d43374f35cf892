"""Calls of every op that states an ONNX rule, for the sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import graphkeras.ops  # noqa: F401  fills the table
from graphkeras import dtypes
from graphkeras.ir.dims import symbol
from graphkeras.ir.op import OPS, Op, Word, call, inline
from graphkeras.ir.trace import trace_function
from graphkeras.ir.types import TensorType
from graphkeras.ir.value import Graph

B = symbol("batch")


@dataclass(frozen=True)
class Operand:
    """A random tensor: its type and the set its elements come from."""

    shape: tuple
    dtype: str = "float32"
    domain: str = "any"
    below: int = 10  # for integers

    def draw(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """Return an array for a batch of this size."""
        shape = TensorType("float32", self.shape).at({"batch": batch}).shape
        if self.dtype == "bool":
            return rng.random(shape) < 0.5
        if dtypes.is_integer(self.dtype):
            low = 0 if self.dtype[0] == "u" or self.domain != "any" else -self.below
            low = 1 if self.domain in ("positive", "nonzero") else low
            return rng.integers(low, self.below, shape).astype(self.dtype)
        return _DOMAINS[self.domain](rng, shape).astype(self.dtype)


_DOMAINS = {
    "any": lambda rng, shape: rng.standard_normal(shape) * 3,
    "positive": lambda rng, shape: rng.uniform(0.1, 5, shape),
    "nonzero": lambda rng, shape: rng.uniform(0.1, 5, shape) * rng.choice([-1, 1], shape),
    "unit": lambda rng, shape: rng.uniform(-0.9, 0.9, shape),
    "above_one": lambda rng, shape: rng.uniform(1.1, 5, shape),
}


@dataclass(frozen=True)
class Case:
    """One call: which op, on what, with which attributes."""

    op: Op
    operands: tuple[Operand, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether onnxruntime has no kernel for it."""
        return self.op.name in REFUSED.get(self.operands[0].dtype, ())

    def __str__(self) -> str:
        types = ", ".join(str(TensorType(o.dtype, o.shape)) for o in self.operands)
        shown = ", ".join(f"{k}={v}" for k, v in self.attrs.items())
        return f"{self.op.name}({types}{'; ' if shown else ''}{shown})".replace(" ", "")

    def graph(self) -> Graph:
        """Trace the call."""
        types = [TensorType(o.dtype, o.shape) for o in self.operands]

        def run(*tensors: Any) -> Any:
            given = (list(tensors),) if self.op.variadic else tensors
            result = call(self.op, given, dict(self.attrs))
            return result[0] if self.op.name.endswith("_with_room") else result

        return trace_function(run, types)[0]


def exportable() -> list[Op]:
    """Return the ops that state an ONNX rule."""
    return [op for op in OPS.values() if _has_rule(op)]


def _has_rule(op: Op) -> bool:
    return op.family != "leaf" and not isinstance(op.onnx, Word)


def cases() -> Iterator[Case]:
    """Yield the calls of the sweep; families that need no table are drawn up here."""
    for op in exportable():
        if op.name in TABLE:
            for operands, attrs in TABLE[op.name]:
                yield Case(op, tuple(operands), attrs)
        elif op.family == "elementwise" or op.name in ACTIVATIONS:
            yield from _elementwise(op)
        elif op.family == "reduction" or op.name == "mean":
            yield from _reduction(op)


def _elementwise(op: Op) -> Iterator[Case]:
    """Operands that broadcast: a matrix, a vector, a number."""
    stated = op.fact("domain", "any")
    domains = stated if isinstance(stated, tuple) else (stated,) * len(op.operands)
    shapes = ((B, 3), (3,), ())
    for dtype in _dtypes_of(op):
        if op.name == "power" and dtype != "float32":  # no negative power of an integer
            domains = ("positive", "positive")
        operands = [
            _operand(shape, domain, dtype) for shape, domain in zip(shapes, domains)
        ]
        yield Case(op, tuple(operands))


def _dtypes_of(op: Op) -> tuple[str, ...]:
    """Ops that promote to float are the same for all dtypes after the cast."""
    domain = op.fact("domain", "any")
    if domain == "bool" or "integer" in domain:
        return ("int32", "uint8") if "integer" in domain else ("bool",)
    return NUMBERS if op.name not in ACTIVATIONS else NUMBERS[:5]


def _operand(shape: tuple, domain: str, dtype: str) -> Operand:
    if domain == "bool":
        return Operand(shape, "bool")
    if domain == "digit":
        return Operand(shape, dtype, "positive", below=5)
    return Operand(shape, dtype, "any" if domain == "integer" else domain)


def _reduction(op: Op) -> Iterator[Case]:
    kinds = ("bool",) if op.fact("domain") == "bool" else NUMBERS
    for dtype in kinds:
        for axis in (1, (1, 2), -1):
            yield Case(op, (Operand((B, 3, 4), dtype),), {"axis": axis})
        yield Case(op, (Operand((B, 3), dtype),), {"axis": 1, "keepdims": True})
        if not op.fact("needs_elements") and op.name != "mean":  # of none there is none
            yield Case(op, (Operand((B, 3), dtype),), {"axis": None})


NUMBERS = (
    "float32", "float64", "float16", "int32", "int64", "int8", "int16", "uint8", "uint16",
    "uint32", "uint64",
)  # fmt: skip
# No kernel in onnxruntime, and no wider dtype that gives the same.
REFUSED = {
    "float64": (
        "arccos arccosh arcsin arcsinh arctan arctan2 arctanh cosh erf sinh tan"
    ).split(),
    "uint64": ["max", "min"],
}
ACTIVATIONS = (
    "relu relu6 hard_tanh leaky_relu elu celu selu gelu softplus softsign hard_sigmoid"
).split()  # noqa: SIM905


def _f(*shape: Any, domain: str = "any") -> Operand:
    return Operand(shape, "float32", domain)


def _i(*shape: Any, below: int) -> Operand:
    return Operand(shape, "int32", "index", below)


_PLAIN = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
_POOLS = [
    ([_f(B, 7, 6, 3)], {"window": (2, 3), "strides": (2, 2), "padding": ((0, 0), (0, 0))}),
    ([_f(B, 7, 6, 3)], {"window": (3, 3), "strides": (1, 2), "padding": ((1, 1), (0, 1))}),
]

TABLE: dict[str, list[tuple[list[Operand], dict[str, Any]]]] = {
    "cast": [
        ([Operand((B, 3), "float32")], {"dtype": to})
        for to in ("int32", "bool", "float64", "float16", "uint8", "int64")
    ],
    "broadcast_to": [([_f(B, 3, 1)], {"shape": (B, 3, 4)}), ([_f(B, 1)], {"shape": (B, 5)})],
    "iota": [],  # takes no operand: see test_onnx
    "logical_and": [([Operand((B, 3), "bool"), Operand((3,), "bool")], {})],
    "where": [
        ([Operand((B, 3), "bool"), Operand((3,), dtype), Operand((B, 1), dtype)], {})
        for dtype in ("float32", "int32", "bool")
    ],
    "reshape": [
        ([_f(B, 6)], {"newshape": shape})
        for shape in ((-1, 2, 3), (B, 3, 2), (6 * B,), (2 * B, 3), (B, 1, 6))
    ],
    "transpose": [([_f(B, 3, 4)], {"axes": axes}) for axes in ((0, 2, 1), (2, 0, 1))],
    "slice_axes": [
        ([_f(B, 9)], {"start": (0, 1), "limit": (B, 8), "step": (1, 3)}),
        ([_f(B, 9)], {"start": (0, 0), "limit": (B, 9), "step": (2, 1)}),
    ],
    "pad_interior": [
        ([_f(B, 3)], {"value": 1.5, "low": low, "high": high, "interior": gap})
        for low, high, gap in (
            ((0, 2), (1, 0), (0, 0)), ((0, 0), (0, 0), (0, 2)), ((0, 1), (0, 1), (0, 1)),
        )
    ],
    "flip": [([_f(B, 3, 2)], {"axis": axis}) for axis in (1, (0, 2), None)],
    "concatenate": [
        ([_f(B, 3), _f(B, 2), _f(B, 1)], {"axis": 1}), ([_f(B, 3), _f(2, 3)], {"axis": 0}),
    ],
    "gather": [
        ([_f(5, 3), _i(B, 4, below=5)], {"axis": 0}),
        ([_f(B, 5, 2), _i(3, below=5)], {"axis": 1}),
    ],
    "scatter_add": [([_i(B, below=4), _f(B, 3)], {"size": 4})],
    "gather_along_axis": [([_f(B, 5), _i(B, 2, below=5)], {"axis": 1})],
    "scatter_add_along_axis": [([_i(B, 6, below=4), _f(B, 6)], {"axis": 1, "size": 4})],
    "place_of_max": [([_f(B, 5, 2)], {"axis": 1}), ([_i(B, 5, below=99)], {"axis": 1})],
    "place_of_min": [([_f(B, 5, 2)], {"axis": 1})],
    "cumulative": [
        ([_f(B, 5)], {"axis": 1, "combine": "add", "reverse": r, "exclusive": e})
        for r in (False, True) for e in (False, True)
    ],
    "conv2d": [
        ([_f(B, 7, 6, 4), _f(3, 2, 4 // groups, 6)], {**_PLAIN, "groups": groups, **more})
        for groups, more in (
            (1, {}), (2, {"strides": (2, 1)}), (2, {}), (1, {"dilation": (2, 2)}),
            (1, {"padding": ((1, 1), (0, 1)), "strides": (2, 2)}),
        )
    ],
    "conv2d_backward_data": [
        ([_f(B, 4, 4, 6), _f(3, 3, 5, 6)], {**_PLAIN, "size": (9, 9), "strides": (2, 2)}),
        ([_f(B, 4, 4, 6), _f(3, 3, 2, 6)], {**_PLAIN, "size": (6, 6), "groups": 2}),
    ],
    "sort_with_room": [([_f(B, 5)], {"axis": 1}), ([_f(B, 5)], {"axis": 0})],
    "argsort_with_room": [([_f(B, 5)], {"axis": 1})],
    "top_k_pair": [([_f(B, 6)], {"k": 3})],
    "leaky_relu": [([_f(B, 3)], {"negative_slope": 0.3})],
    "elu": [([_f(B, 3)], {"alpha": 0.7})],
    "celu": [([_f(B, 3)], {"alpha": 0.7})],
    "gelu": [([_f(B, 3)], {"approximate": a}) for a in (True, False)],
    "softmax": [([_f(B, 3, 4)], {"axis": a}) for a in (-1, 1, (1, 2))],
    "log_softmax": [([_f(B, 3, 4)], {"axis": a}) for a in (-1, 1, (1, 2))],
    "gemm": [([_f(B, 3), _f(3, 4)], {}), ([_f(B, 2, 3), _f(B, 3, 4)], {})],
    "standardize_and_scale": [
        ([_f(B, 3, 4), _f(4), _f(4)], {"axis": -1, "epsilon": 1e-3}),
        ([_f(B, 3, 4), _f(3, 4), _f(3, 4)], {"axis": (1, 2), "epsilon": 1e-3}),
        ([_f(B, 3, 4), _f(3), _f(3)], {"axis": 1, "epsilon": 1e-3}),
    ],
    "shift_and_scale": [
        ([_f(B, 5, 3), _f(3), _f(3, domain="positive"), _f(3), _f(3)],
         {"axis": axis, "epsilon": 1e-3})
        for axis in (-1,)
    ],
    "max_pool2d": _POOLS,
    "average_pool2d": _POOLS,
}  # fmt: skip
