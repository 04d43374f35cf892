"""A planned program as code to be read: loops, calls, and where they come from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphkeras import dtypes
from graphkeras.compiler.loops import Axis, Instruction, Loop, Section
from graphkeras.compiler.lower import Barrier, Call, CatchUp, Choice, Nest, Step
from graphkeras.compiler.memory import Memory
from graphkeras.ir.value import Value


def program_text(memory: Memory) -> str:
    """Return all steps as pseudo-code, one block a step."""
    blocks = []
    for number, step in enumerate(memory.steps):
        blocks.append("\n".join([f"# step {number}", *_step(memory, step)]))
    return "\n\n".join(blocks)


def _step(memory: Memory, step: Step) -> Iterator[str]:
    if isinstance(step, Barrier):
        yield "barrier"
        return
    if isinstance(step, Nest):
        yield from _nest(memory, step)
        return
    if step.share is not None:
        share = step.share
        yield f"# cut: {_plain(share.cells)} x {_plain(share.grain)}"
    if isinstance(step, CatchUp):
        yield f"rows named by {_name(memory, step.first)} catch up:"
        yield from _section(memory, step.section, 1, "u")
        return
    yield from _call(memory, step) if isinstance(step, Call) else _loop(memory, step)


def _name(memory: Memory, place: Any) -> str:
    """Return what lies somewhere: a leaf's own name, or kind and number."""
    buffer = memory.buffer(place)
    for leaf, own in memory.buffers.items():
        if own == buffer and isinstance(leaf, Value) and "name" in leaf.attributes:
            return str(leaf.name)
    return f"{buffer.kind}{buffer.number}"


def _call(memory: Memory, call: Call) -> Iterator[str]:
    operands = []
    for view, operand in zip(call.operands, call.value.inputs):
        text = _name(memory, view.source)
        if view.source is not operand:
            strides = ", ".join(map(str, view.strides))
            text += f"[{view.offset} + ({strides})]"
        operands.append(text)
    results = ", ".join(_name(memory, r) for r in call.results)
    yield f"{results} = {call.kernel}({', '.join(operands)}){_origin(call.value)}"
    if call.finish is not None:
        yield "    each result:"
        nest = call.finish.nest
        lines = _section(memory, nest.tail, 2, "u")
        yield from (line.replace("fold0", "result", 1) for line in lines)
        (result,) = call.results
        origin = _origin(result) if isinstance(result, Value) else ""
        yield f"        {results} = u{call.finish.arg}{origin}"


def _nest(memory: Memory, nest: Nest) -> Iterator[str]:
    operands = ", ".join(_name(memory, view.source) for view in nest.operands)
    results = ", ".join(_name(memory, r) for r in nest.results)
    value, who = nest.value, "all threads" if nest.spread else "one thread"
    yield f"{results} = {value.op.name}({operands}), {who}{_origin(value)}"
    for name, inner in zip(_graph_names(nest), nest.memories, strict=True):
        yield f"    {name}:"
        for step in inner.steps:
            yield from (f"        {line}" for line in _step(inner, step))


def _graph_names(nest: Nest) -> list[str]:
    count = len(nest.memories)
    if isinstance(nest, Choice):
        return [f"branch {i}" for i in range(count)]
    return ["while", "turn"][-count:]


def _loop(memory: Memory, loop: Loop) -> Iterator[str]:
    depth = 0
    for axis in loop.outer:
        yield _indent(depth) + _for(axis, "")
        depth += 1
    inside = depth
    for axis in loop.inner:
        yield _indent(inside) + _for(axis, "fold ")
        inside += 1
    yield from _section(memory, loop.body, inside, "t")
    for number, fold in enumerate(loop.folds):
        combined = _expression(fold.combine, [f"fold{number}", f"t{fold.arg}"])
        yield f"{_indent(inside)}fold{number} = {combined}"
    yield from _section(memory, loop.tail, depth, "u")


def _for(axis: Axis, word: str) -> str:
    return f"{word or 'for '}{_plain(axis[0])} in {axis[1]}:"


def _section(
    memory: Memory, section: Section, depth: int, letter: str
) -> Iterator[str]:
    names = {i: f"{letter}{i}" for i in range(len(section.code))}
    last = ""
    for number, instruction in enumerate(section.code):
        if instruction.kind == "number":
            names[number] = _number(instruction)
            continue
        text = _instruction(memory, instruction, [names[a] for a in instruction.args])
        origin = _origin_text(instruction.value)
        note = f"    # {origin}" if origin not in ("", last) else ""
        last = origin or last
        yield f"{_indent(depth)}{names[number]} = {text}{note}"
    for store in section.stores:
        target = f"{_name(memory, store.target)}[{_plain(store.place)}]"
        origin = _origin(store.target) if isinstance(store.target, Value) else ""
        yield f"{_indent(depth)}{target} = {names[store.arg]}{origin}"


def _instruction(memory: Memory, instruction: Instruction, args: list[str]) -> str:
    match instruction.kind:
        case "read":
            source, place, guard = instruction.detail
            text = f"{_name(memory, source)}[{_plain(place)}]"
            return f"{text} if {_tests(guard)}" if guard else text
        case "position":
            return f"{instruction.dtype}({_plain(instruction.detail)})"
        case "size":
            return f"{instruction.dtype}(size {instruction.detail})"
        case "cast":
            return f"{instruction.dtype}({args[0]})"
        case "given":
            return f"fold{instruction.detail}"
        case "kept":
            return f"kept{instruction.detail}"
        case "inside":
            return f"{args[0]} if {_tests(instruction.detail)} else {args[1]}"
    return _expression(instruction.detail, args)


def _tests(tests: Any) -> str:
    return " and ".join(
        f"{_plain(a)} <= {_plain(b)} < {_plain(c)}" for a, b, c in tests
    )


def _expression(tree: ast.expr, args: list[str]) -> str:
    """Return a scalar expression with its operands put in."""
    return re.sub(r"\bx(\d+)\b", lambda m: args[int(m[1])], ast.unparse(tree))


def _number(instruction: Instruction) -> str:
    kind = dtypes.to_numpy(instruction.dtype)
    return str(np.frombuffer(instruction.detail, kind)[0])


def _plain(place: Any) -> str:
    """Return an index expression with letters for loop variables."""
    return re.sub(r"@(\d+)", lambda m: "ijklmnopqrstuvwxyz"[int(m[1]) % 18], str(place))


def _indent(depth: int) -> str:
    return "    " * depth


def _origin(value: Value) -> str:
    origin = _origin_text(value)
    return f"    # {value.op.name}" + (f", {origin}" if origin else "")


def _origin_text(value: Value | None) -> str:
    """Return the layer and line a value came from, as far as they are known."""
    return str(value.origin) if value is not None and value.origin else ""
