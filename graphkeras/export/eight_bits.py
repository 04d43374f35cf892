"""A finished file in eight bits: products of int8, their scales found by calibration.

Weights have a scale for each output channel, activations one for each tensor, from the
least to the greatest number seen in the data. Both are written as pairs of
QuantizeLinear and DequantizeLinear around the float operators (QDQ), which every
runtime can run and the faster ones join into operators of int8::

    x -> Q -> DQ -> Conv -> Relu -> Q -> DQ -> ...
          w int8 -> DQ -^
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from graphkeras.export.rewriting import (
    FLOAT,
    array_of,
    element_types,
    finish,
    node,
    weights_of,
)

Ranges = Mapping[str, tuple[float, float]]
_LOW, _HIGH = -128, 127
_BIAS = 2**31 - 1
_MANY = 1024  # elements of a table that is worth eight bits
_ACTIVATIONS = ("Clip", "Relu")  # what a runtime joins with a product


class Product(NamedTuple):
    """A product with weights that is written in eight bits.

    Attributes:
        node: its node.
        axis: axis of the weights along which output channels lie.
        result: what goes through eight bits behind it: of a convolution its result,
            or that of its activation; a matrix product may give floats.
    """

    node: Any
    axis: int
    result: str | None


def products(model: Any) -> list[Product]:
    """Return the products of a model that can be written in eight bits."""
    weights = weights_of(model)
    outputs = {v.name for v in model.graph.output}
    readers: dict[str, list[Any]] = {}
    for reader in model.graph.node:
        for name in reader.input:
            readers.setdefault(name, []).append(reader)
    found = []
    for each in model.graph.node:
        axis = _channel_axis(each, weights)
        if axis is not None:
            behind = readers.get(each.output[0], [])
            one = len(behind) == 1 and behind[0].op_type in _ACTIVATIONS
            result = behind[0].output[0] if one else each.output[0]
            ends = result in outputs or each.op_type != "Conv"
            found.append(Product(each, axis, None if ends else result))
    return found


def _channel_axis(each: Any, weights: Mapping[str, Any]) -> int | None:
    """Return along which axis of its weights a product has its channels, or None."""
    if each.op_type not in ("Conv", "Gemm", "MatMul") or each.domain:
        return None
    weight, *bias = [weights.get(name) for name in each.input[1:]]
    if (
        weight is None
        or None in bias
        or weight.data_type != FLOAT
        or each.input[0] in weights
    ):
        return None
    if each.op_type == "Conv":
        return 0
    given = {a.name: a for a in each.attribute}
    plain = all(given[n].f == 1 for n in ("alpha", "beta") if n in given)
    if len(weight.dims) != 2 or not plain or ("transA" in given and given["transA"].i):
        return None
    return 0 if "transB" in given and given["transB"].i else 1


def tensors_to_measure(model: Any) -> list[str]:
    """Return the names of the activations whose ranges `to_int8` needs."""
    names = [n for p in products(model) for n in (p.node.input[0], p.result) if n]
    return [*dict.fromkeys(names)]


def to_int8(model: Any, ranges: Ranges) -> tuple[Any, int]:
    """Return a model whose products with weights are of int8, and how many are.

    Args:
        model: an `onnx.ModelProto` in float32, its weights in it.
        ranges: the least and the greatest number of each of `tensors_to_measure`.
    """
    writer = _Writer(model, ranges)
    return writer.run(), writer.count


class _Writer:
    def __init__(self, model: Any, ranges: Ranges) -> None:
        self.model, self.ranges, self.count = model, ranges, 0
        self.types = element_types(model)
        self.weights = weights_of(model)
        self.products = {p.node.output[0]: p for p in products(model)}
        self.nodes: list[Any] = []
        self.scales: dict[str, np.float32] = {}  # of activations that are quantised

    def run(self) -> Any:
        """Return the model rewritten."""
        results = {p.result for p in self.products.values() if p.result}
        for old in self.model.graph.node:
            product = self.products.get(old.output[0])
            if product is not None:
                self._product(product)
            elif self._is_table(old):
                self._table(old)
            else:
                self._keep(old, results)
            for name in results.intersection(old.output):
                self._activation(name)
        return finish(self.model, self.nodes, self.weights)

    def _keep(self, old: Any, results: set[str]) -> None:
        """Let a node read what went through eight bits, so that only that is needed."""
        from onnx import NodeProto

        new = NodeProto()
        new.CopyFrom(old)
        for i, name in enumerate(old.input):
            if name in results:
                new.input[i] = self._activation(name)
        self.nodes.append(new)

    def _store(self, name: str, array: np.ndarray) -> str:
        from onnx import numpy_helper

        if name not in self.weights:
            self.weights[name] = numpy_helper.from_array(array, name=name)
        return name

    def _activation(self, name: str) -> str:
        """Return the name of an activation that went through eight bits."""
        wanted = f"{name}/dequantized"
        if name not in self.scales:
            scale, zero = activation_scale(*self.ranges[name])
            self.scales[name] = scale
            about = [
                self._store(f"{name}/scale", np.asarray(scale)),
                self._store(f"{name}/zero_point", np.asarray(zero)),
            ]
            small = f"{name}/quantized"
            self.nodes.append(node("QuantizeLinear", [name, *about], small))
            self.nodes.append(node("DequantizeLinear", [small, *about], wanted))
        return wanted

    def _product(self, product: Product) -> None:
        from onnx import NodeProto

        self.count += 1
        new = NodeProto()
        new.CopyFrom(product.node)
        new.input[0] = self._activation(product.node.input[0])
        scales = self._weight(new, product.axis)
        if len(new.input) == 3:
            self._bias(new, scales * self.scales[product.node.input[0]])
        self.nodes.append(new)

    def _weight(self, new: Any, axis: int) -> np.ndarray:
        name = new.input[1]
        array = array_of(self.weights[name])
        small, scales = channel_scales(array, axis)
        new.input[1] = self._dequantized(f"{name}/axis{axis}", small, scales, axis)
        return scales

    def _bias(self, new: Any, scales: np.ndarray) -> None:
        name = new.input[2]
        array = np.broadcast_to(array_of(self.weights[name]).reshape(-1), scales.shape)
        whole = np.clip(np.rint(array.astype(np.float64) / scales), -_BIAS, _BIAS)
        short = f"{new.output[0]}/bias"
        new.input[2] = self._dequantized(short, whole.astype(np.int32), scales, 0)

    def _dequantized(
        self, name: str, small: np.ndarray, scales: np.ndarray, axis: int
    ) -> str:
        """Store numbers and their scales, and return the name of their product."""
        wanted = f"{name}/dequantized"
        if f"{name}/scale" not in self.weights:
            stored = [self._store(f"{name}/quantized", small),
                      self._store(f"{name}/scale", scales)]  # fmt: skip
            self.nodes.append(node("DequantizeLinear", stored, wanted, axis=axis))
        return wanted

    def _is_table(self, old: Any) -> bool:
        """Whether a node takes rows of a table of floats."""
        if old.op_type != "Gather" or old.domain:
            return False
        table = self.weights.get(old.input[0])
        return table is not None and table.data_type == FLOAT and (
            int(np.prod(table.dims)) >= _MANY
        )  # fmt: skip

    def _table(self, old: Any) -> None:
        """Take rows of eight bits, and make floats of those only."""
        from onnx import NodeProto

        table = array_of(self.weights[old.input[0]])
        small, scale = channel_scales(table[None], 0)
        new = NodeProto()
        new.CopyFrom(old)
        new.input[0] = self._store(f"{old.input[0]}/quantized", small[0])
        new.output[0] = f"{old.output[0]}/rows"
        step = self._store(f"{old.input[0]}/scale", np.asarray(scale[0]))
        self.nodes.append(new)
        self.nodes.append(
            node("DequantizeLinear", [new.output[0], step], old.output[0])
        )
        self.count += 1


def activation_scale(low: float, high: float) -> tuple[np.float32, np.int8]:
    """Return scale and zero point with which int8 spans a range; 0 stays exact.

    Example:
        >>> scale, zero = activation_scale(0.0, 2.55)
        >>> round(float(scale), 6), int(zero)
        (0.01, -128)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / (_HIGH - _LOW))
    if not np.isfinite(scale) or scale < np.finfo(np.float32).tiny:
        return np.float32(1.0), np.int8(0)
    zero = np.clip(np.rint(_LOW - low / scale), _LOW, _HIGH)
    return scale, np.int8(zero)


