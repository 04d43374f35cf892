"""What a program for answers makes of weights alone: made once, until they change.

::

    x ----------------+                        x ------------+
                      v                                      v
    w -> winograd_weights -> winograd_conv2d   u (kept) -> winograd_conv2d
                                               w -> winograd_weights -> u

So it is with the panels of a product. The graph is parted in two: a first one of
weights, and the rest, for which what the first one gives is state like the weights
themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphkeras import dtypes
from graphkeras.compiler.convolutions import by_points
from graphkeras.compiler.joined import part_joined
from graphkeras.compiler.panels import by_panels
from graphkeras.ir import dims
from graphkeras.ir.op import STATE, rebuild, state_value
from graphkeras.ir.value import Graph, Value, walk

MOST_KEPT = 1 << 25  # bytes of one program; what finds no room is made in each run


@dataclass(frozen=True, slots=True)
class Parts:
    """A graph in two parts.

    Attributes:
        first: from weights to what is kept; it has no inputs.
        rest: its state is that of the whole graph, and then what is kept.
        weights: for each state of the first, its number in the whole graph.
    """

    first: Graph
    rest: Graph
    weights: tuple[int, ...]


def split_kept(graph: Graph) -> Parts | None:
    """Return the two parts of a graph, None if there is nothing to keep."""
    graph = part_joined(graph)  # whole weights would have to be multiplied at once
    made = _kept_by(graph)
    if not made:
        return None
    leaves = {
        u: state_value(f"{_leaf(u).name} (kept)", u.types[0], number)
        for number, u in enumerate(dict.fromkeys(v.inputs[1] for v in made.values()))
    }
    new: dict[Value, Value] = {}
    for value in walk(graph.roots):
        other = made.get(value)
        if other is None:
            new[value] = rebuild(value, [new[i] for i in value.inputs])
        else:
            x, u = other.inputs
            new[value] = rebuild(other, [new[x], leaves[u]])
    rest = graph.with_roots(new[root] for root in graph.roots)
    kept = tuple(leaves.values())
    state, updates = (*rest.state, *kept), (*rest.updates, *kept)
    weights = tuple(dict.fromkeys(map(_leaf, leaves)))
    return Parts(
        Graph((), tuple(leaves), weights, weights),
        Graph(rest.inputs, rest.outputs, state, updates),
        tuple(graph.state.index(w) for w in weights),
    )


def _kept_by(graph: Graph) -> dict[Value, Value]:
    """Return products with weights that stay, each as one of what may be kept."""
    changed = {old for old, _ in graph.changed}
    found: dict[Value, Value] = {}
    sizes: dict[Value, int] = {}
    for value in graph.walk():
        other = by_points(value) or by_panels(value)
        if other is None:
            continue
        u = other.inputs[1]
        weights, size = _leaf(u), dims.product(u.shape)
        if weights.op is not STATE or weights in changed or not isinstance(size, int):
            continue
        room = MOST_KEPT - sum(sizes.values())
        if u not in sizes and size * dtypes.itemsize(u.dtype) > room:
            continue
        sizes[u] = size * dtypes.itemsize(u.dtype)
        found[value] = other
    return found


def _leaf(u: Value) -> Value:
    """Return what something is made of if it is made of one thing, element by element
    maybe elsewhere."""
    (below,) = u.inputs
    while below.op.family == "movement" and len(below.inputs) == 1:
        (below,) = below.inputs
    return below
