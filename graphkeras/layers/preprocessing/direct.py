"""Layers that answer arrays at once: texts to numbers, words to ids, ids to vectors.

Outside of any trace their `call` is run on the arrays themselves. Ops on arrays are
NumPy; those that go through texts are compiled functions (`at_once`). A small batch is
then answered in some ten microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphkeras.compiler import host_ops
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, current_trace
from graphkeras.layers.arguments import CallSpec
from graphkeras.layers.layer import Layer


def at_once(op: Callable[..., Any]) -> Callable[..., Any]:
    """Return an op of texts that computes arrays by compiled code."""
    record = op.op  # type: ignore[attr-defined]
    compiled = getattr(host_ops, record.kernel.function.partition(".")[2])

    def call(x: Any, **attrs: Any) -> Any:
        if isinstance(x, np.ndarray):
            return compiled(x, **record.complete(attrs))
        return op(x, **attrs)

    return call


class DirectLayer(Layer):
    """A layer whose `call` takes one array (or list of them) as well as tensors."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on arrays, on tensors of a trace, or on symbolic tensors."""
        alone = len(args) == 1 and not kwargs and self.activity_regularizer is None
        if alone and current_trace() is None:
            data = args[0]
            if type(data) is Tensor and data._keras_mask is None:
                data = data.data
            if not hasattr(data, "__apply_op__") and not _holds_tensors(data):
                return self._answer(data)
        return super().__call__(*args, **kwargs)

    def _answer(self, data: Any) -> Any:
        with self._named_errors():
            arrays = self._arrays(data)
            if not self.built:
                self._begin(arrays)
            return Tensor(None, np.asarray(self.call(arrays)))

    def _arrays(self, data: Any) -> Any:
        """Return inputs as an array of a kind that `call` takes."""
        return np.asarray(data)

    def _begin(self, arrays: Any) -> None:
        """Do what is done at the first call of any layer."""
        several = isinstance(arrays, list)
        tensors = [Tensor.of(a) for a in (arrays if several else [arrays])]
        spec = CallSpec(type(self).call, (tensors if several else tensors[0],), {})
        with Trace(eager=True), self._open_scope():
            self._build_for(spec)
            self._finish_first_call(spec)


def _holds_tensors(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and any(
        hasattr(x, "__apply_op__") for x in data[:64]
    )
