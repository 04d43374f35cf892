"""Products with matrices of eight bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphkeras.ir.definers import composite
from graphkeras.ops.creation import cast, dtype_of
from graphkeras.ops.einsum import einsum
from graphkeras.ops.math import absolute, add, clip, divide, multiply, round
from graphkeras.ops.reduce import max
from graphkeras.ops.shape import reshape, shape_of, transpose

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor


def laid_out(x: Any, letters: str, wanted: str) -> Any:
    """Give a tensor axes in another order, of size 1 where it has none.

    Its own axes that are not wanted have size 1.
    """
    kept = [c for c in wanted if c in letters]
    rest = [c for c in letters if c not in wanted]
    turned = transpose(x, tuple(letters.index(c) for c in (*kept, *rest)))
    sizes = dict(zip(letters, shape_of(x)))
    return reshape(turned, tuple(sizes.get(c, 1) for c in wanted))


def _words(equation: str) -> tuple[str, str, str]:
    """Return the letters of inputs, kernel and output."""
    left, output = equation.split("->")
    inputs, kernel = left.split(",")
    return inputs, kernel, output


def _rounded_vjp(g: Any, y: Any, x: Any, kernel: Any, scale: Any) -> Any:
    inputs, letters, output = _words(y.equation)
    exact = divide(cast(kernel, dtype_of(g)), laid_out(scale, output, letters))
    return einsum(f"{output},{letters}->{inputs}", g, exact), None, None


@composite(vjp=_rounded_vjp)
def rounded_einsum(
    x: Tensor, kernel: Tensor, scale: Tensor, *, equation: str, low: int, high: int,
    epsilon: float,
) -> Any:  # fmt: skip
    """einsum(equation, x, kernel / scale) with x rounded to whole numbers of a range.

    x is stretched to the range by its largest element along the axes summed over. The
    gradient is that of the product without rounding.

    Args:
        x: floats.
        kernel: whole numbers, those of the matrix times `scale`.
        scale: with the axes of the result, of size 1 where the kernel has none.
        equation: inputs, kernel and result, a letter for each axis.
        low: least whole number of the range.
        high: largest whole number of the range.
        epsilon: added to the largest element.
    """
    inputs, _, output = _words(equation)
    gone = tuple(i for i, c in enumerate(inputs) if c not in output)
    largest = max(absolute(x), axis=gone, keepdims=True)
    stretch = divide(float(high), add(largest, epsilon))
    whole = clip(round(multiply(x, stretch)), low, high)
    product = einsum(equation, whole, cast(kernel, dtype_of(x)))
    return divide(product, multiply(scale, laid_out(stretch, inputs, output)))
