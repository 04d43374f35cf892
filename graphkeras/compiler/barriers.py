"""Where threads must wait for each other.

Between two barriers no thread may touch what another one writes. Steps that are cut at
the same places need none between them: a thread reads the rows it has written itself.
Small loops that one thread makes alone are put off until there is a barrier anyway, or
until somebody needs what they make.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphkeras.compiler.binding import Block
from graphkeras.compiler.cells import Lead
from graphkeras.compiler.loops import Loop
from graphkeras.compiler.lower import Barrier, Buffer, Choice, Nest, Repeat, Step
from graphkeras.compiler.touches import (
    Rows,
    Touch,
    Where,
    is_heavy,
    touches_of,
)

# Bytes written since the last barrier after which one more pays: what is written
# between two barriers cannot share memory, but for rows of steps in `runs`.
MOST_PER_SAMPLE = 1 << 14
MOST_BYTES = 1 << 20


class Schedule:
    """Puts steps in an order, with barriers.

    Attributes:
        steps: in the order in which they run.
        spans: for each, the number of barriers before it.
    """

    def __init__(self, lead: Lead, where: Where, blocks: Sequence[Block]) -> None:
        self.lead, self.where, self.blocks = lead, where, blocks
        self.steps: list[Step] = []
        self.spans: list[int] = []
        self._pending: dict[Buffer, list[Touch]] = {}
        self._put_off: list[tuple[Step, list[Touch]]] = []
        self._span = 0
        self._written = [0, 0]  # bytes a sample, bytes

    def run(self, steps: Sequence[Step]) -> None:
        """Schedule all steps."""
        for step in steps:
            if isinstance(step, Nest) and step.spread:
                self._enclose(step)
            else:
                self._take(step, touches_of(step, self.where))
        if self._put_off:
            self._wait()

    def _take(self, step: Step, touches: list[Touch]) -> None:
        later = isinstance(step, Loop) and step.share is None
        needed = any(
            t.meets(other) for _, others in self._put_off for other in others
            for t in touches
        )  # fmt: skip
        if later and (needed or self._collides(touches)):
            self._put_off.append((step, touches))
            return
        if needed or self._is_much() or self._collides(touches):
            self._wait()
        if self._collides(touches):  # with what was put off
            self._wait()
        self._add(step, touches)

    def _enclose(self, step: Repeat | Choice) -> None:
        """Wait before and after graphs that all threads run, with barriers of their
        own."""
        while self._pending or self._put_off:
            self._wait()
        self._add(step, [])
        self._span += step.span
        self._wait()

    @property
    def waits(self) -> bool:
        """Whether there is a barrier."""
        return any(isinstance(step, Barrier) for step in self.steps)

    def _collides(self, touches: list[Touch]) -> bool:
        return any(
            t.collides(other)
            for t in touches
            for other in self._pending.get(t.buffer, ())
        )

    def _wait(self) -> None:
        """Add a barrier, then what was put off."""
        self.steps.append(Barrier())
        self.spans.append(self._span)
        self._span += 1
        self._pending.clear()
        self._written = [0, 0]
        put_off, self._put_off = self._put_off, []
        for step, touches in put_off:
            self._add(step, touches)

    def _add(self, step: Step, touches: list[Touch]) -> None:
        self.steps.append(step)
        self.spans.append(self._span)
        for touch in touches:
            self._note(touch, is_heavy(step))

    def _note(self, touch: Touch, heavy: bool = False) -> None:
        known = self._pending.setdefault(touch.buffer, [])
        if touch in known:
            return
        known.append(touch)
        if (
            touch.writes
            and touch.buffer.kind == "arena"
            and (heavy or not _is_rows(touch))
        ):
            block = self.blocks[touch.buffer.number]
            each = self.lead.per_sample(block.size)
            bytes_ = (block.size if each is None else each) * block.itemsize
            if isinstance(bytes_, int):
                self._written[each is None] += bytes_

    def _is_much(self) -> bool:
        return self._written[0] > MOST_PER_SAMPLE or self._written[1] > MOST_BYTES


def _is_rows(touch: Touch) -> bool:
    return isinstance(touch.pattern, Rows)
