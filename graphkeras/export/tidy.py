"""Passes over a built ONNX graph: what a careful hand would not have written.

The rules of the ops write channels last, as Keras does, and wrap every convolution in
transposes; here those cancel, biases join their product, and weights are laid out as
the operators want them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.export.builder import Builder
from graphkeras.export.layout import cancel_transposes, inverse
from graphkeras.export.nodes import DTYPE_NAMES, Node
from graphkeras.export.rows import write_sequences


def tidy(b: Builder) -> None:
    """Simplify the outermost graph in place; inner graphs keep what they were given."""
    _skip_identities(b)
    _lay_out_weights(b)
    write_sequences(b)
    _skip_identities(b)
    _join_biases(b)
    cancel_transposes(b)
    _keep_pads_apart(b)
    _name_outputs(b)
    b.body.prune()


# --------------------------------------------------------------------- identities


def _skip_identities(b: Builder) -> None:
    """Read past every node that does nothing, but for those that name an output."""
    outputs = set(b.body.output_names)
    skip = {
        node.outputs[0]: node.inputs[0]
        for node in b.body.nodes
        if _does_nothing(b, node) and node.outputs[0] not in outputs
    }
    b.body.nodes = [n for n in b.body.nodes if n.outputs[0] not in skip]
    b.body.rename(lambda name: _last(name, skip))


def _does_nothing(b: Builder, node: Node) -> bool:
    if node.kind == "Cast":
        known = b.type(node.inputs[0])
        return known is not None and known.dtype == DTYPE_NAMES[node.attrs["to"]]
    return node.kind == "Identity"


def _name_outputs(b: Builder) -> None:
    """Let the producer of an output write it under the output's own name.

    An output that is an input, a weight or another output keeps its Identity.
    """
    outputs = set(b.body.output_names)
    made = {name for n in b.body.nodes if n.kind != "Identity" for name in n.outputs}
    new: dict[str, str] = {}
    kept = []
    for node in b.body.nodes:
        source = node.inputs[0] if node.inputs else ""
        if node.kind == "Identity" and source in made and source not in new:
            new[source] = node.outputs[0]
        else:
            kept.append(node)
    assert set(new.values()) <= outputs
    b.body.nodes = kept
    b.body.rename(lambda name: new.get(name, name))
    for node in kept:
        node.outputs = [new.get(name, name) for name in node.outputs]


def _last(name: str, changes: dict[str, str]) -> str:
    while name in changes:
        name = changes[name]
    return name


def _keep_pads_apart(b: Builder) -> None:
    """Name the axes of a Pad before a pooling.

    onnxruntime else makes its sizes those of the pooling, and refuses its own work
    where they are not below the window's.
    """
    producers = b.body.producers()
    for node in b.body.nodes:
        before = producers.get(node.inputs[0]) if node.kind in _POOLINGS else None
        if before is not None and before.kind == "Pad" and len(before.inputs) == 3:
            rank = len(node.attrs["kernel_shape"]) + 2
            before.inputs.append(b.ints(range(rank)))


_POOLINGS = ("AveragePool", "MaxPool", "LpPool")

# ------------------------------------------------------------------------ weights


def _cast(node: Node, x: np.ndarray) -> np.ndarray:
    return x.astype(dtypes.to_numpy(DTYPE_NAMES[node.attrs["to"]]))


def _reshape(node: Node, x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    if node.attrs.get("allowzero"):
        return x.reshape(shape)
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape)])


_ON_WEIGHTS: dict[str, Callable[..., np.ndarray]] = {
    "Cast": _cast,
    "Reshape": _reshape,
    "Squeeze": lambda node, x, axes: np.squeeze(x, tuple(axes)),
    "Transpose": lambda node, x: np.transpose(x, node.attrs.get("perm")),
    "Unsqueeze": lambda node, x, axes: np.expand_dims(x, tuple(axes)),
}


def _lay_out_weights(b: Builder) -> None:
    """Store a weight as its reader wants it, instead of moving it at each run."""
    readers = b.body.readers()
    new: dict[str, str] = {}
    kept = []
    for node in b.body.nodes:
        names = [new.get(name, name) for name in node.inputs]
        arrays = [b.initializers.get(name) for name in names]
        rule = _ON_WEIGHTS.get(node.kind)
        if (
            rule is None
            or len(arrays) != _arity(rule)
            or any(a is None for a in arrays)
        ):
            kept.append(node)
            continue
        alone = names[0] != node.inputs[0] or len(readers[names[0]]) == 1
        moved = rule(node, *arrays)  # often a view, brought in order when written
        new[node.outputs[0]] = b.restate(names[0], moved, alone)
    b.body.nodes = kept
    b.body.rename(lambda name: new.get(name, name))


def _arity(rule: Callable[..., Any]) -> int:
    return rule.__code__.co_argcount - 1


# ------------------------------------------------------------------------- biases


def _join_biases(b: Builder) -> None:
    """Make ``Conv + Add`` one Conv and ``MatMul + Add`` one Gemm."""
    new: dict[str, str] = {}
    readers, producers = b.body.readers(), b.body.producers()
    for node in b.body.nodes:
        pairs = (node.inputs, node.inputs[::-1]) if node.kind == "Add" else ()
        for result, bias in pairs:
            product, moved = producers.get(result), None
            if product is not None and product.kind == "Transpose":
                product, moved = producers.get(product.inputs[0]), product
            alone = all(len(readers[n.outputs[0]]) == 1 for n in (product, moved) if n)
            if product and alone and _fits(b, product, moved, bias):
                flat = b.initializers[bias].reshape(-1)
                product.inputs.append(b.restate(bias, flat, len(readers[bias]) == 1))
                if product.kind == "MatMul":
                    _make_gemm(b, product)
                new[node.outputs[0]] = (moved or product).outputs[0]
                break
    b.body.nodes = [n for n in b.body.nodes if n.outputs[0] not in new]
    b.body.rename(lambda name: new.get(name, name))


def _make_gemm(b: Builder, product: Node) -> None:
    product.kind = "Gemm"
    product.outputs = [b.unique(product.outputs[0].replace("MatMul", "Gemm"))]


def _fits(b: Builder, product: Node, moved: Node | None, bias: str) -> bool:
    """Return whether a product (seen through a Transpose or not) can take a bias in."""
    array = b.initializers.get(bias)
    weight = b.initializers.get(product.inputs[1]) if len(product.inputs) == 2 else None
    if array is None or weight is None or array.ndim > weight.ndim:
        return False
    wide = array.reshape((1,) * (weight.ndim - array.ndim) + array.shape)
    if product.kind in ("Conv", "ConvTranspose"):
        if moved is not None:
            wide = wide.transpose(inverse(moved.attrs["perm"]))
        return wide.shape == (1, _channels(product, weight), *[1] * (weight.ndim - 2))
    known = b.type(product.inputs[0])
    plain = product.kind == "MatMul" and moved is None and weight.dtype.kind == "f"
    if not plain or known is None or known.rank != 2 or weight.ndim != 2:
        return False
    return wide.shape == (1, weight.shape[1])


def _channels(node: Node, weight: np.ndarray) -> int:
    if node.kind == "Conv":
        return weight.shape[0]
    return weight.shape[1] * node.attrs.get("group", 1)
