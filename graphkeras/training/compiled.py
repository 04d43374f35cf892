"""The loss and metrics of `compile`, bound to outputs when a model first runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras import losses, metrics, naming, ops, tree
from graphkeras.errors import ArgumentError, DTypeError, ShapeError, message
from graphkeras.ir.types import TensorType
from graphkeras.losses.loss import Loss, LossFunctionWrapper
from graphkeras.metrics.metric import Mean, MeanMetricWrapper, Metric
from graphkeras.training.outputs import OutputNames


def _kind_of_targets(y_true: Any, y_pred: Any) -> str:
    """ "binary", "sparse" or "one-hot", by the shapes of targets and output."""
    classes = y_pred.shape[-1] if y_pred.shape else 1
    if classes == 1:
        return "binary"
    fewer = len(y_true.shape) < len(y_pred.shape)
    return "sparse" if fewer or y_true.shape[-1] == 1 else "one-hot"


_ACCURACIES = {
    "binary": metrics.BinaryAccuracy,
    "sparse": metrics.SparseCategoricalAccuracy,
    "one-hot": metrics.CategoricalAccuracy,
}
_CROSSENTROPIES = {
    "binary": losses.binary_crossentropy,
    "sparse": losses.sparse_categorical_crossentropy,
    "one-hot": losses.categorical_crossentropy,
}


def resolve_loss(identifier: Any, y_true: Any, y_pred: Any) -> Loss:
    """Return the Loss an identifier means; "crossentropy" depends on the shapes."""
    if str(identifier).lower() in ("crossentropy", "ce"):
        found: Any = _CROSSENTROPIES[_kind_of_targets(y_true, y_pred)]
    else:
        found = losses.get(identifier)
    if isinstance(found, Loss):
        return found
    name = identifier if isinstance(identifier, str) else _name_of(found)
    return LossFunctionWrapper(found, name=name)


def resolve_metric(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """Return the Metric an identifier means; "accuracy" depends on the shapes."""
    if isinstance(identifier, Metric):
        return identifier
    if str(identifier).lower() in ("accuracy", "acc"):
        kind = _kind_of_targets(y_true, y_pred)
        return _ACCURACIES[kind](name=str(identifier))
    found = metrics.get(identifier)
    if not isinstance(found, Metric):
        found = MeanMetricWrapper(found, name=_name_of(found))
    if isinstance(identifier, str):
        found.name = identifier
    return found


def _name_of(thing: Any) -> str:
    name = getattr(thing, "name", None) or getattr(thing, "__name__", None)
    return naming.to_snake_case(str(name or type(thing).__name__))


class CompileLoss(Loss):
    """The weighted sum of the losses of all outputs.

    Args:
        loss: a loss for all outputs, or losses by output.
        loss_weights: weights by output, or one number.
        output_names: names of the outputs, if the model has them.
    """

    def __init__(
        self, loss: Any, loss_weights: Any = None,
        output_names: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name="compile_loss")
        self.metrics: list[Mean] = []
        self._given, self._weights = loss, loss_weights
        self._output_names = output_names
        self._bound: list[tuple[int, Loss, Any, Mean | None]] | None = None
        self._outputs: Any = None
        for identifier in tree.flatten(loss):  # unknown names are refused at once
            if str(identifier).lower() not in ("crossentropy", "ce"):
                losses.get(identifier)

    def _bind(self, y_true: Any, y_pred: Any) -> None:
        outputs = OutputNames(y_pred, self._output_names)
        given = outputs.spread(self._given, "loss")
        targets = outputs.flat(y_true, "targets", [bool(g) for g in given])
        weights = outputs.spread(self._weights, "loss_weights")
        _check_weights(given, weights)
        pairs = [(i, g) for i, listed in enumerate(given) for g in listed]
        flat = tree.flatten(y_pred)
        found = []
        for i, identifier in pairs:
            _require_target(targets[i], outputs.names[i])
            loss = resolve_loss(identifier, targets[i], flat[i])
            mean = None
            if len(pairs) > 1:
                mean = Mean(name=f"{outputs.names[i] or loss.name}_loss")
                self.metrics.append(mean)
            found.append((i, loss, weights[i][0] if weights[i] else None, mean))
        self._outputs, self._bound = outputs, found

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the total loss, None if no output has one.

        Args:
            y_true: targets.
            y_pred: outputs of the model.
            sample_weight: weights of the samples, one for all outputs or by output.
        """
        if self._bound is None:
            self._bind(y_true, y_pred)
        assert self._bound is not None
        used = {i for i, *_ in self._bound}
        flags = [i in used for i in range(len(self._outputs.paths))]
        targets = self._outputs.flat(y_true, "targets", flags)
        predictions = tree.flatten(y_pred)
        weights = weights_by_output(self._outputs, sample_weight, flags)
        total: Any = None
        for i, loss, weight, mean in self._bound:
            _require_target(targets[i], self._outputs.names[i])
            value = _value_of(loss, targets[i], predictions[i], weights[i])
            value = ops.cast(value, self.dtype)
            if mean is not None:
                mean.update_state(value, sample_weight=ops.shape(predictions[i])[0])
            value = value if weight is None else value * weight
            total = value if total is None else total + value
        return total


