"""How far the outputs of two computations are apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphkeras.export.feeds import is_number


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one output is from what is expected of it.

    Attributes:
        output: its name.
        largest: largest absolute difference; infinite where one is no finite number.
        scale: largest absolute number expected.
        fits: whether every element is within the tolerance.
        agreement: share of the rows whose largest entry is the same one, for scores;
            of the elements that are equal, for words and integers.
        exact: whether elements must be equal, since they are no floats.
        text: shapes or dtypes that differ.
    """

    output: str
    largest: float
    scale: float = 0.0
    fits: bool = True
    agreement: float | None = None
    exact: bool = False
    text: str = ""

    @property
    def share(self) -> float:
        """The largest difference as a part of the largest number, or of elements."""
        if self.exact and self.agreement is not None:
            return 1.0 - self.agreement
        return self.largest / self.scale if self.scale else self.largest

    def __str__(self) -> str:
        if self.text:
            return self.text
        if self.exact and self.agreement is not None:
            return f"equal in {100 * self.agreement:.4g}% of the elements"
        shown = f"{self.largest:.3g} at most"
        if self.scale:
            shown += f" ({100 * self.share:.2g}% of the largest number)"
        if self.agreement is not None:
            shown += f", the same largest entry in {100 * self.agreement:.4g}% of rows"
        return shown


def difference(
    output: str, found: np.ndarray, expected: np.ndarray, atol: float, rtol: float
) -> Difference:
    """Return how far an array is from the one expected; NaN equals NaN.

    Floats of any width may be compared, and integers of any width.
    """
    kinds = [_kind(array) for array in (found, expected)]
    if found.shape != expected.shape or kinds[0] != kinds[1]:
        text = (f"{found.dtype}{[*found.shape]} differs from "
                f"{expected.dtype}{[*expected.shape]}")  # fmt: skip
        return Difference(output, np.inf, fits=False, text=text)
    if kinds[0] != "float":
        wrong = int(np.sum(found != expected))
        equal = 1.0 - wrong / max(found.size, 1)
        return Difference(output, float(wrong), 0.0, not wrong, equal, exact=True)
    a, b = found.astype(np.float64), expected.astype(np.float64)
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        distance = np.where(alike, 0.0, np.abs(a - b))
        fits = bool((alike | (distance <= atol + rtol * np.abs(b))).all())
    distance = np.where(np.isnan(distance), np.inf, distance)
    scale = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
    largest = float(distance.max(initial=0.0))
    return Difference(output, largest, scale, fits, _agreement(a, b))


def _kind(array: np.ndarray) -> str:
    return "float" if is_number(array) else {"u": "i", "U": "O"}.get(
        array.dtype.kind, array.dtype.kind
    )  # fmt: skip


def _agreement(a: np.ndarray, b: np.ndarray) -> float | None:
    """Share of rows with the same largest entry, if rows could be scores."""
    if a.ndim != 2 or a.shape[-1] < 2 or not a.size:
        return None
    return float(np.mean(a.argmax(-1) == b.argmax(-1)))


def joined(parts: list[Difference], rows: list[int]) -> Difference:
    """Return the differences of one output over several batches as one."""
    worst = max(parts, key=lambda part: (not part.fits, part.largest))
    scale = max(part.scale for part in parts)
    shares = [part.agreement for part in parts]
    agreement = None
    if None not in shares:
        weighted = sum(s * n for s, n in zip(shares, rows) if s is not None)
        agreement = weighted / sum(rows)
    fits = all(part.fits for part in parts)
    return replace(worst, scale=scale, fits=fits, agreement=agreement)
