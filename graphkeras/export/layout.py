"""Transposes that need not be: compute each stretch of a network in the layout that
costs least.

A *stretch* is a connected set of nodes that do not care in which order the axes stand
(`Add`, `Relu`, `Concat` with its axis renumbered, ...). With `p` the order in which
convolutions hand their results over ("channels last"), a stretch can be computed in the
order of `p` or in the order the convolution has ("as it comes"). Either way costs the
transposes at its border::

    Conv -> T(p) -> [ Add -> Relu ] -> T(p inverse) -> MaxPool      2 as written
    Conv ---------> [ Add -> Relu ] ------------------> MaxPool      0 turned over

and a stretch is turned over where that leaves fewer. Stretches do not touch, so each is
decided by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from graphkeras.export.builder import Builder
from graphkeras.export.nodes import ELEMENTWISE, Node
from graphkeras.ir.dims import Dim, product
from graphkeras.ir.types import TensorType

Order = tuple[int, ...]

_ROUNDS = 4  # a stretch that is turned may let its neighbour gain; mostly one does
_CHANNELS_FIRST = frozenset(
    ("AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "MaxPool")
)
_KINDS_WITH_AXIS = frozenset(("Concat", "LogSoftmax", "Softmax"))


def cancel_transposes(b: Builder) -> None:
    """Rewire the outermost graph so that few transposes are left."""
    merge_transposes(b)
    for turn in range(_ROUNDS):
        layout = _Layout(b)
        if not layout.settle(ties=turn == 0):
            break
        b.body.sort()
        merge_transposes(b)
    _Layout(b).enter_reductions()
    _enter_products(b)
    b.body.prune()


def inverse(order: Sequence[int]) -> Order:
    """Return the order of axes that undoes `order`."""
    return tuple(int(i) for i in np.argsort(order))


def merge_transposes(b: Builder) -> None:
    """Make chains of transposes one, equal ones one, and drop those that do nothing."""
    origin: dict[str, tuple[str, Order]] = {}  # result -> (operand, order)
    first: dict[tuple[str, Order], str] = {}
    alias: dict[str, str] = {}
    for node in b.body.nodes:
        order = _order(node)
        if order is None:
            continue
        name, source = node.outputs[0], alias.get(node.inputs[0], node.inputs[0])
        untouched = tuple(range(len(order)))
        source, before = origin.get(source, (source, untouched))
        order = tuple(before[i] for i in order)
        if order == untouched:
            alias[name] = source
            continue
        node.inputs, node.attrs["perm"] = [source], [*order]
        origin[name] = (source, order)
        same = first.setdefault((source, order), name)
        if same != name:
            alias[name] = same
    b.body.rename(lambda name: alias.get(name, name))
    b.body.prune()


def _order(node: Node | None) -> Order | None:
    """Return the order of axes of a Transpose, None for any other node."""
    if node is None or node.kind != "Transpose" or "perm" not in node.attrs:
        return None
    return tuple(node.attrs["perm"])


def _reduces(node: Node) -> bool:
    return node.kind.startswith("Reduce")


def _place(node: Node) -> int:
    """Return which operand names axes, or has one number for each; 0 for none."""
    if _reduces(node):
        return 1
    if node.kind == "Slice":
        return 3
    if node.kind == "Pad" and len(node.inputs) < 4:
        return 1
    if node.kind == "Resize" and "axes" not in node.attrs and not node.inputs[1]:
        return 3 if len(node.inputs) > 3 else 2
    return 0


class _Layout:
    """Decides for each stretch of a graph in which order its axes stand."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.made, self.readers = b.body.producers(), b.body.readers()
        self.ranks = {name: array.ndim for name, array in b.initializers.items()}
        self.ranks.update((name, type_.rank) for name, type_ in b.known_types())
        for node in b.body.nodes:
            rank = self._rank(node)
            if rank is not None:
                self.ranks.setdefault(node.outputs[0], rank)

    def _rank(self, node: Node) -> int | None:
        """Return the rank of a node's result where that is easily told."""
        order, inputs = _order(node), [i for i in node.inputs if i]
        if order is not None:
            return len(order)
        if node.kind in ELEMENTWISE and all(i in self.ranks for i in inputs):
            return max(self.ranks[i] for i in inputs)
        if node.kind in _CHANNELS_FIRST:
            return self.ranks.get(inputs[0])
        if node.kind in _KINDS_WITH_AXIS or _place(node):
            return self.ranks.get(inputs[0]) if node.attrs.get("keepdims", 1) else None
        return None

    def stretches(self) -> list[list[Node]]:
        """Return the connected sets of nodes that do not care for the order of axes."""
        outputs = set(self.b.body.output_names)
        maker: dict[str, list[Node]] = {}  # value -> the stretch that makes it
        for node in self.b.body.nodes:
            if outputs.intersection(node.outputs) or not self._indifferent(node):
                continue
            near = {id(m): m for m in map(maker.get, self._moved(node)) if m}
            stretch, *others = near.values() or ([],)
            for part in (*(part for other in others for part in other), node):
                stretch.append(part)
                maker[part.outputs[0]] = stretch
        return list({id(stretch): stretch for stretch in maker.values()}.values())

    def _indifferent(self, node: Node) -> bool:
        """Return whether a node can work on its operands in any order of axes."""
        rank = self.ranks.get(node.outputs[0], 0)
        if rank < 2:
            return False
        inputs = [i for i in node.inputs if i]
        if node.kind in ELEMENTWISE:
            return all(
                self.ranks.get(i) in (0, rank) or i in self.b.initializers
                for i in inputs
            )
        if node.kind in _KINDS_WITH_AXIS:
            return all(self.ranks.get(i) == rank for i in inputs) and not any(
                i in self.b.initializers for i in inputs
            )
        known = self.ranks.get(node.inputs[0]) == rank
        kept = node.attrs.get("keepdims", 1) == 1
        return known and kept and self._states_axes(node)

    def _states_axes(self, node: Node) -> bool:
        """Return whether the operand that speaks of axes is there and constant."""
        place = _place(node)
        stated = node.inputs[place] if 0 < place < len(node.inputs) else ""
        return stated in self.b.initializers

    def _moved(self, node: Node) -> list[str]:
        """Return the operands whose axes move with the result's."""
        rank = self.ranks[node.outputs[0]]
        operands = node.inputs[:1] if _place(node) else node.inputs
        return [
            i for i in dict.fromkeys(operands)
            if i and i not in self.b.initializers and self.ranks.get(i) == rank
        ]  # fmt: skip

    # ---------------------------------------------------------------------- decision

    def settle(self, ties: bool) -> bool:
        """Turn over every stretch that gains by it; return whether any did.

        Args:
            ties: also turn one that neither gains nor loses, if it follows a
                convolution or the like: the two then stand together.
        """
        orders = [
            (stretch, self._better(stretch, ties)) for stretch in self.stretches()
        ]
        for stretch, order in orders:
            if order is not None:
                self._turn_over(stretch, order)
        return any(order is not None for _, order in orders)

    def _better(self, stretch: list[Node], ties: bool) -> Order | None:
        """Return the order to undo inside a stretch, None if it stands well."""
        inside, border = set(stretch), self._border(stretch)
        results = [node.outputs[0] for node in stretch]
        order = self._usual_order(border, results)
        if order is None:
            return None
        back, follows, as_is, turned = inverse(order), False, 0, 0
        for source in border:
            if _order(self.made.get(source)) == order:
                follows |= self._is_channels_first(self.made[source].inputs[0])
                as_is += inside.issuperset(self.readers[source])
            else:
                turned += not any(_order(r) == back for r in self.readers[source])
        for name in results:
            outside = [r for r in self.readers.get(name, ()) if r not in inside]
            undone = [r for r in outside if _order(r) == back]
            as_is += bool(undone)
            turned += any(
                r not in undone and not self._folds(r, order) for r in outside
            )
        gains = turned < as_is or (ties and turned == as_is and follows)
        return order if gains else None

    def _is_channels_first(self, name: str) -> bool:
        maker = self.made.get(name)
        return maker is not None and maker.kind in _CHANNELS_FIRST

    def _usual_order(self, border: list[str], results: list[str]) -> Order | None:
        """Return the order in which most transposes at a border hand axes over."""
        found = [_order(self.made.get(name)) for name in border]
        for name in results:
            orders = (_order(reader) for reader in self.readers.get(name, ()))
            found += [inverse(order) for order in orders if order is not None]
        counts = Counter(order for order in found if order is not None)
        return counts.most_common(1)[0][0] if counts else None

    def _border(self, stretch: list[Node]) -> list[str]:
        """Return the values a stretch reads and does not make."""
        made = {name for node in stretch for name in node.outputs}
        moved = (name for node in stretch for name in self._moved(node))
        return [name for name in dict.fromkeys(moved) if name not in made]

    def _folds(self, node: Node, order: Order) -> bool:
        """Return whether a node reduces axes away and leaves the others in their order.

        Such a reader takes either layout: only its axes get other numbers.
        """
        if not _reduces(node) or node.attrs.get("keepdims", 1):
            return False
        if not self._states_axes(node):
            return False
        gone = {int(a) % len(order) for a in self.b.initializers[node.inputs[1]]}
        left = [order[i] for i in range(len(order)) if i not in gone]
        return left == sorted(left)

    def enter_reductions(self) -> None:
        """Let a reduction that takes either order read what a transpose reads."""
        for node in self.b.body.nodes:
            source = self.made.get(node.inputs[0]) if node.inputs else None
            order = _order(source)
            if source is not None and order is not None and self._folds(node, order):
                self._renumber(node, order)
                node.inputs[0] = source.inputs[0]

    # ------------------------------------------------------------------- turning over

    def _turn_over(self, stretch: list[Node], order: Order) -> None:
        """Compute a stretch in the order before `order`, with transposes around it.

        Those that meet their inverse there are merged away.
        """
        inside, back = set(stretch), inverse(order)
        entered = {name: self._transposed(name, back) for name in self._border(stretch)}
        for node in stretch:
            self._renumber(node, order)
            node.inputs = [entered.get(i, i) for i in node.inputs]
        for node in stretch:
            self._leave(node.outputs[0], order, inside)

    def _leave(self, name: str, order: Order, inside: set[Node]) -> None:
        """Give the readers outside a turned stretch the order of axes they expect."""
        self._retype(name, inverse(order))
        outside = [r for r in self.readers.get(name, ()) if r not in inside]
        expecting = [r for r in outside if not self._folds(r, order)]
        back = self._transposed(name, order) if expecting else name
        for reader in outside:
            if reader in expecting:
                reader.rename(lambda old: back if old == name else old)
            else:
                self._renumber(reader, order)

    def _retype(self, name: str, order: Order) -> None:
        known = self.b.type(name)
        if known is not None:
            self.b.note_type(name, _in_order(known, order))

    def _transposed(self, name: str, order: Order) -> str:
        result, known = self.b.unique(f"{name}/Transpose"), self.b.type(name)
        if known is not None:
            self.b.note_type(result, _in_order(known, order))
        node = Node("Transpose", [name], [result], {"perm": [*order]})
        self.b.body.nodes.append(node)
        self.ranks[result] = len(order)
        return result

    def _renumber(self, node: Node, order: Order) -> None:
        """Make a node's own constants and attributes speak of the new order of axes."""
        rank, back = len(order), inverse(order)
        if node.kind in _KINDS_WITH_AXIS:
            default = 1 if node.kind == "Concat" else -1
            node.attrs["axis"] = order[node.attrs.get("axis", default) % rank]
        elif not _place(node):
            node.inputs = [self._spread(i, back) for i in node.inputs]
        else:
            place = _place(node)
            numbers = self.b.initializers[node.inputs[place]]
            node.inputs[place] = self.b.constant(_reordered(node, numbers, order))

    def _spread(self, name: str, back: Order) -> str:
        """Return a constant operand with its axes in the new order."""
        array = self.b.initializers.get(name)
        if array is None or array.size == 1:
            return name
        wide = array.reshape((1,) * (len(back) - array.ndim) + array.shape)
        moved = wide.transpose(back)
        while moved.shape[0] == 1:
            moved = moved[0]
        return self.b.restate(name, moved, len(self.readers[name]) == 1)


