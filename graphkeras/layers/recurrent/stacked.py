"""Several cells, one on top of the other, as one cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from graphkeras import ops, tree
from graphkeras.errors import ArgumentError, message
from graphkeras.layers.arguments import signature_of
from graphkeras.layers.layer import Layer


def require_cell(who: str, cell: Any) -> None:
    """Raise ArgumentError for what cannot be run step by step."""
    if not (hasattr(cell, "call") and hasattr(cell, "state_size")):
        raise ArgumentError(
            message(
                who, "expected a cell with a method `call` and a `state_size`.",
                f"{cell!r}", "Use LSTMCell and the like, or write a Layer with both.",
            )
        )  # fmt: skip


def run_cell(cell: Any, inputs: Any, states: Any, training: Any) -> tuple[Any, Any]:
    """Run one step of any cell."""
    run = cell if callable(cell) else cell.call
    takes = signature_of(type(cell).call).parameters
    return run(
        inputs, states, **({"training": training} if "training" in takes else {})
    )


def build_cell(cell: Any, input_shape: Any) -> None:
    """Build a cell that is a layer with a `build` of its own."""
    own = isinstance(cell, Layer) and type(cell).build is not Layer.build
    if own and not cell.built:
        cell.build(input_shape)


def first_states(cell: Any, batch_size: Any, dtype: str) -> Any:
    """Return the first states of a cell: its own, or zeros."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    return tree.map_structure(
        lambda size: ops.zeros((batch_size, size), dtype), cell.state_size
    )


def output_size_of(cell: Any) -> Any:
    """Return the size of a cell's output: by default that of its first state."""
    size = getattr(cell, "output_size", None)
    return tree.flatten(cell.state_size)[0] if size is None else size


@contextmanager
def same_masks(cell: Any) -> Iterator[None]:
    """Have a cell drop the same units at all steps."""
    with cell.same_masks() if hasattr(cell, "same_masks") else ExitStack():
        yield


class StackedRNNCells(Layer):
    """Cells of which each takes the output of the one before.

    Args:
        cells: list of cells.

    Example:
        >>> import numpy as np
        >>> from graphkeras.layers import RNN, LSTMCell
        >>> cells = StackedRNNCells([LSTMCell(4), LSTMCell(2)])
        >>> RNN(cells)(np.ones((1, 5, 3), "float32")).shape
        (1, 2)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            require_cell("StackedRNNCells", cell)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """Sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """Size of the last cell's output."""
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return the first states of each cell."""
        return [first_states(c, batch_size, self.compute_dtype) for c in self.cells]

    def build(self, input_shape: Any) -> None:
        """Build the cells."""
        for cell in self.cells:
            build_cell(cell, input_shape)
            input_shape = (input_shape[0], output_size_of(cell))

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        """Return the last output and the new states of each cell."""
        new = []
        for cell, own in zip(self.cells, states):
            nested = tree.is_nested(own)
            inputs, after = run_cell(
                cell, inputs, list(own) if nested else [own], training
            )
            alone = tree.is_nested(after) and len(after) == 1 and not nested
            new.append(after[0] if alone else after)
        return inputs, new

    @contextmanager
    def same_masks(self) -> Iterator[None]:
        """Drop the same units in all steps that run inside."""
        with ExitStack() as stack:
            for cell in self.cells:
                stack.enter_context(same_masks(cell))
            yield

    def draw_masks(self, inputs: Any, states: Any, training: Any) -> None:
        """Draw what `same_masks` keeps; see `RecurrentCell.draw_masks`."""
        for cell, own in zip(self.cells, states):
            if hasattr(cell, "draw_masks"):
                listed = list(own) if tree.is_nested(own) else [own]
                cell.draw_masks(inputs, listed, training)
            size = output_size_of(cell)
            shape = tuple(size) if tree.is_nested(size) else (size,)
            inputs = ops.zeros((inputs.shape[0], *shape), self.compute_dtype)

    @property
    def has_loop(self) -> bool:
        """Whether each cell has a loop."""
        return all(getattr(cell, "has_loop", False) for cell in self.cells)

    def sequence(
        self, inputs: Any, states: Any, mask: Any, training: Any, reverse: bool
    ) -> tuple[Any, list[Any]]:
        """Run all steps of one cell after the other; see `RecurrentCell.sequence`."""
        new = []
        for cell, own in zip(self.cells, states):
            listed = list(own) if tree.is_nested(own) else [own]
            inputs, after = cell.sequence(inputs, listed, mask, training, reverse)
            new.append(after)
        return inputs, new
