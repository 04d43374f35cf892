"""Models made of calls between symbolic tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.errors import ArgumentError, ShapeError

ONES = np.ones((2, 3), "float32")


def mlp() -> keras.Model:
    """Three inputs, a hidden layer of four, two outputs."""
    x = keras.Input((3,), name="x")
    hidden = layers.Dense(4, activation="relu", name="hidden")(x)
    return keras.Model(x, layers.Dense(2, name="out")(hidden), name="mlp")


def test_model_computes_what_its_layers_do() -> None:
    model = mlp()
    hidden, out = model.layers[1:]
    np.testing.assert_array_equal(model(ONES), out(hidden(ONES)))
    assert model.count_params() == 4 * 4 + 5 * 2
    assert (model.input_shape, model.output_shape) == ((None, 3), (None, 2))
    assert (model.input_names, model.output_names) == (["x"], ["out"])


def test_layers_are_listed_as_keras_lists_them() -> None:
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    far = layers.Dense(2, name="far")(layers.Dense(2, name="deep")(a))
    near = layers.Dense(2, name="near")(b)
    model = keras.Model([a, b], layers.Add(name="sum")([far, near]))
    assert [x.name for x in model.layers] == ["a", "deep", "b", "far", "near", "sum"]


def test_shared_layer_has_one_set_of_weights_and_two_calls() -> None:
    a, b = keras.Input((3,)), keras.Input((3,))
    shared = layers.Dense(4)
    model = keras.Model([a, b], layers.Subtract()([shared(a), shared(b)]))
    assert len(model.weights) == 2
    assert not model([ONES, ONES]).numpy().any()


@pytest.mark.parametrize("kind", [list, tuple])
def test_several_inputs_and_outputs_as_list_or_tuple(kind: Any) -> None:
    a, b = keras.Input((3,)), keras.Input((3,))
    model = keras.Model(kind([a, b]), kind([a + b, a * b]))
    total, product = model(kind([ONES, 2 * ONES]))
    assert (total.numpy().max(), product.numpy().max()) == (3, 2)
    assert isinstance(model(kind([ONES, ONES])), kind)


def test_dict_inputs_and_outputs_go_by_key_in_any_order() -> None:
    inputs = {"b": keras.Input((3,), name="b"), "a": keras.Input((3,), name="a")}
    model = keras.Model(inputs, {"difference": inputs["a"] - inputs["b"]})
    out = model({"a": 3 * ONES, "b": ONES})
    assert out["difference"].numpy().max() == 2
    assert model.input_names == ["a", "b"]


def test_list_model_takes_a_dict_by_the_names_of_its_inputs() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    model = keras.Model([a, b], a - b)
    assert model({"b": ONES, "a": 3 * ONES}).numpy().max() == 2
    with pytest.raises(ArgumentError, match="Add 'a'"):
        model({"b": ONES})


def test_nested_structures_come_back_as_they_were() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, {"a": [x, x * 2], "b": (x,)})
    out = model(ONES)
    assert set(out) == {"a", "b"}
    assert [len(v) for v in out.values()] == [2, 1]


def test_model_is_a_layer_of_another_model() -> None:
    inner = mlp()
    x = keras.Input((3,))
    outer = keras.Model(x, inner(x))
    np.testing.assert_array_equal(outer(ONES), inner(ONES))
    assert outer.weights == inner.weights
    assert [type(v).__name__ for v in outer.layers] == ["InputLayer", "Functional"]


def test_outputs_of_all_layers_make_a_model_that_shares_them() -> None:
    model = mlp()
    features = keras.Model(model.inputs, [layer.output for layer in model.layers])
    found = features(ONES)
    assert [f.shape for f in found] == [(2, 3), (2, 4), (2, 2)]
    np.testing.assert_array_equal(found[-1], model(ONES))


def test_model_may_start_in_the_middle_of_another() -> None:
    model = mlp()
    head = keras.Model(model.get_layer("hidden").output, model.output)
    hidden = model.get_layer("hidden")(ONES)
    np.testing.assert_array_equal(head(hidden), model(ONES))
    assert isinstance(head.layers[0], layers.InputLayer)
    again = keras.Model.from_config(head.get_config())
    assert again.count_params() == 10


def test_the_models_training_wins_over_the_one_recorded() -> None:
    x = keras.Input((100,))
    noisy = keras.Model(x, layers.Dropout(0.5)(x, training=True))
    quiet = keras.Model(x, layers.Dropout(0.5)(x, training=False))
    wide = np.ones((1, 100))
    assert (noisy(wide).numpy() == 0).any()
    assert (noisy(wide, training=False).numpy() == 1).all()
    assert (quiet(wide, training=True).numpy() == 0).any()


def test_inputs_of_one_axis_more_or_less_are_fitted() -> None:
    x = keras.Input((1,))
    model = keras.Model(x, x * 2)
    assert model(np.ones(4)).shape == (4, 1)
    flat = keras.Input(())
    assert keras.Model(flat, flat + 1)(np.ones((4, 1))).shape == (4,)


def test_wrong_shape_names_the_model_and_both_shapes() -> None:
    with pytest.raises(ShapeError, match=r"mlp: input 0 .* expected shape=\(None, 3\)"):
        mlp()(np.ones((2, 5)))


def test_wrong_number_of_inputs_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected 1 input\(s\)"):
        mlp()([ONES, ONES])


def test_disconnected_graph_names_the_missing_input() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    with pytest.raises(ArgumentError, match="Add 'b' to the model's inputs"):
        keras.Model(a, layers.Dense(1)(b))
    with pytest.raises(ArgumentError, match="expected a path from the inputs"):
        keras.Model([a], [layers.Add()([a, b])])


def test_model_of_arrays_or_layers_is_refused() -> None:
    x = keras.Input((3,))
    with pytest.raises(ArgumentError, match="expected outputs to be symbolic"):
        keras.Model(x, layers.Dense(1))
    with pytest.raises(ArgumentError, match="expected inputs to be symbolic"):
        keras.Model([ONES], [x])


def test_two_layers_of_one_name_are_refused() -> None:
    x = keras.Input((3,))
    y = layers.Dense(3, name="same")(layers.Dense(3, name="same")(x))
    with pytest.raises(ArgumentError, match="2 named 'same'"):
        keras.Model(x, y)


def test_unused_input_is_part_of_the_model() -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    model = keras.Model([a, b], a + 1)
    assert model([ONES, ONES]).numpy().max() == 2
    assert {x.name for x in model.layers} == {"a", "b"}


def test_get_layer_finds_by_name_and_index() -> None:
    model = mlp()
    assert model.get_layer("hidden") is model.get_layer(index=1)
    with pytest.raises(ArgumentError, match="Did you mean 'hidden'"):
        model.get_layer("hiden")
    with pytest.raises(ArgumentError, match="index below 3"):
        model.get_layer(index=3)
    with pytest.raises(ArgumentError, match="a name or an index"):
        model.get_layer()


def test_freezing_a_model_freezes_its_layers() -> None:
    model = mlp()
    model.trainable = False
    assert model.trainable_weights == []
    model.get_layer("out").trainable = True
    assert model.trainable_weights == []  # the model itself is still frozen
    model.trainable = True
    assert len(model.trainable_weights) == 4


def test_multi_output_layer_and_getitem_in_the_graph() -> None:
    class Halves(layers.Layer):
        def call(self, x: Any) -> Any:
            return x[:, :1], {"rest": x[:, 1:]}

    x = keras.Input((3,))
    first, others = Halves()(x)
    model = keras.Model(x, layers.Concatenate()([others["rest"], first]))
    assert model(np.array([[1.0, 2.0, 3.0]])).numpy().tolist() == [[2, 3, 1]]


def test_second_argument_of_a_layer_may_be_an_input() -> None:
    class Endpoint(layers.Layer):
        def call(self, logits: Any, targets: Any, weight: float = 1.0) -> Any:
            self.add_loss(ops.sum(logits - targets) * weight)
            return ops.softmax(logits)

    logits, targets = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([logits, targets], Endpoint()(logits, targets, weight=2.0))
    model([ONES, 0 * ONES])
    assert [float(x) for x in model.losses] == [12.0]


def test_users_subclass_may_be_functional() -> None:
    class Own(keras.Model):
        def shout(self) -> str:
            return self.name.upper()

    x = keras.Input((3,))
    model = Own(x, layers.Dense(1)(x), name="own")
    assert model.shout() == "OWN"
    assert model(ONES).shape == (2, 1)
    assert [v.name for v in model.layers][1].startswith("dense")


def test_model_of_a_thousand_calls_is_no_problem() -> None:
    x = y = keras.Input((1,))
    for _ in range(1000):
        y = y + 1
    assert keras.Model(x, y)(np.zeros((1, 1))).numpy() == 1000
