"""A finished file in float16: smaller by half, inputs and outputs as they were.

What comes before the first product with weights stays float32 (it is the scaling of raw
numbers, which may be large), as do sums and exponentials, which lose most by rounding.
Where the two meet stands a Cast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphkeras.export.rewriting import (
    FLOAT,
    HALF,
    array_of,
    element_types,
    finish,
    names_inside,
    node,
    weights_of,
)

_PRODUCTS = ("Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN")
_MANY = 1024  # elements: reading a weight of so many counts as a product too
_IN_FLOAT32 = """
    CumSum Exp GlobalAveragePool GlobalLpPool InstanceNormalization LayerNormalization
    Log LogSoftmax Pow ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMean
    ReduceProd ReduceSum ReduceSumSquare Softmax Softplus
"""
_KEPT = frozenset(_IN_FLOAT32.split())
_LARGEST = float(np.finfo(np.float16).max)
_SMALLEST = float(np.finfo(np.float16).smallest_subnormal)
_MARK = "/float16"


def to_float16(model: Any) -> Any:
    """Return a model that computes in float16 behind its first product.

    Args:
        model: an `onnx.ModelProto` in float32, its weights in it.
    """
    return _Rewriter(model).run()


def narrowed(array: np.ndarray) -> np.ndarray:
    """Return float16 numbers, none of which became infinite or 0.

    Example:
        >>> narrowed(np.array([1e9, 1e-9, 0.5], "float32")).tolist()
        [65504.0, 5.960464477539063e-08, 0.5]
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        finite = np.isfinite(array)
        kept = np.where(finite, np.clip(array, -_LARGEST, _LARGEST), array)
        tiny = (kept != 0) & (np.abs(kept) < _SMALLEST)
        return np.where(tiny, np.sign(kept) * _SMALLEST, kept).astype(np.float16)


class _Rewriter:
    """Walks the nodes once; a tensor may come to exist in both forms."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.types = element_types(model)
        self.weights = weights_of(model)
        self.version = next(
            (o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1
        )
        self.nodes: list[Any] = []
        self.behind: set[str] = set()  # tensors that come after a product
        self.wide = {v.name for v in model.graph.input} | {*self.weights}
        self.half: set[str] = set()

    def run(self) -> Any:
        """Return the model rewritten."""
        for old in self.model.graph.node:
            plan = self._plan(old)
            if plan is None:
                self._keep(old)
            else:
                self._halve(old, *plan)
        for output in self.model.graph.output:
            self._in_float32(output.name)
        return finish(self.model, self.nodes, self.weights)

    def _is_float(self, name: str) -> bool:
        return self.types.get(name) == FLOAT

    def _plan(self, old: Any) -> tuple[list[int], list[int]] | None:
        """Return which operands and results become halves; None to leave a node."""
        names = [*filter(self._is_float, old.input)]
        heavy = old.op_type in _PRODUCTS or any(map(self._is_large, names))
        if not heavy and not self.behind.intersection(old.input):
            return None
        self.behind.update(filter(self._is_float, old.output))
        inside = any(a.HasField("g") or a.graphs for a in old.attribute)
        if inside or old.op_type in _KEPT or old.domain not in ("", "ai.onnx"):
            return None
        return self._by_schema(old)

    def _is_large(self, name: str) -> bool:
        weight = self.weights.get(name)
        return weight is not None and int(np.prod(weight.dims)) >= _MANY

    def _by_schema(self, old: Any) -> tuple[list[int], list[int]] | None:
        from onnx import defs

        schema = defs.get_schema(old.op_type, self.version, "")
        may = {
            c.type_param_str for c in schema.type_constraints
            if "tensor(float16)" in c.allowed_type_strs
        }  # fmt: skip
        operands = self._matching(old.input, schema.inputs, may)
        results = self._matching(old.output, schema.outputs, may)
        if not results or (not operands and old.op_type != "Cast"):
            return None
        return operands, results

    def _matching(
        self, names: Sequence[str], parameters: Sequence[Any], may: set[str]
    ) -> list[int]:
        return [
            i for i, name in enumerate(names)
            if self._is_float(name)
            and parameters[min(i, len(parameters) - 1)].type_str in may
        ]  # fmt: skip

    def _keep(self, old: Any) -> None:
        for name in (*old.input, *names_inside(old)):
            self._in_float32(name)
        self.nodes.append(old)
        self.wide.update(old.output)

    def _halve(self, old: Any, operands: list[int], results: list[int]) -> None:
        from onnx import NodeProto

        new = NodeProto()
        new.CopyFrom(old)
        for i, name in enumerate(old.input):
            if i in operands:
                new.input[i] = self._in_float16(name)
            else:
                self._in_float32(name)
        for i, name in enumerate(old.output):
            if i in results:
                new.output[i] = name + _MARK
                self.half.add(name)
            else:
                self.wide.add(name)
        for attribute in new.attribute:
            if old.op_type == "Cast" and attribute.name == "to":
                attribute.i = HALF
        self.nodes.append(new)

    def _in_float16(self, name: str) -> str:
        """Return the name of a tensor's float16 form, which is made if need be."""
        from onnx import numpy_helper

        wanted = name + _MARK
        if name not in self.half:
            self.half.add(name)
            if name in self.weights:
                array = narrowed(array_of(self.weights[name]))
                self.weights[wanted] = numpy_helper.from_array(array, name=wanted)
            else:
                self.nodes.append(node("Cast", [name], wanted, to=HALF))
        return wanted

    def _in_float32(self, name: str) -> None:
        """See to it that a tensor has its old form, if it has a float16 one."""
        if name in self.half and name not in self.wide:
            self.wide.add(name)
            self.nodes.append(node("Cast", [name + _MARK], name, to=FLOAT))
