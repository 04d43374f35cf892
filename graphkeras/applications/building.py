"""What all architectures share: Keras's arguments, the input, the top, the weights."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphkeras import activations, config, layers
from graphkeras.errors import ArgumentError, ShapeError, message
from graphkeras.layers.graph import is_keras_tensor, sources_of
from graphkeras.models import Model

STANDARD: Mapping[str, Any] = {
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "input_shape": None,
    "pooling": None,
    "classes": 1000,
    "classifier_activation": "softmax",
    "name": None,
}

_DOCUMENTATION = """Return {title} as a model of images.

    Args:
{arguments}

    Returns:
        A `Model`: class probabilities (batch, classes), features
        (batch, rows, columns, channels) without the top, or (batch, channels) if
        they are pooled.

    Raises:
        ArgumentError: for arguments that do not fit each other, and for
            ``weights="imagenet"``: nothing is downloaded.

    Source: {source}.

    Example:
        >>> from graphkeras.applications import {title}
        >>> model = {title}(weights=None, include_top=False, input_shape={shape})
        >>> model.output_shape[0] is None
        True
    """

_ABOUT = {
    "include_top": "whether to add the classifier.",
    "weights": "None for random ones, or the path of a weights file.",
    "input_tensor": "a symbolic tensor to build upon, instead of a new input.",
    "input_shape": "shape of an image; with the top {size} by default, else free.",
    "pooling": 'without the top: None, "avg" or "max" over all places.',
    "classes": "outputs of the classifier.",
    "classifier_activation": 'of the classifier; None gives "logits".',
    "name": "of the model.",
    "alpha": "width: filters in each layer, by those of the paper.",
    "depth_multiplier": "filters of each depthwise convolution.",
    "dropout": "share of features dropped before the classifier.",
    "dropout_rate": "share of features dropped before the classifier.",
    "minimalistic": "leave out squeeze-and-excite, hard-swish and 5 x 5 windows.",
    "include_preprocessing": "whether to scale raw pixels (0 to 255) inside the model.",
}


@dataclass(slots=True)
class Request:
    """What a user asked an architecture for.

    Attributes:
        more: arguments of this architecture alone.
    """

    include_top: bool
    weights: Any
    input_tensor: Any
    input_shape: tuple[int | None, ...] | None
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str
    more: dict[str, Any] = field(default_factory=dict)
    inputs: Any = None

    def start(self, size: int, least: int, fixed: bool | None = None) -> Any:
        """Return the tensor of images to build upon.

        Args:
            size: rows and columns with the top, if nobody says otherwise.
            least: fewest rows and columns.
            fixed: whether sizes must be known; by default if there is a top.
        """
        if self.input_tensor is not None:
            self._check_tensor()
            self.inputs = sources_of(self.input_tensor)
            if len(self.inputs) == 1:
                self.inputs = self.inputs[0]
            return self.input_tensor
        needed = self.include_top if fixed is None else fixed
        self.inputs = layers.Input(self.image_shape(size, least, needed))
        return self.inputs

    def image_shape(self, size: int, least: int, fixed: bool) -> tuple[Any, ...]:
        """Return the shape of an image, checked."""
        if self.input_shape is None:
            side = size if fixed else None
            return (3, side, side) if first() else (side, side, 3)
        shape = tuple(self.input_shape)
        sides = shape[1:] if first() else shape[:2]
        known = [n for n in sides if n is not None]
        if len(shape) != 3 or any(n < least for n in known):
            raise ShapeError(
                message(
                    self.name, f"expected input_shape of rank 3, at least {least} wide "
                    "and high.", str(shape), "Resize the images.",
                )
            )  # fmt: skip
        if fixed and len(known) < 2:
            raise ShapeError(
                message(
                    self.name, "expected input_shape without None: a classifier is on "
                    "top.", str(shape), "Give both sizes, or include_top=False.",
                )
            )  # fmt: skip
        return shape

    def _check_tensor(self) -> None:
        if not is_keras_tensor(self.input_tensor):
            raise ArgumentError(
                message(
                    self.name, "expected input_tensor to be a symbolic tensor.",
                    type(self.input_tensor).__name__, "Use keras.Input(shape).",
                )
            )  # fmt: skip
        if self.input_shape is not None:
            given = tuple(self.input_tensor.shape[1:])
            pairs = zip(given, self.input_shape)
            if len(given) != 3 or any(a != b and None not in (a, b) for a, b in pairs):
                raise ShapeError(
                    message(
                        self.name, "expected input_shape to be that of input_tensor.",
                        f"{self.input_shape} and {given}", "Leave one of them out.",
                    )
                )  # fmt: skip

    def finish(
        self, x: Any, top: Callable[[Any], Any] | None = None,
        pools: tuple[str | None, str | None] = ("avg_pool", "max_pool"),
    ) -> Model:  # fmt: skip
        """Add the top, or the pooling asked for, and load weights."""
        if self.include_top:
            x = top(x) if top is not None else self.classifier(x, pools[0])
        else:
            x = self.pooled(x, pools)
        return self.model(x)

    def pooled(self, x: Any, pools: tuple[str | None, str | None]) -> Any:
        """Return features pooled as asked for."""
        if self.pooling == "avg":
            return layers.GlobalAveragePooling2D(name=pools[0])(x)
        if self.pooling == "max":
            return layers.GlobalMaxPooling2D(name=pools[1])(x)
        return x

    def classifier(self, x: Any, pool: str | None) -> Any:
        """Average over all places, then one dense layer."""
        x = layers.GlobalAveragePooling2D(name=pool)(x)
        return self.predictions(x)

    def predictions(self, x: Any, **options: Any) -> Any:
        """Return class probabilities of pooled features."""
        return layers.Dense(
            self.classes, activation=self.classifier_activation, name="predictions",
            **options,
        )(x)  # fmt: skip

    def model(self, x: Any) -> Model:
        """Return the model, its weights loaded."""
        made = Model(self.inputs, x, name=self.name)
        if self.weights is not None:
            made.load_weights(self.weights)
        return made

    def check(self) -> None:
        """Refuse what cannot be done before anything is built."""
        if self.weights == "imagenet":
            raise ArgumentError(
                message(
                    self.name, "expected weights=None or the path of a weights file: "
                    "nothing is downloaded.", "weights='imagenet'",
                    "Save them where Keras is installed (model.save_weights("
                    f"'{self.name}.weights.h5')) and pass that path.",
                )
            )  # fmt: skip
        if self.weights is not None and not os.path.exists(self.weights):
            raise ArgumentError(
                message(
                    self.name, "expected weights=None or the path of a weights file.",
                    f"weights={self.weights!r}", "There is no such file.",
                )
            )  # fmt: skip
        if self.pooling not in (None, "avg", "max"):
            raise ArgumentError(
                message(
                    self.name, 'expected pooling None, "avg" or "max".',
                    f"pooling={self.pooling!r}",
                )
            )  # fmt: skip
        if self.weights is not None and self.include_top:
            self._check_activation()

    def _check_activation(self) -> None:
        found = activations.get(self.classifier_activation)
        if found not in (activations.get("softmax"), activations.get(None)):
            raise ArgumentError(
                message(
                    self.name, "expected classifier_activation 'softmax' or None with "
                    "trained weights.", repr(self.classifier_activation),
                    "Those were trained so.",
                )
            )  # fmt: skip


def architecture(
    title: str, default_name: str | None, build: Callable[[Request], Model], *,
    source: str, arguments: Mapping[str, Any] = STANDARD, size: int = 224,
    shape: tuple[int, ...] = (64, 64, 3),
) -> Callable[..., Model]:  # fmt: skip
    """Return the public function of one architecture.

    Args:
        title: name of the function.
        default_name: name of its models.
        build: from a request to the model.
        source: the paper, for the documentation.
        arguments: its arguments and their defaults, in Keras's order.
        size: rows and columns of an image by default.
        shape: a small image, for the example.
    """
    defaults = {**arguments, "name": default_name}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter(n, kind, default=d) for n, d in defaults.items()],
        return_annotation=Model,
    )

    def make(*args: Any, **kwargs: Any) -> Model:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        known = {n: given.arguments[n] for n in STANDARD}
        more = {n: v for n, v in given.arguments.items() if n not in STANDARD}
        known["name"] = known["name"] or title.lower()
        request = Request(**known, more=more)
        request.check()
        return build(request)

    listed = "\n".join(
        f"        {n}: {_ABOUT[n].format(size=(size, size, 3))}" for n in defaults
    )
    make.__name__ = make.__qualname__ = title
    make.__doc__ = _DOCUMENTATION.format(
        title=title, arguments=listed, source=source, shape=shape
    )
    make.__signature__ = signature  # type: ignore[attr-defined]
    return make


# --------------------------------------------------------------------------- pieces


def first() -> bool:
    """Whether channels stand before rows and columns."""
    return config.image_data_format() == "channels_first"


def channel_axis() -> int:
    """Return the axis of channels in a batch."""
    return 1 if first() else 3


def channels(x: Any) -> int:
    """Return how many channels a tensor has."""
    return x.shape[channel_axis()]


def sides(x: Any) -> tuple[int | None, int | None]:
    """Return rows and columns."""
    return x.shape[2:4] if first() else x.shape[1:3]


def normal(name: str | None = None, **options: Any) -> Any:
    """Return batch normalization of channels."""
    return layers.BatchNormalization(axis=channel_axis(), name=name, **options)


def joined(parts: list[Any], name: str | None = None) -> Any:
    """Return channels of several tensors side by side."""
    return layers.Concatenate(axis=channel_axis(), name=name)(parts)


def padding_of_stride_2(x: Any, taps: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zeros around an image before a window of stride 2.

    They are those of "same" in TensorFlow for sizes that are known; ONNX and other
    frameworks put them elsewhere, so architectures spell them out.
    """
    rows, columns = sides(x)
    half = taps // 2
    if rows is None or columns is None:
        return (half - 1, half), (half - 1, half)
    return (half - 1 + rows % 2, half), (half - 1 + columns % 2, half)


def divisible(filters: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, but not down by more than a tenth."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded
