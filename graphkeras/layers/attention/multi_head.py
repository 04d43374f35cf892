"""MultiHeadAttention."""

from __future__ import annotations

from typing import Any

from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.layers.attention.heads import Heads
from graphkeras.layers.facets import given
from graphkeras.layers.validation import is_int, positive_int


def _ints_or_none(who: str, name: str, value: Any) -> tuple[int, ...] | None:
    listed = (value,) if is_int(value) else value
    if listed is None:
        return None
    if not isinstance(listed, (tuple, list)) or not all(map(is_int, listed)):
        raise ArgumentError(
            message(who, f"expected {name} to be ints.", f"{name}={value!r}")
        )
    return tuple(int(v) for v in listed) or None


class MultiHeadAttention(Heads):
    """Each query a mean of values, in several heads of which each projects its own way.

    ``softmax(query @ key / sqrt(key_dim)) @ value`` for each head, then a projection of
    all heads together. Source: Vaswani et al., arXiv:1706.03762.

    Args:
        num_heads: number of heads.
        key_dim: size of queries and keys in each head.
        value_dim: size of values in each head; `key_dim` by default.
        dropout: share of the weights of values dropped in training.
        use_bias: whether the projections have biases.
        output_shape: size (or sizes) of the output; that of the queries by default.
        attention_axes: axes of the inputs to attend along; all but the batch and the
            last by default.
        sliding_window: how near a key must be to its query to be seen.
        flash_attention: taken for Keras's sake; the result is the same.
        kernel_initializer, bias_initializer: first values of the projections.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on them.
        kernel_constraint, bias_constraint: projections after each update.
        use_gate: whether sigmoids of the queries scale the heads.
        seed: int that fixes the dropout.

    Call arguments: query, value, key (the value by default), `attention_mask` (batch,
        T, S), `use_causal_mask` (no query sees a later key), `return_attention_scores`,
        `value_mask`, `key_mask` (those of the tensors by default).

    Shapes: query: (batch, T, n), value: (batch, S, m) -> (batch, T, n); with scores
        also (batch, num_heads, T, S).

    Example:
        >>> import numpy as np
        >>> query, value = np.ones((1, 5, 8), "float32"), np.ones((1, 7, 3), "float32")
        >>> MultiHeadAttention(num_heads=2, key_dim=4)(query, value).shape
        (1, 5, 8)
    """

    _uses_masks_up = True  # as in Keras: later layers do not see masks of its inputs

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        arguments = given(locals())
        super().__init__(**kwargs)
        who = type(self).__name__
        self.num_heads = positive_int(who, "num_heads", num_heads)
        self.key_dim = positive_int(who, "key_dim", key_dim)
        value_dim = key_dim if value_dim is None else value_dim
        self.value_dim = positive_int(who, "value_dim", value_dim)
        self._output_sizes = _ints_or_none(who, "output_shape", output_shape)
        self.attention_axes = _ints_or_none(who, "attention_axes", attention_axes)
        self._keep(arguments)

    def build(  # type: ignore[override]  # a shape for each input, as in Keras
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        """Make the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ShapeError(
                message(
                    "", "expected values and keys that differ in their last axis only.",
                    f"value {tuple(value_shape)}, key {tuple(key_shape)}",
                )
            )  # fmt: skip
        self._build_to_heads(
            (query_shape, key_shape, value_shape), (self.num_heads, self.key_dim),
            (self.num_heads, self.key_dim), (self.num_heads, self.value_dim),
        )  # fmt: skip
        rank = len(value_shape)
        axes = range(1, rank - 1) if self.attention_axes is None else (
            self.attention_axes)  # fmt: skip
        self.attention_axes = tuple(a % rank for a in axes)
        self._scores_equation, self._means_equation = _equations(
            rank + 1, self.attention_axes
        )
        count = len(self.attention_axes)
        heads = (*query_shape[:-1], self.num_heads, self.value_dim)
        output = self._output_sizes or (query_shape[-1],)
        self._build_after(heads, output, tuple(range(-count, 0)))

    @property
    def output_shape(self) -> tuple[int, ...] | None:
        """The sizes given to the constructor."""
        return self._output_sizes

    query_dense = property(lambda self: self._query_dense)
    key_dense = property(lambda self: self._key_dense)
    value_dense = property(lambda self: self._value_dense)
    output_dense = property(lambda self: self._output_dense)

    def saved_children(self) -> dict[str, Any]:
        """In Keras's files the projections stand under their public names."""
        found = super().saved_children()
        public = ("_query_dense", "_key_dense", "_value_dense", "_output_dense")
        return {k[1:] if k in public else k: v for k, v in found.items()}


def _equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """Return the sums for scores and means of (batch, ..., heads, size) tensors.

    Scores are (batch, ..., heads, *axes of queries, *axes of keys).
    """
    queries = "abcdefghijklm"[:rank]
    fresh = dict(zip(axes, "nopqrstuvwxyz"))
    keys = "".join(fresh.get(i, letter) for i, letter in enumerate(queries))
    kept = [c for i, c in enumerate(queries[:-1]) if i not in axes]
    scores = "".join((*kept, *(queries[a] for a in axes), *(keys[a] for a in axes)))
    return f"{queries},{keys}->{scores}", f"{scores},{keys}->{queries}"
