"""Categories as vectors, and numbers of categories without a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras import config, dtypes, ops
from graphkeras.errors import ArgumentError, DTypeError, ShapeError, message
from graphkeras.ir.value import ConstantData
from graphkeras.layers.preprocessing.arguments import (
    output_mode_of,
    refuse_sparse,
    salt_of,
)
from graphkeras.layers.preprocessing.batches import strings_of
from graphkeras.layers.preprocessing.direct import (
    NO_NUMBER,
    DirectLayer,
    at_once,
    bucketed,
    combined,
    encoded,
    whole_numbers,
)
from graphkeras.layers.shapes import tree_of_shapes
from graphkeras.layers.validation import positive_int
from graphkeras.ops.creation import dtype_of
from graphkeras.ops.hashing import (
    CROSSING_SEED,
    fingerprint,
    fingerprint_of_digits,
)
from graphkeras.ops.lookup import encode_classes, look_up

_fingerprint, _look_up = at_once(fingerprint), at_once(look_up)
_HERE = ConstantData.of(np.ones(1, np.int64))


def _array_of(inputs: Any) -> np.ndarray:
    """Return inputs of any form as an array of numbers or texts."""
    array = np.asarray(inputs)
    if array.dtype.kind in "OUST":
        return strings_of(inputs)
    return array


def _as_tensor(inputs: Any) -> Any:
    """Return inputs of any form as an array or tensor of the trace."""
    if isinstance(inputs, np.ndarray) or hasattr(inputs, "__apply_op__"):
        return inputs
    return ops.convert_to_tensor(_array_of(inputs))


def _as_words(x: Any) -> Any:
    """Return integers as words of 64 bits, negative ones by their complement."""
    if isinstance(x, np.ndarray):
        return x.astype(np.int64).view(np.uint64)
    return ops.cast(ops.cast(x, "int64"), "uint64")


class CategoryEncoding(DirectLayer):
    """Encode integers from 0 to `num_tokens` - 1 as vectors.

    Other integers give zeros.

    Args:
        num_tokens: how many categories there are.
        output_mode: "multi_hot", which a row has; "one_hot", each integer a vector;
            "count", how often a row has each.
        sparse: not supported.

    Call arguments:
        inputs: integers.
        count_weights: for "count": of the shape of the inputs, added instead of 1.

    Example:
        >>> CategoryEncoding(3, "count")(np.array([[0, 2, 2]])).numpy()
        array([[1., 0., 2.]], dtype=float32)
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot",
        sparse: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        who = "CategoryEncoding"
        self.num_tokens = positive_int(who, "num_tokens", num_tokens)
        modes = ("multi_hot", "one_hot", "count")
        self.output_mode = output_mode_of(who, output_mode, modes)
        self.sparse = sparse
        refuse_sparse(who, sparse)
        self._allow_non_tensor_positional_args = True
        self._convert_input_args = False

    def _arrays(self, data: Any) -> Any:
        return _array_of(data)

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """Return the vectors, in the layer's dtype."""
        x, weights = _as_tensor(inputs), None
        if dtype_of(x) == "string":
            raise DTypeError(
                message("", "expected integers.", "strings", "Use StringLookup before.")
            )
        if count_weights is not None:
            if self.output_mode != "count":
                raise ArgumentError(
                    message("", "expected count_weights only with output_mode 'count'.",
                            f"output_mode={self.output_mode!r}")
                )  # fmt: skip
            weights = ops.cast(_as_tensor(count_weights), self.compute_dtype)
        x = whole_numbers(x, -1)
        if weights is None:
            return encoded(x, mode=self.output_mode, depth=self.num_tokens,
                           dtype=self.compute_dtype)  # fmt: skip
        return encode_classes(
            x, weights, mode=self.output_mode, depth=self.num_tokens,
            dtype=self.compute_dtype,
        )  # fmt: skip


