"""Keras's `keras.mixed_precision`: names only, each at home elsewhere."""

from graphkeras.config import dtype_policy, set_dtype_policy
from graphkeras.dtype_policies import DTypePolicy
from graphkeras.optimizers import LossScaleOptimizer

Policy = DTypePolicy  # their names in Keras 2
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
