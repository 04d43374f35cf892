"""Attention written by hand: softmax(q @ k * scale) @ v, hidden keys far below.

What a product of such weights is, `attended` says in one word: then neither it nor its
gradient keeps the weights. Where the weights themselves are asked for, they stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkeras.ir.op import CONSTANT
from graphkeras.ir.value import Value
from graphkeras.ops.attention import (
    NO_MASK,
    NO_WORDS,
    attended,
    attended_slopes,
    fits_the_cache,
)
from graphkeras.ops.compare import where
from graphkeras.ops.linalg import gemm
from graphkeras.ops.math import divide, multiply
from graphkeras.ops.nn import softmax
from graphkeras.ops.shape import reshape, transpose

FAR = -1e4  # logits of what is hidden are this low, or lower
DTYPES = ("float32", "float64")


@dataclass(frozen=True, slots=True)
class ByHand:
    """A product that is attention.

    Attributes:
        whole: the same by one op, in the layout of `attended`.
        sources: queries, keys (as they were multiplied: turned) and values.
        between: the values that only lead from those to the product.
    """

    whole: Value
    sources: tuple[Value, Value, Value]
    between: tuple[Value, ...]

    @property
    def result(self) -> Value:
        """The product, made by the one op."""
        return _back(self.whole, self.sources[0].rank)

    def slopes(self, g: Value) -> list[Value]:
        """Return the gradients of the sources."""
        rank = self.sources[0].rank
        operands: list[Any] = [*self.whole.inputs, self.whole, _over(g, rank)]
        found = attended_slopes(*operands, **dict(self.whole.attrs))
        dq, dk, dv = (_back(part, rank) for part in found)
        return [dq, _swapped(dk), dv]


def by_hand(product: Value) -> ByHand | None:
    """Return what a product is, None if it is no attention."""
    if product.op is not _op(gemm) or product.rank not in (3, 4):
        return None
    weights, values = product.inputs
    chain = _Chain()
    scores = chain.down(weights)
    if scores is None or product.dtype not in DTYPES:
        return None
    queries, keys = scores.inputs
    lead = product.shape[:-2]
    if not all(x.shape[:-2] == lead for x in (queries, keys, values)):
        return None
    mask = _mask(chain.mask, product.rank)
    if mask is None:
        return None
    rank = product.rank
    whole: Any = attended(
        _over(queries, rank), _over(_swapped(keys), rank), _over(values, rank), mask,
        NO_WORDS, scale=chain.scale, causal=False, blank=False, rate=0.0,
    )  # fmt: skip
    if not fits_the_cache(whole):
        return None
    return ByHand(whole, (queries, keys, values), tuple(chain.passed))


class _Chain:
    """The way from weights back to the product of queries and keys.

    Attributes:
        passed: the values on it.
        scale: what the product is multiplied by.
        mask: where keys are not hidden.
    """

    def __init__(self) -> None:
        self.passed: list[Value] = []
        self.scale = 1.0
        self.mask: Value | None = None

    def down(self, weights: Value) -> Value | None:
        """Return the product, None if there is something else on the way."""
        while _moves_nothing(weights):
            self.passed.append(weights)
            weights = weights.inputs[0]
        self.passed.append(weights)
        if weights.op is not _op(softmax) or weights.axis != weights.rank - 1:
            return None
        value: Value | None = weights.inputs[0]
        while value is not None:
            self.passed.append(value)
            if value.op is _op(gemm):
                return value if value.shape == weights.shape else None
            value = self._before(value, weights)
        return None

    def _before(self, value: Value, weights: Value) -> Value | None:
        """Return what a step on the way is made of."""
        if value.shape != weights.shape or value.dtype != weights.dtype:
            return None
        if value.op is _op(where) and self.mask is None and self.scale == 1.0:
            mask, score, low = value.inputs
            number = _number(low)
            self.mask = mask
            return score if number is not None and number <= FAR else None
        if _moves_nothing(value):
            return value.inputs[0]
        if value.op in (_op(multiply), _op(divide)):
            return self._scaled(value)
        return None

    def _scaled(self, value: Value) -> Value | None:
        score, other = value.inputs
        if value.op is _op(multiply) and _number(score) is not None:
            score, other = other, score
        number = _number(other)
        if not number:
            return None
        self.scale *= 1 / number if value.op is _op(divide) else number
        return score


def _op(function: Any) -> Any:
    return function.op


def _moves_nothing(value: Value) -> bool:
    """Whether a value only says once more where its operand's elements are."""
    if value.op is _op(transpose):
        return tuple(value.axes) == tuple(range(value.rank))
    return value.op is _op(reshape) and value.shape == value.inputs[0].shape


def _number(value: Value) -> float | None:
    """Return the number a value stands for, None if it is not one finite number."""
    if value.op is not CONSTANT or value.type.size != 1:  # type: ignore[union-attr]
        return None
    found = float(np.asarray(value.data.array, "float64").reshape(()))
    return found if np.isfinite(found) else None


def _mask(mask: Value | None, rank: int) -> Any:
    """Return a mask over (batch, heads, T, S); None if it is of other axes."""
    if mask is None:
        return NO_MASK
    if mask.rank > rank:
        return None
    sizes = (1,) * (rank - mask.rank) + mask.shape
    return reshape(mask, (*sizes[:1], 1, *sizes[1:]) if rank == 3 else sizes)


def _over(x: Value, rank: int) -> Value:
    """(batch, T, size) or (batch, heads, T, size) -> (batch, T, heads, size)."""
    batch, *_, steps, size = x.shape
    found: Value = (
        reshape(x, (batch, steps, 1, size)) if rank == 3
        else transpose(x, (0, 2, 1, 3))
    )  # fmt: skip
    return found


def _back(x: Value, rank: int) -> Value:
    """The other way."""
    batch, steps, _, size = x.shape
    found: Value = (
        reshape(x, (batch, steps, size)) if rank == 3 else transpose(x, (0, 2, 1, 3))
    )
    return found


def _swapped(x: Value) -> Value:
    order = (*range(x.rank - 2), x.rank - 1, x.rank - 2)
    found: Value = transpose(x, order)
    return found
