"""NASNet-A, mobile and large: Zoph et al. 2017, arXiv:1707.07012."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from graphkeras import layers
from graphkeras.applications.building import (
    STANDARD,
    Request,
    architecture,
    channels,
    joined,
    padding_of_stride_2,
    sides,
)
from graphkeras.applications.building import normal as normal_of
from graphkeras.applications.imagenet_utils import decode_predictions, preprocessing
from graphkeras.models import Model

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

ARGUMENTS: dict[str, Any] = {
    "input_shape": None,
    **{n: d for n, d in STANDARD.items() if n != "input_shape"},
}  # fmt: skip

normal = partial(normal_of, momentum=0.9997, epsilon=1e-3)


def _relu(x: Any, name: str | None = None) -> Any:
    return layers.Activation("relu", name=name)(x)


def _conv(x: Any, filters: int, taps: int, name: str, **options: Any) -> Any:
    return layers.Conv2D(
        filters, taps, use_bias=False, kernel_initializer="he_normal", name=name,
        **{"padding": "same", **options},
    )(x)  # fmt: skip


def _separable(x: Any, filters: int, taps: int, ending: str, stride: int = 1) -> Any:
    """Twice: relu, a separable convolution, normalization."""
    for number, step in ((1, stride), (2, 1)):
        name, padding = f"separable_conv_{number}", "same"
        x = _relu(x)
        if step > 1:
            pad = padding_of_stride_2(x, taps)
            x = layers.ZeroPadding2D(pad, name=f"{name}_pad_{ending}")(x)
            padding = "valid"
        x = layers.SeparableConv2D(
            filters, taps, strides=step, padding=padding, use_bias=False,
            name=f"{name}_{ending}",
        )(x)  # fmt: skip
        x = normal(f"{name}_bn_{ending}")(x)
    return x


def _halved(p: Any, filters: int, ending: str) -> Any:
    """Every second place, and every second of an image moved by one."""
    p = _relu(p, f"adjust_relu_1_{ending}")
    moved = layers.Cropping2D(((1, 0), (1, 0)))(
        layers.ZeroPadding2D(((0, 1), (0, 1)))(p)
    )
    parts = []
    for number, image in ((1, p), (2, moved)):
        pool = layers.AveragePooling2D(
            1, strides=2, name=f"adjust_avg_pool_{number}_{ending}"
        )
        name = f"adjust_conv_{number}_{ending}"
        parts.append(_conv(pool(image), filters // 2, 1, name))
    return normal(f"adjust_bn_{ending}")(joined(parts))


def _adjusted(p: Any, x: Any, filters: int, ending: str) -> Any:
    """Bring the cell before last to the size of the last one."""
    if p is None:
        return x
    if sides(p)[0] != sides(x)[0]:
        return _halved(p, filters, ending)
    if channels(p) != filters:
        p = _conv(_relu(p), filters, 1, f"adjust_conv_projection_{ending}")
        return normal(f"adjust_bn_{ending}")(p)
    return p


def _average(x: Any, name: str, **options: Any) -> Any:
    options = {"strides": 1, "padding": "same", **options}
    return layers.AveragePooling2D(3, name=name, **options)(x)


def _normal_cell(x: Any, p: Any, filters: int, ending: str) -> tuple[Any, Any]:
    came = x
    p = _adjusted(p, x, filters, ending)
    h = normal(f"normal_bn_1_{ending}")(
        _conv(_relu(x), filters, 1, f"normal_conv_1_{ending}")
    )

    def add(number: int, a: Any, b: Any) -> Any:
        return layers.Add(name=f"normal_add_{number}_{ending}")([a, b])

    def separable(x: Any, taps: int, where: str) -> Any:
        return _separable(x, filters, taps, f"normal_{where}_{ending}")

    one = add(1, separable(h, 5, "left1"), separable(p, 3, "right1"))
    two = add(2, separable(p, 5, "left2"), separable(p, 3, "right2"))
    three = add(3, _average(h, f"normal_left3_{ending}"), p)
    left = _average(p, f"normal_left4_{ending}")
    four = add(4, left, _average(p, f"normal_right4_{ending}"))
    five = add(5, separable(h, 3, "left5"), h)
    return joined([p, one, two, three, four, five], f"normal_concat_{ending}"), came


def _smaller_cell(x: Any, p: Any, filters: int, ending: str) -> tuple[Any, Any]:
    came = x
    p = _adjusted(p, x, filters, ending)
    h = normal(f"reduction_bn_1_{ending}")(
        _conv(_relu(x), filters, 1, f"reduction_conv_1_{ending}")
    )
    pad = padding_of_stride_2(h, 3)
    padded = layers.ZeroPadding2D(pad, name=f"reduction_pad_1_{ending}")(h)

    def separable(x: Any, taps: int, where: str, stride: int = 2) -> Any:
        return _separable(x, filters, taps, f"reduction_{where}_{ending}", stride)

    def largest(where: str) -> Any:
        name = f"reduction_{where}_{ending}"
        return layers.MaxPooling2D(3, strides=2, name=name)(padded)

    def add(name: str | None, a: Any, b: Any) -> Any:
        return layers.Add(name=name and f"reduction_{name}_{ending}")([a, b])

    one = add("add_1", separable(h, 5, "left1"), separable(p, 7, "right1"))
    two = add("add_2", largest("left2"), separable(p, 7, "right2"))
    average = _average(
        padded, f"reduction_left3_{ending}", strides=2, padding="valid"
    )  # fmt: skip
    three = add("add3", average, separable(p, 5, "right3"))
    four = add(None, two, _average(one, f"reduction_left4_{ending}"))
    five = add("add4", separable(one, 3, "left4", stride=1), largest("right5"))
    return joined([two, three, four, five], f"reduction_concat_{ending}"), came


def _nasnet(
    request: Request, last: int, blocks: int, stem: int, skip: bool, size: int
) -> Model:
    x = request.start(size, 32)
    x = _conv(x, stem, 3, "stem_conv1", strides=2, padding="valid")
    x, p = normal("stem_bn1")(x), None
    filters = last // 24
    x, p = _smaller_cell(x, p, filters // 4, "stem_1")
    x, p = _smaller_cell(x, p, filters // 2, "stem_2")
    number = 0
    for stage in range(3):
        wide = filters * 2**stage
        if stage:
            x, before = _smaller_cell(x, p, wide, f"reduce_{stage * blocks}")
            p = p if skip else before
            number = stage * blocks + 1
        for turn in range(blocks):
            x, p = _normal_cell(x, p, wide, f"{number + turn}")
    return request.finish(_relu(x), pools=(None, None))


def _of(
    title: str, name: str, last: int, blocks: int, stem: int, skip: bool, size: int
) -> Callable[..., Model]:
    build = partial(
        _nasnet, last=last, blocks=blocks, stem=stem, skip=skip, size=size
    )  # fmt: skip
    return architecture(
        title, name, build, source="Zoph et al. 2017, arXiv:1707.07012",
        arguments=ARGUMENTS, size=size,
    )  # fmt: skip


NASNetMobile = _of("NASNetMobile", "nasnet_mobile", 1056, 4, 32, False, 224)
NASNetLarge = _of("NASNetLarge", "nasnet_large", 4032, 6, 96, True, 331)
preprocess_input = preprocessing("tf", "NASNet")
