"""Other sizes of inputs than those the model was built with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras.errors import ExportError, message, nearest

Shape = tuple[int | None, ...]


def resized(
    model: Any,
    given: Sequence[tuple[str, Shape]],
    free: Sequence[tuple[str, Sequence[int]]],
) -> tuple[Any, Any]:
    """Return a model of the same layers for other sizes, and symbolic inputs of it.

    Args:
        model: whose inputs they are.
        given: ``(name, sizes)`` of inputs; "" names the only one.
        free: ``(name, axes)`` whose sizes are left open.

    Raises:
        ExportError: for a name or axis that is not there, or of another rank.
    """
    from graphkeras import layers, models, tree
    from graphkeras.layers.input_spec import keras_shape
    from graphkeras.models.tracing import inputs_of

    structure, names, types = inputs_of(model)
    shapes = {n: keras_shape(t.shape) for n, t in zip(names, types)}
    for name, sizes in given:
        name = _known(name, shapes, "--input-shape")
        if len(sizes) != len(shapes[name]):
            rank = len(shapes[name])
            raise _misfit("--input-shape", name, f"{rank} sizes, the batch first",
                          f"{len(sizes)}")  # fmt: skip
        shapes[name] = sizes
    for name, axes in free:
        name = _known(name, shapes, "--dynamic")
        shapes[name] = _opened(name, shapes[name], axes)
    tensors = [
        layers.Input(batch_shape=shapes[n], dtype=t.dtype, name=n)
        for n, t in zip(names, types)
    ]
    inputs = tree.pack_like(structure, tensors)
    if isinstance(model, (models.Functional, models.Sequential)):
        model = models.clone_model(model, inputs, clone_function=lambda layer: layer)
    return model, inputs


def _known(name: str, shapes: dict[str, Shape], option: str) -> str:
    if not name and len(shapes) == 1:
        return next(iter(shapes))
    if name not in shapes:
        raise ExportError(
            message(option, "expected the name of an input.", repr(name),
                    nearest(name, shapes, "input"))
        )  # fmt: skip
    return name


def _opened(name: str, shape: Shape, axes: Sequence[int]) -> Shape:
    rank = len(shape)
    wrong = [axis for axis in axes if not -rank <= axis < rank]
    if wrong:
        raise _misfit("--dynamic", name, f"an axis from 0 to {rank - 1}", f"{wrong[0]}")
    places = {axis % rank for axis in axes}
    return tuple(None if i in places else size for i, size in enumerate(shape))


def _misfit(option: str, name: str, expected: str, received: str) -> ExportError:
    return ExportError(message(f"{option} {name}", f"expected {expected}.", received))
