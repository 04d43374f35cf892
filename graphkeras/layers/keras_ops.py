"""Ops as they stand in Keras's functional configs: classes, their files, arguments.

Behind each function of `keras.ops` Keras has a class: `LogSoftmax` is behind
`log_softmax`. Its config holds what it takes when made; the rest stands in the call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from graphkeras import activations, naming, ops
from graphkeras.errors import ArgumentError, message, nearest
from graphkeras.ops import image

# Functions whose classes are not spelled like them.
_SPELLED = {
    "allclose": "AllClose", "batch_normalization": "BatchNorm", "cdist": "CDist",
    "ctc_decode": "CTCDecode", "ctc_loss": "CTCLoss", "fft": "FFT", "fft2": "FFT2",
    "getitem": "GetItem", "hsv_to_rgb": "HSVToRGB", "ifft2": "IFFT2", "irfft": "IRFFT",
    "isin": "IsIn", "istft": "ISTFT", "layer_normalization": "LayerNorm",
    "psnr": "PSNR", "rearrange_axes": "Rearrange", "rfft": "RFFT",
    "rgb_to_grayscale": "RGBToGrayscale", "rgb_to_hsv": "RGBToHSV",
    "rms_normalization": "RMSNorm", "searchsorted": "SearchSorted", "ssim": "SSIM",
    "stft": "STFT", "sum_of_products": "Einsum", "svd": "SVD",
}  # fmt: skip
_FUNCTIONS = {kind: name for name, kind in _SPELLED.items()} | {
    "Einsum": "einsum", "GetItem": "get_item", "Rearrange": "rearrange",
}  # fmt: skip

# The files of Keras in which its classes are; the others are in "numpy".
_FILES = {
    "nn": (
        "AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm BinaryCrossentropy "
        "CTCDecode CTCLoss CategoricalCrossentropy Celu Conv ConvTranspose "
        "DepthToSpace DepthwiseConv DotProductAttention Elu Fold Gelu Glu HardShrink "
        "HardSigmoid HardSilu HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax "
        "MaxPool Moments MultiHot Normalize OneHot PSNR Polar RMSNorm Relu Relu6 Selu "
        "SeparableConv Sigmoid Silu SoftShrink Softmax Softplus Softsign SpaceToDepth "
        "SparseCategoricalCrossentropy SparsePlus SparseSigmoid Sparsemax Squareplus "
        "TanhShrink Threshold Unfold"
    ),
    "core": (
        "AssociativeScan Cast Cond ConvertToTensor ForiLoop Map SaturateCast Scan "
        "Scatter ScatterUpdate Slice SliceUpdate StopGradient Switch Unstack "
        "VectorizedMap WhileLoop"
    ),
    "math": (
        "CDist Erf Erfc Erfinv ExtractSequences FFT FFT2 IFFT2 IRFFT ISTFT InTopK "
        "Logdet Logsumexp RFFT Rsqrt STFT SegmentMax SegmentMin SegmentProd SegmentSum "
        "TopK ViewAsComplex ViewAsReal"
    ),
    "linalg": (
        "Cholesky CholeskyInverse Det Eig Eigh Inv JVP Lstsq LuFactor MatrixRank Norm "
        "Pinv Qr SVD Solve SolveTriangular"
    ),
    "image": (
        "AffineTransform CropImages ElasticTransform ExtractPatches GaussianBlur "
        "HSVToRGB MapCoordinates PadImages PerspectiveTransform RGBToGrayscale "
        "RGBToHSV Resize SSIM ScaleAndTranslate SobelEdges"
    ),
    "einops": "Rearrange",
}
_FILE_OF = {kind: file for file, kinds in _FILES.items() for kind in kinds.split()}

# Attributes of ours that stand in the call, and operands that stand in the config.
_CALLED = {
    "DotProductAttention": ("scale",), "FullLike": ("fill_value",),
    "GetItem": ("key",), "Isclose": ("rtol", "atol"), "Pad": ("constant_values",),
    "Slice": ("start_indices",), "SliceUpdate": ("start_indices",),
}  # fmt: skip
_MADE_WITH = {"Clip": ("x_min", "x_max"), "Trapezoid": ("x",)}


def kind_of(function: Any, name: str) -> str:
    """Return the name of Keras's class behind a function.

    Args:
        function: the function.
        name: its name, or that of the op behind it.

    Example:
        >>> kind_of(ops.log_softmax, "log_softmax"), kind_of(ops.log1p, "log1p")
        ('LogSoftmax', 'Log1p')
    """
    if function is activations.relu:  # it takes more than the op
        return "ReLU"
    spelled = "".join(part.capitalize() for part in name.split("_"))
    return _SPELLED.get(name, spelled)


def module_of(kind: str) -> str:
    """Return the module of Keras in which a class is."""
    if kind in ("ReLU", "Mish"):  # the activations with classes of their own
        return "keras.src.activations.activations"
    return f"keras.src.ops.{_FILE_OF.get(kind, 'numpy')}"


def split_arguments(
    kind: str, attributes: Mapping[str, Any], given: inspect.BoundArguments
) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    """Return (config, args, kwargs) of a call in the way of Keras.

    Args:
        kind: name of Keras's class.
        attributes: what every call of it gets.
        given: all arguments of the call, these attributes included.
    """
    early, late = _MADE_WITH.get(kind, ()), _CALLED.get(kind, ())
    config: dict[str, Any] = {}
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, parameter in given.signature.parameters.items():
        if name not in given.arguments:
            continue
        value = given.arguments[name]
        made_with = name in early and not is_tensor(value)
        if made_with or (name in attributes and name not in late):
            config[name] = value
        elif parameter.kind is parameter.VAR_POSITIONAL:
            args += value
        elif kwargs or name in late or _follows_a_gap(name, given):
            kwargs[name] = value
        else:
            args.append(value)
    if given.signature.parameters.keys() == {"operands", "subscripts"}:
        args = args[0]  # Keras takes them one by one
    if kind == "Rearrange" and "lengths" in config:
        args, kwargs = [*args, config.pop("pattern")], dict(config.pop("lengths"))
    if kind == "GetItem":  # it takes the key by place
        args.append(kwargs.pop("key"))
    return config, args, kwargs


def _follows_a_gap(name: str, given: inspect.BoundArguments) -> bool:
    """Whether an argument before this one is left out."""
    names = list(given.signature.parameters)
    return any(n not in given.arguments for n in names[: names.index(name)])


def is_tensor(x: Any) -> bool:
    """Return whether an argument stands for data."""
    return hasattr(x, "_keras_history")


def function_of(kind: str, config: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function behind a class of Keras.

    Raises:
        ArgumentError: if there is none, or it does not take an argument of the config.
    """
    function = _public(kind)
    known = inspect.signature(function).parameters
    for name, value in config.items():
        if name not in known and value is not None and value is not False:
            raise ArgumentError(
                message(
                    f"keras.ops.{function.__name__}", "expected only known arguments.",
                    f"{name}={value!r}", nearest(name, known, "argument"),
                )
            )  # fmt: skip
    return function


def _public(kind: str) -> Callable[..., Any]:
    name = _FUNCTIONS.get(kind) or naming.to_snake_case(kind)
    if kind == "ReLU":
        return activations.relu
    for place in (ops, image):
        found: Any = getattr(place, name, None)
        if inspect.isfunction(found) and found.__module__.startswith("graphkeras.ops."):
            return found
    known = [n for n in dir(ops) if hasattr(getattr(ops, n), "op")]
    raise ArgumentError(
        message("Operation", "expected the name of an op.", repr(kind),
                nearest(name, known, "op"))
    )  # fmt: skip
