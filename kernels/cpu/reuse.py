"""Which results of a kernel may lie where an operand does.

A kernel that reads each element of an operand for the last time before it writes the
same element of a result says so, and whoever runs it may give it one array for both::

    @over(dx="gates")
    @kernel
    def lstm_loop_backward(e, gates, ..., dx): ...

Operand and result have one shape. `tests/kernels/test_cuts.py` holds a kernel to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., None])


def over(**operands: str) -> Callable[[F], F]:
    """Say for results over which operand each of them may lie."""

    def add(function: F) -> F:
        function.over = operands  # type: ignore[attr-defined]
        return function

    return add


def over_of(function: Callable[..., None]) -> dict[int, int]:
    """The operand over which a result may lie, both as positions among all arrays."""
    _, *names = inspect.signature(function).parameters
    pairs = getattr(function, "over", {}).items()
    return {names.index(result): names.index(operand) for result, operand in pairs}


def once(function: F) -> F:
    """Say that a kernel stores each element once, when what finishes it is applied."""
    function.once = True  # type: ignore[attr-defined]
    return function


def stores_once(function: Callable[..., None]) -> bool:
    """Whether a kernel says so."""
    return getattr(function, "once", False)
