"""A batch like the last one takes a short way, and gives what the long one gives."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import graphkeras as keras
from graphkeras import layers
from graphkeras.runtime.program import Program

RNG = np.random.default_rng(5)
Way = list[str]


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Way:
    """Notes which way each call took."""
    taken: Way = []
    run, again = Program.run, Program.again

    def long(program: Program, *args: Any) -> Any:
        taken.append("long")
        return run(program, *args)

    def short(program: Program, *args: Any) -> Any:
        found = again(program, *args)
        taken.extend(["short"] if found is not None else [])
        return found

    monkeypatch.setattr(Program, "run", long)
    monkeypatch.setattr(Program, "again", short)
    return taken


def dense() -> Any:
    made = keras.Sequential([keras.Input((7,)), layers.Dense(5, "tanh")])
    made.compile("sgd", "mse")
    return made


def images() -> Any:
    """Its weights are changed into others, which are kept."""
    inputs = keras.Input((12, 12, 16))
    x = layers.Conv2D(16, 3, padding="same")(inputs)
    made = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    made.compile("sgd", "mse")
    return made


def data_for(model: Any, count: int = 3) -> np.ndarray:
    shape = (count, *model.inputs[0].shape[1:])
    return RNG.standard_normal(shape).astype("float32")


def anew(model: Any, x: Any) -> np.ndarray:
    """The answer by the long way, of a step without a past."""
    return model.make_predict_function(force=True).run((x,))


MODELS = pytest.mark.parametrize("build", [dense, images])


@MODELS
def test_the_second_batch_takes_the_short_way(
    build: Callable[[], Any], way: Way
) -> None:
    model = build()
    model.predict_on_batch(data_for(model))
    x = data_for(model)
    way.clear()
    found = model.predict_on_batch(x)
    assert way == ["short"]
    assert found.tobytes() == anew(model, x).tobytes()


def assign(model: Any) -> None:
    model.weights[0].assign(model.weights[0] * -2.0)


def set_weights(model: Any) -> None:
    model.set_weights([w * 3.0 for w in model.get_weights()])


def train_batch(model: Any) -> None:
    x = data_for(model)
    model.train_on_batch(x, model(x).numpy() + 1.0)


def fit(model: Any) -> None:
    x = data_for(model, 8)
    model.fit(x, model(x).numpy() + 1.0, epochs=1, batch_size=4, verbose=0)


CHANGES = pytest.mark.parametrize("change", [assign, set_weights, train_batch, fit])


@CHANGES
@MODELS
def test_new_weights_are_seen(
    build: Callable[[], Any], change: Callable[[Any], None]
) -> None:
    model = build()
    x = data_for(model)
    old = [model.predict_on_batch(x) for _ in range(2)][1]
    change(model)
    found = [model.predict_on_batch(x) for _ in range(3)]
    wanted = anew(model, x)
    assert not np.array_equal(old, wanted)
    assert {f.tobytes() for f in found} == {wanted.tobytes()}


def read_only(x: np.ndarray) -> np.ndarray:
    x.flags.writeable = False
    return x


OTHERS: dict[str, Callable[[np.ndarray], Any]] = {
    "rows": lambda x: x[:2],
    "one row": lambda x: x[:1],
    "dtype": lambda x: x.astype("float64"),
    "integers": lambda x: x.astype("int32"),
    "order": lambda x: np.asfortranarray(x),
    "steps": lambda x: np.repeat(x, 2, 1)[:, ::2],
    "read-only": lambda x: read_only(x.copy()),
    "matrix": lambda x: x.view(np.recarray),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_like_the_last_batch_takes_the_long_way(
    name: str, way: Way
) -> None:
    model = dense()
    x = data_for(model)
    usual = model.predict_on_batch(x)
    way.clear()
    given = OTHERS[name](x)
    found = model.predict_on_batch(given)
    assert way == ["long"]
    rows = np.asarray(given, "float32")
    assert np.allclose(found, model(rows).numpy(), atol=1e-6)
    assert model.predict_on_batch(x).tobytes() == usual.tobytes()


def two_inputs() -> Any:
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    return keras.Model({"a": a, "b": b}, layers.Subtract()([a, b]))


def test_a_dict_goes_by_its_keys(way: Way) -> None:
    model, (one, two) = two_inputs(), RNG.random((2, 2, 3), np.float32)
    model.predict_on_batch({"a": one, "b": two})
    way.clear()
    for given in ({"a": one, "b": two}, {"b": two, "a": one}):
        assert np.array_equal(model.predict_on_batch(given), one - two)
    assert way == ["short"] * 2
    with pytest.raises(ValueError, match="b"):
        model.predict_on_batch({"a": one, "c": two})


def test_another_default_float_is_seen() -> None:
    model = dense()
    x = data_for(model).astype("float64")
    model.predict_on_batch(x)
    keras.config.set_floatx("float64")
    try:
        found = dense().predict_on_batch(x)
        model.predict_on_batch(x)
    finally:
        keras.config.set_floatx("float32")
    assert found.dtype == np.float64


def test_results_of_the_short_way_belong_to_the_caller() -> None:
    model = dense()
    batches = [data_for(model) for _ in range(4)]
    found = [model.predict_on_batch(x) for x in batches]
    for x, y in zip(batches, found):
        assert np.array_equal(y, anew(model, x))


def test_many_threads_take_the_short_way_at_once() -> None:
    model = dense()
    batches = [data_for(model, 1 + i % 2) for i in range(4)]
    wanted = [anew(model, x).tobytes() for x in batches]

    def work(number: int) -> bool:
        x, y = batches[number % 4], wanted[number % 4]
        return all(model.predict_on_batch(x).tobytes() == y for _ in range(200))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(8)))


def test_predict_between_two_calls_changes_nothing() -> None:
    model = dense()
    x = data_for(model, 9)
    first = model.predict_on_batch(x)
    model.predict(x, batch_size=4, verbose=0)
    assert model.predict_on_batch(x).tobytes() == first.tobytes()
