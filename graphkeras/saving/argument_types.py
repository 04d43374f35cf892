"""Arguments of a config compared with the annotations of the constructor they go to.

A class checks what its arguments mean; here it is seen to that they are of the kind it
was written for at all. What an annotation does not say is left to the class.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from graphkeras.errors import SavingError, message

_LARGEST = 1 << 63  # no number in a config needs more bits
_LARGEST_SIZE = 1 << 18  # arrays of some times as many numbers are made while loading
_LARGEST_WIDTH = 1 << 24  # where none is made, or the file must hold it
_WIDTHS = (
    "batch_input_shape", "batch_shape", "filters", "num_tokens", "output_dim", "shape",
    "target_shape", "units",
)  # fmt: skip
_LARGEST_COUNT = 32  # times that a layer repeats all of its work
_COUNTS = ("chain_depth", "num_chains", "num_ops")
_TOKENS = ("max_tokens", "num_bins")
_NO_SIZES = (  # arguments of layers that may be larger, and make no array
    "input_dim", "mask_value", "max_tokens", "num_bins", "oov_token", "salt", "seed",
    "vocabulary",
)  # fmt: skip


def constructor(cls: type) -> inspect.Signature:
    """Return the signature of a class's `__init__`, `self` included."""
    return inspect.signature(cls.__init__)  # type: ignore[misc]


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_float(value: Any) -> bool:
    return _is_int(value) or isinstance(value, float)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "bool": lambda value: isinstance(value, bool) or value in (0, 1),
    "int": _is_int,
    "float": _is_float,
    "str": lambda value: isinstance(value, str),
    "None": lambda value: value is None,
}


def check_arguments(cls: type, config: Mapping[str, Any], safe: bool) -> None:
    """Compare a config with the constructor of a class of ours.

    Args:
        cls: the class.
        config: its arguments.
        safe: whether the sizes of layers are bounded too.

    Raises:
        SavingError: for a value of another type, a number that is none, or an int of
            more than 64 bits.
    """
    if not isinstance(config, Mapping):
        raise SavingError(
            message(cls.__name__, "expected a config of named arguments.",
                    f"{config!r:.80}", "Check the config of the file.")
        )  # fmt: skip
    if safe and cls.__module__.startswith("graphkeras.layers."):
        check_sizes(cls.__name__, config)
    kinds = _annotations(cls)
    for name, value in config.items():
        if isinstance(value, Mapping):  # an object, made and checked by itself
            continue
        wanted = kinds.get(name, "Any")
        if _is_absurd(value) or not _fits(wanted, value):
            what = "number" if wanted == "Any" else wanted
            raise SavingError(
                message(cls.__name__, f"expected {name} of type {what}.",
                        f"{name}={value!r:.80}", "Check the config of the file.")
            )  # fmt: skip


def check_sizes(who: str, config: Mapping[str, Any]) -> None:
    """Compare the ints in a config of a layer or an op with what arrays may have.

    Raises:
        SavingError: for a larger one.
    """
    spread = config.get("output_mode", "int") != "int"  # a number for each token
    free = set(_NO_SIZES) - set(_TOKENS if spread else ())
    for name, value in config.items():
        most = _LARGEST_WIDTH if name in (*_WIDTHS, *_TOKENS) else _LARGEST_SIZE
        most = _LARGEST_COUNT if name in _COUNTS else most
        if name not in free and _largest(value) > most:
            raise SavingError(
                message(who, f"expected {name} to be at most {most:,}.",
                        f"{name}={value!r:.80}", "Check the config of the file.")
            )  # fmt: skip


def _largest(value: Any) -> int:
    if isinstance(value, (list, tuple)):
        return max(map(_largest, value), default=0)
    return abs(value) if _is_int(value) else 0


def _is_absurd(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_absurd, value))
    if isinstance(value, float):
        return math.isnan(value)
    return isinstance(value, int) and not -_LARGEST <= value < _LARGEST


def _fits(wanted: str, value: Any) -> bool:
    parts = wanted.split(" | ")
    if any(part not in _KINDS for part in parts):
        return True
    return any(_KINDS[part](value) for part in parts)


@functools.lru_cache(maxsize=1024)
def _annotations(cls: type) -> Mapping[str, str]:
    """Return the annotations of the constructors of a class and its bases, by name."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base) and base.__module__.startswith("graphkeras."):
            parameters = constructor(base).parameters.items()
            found |= {name: str(p.annotation) for name, p in parameters}
    return found
