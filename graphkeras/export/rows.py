"""Sequences, which the ops treat as images of one row, written as sequences again::

Unsqueeze -> Transpose -> Conv(1 x k) -> Transpose -> Squeeze        as the rules write
Transpose -> Unsqueeze -> Conv(1 x k) -> Squeeze -> Transpose        turned outside in
Transpose -> Conv(k) -> Transpose                                    without the row
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphkeras.export.builder import Builder
from graphkeras.export.layout import merge_transposes
from graphkeras.export.nodes import Node

_ROW = 2  # where the row stands in (batch, channels, row, column)
_POOLS = ("AveragePool", "MaxPool")


def write_sequences(b: Builder) -> None:
    """Rewrite the outermost graph in place."""
    made = b.body.producers()
    for node in list(b.body.nodes):
        source = made.get(node.inputs[0]) if node.inputs else None
        if source is not None:
            with b.at(node.outputs[0].rpartition("/")[0]):
                _turn_outside_in(b, node, source)
    b.body.sort()
    merge_transposes(b)
    _drop_rows(b)
    b.body.sort()
    b.body.prune()


def _turn_outside_in(b: Builder, node: Node, source: Node) -> None:
    if node.kind == "Transpose" and "perm" in node.attrs:
        _transpose_before_unsqueeze(b, node, source)
    elif source.kind == "Transpose" and "perm" in source.attrs:
        _squeeze_before_transpose(b, node, source)


def _only_axis(b: Builder, node: Node, kind: str) -> int | None:
    """Return the axis that an Unsqueeze or Squeeze adds or drops, if it is just one."""
    axes = b.initializers.get(node.inputs[1]) if len(node.inputs) > 1 else None
    if node.kind != kind or axes is None or axes.size != 1 or axes.item() < 0:
        return None
    return int(axes.item())


def _without(order: Sequence[int], axis: int) -> list[int]:
    """Return an order of axes after `axis` of the operand is gone."""
    return [i - (i > axis) for i in order if i != axis]


def _transpose_before_unsqueeze(b: Builder, node: Node, source: Node) -> None:
    axis = _only_axis(b, source, "Unsqueeze")
    if axis is None:
        return
    order = node.attrs["perm"]
    turned = b.Transpose(source.inputs[0], perm=_without(order, axis))
    node.kind, node.attrs = "Unsqueeze", {}
    node.inputs = [turned, b.ints((order.index(axis),))]


def _squeeze_before_transpose(b: Builder, node: Node, source: Node) -> None:
    axis = _only_axis(b, node, "Squeeze")
    if axis is None:
        return
    order = source.attrs["perm"]
    dropped = b.Squeeze(source.inputs[0], b.ints((order[axis],)))
    node.kind, node.attrs = "Transpose", {"perm": _without(order, order[axis])}
    node.inputs = [dropped]


def _drop_rows(b: Builder) -> None:
    """Give each window over one row its sequence, and the row to its result instead.

    Where the row is dropped again, or the next window is given its sequence, the two
    meet and are gone.
    """
    made, readers = b.body.producers(), b.body.readers()
    for node in list(b.body.nodes):
        before = made.get(node.inputs[0]) if node.inputs else None
        if before is None or _only_axis(b, before, "Unsqueeze") != _ROW:
            continue
        if _only_axis(b, node, "Squeeze") == _ROW:
            node.kind, node.inputs = "Identity", before.inputs[:1]
        elif _has_one_row(b, node):
            weights = node.inputs[1:2]
            node.inputs[0] = before.inputs[0]
            _drop_row(b, node, alone=all(len(readers[w]) == 1 for w in weights))
            row = _row_after(b, node, readers)
            made[row.outputs[0]] = row


def _row_after(b: Builder, node: Node, readers: dict[str, list[Node]]) -> Node:
    """Add an Unsqueeze behind a node for all its readers."""
    old = node.outputs[0]
    known, new = b.type(old), b.unique(f"{old}/Unsqueeze")
    if known is not None:
        b.note_type(new, known)
        b.note_type(old, known.with_shape(known.shape[:_ROW] + known.shape[_ROW + 1 :]))
    for reader in readers.get(old, []):
        reader.rename(lambda name: new if name == old else name)
    row = Node("Unsqueeze", [old, b.ints((_ROW,))], [new])
    b.body.nodes.append(row)
    return row


def _has_one_row(b: Builder, node: Node) -> bool:
    """Return whether a window looks at one row and does not move from it."""
    if (
        node.kind not in ("Conv", *_POOLS)
        or len(node.attrs.get("kernel_shape", ())) != 2
    ):
        return False
    if node.kind == "Conv" and node.inputs[1] not in b.initializers:
        return False
    sizes = (node.attrs.get(name, (1, 1)) for name in ("kernel_shape", "strides"))
    pads = node.attrs.get("pads", (0, 0, 0, 0))
    return all(size[0] == 1 for size in sizes) and pads[0] == pads[2] == 0


def _drop_row(b: Builder, node: Node, alone: bool) -> None:
    for name in ("kernel_shape", "strides", "dilations"):
        if name in node.attrs:
            node.attrs[name] = node.attrs[name][1:]
    if "pads" in node.attrs:
        node.attrs["pads"] = node.attrs["pads"][1::2]
    if node.kind == "Conv":
        weight = np.squeeze(b.initializers[node.inputs[1]], _ROW)
        node.inputs[1] = b.restate(node.inputs[1], weight, alone)
