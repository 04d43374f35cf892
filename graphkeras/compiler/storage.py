"""Which values get memory of their own; all others are computed where they are used.

Walking back from what must be stored, a value is stored too if computing it again
elsewhere would cost more than a trip through memory.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from graphkeras.compiler.cells import whole_vectors
from graphkeras.compiler.cost import READ, element_cost, tests_equality
from graphkeras.compiler.views import base, injective, view_of
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import CONSTANT, DIM, INPUT, ITEM, STATE
from graphkeras.ir.types import Shape
from graphkeras.ir.value import Graph, Value, users
from graphkeras.runtime import link

DUPLICATE = 4  # an element this cheap may be computed in several loops
STRETCHED = 3  # ... or again for each place it is stretched to
NARROW = 16  # a fold along fewer elements than this runs one by one
SLOW = 8  # ... so what costs this much is better computed in a loop before
LONGEST = 120  # operations in one expression


def is_leaf(value: Value) -> bool:
    """Whether the value lies in memory before the program starts."""
    return value.op in (INPUT, STATE, CONSTANT)


def is_fusible(value: Value) -> bool:
    """Whether the value can be computed element by element where it is used."""
    return value.op.family in ("elementwise", "movement") or value.op is DIM


def takes_epilogue(call: Value) -> bool:
    """Return whether the kernel of a structured op can finish its results itself."""
    name = call.op.kernel
    if isinstance(call.type, tuple) or not isinstance(name, str):
        return False
    return link.has_kernel(name) and link.takes(name, "epilogue")


def takes_updates(call: Value, samples: Container[Dim]) -> bool:
    """Return whether it can do so by what is read where its results are written.

    It goes row by row, or is a product over samples that keeps sums aside until they
    are complete. A row is read in whole vectors: single elements would take longer
    than a loop of their own.

    Args:
        samples: sizes that count them.
    """
    if call.op.fact("ordered"):
        return True
    name, shape = call.op.kernel, call.shape
    if not isinstance(name, str) or not link.takes(name, "once") or len(shape) != 2:
        return False
    if call.inputs[0].shape[-1] not in samples:
        return False
    alike = {value.dtype for value in (call, *call.inputs)}
    return alike <= {"float32", "float64"} and len(alike) == 1 and _in_vectors(shape)


def _in_vectors(shape: Shape) -> bool:
    return all(isinstance(n, int) for n in shape) and whole_vectors(shape[-1])


def stored_values(graph: Graph) -> set[Value]:
    """Return the values that are written to memory.

    The costs of a first round assume that everything is computed anew each time; the
    second round knows what will be read.
    """
    first = _Choice(graph, set()).run()
    return _Choice(graph, first).run()


class _Choice:
    """One walk from the results back to the leaves."""

    def __init__(self, graph: Graph, read: set[Value]) -> None:
        self.values = graph.walk()
        self.users = users(self.values)
        self.roots = graph.roots
        self.stored: set[Value] = set()
        self.homes: dict[Value, set[Value]] = {v: set() for v in self.values}
        self.stretched: set[Value] = set()
        self.slow: set[Value] = set()
        self.compared: set[Value] = set()
        self.read = read
        self.costs: dict[Value, int] = {}
        self.sizes: dict[Value, int] = {}
        for value in self.values:
            self._measure(value)

    def _measure(self, value: Value) -> None:
        """Note the cost and length of a value computed from what is read."""
        costs = _Reading(self.costs, self.read)
        self.costs[value] = element_cost(value, costs)
        parts = (i for i in value.inputs if is_fusible(i) and i not in self.read)
        self.sizes[value] = 1 + sum(self.sizes[i] for i in parts)
        if self.sizes[value] > LONGEST and value.op.family == "elementwise":
            self.stored.add(value)
            self.sizes[value] = 1

    def run(self) -> set[Value]:
        """Return the values to store."""
        for root in self.roots:
            self._need(root)
        for value in reversed(self.values):
            if not is_leaf(value):
                self._visit(value)
        return self.stored

    def _need(self, value: Value) -> None:
        """Have a value in memory."""
        source = base(value)
        if not is_leaf(source):
            self.stored.add(source)

    def _visit(self, value: Value) -> None:
        """Decide on a value whose users are all decided."""
        family = value.op.family
        if family == "structured" or value.op is ITEM:
            self.stored.add(value)
            self._visit_call(value)
            return
        if family == "reduction":
            self.stored.add(value)
            self._note_fold(value)
        elif self._is_worth_storing(value):
            self._need(value)
        if family == "elementwise" and tests_equality(value.op):
            self.compared |= {base(operand) for operand in value.inputs}
        home = {value} if value in self.stored else self.homes[value]
        for operand in value.inputs:
            self.homes[operand] |= home
            if is_fusible(operand) and _stretches(value, operand):
                self.stretched.add(operand)

    def _visit_call(self, value: Value) -> None:
        if value.op is ITEM:
            return
        strided = bool(value.op.fact("strided"))
        for operand in value.inputs:
            self._need(view_of(operand, strided).source)

    def _is_worth_storing(self, value: Value) -> bool:
        if value.op.family == "movement":  # its operand is stored instead, if anything
            return False
        cost = self.costs[value]
        if value in self.stretched and cost > STRETCHED and value.type.size != 1:  # type: ignore[union-attr]
            return True
        if value in self.slow and cost >= SLOW:
            return True
        if len(self.homes[value]) < 2:
            return False
        if self._replaces_a_result(value):
            return True
        # Computed in two loops, the last bit may differ: fused or not, as it happens.
        compared = value in self.compared and self.sizes[value] > 1
        return cost > DUPLICATE or (compared and not _is_cast(value))

    def _replaces_a_result(self, value: Value) -> bool:
        """Whether the kernel before can store this value instead of its own result."""
        for operand in value.inputs:
            made = base(operand)
            if takes_epilogue(made) and operand.shape == value.shape:
                return all(u is value for u in self.users[operand]) and (
                    made is operand or self.users[made] == [operand]
                )
        return False

    def _note_fold(self, value: Value) -> None:
        if is_narrow(value):
            self.slow.add(base(value.inputs[0]))


def _is_cast(value: Value) -> bool:
    """Whether an element is one in memory, at most of another dtype: exact anywhere."""
    while value.op.name == "cast":
        (value,) = value.inputs
    return is_leaf(base(value))


class _Reading(dict):  # type: ignore[type-arg]
    """Costs of operands: those in memory cost a read."""

    def __init__(self, costs: Mapping[Value, int], read: set[Value]) -> None:
        self.costs, self.read = costs, read

    def __missing__(self, value: Value) -> int:
        return READ if value in self.read else self.costs[value]


def is_narrow(reduction: Value) -> bool:
    """Whether a reduction folds neighbours, but too few of them for vectors."""
    shape = reduction.inputs[0].shape
    axes = [(i, n) for i, n in enumerate(shape) if n != 1]
    total: Dim = 1
    while axes and axes[-1][0] in reduction.axis:
        total = total * axes.pop()[1]
    return total != 1 and isinstance(total, int) and total < NARROW


def _stretches(value: Value, operand: Value) -> bool:
    """Whether `value` asks for elements of `operand` more than once."""
    if value.op.family == "elementwise":
        return _product(value.shape) != _product(operand.shape)
    if value.op.family == "movement":
        return not injective(value)
    return False


def _product(shape: tuple[Dim, ...]) -> tuple[str, ...]:
    return tuple(sorted(str(n) for n in shape if n != 1))
