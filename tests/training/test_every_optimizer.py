"""Every optimizer against its formula in NumPy, eager and compiled."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphkeras import optimizers
from graphkeras.compiler.pipeline import compile_graph
from graphkeras.errors import ArgumentError, GraphKerasError
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from graphkeras.variables import Variable

STEPS = 4
Formula = Callable[[Any, Any, dict, int], Any]  # (weight, gradient, slots, step) -> new


def _mean(slots: dict, name: str, value: Any, rate: float, start: float = 0.0) -> Any:
    slots[name] = rate * slots.get(name, start) + (1 - rate) * value
    return slots[name]


def _sum(slots: dict, name: str, value: Any, start: float = 0.0) -> Any:
    slots[name] = slots.get(name, start) + value
    return slots[name]


def _momentum(w: Any, g: Any, s: dict, t: int) -> Any:
    s["v"] = 0.9 * s.get("v", 0) - 0.1 * g
    return w + s["v"]


def _nesterov(w: Any, g: Any, s: dict, t: int) -> Any:
    s["v"] = 0.9 * s.get("v", 0) - 0.1 * g
    return w + 0.9 * s["v"] - 0.1 * g


def _centered(w: Any, g: Any, s: dict, t: int) -> Any:
    spread = _mean(s, "v", g * g, 0.8) - _mean(s, "m", g, 0.8) ** 2
    s["p"] = 0.5 * s.get("p", 0) + 0.1 * g / np.sqrt(spread + 1e-3)
    return w - s["p"]


def _adam(w: Any, g: Any, s: dict, t: int) -> Any:
    m = _mean(s, "m", g, 0.9) / (1 - 0.9**t)
    v = _mean(s, "v", g * g, 0.999) / (1 - 0.999**t)
    small = 1e-7 / np.sqrt(1 - 0.999**t)  # Keras adds epsilon before the correction
    return w - 0.1 * m / (np.sqrt(v) + small)


def _amsgrad(w: Any, g: Any, s: dict, t: int) -> Any:
    m, v = _mean(s, "m", g, 0.9), _mean(s, "v", g * g, 0.5)
    s["top"] = np.maximum(s.get("top", 0), v)
    rate = 0.1 * np.sqrt(1 - 0.5**t) / (1 - 0.9**t)
    return w - rate * m / (np.sqrt(s["top"]) + 1e-7)


def _adamax(w: Any, g: Any, s: dict, t: int) -> Any:
    m = _mean(s, "m", g, 0.9)
    s["u"] = np.maximum(0.999 * s.get("u", 0), abs(g))
    return w - 0.1 * m / ((1 - 0.9**t) * (s["u"] + 1e-7))


def _nadam(w: Any, g: Any, s: dict, t: int) -> Any:
    now, coming = (0.9 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
    s["u"] = s.get("u", 1.0) * now
    m = _mean(s, "m", g, 0.9)
    v = _mean(s, "v", g * g, 0.999) / (1 - 0.999**t)
    ahead = coming * m / (1 - s["u"] * coming) + (1 - now) * g / (1 - s["u"])
    return w - 0.1 * ahead / (np.sqrt(v) + 1e-7)


def _adadelta(w: Any, g: Any, s: dict, t: int) -> Any:
    down = np.sqrt(_mean(s, "g", g * g, 0.95) + 1e-7)
    step = -np.sqrt(s.get("d", 0) + 1e-7) * g / down
    _mean(s, "d", step * step, 0.95)
    return w + step


def _ftrl(w: Any, g: Any, s: dict, t: int) -> Any:
    old = s.get("n", 0.1)
    new = s["n"] = old + g * g
    change = (np.sqrt(new) - np.sqrt(old)) / 0.1
    z = _sum(s, "z", g - change * w)
    return np.where(
        abs(z) < 0.05, 0.0, (np.sign(z) * 0.05 - z) / (np.sqrt(new) / 0.1 + 2 * 0.01)
    )


def _lion(w: Any, g: Any, s: dict, t: int) -> Any:
    m = s.get("m", 0)
    s["m"] = 0.99 * m + 0.01 * g
    return w - 0.1 * np.sign(0.9 * m + 0.1 * g)


def _lamb(w: Any, g: Any, s: dict, t: int) -> Any:
    m = _mean(s, "m", g, 0.9) / (1 - 0.9**t)
    v = _mean(s, "v", g * g, 0.999) / (1 - 0.999**t)
    step = m / (np.sqrt(v) + 1e-7)
    return w - 0.1 * np.linalg.norm(w) / np.linalg.norm(step) * step


def _schedule_free(w: Any, g: Any, s: dict, t: int) -> Any:
    v = _mean(s, "v", g * g, 0.999) / (1 - 0.999**t)
    fast = s.get("z", w)
    mean = (w - 0.1 * fast) / 0.9
    rate = 0.1 * min(t / 3, 1)
    s["z"] = fast - rate * g / (np.sqrt(v) + 1e-8)
    return 0.1 * s["z"] + 0.9 * ((1 - 1 / t) * mean + s["z"] / t)


def _size(x: Any) -> Any:
    return np.sqrt((x * x).mean())


def _adafactor(w: Any, g: Any, s: dict, t: int) -> Any:
    kept = 1 - t**-0.8
    rows, columns = (_mean(s, str(a), (g * g).mean(a), kept) for a in (-1, -2))
    u = g / np.sqrt(rows[:, None] / rows.mean() * columns)
    return w - max(1e-3, _size(w)) * min(0.1, t**-0.5) * u / max(1, _size(u))


def _muon(w: Any, g: Any, s: dict, t: int) -> Any:
    m = s["m"] = 0.95 * s.get("m", 0) + g
    x = (g + 0.95 * m).T
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(5):
        y = x @ x.T
        x = 3.4445 * x + (-4.7750 * y + 2.0315 * y @ y) @ x
    return w - w * 0.004 * 0.1 - 0.1 * x.T * np.sqrt(3) * 0.2


SAMPLES: dict[str, tuple[type, dict[str, Any], Formula]] = {
    "SGD": (optimizers.SGD, {}, lambda w, g, s, t: w - 0.1 * g),
    "momentum": (optimizers.SGD, {"momentum": 0.9}, _momentum),
    "nesterov": (optimizers.SGD, {"momentum": 0.9, "nesterov": True}, _nesterov),
    "RMSprop": (
        optimizers.RMSprop, {},
        lambda w, g, s, t: w - 0.1 * g / np.sqrt(_mean(s, "v", g * g, 0.9) + 1e-7),
    ),
    "RMSprop, centered": (
        optimizers.RMSprop,
        {"rho": 0.8, "momentum": 0.5, "epsilon": 1e-3, "centered": True}, _centered,
    ),
    "Adam": (optimizers.Adam, {}, _adam),
    "Adam with amsgrad": (optimizers.Adam, {"amsgrad": True, "beta_2": 0.5}, _amsgrad),
    "AdamW": (
        optimizers.AdamW, {"weight_decay": 0.5},
        lambda w, g, s, t: _adam(w - w * 0.5 * 0.1, g, s, t),
    ),
    "Adagrad": (
        optimizers.Adagrad, {},
        lambda w, g, s, t: w - 0.1 * g / np.sqrt(_sum(s, "n", g * g, 0.1) + 1e-7),
    ),
    "Adadelta": (optimizers.Adadelta, {"learning_rate": 1.0}, _adadelta),
    "Adamax": (optimizers.Adamax, {}, _adamax),
    "Nadam": (optimizers.Nadam, {}, _nadam),
    "Ftrl": (
        optimizers.Ftrl,
        {"l1_regularization_strength": 0.05, "l2_regularization_strength": 0.01}, _ftrl,
    ),
    "Lion": (optimizers.Lion, {}, _lion),
    "Lamb": (optimizers.Lamb, {}, _lamb),
    "ScheduleFreeAdamW": (
        optimizers.ScheduleFreeAdamW, {"warmup_steps": 3}, _schedule_free
    ),
    "Adafactor": (optimizers.Adafactor, {}, _adafactor),
    "Muon": (optimizers.Muon, {}, _muon),
    "Muon, by Adam": (
        optimizers.Muon,
        {"exclude_layers": ["w"], "adam_weight_decay": None, "adam_lr_ratio": 2.0,
         "learning_rate": 0.05}, _adam,
    ),
    "clipvalue": (
        optimizers.SGD, {"clipvalue": 0.2},
        lambda w, g, s, t: w - 0.1 * np.clip(g, -0.2, 0.2),
    ),
    "clipnorm": (
        optimizers.SGD, {"clipnorm": 0.3},
        lambda w, g, s, t: w - 0.1 * g * min(1.0, 0.3 / np.linalg.norm(g)),
    ),
    "global_clipnorm": (
        optimizers.SGD, {"global_clipnorm": 0.3},
        lambda w, g, s, t: w - 0.1 * g * min(1.0, 0.3 / np.linalg.norm(g)),
    ),
    "weight_decay": (
        optimizers.SGD, {"weight_decay": 0.5},
        lambda w, g, s, t: w - w * 0.5 * 0.1 - 0.1 * g,
    ),
    "loss_scale_factor": (
        optimizers.SGD, {"loss_scale_factor": 8.0}, lambda w, g, s, t: w - 0.1 * g / 8
    ),
    "gradient_accumulation_steps": (
        optimizers.SGD, {"gradient_accumulation_steps": 2},
        lambda w, g, s, t: (
            w - 0.1 * (s.pop("g") + g) / 2 if t % 2 == 0 else (s.update(g=g), w)[1]
        ),
    ),
}  # fmt: skip

ALL = pytest.mark.parametrize("name", SAMPLES)


def made(name: str) -> Any:
    cls, arguments, _ = SAMPLES[name]
    return cls(**{"learning_rate": 0.1, **arguments})


def walk(name: str, rng: np.random.Generator) -> tuple[Any, list[Any], Any]:
    """Return a first weight, gradients, and the weight after them all."""
    first = rng.normal(size=(3, 2))
    gradients = [rng.normal(size=(3, 2)) for _ in range(STEPS)]
    weight, slots = first, dict[str, Any]()
    for step, gradient in enumerate(gradients, 1):
        weight = SAMPLES[name][2](weight, gradient, slots, step)
    return first, gradients, weight


def test_every_public_optimizer_has_a_sample() -> None:
    alone = {optimizers.LossScaleOptimizer}  # it wraps another: see test_loss_scale
    assert {cls for cls, _, _ in SAMPLES.values()} == set(optimizers.CLASSES) - alone


@ALL
def test_steps_follow_the_formula(name: str, rng: np.random.Generator) -> None:
    first, gradients, last = walk(name, rng)
    weight, optimizer = Variable(first.astype("float32"), name="w"), made(name)
    for gradient in gradients:
        optimizer.apply_gradients([(gradient.astype("float32"), weight)])
    np.testing.assert_allclose(weight.numpy(), last, rtol=2e-4, atol=2e-5)
    assert int(optimizer._iterations) == STEPS


@ALL
def test_compiled_is_eager(name: str, rng: np.random.Generator) -> None:
    first, gradients, last = walk(name, rng)
    weight, optimizer = Variable(first.astype("float32"), name="w"), made(name)
    with Trace() as trace:
        given = trace.input("g", TensorType("float32", (3, 2)))
        optimizer.apply([given], [weight])
        graph, variables = trace.graph([])
    program = compile_graph(graph, name="optimizer")
    for gradient in gradients:
        program.run([gradient.astype("float32")], [v.array for v in variables])
    np.testing.assert_allclose(weight.numpy(), last, rtol=2e-4, atol=2e-5)


@ALL
def test_config_makes_the_same_optimizer(name: str) -> None:
    optimizer = made(name)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()


@ALL
def test_state_is_saved_and_loaded(name: str, rng: np.random.Generator) -> None:
    gradient = rng.normal(size=(3, 2)).astype("float32")
    weights = [Variable(np.ones((3, 2), "float32"), name="w") for _ in range(2)]
    pair = [made(name), made(name)]
    for optimizer, weight in zip(pair, weights):
        optimizer.build([weight])
    pair[0].apply([gradient])
    store: dict[str, Any] = {}
    pair[0].save_own_variables(store)
    pair[1].load_own_variables(store)
    for a, b in zip(*(o.variables for o in pair)):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def _part_of_cycle(n: int) -> float:
    """Cycles of 4, 8, 16 ... steps: how much of the one at step n is over."""
    length = 4
    while n >= length:
        n, length = n - length, length * 2
    return n / length


SCHEDULES: dict[str, tuple[Any, Callable[[int], float]]] = {
    "ExponentialDecay": (
        optimizers.schedules.ExponentialDecay(0.1, 10, 0.5),
        lambda n: 0.1 * 0.5 ** (n / 10),
    ),
    "ExponentialDecay by stairs": (
        optimizers.schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
        lambda n: 0.1 * 0.5 ** (n // 10),
    ),
    "PiecewiseConstantDecay": (
        optimizers.schedules.PiecewiseConstantDecay([3, 12], [1.0, 0.5, 0.1]),
        lambda n: 1.0 if n <= 3 else 0.5 if n <= 12 else 0.1,
    ),
    "PolynomialDecay": (
        optimizers.schedules.PolynomialDecay(0.1, 10, 0.01, power=2.0),
        lambda n: 0.09 * (1 - min(n, 10) / 10) ** 2 + 0.01,
    ),
    "PolynomialDecay in cycles": (
        optimizers.schedules.PolynomialDecay(0.1, 10, 0.01, cycle=True),
        lambda n: 0.09 * (1 - n / (10 * max(1, -(-n // 10)))) + 0.01,
    ),
    "InverseTimeDecay": (
        optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5),
        lambda n: 0.1 / (1 + 0.5 * n / 10),
    ),
    "CosineDecay": (
        optimizers.schedules.CosineDecay(0.1, 10, alpha=0.2),
        lambda n: 0.1 * (0.8 * (1 + np.cos(np.pi * min(n, 10) / 10)) / 2 + 0.2),
    ),
    "CosineDecay after a warm-up": (
        optimizers.schedules.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=5),
        lambda n: (
            0.02 * n if n < 5 else 0.05 * (1 + np.cos(np.pi * min(n - 5, 10) / 10))
        ),
    ),
    "CosineDecayRestarts": (
        optimizers.schedules.CosineDecayRestarts(0.1, 10, t_mul=1.0, m_mul=0.5),
        lambda n: 0.05 * 0.5 ** (n // 10) * (1 + np.cos(np.pi * (n % 10) / 10)),
    ),
    "CosineDecayRestarts, longer each time": (
        optimizers.schedules.CosineDecayRestarts(0.1, 4),
        lambda n: 0.05 * (1 + np.cos(np.pi * _part_of_cycle(n))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_follows_the_formula(name: str) -> None:
    schedule, formula = SCHEDULES[name]
    steps = (0, 1, 3, 5, 9, 13, 21)
    found = [float(schedule(step)) for step in steps]
    np.testing.assert_allclose(found, [formula(n) for n in steps], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_comes_back_from_its_config(name: str) -> None:
    schedule, _ = SCHEDULES[name]
    optimizer = optimizers.SGD(schedule)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again._learning_rate.get_config() == schedule.get_config()


def test_learning_rate_can_be_assigned() -> None:
    optimizer, weight = optimizers.SGD(0.1), Variable(1.0, name="w")
    optimizer.learning_rate = 0.5
    optimizer.apply([1.0], [weight])
    assert float(weight) == 0.5 and float(optimizer.learning_rate) == 0.5


def test_rate_of_a_schedule_cannot_be_assigned() -> None:
    optimizer = optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 10))
    with pytest.raises(TypeError, match="follows a schedule"):
        optimizer.learning_rate = 0.1


def test_moving_average_takes_the_weights_place() -> None:
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    weight = Variable(0.0, name="w")
    for _ in range(3):
        optimizer.apply([-1.0], [weight])
    assert float(weight) == 3.0
    optimizer.finalize_variable_values([weight])
    assert float(weight) == pytest.approx(2.25)  # 1 -> 1.5 -> 2.25


def test_variable_without_gradient_is_named_and_stays() -> None:
    weights = [Variable(1.0, name="a"), Variable(1.0, name="b")]
    with pytest.warns(UserWarning, match="no gradient reaches b"):
        optimizers.SGD(0.5).apply([1.0, None], weights)
    assert [float(w) for w in weights] == [0.5, 1.0]


def test_constraint_holds_after_the_step() -> None:
    weight = Variable(1.0, name="w")
    weight.constraint = lambda w: w * 0.0
    optimizers.SGD(0.1).apply([1.0], [weight])
    assert float(weight) == 0.0


def test_excluded_variables_do_not_decay() -> None:
    optimizer = optimizers.SGD(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    weights = [Variable(1.0, name="kernel"), Variable(1.0, name="bias")]
    optimizer.apply([0.0, 0.0], weights)
    assert [float(w) for w in weights] == [pytest.approx(0.9), 1.0]


REFUSED: dict[str, Callable[[], Any]] = {
    "takes one of clipnorm": lambda: optimizers.SGD(0.1, clipnorm=1.0, clipvalue=1.0),
    "takes no such argument": lambda: optimizers.Adam(lr=0.1),
    "accumulates over 2 or more": lambda: optimizers.Adam(
        gradient_accumulation_steps=1
    ),
    "needs ema_momentum": lambda: optimizers.Adam(use_ema=True, ema_momentum=2.0),
    "needs a number, a schedule": lambda: optimizers.Adam("fast"),
    "momentum must be from 0 to 1": lambda: optimizers.SGD(momentum=2.0),
    "decay_steps must be positive": lambda: optimizers.schedules.CosineDecay(0.1, 0),
    "a value more than boundaries": lambda: optimizers.schedules.PiecewiseConstantDecay(
        [1], [0.1]
    ),
    "Did you mean 'RMSprop'": lambda: optimizers.get("rmspropp"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_wrong_arguments_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        REFUSED[text]()


def test_strange_variables_are_refused() -> None:
    optimizer = optimizers.SGD(0.1)
    optimizer.build([Variable(1.0, name="a")])
    with pytest.raises(GraphKerasError, match=r"unknown variables \['b'\]"):
        optimizer.apply([1.0], [Variable(1.0, name="b")])


def test_no_gradient_at_all_is_an_error() -> None:
    with pytest.raises(GraphKerasError, match="no variable has a gradient"):
        optimizers.SGD(0.1).apply([None], [Variable(1.0, name="a")])


def test_arguments_of_all_optimizers_may_go_by_place_as_in_keras() -> None:
    adam = optimizers.Adam(0.1, 0.8, 0.9, 1e-5, True, 0.3, 2.0)
    config = adam.get_config()
    assert (config["weight_decay"], config["clipnorm"]) == (0.3, 2.0)
    names = [*inspect.signature(optimizers.Muon).parameters]
    assert names[5:7] == ["weight_decay", "clipnorm"]
    assert names[-3:] == ["nesterov", "rms_rate", "kwargs"]


@pytest.mark.parametrize("name", optimizers.legacy.__all__)
def test_optimizers_of_keras_2_say_what_to_use(name: str) -> None:
    with pytest.raises(ImportError, match=f"Use keras.optimizers.{name}, with"):
        getattr(optimizers.legacy, name)(lr=0.1)
