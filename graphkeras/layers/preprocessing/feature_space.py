"""FeatureSpace: the columns of a table, each prepared by a layer of its kind.

The public `keras.utils.FeatureSpace`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from graphkeras import naming, ops
from graphkeras.data.arrays import array_of, is_frame
from graphkeras.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    ShapeError,
    message,
    nearest,
)
from graphkeras.ir.tensor import Tensor
from graphkeras.layers.graph import SymbolicTensor, has_symbolic
from graphkeras.layers.inputs import Input
from graphkeras.layers.layer import Layer
from graphkeras.layers.preprocessing.categories import (
    CategoryEncoding,
    HashedCrossing,
    Hashing,
)
from graphkeras.layers.preprocessing.discretization import Discretization
from graphkeras.layers.preprocessing.image import Rescaling
from graphkeras.layers.preprocessing.lookup import IntegerLookup, StringLookup
from graphkeras.layers.preprocessing.numeric import Normalization
from graphkeras.layers.validation import one_of
from graphkeras.saving.registry import (
    Configurable,
    deserialize_keras_object,
    serialize_keras_object,
)

_AT_ONCE = 32  # single values that are adapted to together


class TFDIdentity(Layer):
    """The inputs themselves; the name is that in Keras's files."""

    def call(self, x: Any) -> Any:
        """Return the inputs."""
        return x


class TFDConcat(Layer):
    """Several inputs joined; the name is that in Keras's files."""

    def __init__(self, axis: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, xs: Any) -> Any:
        """Return the inputs joined along `axis`."""
        return ops.concatenate(xs, axis=self.axis)


class Cross(Configurable):
    """Two or more features taken as one, by a hash of their values together.

    Args:
        feature_names: names of the features.
        crossing_dim: values of the hash.
        output_mode: "one_hot" or "int".
    """

    def __init__(
        self, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot"
    ) -> None:
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = one_of(
            "Cross", "output_mode", output_mode, ("int", "one_hot")
        )

    @property
    def name(self) -> str:
        """Names of the features, joined."""
        return "_X_".join(self.feature_names)


