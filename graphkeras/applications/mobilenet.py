"""MobileNet: Howard et al. 2017, arXiv:1704.04861."""

from __future__ import annotations

from typing import Any

from graphkeras import layers
from graphkeras.applications.building import (
    STANDARD,
    Request,
    architecture,
    normal,
    sides,
)
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

# Filters of each depthwise block, and its stride.
BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1),
    (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
SIZES = (128, 160, 192, 224)  # that weights of their own exist for
ARGUMENTS: dict[str, Any] = {
    "input_shape": None, "alpha": 1.0, "depth_multiplier": 1, "dropout": 0.001,
    **{n: d for n, d in STANDARD.items() if n not in ("input_shape", "name")},
    "name": None,
}  # fmt: skip


def _active(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=f"{name}_relu")(normal(f"{name}_bn")(x))


def _block(
    x: Any, filters: int, stride: int, depth_multiplier: int, number: int
) -> Any:
    if stride > 1:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    x = layers.DepthwiseConv2D(
        3, strides=stride, padding="same" if stride == 1 else "valid",
        depth_multiplier=depth_multiplier, use_bias=False, name=f"conv_dw_{number}",
    )(x)  # fmt: skip
    x = _active(x, f"conv_dw_{number}")
    name = f"conv_pw_{number}"
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x)
    return _active(x, name)


def square(request: Request, known: tuple[int, ...]) -> int:
    """Return the side of square images, if weights of their own exist for it."""
    shape = request.input_shape
    if request.input_tensor is not None:
        shape = tuple(request.input_tensor.shape[1:])
    rows = [n for n in (shape or ()) if n in known]
    return rows[0] or 224 if len(rows) == 2 and rows[0] == rows[1] else 224


def _mobilenet(request: Request) -> Model:
    alpha, many = request.more["alpha"], request.more["depth_multiplier"]
    side = square(request, SIZES)
    x = request.start(side, 32)
    if request.name == "mobilenet":
        request.name = f"mobilenet_{alpha:0.2f}_{sides(x)[0]}"
    options: dict[str, Any] = {"strides": 2, "padding": "same", "use_bias": False}
    x = layers.Conv2D(int(32 * alpha), 3, name="conv1", **options)(x)
    x = _active(x, "conv1")
    for number, (filters, stride) in enumerate(BLOCKS, 1):
        x = _block(x, int(filters * alpha), stride, many, number)

    def top(x: Any) -> Any:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(request.more["dropout"], name="dropout")(x)
        x = layers.Conv2D(request.classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((request.classes,), name="reshape_2")(x)
        return layers.Activation(request.classifier_activation, name="predictions")(x)

    return request.finish(x, top, pools=(None, None))


MobileNet = architecture(
    "MobileNet", None, _mobilenet, source="Howard et al. 2017, arXiv:1704.04861",
    arguments=ARGUMENTS,
)  # fmt: skip
preprocess_input = preprocessing("tf", "MobileNet")