class Hashing(DirectLayer):
    """Put integers or strings into bins by their hash; nothing has to be learned.

    The hash is that of Keras: FarmHash64 of the text, or of a number's digits. ONNX can
    compute it of numbers only.

    Args:
        num_bins: how many bins.
        mask_value: a value that gets bin 0, of which the others then keep away.
        salt: two ints (or one): use SipHash64 with this key (that cannot be exported).
        output_mode: "int"; "one_hot", "multi_hot" or "count" as for CategoryEncoding.
        sparse: not supported.

    Example:
        >>> Hashing(3)(np.array(["A", "B", "C", "D", "E"])).numpy()
        array([1, 0, 1, 1, 2])
    """

    def __init__(
        self, num_bins: int, mask_value: Any = None, salt: Any = None,
        output_mode: str = "int", sparse: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        modes = ("int", "one_hot", "multi_hot", "count")
        mode = output_mode_of("Hashing", output_mode, modes)
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if mode == "int" else config.floatx()
        super().__init__(**kwargs)
        if mode == "int" and self.compute_dtype not in ("int32", "int64"):
            raise ArgumentError(
                message("Hashing", "expected dtype int32 or int64 with output_mode "
                        "'int'.", f"dtype={self.compute_dtype}")
            )  # fmt: skip
        self.num_bins = positive_int("Hashing", "num_bins", num_bins)
        self.mask_value = mask_value
        self._mask_key = ConstantData.of(np.array([mask_value], object))
        self.salt = salt_of("Hashing", salt)
        self.output_mode = mode
        self.sparse = sparse
        refuse_sparse("Hashing", sparse)
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    def _arrays(self, data: Any) -> Any:
        return _array_of(data)

    def call(self, inputs: Any) -> Any:
        """Return the bins, or their encoding."""
        x = _as_tensor(inputs)
        if self.output_mode == "one_hot" and x.shape and x.shape[-1] == 1:
            x = ops.reshape(x, x.shape[:-1])  # and once more below, as Keras does
        return encoded(
            self._bins(x), mode=self.output_mode, depth=self.num_bins,
            dtype=self.compute_dtype,
        )  # fmt: skip

    def _bins(self, x: Any) -> Any:
        if self.mask_value is None or self.num_bins == 1:
            return bucketed(self._hash(x), self.num_bins)
        hidden: Any = self._is_mask(x)
        others = bucketed(self._hash(x), self.num_bins - 1) + 1
        return ops.where(hidden, 0, others)

    def _hash(self, x: Any) -> Any:
        kind = dtype_of(x)
        x = whole_numbers(x, NO_NUMBER) if dtypes.is_float(kind) else x
        at_once = isinstance(x, np.ndarray) or self.salt is not None
        if at_once or kind in ("string", "bool"):
            return _fingerprint(x, salt=self.salt)
        return fingerprint_of_digits(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the bins for a shape of strings or integers."""
        kind = "string" if isinstance(self.mask_value, str) else "int64"
        return self.compute_output_spec(tree_of_shapes(input_shape, kind)).shape

    def _is_mask(self, x: Any) -> Any:
        kind = dtype_of(x)
        if (kind == "string") != isinstance(self.mask_value, str):
            raise DTypeError(
                message("", f"expected mask_value of the inputs' dtype, {kind}.",
                        f"mask_value={self.mask_value!r}")
            )  # fmt: skip
        if dtypes.is_integer(kind) and not _holds(kind, self.mask_value):
            return False
        if kind != "string":
            return ops.equal(x, np.array(self.mask_value, dtypes.to_numpy(kind)))
        return ops.equal(_look_up(x, keys=self._mask_key, values=_HERE, default=0), 1)


def _holds(kind: str, number: Any) -> bool:
    """Whether an integer dtype has this number."""
    limits = np.iinfo(dtypes.to_numpy(kind))
    return bool(limits.min <= number <= limits.max)


class HashedCrossing(DirectLayer):
    """Put pairs (or more) of categories into bins by their common hash.

    Args:
        num_bins: how many bins.
        output_mode: "int" or "one_hot".
        sparse: not supported.

    Call arguments:
        inputs: at least two tensors of integers or strings, all of one shape: (),
            (batch,) or (batch, 1).

    Example:
        >>> crossing = HashedCrossing(5)
        >>> crossing((np.array([1, 2]), np.array([3, 4]))).numpy()
        array([1, 2])
    """

    def __init__(
        self, num_bins: int, output_mode: str = "int", sparse: bool = False,
        name: str | None = None, dtype: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        who = "HashedCrossing"
        mode = output_mode_of(who, output_mode, ("int", "one_hot"))
        kind = "int64" if mode == "int" and dtype is None else dtype
        super().__init__(name=name, dtype=kind, **kwargs)
        self.num_bins = positive_int(who, "num_bins", num_bins)
        self.output_mode = mode
        self.sparse = sparse
        refuse_sparse(who, sparse)
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    def call(self, inputs: Any) -> Any:
        """Return the bins, or their encoding."""
        columns = self._columns(inputs)
        mixed: Any = np.array(CROSSING_SEED, np.uint64)
        for x in columns:
            text = dtype_of(x) == "string"
            word = _fingerprint(x) if text else _as_words(x)
            mixed = combined(mixed, word)
        return encoded(
            bucketed(mixed, self.num_bins), mode=self.output_mode,
            depth=self.num_bins, dtype=self.compute_dtype,
        )  # fmt: skip

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the bins for shapes of integers."""
        return self.compute_output_spec(tree_of_shapes(input_shape, "int64")).shape

    def _arrays(self, data: Any) -> Any:
        several = isinstance(data, (list, tuple))
        return [_array_of(x) for x in data] if several else _array_of(data)

    def _columns(self, inputs: Any) -> list[Any]:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ArgumentError(
                message(
                    "", "expected a list of at least two inputs.", f"{inputs!r:.60}"
                )
            )
        columns = [_as_tensor(x) for x in inputs]
        kinds = [dtype_of(x) for x in columns]
        shapes = [tuple(x.shape) for x in columns]
        if len(shapes[0]) > 2 or (len(shapes[0]) == 2 and shapes[0][1] != 1):
            raise ShapeError(
                message("", "expected shapes (), (batch,) or (batch, 1).", f"{shapes}")
            )
        if any(shape != shapes[0] for shape in shapes):
            raise ShapeError(message("", "expected equal shapes.", f"{shapes}"))
        if any(map(dtypes.is_float, kinds)):
            raise ArgumentError(
                message("", "expected integers or strings.", ", ".join(kinds))
            )
        return columns
