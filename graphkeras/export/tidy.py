"""Passes over a built ONNX graph: what a careful hand would not have written."""

from __future__ import annotations

from graphkeras.export.builder import Builder


def tidy(b: Builder) -> None:
    """Simplify the outermost graph in place."""
    absorb_identities(b)
    b.body.prune()


def absorb_identities(b: Builder) -> None:
    """Let the producer of an Identity write its result under the Identity's name."""
    outputs = set(b.body.output_names)
    made = {name for node in b.body.nodes for name in node.outputs}
    changes: dict[str, str] = {}
    kept = []
    for node in b.body.nodes:
        source = changes.get(node.inputs[0], node.inputs[0]) if node.inputs else ""
        if node.kind != "Identity":
            kept.append(node)
        elif node.outputs[0] not in outputs:
            changes[node.outputs[0]] = source
        elif source in made and source not in outputs and source not in changes:
            changes[source] = node.outputs[0]
        else:
            kept.append(node)
    b.body.nodes = kept
    b.body.rename(lambda name: _last(name, changes))
    for node in kept:
        node.outputs = [_last(name, changes) for name in node.outputs]


def _last(name: str, changes: dict[str, str]) -> str:
    while name in changes:
        name = changes[name]
    return name
