"""Python's operators for everything that can be an operand.

`ir` knows no op by name: the op that *declares* an operator answers it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

OPERATORS: dict[str, Callable[..., Any]] = {}  # "+" -> add, filled by the definers


class Operators:
    """Python's operators, answered by the ops that declare them."""

    __slots__ = ()

    def _operate(self, symbol: str, *operands: Any) -> Any:
        return OPERATORS[symbol](*operands)

    def __add__(self, other: Any) -> Any:
        return self._operate("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._operate("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._operate("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._operate("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._operate("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._operate("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._operate("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._operate("/", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._operate("//", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._operate("//", other, self)

    def __mod__(self, other: Any) -> Any:
        return self._operate("%", self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._operate("%", other, self)

    def __pow__(self, other: Any) -> Any:
        return self._operate("**", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._operate("**", other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._operate("@", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._operate("@", other, self)

    def __and__(self, other: Any) -> Any:
        return self._operate("&", self, other)

    def __rand__(self, other: Any) -> Any:
        return self._operate("&", other, self)

    def __or__(self, other: Any) -> Any:
        return self._operate("|", self, other)

    def __ror__(self, other: Any) -> Any:
        return self._operate("|", other, self)

    def __xor__(self, other: Any) -> Any:
        return self._operate("^", self, other)

    def __neg__(self) -> Any:
        return self._operate("neg", self)

    def __abs__(self) -> Any:
        return self._operate("abs", self)

    def __invert__(self) -> Any:
        return self._operate("~", self)

    def __lt__(self, other: Any) -> Any:
        return self._operate("<", self, other)

    def __le__(self, other: Any) -> Any:
        return self._operate("<=", self, other)

    def __gt__(self, other: Any) -> Any:
        return self._operate(">", self, other)

    def __ge__(self, other: Any) -> Any:
        return self._operate(">=", self, other)

    def __getitem__(self, key: Any) -> Any:
        return self._operate("[]", self, key)
