"""Trainer: compile, fit, evaluate, predict; the half of Model that is not a Layer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphkeras import config, ops, optimizers, tree
from graphkeras.autodiff import GradientTape
from graphkeras.data.arrays import as_arrays
from graphkeras.errors import (
    ArgumentError,
    DTypeError,
    GraphKerasError,
    SavingError,
    message,
)
from graphkeras.metrics.metric import Mean
from graphkeras.random import SeedGenerator
from graphkeras.saving.registry import (
    deserialize_keras_object,
    serialize_keras_object,
)
from graphkeras.training.arrays import (
    class_weight_to_sample_weights,
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
)
from graphkeras.training.callbacks.callback import CallbackList, History, pythonify_logs
from graphkeras.training.compiled import CompileLoss, CompileMetrics
from graphkeras.training.data import Data, adapt, common_length, split_off
from graphkeras.training.loop import Pass, epochs_allowed, warn_of_nan
from graphkeras.training.progress import ProgressBar
from graphkeras.training.step import Step


@dataclass(slots=True)
class Compilation:
    """What `compile` settled; kept in one object so that a Layer tracks none of it."""

    optimizer: Any = None
    loss: CompileLoss | None = None
    metrics: CompileMetrics | None = None
    loss_tracker: Mean = field(default_factory=lambda: Mean(name="loss"))
    run_eagerly: bool = False
    steps_per_execution: int = 1
    arguments: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)  # mode -> (key, Step)
    shuffler: SeedGenerator = field(default_factory=SeedGenerator)
    series: Any = field(default_factory=config.seed_series)  # when it was made


class Trainer:
    """Training of a model: what `keras.Model` adds to `keras.Layer`.

    Example:
        >>> import graphkeras as keras
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
        >>> history = model.fit(x, 3 * x + 1, epochs=60, verbose=0)
        >>> loss, mae = model.evaluate(x, 3 * x + 1, verbose=0)
        >>> loss < 0.01, model.predict(x[:2], verbose=0).shape
        (True, (2, 1))
    """

    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    history: History | None = None
    loss: Any = None

    # -------------------------------------------------------------------- compile

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained and measured.

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss or function of (y_true, y_pred); by output as list or dict.
            loss_weights: weights of the outputs' losses, as list or dict.
            metrics: list of names, Metrics or functions; by output as list or dict.
            weighted_metrics: the same, but they see sample weights.
            run_eagerly: run every step's Python, so that print, pdb and NumPy work.
            steps_per_execution: batches between two calls of the batch hooks.
            jit_compile: taken for Keras's sake; everything is compiled.
            auto_scale_loss: whether a model that computes in float16 on weights in
                float32 trains with a `LossScaleOptimizer` around its optimizer.

        Raises:
            ArgumentError: for unknown names, or outputs that do not exist.
        """
        names = getattr(self, "output_names", None)
        measured = (metrics, weighted_metrics)
        self._compilation = Compilation(
            optimizer=self._scaled(optimizers.get(optimizer), auto_scale_loss),
            loss=None if loss is None else CompileLoss(loss, loss_weights, names),
            metrics=CompileMetrics(*measured, names) if any(measured) else None,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            arguments={
                "optimizer": optimizer, "loss": loss, "loss_weights": loss_weights,
                "metrics": metrics, "weighted_metrics": weighted_metrics,
                "run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution,
                "jit_compile": jit_compile,
            },
        )  # fmt: skip
        self.loss = loss
        self.stop_training = False

    def _scaled(self, optimizer: Any, auto_scale_loss: bool) -> Any:
        """Put a `LossScaleOptimizer` around where half floats need it."""
        policy = self.dtype_policy.name  # type: ignore[attr-defined]
        wanted = auto_scale_loss and optimizer is not None and policy == "mixed_float16"
        if not wanted or isinstance(optimizer, optimizers.LossScaleOptimizer):
            return optimizer
        return optimizers.LossScaleOptimizer(optimizer)

    @property
    def _settled(self) -> Compilation:
        found = self.__dict__.get("_compilation")
        if found is None:
            found = self.__dict__["_compilation"] = Compilation()
        return found

    @property
    def _shuffler(self) -> SeedGenerator:
        """Gives the orders of rows, one an epoch; saved, so that training resumes.

        After `keras.utils.set_random_seed` it begins anew.
        """
        settled = self._settled
        if settled.series is not config.seed_series():
            settled.series, settled.shuffler = config.seed_series(), SeedGenerator()
        return settled.shuffler

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return bool(self._settled.arguments)

    @property
    def optimizer(self) -> Any:
        """The optimizer, None before `compile`."""
        return self._settled.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        self._settled.optimizer = optimizers.get(optimizer)
        self._settled.steps.clear()

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run as Python; may be changed at any time."""
        return self._settled.run_eagerly or config.functions_run_eagerly()

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._settled.run_eagerly = bool(value)

    @property
    def steps_per_execution(self) -> int:
        """Batches between two calls of the batch hooks."""
        return self._settled.steps_per_execution

    def _require_compile(self, method: str) -> None:
        if not self.compiled:
            raise GraphKerasError(
                message(
                    self.name,  # type: ignore[attr-defined]
                    f"{method} needs a compiled model.", "",
                    "Call model.compile(optimizer=..., loss=...) first.",
                )
            )  # fmt: skip

    # -------------------------------------------------------------------- metrics

    @property
    def metrics(self) -> list[Any]:
        """The loss, the compiled metrics, and those of the model and its layers."""
        found: list[Any] = []
        settled = self._settled
        if self.compiled:
            found.append(settled.loss_tracker)
            found += [] if settled.metrics is None else [settled.metrics]
            found += [] if settled.loss is None else settled.loss.metrics
        found += self._metrics  # type: ignore[attr-defined]
        for layer in self._flatten_layers(include_self=False):  # type: ignore[attr-defined]
            if not isinstance(layer, Trainer):
                found += layer._metrics
        return list({id(m): m for m in found}.values())

    @property
    def metrics_names(self) -> list[str]:
        """Names of `metrics`."""
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Set all metrics back, as before each epoch."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the results of all metrics by name."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            found.update(result if isinstance(result, dict) else {metric.name: result})
        return found

    @property
    def compiled_metrics(self) -> CompileMetrics:
        """The metrics of `compile`, for a `train_step` in the older style."""
        found = self._settled.metrics
        return CompileMetrics(None, None) if found is None else found

    def compiled_loss(
        self, y: Any, y_pred: Any, sample_weight: Any = None,
        regularization_losses: Any = None,
    ) -> Any:  # fmt: skip
        """Return the total loss and track it, for a `train_step` in the older style."""
        settled = self._settled
        if settled.loss is None:
            raise GraphKerasError(
                message(
                    self.name,  # type: ignore[attr-defined]
                    "compiled_loss needs a loss.", "", "Pass loss to compile.",
                )
            )  # fmt: skip
        total = settled.loss(y, y_pred, sample_weight)
        for loss in regularization_losses or []:
            total = total + ops.sum(loss)
        self._track_loss(total, y_pred)
        return total

    # ---------------------------------------------------------------------- steps

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step on a batch; override it for training of your own.

        Args:
            data: x, (x, y) or (x, y, sample_weight), as tensors.

        Returns:
            Results by name.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self._computed_loss(x, y, y_pred, sample_weight, True)
            self._track_loss(loss, x)
            scaled = loss if self.optimizer is None else self.optimizer.scale_loss(loss)
        variables = self.trainable_variables  # type: ignore[attr-defined]
        if variables and self.optimizer is not None:
            self.optimizer.apply(tape.gradient(scaled, variables), variables)
        else:
            warnings.warn("The model has no trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Measure the model on a batch; override it for evaluation of your own."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        loss = self._computed_loss(x, y, y_pred, sample_weight, False)
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for a batch; override it for inference of your own."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)  # type: ignore[operator]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None,
        sample_weight: Any = None, training: bool = True,
    ) -> Any:  # fmt: skip
        """Return the loss of `compile` plus all that layers added.

        Raises:
            GraphKerasError: if there is neither.
        """
        parts: list[Any] = []
        if self._settled.loss is not None:
            loss = self._settled.loss(y, y_pred, sample_weight)
            parts += [] if loss is None else [loss]
        for loss in self.losses:  # type: ignore[attr-defined]
            parts.append(ops.sum(ops.cast(loss, config.floatx())))
        if not parts:
            raise GraphKerasError(
                message(
                    self.name,  # type: ignore[attr-defined]
                    "there is no loss to compute.", "",
                    "Pass loss to compile, or use add_loss in a layer.",
                )
            )  # fmt: skip
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _computed_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool
    ) -> Any:
        """Call `compute_loss`, also one that was overridden without `training`."""
        code = getattr(type(self).compute_loss, "__code__", None)
        names = () if code is None else code.co_varnames
        if "training" in names or "kwargs" in names:
            return self.compute_loss(x, y, y_pred, sample_weight, training=training)
        return self.compute_loss(x, y, y_pred, sample_weight)

    def _track_loss(self, loss: Any, x: Any) -> None:
        """Note the loss as the mean over samples."""
        first = next(leaf for leaf in tree.flatten(x) if leaf is not None)
        self._settled.loss_tracker.update_state(loss, sample_weight=ops.shape(first)[0])

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the compiled metrics and return all results by name."""
        if self._settled.metrics is not None:
            self._settled.metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def make_train_function(self, force: bool = False) -> Step:
        """Return the compiled training step; `force` makes it anew."""
        return self._step("train", self.train_step, force)

    def make_test_function(self, force: bool = False) -> Step:
        """Return the compiled evaluation step; `force` makes it anew."""
        return self._step("test", self.test_step, force)

    def make_predict_function(self, force: bool = False) -> Step:
        """Return the compiled prediction step; `force` makes it anew."""
        return self._step("predict", self.predict_step, force)

    def _step(self, mode: str, function: Callable[[Any], Any], force: bool) -> Step:
        settled = self._settled
        # Another schedule is other Python: it must be traced again.
        rate = getattr(settled.optimizer, "_learning_rate", None)
        key = (self.run_eagerly, id(rate))
        found = settled.steps.get(mode)
        if force or found is None or found[0] != key:
            name = f"{self.name}_{mode}"  # type: ignore[attr-defined]
            checked = self._checked(function)
            step = Step(
                checked, name, eager=self.run_eagerly, free=self._free_axes,
                serves=mode == "predict",
            )  # fmt: skip
            found = settled.steps[mode] = (key, step)
        return found[1]

    def _checked(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Let a step look first whether text and numbers are where they belong."""

        def step(data: Any) -> Any:
            x, _, _ = unpack_x_y_sample_weight(data)
            declared = tree.flatten(getattr(self, "inputs", None) or [])
            given = tree.flatten(x)
            if len(declared) == len(given):
                for tensor, wanted in zip(given, declared):
                    _require_kind(tensor, wanted.dtype == "string")
            return function(data)

        return step

    def _free_axes(self, x: Any) -> list[tuple[bool, ...]]:
        """For each input of a functional model, which axes have no fixed size."""
        declared = tree.flatten(getattr(self, "inputs", None) or [])
        return [tuple(size is None for size in tensor.shape) for tensor in declared]

    # ------------------------------------------------------------------------ fit

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
    ) -> History:
        """Train the model.

        Args:
            x: arrays (nested), frames, or something that gives batches: an iterable, a
                generator, a PyDataset, a DataLoader, a tf.data.Dataset.
            y: targets, if `x` is arrays.
            batch_size: rows of a batch, 32 by default.
            epochs: number of the last epoch.
            verbose: 0 silent, 1 or "auto" a bar, 2 a line an epoch.
            callbacks: list of Callbacks.
            validation_split: part of the rows, the last ones, to validate on.
            validation_data: (x, y), (x, y, sample_weight) or something that gives
                batches.
            shuffle: whether rows change places before each epoch; "batch": in batches.
            class_weight: weights of classes by label.
            sample_weight: weights of samples, an array or one by output.
            initial_epoch: number of the first epoch, counted from 0.
            steps_per_epoch: batches of an epoch.
            validation_steps: batches of a validation.
            validation_batch_size: rows of a batch of validation.
            validation_freq: every how many epochs to validate, or a list of epochs.

        Returns:
            History, with the results of every epoch.

        Raises:
            DataError: for data that is empty, or does not fit together or the model.
        """
        self._require_compile("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_off(
                x, y, sample_weight, validation_split
            )
        data = adapt(
            x, y, sample_weight, batch_size=batch_size, steps=steps_per_epoch,
            shuffle=shuffle, class_weight=class_weight, seeds=self._shuffler,
        )  # fmt: skip
        validation = self._validation_data(
            validation_data, validation_batch_size or batch_size, validation_steps
        )
        epochs = epochs_allowed(epochs)
        listed = self._callbacks(callbacks, verbose, epochs, data, add_history=True)
        self.stop_training = told = False
        listed.on_train_begin()
        logs: dict[str, Any] = {}
        try:
            # A callback may have restored what earlier epochs of this fit reached.
            initial_epoch = self.__dict__.pop("_initial_epoch", initial_epoch)
            for epoch in range(initial_epoch, epochs):
                listed.on_epoch_begin(epoch)
                logs, losses = self._train_epoch(data, listed)
                told = told or warn_of_nan(losses, epoch)
                if validation is not None and _is_due(epoch, validation_freq):
                    logs.update(self._validated(validation, listed))
                listed.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
        finally:
            for ended in (data, validation):
                if ended is not None:
                    ended.close()
            _take_down(listed)
            if epochs > initial_epoch and self.optimizer is not None:
                trainable = self.trainable_variables  # type: ignore[attr-defined]
                self.optimizer.finalize_variable_values(trainable)
        listed.on_train_end(logs)
        assert listed.history is not None
        return listed.history

    def _train_epoch(self, data: Data, callbacks: CallbackList) -> tuple[dict, Any]:
        self.__dict__.pop("_evaluated", None)  # what was measured is another model
        self.reset_metrics()
        run = Pass(
            self.make_train_function(), data, callbacks, "train",
            per_call=self.steps_per_execution, stopped=lambda: self.stop_training,
        )  # fmt: skip
        result, losses = run.run()
        return _logs_of(result), losses

    def _validation_data(
        self, given: Any, batch_size: int | None, steps: int | None
    ) -> Data | None:
        if given is None:
            return None
        parts = tuple(given) if isinstance(given, (list, tuple)) else None
        if parts is None or len(parts) > 3:
            return adapt(given, batch_size=batch_size, steps=steps)
        x, y, sample_weight = unpack_x_y_sample_weight(parts)
        return adapt(x, y, sample_weight, batch_size=batch_size, steps=steps)

    def _validated(self, data: Data, callbacks: CallbackList) -> dict[str, Any]:
        logs = self._evaluate(data, callbacks)
        return {f"val_{name}": value for name, value in logs.items()}

    def _callbacks(
        self,
        given: Any,
        verbose: Any,
        epochs: int,
        data: Data,
        add_history: bool = False,
    ) -> CallbackList:
        if isinstance(given, CallbackList):
            return given
        progress = ProgressBar() if verbose else None
        steps = data.num_batches
        return CallbackList(
            given, add_history, progress, self, verbose=verbose, epochs=epochs,
            steps=steps,
        )  # fmt: skip

    # --------------------------------------------------------- evaluate and predict

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics on data; the arguments are those of `fit`.

        Args:
            return_dict: whether to return results by name rather than a list.
        """
        self._require_compile("evaluate")
        data = adapt(x, y, sample_weight, batch_size=batch_size, steps=steps)
        listed = self._callbacks(callbacks, verbose, 1, data)
        try:
            logs = self._evaluate(data, listed)
        finally:
            data.close()
            _take_down(listed)
        self.__dict__["_evaluated"] = logs
        return logs if return_dict else self._in_order(logs)

    def _evaluate(self, data: Data, callbacks: CallbackList) -> dict[str, Any]:
        self.stop_evaluating = False
        data.close()  # each validation measures the same batches
        callbacks.on_test_begin()
        self.reset_metrics()
        run = Pass(
            self.make_test_function(), data, callbacks, "test",
            per_call=self.steps_per_execution, stopped=lambda: self.stop_evaluating,
        )  # fmt: skip
        result, _ = run.run()
        logs = _logs_of(result)
        callbacks.on_test_end(logs)
        return logs

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """Results as a list, the loss first; one result as it is."""
        names: list[str] = []
        for metric in self.metrics:
            inner = getattr(metric, "metrics", None)
            names += [metric.name] if inner is None else [m.name for m in inner]
        known = [name for name in dict.fromkeys(names) if name in logs]
        rest = sorted(set(logs) - set(known))
        results = [logs[name] for name in (*known, *rest)]
        return results[0] if len(results) == 1 else results

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for all rows, as arrays in the outputs' structure.

        Where batches differ in a size, as texts do in how many words the longest has,
        the rows of the narrower ones are filled up with 0.
        """
        data = adapt(x, batch_size=batch_size, steps=steps)
        listed = self._callbacks(callbacks, verbose, 1, data)
        self.stop_predicting = False
        run = Pass(
            self.make_predict_function(), data, listed, "predict",
            per_call=self.steps_per_execution, stopped=lambda: self.stop_predicting,
        )  # fmt: skip
        listed.on_predict_begin()
        try:
            outputs = run.collected()
        finally:
            data.close()
            _take_down(listed)
        listed.on_predict_end()
        return outputs

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None,
        class_weight: Any = None, return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """Take one step on one batch; return loss and metrics of this batch."""
        self._require_compile("train_on_batch")
        if class_weight is not None:
            if sample_weight is not None:
                raise ArgumentError(
                    message(
                        "train_on_batch", "takes sample_weight or class_weight.", "both"
                    )
                )
            sample_weight = class_weight_to_sample_weights(y, class_weight)
        return self._on_batch(
            self.make_train_function(), (x, y, sample_weight), return_dict
        )

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """Return loss and metrics of one batch."""
        self._require_compile("test_on_batch")
        return self._on_batch(
            self.make_test_function(), (x, y, sample_weight), return_dict
        )

    def _on_batch(self, step: Step, parts: tuple[Any, Any, Any], as_dict: bool) -> Any:
        self.reset_metrics()
        batch = pack_x_y_sample_weight(*(as_arrays(part) for part in parts))
        common_length(batch)
        logs = _logs_of(step.run(batch))
        return logs if as_dict else self._in_order(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, as arrays."""
        return self.make_predict_function().run((as_arrays(x),))

    # ---------------------------------------------------------------------- saving

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile` as a config, None if there is none."""
        if not self.compiled:
            return None
        try:
            arguments = {**self._settled.arguments, "optimizer": self.optimizer}
            return serialize_keras_object(arguments)
        except SavingError as error:
            warnings.warn(
                f"The arguments of compile are not saved: {error}", stacklevel=2
            )
            return None

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the arguments of `get_compile_config`."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                f"{self.name} overrides compile(), so it is not compiled when loaded;"  # type: ignore[attr-defined]
                " override get_compile_config() and compile_from_config() too.",
                stacklevel=2,
            )
            return
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:  # type: ignore[attr-defined]
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]


def _logs_of(result: Any) -> dict[str, Any]:
    if result is not None and not isinstance(result, dict):
        raise GraphKerasError(
            message(
                "train_step", "must return a dict of results by name.",
                f"{type(result).__name__}", 'Return {"loss": loss}.',
            )
        )  # fmt: skip
    return pythonify_logs(result)


def _require_kind(tensor: Any, text: bool) -> None:
    if tensor is None or (tensor.dtype == "string") == text:
        return
    wanted, got = ("text", "numbers") if text else ("numbers", "text")
    remedy = "Turn text into numbers by a TextVectorization or StringLookup layer."
    raise DTypeError(
        message(
            "fit", f"x must be {wanted}.", f"{got}: {tensor.dtype}",
            "Give an array of strings." if text else remedy,
        )
    )  # fmt: skip


def _is_due(epoch: int, frequency: int | list[int]) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _take_down(callbacks: CallbackList) -> None:
    for callback in callbacks:
        if isinstance(callback, ProgressBar):
            callback.abandon()
