"""keras.applications: sizes as in Keras, shapes, bad arguments, pixels and names."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import applications
from graphkeras.applications import imagenet_utils
from graphkeras.errors import ArgumentError, DataError, ShapeError

# Parameters with the top, as Keras 3.15 counts them, of one variant of each family.
PARAMETERS = {
    "DenseNet121": 8_062_504, "EfficientNetB0": 5_330_571,
    "EfficientNetV2B0": 7_200_312, "InceptionV3": 23_851_784, "MobileNet": 4_253_864,
    "MobileNetV2": 3_538_984, "MobileNetV3Large": 5_507_432,
    "MobileNetV3Small": 2_554_968, "NASNetMobile": 5_326_716, "ResNet50": 25_636_712,
    "ResNet50V2": 25_613_800, "Xception": 22_910_480,
}  # fmt: skip
SMALL: dict[str, Any] = {"weights": None, "include_top": False}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_as_many_as_in_keras(name: str) -> None:
    assert getattr(applications, name)(weights=None).count_params() == PARAMETERS[name]


def test_every_function_has_the_arguments_keras_gives_it() -> None:
    functions = {n: f for n, f in vars(applications).items() if callable(f)}
    assert len(functions) == 40
    for function in functions.values():
        names = list(inspect.signature(function).parameters)
        assert {"include_top", "weights", "input_tensor", "pooling"} < set(names)
    names = list(inspect.signature(applications.MobileNet).parameters)
    assert names[:4] == ["input_shape", "alpha", "depth_multiplier", "dropout"]


def test_features_are_pooled_and_images_may_have_any_size() -> None:
    free = applications.MobileNetV2(**SMALL, alpha=0.35)
    assert free.output_shape == (None, None, None, 1280)
    model = applications.MobileNetV2(**SMALL, alpha=0.35, pooling="max")
    assert model.predict(np.zeros((1, 40, 50, 3)), verbose=0).shape == (1, 1280)


def test_an_architecture_is_built_on_a_tensor() -> None:
    image = keras.Input((32, 32, 1))
    colours = keras.layers.Concatenate()([image, image, image])
    model = applications.MobileNet(weights=None, input_tensor=colours, classes=4)
    assert model.inputs[0] is image
    assert model.output_shape == (None, 4)


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "some.weights.h5"
    shape = (32, 32, 3)
    first = applications.MobileNet(**SMALL, alpha=0.25, input_shape=shape)
    first.save_weights(path)
    options = {**SMALL, "weights": str(path), "input_shape": shape}
    again = applications.MobileNet(**options, alpha=0.25)
    image = np.ones((1, *shape), "float32")
    expected = first.predict(image, verbose=0)
    np.testing.assert_array_equal(again.predict(image, verbose=0), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({}, ArgumentError, "nothing is downloaded"),
        ({"weights": "missing.h5"}, ArgumentError, "no such file"),
        ({**SMALL, "pooling": "sum"}, ArgumentError, 'None, "avg" or "max"'),
        ({**SMALL, "input_shape": (31, 31, 3)}, ShapeError, "at least 32"),
        ({"weights": None, "input_shape": (None, 64, 3)}, ShapeError, "without None"),
        ({**SMALL, "input_tensor": np.ones(3)}, ArgumentError, "symbolic tensor"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        applications.VGG16(**arguments)


def test_pixels_are_turned_into_what_was_trained_on() -> None:
    pixels = np.array([[[0, 127.5, 255]]], "float32")
    np.testing.assert_allclose(
        applications.mobilenet.preprocess_input(pixels), [[[-1, 0, 1]]]
    )
    np.testing.assert_allclose(
        applications.vgg16.preprocess_input(pixels),
        [[[255 - 103.939, 127.5 - 116.779, -123.68]]],
        rtol=1e-6,
    )
    scaled = (np.array([0, 0.5, 1]) - imagenet_utils.MEAN) / imagenet_utils.DEVIATION
    found = applications.densenet.preprocess_input(pixels)
    np.testing.assert_allclose(found[0, 0], scaled, rtol=1e-5)
    same = applications.efficientnet.preprocess_input(pixels)
    assert same is pixels
    assert pixels[0, 0, 2] == 255  # nothing was changed in place


def test_channels_may_stand_first() -> None:
    pixels = np.arange(12, dtype="uint8").reshape(3, 2, 2)
    found = imagenet_utils.preprocess_input(pixels, "channels_first")
    last = imagenet_utils.preprocess_input(np.moveaxis(pixels, 0, -1), "channels_last")
    np.testing.assert_allclose(np.moveaxis(np.asarray(found), 0, -1), last)


def test_classes_have_names(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GRAPHKERAS_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    imagenet_utils._names.cache_clear()
    odds = np.zeros((1, 1000))
    odds[0, 7], odds[0, 3] = 0.6, 0.4
    with pytest.raises(DataError, match=r"imagenet_class_index\.json"):
        imagenet_utils.decode_predictions(odds)
    (tmp_path / "models").mkdir()
    index = {str(i): [f"n{i}", f"thing {i}"] for i in range(1000)}
    (tmp_path / "models" / imagenet_utils.INDEX).write_text(json.dumps(index))
    named = imagenet_utils.decode_predictions(odds, top=2)
    assert named == [[("n7", "thing 7", 0.6), ("n3", "thing 3", 0.4)]]
    imagenet_utils._names.cache_clear()


@pytest.mark.parametrize(
    "layer",
    [
        applications.convnext.LayerScale(0.1, 3),
        applications.convnext.StochasticDepth(0.1),
        applications.inception_resnet_v2.CustomScaleLayer(0.5),
    ],
)
def test_layers_of_architectures_are_written_and_read_as_keras_names_them(
    layer: Any,
) -> None:
    config = keras.saving.serialize_keras_object(layer)
    assert config["module"].startswith("keras.src.applications.")
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def test_only_a_thousand_classes_are_named() -> None:
    with pytest.raises(ShapeError, match=r"\(batch, 1000\)"):
        imagenet_utils.decode_predictions(np.zeros((1, 10)))
