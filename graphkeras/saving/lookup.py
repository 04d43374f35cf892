"""What a user means by a name, a config, a class or an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphkeras.errors import ArgumentError, message, nearest
from graphkeras.saving.registry import (
    deserialize_keras_object,
    get_registered_object,
)


def look_up(
    identifier: Any,
    known: Mapping[str, Any],
    module: str,
    what: str,
    *,
    also: tuple[str, ...] = (),
    fold_case: bool = False,
) -> Any:
    """Return the object an identifier means.

    Args:
        identifier: a name, a config, a class, an object, a function, or None.
        known: names to classes and functions.
        module: Keras's name of the namespace, for configs.
        what: word for messages, "loss".
        also: names that mean something elsewhere, for the message.
        fold_case: whether names may be spelled in any case.

    Returns:
        An instance for a class or a class's name; else what was found or given.

    Raises:
        ArgumentError: for an unknown name, with the nearest right one.
    """
    if isinstance(identifier, Mapping):
        return deserialize_keras_object({"module": module, **identifier})
    if isinstance(identifier, str):
        name = identifier.lower() if fold_case else identifier
        found = get_registered_object(identifier) or known.get(name)
        if found is None:
            names = sorted({*(_public(k, v) for k, v in known.items()), *also})
            raise ArgumentError(
                message(
                    module, f"expected a known {what}.",
                    f"{what}={identifier!r}", nearest(identifier, names, what),
                )
            )  # fmt: skip
        return _made(found)
    if identifier is None or callable(identifier) or isinstance(identifier, type):
        return _made(identifier)
    raise ArgumentError(
        message(
            module, f"expected the name of a {what}, or one itself.",
            f"{what}={identifier!r}",
        )
    )  # fmt: skip


def _public(name: str, thing: Any) -> str:
    """The spelling to propose: of a class, its own."""
    same = isinstance(thing, type) and thing.__name__.lower() == name.lower()
    return thing.__name__ if same else name


def _made(found: Callable[..., Any] | type | None) -> Any:
    return found() if isinstance(found, type) else found
