"""Attention of one head, without projections."""

from __future__ import annotations

from typing import Any

from graphkeras import ops, random
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.attention.masks import causal_mask, joined_masks
from graphkeras.layers.layer import Layer
from graphkeras.layers.validation import one_of


class Attention(Layer):
    """softmax(query @ key) @ value. Source: Luong et al., arXiv:1508.04025.

    Args:
        use_scale: whether a learned number scales the scores.
        score_mode: "dot", or "concat" for sums of tanh(query + key).
        dropout: share of the weights of values dropped in training.
        seed: int that fixes the dropout.

    Call arguments: [query, value] or [query, value, key] (the values are the keys by
        default), `mask` (a list for query and value: masked values get no weight,
        masked queries give zeros), `return_attention_scores`, `use_causal_mask` (no
        query sees a later key).

    Shapes: (batch, queries, size), (batch, keys, size) -> (batch, queries, size).

    Example:
        >>> import numpy as np
        >>> query, value = np.ones((1, 2, 3), "float32"), np.ones((1, 4, 3), "float32")
        >>> Attention()([query, value]).shape
        (1, 2, 3)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.score_mode = one_of(who, "score_mode", score_mode, ("dot", "concat"))
        self.use_scale, self.dropout, self.seed = use_scale, dropout, seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make the scale of the scores, where there is one."""
        _check_list("inputs", input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                (), "ones", name="concat_score_weight"
            )

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the means of values, and the weights if asked for."""
        _check_list("inputs", inputs)
        query, value, key = (*inputs, inputs[1])[:3]
        query_mask, value_mask = _pair_of(mask)
        if value_mask is not None and len(value_mask.shape) < len(query.shape):
            value_mask = ops.expand_dims(value_mask, axis=-2)
        causal = causal_mask(query, value) if use_causal_mask else None
        seen = joined_masks([value_mask, causal])
        scores = self._weights(self._calculate_scores(query, key), seen)
        kept = scores
        if training and self.dropout > 0:
            kept = random.dropout(scores, self.dropout, seed=self.seed_generator)
        output = ops.matmul(kept, value)
        if query_mask is not None:
            counts = ops.expand_dims(ops.cast(query_mask, "bool"), axis=-1)
            output = ops.where(counts, output, 0)
        return (output, scores) if return_attention_scores else output

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        sums = _all_sums(query, key)
        sums = sums if self.scale is None else sums * self.scale
        return ops.sum(ops.tanh(sums), axis=-1) * self.concat_score_weight

    def _weights(self, scores: Any, seen: Any) -> Any:
        if seen is not None:
            far = 65504.0 if scores.dtype == "float16" else 1e9
            scores = ops.where(seen, scores, scores - far)
        return ops.softmax(scores, axis=-1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the queries."""
        return _pair_of(mask)[0]


def _check_list(what: str, given: Any) -> None:
    if not isinstance(given, (list, tuple)) or len(given) not in (2, 3):
        count = len(given) if isinstance(given, (list, tuple)) else "no list"
        raise ArgumentError(
            message(
                "", f"expected {what} as a list [query, value] or [query, value, key].",
                str(count), "Call the layer as attention([query, value]).",
            )
        )  # fmt: skip


def _pair_of(mask: Any) -> tuple[Any, Any]:
    """Return the masks of query and value; a key has none of its own."""
    if mask is None:
        return None, None
    _check_list("mask", mask)
    return mask[0], mask[1]


def _all_sums(query: Any, key: Any) -> Any:
    """(batch, T, size) and (batch, S, size) -> (batch, T, S, size)."""
    return ops.expand_dims(query, axis=-2) + ops.expand_dims(key, axis=-3)


class AdditiveAttention(Attention):
    """softmax(sum(scale * tanh(query + key))) @ value.

    Source: Bahdanau, Cho and Bengio, arXiv:1409.0473. Call arguments and shapes are
    those of `Attention`.

    Args:
        use_scale: whether each feature has a learned factor.
        dropout: share of the weights of values dropped in training.

    Example:
        >>> import numpy as np
        >>> query, value = np.ones((1, 2, 3), "float32"), np.ones((1, 4, 3), "float32")
        >>> AdditiveAttention()([query, value]).shape
        (1, 2, 3)
    """

    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make a factor for each feature."""
        _check_list("inputs", input_shape)
        self.scale = None
        if self.use_scale:
            size = input_shape[0][-1]
            self.scale = self.add_weight((size,), "glorot_uniform", name="scale")

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        sums = ops.tanh(_all_sums(query, key))
        return ops.sum(sums if self.scale is None else sums * self.scale, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "seed": self.seed}
