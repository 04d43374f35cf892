"""The base of all callbacks, and the list that calls them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from graphkeras import tree

_BATCH_HOOKS = {
    "train": (
        "on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end",
    ),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}  # fmt: skip


class Callback:
    """Something that is told how training goes and may step in.

    Override the hooks you need. With none of the batch hooks an epoch runs in one call
    of the compiled program; with one of them it returns to Python after each batch.

    Attributes:
        model: the model that is trained, evaluated or asked.
        params: a dict with "verbose", "epochs" and "steps".

    Example:
        >>> class Shout(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(f"epoch {epoch}: {logs['loss']:.1f}!")
        >>> Shout().on_epoch_end(0, {"loss": 0.5})
        epoch 0: 0.5!
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model this callback is attached to."""
        return self.__dict__.get("_model")

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the parameters of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model."""
        self._model = model

    def needs_batches(self, mode: str) -> bool:
        """Whether Python must run after each batch of "train", "test" or "predict"."""
        return any(_overridden(self, hook) for hook in _BATCH_HOOKS[mode])

    def on_progress(self, done: int, losses: np.ndarray | None) -> bool:
        """Look at an epoch that runs compiled, some ten times a second.

        Args:
            done: how many steps are done.
            losses: the loss after each step so far, if the step reports one.

        Returns:
            Whether the epoch is to stop.
        """
        return False

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch; older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch; older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch and its validation; `logs` holds all results."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch; `logs` holds the results so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of evaluation or validation."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of prediction; `logs` holds "outputs"."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Before training."""

    def on_train_end(self, logs: Any = None) -> None:
        """After training; `logs` are those of the last epoch."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After evaluation or validation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After prediction."""


def _overridden(callback: Callback, hook: str) -> bool:
    method = getattr(callback, hook)
    return getattr(method, "__func__", method) is not getattr(Callback, hook)


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin, on_epoch_end: called with ``(epoch, logs)``.
        on_train_begin, on_train_end: called with ``(logs)``.
        on_train_batch_begin, on_train_batch_end: called with ``(batch, logs)``.
        kwargs: other hooks by name.

    Example:
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
        >>> callback.on_epoch_end(3, {})
        3
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any],
    ) -> None:
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin, "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end, **kwargs,
        }  # fmt: skip
        for name, function in hooks.items():
            if function is not None:
                setattr(self, name, function)


class History(Callback):
    """The results of all epochs; what `fit` returns.

    Attributes:
        epoch: numbers of the epochs.
        history: for each name in the logs the list of its values.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget the epochs' numbers."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the results of an epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class CallbackList:
    """Callbacks that are called together, in order.

    Args:
        callbacks: the user's callbacks.
        add_history: whether to add a `History` if there is none.
        progress: the callback that shows progress, put last.
        model: the model they are told about.
        params: "verbose", "epochs", "steps".
    """

    def __init__(
        self, callbacks: Any = None, add_history: bool = False,
        progress: Callback | None = None, model: Any = None, **params: Any,
    ) -> None:  # fmt: skip
        self.callbacks: list[Callback] = [
            c for c in tree.flatten(callbacks) if c is not None
        ]
        self.history = next((c for c in self if isinstance(c, History)), None)
        if self.history is None and add_history:
            self.history = History()
            self.callbacks.append(self.history)
        shown = any(isinstance(c, type(progress)) for c in self) if progress else True
        if not shown and progress is not None:
            self.callbacks.append(progress)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def __iter__(self) -> Any:
        return iter(self.callbacks)

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)

    def set_model(self, model: Any) -> None:
        """Tell all callbacks the model."""
        if self.history is not None:
            model.history = self.history
        for callback in self:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell all callbacks the parameters of the run."""
        self.params = params
        for callback in self:
            callback.set_params(params)

    def needs_batches(self, mode: str) -> bool:
        """Whether any callback must run after each batch."""
        return any(callback.needs_batches(mode) for callback in self)

    def on_progress(self, done: int, losses: np.ndarray | None) -> bool:
        """Let all callbacks look at a running epoch; return whether it is to stop."""
        return any([callback.on_progress(done, losses) for callback in self])

    def __getattr__(self, hook: str) -> Callable[..., None]:
        """Every hook of `Callback`: it calls that of each callback with Python logs."""
        if not hook.startswith("on_"):
            raise AttributeError(hook)
        return functools.partial(self._tell, hook)

    def _tell(self, hook: str, *given: Any, logs: Any = None) -> None:
        numbered = "batch" in hook or "epoch" in hook
        number = given[:1] if numbered else ()
        rest = given[len(number) :]
        shared = pythonify_logs(rest[0] if rest else logs)
        for callback in self:
            getattr(callback, hook)(*number, shared)


def pythonify_logs(logs: Any) -> dict[str, Any]:
    """Return logs sorted by name, nested ones opened, scalars as Python floats.

    Example:
        >>> pythonify_logs({"b": np.float32(2), "a": {"c": 1}})
        {'c': 1.0, 'b': 2.0}
    """
    found: dict[str, Any] = {}
    for name, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            found.update(pythonify_logs(value))
        else:
            found[name] = _python_number(value)
    return found


def _python_number(value: Any) -> Any:
    """Return one number as a float; words and arrays as they are."""
    if isinstance(value, (int, float, np.generic, np.ndarray)) and np.size(value) == 1:
        array = np.asarray(value)
        return value if array.dtype.kind in "OUS" else float(array.reshape(()))
    return value
