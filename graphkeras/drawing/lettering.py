"""How wide a text is, about, in a font like Helvetica."""

from __future__ import annotations

_WIDTHS = {
    0.26: "ijl|!.,:;'`", 0.31: "ftI[]()/\\ -", 0.36: 'r"*{}', 0.5: "csxyzJkv^",
    0.56: "abdeghnopqu0123456789_$?#", 0.6: "+=<>~", 0.67: "FLTZABEKPSVXY&",
    0.74: "CDHNRUwGOQ", 0.86: "mM%", 0.96: "W@",
}  # fmt: skip
_OF = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
_OTHER = 0.62
_WIDE = 0x1100  # letters from here on are as wide as they are high
_BOLD = 1.07


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a text, rather a little too much.

    Example:
        >>> round(text_width("Dense", 10.0), 1)
        29.8
    """
    parts = (_OF.get(c, 1.0 if ord(c) >= _WIDE else _OTHER) for c in text)
    return sum(parts) * size * 1.02 * (_BOLD if bold else 1.0)
