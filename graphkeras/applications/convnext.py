"""ConvNeXt, tiny to extra large: Liu et al. 2022, arXiv:2201.03545."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from graphkeras import initializers, layers, ops, random
from graphkeras.applications.building import Request, architecture, channels
from graphkeras.applications.imagenet_utils import (
    DEVIATION,
    MEAN,
    decode_predictions,
    preprocessing,
)
from graphkeras.models import Model, Sequential

__all__ = [
    "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtSmall", "ConvNeXtTiny", "ConvNeXtXLarge",
    "decode_predictions", "preprocess_input",
]  # fmt: skip

SCALE = 1e-6  # of what each block adds, before training
ARGUMENTS: dict[str, Any] = {
    "include_top": True, "include_preprocessing": True, "weights": "imagenet",
    "input_tensor": None, "input_shape": None, "pooling": None, "classes": 1000,
    "classifier_activation": "softmax", "name": None,
}  # fmt: skip


class LayerScale(layers.Layer):
    """Each channel by a learned factor: (..., channels) -> the same.

    Args:
        init_values: the factors before training.
        projection_dim: channels.

    Source: Touvron et al. 2021, arXiv:2103.17239.

    Example:
        >>> import numpy as np
        >>> LayerScale(0.5, 2)(np.ones((1, 2), "float32")).numpy()
        array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        """Make the factors."""
        self.gamma = self.add_weight(
            (self.projection_dim,), name="gamma",
            initializer=initializers.Constant(self.init_values),
        )  # fmt: skip

    def call(self, x: Any) -> Any:
        """Multiply."""
        return x * self.gamma


class StochasticDepth(layers.Layer):
    """In training, forget whole samples at random and scale up the others.

    Args:
        drop_path_rate: share of samples forgotten.

    Source: Huang et al. 2016, arXiv:1603.09382.

    Example:
        >>> import numpy as np
        >>> StochasticDepth(0.5)(np.ones((1, 2), "float32")).numpy()
        array([[1., 1.]], dtype=float32)
    """

    def __init__(self, drop_path_rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.drop_path_rate = drop_path_rate
        self.seed_generator = random.SeedGenerator()

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Forget some samples."""
        if not training:
            return x
        keep = 1.0 - self.drop_path_rate
        shape = (ops.shape(x)[0], *[1] * (len(x.shape) - 1))
        drawn = random.uniform(shape, 0.0, 1.0, seed=self.seed_generator)
        return x / keep * ops.floor(keep + drawn)


def _layer_norm(name: str | None) -> Any:
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _block(x: Any, filters: int, name: str) -> Any:
    new = layers.Conv2D(
        filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv"
    )(x)
    new = _layer_norm(f"{name}_layernorm")(new)
    new = layers.Dense(4 * filters, name=f"{name}_pointwise_conv_1")(new)
    new = layers.Activation("gelu", name=f"{name}_gelu")(new)
    new = layers.Dense(filters, name=f"{name}_pointwise_conv_2")(new)
    new = LayerScale(SCALE, filters, name=f"{name}_layer_scale")(new)
    return x + layers.Activation("linear", name=f"{name}_identity")(new)


def _smaller(filters: int, number: int, name: str) -> Sequential:
    """Patches of the image, or of features, become one place each."""
    if number == 0:
        return Sequential(
            [
                layers.Conv2D(filters, 4, strides=4, name=f"{name}_stem_conv"),
                _layer_norm(f"{name}_stem_layernorm"),
            ],
            name=f"{name}_stem",
        )
    number -= 1
    return Sequential(
        [
            _layer_norm(f"{name}_downsampling_layernorm_{number}"),
            layers.Conv2D(
                filters, 2, strides=2, name=f"{name}_downsampling_conv_{number}"
            ),
        ],
        name=f"{name}_downsampling_block_{number}",
    )


def _scaled_pixels(x: Any, name: str) -> Any:
    mean = [m * 255 for m in MEAN]
    variance = [(d * 255) ** 2 for d in DEVIATION]
    name = f"{name}_prestem_normalization"
    return layers.Normalization(mean=mean, variance=variance, name=name)(x)


def _convnext(request: Request, depths: Sequence[int], filters: Sequence[int]) -> Model:
    x, name = request.start(224, 32), request.name
    if request.more["include_preprocessing"] and channels(x) == 3:
        x = _scaled_pixels(x, name)
    for stage, (depth, wide) in enumerate(zip(depths, filters)):
        x = _smaller(wide, stage, name)(x)
        for number in range(depth):
            x = _block(x, wide, f"{name}_stage_{stage}_block_{number}")
    if not request.include_top:
        return request.model(_layer_norm(None)(request.pooled(x, (None, None))))
    x = layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
    x = _layer_norm(f"{name}_head_layernorm")(x)
    top = layers.Dense(
        request.classes, activation=request.classifier_activation,
        name=f"{name}_head_dense",
    )  # fmt: skip
    return request.model(top(x))


def _of(
    kind: str, depths: Sequence[int], filters: Sequence[int]
) -> Callable[..., Model]:
    build = partial(_convnext, depths=depths, filters=filters)
    return architecture(
        f"ConvNeXt{kind}", f"convnext_{kind.lower()}", build, arguments=ARGUMENTS,
        source="Liu et al. 2022, arXiv:2201.03545",
    )  # fmt: skip


ConvNeXtTiny = _of("Tiny", (3, 3, 9, 3), (96, 192, 384, 768))
ConvNeXtSmall = _of("Small", (3, 3, 27, 3), (96, 192, 384, 768))
ConvNeXtBase = _of("Base", (3, 3, 27, 3), (128, 256, 512, 1024))
ConvNeXtLarge = _of("Large", (3, 3, 27, 3), (192, 384, 768, 1536))
ConvNeXtXLarge = _of("XLarge", (3, 3, 27, 3), (256, 512, 1024, 2048))
preprocess_input = preprocessing(None, "ConvNeXt")