def _check_weights(losses_by_output: Any, weights: Any) -> None:
    """Refuse what are no weights, and more than one for an output."""
    for listed, found in zip(losses_by_output, weights):
        wrong = [w for w in found if isinstance(w, str) or callable(w)]
        if len(found) > 1 or wrong:
            raise ArgumentError(
                message(
                    "compile", "loss_weights must be one number for each output.",
                    f"{len(found)} for {len(listed)} losses: {found!r:.80}",
                    "Pass what to measure by its name: metrics=[...].",
                )
            )  # fmt: skip


def _value_of(loss: Loss, y_true: Any, y_pred: Any, weight: Any) -> Any:
    """Call a loss; if shapes do not fit, say which of the user's."""
    try:
        return loss(y_true, y_pred, weight)
    except ShapeError as error:
        shown = {"targets": y_true, "outputs": y_pred, "sample_weight": weight}
        raise ShapeError(
            message(
                f"loss {loss.name}", "targets and outputs do not fit each other.",
                ", ".join(
                    f"{name}: {TensorType(t.dtype, tuple(t.shape))}"
                    for name, t in shown.items() if t is not None
                ),
                "Give targets of the output's shape, or change the last layer."
                f" ({str(error).splitlines()[0]})",
            )
        ) from error  # fmt: skip


def _require_target(target: Any, name: str | None) -> None:
    output = name or "the output"
    if target is None:
        raise ArgumentError(
            message(
                "fit", f"the loss of {output} needs targets.", "no y",
                "Pass y to fit, or compile without a loss and use add_loss.",
            )
        )  # fmt: skip
    if target.dtype == "string":
        raise DTypeError(
            message(
                "fit", f"the targets of {output} must be numbers.", "text",
                "Number the labels from 0, or use a StringLookup layer first.",
            )
        )  # fmt: skip


def weights_by_output(outputs: OutputNames, given: Any, used: Sequence[bool]) -> list:
    """Return the sample weights of each output; one array serves them all."""
    if given is None or not tree.is_nested(given):
        return [given] * len(outputs.paths)
    return outputs.flat(given, "sample_weight", used)


class CompileMetrics(Metric):
    """The metrics of all outputs, without and with sample weights.

    Args:
        given: metrics by output; for a model with one output a list.
        weighted: the same, for metrics that see sample weights.
        output_names: names of the outputs, if the model has them.
    """

    def __init__(
        self, given: Any, weighted: Any, output_names: Sequence[str] | None = None
    ) -> None:
        super().__init__(name="compile_metrics")
        self._given = (given, weighted)
        self._output_names = output_names
        self._outputs: Any = None
        self._bound: list[tuple[int, Metric, bool]] = []
        for what, metrics_ in (("metrics", given), ("weighted_metrics", weighted)):
            _require_collection(what, metrics_)
            for identifier in tree.flatten(metrics_):
                if str(identifier).lower() not in ("accuracy", "acc", "none"):
                    metrics.get(identifier)

    @property
    def metrics(self) -> list[Metric]:
        """All metrics; none before the model first runs."""
        return [metric for _, metric, _ in self._bound]

    @property
    def variables(self) -> list[Any]:
        """The variables of all metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def _bind(self, y_true: Any, y_pred: Any) -> None:
        outputs = OutputNames(y_pred, self._output_names)
        targets = outputs.flat(y_true, "targets")
        flat = tree.flatten(y_pred)
        bound = []
        for given, weighted in zip(self._given, (False, True)):
            listed = _by_output(outputs, given)
            bound += [
                (i, resolve_metric(m, targets[i], flat[i]), weighted)
                for i, identifiers in enumerate(listed) for m in identifiers
            ]  # fmt: skip
        self.__dict__["_bound"] = bound
        self._outputs = outputs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Update every metric with the targets and output it belongs to."""
        if self._outputs is None:
            self._bind(y_true, y_pred)
        outputs = self._outputs
        flags = [True] * len(outputs.paths)
        targets = outputs.flat(y_true, "targets")
        predictions = tree.flatten(y_pred)
        weights = weights_by_output(outputs, sample_weight, flags)
        for i, metric, weighted in self._bound:
            if weighted:
                metric.update_state(targets[i], predictions[i], weights[i])
            else:
                metric.update_state(targets[i], predictions[i])

    def result(self) -> dict[str, Any]:
        """Return the results by name; several outputs put their names before."""
        found: dict[str, Any] = {}
        for i, metric, weighted in self._bound:
            output = None if self._outputs.single else self._outputs.names[i]
            name = _joined(output, metric.name)
            if name in found and weighted:
                name = _joined(output, f"weighted_{metric.name}")
            found[_free_name(name, found)] = metric.result()
        return found

    def reset_state(self) -> None:
        """Reset every metric."""
        for metric in self.metrics:
            metric.reset_state()


def _by_output(outputs: OutputNames, given: Any) -> list[list[Any]]:
    if given is None or (outputs.single and tree.is_nested(given)):
        return [[m for m in tree.flatten(given) if m is not None]] * len(outputs.paths)
    return outputs.spread(given, "metrics")


def _joined(output: str | None, name: str) -> str:
    return f"{output}_{name}" if output else name


def _free_name(name: str, taken: dict[str, Any]) -> str:
    if name not in taken:
        return name
    count = 1
    while f"{name}_{count}" in taken:
        count += 1
    return f"{name}_{count}"


def _require_collection(what: str, given: Any) -> None:
    if given is not None and not isinstance(given, (list, tuple, dict)):
        raise ArgumentError(
            message(
                "compile", f"{what} must be a list or a dict.", f"{what}={given!r}",
                f"Write {what}=[{given!r}].",
            )
        )  # fmt: skip