def channel_scales(array: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights as int8 in [-127, 127] and the scale of each channel.

    Example:
        >>> channel_scales(np.array([[1.0, -0.5], [0.0, 0.0]], "float32"), 0)[0]
        array([[127, -64],
               [  0,   0]], dtype=int8)
    """
    others = tuple(i for i in range(array.ndim) if i != axis)
    largest = np.abs(array).max(axis=others, initial=0.0).astype(np.float32)
    tiny = np.finfo(np.float32).tiny * 128
    scales = np.where(largest > tiny, largest / _HIGH, 1.0).astype(np.float32)
    wide = scales.reshape([-1 if i == axis else 1 for i in range(array.ndim)])
    return np.clip(np.rint(array / wide), -_HIGH, _HIGH).astype(np.int8), scales


# ----------------------------------------------------------------------- calibration


def with_ranges(model: Any, names: list[str]) -> Any:
    """Return a model whose outputs are the least and greatest number of tensors."""
    from onnx import TensorProto, helper

    kinds = ("ReduceMin", "ReduceMax")
    ends = [
        node(kind, [name], f"{name}/{kind}", keepdims=0)
        for name in names for kind in kinds
    ]  # fmt: skip
    result = finish(model, [*model.graph.node, *ends], weights_of(model))
    result.graph.ClearField("output")
    for end in ends:
        info = helper.make_tensor_value_info(end.output[0], TensorProto.FLOAT, [])
        result.graph.output.append(info)
    return result


def joined(names: list[str], runs: Iterator[list[Any]]) -> dict[str, tuple[Any, Any]]:
    """Return the range of each tensor over all runs of `with_ranges`' model."""
    ranges = {name: (np.inf, -np.inf) for name in names}
    for found in runs:
        for name, low, high in zip(names, found[::2], found[1::2], strict=True):
            before = ranges[name]
            ranges[name] = (min(before[0], float(low)), max(before[1], float(high)))
    return ranges
