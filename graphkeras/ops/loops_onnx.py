"""Loops in ONNX: Scan and Loop, the body inside, what it takes from around by name."""

from __future__ import annotations

from typing import Any

from graphkeras.ir.types import TensorType


def scan_rule(b: Any, y: Any, *xs: Any) -> Any:
    """Scan; without a sequence it counts, since it must have one."""
    n, m = y.carries, y.carries + y.sequences
    body, counts = y.body, y.sequences == 0
    given, rest = list(xs[:m]), xs[m:]
    types = [value.type for value in body.inputs[:m]]
    if counts:
        given.append(b.Range(b.size(0), b.size(y.length), b.size(1)))
        types.append(TensorType("int64", ()))

    def step(*inputs: Any) -> list[Any]:
        found = b.inline(body, *inputs[:m], *rest)
        return [*found, *(inputs[i] for i in y.stash)]

    results = [value.type for value in body.outputs]
    results += [body.inputs[i].type for i in y.stash]
    back = int(y.reverse)
    found = b.Scan(
        *given, outputs=len(results), num_scan_inputs=len(given) - n,
        body=b.subgraph(step, *types, name="scan", results=results),
        scan_input_directions=[back] * (len(given) - n),
        scan_output_directions=[back] * (len(results) - n),
    )  # fmt: skip
    return (found,) if isinstance(found, str) else found


def while_rule(b: Any, y: Any, *xs: Any) -> Any:
    """Loop, whose condition is computed once before and at the end of each turn."""
    n = y.carries
    rest = xs[n:]
    types = [value.type for value in y.body.inputs[:n]]

    def step(_: Any, *carried: Any) -> list[Any]:
        after = b.inline(y.body, *carried, *rest)
        return [*b.inline(y.condition, *after, *rest), *after]

    (start,) = b.inline(y.condition, *xs)
    found = b.Loop(step, *xs[:n], condition=start, types=types)
    return (found,) if isinstance(found, str) else found
