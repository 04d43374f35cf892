"""Attention: means of values, weighted by how well their keys answer a query.

`attended` and its gradient say by parts what it is; where the compiler can it has
`attend` do it, which keeps neither scores nor weights of all queries in memory.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir import dims
from graphkeras.ir.definers import composite, floating, require, structured
from graphkeras.ir.op import nondifferentiable, unsupported
from graphkeras.ir.types import TensorType
from graphkeras.ops.compare import greater_equal, logical_and, where
from graphkeras.ops.creation import cast, dtype_of, positions
from graphkeras.ops.einsum import einsum
from graphkeras.ops.math import add, multiply, subtract, tanh
from graphkeras.ops.nn import softmax
from graphkeras.ops.random import random_bits16
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import expand_dims, ndim, reshape, shape_of, slice_axes
from graphkeras.ops.shape import transpose as turn

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

LARGEST = 512  # elements of a query: of more, too few would be in the cache at once
FEWEST = 4  # queries for which it pays to pack the keys
DRAWN = 64  # neighbouring keys whose sixteen random bits are drawn together
NO_MASK, NO_WORDS = np.zeros(0, "bool"), np.zeros(0, "uint32")
_TO_KEYS, _TO_VALUES = "btgnh,bsgh->bgnts", "bgnts,bsgh->btgnh"
_FROM_QUERIES = "bgnts,btgnh->bsgh"


@composite()
def dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None,
    mask: Tensor | None = None, scale: float | None = None, is_causal: bool = False,
    flash_attention: bool | None = None, attn_logits_soft_cap: float | None = None,
) -> Any:  # fmt: skip
    """Return softmax(query @ key * scale + bias) @ value for each head.

    Source: Vaswani et al., arXiv:1706.03762.

    Args:
        query: (batch, T, heads, size).
        key: (batch, S, groups, size); groups divides heads.
        value: (batch, S, groups, any size).
        bias: added to the logits, broadcast to (batch, heads, T, S).
        mask: bools of that shape: false hides a key from a query.
        scale: 1 / sqrt(size) if None.
        is_causal: whether a query sees only keys up to its own place.
        flash_attention: taken for Keras's sake; the result is the same.
        attn_logits_soft_cap: squash logits into (-cap, cap) by tanh.

    Returns:
        (batch, T, heads, size of value).
    """
    scale = 1 / math.sqrt(shape_of(query)[3]) if scale is None else scale
    if bias is None and attn_logits_soft_cap is None and _is_broadcast(mask):
        seen = NO_MASK if mask is None else _of_rank_four(cast(mask, "bool"))
        return attended(
            query, key, value, seen, NO_WORDS, scale=float(scale), causal=is_causal,
            blank=False, rate=0.0,
        )  # fmt: skip
    logits = _scores(query, key, scale)
    if attn_logits_soft_cap is not None:
        logits = tanh(logits / attn_logits_soft_cap) * attn_logits_soft_cap
    if bias is not None:
        logits = add(logits, bias)
    visible = _seen(logits, None if mask is None else cast(mask, "bool"), is_causal)
    if visible is not None:
        logits = where(visible, logits, _lowest(logits))
    return _means(cast(softmax(logits, axis=-1), dtype_of(query)), value)


def _is_broadcast(mask: Any) -> bool:
    return mask is None or ndim(mask) <= 4


def _of_rank_four(mask: Any) -> Any:
    sizes = shape_of(mask)
    return reshape(mask, (*(1,) * (4 - len(sizes)), *sizes))


# --------------------------------------------------------------------------- by parts


def _in_groups(x: Any, groups: Any) -> Any:
    """(batch, T, heads, size) with the heads of each group on an axis of their own."""
    batch, steps, heads, size = shape_of(x)
    return reshape(x, (batch, steps, groups, heads // groups, size))


def _by_groups(scores: Any, groups: Any) -> Any:
    batch, heads, *sizes = shape_of(scores)
    return reshape(scores, (batch, groups, heads // groups, *sizes))


def _scores(query: Any, key: Any, scale: Any = None) -> Any:
    """Products of all queries and keys of a head: (batch, heads, T, S)."""
    batch, steps, heads, _ = shape_of(query)
    split = _in_groups(query, shape_of(key)[2])
    split = split if scale is None else multiply(split, scale)
    found = einsum(_TO_KEYS, split, key)
    return reshape(found, (batch, heads, steps, shape_of(key)[1]))


def _means(weights: Any, value: Any) -> Any:
    """Sums of values by weights (batch, heads, T, S)."""
    batch, heads, steps, _ = shape_of(weights)
    found = einsum(_TO_VALUES, _by_groups(weights, shape_of(value)[2]), value)
    return reshape(found, (batch, steps, heads, shape_of(value)[3]))


def _lowest(logits: Any) -> float:
    """Far below any logit, yet finite: a row that sees nothing is uniform."""
    half = dtype_of(logits) == "float16"
    return -0.7 * (65504.0 if half else 3.4028234e38)


def _seen(logits: Any, mask: Any, is_causal: bool) -> Any:
    """Which keys each query sees; None for all."""
    if not is_causal:
        return mask
    steps, keys = shape_of(logits)[-2:]
    row = positions(logits, (steps, 1), 0)
    below = greater_equal(row, positions(logits, (1, keys), 1))
    return below if mask is None else logical_and(mask, below)


def _weights(
    query: Any, key: Any, mask: Any, scale: float, causal: bool, blank: bool
) -> tuple[Any, Any]:
    """Weights of all keys for each query, and which of them it sees."""
    logits = _scores(query, key, scale)
    seen = _seen(logits, None if ndim(mask) == 1 else mask, causal)
    if seen is None:
        return softmax(logits, axis=-1), None
    weights = softmax(where(seen, logits, _lowest(logits)), axis=-1)
    return where(seen, weights, 0) if blank else weights, seen


def is_drawn_by_sixteen(rate: float) -> bool:
    """Return whether sixteen bits say a rate to one part in a thousand."""
    limit = round(rate * 2**16)
    few = min(limit, 2**16 - limit)
    return few > 0 and abs(limit - rate * 2**16) <= 1e-3 * few


def _thinned(x: Any, words: Any, rate: float) -> Any:
    """x without a share of its elements, the rest scaled up."""
    if not rate:
        return x
    *sizes, keys = shape_of(x)
    pitch = dims.ceildiv(keys, DRAWN) * DRAWN
    count = dims.product(sizes) * pitch
    first, second = (
        slice_axes(words, start=(k,), limit=(k + 1,), step=(1,)) for k in (0, 1)
    )
    bits = random_bits16(first, second, positions(words, (count,), 0, "uint32"))
    bits = slice_axes(
        reshape(bits, (*sizes, pitch)), start=(0,) * (len(sizes) + 1),
        limit=(*sizes, keys), step=(1,) * (len(sizes) + 1),
    )  # fmt: skip
    kept = greater_equal(bits, np.uint32(round(rate * 2**16)))
    return where(kept, multiply(x, 1 / (1 - rate)), 0)


def _kinds(kinds: Any) -> list[str]:
    """Queries, keys, values (and gradients) meet in one float dtype."""
    places = [i for i in range(len(kinds)) if i not in (3, 4)]
    found = iter(floating([kinds[i] for i in places]))
    fixed = {3: "bool", 4: "uint32"}
    return [fixed.get(i) or next(found) for i in range(len(kinds))]


def _attributes(y: Any) -> dict[str, Any]:
    return {name: getattr(y, name) for name in ("scale", "causal", "blank", "rate")}


def _attended_vjp(
    g: Any, y: Any, query: Any, key: Any, value: Any, mask: Any, words: Any
) -> Any:
    slopes = attended_slopes(query, key, value, mask, words, y, g, **_attributes(y))
    return (*slopes, None, None)


@composite(vjp=_attended_vjp, promote=_kinds)
def attended(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, words: Tensor, *,
    scale: float, causal: bool, blank: bool, rate: float,
) -> Any:  # fmt: skip
    """softmax(query @ key * scale) @ value for each head.

    Args:
        query, key, value: as for `dot_product_attention`.
        mask: bools that broadcast to (batch, heads, T, S), or an empty vector.
        words: two that fix what is dropped, or an empty vector.
        causal: whether a query sees only keys up to its own place.
        blank: whether a query that sees nothing gets zeros; else it sees all alike.
        rate: share of the weights that are dropped.
    """
    weights, _ = _weights(query, key, mask, scale, causal, blank)
    return _means(_thinned(weights, words, rate), value)


@composite(
    promote=_kinds,
    onnx=unsupported("gradients are not exported"),
)
def attended_slopes(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, words: Tensor,
    out: Tensor, g: Tensor, *, scale: float, causal: bool, blank: bool, rate: float,
) -> Any:  # fmt: skip
    """Gradients of query, key and value of `attended`.

    Args:
        out: its result.
        g: the gradient of that.
    """
    weights, seen = _weights(query, key, mask, scale, causal, blank)
    groups = shape_of(key)[2]
    slopes = _thinned(_scores(g, value), words, rate)
    mean = expand_dims(turn(sum(multiply(g, out), axis=-1), (0, 2, 1)), -1)
    slopes = multiply(weights, subtract(slopes, mean))
    slopes = slopes if seen is None else where(seen, slopes, 0)
    slopes = _by_groups(multiply(slopes, scale), groups)
    used = _by_groups(_thinned(weights, words, rate), groups)
    dq = reshape(einsum(_TO_VALUES, slopes, key), shape_of(query))
    dk = einsum(_FROM_QUERIES, slopes, _in_groups(query, groups))
    return dq, dk, einsum(_FROM_QUERIES, used, _in_groups(g, groups))


# -------------------------------------------------------------------------- in one go


def fits_the_cache(value: Any) -> bool:
    """Return whether kernels can do what `attended`, or its gradient, says.

    They must know how large a query and a value are, and have room for many of them.
    """
    query, key, x = value.inputs[:3]
    batch, steps, heads, size = query.shape
    keys, groups = key.shape[1:3]
    if isinstance(steps, int) and steps < FEWEST:
        return False
    widths = (size, x.shape[3])
    if not all(isinstance(n, int) and 0 < n <= LARGEST for n in widths):
        return False
    alike = key.shape == (batch, keys, groups, size) and x.shape[:3] == key.shape[:3]
    whole = isinstance(groups, int) and isinstance(heads, int) and keys != 0
    return alike and whole and (not value.rate or is_drawn_by_sixteen(value.rate))


def _attend_type(
    query: TensorType, key: TensorType, value: TensorType, *others: Any, **attrs: Any
) -> tuple[TensorType, TensorType]:
    require(query.rank == 5 and key.rank == value.rank == 4, "expected heads in groups")
    batch, steps, groups, heads, _ = query.shape
    out = query.with_shape((batch, steps, groups, heads, value.shape[3]))
    return out, query.with_shape((batch, groups, heads, steps, 2))


def _products(count: int) -> Any:
    """Operations of so many products of the size of the scores' and as many means."""

    def operations(y: Any) -> Any:
        query, key, value = y.inputs[:3]
        batch, steps, groups, heads, size = query.shape
        each = (count // 2 + count % 2) * size + count // 2 * value.shape[3]
        return 2 * batch * groups * heads * steps * key.shape[1] * each

    return operations


def _flat(x: Any) -> Any:
    """Heads of all groups on one axis, of queries (batch, T, groups, heads, size)."""
    batch, steps, groups, heads, size = x.shape
    return x.reshape(batch, steps, groups * heads, size)


def _flat_mask(mask: Any, like: Any) -> Any:
    """A mask of groups and heads as one of (batch, heads, T, S)."""
    if mask.ndim == 1:
        return mask
    batch, _, _, steps, keys = mask.shape
    groups, heads = like.shape[2:4]
    wide = np.broadcast_to(mask, (batch, groups, heads, steps, keys))
    return wide.reshape(batch, groups * heads, steps, keys)


@structured(
    infer=_attend_type, kernel="attention.attend", vjp=nondifferentiable,
    onnx=unsupported("attention is exported by its parts"), strided=True,
    operations=_products(2),
)  # fmt: skip
def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, heads: Tensor,
    words: Tensor, *, scale: float, causal: bool, blank: bool, rate: float,
) -> Any:  # fmt: skip
    """`attended`, and of each query the highest score and 1 / the sum of the exps.

    Args:
        query: (batch, T, groups, heads of a group, size).
        key, value: (batch, S, groups, size).
        mask: broadcasts to (batch, groups, heads, T, S), or an empty vector.
        heads: the number of each (batch, groups, heads), if something is dropped.

    Returns:
        Means like the queries, and (batch, groups, heads, T, 2).
    """
    flat, seen = _flat(query), _flat_mask(mask, query)
    out = attended(flat, key, value, seen, words, scale=scale, causal=causal,
                   blank=blank, rate=rate)  # fmt: skip
    logits = _scores(flat, key, scale)
    visible = _seen(logits, None if seen.ndim == 1 else seen, causal)
    if visible is not None:
        logits = np.where(visible, logits, _lowest(logits)).astype(query.dtype)
    top = logits.max(-1)
    share = 1 / np.exp(logits - top[..., None]).sum(-1)
    if blank:
        share = np.where(top <= _lowest(logits), 0, share)
    batch, steps, groups, count, _ = query.shape
    stats = np.stack([top, share], -1).astype(query.dtype)
    return (
        out.reshape(batch, steps, groups, count, -1),
        stats.reshape(batch, groups, count, steps, 2),
    )


@structured(
    infer=lambda query, key, value, *others, **attrs: (query, key, value),
    kernel="attention.attend_backward", vjp=nondifferentiable, strided=True,
    onnx=unsupported("gradients are not exported"), operations=_products(5),
)  # fmt: skip
def attend_backward(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, heads: Tensor,
    words: Tensor, out: Tensor, stats: Tensor, g: Tensor, *, scale: float,
    causal: bool, blank: bool, rate: float,
) -> Any:  # fmt: skip
    """Gradients of query, key and value of `attend`.

    Args:
        out, stats: its results.
        g: the gradient of the first of them.
    """
    dq, dk, dv = attended_slopes(
        _flat(query), key, value, _flat_mask(mask, query), words, _flat(out), _flat(g),
        scale=scale, causal=causal, blank=blank, rate=rate,
    )  # fmt: skip
    return dq.reshape(query.shape), dk, dv
