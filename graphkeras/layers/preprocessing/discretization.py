"""Numbers as the bins they fall into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphkeras import ops
from graphkeras.errors import ArgumentError, DataError, DTypeError, message
from graphkeras.layers.preprocessing.arguments import output_mode_of, refuse_sparse
from graphkeras.layers.preprocessing.batches import batches_of
from graphkeras.layers.preprocessing.direct import DirectLayer, encoded
from graphkeras.layers.validation import is_int
from graphkeras.ops.creation import dtype_of

_NOTHING = np.zeros((2, 0), "float32")


class Discretization(DirectLayer):
    """Put numbers into bins between boundaries that are given or learned.

    A number on a boundary belongs to the bin above it, NaN to the last bin.

    Args:
        bin_boundaries: numbers in rising order; one bin more than there are of them.
        num_bins: how many bins `adapt` shall make, each with about as many numbers.
        epsilon: how much the share of a bin may be off, as a part of 1.
        output_mode: "int"; "one_hot", "multi_hot" or "count" as for CategoryEncoding.
        sparse: not supported.

    Example:
        >>> layer = Discretization([0.0, 1.0])
        >>> layer(np.array([-0.5, 0.0, 7.0], "float32")).numpy()
        array([0, 1, 2], dtype=int32)
    """

    _not_in_config = ("trainable",)  # Keras's takes none

    def __init__(
        self, bin_boundaries: Any = None, num_bins: int | None = None,
        epsilon: float = 0.01, output_mode: str = "int", sparse: bool = False,
        dtype: Any = None, name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name, dtype=dtype, **kwargs)
        modes = ("int", "one_hot", "multi_hot", "count")
        self.output_mode = output_mode_of("Discretization", output_mode, modes)
        self.sparse = sparse
        refuse_sparse("Discretization", sparse)
        if (num_bins is None) == (bin_boundaries is None):
            raise ArgumentError(
                message(
                    "Discretization", "expected either bin_boundaries or num_bins.",
                    f"bin_boundaries={bin_boundaries}, num_bins={num_bins}",
                )
            )  # fmt: skip
        if num_bins is not None and (not is_int(num_bins) or num_bins < 1):
            raise ArgumentError(
                message("Discretization", "expected num_bins to be an int >= 1.",
                        f"num_bins={num_bins!r}")
            )  # fmt: skip
        self.num_bins, self.epsilon = num_bins, epsilon
        given = (
            None if bin_boundaries is None else np.asarray(bin_boundaries, "float64")
        )
        self.bin_boundaries = None if given is None else given.tolist()
        self.summary = _NOTHING
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from `get_config`'s result, learned boundaries included."""
        config = dict(config)
        learned = None
        if config.get("num_bins") is not None:
            learned = config.pop("bin_boundaries", None)
        layer = super().from_config(config)
        layer.bin_boundaries = layer.bin_boundaries or learned
        return layer

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn boundaries between bins of about as many numbers each.

        Args:
            data: an array, or an iterable of batches (a list is one).
            steps: how many batches to take of an iterable; all by default.

        Raises:
            ArgumentError: if the boundaries were given to the layer.
            DataError: if there is nothing to learn from.
        """
        if self.num_bins is None:
            raise ArgumentError(
                message(
                    self.name, "adapt expected a layer made without bin_boundaries.",
                    f"{self.bin_boundaries}", "Give num_bins instead.",
                )
            )  # fmt: skip
        self.reset_state()
        batches = iter(data) if isinstance(data, (list, tuple)) else data
        for batch in batches_of(self.name, batches, steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forget what `update_state` has gathered."""
        if self.num_bins is not None:
            self.summary = _NOTHING

    def update_state(self, data: Any) -> None:
        """Gather one batch."""
        numbers = np.asarray(data).astype("float32").ravel()
        if np.isnan(numbers).any():
            raise DataError(
                message(self.name, "adapt expected numbers.", "NaN",
                        "Drop or fill missing values beforehand.")
            )  # fmt: skip
        self.summary = _merged(_summary(numbers, self.epsilon), self.summary,
                               self.epsilon)  # fmt: skip

    def finalize_state(self) -> None:
        """Make the boundaries of what was gathered."""
        if self.num_bins is None:
            return
        if not self.summary.size:
            raise DataError(
                message(self.name, "adapt expected at least one number.", "none")
            )
        bins = _compressed(self.summary, 1.0 / self.num_bins)
        self.bin_boundaries = bins[0, :-1].tolist()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take a summary, if `store` has one; boundaries are in the config."""
        if len(store) == 1:
            self.summary = np.asarray(store["0"])

    def call(self, inputs: Any) -> Any:
        """Return the number of each bin, or its encoding."""
        if self.bin_boundaries is None:
            raise ArgumentError(
                message(
                    "", "expected bin boundaries.", "none",
                    "Call adapt(data) or give bin_boundaries.",
                )
            )  # fmt: skip
        plain = not isinstance(inputs, np.ndarray) and not hasattr(
            inputs, "__apply_op__"
        )
        x = ops.convert_to_tensor(np.asarray(inputs)) if plain else inputs
        if dtype_of(x) == "string":
            raise DTypeError(message("", "expected numbers.", "strings"))
        edges = np.asarray(self.bin_boundaries, "float32")
        kind = "int32" if self.output_mode == "int" else self.compute_dtype
        return encoded(
            _bins(x, edges), mode=self.output_mode, depth=len(edges) + 1, dtype=kind
        )


def _bins(x: Any, edges: np.ndarray) -> Any:
    """Return how many edges a number is not below; NaN is below none."""
    if isinstance(x, np.ndarray) and (edges[1:] >= edges[:-1]).all():
        return np.searchsorted(edges, x.astype("float32"), side="right")
    x = ops.expand_dims(ops.cast(x, "float32"), -1)
    return ops.sum(ops.cast(ops.logical_not(ops.less(x, edges)), "int32"), axis=-1)


# A summary has two rows: numbers in rising order, and how many samples each stands for.


def _summary(numbers: np.ndarray, epsilon: float) -> np.ndarray:
    """Keep every n-th number, so that about 1 / epsilon are left."""
    step = max(numbers.size / (1.0 / epsilon), 1)
    kept = np.sort(numbers)[int(step - 1) :: int(step)]
    return np.stack([kept, np.ones_like(kept) * step])


def _merged(a: np.ndarray, b: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate((a, b), axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """Interpolate a summary at equal shares of its weight."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    reached = weights / weights[-1]
    numbers = np.interp(shares, reached, summary[0])
    weights = np.interp(shares, reached, weights)
    parts = weights - np.concatenate(([0], weights[:-1]))
    return np.stack((numbers, parts)).astype("float32")
