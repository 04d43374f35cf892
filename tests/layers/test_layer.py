"""What every Layer does: names, state, building, calling, losses, configs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers, ops
from graphkeras.errors import ArgumentError, SavingError, ShapeError, TraceError
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType

ONES = np.ones((2, 3), "float32")


class Scale(layers.Layer):
    """One weight, and a switch that only training turns on."""

    def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight((input_shape[-1],), "ones", name="w")

    def call(self, x: Any, training: bool = False) -> Any:
        return x * self.w * (self.factor if training else 1.0)


class Block(layers.Layer):
    """Layers in an attribute, a list and a dict; no build of its own."""

    def __init__(self, units: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = layers.Dense(units)
        self.rest = [layers.Dense(units), {"last": Scale()}]

    def call(self, x: Any) -> Any:
        return self.rest[1]["last"](self.rest[0](self.first(x)))


@pytest.fixture(autouse=True)
def _names_from_the_start() -> None:
    keras.utils.clear_session()


def test_names_count_up_and_start_again() -> None:
    assert [layers.Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert layers.MaxPooling2D().name == "max_pooling2d"
    keras.utils.clear_session()
    assert layers.Dense(1).name == "dense"


def test_weights_are_made_at_the_first_call_and_named_by_path() -> None:
    block = Block(name="block")
    assert not block.built
    assert block.weights == []
    block(ONES)
    assert [w.path for w in block.weights] == [
        "block/dense/kernel", "block/dense/bias", "block/dense_1/kernel",
        "block/dense_1/bias", "block/scale/w",
    ]  # fmt: skip
    assert block.count_params() == 16 + 20 + 4


def test_trainable_weights_come_before_the_others() -> None:
    class Mixed(layers.Layer):
        def build(self, shape: Any) -> None:
            self.seen = self.add_weight((), "zeros", trainable=False, name="seen")
            self.w = self.add_weight((), "ones", name="w")

        def call(self, x: Any) -> Any:
            return x * self.w

    layer = Mixed()
    layer(ONES)
    assert [v.name for v in layer.weights] == ["w", "seen"]
    assert [v.name for v in layer.non_trainable_weights] == ["seen"]


def test_freezing_reaches_all_below_and_is_undone() -> None:
    block = Block()
    block(ONES)
    block.trainable = False
    assert block.trainable_weights == []
    assert not block.first.trainable
    assert len(block.non_trainable_weights) == 5
    block.trainable = True
    assert len(block.trainable_weights) == 5


def test_layer_frozen_before_it_is_built_stays_frozen() -> None:
    layer = Scale(trainable=False)
    layer(ONES)
    assert layer.trainable_weights == []
    assert not layer.w.trainable


def test_variables_set_as_attributes_are_weights() -> None:
    class Counter(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.count = keras.Variable(0.0, trainable=False, name="count")
            self.others = [keras.Variable(1.0), keras.Variable(2.0)]

    assert len(Counter().weights) == 3
    assert [v.name for v in Counter().non_trainable_weights] == ["count"]


def test_set_weights_wants_the_number_and_shapes_of_the_weights() -> None:
    layer = layers.Dense(2)
    layer(ONES)
    with pytest.raises(ShapeError, match="set_weights expected 2 arrays"):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(ShapeError, match=r"dense/kernel: set_weights expected shape"):
        layer.set_weights([np.zeros((2, 2)), np.zeros(2)])
    layer.set_weights([np.ones((3, 2)), np.ones(2)])
    assert layer(ONES).numpy().tolist() == [[4, 4], [4, 4]]


def test_count_params_needs_a_built_layer() -> None:
    with pytest.raises(ArgumentError, match="expected a built layer"):
        layers.Dense(2).count_params()


def test_training_is_passed_down_unless_given() -> None:
    class Outer(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = Scale(), Scale()

        def call(self, x: Any) -> Any:
            return self.a(x) + self.b(x, training=False)

    outer = Outer()
    assert outer(ONES)[0, 0].numpy() == 2
    assert outer(ONES, training=True)[0, 0].numpy() == 3


def test_floats_become_the_dtype_of_the_layer_and_integers_stay() -> None:
    seen: list[str] = []

    class Look(layers.Layer):
        def call(self, x: Any) -> Any:
            seen.append(x.dtype)
            return x

    Look()(np.ones(2, "float64"))
    Look()(np.ones(2, "int64"))
    Look(dtype="float64")(np.ones(2, "float32"))
    Look(autocast=False)(np.ones(2, "float64"))
    assert seen == ["float32", "int64", "float64", "float64"]


def test_result_on_arrays_is_a_tensor_with_data() -> None:
    result = Scale()(ONES)
    assert result.numpy().shape == (2, 3)
    assert float(result[0, 0]) == 1
    np.testing.assert_array_equal(result, ONES)


def test_build_gets_the_shape_of_the_first_argument_or_one_for_each() -> None:
    shapes: list[Any] = []

    class Two(layers.Layer):
        def build(self, a_shape: Any, b_shape: Any) -> None:
            shapes.append((a_shape, b_shape))

        def call(self, a: Any, b: Any) -> Any:
            return a + b

    Two()(layers.Input((3,)), b=layers.Input((1,)))
    assert shapes == [((None, 3), (None, 1))]


def test_build_with_a_parameter_of_no_argument_is_refused() -> None:
    class Wrong(layers.Layer):
        def build(self, a_shape: Any, c_shape: Any) -> None: ...

        def call(self, a: Any, b: Any) -> Any:
            return a + b

    with pytest.raises(ArgumentError, match="one argument X_shape"):
        Wrong()(ONES, ONES)


def test_build_by_hand_then_call() -> None:
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert layer.built
    assert layer.kernel.shape == (3, 2)
    block = Block()
    block.build((None, 3))
    assert block.count_params() == 40


def test_weights_made_while_a_model_is_traced_are_no_part_of_the_graph() -> None:
    layer = layers.Dense(2)
    with Trace() as trace:
        y = layer(trace.input("x", TensorType("float32", (1, 3))))
        graph, variables = trace.graph([y])
    assert variables == layer.weights
    assert [v.op.name for v in graph.walk() if not v.inputs] == ["input"] + [
        "state"
    ] * 2


def test_losses_are_those_of_the_last_call_and_of_the_weights() -> None:
    class Penalty(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(ops.sum(x))
            return x

    dense = layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")
    stack = keras.Sequential([Penalty(), dense])
    stack(ONES)
    stack(ONES)
    assert [round(float(x), 4) for x in stack.losses] == [6.0, 0.03]


def test_activity_regularizer_is_averaged_over_the_batch() -> None:
    layer = layers.Activation("linear", activity_regularizer=keras.regularizers.L1(1.0))
    layer(ONES)
    assert [float(x) for x in layer.losses] == [3.0]


def test_add_loss_outside_of_call_says_where_it_belongs() -> None:
    with pytest.raises(ArgumentError, match=r"inside call\(\)"):
        Scale().add_loss(1.0)


def test_errors_name_the_path_once_and_where_the_layer_was_built() -> None:
    block = Block(name="block")
    block(ONES)
    with pytest.raises(ShapeError) as caught:
        block(np.ones((2, 5)))
    text = str(caught.value)
    assert text.count("block/dense:") == 1
    assert re.search(r"built for \(2, 3\) at .*test_layer\.py:\d+", text)
    assert "Received f32[2, 5]" in text


def test_if_on_data_inside_call_names_the_users_line() -> None:
    class Bad(layers.Layer):
        def call(self, x: Any) -> Any:
            return x if ops.sum(x) > 0 else -x

    with pytest.raises(TraceError, match=r"at .*test_layer\.py:\d+"):
        Bad()(layers.Input((3,)))
    assert Bad()(ONES).shape == (2, 3)  # with data there is no question


def test_static_python_control_flow_is_fine() -> None:
    class Deep(layers.Layer):
        def call(self, x: Any) -> Any:
            for _ in range(3):
                if x.shape[-1] == 3 and len(x.shape) == 2:
                    x = ops.tanh(x)
            return x

    assert Deep()(layers.Input((3,))).shape == (None, 3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.Dense(2, unit=3), r"Received unit=3"),
        (lambda: layers.Dense(-1), "units to be a positive int"),
        (lambda: layers.Dense(2, activation="rleu"), "Did you mean 'relu'"),
        (lambda: layers.Dense(2, kernel_initializer="zeroes"), "Did you mean 'zeros'"),
        (lambda: layers.Dense(2, name="a/b"), "without '/'"),
        (lambda: layers.Dropout(1.5), "0 <= rate <= 1"),
        (lambda: layers.Conv2D(4, (3, 3, 3)), "kernel_size to be an int or 2 ints"),
        (lambda: layers.Conv2D(4, 3, padding="sam"), "padding in 'valid', 'same'"),
        (lambda: layers.Conv2D(5, 3, groups=2), "groups to divide filters"),
        (lambda: layers.Reshape((-1, -1)), "at most one of them -1"),
        (lambda: layers.Permute((2, 3)), "name the axes from 1"),
    ],
)
def test_wrong_arguments_are_refused_at_once(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def test_forgotten_super_init_says_so() -> None:
    class Hasty(layers.Layer):
        def __init__(self) -> None:
            self.x = 1

    with pytest.raises(ArgumentError, match=r"super\(\).__init__\(\)"):
        Hasty()(ONES)


def test_layer_called_on_a_layer_or_number_says_so() -> None:
    with pytest.raises(ArgumentError, match="expected tensors or arrays"):
        layers.Dense(2)(layers.Dense(2))
    with pytest.raises(ArgumentError, match="expected tensors or arrays"):
        layers.Dense(2)([1.0, 2.0])


def test_weight_that_depends_on_a_free_size_is_refused() -> None:
    with pytest.raises(ShapeError, match="expected a shape of known sizes"):
        layers.Dense(2)(layers.Input((None,)))


def test_config_of_a_users_layer_is_captured() -> None:
    layer = Scale(3.0, name="mine", trainable=False)
    config = layer.get_config()
    assert config["factor"] == 3.0
    again = Scale.from_config(config)
    assert (again.factor, again.name, again.trainable) == (3.0, "mine", False)


def test_config_with_a_layer_inside_comes_back_whole() -> None:
    class Around(layers.Layer):
        def __init__(self, inner: Any, gain: float = 1.0) -> None:
            super().__init__()
            self.stored = inner  # not under the argument's name

        def call(self, x: Any) -> Any:
            return self.stored(x)

    again = Around.from_config(Around(layers.Dense(7)).get_config())
    assert again.stored.units == 7


def test_argument_without_a_config_is_refused_with_the_way_out() -> None:
    class Holder(layers.Layer):
        def __init__(self, thing: Any) -> None:
            super().__init__()

    with pytest.raises(SavingError, match=r"Write get_config\(\)"):
        Holder(object()).get_config()


def test_users_get_config_is_respected() -> None:
    class Own(Scale):
        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "factor": self.factor + 1}

    assert Own.from_config(Own(1.0).get_config()).factor == 2.0


def test_keras_arguments_that_ask_for_nothing_are_taken() -> None:
    config = layers.Dense(2).get_config() | {"quantization_config": None}
    assert layers.Dense.from_config(config).units == 2


def test_output_shape_is_found_without_a_call() -> None:
    layer = layers.Conv2D(4, 3)
    assert layer.compute_output_shape((None, 8, None, 2)) == (None, 6, None, 4)
    assert layer._inbound_nodes == []


def test_layer_made_inside_call_is_noticed() -> None:
    class Careless(layers.Layer):
        def call(self, x: Any) -> Any:
            return layers.Dense(2, name="lost")(x)

    with pytest.warns(UserWarning, match="used lost in call"):
        Careless()(ONES)


def test_users_build_may_call_that_of_the_base() -> None:
    class Polite(Block):
        def build(self, input_shape: Any) -> None:
            self.extra = self.add_weight((), "ones")
            super().build(input_shape)

    layer = Polite()
    layer.build((None, 3))
    assert layer.count_params() == 41
    assert layer(ONES).shape == (2, 4)


def test_state_assigned_in_call_is_kept() -> None:
    class Sum(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.total = self.add_weight((), "zeros", trainable=False)

        def call(self, x: Any) -> Any:
            self.total.assign_add(ops.sum(x))
            return self.total

    layer = Sum()
    assert [float(layer(ONES)), float(layer(ONES))] == [6.0, 12.0]
    assert layer(layers.Input((3,))).shape == ()
    assert float(layer.total.numpy()) == 12.0


def test_stateless_call_leaves_the_variables_as_they_are() -> None:
    layer = layers.BatchNormalization(momentum=0.5)
    x = np.array([[1.0], [3.0]], "float32")
    layer(x)
    ones = [np.full(1, 2.0, "float32"), np.zeros(1, "float32")]
    before = layer.get_weights()
    outputs, after = layer.stateless_call(ones, before[2:], x, training=True)
    np.testing.assert_allclose(outputs, [[-2.0], [2.0]], rtol=1e-3)
    assert [float(np.asarray(v)[0]) for v in after] == [1.0, 1.0]
    assert all(np.array_equal(a, b) for a, b in zip(layer.get_weights(), before))
    with pytest.raises(ArgumentError, match="expected 2 trainable_variables"):
        layer.stateless_call([], before[2:], x)
