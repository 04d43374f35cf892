"""Loops whose body is a graph: it is fused and laid out once, and run turn by turn.

What is carried is state of the body, and lies where the loop's results are to lie; a
slice is an input that begins further on each turn, what a turn gives an output that
does. The rest of the body's memory belongs to the program around it.

If the steps of a body are worth cutting, all threads make all turns. Steps that are all
cut at the same rows need no barrier, not even from turn to turn; else there is one at
the end of a turn, beside those that its steps need.

The branches of a choice are such graphs, too: nothing is carried, and one of them runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graphkeras.compiler.binding import Block
from graphkeras.compiler.fuse import Plan, fuse
from graphkeras.compiler.loops import Loop
from graphkeras.compiler.lower import (
    Barrier,
    Buffer,
    Choice,
    Nest,
    Repeat,
    Step,
    steps_of,
)
from graphkeras.ir.value import Graph, Value

if TYPE_CHECKING:
    from graphkeras.compiler.memory import Memory


def graphs_of(value: Value) -> tuple[Graph, ...]:
    """Return the graphs that a step runs; of a loop, carried values as their state."""
    if value.op.name == "chosen_branch":
        return tuple(value.branches)
    n = value.carries
    if value.op.name == "while_steps":
        body, test = value.body, value.condition
        state = test.inputs[:n]
        return (
            Graph(test.inputs[n:], test.outputs, state, state),
            Graph(body.inputs[n:], (), body.inputs[:n], body.outputs),
        )
    body = value.body
    outputs = (*body.outputs[n:], *(body.inputs[i] for i in value.stash))
    return (Graph(body.inputs[n:], outputs, body.inputs[:n], body.outputs[:n]),)


def plans_of(step: Nest) -> tuple[Plan, ...]:
    """Return the fused graphs of a step."""
    if isinstance(step, Choice) and step.like is not None:
        return plans_of(step.like)
    if not step.plans:
        step.plans = tuple(fuse(graph) for graph in graphs_of(step.value))
    return step.plans


def loops_of(steps: Sequence[Step]) -> Iterator[Loop]:
    """Yield all loop nests, those of graphs within steps too."""
    for step in steps:
        if isinstance(step, Loop):
            yield step
        elif isinstance(step, Nest) and not _is_again(step):
            for plan in plans_of(step):
                yield from loops_of(steps_of(plan))


def _is_again(step: Nest) -> bool:
    return isinstance(step, Choice) and step.like is not None


def is_cut(step: Step) -> bool:
    """Return whether several threads take part in a step."""
    if isinstance(step, Nest):
        return step.spread
    return not isinstance(step, Barrier) and step.share is not None


def take_room(step: Nest, around: Memory, number: int) -> None:
    """Give the graphs of a step their part of the memory of the program around it.

    Args:
        number: of the step in that program.
    """
    rooms = []
    for inner in step.memories:
        own = {}
        for i, block in enumerate(inner.blocks):
            own[Buffer("arena", i)] = _new(around, block, number)
        for i, array in enumerate(inner.constants):
            own[Buffer("constant", i)] = _held(around, array)
        rooms.append(own)
    step.rooms = tuple(rooms)
    if isinstance(step, Repeat) and len(step.memories) > 1:
        step.flag = _new(around, Block(1, 1, 0, 0), number)


def _held(around: Memory, array: np.ndarray) -> Buffer:
    """Return where a constant lies; the same array is held once."""
    for number, other in enumerate(around.constants):
        if other is array:
            return Buffer("constant", number)
    around.constants.append(array)
    return Buffer("constant", len(around.constants) - 1)


def _new(around: Memory, block: Block, number: int) -> Buffer:
    around.blocks.append(replace(block, first=number, last=number))
    return Buffer("arena", len(around.blocks) - 1)


def span_of(step: Step) -> int:
    """Return how many barriers a step holds itself."""
    return step.span if isinstance(step, Nest) else 0


def lives(step: Step) -> dict[Buffer, tuple[int, int]]:
    """Return between which of its own barriers a step uses memory that it is lent."""
    if not isinstance(step, Nest) or not step.span:
        return {}
    return {
        rooms[Buffer("arena", i)]: (block.first, block.last)
        for inner, rooms in zip(step.memories, step.rooms, strict=True)
        for i, block in enumerate(inner.blocks)
    }
