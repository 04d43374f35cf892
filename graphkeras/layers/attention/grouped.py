"""GroupedQueryAttention."""

from __future__ import annotations

from typing import Any

from graphkeras.errors import ArgumentError, message
from graphkeras.layers.attention.heads import Heads
from graphkeras.layers.facets import given
from graphkeras.layers.validation import positive_int


class GroupedQueryAttention(Heads):
    """Attention in which several heads of queries share one of keys and values.

    Source: Ainslie et al., arXiv:2305.13245. Call arguments are those of
    `MultiHeadAttention`.

    Args:
        head_dim: size of each head.
        num_query_heads: number of heads of queries.
        num_key_value_heads: number of heads of keys and values; it divides the former.
        dropout, use_bias, sliding_window, flash_attention, use_gate, seed: as for
            `MultiHeadAttention`.
        kernel_initializer, bias_initializer: first values of the projections.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on them.
        kernel_constraint, bias_constraint: projections after each update.

    Shapes: query: (batch, T, n), value: (batch, S, m) -> (batch, T, n).

    Example:
        >>> import numpy as np
        >>> layer = GroupedQueryAttention(4, num_query_heads=6, num_key_value_heads=2)
        >>> query, value = np.ones((1, 5, 8), "float32"), np.ones((1, 7, 8), "float32")
        >>> layer(query, value).shape
        (1, 5, 8)
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
        self.head_dim = positive_int(who, "head_dim", head_dim)
        self.num_query_heads = positive_int(who, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_int(
            who, "num_key_value_heads", num_key_value_heads
        )
        if num_query_heads % num_key_value_heads:
            raise ArgumentError(
                message(
                    who, "expected num_key_value_heads to divide num_query_heads.",
                    f"{num_query_heads} and {num_key_value_heads}",
                )
            )  # fmt: skip
        self.num_repeats = num_query_heads // num_key_value_heads
        self._keep(arguments)

    def build(  # type: ignore[override]  # a shape for each input, as in Keras
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        """Make the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        queries = (self.num_query_heads, self.head_dim)
        keys = (self.num_key_value_heads, self.head_dim)
        shapes = (query_shape, key_shape, value_shape)
        self._build_to_heads(shapes, queries, keys, keys)
        self._build_after((*query_shape[:-1], *queries), (query_shape[-1],), -1)
