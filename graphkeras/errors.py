"""Every error class of graphkeras; each is also the builtin a user would catch.

A message has four parts, in this order: who (layer path or op), what was
expected, what came, and what to do about it.
"""

from __future__ import annotations


class GraphKerasError(Exception):
    """Base of all errors raised by graphkeras."""


class ShapeError(GraphKerasError, ValueError):
    """Sizes or ranks that do not fit."""


class DTypeError(GraphKerasError, TypeError):
    """A dtype an operation cannot take."""


class ArgumentError(GraphKerasError, ValueError):
    """An argument outside its allowed values."""


class TraceError(GraphKerasError, TypeError):
    """Python needed the number behind a value that is known only at run time."""


class GradientError(GraphKerasError, ValueError):
    """A derivative that does not exist or was asked for wrongly."""


class KernelError(GraphKerasError, RuntimeError):
    """A program that cannot be compiled or run on the chosen device."""


class ExportError(GraphKerasError, ValueError):
    """A model that ONNX cannot say, or a file that failed its check."""


class SavingError(GraphKerasError, ValueError):
    """A config or file that cannot be read or written."""


class DataError(GraphKerasError, ValueError):
    """Arrays or datasets that do not fit the model or one another."""


class MissingFileError(DataError, FileNotFoundError):
    """A file or folder of data that does not exist."""


class MissingPackageError(GraphKerasError, ImportError):
    """A package that only some features need, and that is not installed."""


def message(who: str, expected: str, received: str = "", remedy: str = "") -> str:
    """Join the four parts of an error message.

    Example:
        >>> print(message("dense", "expected rank 2.", "x: f32[3]", "Add an axis."))
        dense: expected rank 2.
          Received x: f32[3].
          Add an axis.
    """
    text = f"{who}: {expected}" if who else expected
    if received:
        text += f"\n  Received {received.rstrip('.')}."
    if remedy:
        text += f"\n  {remedy}"
    return text


def one_line(text: object, limit: int = 2000) -> str:
    """Return text on one line, what cannot be printed as escapes.

    Example:
        >>> one_line("a\\n  b\\x1b[2J")
        'a b\\\\x1b[2J'
    """
    joined = " ".join(str(text).split())[:limit]
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode()
             for c in joined)  # fmt: skip
    return "".join(shown)


def nearest(name: str, known: object, what: str = "name") -> str:
    """One sentence that lists the closest of the `known` names, for a remedy."""
    import difflib

    names = sorted(str(k) for k in known)  # type: ignore[attr-defined]
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if not close:
        lowered = {n.lower(): n for n in names}
        found = difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.5)
        close = [lowered[f] for f in found]
    if close:
        return "Did you mean " + " or ".join(repr(c) for c in close) + "?"
    if not names:
        return ""
    listed = ", ".join(names[:40]) + (", ..." if len(names) > 40 else "")
    return f"Known {what}s: {listed}."
