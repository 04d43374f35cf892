"""Einstein's summation convention, by transposition, reshape and matrix products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphkeras.errors import ShapeError, message
from graphkeras.ir import dims
from graphkeras.ir.definers import composite
from graphkeras.ops.arrange import diagonal
from graphkeras.ops.linalg import gemm
from graphkeras.ops.math import multiply
from graphkeras.ops.reduce import sum
from graphkeras.ops.shape import ndim, reshape, shape_of, transpose

if TYPE_CHECKING:
    from graphkeras.ir.typing import Tensor

_ELLIPSIS = "0123456789"  # labels that stand for the axes of "..."


def einsum(subscripts: str, *operands: Any, **unused: Any) -> Any:
    """Return the sum of products that the subscripts describe.

    Args:
        subscripts: one letter for each axis of each operand, and "->" before those
            of the result; "..." stands for any number of leading axes. Letters that
            the result lacks are summed over.
        operands: tensors.

    Raises:
        ShapeError: if letters and axes, or sizes of one letter, do not fit.

    Example:
        >>> einsum("bij,bjk->bik", np.ones((2, 3, 4)), np.ones((2, 4, 5))).shape
        (2, 3, 5)
        >>> einsum("ii", np.eye(3))
        array(3.)
    """
    return sum_of_products(list(operands), subscripts=subscripts)


@composite()
def sum_of_products(operands: Sequence[Tensor], *, subscripts: str) -> Any:
    """`einsum` as an op: the operands first."""
    inputs, output = _parse(subscripts, operands)
    pairs = [_distinct(x, term) for x, term in zip(operands, inputs, strict=True)]
    sizes = _sizes(subscripts, pairs)
    x, term = pairs[0]
    for i, (y, other) in enumerate(pairs[1:], 2):
        needed = set(output).union(*(t for _, t in pairs[i:]))
        x, term = _contract(x, term, y, other, needed, sizes)
    return _finish(x, term, output)


def _fail(subscripts: str, fact: str) -> ShapeError:
    return ShapeError(message("einsum", fact, f"subscripts={subscripts!r}"))


def _parse(subscripts: str, operands: Any) -> tuple[list[str], str]:
    """Return the labels of each operand and of the result, dots made digits."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise _fail(subscripts, f"expected {len(terms)} operands, got {len(operands)}.")
    longest, inputs = 0, []
    for term, x in zip(terms, operands, strict=True):
        extra = ndim(x) - len(term.replace("...", ""))
        if extra < 0 or (extra and "..." not in term):
            raise _fail(subscripts, f"{term!r} does not name {ndim(x)} axes.")
        longest = max(longest, extra if "..." in term else 0)
        inputs.append(term.replace("...", _ELLIPSIS[-extra:] if extra else ""))
    dots = _ELLIPSIS[-longest:] if longest else ""
    if arrow:
        return inputs, right.replace("...", dots)
    counts = Counter("".join(terms).replace(".", ""))
    return inputs, dots + "".join(sorted(c for c, n in counts.items() if n == 1))


def _distinct(x: Any, term: str) -> tuple[Any, str]:
    """Take diagonals until no letter stands for two axes."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            x = diagonal(x, axis1=first, axis2=second)
            rest = term[:first] + term[first + 1 : second] + term[second + 1 :]
            term = rest + letter
    return x, term


def _sizes(subscripts: str, pairs: list[tuple[Any, str]]) -> dict[str, Any]:
    sizes: dict[str, Any] = {}
    for x, term in pairs:
        for letter, size in zip(term, shape_of(x), strict=True):
            known = sizes.get(letter, 1)
            if known not in (1, size) and size != 1:
                raise _fail(subscripts, f"{letter!r} has the sizes {known} and {size}.")
            sizes[letter] = size if known == 1 else known
    return sizes


def _summed(x: Any, term: str, kept: set[str]) -> tuple[Any, str]:
    """Sum over the letters that nobody needs any more."""
    gone = tuple(i for i, c in enumerate(term) if c not in kept)
    if not gone:
        return x, term
    return sum(x, axis=gone), "".join(c for c in term if c in kept)


def _contract(
    x: Any, a: str, y: Any, b: str, needed: set[str], sizes: dict[str, Any]
) -> tuple[Any, str]:
    """Join two operands: a product of matrices where something is summed over."""
    x, a = _summed(x, a, needed | set(b))
    y, b = _summed(y, b, needed | set(a))
    both = [c for c in a if c in b]
    if any(
        shape_of(t)[s.index(c)] != sizes[c] for c in both for t, s in ((x, a), (y, b))
    ):
        return _by_elements(x, a, y, b, needed)
    gone = [c for c in both if c not in needed]
    if not gone:
        return _by_elements(x, a, y, b, needed)
    batch = [c for c in both if c in needed]
    rows = [c for c in a if c not in both]
    columns = [c for c in b if c not in both]
    left = _matrix(x, a, batch, rows, gone, sizes)
    right = _matrix(y, b, batch, gone, columns, sizes)
    labels = "".join((*batch, *rows, *columns))
    return reshape(gemm(left, right), tuple(sizes[c] for c in labels)), labels


def _matrix(
    x: Any, term: str, batch: list, rows: list, columns: list, sizes: dict[str, Any]
) -> Any:
    """Return an operand as (*batch, rows, columns)."""
    order = tuple(term.index(c) for c in (*batch, *rows, *columns))
    flat = [dims.product(sizes[c] for c in group) for group in (rows, columns)]
    return reshape(transpose(x, order), (*(sizes[c] for c in batch), *flat))


def _by_elements(x: Any, a: str, y: Any, b: str, needed: set[str]) -> tuple[Any, str]:
    """Multiply with all letters side by side, then sum."""
    labels = a + "".join(c for c in b if c not in a)
    product = multiply(_aligned(x, a, labels), _aligned(y, b, labels))
    return _summed(product, labels, needed)


def _aligned(x: Any, term: str, labels: str) -> Any:
    """Return an operand with an axis for each label, of size 1 where it has none."""
    order = tuple(term.index(c) for c in labels if c in term)
    found = iter(shape_of(x)[i] for i in order)
    return reshape(
        transpose(x, order), tuple(next(found) if c in term else 1 for c in labels)
    )


def _finish(x: Any, term: str, output: str) -> Any:
    x, term = _summed(x, term, set(output))
    order = tuple(term.index(c) for c in output)
    return x if order == tuple(range(len(order))) else transpose(x, order)