def _in_order(type_: TensorType, order: Order) -> TensorType:
    return type_.with_shape(tuple(type_.shape[i] for i in order))


def _enter_products(b: Builder) -> None:
    """Let ``Transpose -> Reshape -> product`` do without the transpose.

    Flattened, another order of axes is another order of features: that of the weight's
    rows, which are put in place now.
    """
    made, readers = b.body.producers(), b.body.readers()
    for node in b.body.nodes:
        flat = made.get(node.inputs[0]) if node.kind in ("Gemm", "MatMul") else None
        if flat is None or flat.kind != "Reshape":
            continue
        moved, weight = made.get(flat.inputs[0]), b.initializers.get(node.inputs[1])
        order, known = _order(moved), b.type(flat.inputs[0])
        if moved is None or order is None or known is None or weight is None:
            continue
        sizes, alone = (
            known.shape[1:],
            all(
                len(readers[n]) == 1
                for n in (*flat.outputs, *moved.outputs, node.inputs[1])
            ),
        )
        if order[0] == 0 and alone and _keeps_rows(b, flat, sizes, weight):
            cells = weight.reshape(*(int(n) for n in sizes), weight.shape[1])
            axes = [i - 1 for i in inverse(order)[1:]]
            turned = cells.transpose(*axes, len(axes)).reshape(weight.shape)
            node.inputs[1] = b.restate(node.inputs[1], turned, alone=True)
            flat.inputs[0] = moved.inputs[0]


def _keeps_rows(
    b: Builder, flat: Node, sizes: Sequence[Dim], weight: np.ndarray
) -> bool:
    """Return whether a Reshape flattens all axes but the first into the features."""
    target = b.initializers.get(flat.inputs[1])
    features = product(sizes)
    return (
        target is not None
        and weight.ndim == 2
        and features == weight.shape[0]
        and target.shape == (2,)
        and target[1] == features
    )


def _reordered(node: Node, numbers: np.ndarray, order: Order) -> np.ndarray:
    """Return the operand that speaks of axes, for axes in the order before `order`."""
    if node.kind == "Slice" or _reduces(node):  # a list of axes
        moved = [order[int(a) % len(order)] for a in numbers]
        return np.array(moved if node.kind == "Slice" else sorted(moved), np.int64)
    rows = numbers.reshape(-1, len(order))  # Pad: before and after; Resize: one number
    return np.ascontiguousarray(rows[:, inverse(order)]).reshape(-1)
