"""Keras's `keras.wrappers`: models as estimators of scikit-learn.

What an estimator is, and which checks its methods make, is scikit-learn's own
`developer guide <https://scikit-learn.org/stable/developers/develop.html>`_.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphkeras.errors import ArgumentError, MissingPackageError, message
from graphkeras.models import Model, clone_model

try:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        RegressorMixin,
        TransformerMixin,
    )
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise MissingPackageError(
        message("keras.wrappers", "needs the package scikit-learn, 1.6 or later.", "",
                'Install it by: pip install "graphkeras[sklearn]"')
    ) from None  # fmt: skip

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


class _Estimator(BaseEstimator):
    """What the three have in common.

    Args:
        model: a compiled Model, which is cloned for each `fit`; or a callable that
            takes X and y (and `model_kwargs`) and returns one.
        warm_start: whether `fit` goes on with the model of the `fit` before it.
        model_kwargs: more arguments of a callable `model`.
        fit_kwargs: arguments of `Model.fit`; those given to `fit` itself go first.

    Attributes:
        model_: the fitted Model.
        history_: what `Model.fit` returned.
    """

    _several = True  # whether targets may have several columns

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_clone__(self) -> Any:
        """Return an unfitted copy: `sklearn.base.clone` cannot copy models."""
        arguments = self.get_params(deep=False)
        if isinstance(self.model, Model):
            arguments["model"] = _fresh(self.model)
        return type(self)(**arguments)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn should know: training draws random numbers."""
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        tags.target_tags.multi_output = self._several
        return tags

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Train the model.

        Args:
            X: samples, (samples, features).
            y: targets, (samples,) or (samples, outputs).
            **kwargs: arguments of `Model.fit`.

        Raises:
            ArgumentError: if the model is not compiled.
            ValueError: for samples or targets scikit-learn does not accept.
        """
        X, y = validate_data(self, X, y, multi_output=self._several)
        targets = self._encoded(y)
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = self._made(X, targets)
        options = {**(self.fit_kwargs or {}), **kwargs}
        self.history_ = self.model_.fit(X, targets, **options)
        return self

    def _made(self, X: Any, y: Any) -> Any:
        if isinstance(self.model, Model):
            model = self.model if self.warm_start else _fresh(self.model)
        else:
            model = self.model(X=X, y=y, **(self.model_kwargs or {}))
        if not getattr(model, "compiled", False) or not model.loss:
            raise ArgumentError(
                message(type(self).__name__, "expected a model compiled with a loss.",
                        "one that is not", "Call model.compile(optimizer, loss) first.")
            )  # fmt: skip
        return model

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return np.asarray(self.model_.predict(X, verbose=0))

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        """Return the targets as the model is trained on them."""
        type_of_target(y, raise_unknown=True)
        self._flat = y.ndim == 1
        return y.reshape(-1, 1) if self._flat else y


def _fresh(model: Any) -> Any:
    """Return the model with weights drawn anew, compiled in the same way."""
    clone = clone_model(model)
    config = model.get_compile_config() if model.compiled else None
    if config:
        clone.compile_from_config(config)
    return clone


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A Model as a classifier of scikit-learn; its targets are one-hot rows.

    Args:
        model: see `SKLearnRegressor`.
        warm_start: whether `fit` goes on where the last one ended.
        model_kwargs: arguments of a callable `model`, next to X and y.
        fit_kwargs: arguments of `Model.fit`.

    Attributes:
        model_: the fitted Model.
        history_: what `Model.fit` returned.
        classes_: the labels, in the order of the model's outputs.

    Raises:
        MissingPackageError: on import, if scikit-learn is not installed.

    Example:
        >>> from graphkeras import Sequential, layers
        >>> def made(X, y):
        ...     model = Sequential([layers.Dense(y.shape[1], activation="softmax")])
        ...     model.compile("adam", "categorical_crossentropy")
        ...     return model
        >>> classifier = SKLearnClassifier(made, fit_kwargs={"verbose": 0, "epochs": 9})
        >>> classifier.fit([[0.0, 1.0], [1.0, 0.0]] * 40, ["no", "yes"] * 40).classes_
        array(['no', 'yes'], dtype='<U3')
    """

    _several = False

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of each sample, (samples,)."""
        found = self._outputs(X)
        return self.classes_[np.argmax(found, axis=-1)]

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the model's outputs, (samples, classes)."""
        return self._outputs(X)

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                "Only binary and multiclass target types are supported."
                f" Target type: {kind}"
            )
        self.classes_ = np.unique(y)
        if len(self.classes_) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        encoder = OneHotEncoder(categories=[self.classes_], sparse_output=False)
        return encoder.fit_transform(y.reshape(-1, 1))

    def __sklearn_tags__(self) -> Any:
        """Return the tags, with leave to do badly on a few samples."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A Model as a regressor of scikit-learn.

    Args:
        model: a compiled Model, which is cloned for each `fit`; or a callable that
            takes X, y and `model_kwargs` and returns one.
        warm_start: whether `fit` goes on where the last one ended.
        model_kwargs: arguments of a callable `model`, next to X and y.
        fit_kwargs: arguments of `Model.fit`.

    Attributes:
        model_: the fitted Model.
        history_: what `Model.fit` returned.

    Raises:
        MissingPackageError: on import, if scikit-learn is not installed.

    Example:
        >>> from graphkeras import Sequential, layers
        >>> model = Sequential([layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> regressor = SKLearnRegressor(model, fit_kwargs={"verbose": 0})
        >>> regressor.fit([[0.0], [1.0]] * 8, [1.0, 3.0] * 8).predict([[2.0]]).shape
        (1,)
    """

    def predict(self, X: Any) -> np.ndarray:
        """Return the prediction of each sample, of the shape the targets had."""
        found = self._outputs(X)
        return found[:, 0] if self._flat and found.shape[1:] == (1,) else found

    def __sklearn_tags__(self) -> Any:
        """Return the tags, with leave to do badly on a few samples."""
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A Model as a transformer of scikit-learn: its outputs are new features.

    Args:
        model: see `SKLearnRegressor`.
        warm_start: whether `fit` goes on where the last one ended.
        model_kwargs: arguments of a callable `model`, next to X and y.
        fit_kwargs: arguments of `Model.fit`.

    Attributes:
        model_: the fitted Model.
        history_: what `Model.fit` returned.

    Raises:
        MissingPackageError: on import, if scikit-learn is not installed.

    Example:
        >>> from graphkeras import Sequential, layers
        >>> model = Sequential([layers.Dense(3)])
        >>> model.compile("sgd", "mse")
        >>> transformer = SKLearnTransformer(model, fit_kwargs={"verbose": 0})
        >>> transformer.fit([[0.0]] * 9, [[1.0, 2.0, 3.0]] * 9).transform([[2.0]]).shape
        (1, 3)
    """

    def transform(self, X: Any) -> np.ndarray:
        """Return the model's outputs."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        """Return the tags: outputs are of the model's dtype, whatever goes in."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
