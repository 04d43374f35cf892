"""Loops over symbolic tensors: one call in the layer DAG, whatever is inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphkeras import tree
from graphkeras.ir.definers import composite
from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.op import call
from graphkeras.ir.tensor import Tensor as TracedTensor
from graphkeras.ir.typing import Tensor
from graphkeras.ir.value import Value


@composite()
def run_loop(xs: Sequence[Tensor], *, run: Callable[..., Any]) -> Any:
    """Return ``run(xs)``, a tuple; as a call it can stand in a layer DAG."""
    return run(xs)


def is_symbolic(x: Any) -> bool:
    """Whether something only stands for a tensor: it has no value in any trace."""
    known = isinstance(x, (TracedTensor, Value, SymbolicDim))
    return hasattr(x, "__apply_op__") and not known and not hasattr(x, "__as_tensor__")


def holds_symbols(structure: Any) -> bool:
    """Whether a symbolic tensor is in a structure."""
    return any(map(is_symbolic, tree.flatten(structure)))


def on_symbols(run: Callable[[Any], Any], structure: Any) -> Any:
    """Return what `run` makes of a structure that holds symbolic tensors."""
    leaves = tree.flatten(structure)
    made: list[Any] = []  # the result of the latest run, for its structure

    def flat(tensors: Sequence[Any]) -> tuple[Any, ...]:
        rest = iter(tensors)
        filled = [next(rest) if is_symbolic(x) else x for x in leaves]
        made[:] = [run(tree.pack_like(structure, filled))]
        return tuple(x for x in tree.flatten(made[0]) if x is not None)

    symbols = [x for x in leaves if is_symbolic(x)]
    found = call(run_loop.op, (symbols,), {"run": flat})  # type: ignore[attr-defined]
    rest = iter(tree.flatten(found))
    packed = [None if x is None else next(rest) for x in tree.flatten(made[0])]
    return tree.pack_like(made[0], packed)
