"""Masks that a functional model remembers, though a layer has used them up since.

In Keras a symbolic call of a layer that takes a mask keeps the mask of its input as it
was then. Attention takes masks off its inputs while a model runs: later layers with a
mask of their own still see them, merging layers and attention do not.
"""

from __future__ import annotations

from typing import Any

from graphkeras import tree
from graphkeras.layers.arguments import mask_of, signature_of
from graphkeras.layers.graph import Call, SymbolicTensor


class RecordedMasks:
    """The masks of a run through a model, by symbolic tensor."""

    def __init__(self) -> None:
        self._masks: dict[int, Any] = {}

    def given(self, call: Call) -> dict[str, Any]:
        """Return the mask argument a call has kept, if any."""
        first = _first(call)
        mask = self._masks.get(id(first)) if isinstance(first, SymbolicTensor) else None
        if mask is None or call.kwargs.get("mask") is not None or not _is_layer(call):
            return {}
        parameters = signature_of(type(call.operation).call).parameters
        return {"mask": mask} if "mask" in parameters and len(call.args) < 2 else {}

    def note(self, call: Call, known: dict[int, Any]) -> None:
        """Remember the masks of a call's results."""
        for symbolic in call.output_tensors:
            if symbolic.mask_type is not None and _is_layer(call):
                mask = mask_of(known[id(symbolic)])
                found = self._computed(call, known) if mask is None else mask
                self._masks[id(symbolic)] = found

    def _computed(self, call: Call, known: dict[int, Any]) -> Any:
        """The mask a result would have if none had been used up."""
        first = _first(call)
        inputs = tree.map_structure(lambda x: known[id(x)], first)
        masks = tree.map_structure(lambda x: self._masks.get(id(x)), first)
        return call.operation.compute_mask(inputs, masks)


def _is_layer(call: Call) -> bool:
    return hasattr(call.operation, "compute_mask")


def _first(call: Call) -> Any:
    return next(iter((*call.args, *call.kwargs.values())), None)
