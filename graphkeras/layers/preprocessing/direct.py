"""Layers that answer arrays at once: texts to numbers, words to ids, ids to vectors.

Outside of any trace their `call` is run on the arrays themselves. Ops on arrays are
NumPy; those that go through texts are compiled functions (`at_once`). A small batch is
then answered in some ten microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphkeras import dtypes, ops
from graphkeras.compiler import host_ops
from graphkeras.errors import GraphKerasError
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import Trace, current_trace
from graphkeras.layers.arguments import CallSpec
from graphkeras.layers.layer import Layer
from graphkeras.ops.creation import dtype_of
from graphkeras.ops.hashing import MIX, bucket, combine_fingerprints
from graphkeras.ops.lookup import encode_classes

NO_NUMBER = -(2**63)  # for what is none, where any integer may be


def at_once(op: Callable[..., Any]) -> Callable[..., Any]:
    """Return an op of texts that computes arrays by compiled code.

    Those of an eager trace too: as of any op of texts, nothing is differentiated.
    """
    record = op.op  # type: ignore[attr-defined]
    compiled = getattr(host_ops, record.kernel.function.partition(".")[2])
    defaults = record.complete({})

    def call(x: Any, **attrs: Any) -> Any:
        if isinstance(x, np.ndarray):
            return compiled(x, **{**defaults, **attrs})
        if isinstance(x, Tensor) and x.data is not None and _is_eager():
            return Tensor(None, compiled(x.numpy_view(), **{**defaults, **attrs}))
        return op(x, **attrs)

    return call


def _is_eager() -> bool:
    trace = current_trace()
    return trace is None or trace.eager


def encoded(ids: Any, *, mode: str, depth: int, dtype: str) -> Any:
    """Return `encode_classes` of ids; of an array in a few calls of NumPy."""
    if not isinstance(ids, np.ndarray) or not 0 < ids.ndim < 3:
        return encode_classes(ids, mode=mode, depth=depth, dtype=dtype)
    kind = dtypes.to_numpy(dtype)
    if mode == "int":
        return ids.astype(kind, copy=False)
    ids = whole_numbers(ids, -1)
    if mode == "one_hot":
        ids = ids[:, 0] if ids.shape[-1:] == (1,) and ids.ndim == 2 else ids
        return (ids[..., None] == np.arange(depth)).astype(kind)
    rows = len(ids) if ids.ndim == 2 else 1
    places = ids + depth * np.arange(rows)[:, None] if rows > 1 else ids
    counted = places[(ids >= 0) & (ids < depth)]
    found = np.bincount(counted, minlength=rows * depth)
    if mode == "multi_hot":
        np.minimum(found, 1, out=found)
    return found.astype(kind, copy=False).reshape((*ids.shape[:-1], depth))


def whole_numbers(x: Any, otherwise: int) -> Any:
    """Return numbers as int64, without their fractions.

    What int64 does not hold, NaN among it, is `otherwise`: machines and runtimes have
    no common answer.
    """
    if isinstance(x, np.ndarray):
        if x.dtype.kind in "biu":
            return x.astype(np.int64, copy=False)
        wide = x.astype(np.float64)
        return np.where(np.abs(wide) < 2.0**63, wide, otherwise).astype(np.int64)
    if dtypes.is_float(dtype_of(x)):
        wide = x if dtype_of(x) == "float64" else ops.cast(x, "float32")
        x = ops.where(ops.abs(wide) < 2.0**63, wide, float(otherwise))
    return ops.cast(x, "int64")


def bucketed(words: Any, count: int) -> Any:
    """Return `bucket` of fingerprints; of an array by NumPy."""
    if isinstance(words, np.ndarray):
        return (words % np.uint64(count)).astype(np.int64)
    return bucket(words, count=count)


def combined(first: Any, second: Any) -> Any:
    """Return `combine_fingerprints` of two; of arrays by NumPy."""
    if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray):
        return combine_fingerprints(first, second)
    factor = np.uint64(MIX)
    with np.errstate(over="ignore"):  # of products, only the lowest 64 bits count
        mixed = first ^ factor ^ (_folded(second * factor) * factor)
        return _folded(_folded(mixed * factor) * factor)


def _folded(x: Any) -> Any:
    return x ^ (x >> np.uint64(47))


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
        try:
            arrays = self._arrays(data)
            if not self.built:
                self._begin(arrays)
            return Tensor(None, np.asarray(self.call(arrays)))
        except GraphKerasError as error:
            with self._named_errors():
                raise error

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
