"""Arguments that all optimizers take, written once and shown by each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any


def with_options(
    own: Callable[..., None], base: Callable[..., None], after: str | None
) -> Callable[..., None]:
    """Return a constructor that takes the base's arguments in Keras's order too.

    Args:
        own: a constructor that ends in ``**options``.
        base: the constructor that gets the options.
        after: the argument of its own they follow; all of them by default.
    """
    mine = [*inspect.signature(own).parameters.values()][:-1]
    shared = [*inspect.signature(base).parameters.values()]
    taken = {p.name for p in mine}
    *options, rest = [p for p in shared if p.name not in taken]
    names = [p.name for p in mine]
    place = len(mine) if after is None else names.index(after) + 1
    signature = inspect.Signature([*mine[:place], *options, *mine[place:], rest])

    @functools.wraps(own)
    def init(*args: Any, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)
        me, *given = bound.arguments.items()
        unknown = dict(given).get(rest.name, {})
        own(me[1], **{k: v for k, v in given if k != rest.name}, **unknown)

    vars(init)["__signature__"] = signature
    return init
