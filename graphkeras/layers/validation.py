"""Checks of layer arguments, with one way to say what was wrong."""

from __future__ import annotations

from typing import Any

from graphkeras import config
from graphkeras.errors import ArgumentError, message

Pairs = tuple[tuple[int, int], ...]


def is_int(value: Any) -> bool:
    """Return whether `value` is an int of any kind but bool."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def positive_int(who: str, name: str, value: Any) -> int:
    """Return `value` as an int.

    Raises:
        ArgumentError: if it is not a positive one.
    """
    if not is_int(value) or value <= 0:
        raise ArgumentError(
            message(who, f"expected {name} to be a positive int.", f"{name}={value!r}")
        )
    return int(value)


def int_tuple(
    who: str, name: str, value: Any, rank: int, lowest: int = 1
) -> tuple[int, ...]:
    """Return an int or a tuple as a tuple of `rank` ints.

    Raises:
        ArgumentError: for another length, or an int below `lowest`.
    """
    listed = (value,) * rank if is_int(value) else value
    fits = isinstance(listed, (tuple, list)) and len(listed) == rank
    if not fits or not all(is_int(v) and v >= lowest for v in listed):
        raise ArgumentError(
            message(
                who, f"expected {name} to be an int or {rank} ints, each >= {lowest}.",
                f"{name}={value!r}",
            )
        )  # fmt: skip
    return tuple(int(v) for v in listed)


def int_pairs(who: str, name: str, value: Any, rank: int) -> Pairs:
    """Return an int, a tuple of ints or a tuple of pairs as `rank` pairs.

    Raises:
        ArgumentError: for another form or a negative int.
    """
    listed = (value,) * rank if is_int(value) else value
    if rank == 1 and isinstance(listed, (tuple, list)) and len(listed) == 2:
        listed = (listed,)  # in 1-D a pair is (before, after)
    if not isinstance(listed, (tuple, list)) or len(listed) != rank:
        raise ArgumentError(
            message(
                who, f"expected {name} to be an int, {rank} ints or {rank} pairs.",
                f"{name}={value!r}",
            )
        )  # fmt: skip
    return tuple(int_tuple(who, name, pair, 2, 0) for pair in listed)  # type: ignore[misc]


def one_of(who: str, name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return `value` in lower case.

    Raises:
        ArgumentError: if it is none of the allowed words.
    """
    word = value.lower() if isinstance(value, str) else value
    if word not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise ArgumentError(
            message(who, f"expected {name} in {listed}.", f"{name}={value!r}")
        )
    return word


def image_format(who: str, value: Any) -> str:
    """Return "channels_last" or "channels_first", the configured one for None.

    Raises:
        ArgumentError: for another word.
    """
    value = config.image_data_format() if value is None else value
    return one_of(who, "data_format", value, ("channels_last", "channels_first"))


def rate_of(who: str, name: str, value: Any, below_one: bool = False) -> float:
    """Return a share between 0 and 1.

    Raises:
        ArgumentError: if it is none.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1 or (below_one and value == 1):
        limit = "0 <= {} < 1" if below_one else "0 <= {} <= 1"
        raise ArgumentError(
            message(who, f"expected {limit.format(name)}.", f"{name}={value!r}")
        )
    return value
