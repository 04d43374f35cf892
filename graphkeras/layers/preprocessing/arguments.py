"""Checks of arguments that several preprocessing layers share."""

from __future__ import annotations

import codecs
from typing import Any

from graphkeras.errors import ArgumentError, message
from graphkeras.layers.validation import is_int, one_of

_OLD_NAMES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def output_mode_of(who: str, mode: Any, allowed: tuple[str, ...]) -> str:
    """Return an output mode by its present name.

    Raises:
        ArgumentError: if it is none of the allowed ones.
    """
    named = _OLD_NAMES.get(mode, mode) if isinstance(mode, str) else mode
    return one_of(who, "output_mode", named, allowed)


def refuse_sparse(who: str, sparse: Any) -> None:
    """Refuse sparse results.

    Raises:
        ArgumentError: if they are asked for.
    """
    if sparse:
        raise ArgumentError(
            message(
                who, "expected sparse=False: tensors are dense here.",
                f"sparse={sparse!r}", 'For large vocabularies use output_mode="int" '
                "and an Embedding.",
            )
        )  # fmt: skip


def salt_of(who: str, salt: Any) -> tuple[int, int] | None:
    """Return a salt as two ints.

    Raises:
        ArgumentError: unless it is None, an int or two of them.
    """
    if salt is None:
        return None
    pair = (salt, salt) if is_int(salt) else salt
    fits = isinstance(pair, (list, tuple)) and len(pair) == 2
    if not fits or not all(is_int(n) for n in pair):
        raise ArgumentError(
            message(who, "expected salt to be an int or two.", f"salt={salt!r}")
        )
    return int(pair[0]), int(pair[1])


def encoding_of(who: str, encoding: Any) -> str:
    """Return the name of an encoding.

    Raises:
        ArgumentError: if Python has none of that name.
    """
    try:
        codecs.lookup(encoding)
    except (LookupError, TypeError):
        raise ArgumentError(
            message(who, "expected the name of an encoding, such as 'utf-8'.",
                    f"encoding={encoding!r}")
        ) from None  # fmt: skip
    return encoding
