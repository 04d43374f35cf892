"""One call of an op, and the numbers to call it with."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphkeras.ir.op import Op, call

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
