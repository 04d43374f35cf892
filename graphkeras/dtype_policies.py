"""Which dtype a layer computes in and which its weights have."""

from __future__ import annotations

from typing import Any

from graphkeras import dtypes
from graphkeras.errors import ArgumentError, message


class DTypePolicy:
    """The dtype of a layer's computation and of its variables.

    Args:
        name: a dtype name such as ``"float32"`` or ``"string"``.

    Raises:
        ArgumentError: for the mixed policies, whose loss scaling does not exist yet.

    Example:
        >>> DTypePolicy("float64").compute_dtype
        'float64'
    """

    def __init__(self, name: str | None = None) -> None:
        if isinstance(name, str) and name.startswith("mixed_"):
            raise ArgumentError(
                message(
                    "DTypePolicy", "expected one dtype for weights and computation.",
                    f"name={name!r}", f"Use {name.removeprefix('mixed_')!r} or "
                    "'float32'; mixed precision is not available.",
                )
            )  # fmt: skip
        self.name = dtypes.standardize(name)

    @property
    def compute_dtype(self) -> str:
        """Dtype in which the layer computes, to which float inputs are cast."""
        return self.name

    @property
    def variable_dtype(self) -> str:
        """Dtype of the layer's variables."""
        return self.name

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Make a policy from `get_config`'s result."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def get(identifier: Any) -> DTypePolicy:
    """Return the policy meant by a name, a dtype, a config, a policy or None."""
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(**identifier["config"])
    return DTypePolicy(identifier)


def serialize(policy: DTypePolicy) -> dict[str, Any]:
    """Return a policy in Keras's config form."""
    return {
        "module": "keras", "class_name": "DTypePolicy",
        "config": policy.get_config(), "registered_name": None,
    }  # fmt: skip
