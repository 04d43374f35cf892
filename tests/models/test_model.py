"""Subclassed models, mixtures, configs, cloning, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.errors import ArgumentError, ExportError, SavingError
from graphkeras.saving import register_keras_serializable

ONES = np.ones((2, 3), "float32")


class Net(keras.Model):
    """Layers in attributes, Python control flow over static values."""

    def __init__(self, units: int = 4, deep: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stem = layers.Dense(units, activation="tanh")
        self.blocks = [layers.Dense(units) for _ in range(3 if deep else 1)]
        self.head = layers.Dense(1)

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = x + ops.relu(block(x))
        return {"score": self.head(x), "state": x}


def branched() -> keras.Model:
    """A shared layer, an op, a nested model, two outputs."""
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    shared = layers.Dense(4, kernel_regularizer="l2")
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4)], name="inner")
    joined = layers.Concatenate()([inner(shared(a)), ops.tanh(shared(b))])
    return keras.Model([a, b], {"y": layers.Dense(1)(joined), "z": joined * 2})


def test_subclassed_model_is_built_by_its_first_call() -> None:
    net = Net(deep=False)
    assert net.weights == []
    out = net(ONES)
    assert {k: v.shape for k, v in out.items()} == {"score": (2, 1), "state": (2, 4)}
    assert [type(x).__name__ for x in net.layers] == ["Dense"] * 3
    assert net.count_params() == 16 + 20 + 5


def test_subclassed_model_is_built_by_a_shape() -> None:
    net = Net()
    net.build((None, 3))
    assert net.built
    assert len(net.weights) == 10


def test_subclassed_model_inside_a_functional_one() -> None:
    x = keras.Input((3,))
    net = Net()
    model = keras.Model(x, layers.Dense(2)(net(layers.Dense(3)(x))["state"]))
    assert model(ONES).shape == (2, 2)
    assert len(model.weights) == 2 + 10 + 2


def test_functional_model_inside_a_subclassed_one() -> None:
    x = keras.Input((3,))
    inner = keras.Model(x, layers.Dense(2)(x))

    class Outer(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def call(self, x: Any) -> Any:
            return ops.softmax(self.inner(x))

    outer = Outer()
    assert outer(ONES).shape == (2, 2)
    assert outer.weights == inner.weights


def test_model_without_call_says_so() -> None:
    class Empty(keras.Model): ...

    with pytest.raises(ArgumentError, match=r"expected a call\(self, inputs\) method"):
        Empty()(ONES)


def test_functional_config_round_trip_computes_the_same() -> None:
    model = branched()
    again = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    for key in ("y", "z"):
        one, two = (m([ONES, 2 * ONES])[key].numpy() for m in (model, again))
        np.testing.assert_array_equal(one, two)
    assert again.to_json() == model.to_json()


def test_json_makes_the_model_of_builtin_classes_only() -> None:
    text = branched().to_json()
    assert (
        keras.models.model_from_json(text).count_params() == branched().count_params()
    )
    with pytest.raises(
        SavingError, match=r"expected a name in keras\.layers"
    ) as caught:
        keras.models.model_from_json(text.replace('"Concatenate"', '"Concatenat"'))
    assert "Did you mean 'Concatenate'" in str(caught.value)


def test_config_from_anywhere_else_is_not_imported() -> None:
    config = {"module": "os", "class_name": "system", "config": {"command": "true"}}
    with pytest.raises(SavingError, match="expected a registered class"):
        layers.deserialize(config)
    config = {"module": "keras.layers", "class_name": "numpy", "config": {}}
    with pytest.raises(SavingError, match=r"expected a name in keras\.layers"):
        layers.deserialize(config)


def test_config_with_a_loop_is_refused() -> None:
    config = branched().get_config()
    by_name = {c["name"]: c for c in config["layers"]}
    dense = next(c for n, c in by_name.items() if n.startswith("dense"))
    reference = dense["inbound_nodes"][0]["args"][0]["config"]
    reference["keras_history"] = [next(n for n in by_name if "conc" in n), 0, 0]
    with pytest.raises(SavingError, match="without loops"):
        keras.Model.from_config(config)


def test_registered_layer_comes_back_inside_a_model() -> None:
    @register_keras_serializable(package="tests")
    class Shift(layers.Layer):
        def __init__(self, by: float, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.by = by

        def call(self, x: Any) -> Any:
            return x + self.by

    x = keras.Input((3,))
    again = keras.models.model_from_json(keras.Model(x, Shift(2.0)(x)).to_json())
    assert again(ONES).numpy().max() == 3


def test_clone_has_the_layers_and_new_weights() -> None:
    for model in (branched(), keras.Sequential([keras.Input((3,)), layers.Dense(2)])):
        clone = keras.models.clone_model(model)
        assert clone.count_params() == model.count_params()
        assert clone.get_weights()[0].tolist() != model.get_weights()[0].tolist()
        assert not set(map(id, clone.weights)) & set(map(id, model.weights))


def test_clone_function_may_replace_layers() -> None:
    def smaller(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": False})

    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    clone = keras.models.clone_model(model, clone_function=smaller)
    assert clone.count_params() == 6


def test_export_names_inputs_and_outputs_after_layers(tmp_path: Path) -> None:
    report = branched().export(tmp_path / "m.onnx", metadata={"score": "0.9"})
    assert report.inputs == (("a", "f32[batch, 3]"), ("b", "f32[batch, 3]"))
    assert [t for _, t in report.outputs] == ["f32[batch, 1]", "f32[batch, 8]"]
    assert [name for name, _ in report.outputs] == ["y", "z"]
    assert report.metadata["class"] == "Functional"
    assert report.metadata["score"] == "0.9"
    assert report.difference is not None
    assert report.difference < 1e-6


def test_subclassed_model_exports_what_it_was_called_on(tmp_path: Path) -> None:
    net = Net()
    with pytest.raises(ExportError, match="expected a model that knows its inputs"):
        net.export(tmp_path / "m.onnx")
    net(ONES)
    report = net.export(tmp_path / "m.onnx")
    assert [n for n, _ in report.inputs] == ["input"]
    assert [n for n, _ in report.outputs] == ["score", "state"]


def test_input_signature_says_what_a_model_never_called_takes(tmp_path: Path) -> None:
    signature = [layers.InputSpec(shape=(None, 5), dtype="float32", name="features")]
    report = Net().export(tmp_path / "m.onnx", input_signature=signature)
    assert report.inputs == (("features", "f32[batch, 5]"),)


def test_export_knows_one_format(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="format in 'onnx'"):
        branched().export(tmp_path / "m", format="tf_saved_model")
    assert not list(tmp_path.iterdir())


def test_two_outputs_of_one_layer_get_different_names(tmp_path: Path) -> None:
    x = keras.Input((3,))
    same = layers.Dense(2, name="same")
    report = keras.Model(x, [same(x), same(x * 2)]).export(tmp_path / "m.onnx")
    assert [n for n, _ in report.outputs] == ["same", "same_1"]
