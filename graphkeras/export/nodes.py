"""An ONNX graph while it is being built: nodes that name what they read and write.

Plain records instead of protobuf messages, so that the passes can rewire them and
nothing of onnx is imported before the file is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from graphkeras.ir.types import TensorType

# Numbers of `onnx.TensorProto.DataType`, which the ONNX standard never changes.
DTYPE_CODES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6,
    "int64": 7, "string": 8, "bool": 9, "float16": 10, "float64": 11, "uint32": 12,
    "uint64": 13, "bfloat16": 16,
}  # fmt: skip
DTYPE_NAMES = {code: name for name, code in DTYPE_CODES.items()}
ML = "ai.onnx.ml"
CONTRIB = "com.microsoft"  # onnxruntime's own operators, in all of its builds

# What no schema of onnx tells of those: types of attributes; dtype and rank of results.
CONTRIB_ATTRIBUTES = {
    "Tokenizer": {
        "mark": "INT", "mincharnum": "INT", "pad_value": "STRING",
        "separators": "STRINGS",
    },
}  # fmt: skip
CONTRIB_RESULTS = {"Tokenizer": ("string", 2)}

_TRUTHS = "And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Xor"
_NUMBERS = """
    Abs Acos Acosh Add Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr
    BitwiseXor Cast Ceil Celu Clip Cos Cosh Div Elu Erf Exp Floor Gelu HardSigmoid
    HardSwish Identity LeakyRelu Log Max Mean Min Mish Mod Mul Neg PRelu Pow Reciprocal
    Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Tan Tanh
    ThresholdedRelu Where
"""
GIVES_BOOL = frozenset(_TRUTHS.split())
ELEMENTWISE = GIVES_BOOL | frozenset(_NUMBERS.split())  # operators that only broadcast


@dataclass(slots=True, eq=False)
class Node:
    """One operator: value names in, value names out; ``""`` is an operand left out."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attrs: dict[str, Any] = field(default_factory=dict)
    domain: str = ""

    @property
    def bodies(self) -> list[Body]:
        """The graphs inside an If, Loop or Scan."""
        return [v for v in self.attrs.values() if isinstance(v, Body)]

    def reads(self) -> Iterator[str]:
        """Yield what the node reads, itself or through the graphs inside it."""
        yield from (name for name in self.inputs if name)
        for body in self.bodies:
            for inner in body.nodes:
                yield from inner.reads()
            yield from body.output_names

    def rename(self, change: Callable[[str], str]) -> None:
        """Replace the names that are read, in the graphs inside too."""
        self.inputs = [change(name) for name in self.inputs]
        for body in self.bodies:
            body.rename(change)
            body.outputs = [(change(name), type_) for name, type_ in body.outputs]


@dataclass(slots=True, eq=False)
class Body:
    """A list of nodes in order of execution, with named inputs and outputs.

    A type is None where only the runtime knows it (inside a Loop, say); a dtype alone
    says that the shape changes from round to round.
    """

    name: str
    inputs: list[tuple[str, TensorType | str | None]] = field(default_factory=list)
    outputs: list[tuple[str, TensorType | str | None]] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    @property
    def output_names(self) -> list[str]:
        """Names of the results."""
        return [name for name, _ in self.outputs]

    def walk(self) -> Iterator[Node]:
        """Yield every node, those of inner bodies after the node that holds them."""
        for node in self.nodes:
            yield node
            for body in node.bodies:
                yield from body.walk()

    def readers(self) -> dict[str, list[Node]]:
        """Return for each value the nodes that read it, themselves or inside."""
        table: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.reads()):
                table.setdefault(name, []).append(node)
        return table

    def producers(self) -> dict[str, Node]:
        """Return for each value of this body the node that writes it."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    def rename(self, change: Callable[[str], str]) -> None:
        """Replace every name that is read, in inner bodies too."""
        for node in self.nodes:
            node.rename(change)

    def prune(self) -> None:
        """Drop the nodes whose results nobody reads."""
        wanted = set(self.output_names)
        kept = []
        for node in reversed(self.nodes):
            if wanted.intersection(node.outputs):
                for body in node.bodies:
                    body.prune()
                kept.append(node)
                wanted.update(node.reads())
        self.nodes = kept[::-1]

    def sort(self) -> None:
        """Bring the nodes into an order in which every value is written before read."""
        producers = self.producers()
        done: dict[Node, None] = {}
        stack = [(node, False) for node in reversed(self.nodes)]
        while stack:
            node, ready = stack.pop()
            if node in done:
                continue
            if ready:
                done[node] = None
                continue
            stack.append((node, True))
            made_by = (producers.get(name) for name in node.reads())
            stack.extend((n, False) for n in made_by if n is not None and n not in done)
        self.nodes = list(done)
