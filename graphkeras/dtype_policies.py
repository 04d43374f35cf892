"""Which dtype a layer computes in and which its weights have."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from graphkeras import config, dtypes
from graphkeras.errors import ArgumentError, message

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """The dtype of a layer's computation and of its variables.

    Args:
        name: a dtype name such as ``"float32"``; or ``"mixed_float16"`` or
            ``"mixed_bfloat16"``, which compute in half floats on weights in float32.
            None takes `config.dtype_policy()`.

    Raises:
        DTypeError: for any other name.

    Example:
        >>> policy = DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    name: str
    quantization_mode: str | None = None

    def __init__(self, name: str | None = None) -> None:
        self.name = default_policy().name if name is None else name
        self._keep_dtypes(self.name)

    def _keep_dtypes(self, name: str) -> None:
        mixed = _MIXED.get(name) if isinstance(name, str) else None
        if mixed is None:
            self._variable_dtype = self._compute_dtype = dtypes.standardize(name)
            self.name = self._compute_dtype
        else:
            self._compute_dtype, self._variable_dtype = mixed, "float32"

    @property
    def compute_dtype(self) -> str:
        """Dtype in which the layer computes, to which float inputs are cast."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype of the layer's variables."""
        return self._variable_dtype

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Make a policy from `get_config`'s result."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        alike = isinstance(other, DTypePolicy) and self._kind() == other._kind()
        return alike and self.get_config() == other.get_config()  # type: ignore[attr-defined]

    def _kind(self) -> type:
        return DTypePolicy if type(self) is FloatDTypePolicy else type(self)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<{self._kind().__name__} "{self.name}">'


class FloatDTypePolicy(DTypePolicy):
    """`DTypePolicy` under its older name."""


class QuantizedDTypePolicy(DTypePolicy):
    """Weights of few bits, the rest as under another policy.

    Args:
        mode: how weights are held: "int8", or for files only "int4", "float8", "gptq",
            "awq" with their sizes.
        source_name: name of the policy before; None takes `config.dtype_policy()`.

    Example:
        >>> QuantizedDTypePolicy("int8", "float32").name
        'int8_from_float32'
    """

    _pattern = r"int8|int4|float8"

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        source_name = default_policy().name if source_name is None else source_name
        if not isinstance(mode, str) or not re.fullmatch(self._pattern, mode):
            raise ArgumentError(
                message(type(self).__name__, "expected a known mode of quantization.",
                        f"mode={mode!r}")
            )  # fmt: skip
        self._keep_dtypes(source_name)
        if mode == "int8" and self._compute_dtype == "float16":
            raise ArgumentError(
                message(
                    type(self).__name__, "expected another dtype of computation than "
                    "float16, whose range is too small.", f"source_name={source_name!r}"
                )
            )  # fmt: skip
        self.mode, self._source_name = mode, source_name
        self.quantization_mode = mode.split("/")[0]
        self.name = f"{mode}_from_{source_name}"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"mode": self.mode, "source_name": self._source_name}


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Weights in float8, with a history of their sizes; no layer computes so here."""

    _pattern = "float8"
    default_amax_history_length = 1024

    def __init__(
        self, mode: str, source_name: str | None = None, amax_history_length: int = 1024
    ) -> None:
        super().__init__(mode, source_name)
        self.amax_history_length = amax_history_length

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        history = {"amax_history_length": self.amax_history_length}
        return {**super().get_config(), **history}


class Int4DTypePolicy(QuantizedDTypePolicy):
    """Weights of four bits, in blocks: mode is ``"int4/<block size>"``."""

    _pattern = r"int4/(-1|[1-9]\d*)"

    @property
    def block_size(self) -> int:
        """How many weights share a scale; -1 for all of a column."""
        return int(self.mode.split("/")[1])


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """Weights by GPTQ, mode ``"gptq/<bits>/<group size>"``; no layer has them here."""

    _pattern = r"gptq/[2348]/(-1|[1-9]\d*)"


class AWQDTypePolicy(QuantizedDTypePolicy):
    """Weights by AWQ, mode ``"awq/4/<group size>"``; no layer has them here."""

    _pattern = r"awq/4/(-1|[1-9]\d*)"


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by the paths of layers.

    Args:
        default_policy: policy of layers that are not named; None takes
            `config.dtype_policy()`.
        policy_map: policies by path, or by a regular expression that matches one.

    Example:
        >>> policies = DTypePolicyMap("float32", {"block/.*": "float16"})
        >>> policies["block/dense"].name, policies["other"].name
        ('float16', 'float32')
    """

    def __init__(self, default_policy: Any = None, policy_map: Any = None) -> None:
        self._default = get(default_policy)
        self._given = default_policy is not None
        self.policies: dict[str, DTypePolicy] = {}
        self.name = f"map_{self._default.name}"
        self.update(policy_map or {})

    @property
    def default_policy(self) -> DTypePolicy:
        """Policy of layers that are not named."""
        return self._default

    @property
    def compute_dtype(self) -> str:
        """Dtype of the default policy's computation."""
        return self._default.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype of the default policy's variables."""
        return self._default.variable_dtype

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self.policies:
            return self.policies[path]
        found = [k for k in self.policies if re.fullmatch(k, path)]
        if len(found) > 1:
            raise ArgumentError(
                message("DTypePolicyMap", f"expected one pattern for {path!r}.",
                        ", ".join(found), "Make the patterns narrower.")
            )  # fmt: skip
        return self.policies[found[0]] if found else self._default

    def __setitem__(self, path: str, policy: Any) -> None:
        self.policies[path] = get(policy)

    def __delitem__(self, path: str) -> None:
        del self.policies[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.policies)

    def __len__(self) -> int:
        return len(self.policies)

    __eq__, __hash__ = DTypePolicy.__eq__, DTypePolicy.__hash__

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        default = serialize(self._default) if self._given else None
        named = {path: serialize(policy) for path, policy in self.policies.items()}
        return {"default_policy": default, "policy_map": named}


