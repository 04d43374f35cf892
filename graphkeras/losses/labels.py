"""Integer labels must name a class: seen once on the data, before a model runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphkeras.errors import DataError, message
from graphkeras.ir.op import INPUT
from graphkeras.ir.trace import current_trace
from graphkeras.ir.value import Value

NOTE = "labels"  # under this name a trace keeps its label ranges
_SAME_LABELS = ("cast", "reshape")


@dataclass(frozen=True, slots=True)
class LabelRange:
    """An input of a trace whose numbers must be classes."""

    source: Value
    classes: int
    ignore_class: int | None

    def check(self, labels: np.ndarray) -> None:
        """Raise if a label is out of range.

        Raises:
            DataError: naming the first wrong label and the number of classes.
        """
        if labels.size == 0 or labels.dtype == object:
            return
        wrong = (labels < 0) | (labels >= self.classes)
        if self.ignore_class is not None:
            wrong &= labels != self.ignore_class
        if not wrong.any():
            return
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        shown = ", ".join(map(str, at))
        raise DataError(
            message(
                "sparse_categorical_crossentropy",
                f"labels must be from 0 to {self.classes - 1}, since the model has"
                f" {self.classes} classes.",
                f"label {labels[at]} at y[{shown}] ({int(wrong.sum())} out of range)",
                "Renumber the labels from 0, or give the last layer more units.",
            )
        )


def note_labels(y_true: Any, classes: Any, ignore_class: int | None) -> None:
    """Ask that `y_true` be checked: when data comes, or now if run eagerly."""
    trace = current_trace()
    if trace is None or not isinstance(classes, int):
        return
    if trace.eager:
        LabelRange(y_true.value, classes, ignore_class).check(y_true.numpy_view())
        return
    source = y_true.value
    while source.op.name in _SAME_LABELS:
        source = source.inputs[0]
    if source.op is INPUT:
        ranges = trace.notes.setdefault(NOTE, [])
        ranges.append(LabelRange(source, classes, ignore_class))
