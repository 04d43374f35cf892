"""Names for type checkers only."""

from __future__ import annotations

from typing import Any, TypeAlias

# What an op takes for an operand: a tensor, symbolic tensor, variable, array or number
# from users, a value or pattern from rules. They have no base in common, only
# `__apply_op__`; and in the op's own body, the reference, the operand is an array.
Tensor: TypeAlias = Any