_CLASSES: dict[str, type[DTypePolicy]] = {
    cls.__name__: cls
    for cls in (
        DTypePolicy, FloatDTypePolicy, QuantizedDTypePolicy, QuantizedFloat8DTypePolicy,
        Int4DTypePolicy, GPTQDTypePolicy, AWQDTypePolicy, DTypePolicyMap,
    )
}  # fmt: skip
_BY_MODE: dict[str, type[QuantizedDTypePolicy]] = {
    "int8": QuantizedDTypePolicy, "float8": QuantizedFloat8DTypePolicy,
    "int4": Int4DTypePolicy, "gptq": GPTQDTypePolicy, "awq": AWQDTypePolicy,
}  # fmt: skip


def default_policy() -> DTypePolicy:
    """Return the policy of layers made without a dtype: that of `floatx` at first."""
    held: DTypePolicy | None = config.held_policy()
    return DTypePolicy(config.floatx()) if held is None else held


def get(identifier: Any) -> DTypePolicy:
    """Return the policy meant by a name, a dtype, a config, a policy or None.

    Raises:
        DTypeError: for a name of none.
        ArgumentError: for a config of none.

    Example:
        >>> get("int8_from_mixed_bfloat16").compute_dtype
        'bfloat16'
    """
    if identifier is None:
        return default_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str) and "_from_" in identifier:
        mode, source = identifier.split("_from_", 1)
        cls = _BY_MODE.get(mode.split("/")[0], QuantizedDTypePolicy)
        cls = QuantizedDTypePolicy if mode == "int4" else cls
        return cls(mode, source)
    return DTypePolicy(identifier)


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """Return a policy in Keras's config form."""
    name = type(dtype_policy).__name__
    inner = "" if name in ("DTypePolicy", "FloatDTypePolicy") else ".dtype_policies"
    return {
        "module": f"keras{inner}", "class_name": name,
        "config": dtype_policy.get_config(), "registered_name": None,
    }  # fmt: skip


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> DTypePolicy:
    """Return the policy a config describes.

    Raises:
        ArgumentError: if it describes none of Keras's.
    """
    name = config.get("class_name")
    cls = {**_CLASSES, **(custom_objects or {})}.get(str(name))
    if cls is None:
        raise ArgumentError(
            message("dtype_policies", "expected a policy of Keras's.", repr(name))
        )
    return cls.from_config(dict(config["config"]))