class Feature(Configurable):
    """A column: its dtype, the layer that prepares it, and what becomes of the result.

    Args:
        dtype: dtype of the column.
        preprocessor: the layer.
        output_mode: "int", "one_hot" or "float".
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        self.dtype = dtype
        if isinstance(preprocessor, Mapping):
            preprocessor = deserialize_keras_object(preprocessor)
        self.preprocessor = preprocessor
        modes = ("int", "one_hot", "float")
        self.output_mode = one_of("Feature", "output_mode", output_mode, modes)


class FeatureSpace(Layer):
    """Columns of a table, prepared and joined to one vector a row.

    Args:
        features: name to kind: "float", "float_normalized", "float_rescaled",
            "float_discretized", "integer_categorical", "string_categorical",
            "integer_hashed", "string_hashed", or what the functions of these names
            return: `FeatureSpace.float_rescaled(1 / 255)`.
        output_mode: "concat" for one vector, "dict" for one tensor a feature.
        crosses: tuples of names, or `FeatureSpace.cross(...)`.
        crossing_dim: values of the hash of a cross.
        hashing_dim: values of the hash of a hashed feature.
        num_discretization_bins: bins of a discretized feature.
        name: name of the layer.

    Called on a dict of columns (batched or single values), or put into a model by
    `get_inputs` and `get_encoded_features`.

    Example:
        >>> rows = {"age": [30.0, 50.0], "town": ["Rome", "Oslo"]}
        >>> space = FeatureSpace({"age": "float_normalized",
        ...                       "town": "string_categorical"})
        >>> space.adapt(rows)
        >>> space(rows).shape  # age, unknown town, Rome, Oslo
        (2, 4)
    """

    # ------------------------------------------------------------ kinds of features

    @classmethod
    def cross(
        cls, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot"
    ) -> Cross:
        """Return the cross of some features."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Return a feature prepared by a layer of your own."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Return a feature of numbers, taken as they are."""
        layer = TFDIdentity(dtype="float32", name=_layer_name("float", name))
        return Feature("float32", layer, "float")

    @classmethod
    def float_rescaled(
        cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None
    ) -> Feature:
        """Return a feature of numbers, times `scale` plus `offset`."""
        layer = Rescaling(scale, offset, name=_layer_name("float_rescaled", name))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Return a feature of numbers, brought to mean 0 and variance 1."""
        layer = Normalization(axis=-1, name=_layer_name("float_normalized", name))
        return Feature("float32", layer, "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None,
        bin_boundaries: Any = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a feature of numbers, as the bins they fall into."""
        layer = Discretization(
            num_bins=num_bins, bin_boundaries=bin_boundaries,
            name=_layer_name("float_discretized", name),
        )  # fmt: skip
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a feature of whole numbers that are names, not amounts."""
        layer = IntegerLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices,
            name=_layer_name("integer_categorical", name),
        )  # fmt: skip
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a feature of strings."""
        layer = StringLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices,
            name=_layer_name("string_categorical", name),
        )  # fmt: skip
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a feature of strings, as a hash of `num_bins` values."""
        layer = Hashing(num_bins=num_bins, name=_layer_name("string_hashed", name))
        return Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a feature of whole numbers, as a hash of `num_bins` values."""
        layer = Hashing(num_bins=num_bins, name=_layer_name("integer_hashed", name))
        return Feature("int32", layer, output_mode)

    # ----------------------------------------------------------------------- making

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Iterable[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not isinstance(features, Mapping) or not features:
            raise ArgumentError(
                message("FeatureSpace", "expected a dict of features.", f"{features!r}")
            )
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {k: self._feature(k, v) for k, v in features.items()}
        self.crosses = [self._cross(c) for c in crosses or ()]
        self.output_mode = one_of(
            "FeatureSpace", "output_mode", output_mode, ("dict", "concat")
        )
        self.inputs = {
            k: Input(shape=(1,), dtype=f.dtype, name=k)
            for k, f in self.features.items()
        }
        self.preprocessors = {k: f.preprocessor for k, f in self.features.items()}
        self.crossers = {
            c.name: HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses
        }
        self.one_hot_encoders: dict[str, Layer] = {}
        self.concat: Layer | None = None
        self.encoded_features: Any = None
        self._is_adapted = False
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    def _feature(self, name: str, given: Any) -> Feature:
        """Return the feature meant by a word, a config or a feature."""
        if isinstance(given, Mapping):
            given = deserialize_keras_object(given)
        if isinstance(given, Feature):
            return given
        sizes = {
            "float_discretized": (self.num_discretization_bins,),
            "integer_hashed": (self.hashing_dim,),
            "string_hashed": (self.hashing_dim,),
        }
        plain = (
            "float", "float_normalized", "float_rescaled", "integer_categorical",
            "string_categorical",
        )  # fmt: skip
        if given not in (*plain, *sizes):
            raise ArgumentError(
                message(f"FeatureSpace: {name}", "expected a kind of feature.",
                        f"{given!r}", nearest(str(given), [*plain, *sizes], "kind"))
            )  # fmt: skip
        return getattr(self, given)(*sizes.get(given, ()), name=name)

    def _cross(self, given: Any) -> Cross:
        if isinstance(given, Mapping):
            given = deserialize_keras_object(given)
        cross = given if isinstance(given, Cross) else Cross(given, self.crossing_dim)
        unknown = [n for n in cross.feature_names if n not in self.features]
        if unknown or not cross.crossing_dim:
            raise ArgumentError(
                message("FeatureSpace", "expected crosses of known features, and a "
                        "crossing_dim.", f"{', '.join(unknown) or cross.crossing_dim}",
                        f"Features: {', '.join(self.features)}.")
            )  # fmt: skip
        return cross

    # ---------------------------------------------------------------------- adapting

    def _adaptable(self) -> list[str]:
        """Names of the features whose layers learn from data."""
        found = []
        for name, layer in self.preprocessors.items():
            given = getattr(layer, "input_mean", None) is not None
            given = given or getattr(layer, "bin_boundaries", None) is not None
            known = getattr(layer, "input_vocabulary", None) is not None
            if hasattr(layer, "adapt") and not given and not known:
                found.append(name)
        return found

    def adapt(self, dataset: Any) -> None:
        """Learn from a dict of columns, or from a dataset of dicts.

        Args:
            dataset: a dict of arrays or lists, a frame, or an iterable that can be gone
                through several times, whose elements are such dicts (rows or batches).

        Raises:
            DataError: if a column is missing, or there is nothing to learn from.
        """
        whole = _table(dataset)
        if whole is not None:
            self._check_lengths(
                {n: np.asarray(whole[n]) for n in self.features if n in whole}
            )
        for name in self._adaptable():
            kind = self.features[name].dtype
            if whole is None:  # gone through for each feature
                columns: Any = _columns(self._elements(dataset), name, kind)
            else:
                columns = [_column(name, _taken(whole, name), kind)]
            self.preprocessors[name].adapt(columns)
        self._is_adapted = True
        self.get_encoded_features()
        self.built = True

    def _elements(self, dataset: Any) -> Iterator[Any]:
        again = hasattr(dataset, "__iter__") and not hasattr(dataset, "__next__")
        if not again or isinstance(dataset, (str, bytes, np.ndarray)):
            raise DataError(
                message(
                    self.name, "adapt expected a dict of columns, or a dataset of "
                    "dicts that can be gone through several times.",
                    f"{type(dataset).__name__}", "Make a list of it, or a dict of "
                    "arrays.",
                )
            )  # fmt: skip
        return iter(dataset)

    def _require_adapted(self) -> None:
        if self._is_adapted or not self._adaptable():
            self._is_adapted = True
            return
        raise ArgumentError(
            message(
                self.name, "expected adapt() to have run.",
                f"features to learn: {', '.join(self._adaptable())}",
                "Call adapt() on a dict of columns first.",
            )
        )  # fmt: skip

    # ----------------------------------------------------------------------- calling

    def get_inputs(self) -> dict[str, SymbolicTensor]:
        """Return the symbolic inputs, one a feature."""
        self._require_adapted()
        self.get_encoded_features()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """Return what becomes of the symbolic inputs, for a model of your own."""
        self._require_adapted()
        if self.encoded_features is None:
            self.encoded_features = self.call(self.inputs)
            self.built = True
        return self.encoded_features

    def __call__(self, data: Any, **kwargs: Any) -> Any:
        """Return the encoded features of a dict of columns."""
        given = _table(data)
        if given is None:
            raise ArgumentError(
                message(self.name, "expected a dict of columns.", f"{data!r:.60}",
                        "Name each column by its feature.")
            )  # fmt: skip
        missing = [name for name in self.features if name not in given]
        if missing:
            raise DataError(
                message(self.name, f"expected the columns {', '.join(self.features)}.",
                        f"no {', '.join(missing)}", "Add them, or leave the features "
                        "out.")
            )  # fmt: skip
        self.get_encoded_features()
        if has_symbolic((data,), {}):
            return super().__call__(data, **kwargs)
        kinds = {k: f.dtype for k, f in self.features.items()}
        columns = {k: _as_column(k, given[k], kind) for k, kind in kinds.items()}
        single = any(not len(c.shape) for c in columns.values())
        rows = {k: _with_axis(c) for k, c in columns.items()}
        self._check_lengths(rows)
        found = super().__call__(rows, **kwargs)
        return _first_row(found) if single else found

    def _check_lengths(self, rows: dict[str, Any]) -> None:
        sizes = {name: column.shape[:1] for name, column in rows.items()}
        if len(set(sizes.values())) > 1:
            shown = ", ".join(
                f"{name}: {size[0]}" for name, size in sizes.items() if size
            )
            raise ShapeError(
                message(self.name, "expected as many rows in each column.", shown,
                        "Cut or fill them to one length.")
            )  # fmt: skip

    def call(self, data: Any) -> Any:
        """Prepare, cross and join columns of shape (rows, 1)."""
        ready = {k: self.preprocessors[k](data[k]) for k in self.features}
        crossed = {
            c.name: self.crossers[c.name]([ready[n] for n in c.feature_names])
            for c in self.crosses
        }
        specs: dict[str, Any] = {**self.features, **{c.name: c for c in self.crosses}}
        found = {
            name: self._encoded(name, part[name], specs[name])
            for part in (ready, crossed)
            for name in sorted(part)
        }
        if self.output_mode == "dict":
            return found
        for name, x in found.items():
            if str(x.dtype).startswith("int") or x.dtype == "string":
                raise ArgumentError(
                    message(
                        self.name, f"expected feature {name!r} to be encoded, to be "
                        "joined with others.", f"dtype {x.dtype}",
                        "Use output_mode='dict', or 'one_hot' for the feature.",
                    )
                )  # fmt: skip
        if self.concat is None:
            self.concat = TFDConcat(axis=-1)
        return self.concat(list(found.values()))

    def _encoded(self, name: str, x: Any, spec: Feature | Cross) -> Any:
        """Return the prepared column, one-hot if it is to be."""
        if spec.output_mode != "one_hot":
            return x
        if name not in self.one_hot_encoders:
            self.one_hot_encoders[name] = self._encoder(name, x)
        return self.one_hot_encoders[name](x)

    def _encoder(self, name: str, x: Any) -> Layer:
        layer = self.preprocessors.get(name) or self.crossers[name]
        if not str(x.dtype).startswith("int"):
            raise ArgumentError(
                message(f"{self.name}: {name}", "expected integers for 'one_hot'.",
                        f"dtype {x.dtype}", "Use output_mode='float'.")
            )  # fmt: skip
        count: int | None
        if isinstance(layer, (IntegerLookup, StringLookup)):
            count = layer.vocabulary_size()
        else:
            count = getattr(layer, "num_tokens", None) or _bins(layer)
        if count is None:
            raise ArgumentError(
                message(f"{self.name}: {name}", "expected a layer that knows how many "
                        "values it gives.", type(layer).__name__,
                        "Use output_mode='int'.")
            )  # fmt: skip
        return CategoryEncoding(num_tokens=count, output_mode="multi_hot")

    # ------------------------------------------------------------------------ saving

    def get_config(self) -> dict[str, Any]:
        """Return the configs of features and crosses, and the other arguments."""
        return {
            "features": serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize_keras_object(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeatureSpace:
        """Make a space from `get_config`'s result."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """Return the shapes with which the layers inside were built."""
        return {k: f.preprocessor.get_build_config() for k, f in self.features.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layers inside; what they learnt comes with the weights."""
        for name, shapes in config.items():
            layer = self.features[name].preprocessor
            if not layer.built and shapes:
                layer.build_from_config(shapes)
        self._is_adapted = True

    def save(self, filepath: Any) -> None:
        """Write everything to a ``.keras`` file, for `keras.saving.load_model`."""
        from graphkeras.saving.files import save_model

        save_model(self, filepath)


def _layer_name(kind: str, name: str | None) -> str:
    return f"{name or naming.auto_name(kind)}_preprocessor"


def _bins(layer: Layer) -> int | None:
    """Return how many values a layer of bins gives."""
    count = getattr(layer, "num_bins", None)
    boundaries = getattr(layer, "bin_boundaries", None)
    if count is None and isinstance(layer, Discretization) and boundaries is not None:
        return len(boundaries) + 1
    return count


def _taken(row: Any, name: str) -> Any:
    row = row[0] if isinstance(row, tuple) and row else row
    if not isinstance(row, Mapping) or name not in row:
        held = ", ".join(map(str, row)) if isinstance(row, Mapping) else f"{row!r:.60}"
        raise DataError(
            message("FeatureSpace", f"expected dicts with a column {name!r}.", held)
        )
    return row[name]


def _table(data: Any) -> Mapping[str, Any] | None:
    """Return the columns of a dict or of a frame, None for anything else."""
    if is_frame(data):
        return {str(name): data[name] for name in data.columns}
    return data if isinstance(data, Mapping) else None


def _as_column(name: str, x: Any, kind: str) -> Any:
    """Return a column as an array of text or of numbers, Python's in 32 bits.

    Raises:
        DataError: for missing values among text.
        DTypeError: for text where the feature has numbers, or the other way round.
    """
    try:
        array: Any = x if isinstance(x, Tensor) else array_of(x)
    except DataError as error:
        problem = str(error).partition(": ")[2]
        raise DataError(f"FeatureSpace: {name}: {problem}") from None
    text = array.dtype in ("string", object)
    if text != (kind == "string") and array.size:
        raise DTypeError(
            message(
                f"FeatureSpace: {name}", f"expected a column of {kind}.",
                "text" if text else f"{array.dtype}",
                "Convert the column, or choose a kind of feature of its dtype.",
            )
        )  # fmt: skip
    own = isinstance(x, (int, list, tuple)) and array.dtype == np.int64
    return array.astype(np.int32) if own and _short(array) else array


def _short(array: np.ndarray) -> bool:
    return bool(np.all(array == array.astype(np.int32)))


def _with_axis(x: Any) -> Any:
    """Return values and lists of them as (rows, 1)."""
    rank = len(x.shape)
    if rank > 1:
        return x
    return ops.expand_dims(x, -1) if rank else ops.reshape(x, (1, 1))


def _column(name: str, x: Any, kind: str) -> Any:
    array = np.asarray(_as_column(name, x, kind))
    return array.reshape(-1, 1) if array.ndim < 2 else array


def _columns(elements: Iterator[Any], name: str, kind: str) -> Iterator[np.ndarray]:
    """Yield one column of each batch; single values are gathered into batches."""
    held: list[Any] = []
    for element in elements:
        x = array_of(_taken(element, name))
        if x.ndim:
            yield _column(name, x, kind)
            continue
        held.append(x[()])
        if len(held) == _AT_ONCE:
            yield _column(name, held, kind)
            held = []
    if held:
        yield _column(name, held, kind)


def _first_row(found: Any) -> Any:
    if isinstance(found, dict):
        return {k: _first_row(v) for k, v in found.items()}
    return ops.squeeze(found, 0) if found.shape[0] == 1 else found
