"""Where gradients stop or are replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphkeras.ir.definers import elementwise

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


@elementwise(scalar="{0}", vjp=lambda g, y, x: None, onnx="Identity", promote="none")
def stop_gradient(variable: Tensor) -> Any:
    """Return the operand; no gradient passes.

    Example:
        >>> stop_gradient(np.array([1.0]))
        array([1.])
    """
    return np.asarray(variable)
