"""Groups of values that are computed in one loop.

Each stored value begins as a group of its own. Groups over the same index space are
joined where one reads just what the other has made at the same index (it never leaves
the register), or where both read the same memory; work over what a fold leaves becomes
its tail, work on a product's elements its epilogue.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from graphkeras.compiler.indexing import flat
from graphkeras.compiler.loops import Loop, domain_of, index_of
from graphkeras.compiler.nests import collapse, finish_of, loop_of
from graphkeras.compiler.storage import (
    is_fusible,
    is_leaf,
    is_narrow,
    stored_values,
    takes_epilogue,
    takes_updates,
)
from graphkeras.compiler.views import base, view_of
from graphkeras.ir import dims
from graphkeras.ir.dims import Dim
from graphkeras.ir.op import ITEM
from graphkeras.ir.value import Graph, Value

LARGEST = 300  # instructions in one loop
LONGEST_FINISH = 40  # ... and in what a kernel does to each of its results


@dataclass(eq=False, slots=True)
class Group:
    """Values computed together; exactly one of a call, folds, or neither.

    Attributes:
        values: results over the whole domain.
        folds: reductions of operands over that domain.
        call: a structured op.
        tail: results made of what the folds or the call have left.
    """

    place: int  # of its last value in the graph's order
    values: list[Value] = field(default_factory=list)
    folds: list[Value] = field(default_factory=list)
    call: Value | None = None
    tail: list[Value] = field(default_factory=list)

    @property
    def domain(self) -> tuple[Dim, ...]:
        """Sizes of the axes looped over, without those that are 1."""
        if self.call is not None:
            return ()
        value = self.folds[0].inputs[0] if self.folds else self.values[0]
        return domain_of(value.shape)

    @property
    def made(self) -> list[Value]:
        """All results, in an order in which they can be made."""
        call = [self.call] if self.call is not None else []
        return [*call, *self.values, *self.folds, *self.tail]

    @property
    def left(self) -> tuple[Dim, ...]:
        """Sizes of what the folds leave."""
        return domain_of(self.folds[0].shape)


@dataclass(frozen=True, slots=True)
class InMemory:
    """The values that are read rather than computed: leaves and what is stored."""

    stored: Container[Value]

    def __contains__(self, value: object) -> bool:
        return value in self.stored or is_leaf(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Plan:
    """What `fuse` found.

    Attributes:
        groups: in an order in which they can run.
        memory: what is read from memory.
        wanted: results that some other group, or whoever runs the graph, will read.
        updated: those that become the new values of variables.
    """

    graph: Graph
    groups: tuple[Group, ...]
    memory: InMemory
    wanted: frozenset[Value]
    updated: frozenset[Value]

    def loop(self, group: Group) -> Loop:
        """Return the loop nest of a group that is no call."""
        loop = loop_of(group.values, group.folds, group.tail, self.memory, self.wanted)
        return collapse(loop)


def fuse(graph: Graph) -> Plan:
    """Return the groups of a graph of elementwise, moving, folding and calling ops."""
    stored = stored_values(graph)
    memory = InMemory(stored)
    merger = _Merger(graph, _single_groups(graph, stored), memory)
    merger.run()
    order = merger.ordered(graph)
    wanted = {base(root) for root in graph.roots}
    for group in order:
        made = set(group.made)
        wanted |= {source for source, _ in merger.reads[group] if source not in made}
    return Plan(graph, order, memory, frozenset(wanted), merger.updated)


def _single_groups(graph: Graph, stored: set[Value]) -> list[Group]:
    groups = []
    for place, value in enumerate(graph.walk()):
        if value.op.family == "structured":
            groups.append(Group(place, call=value))
        elif value.op.family == "reduction":
            groups.append(Group(place, folds=[value]))
        elif value in stored and is_fusible(value):
            groups.append(Group(place, values=[value]))
    return groups


Read = tuple[Value, Dim | None]  # source, place if it is read without a test


def _reads_of(group: Group, memory: Container[Value]) -> tuple[list[Read], int]:
    """Return what a group reads from memory, and how many instructions it has."""
    if group.call is not None:
        return _reads_of_call(group, group.call, memory)
    loop = loop_of(group.values, group.folds, group.tail, memory, group.made)
    reads: list[Read] = []
    for section in loop.sections:
        for source, place, guard in section.reads():
            reads.append((source, None if guard else place))
    return reads, sum(len(section.code) for section in loop.sections)


def _reads_of_call(
    group: Group, call: Value, memory: Container[Value]
) -> tuple[list[Read], int]:
    strided = bool(call.op.fact("strided"))
    reads: list[Read] = [(view_of(x, strided).source, None) for x in call.inputs]
    if not group.tail:
        return reads, 0
    finish = finish_of(call, group.tail, memory, group.made)
    assert finish is not None  # or nothing would have been joined
    reads += [(source, None) for source, *_ in finish.tail.reads()]
    return reads, len(finish.tail.code)


def _origin(value: Value) -> Value:
    """Return the value whose group makes `value`: items come of their call."""
    return value.inputs[0] if value.op is ITEM else value


class _Merger:
    """Joins groups, keeping the graph of groups free of cycles."""

    def __init__(self, graph: Graph, groups: list[Group], memory: InMemory) -> None:
        self.updated = frozenset(base(new) for _, new in graph.changed)
        self.samples = {leaf.shape[0] for leaf in graph.inputs if leaf.shape}
        self.groups = groups
        self.memory = memory
        self.maker: dict[Value, Group] = {}
        self.reads: dict[Group, list[Read]] = {}
        self.sizes: dict[Group, int] = {}
        self.before: dict[Group, set[Group]] = {}
        self.readers: dict[Value, list[Group]] = {}
        self.places: dict[Value, int] = {}
        for group in groups:
            self.places |= dict.fromkeys(group.made, group.place)
            self._enter(group)

    def _enter(self, group: Group) -> None:
        """Note what a group makes, reads and needs."""
        for value in group.made:
            self.maker[value] = group
        self.reads[group], self.sizes[group] = _reads_of(group, self.memory)
        sources = dict.fromkeys(_origin(source) for source, _ in self.reads[group])
        makers = {self.maker[s] for s in sources if s in self.maker}
        self.before[group] = makers - {group}

    def run(self) -> None:
        """Try each group against the makers of what it reads and its fellow readers."""
        for group in list(self.groups):
            partner = self._partner(group)
            if partner is not None:
                self._join(partner, group)
                group = partner
            for source, _ in self.reads[group]:
                fellows = self.readers.setdefault(source, [])
                if group not in fellows:
                    fellows.append(group)

    def _partner(self, group: Group) -> Group | None:
        if group.call is not None:
            return None
        for candidate in self._candidates(group):
            if self._fits(candidate, group) and not self._apart(candidate, group):
                return candidate
        return None

    def _candidates(self, group: Group) -> Iterator[Group]:
        """Yield makers first, then groups that read the same memory."""
        seen = {group}
        for source, _ in self.reads[group]:
            maker = self.maker.get(_origin(source))
            if maker is not None and maker not in seen:
                seen.add(maker)
                yield maker
        for source, _ in self.reads[group]:
            if source.type.size == 1 and group.domain != ():  # type: ignore[union-attr]
                continue
            for fellow in self.readers.get(source, ()):
                if fellow not in seen:
                    seen.add(fellow)
                    yield fellow

    def _fits(self, first: Group, second: Group) -> bool:
        """Whether `second` can be computed at the index at which `first` is."""
        if self.sizes[first] + self.sizes[second] > LARGEST:
            return False
        if first.call is not None:
            return self._fits_finish(first, first.call, second)
        if first.folds and second.folds:
            return self._same_folds(first, second)
        if first.folds and second.domain == first.left and self._in_step(
            first, second, [*first.folds, *first.tail]
        ):  # fmt: skip
            return True
        if first.domain != second.domain or _narrow(first) or _narrow(second):
            return False
        return self._in_step(first, second, first.values)

    def _fits_finish(self, first: Group, call: Value, second: Group) -> bool:
        """Whether a kernel can compute `second` of each of its own results.

        The updates of variables only if it stores nothing before it is complete: if
        there are few products to a sum, for it takes all of them before the next.
        """
        if not takes_epilogue(call) or call.shape[-1] == 1:
            return False  # a single column is no vector: better in a loop of its own
        if second.folds or not _same_rows(second.domain, domain_of(call.shape)):
            return False
        size = self.sizes[first] + self.sizes[second]
        if size > LONGEST_FINISH:
            return False
        updates = not self.updated.isdisjoint(second.values)
        if updates and not takes_updates(call, self.samples):
            return False
        if not self._in_step(first, second, first.made):
            return False
        tail = [*first.tail, *second.values]
        return finish_of(call, tail, self.memory, tail) is not None

    def _same_folds(self, first: Group, second: Group) -> bool:
        a, b = first.folds[0], second.folds[0]
        same = a.inputs[0].shape == b.inputs[0].shape and a.axis == b.axis
        return same and self._in_step(first, second, first.values)

    def _in_step(self, first: Group, second: Group, made: list[Value]) -> bool:
        """Whether `second` reads what `first` makes only where it was just made."""
        own = set(first.made)
        for source, place in self.reads[second]:
            if source not in own:
                continue
            shape = source.shape if first.call is None else second.domain
            here = flat(index_of(shape), shape)
            if source not in made or place is None or place != here:
                return False
        return True

    def _apart(self, first: Group, second: Group) -> bool:
        """Whether some third group must run between the two."""
        if second in self.before[first]:
            return True
        return self._leads(first, second) or self._leads(second, first)

    def _leads(self, first: Group, second: Group) -> bool:
        """Whether there is a way from `first` over some third group to `second`."""
        stack = [g for g in self.before[second] if g is not first]
        seen = set(stack)
        while stack:
            for group in self.before[stack.pop()]:
                if group is first:
                    return True
                if group not in seen:
                    seen.add(group)
                    stack.append(group)
        return False

    def _join(self, first: Group, second: Group) -> None:
        """Make `second` a part of `first`."""
        to_tail = first.call is not None or (first.folds and not second.folds and (
            first.domain != second.domain or self._reads_folds(first, second)
        ))  # fmt: skip
        if to_tail:
            first.tail += second.values
        else:
            first.values += second.values
            first.folds += second.folds
            first.tail += second.tail
        for values in (first.values, first.folds, first.tail):
            values.sort(key=self.places.__getitem__)
        first.place = max(first.place, second.place)
        self.groups.remove(second)
        for needs in self.before.values():
            if second in needs:
                needs.remove(second)
                needs.add(first)
        self._enter(first)

    def _reads_folds(self, first: Group, second: Group) -> bool:
        left = {*first.folds, *first.tail}
        return any(source in left for source, _ in self.reads[second])

    def ordered(self, graph: Graph) -> tuple[Group, ...]:
        """Return the groups, makers first; a variable's readers before its writer."""
        for old, new in graph.changed:
            writer = self.maker.get(_origin(base(new)))
            for reader in self.readers.get(old, ()):
                if writer is None or reader is writer:
                    continue
                if reader in self.groups and not self._needs(reader, writer):
                    self.before[writer].add(reader)
        return tuple(self._sorted())

    def _needs(self, group: Group, earlier: Group) -> bool:
        return earlier in self.before[group] or self._leads(earlier, group)

    def _sorted(self) -> Iterator[Group]:
        """Kahn's algorithm; among those ready, the one first written by the user."""
        left = {group: len(self.before[group]) for group in self.groups}
        after: dict[Group, list[Group]] = {group: [] for group in self.groups}
        for group in self.groups:
            for earlier in self.before[group]:
                after[earlier].append(group)
        ready = [(g.place, i) for i, g in enumerate(self.groups) if not left[g]]
        number = {group: i for i, group in enumerate(self.groups)}
        heapq.heapify(ready)
        while ready:
            group = self.groups[heapq.heappop(ready)[1]]
            yield group
            for later in after[group]:
                left[later] -= 1
                if not left[later]:
                    heapq.heappush(ready, (later.place, number[later]))


def _same_rows(shape: tuple[Dim, ...], other: tuple[Dim, ...]) -> bool:
    """Whether two shapes have equal columns and as many rows, by whatever axes."""
    if shape[-1:] != other[-1:]:
        return False
    return dims.product(shape) == dims.product(other)


def _narrow(group: Group) -> bool:
    return any(map(is_narrow, group.folds))
