"""Layers that only move elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras import config, ops
from graphkeras.errors import ArgumentError, message
from graphkeras.ir import dims
from graphkeras.layers.core import positive_int
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.layer import Layer


def image_format(who: str, value: Any) -> str:
    """Return "channels_last" or "channels_first", the configured one for None.

    Raises:
        ArgumentError: for another word.
    """
    value = config.image_data_format() if value is None else str(value).lower()
    if value not in ("channels_last", "channels_first"):
        raise ArgumentError(
            message(
                who, "expected data_format 'channels_last' or 'channels_first'.",
                f"data_format={value!r}",
            )
        )  # fmt: skip
    return value


class Flatten(Layer):
    """All axes after the batch as one.

    Shapes: x: (batch, ...) -> (batch, product of the rest).
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = image_format("Flatten", data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """Return the inputs as rows."""
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.shape[0], dims.product(inputs.shape[1:])))
