"""What a layer expects of its inputs, and the check of what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphkeras import dtypes, tree
from graphkeras.errors import ArgumentError, DTypeError, ShapeError, message
from graphkeras.ir.dims import SymbolicDim
from graphkeras.ir.types import TensorType
from graphkeras.saving.registry import config_by_attributes

KerasShape = tuple[int | None, ...]


def keras_shape(shape: Any) -> KerasShape:
    """Return a shape as Keras writes it, with None for a size that is free."""
    return tuple(None if isinstance(d, SymbolicDim) or d is None else int(d)
                 for d in shape)  # fmt: skip


class InputSpec:
    """Rank, dtype and sizes a layer can take.

    Args:
        dtype: dtype name.
        shape: full shape, None for any size.
        ndim, max_ndim, min_ndim: number of axes.
        axes: ``{axis: size}``.
        allow_last_axis_squeeze: take ``(..., 1)`` and ``(...)`` for one another.
        name: key of the input in a dict.
        optional: whether None may come in its place.

    Example:
        >>> InputSpec(min_ndim=2, axes={-1: 4})
        InputSpec(min_ndim=2, axes={-1: 4})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else dtypes.standardize(dtype)
        self.shape = None if shape is None else keras_shape(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(a): size for a, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name, self.optional = name, optional
        highest = self.ndim or self.max_ndim
        if self.axes and highest and max(self.axes) >= highest:
            raise ArgumentError(
                message("InputSpec", f"expected axes below {highest}.", f"{self.axes}")
            )

    def __repr__(self) -> str:
        shown = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        held = [(k, getattr(self, k)) for k in shown if getattr(self, k)]
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in held)})"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = config_by_attributes(self)
        for key in ("allow_last_axis_squeeze", "name"):
            del config[key]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Make a spec from `get_config`'s result."""
        return cls(**config)


def check_inputs(spec: Any, inputs: Any, who: str, remedy: str = "") -> None:
    """Raise if `inputs` do not fit a spec or a structure of specs.

    Raises:
        ShapeError: for a wrong rank, size, or number of inputs.
        DTypeError: for a wrong dtype.
    """
    specs = tree.flatten(spec)
    inputs = _in_order(specs, inputs, who)
    if len(inputs) != len(specs):
        raise ShapeError(
            message(
                who, f"expected {len(specs)} input(s).",
                f"{len(inputs)}: {', '.join(map(_shown, inputs))}", remedy,
            )
        )  # fmt: skip
    for index, (x, one) in enumerate(zip(inputs, specs)):
        if one is None or (x is None and one.optional):
            continue
        _check_one(index, x, one, who, remedy)


def _in_order(specs: list[Any], inputs: Any, who: str) -> list[Any]:
    names = [getattr(s, "name", None) for s in specs]
    if not isinstance(inputs, Mapping) or not all(names):
        return tree.flatten(inputs)
    missing = [n for n in names if n not in inputs]
    if missing:
        raise ArgumentError(
            message(
                who, f"expected inputs named {names}.", f"keys {list(inputs)}",
                f"Add {', '.join(map(repr, missing))} to the dict.",
            )
        )  # fmt: skip
    return [inputs[n] for n in names]


def _shown(x: Any) -> str:
    if not hasattr(x, "shape"):
        return repr(x)
    return str(TensorType(dtypes.standardize(x.dtype), tuple(x.shape)))


def _check_one(index: int, x: Any, spec: InputSpec, who: str, remedy: str) -> None:
    if not hasattr(x, "shape"):
        raise ArgumentError(
            message(
                who, f"expected a tensor as input {index}.",
                f"{x!r} of type {type(x).__name__}",
                "Call the layer on a tensor, not on another layer." if callable(x)
                else "",
            )
        )  # fmt: skip
    shape = keras_shape(x.shape)
    problem = _rank_problem(spec, len(shape)) or _size_problem(spec, shape)
    if problem:
        text = message(
            who, f"input {index} is incompatible with the layer: expected {problem}.",
            f"{_shown(x)}", remedy,
        )  # fmt: skip
        raise ShapeError(text)
    if spec.dtype is not None and dtypes.standardize(x.dtype) != spec.dtype:
        raise DTypeError(
            message(
                who, f"input {index} is incompatible with the layer: expected "
                f"dtype={spec.dtype}.", _shown(x), remedy,
            )
        )  # fmt: skip


def _rank_problem(spec: InputSpec, rank: int) -> str:
    if spec.ndim is not None and not spec.allow_last_axis_squeeze and rank != spec.ndim:
        return f"ndim={spec.ndim}, found ndim={rank}"
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"max_ndim={spec.max_ndim}, found ndim={rank}"
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"min_ndim={spec.min_ndim}, found ndim={rank}"
    return ""


def _size_problem(spec: InputSpec, shape: KerasShape) -> str:
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in (size, None):
            return f"axis {axis} of input shape to have value {size}"
    if spec.shape is None:
        return ""
    expected, found = spec.shape, shape
    if spec.allow_last_axis_squeeze:
        expected, found = _squeezed(expected), _squeezed(found)
    for wanted, size in zip(expected, found):
        if wanted is not None and size is not None and wanted != size:
            return f"shape={spec.shape}, found shape={shape}"
    return ""


def _squeezed(shape: KerasShape) -> KerasShape:
    return shape[:-1] if shape and shape[-1] == 1 else shape
