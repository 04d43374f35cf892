"""Labels without places: what a row of outputs says, and how well it says a row.

An output at each step is a class or blank; labels are read off by dropping repetitions
and then blanks. Source: Graves et al., Connectionist temporal classification (2006).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, TraceError, message
from graphkeras.ir.definers import composite
from graphkeras.ops.arrange import pad
from graphkeras.ops.compare import equal, greater_equal, logical_or, where
from graphkeras.ops.creation import broadcast_to, cast, dtype_of, positions
from graphkeras.ops.index import argmax, take_along_axis
from graphkeras.ops.math import add, logaddexp, multiply, negative, subtract
from graphkeras.ops.nn import log_softmax, one_hot
from graphkeras.ops.reduce import max, sum
from graphkeras.ops.shape import concatenate, expand_dims, getitem, shape_of
from graphkeras.ops.sort import argsort

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

_NEVER = -1e5  # a logarithm of no chance; finite, so that gradients are


@composite()
def ctc_loss(
    target: Tensor, output: Tensor, target_length: Tensor, output_length: Tensor,
    mask_index: int = 0,
) -> Any:  # fmt: skip
    """Return -log of the chance that outputs are read as the target, for each row.

    Args:
        target: (batch, labels) integers.
        output: (batch, steps, classes) logits; the number of steps is known.
        target_length: (batch,), how many labels count.
        output_length: (batch,), how many steps count.
        mask_index: the class that is blank.

    Raises:
        TraceError: if the number of steps is free.

    Example:
        >>> logits = np.log(np.array([[[0.5, 0.5], [0.5, 0.5]]], "float32"))
        >>> loss = ctc_loss(np.array([[1]]), logits, np.array([1]), np.array([2]))
        >>> np.exp(-loss).round(4)
        array([0.75], dtype=float32)
    """
    batch, steps, _ = shape_of(output)
    if not isinstance(steps, int):
        raise TraceError(
            message("ctc_loss", "expected a known number of steps.",
                    f"output of shape {list(shape_of(output))}",
                    "Give the Input a fixed number of steps.")
        )  # fmt: skip
    labels = shape_of(target)[1]
    kind = dtypes.result_type(dtype_of(output), "float32")
    chances = log_softmax(cast(output, kind))
    blank = getitem(chances, (..., slice(mask_index, mask_index + 1)))
    named = expand_dims(cast(target, "int32"), 1)
    said = take_along_axis(chances, broadcast_to(named, (batch, steps, labels)), axis=2)
    twice = cast(equal(getitem(target, (..., slice(None, -1))),
                       getitem(target, (..., slice(1, None)))), kind)  # fmt: skip
    twice = multiply(pad(twice, [(0, 0), (0, 1)]), _NEVER)
    once = subtract(_NEVER, twice)
    start = np.full((1, labels + 1), _NEVER, dtypes.to_numpy(kind))
    start[:, 0] = 0
    between: Any = broadcast_to(start, (batch, labels + 1))
    inside: Any = broadcast_to(start[:, 1:], (batch, labels))
    for t in range(steps):
        over = expand_dims(greater_equal(t, cast(output_length, "int32")), -1)
        free = _raised(between, add(inside, twice))
        emit, silent = getitem(said, (slice(None), t)), getitem(blank, (slice(None), t))
        spoken = add(logaddexp(getitem(free, (..., slice(None, -1))), inside), emit)
        waited = _raised(add(free, silent), add(add(inside, silent), once))
        inside, between = where(over, inside, spoken), where(over, between, waited)
    ends = one_hot(target_length, labels + 1, dtype=kind)
    return negative(sum(multiply(_raised(between, inside), ends), axis=-1))


def _raised(between: Any, more: Any) -> Any:
    """Add chances to all places between labels but the first."""
    rest = logaddexp(getitem(between, (..., slice(1, None))), more)
    return concatenate([getitem(between, (..., slice(0, 1))), rest], axis=-1)


@composite()
def ctc_decode(
    inputs: Tensor, sequence_lengths: Tensor, strategy: str = "greedy",
    beam_width: int = 100, top_paths: int = 1, merge_repeated: bool = True,
    mask_index: int = 0,
) -> Any:  # fmt: skip
    """Return the labels that the likeliest outputs are read as, and their scores.

    Args:
        inputs: (batch, steps, classes) logits.
        sequence_lengths: (batch,), how many steps count.
        strategy: "greedy".
        beam_width, top_paths: of a search over several readings, which there is not.
        merge_repeated: whether repetitions are one label.
        mask_index: the class that is blank.

    Returns:
        Labels (1, batch, steps), -1 after the last, and scores (batch, 1): minus the
        sums of the largest logits.

    Raises:
        ArgumentError: for ``strategy="beam_search"``.

    Example:
        >>> logits = np.eye(3, dtype="float32")[[1, 1, 0, 2]][None]
        >>> ctc_decode(logits, np.array([4]))[0]
        array([[[ 1,  2, -1, -1]]], dtype=int32)
    """
    if strategy != "greedy":
        raise ArgumentError(
            message("ctc_decode", "expected strategy='greedy'.", f"{strategy!r}",
                    "Search over beams outside of the model, on its outputs.")
        )  # fmt: skip
    x = cast(inputs, dtypes.result_type(dtype_of(inputs), "float32"))
    steps = shape_of(x)[1]
    place = positions(x, (1, steps), 1)
    over = greater_equal(place, expand_dims(cast(sequence_lengths, "int32"), -1))
    best = where(over, mask_index, cast(argmax(x, axis=-1), "int32"))
    scores = where(over, 0.0, max(x, axis=-1))
    silent = equal(best, mask_index)
    if merge_repeated:
        same = equal(getitem(best, (..., slice(1, None))),
                     getitem(best, (..., slice(None, -1))))  # fmt: skip
        again = pad(cast(same, "int32"), [(0, 0), (1, 0)])
        silent = logical_or(silent, equal(again, 1))
    order = argsort(where(silent, steps, place), axis=-1)
    labels = take_along_axis(where(silent, -1, best), order, axis=-1)
    return expand_dims(labels, 0), negative(sum(scores, axis=-1, keepdims=True))
