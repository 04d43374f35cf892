"""What attention layers of several heads share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from graphkeras import config, ops, regularizers
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.activations import Softmax
from graphkeras.layers.arguments import mask_of
from graphkeras.layers.attention.masks import (
    causal_mask,
    joined_masks,
    over_heads,
    window_mask,
)
from graphkeras.layers.einsum_dense import EinsumDense
from graphkeras.layers.facets import keep_facets
from graphkeras.layers.layer import Layer
from graphkeras.layers.regularization import Dropout
from graphkeras.layers.validation import positive_int
from graphkeras.ops.attention import (
    NO_MASK,
    NO_WORDS,
    attended,
    is_drawn_by_sixteen,
)
from graphkeras.random import draw_key

_FACETS = (
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
    "kernel_constraint", "bias_constraint",
)  # fmt: skip


class Heads(Layer):
    """Base: projections to heads, attention of each head, one projection back.

    Projected, queries are (batch, ..., heads, size), ``...`` being axes of which some
    are attended along. A subclass makes the projections in `build`.
    """

    _not_in_config = ("flash_attention",)
    use_bias: bool
    use_gate: bool
    sliding_window: int | None
    seed: Any
    attention_axes: Any = (1,)
    _uses_masks_up = False
    num_repeats = 1  # heads of queries for each head of keys
    _scores_equation = "bqhc,bkhc->bhqk"
    _means_equation = "bhqk,bkhc->bqhc"

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments that all have."""
        who, dropout = type(self).__name__, arguments["dropout"]
        flash = arguments["flash_attention"] or config.is_flash_attention_enabled()
        if flash and dropout > 0:
            raise ArgumentError(
                message(who, "expected no dropout, as flash_attention=True.",
                        f"dropout={dropout}", "Leave one of them out.")
            )  # fmt: skip
        if arguments["sliding_window"] is not None:
            positive_int(who, "sliding_window", arguments["sliding_window"])
        self.dropout, self.flash_attention = dropout, flash
        for name in ("use_bias", "use_gate", "sliding_window", "seed"):
            setattr(self, name, arguments[name])
        self._of_projections = regularizers.get(arguments["activity_regularizer"])
        keep_facets(self, **{name: arguments[name] for name in _FACETS})
        self.supports_masking = True

    # ---------------------------------------------------------------------- weights

    def _projection(
        self, name: str, taken: int, sizes: tuple[int, ...], activation: Any = None
    ) -> EinsumDense:
        """Return a dense layer from the last `taken` axes to axes of these sizes."""
        before, after = "uvwxyz"[:taken], "abcdefgh"[: len(sizes)]
        facets = {facet: getattr(self, facet) for facet in _FACETS}
        for facet in _FACETS[:2]:  # each draws numbers of its own
            facets[facet] = _another(facets[facet])
        return EinsumDense(
            f"...{before},{before}{after}->...{after}", sizes, activation,
            after if self.use_bias else None, name=name, dtype=self.dtype_policy,
            activity_regularizer=self._of_projections, **facets,
        )  # fmt: skip

    def _build_to_heads(
        self, shapes: tuple[Any, Any, Any], queries: tuple, keys: tuple, values: tuple
    ) -> None:
        """Make the projections of queries, keys, values, each to (heads, size)."""
        self._query_dense = self._projection("query", 1, queries)
        self._key_dense = self._projection("key", 1, keys)
        if self.use_gate:
            sizes = (queries[0], values[1])
            self._gate_dense = self._projection("gate", 1, sizes, "sigmoid")
            self._gate_dense.build(shapes[0])
        self._value_dense = self._projection("value", 1, values)
        layers = (self._query_dense, self._key_dense, self._value_dense)
        for layer, shape in zip(layers, shapes, strict=True):
            layer.build(shape)

    def _build_after(self, heads: tuple, output: tuple, softmax_axis: Any) -> None:
        """Make what comes after the scores."""
        policy = self.dtype_policy
        self._softmax = Softmax(softmax_axis, dtype=policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=policy)
        self._output_dense = self._projection("attention_output", 2, output)
        self._output_dense.build(heads)

    # ------------------------------------------------------------------------- call

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the projected means of values, and the weights if asked for."""
        self._check_flash(return_attention_scores)
        of_places = ((mask_of(query), -1), (value_mask, -2), (key_mask, -2))
        mask = joined_masks([attention_mask, *self._masks(query, value, of_places)])
        key = value if key is None else key
        if self._uses_masks_up:
            for x in (query, key, value):
                x._keras_mask = None
        query, key, value = (x.unmasked() for x in (query, key, value))
        heads = (
            self._query_dense(query),
            self._key_dense(key),
            self._value_dense(value),
        )
        means, scores = self._attend(
            heads, mask, training, return_attention_scores, use_causal_mask
        )
        if self.use_gate:
            means = means * self._gate_dense(query)
        output = self._output_dense(means)
        return (output, scores) if return_attention_scores else output

    def _masks(self, query: Any, value: Any, of_places: Any) -> Iterator[Any]:
        """Yield masks of places, and of distances, as (batch, queries, keys)."""
        for mask, axis in of_places:
            if mask is not None:
                yield ops.expand_dims(mask, axis)
        if self.sliding_window is not None:
            yield window_mask(query, value, self.sliding_window)

    def _attend(
        self, heads: tuple[Any, Any, Any], mask: Any, training: Any, with_scores: bool,
        causal: bool,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Return the means of values, and the weights if they were needed."""
        query, key, value = heads
        rank, axes = len(query.shape), len(self.attention_axes)
        at_once = rank == 4 and not with_scores and self._drops_at_once(training)
        if causal and not at_once:
            mask = joined_masks([mask, causal_mask(query, value)])
        if mask is not None:
            mask = over_heads(mask, rank - 1 + axes, axes)
        if at_once:
            return self._attend_at_once(heads, mask, training, causal), None
        if self.num_repeats > 1:
            key, value = (ops.repeat(x, self.num_repeats, axis=2) for x in (key, value))
        scaled = query / math.sqrt(query.shape[-1])
        scores = self._softmax(
            ops.einsum(self._scores_equation, scaled, key), mask=mask
        )
        kept = scores
        if self.dropout > 0:
            kept = self._dropout_layer(scores, training=training)
        return ops.einsum(self._means_equation, kept, value), scores

    def _drops_at_once(self, training: Any) -> bool:
        """Whether nothing stands between the weights and the means but dropout."""
        return self.dropout == 0 or not training or is_drawn_by_sixteen(self.dropout)

    def _attend_at_once(
        self, heads: tuple[Any, Any, Any], mask: Any, training: Any, causal: bool
    ) -> Any:
        """Return the means of values, where nobody asks for the weights."""
        if self.dropout == 0:
            return ops.dot_product_attention(
                *heads, mask=mask, is_causal=causal,
                flash_attention=self.flash_attention,
            )  # fmt: skip
        rate, words = 0.0, NO_WORDS
        if training:
            rate, words = self.dropout, draw_key(self._dropout_layer.seed_generator)
        return attended(
            *heads, NO_MASK if mask is None else mask, words, rate=rate, causal=causal,
            scale=1 / math.sqrt(heads[0].shape[-1]), blank=True,
        )  # fmt: skip

    def _check_flash(self, with_scores: bool) -> None:
        if with_scores and self.flash_attention:
            raise ArgumentError(
                message(
                    "", "expected return_attention_scores=False, as "
                    "flash_attention=True.", "return_attention_scores=True",
                    "Make the layer with flash_attention=False.",
                )
            )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        penalty = regularizers.serialize(self._of_projections)
        return {**super().get_config(), "activity_regularizer": penalty}


def _another(initializer: Any) -> Any:
    """Return an initializer of the same config, which draws other numbers."""
    return initializer.clone() if hasattr(initializer, "clone") else initializer
