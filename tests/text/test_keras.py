"""Every configuration of `cases.py`: Keras, the plain model and the layer agree."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphkeras import layers
from graphkeras.ir import dims
from graphkeras.ir.interpret import interpret
from graphkeras.ir.trace import Trace
from graphkeras.ir.types import TensorType
from tests.text import model
from tests.text.cases import (
    ARGUMENTS,
    LEARNERS,
    MODES,
    NGRAMS,
    SPLIT,
    STANDARDIZE,
    VOCABULARY,
    batches,
)
from tests.text.record import LEARNED, batches_or_whole, recorded

RECORDED = recorded()
ANSWERS = json.loads(LEARNED.read_text(encoding="utf-8"))
GROUPS = [(a, b) for a in STANDARDIZE for b in SPLIT]


def members(group: Any) -> list[int]:
    """The configurations of one way to standardize and split."""
    return [
        i for i, one in enumerate(ARGUMENTS)
        if (one["standardize"], one["split"]) == group
    ]  # fmt: skip


def assert_equal(found: np.ndarray, expected: np.ndarray, note: Any) -> None:
    """Exactly, but for weights."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), note
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=str(note))
    else:
        np.testing.assert_array_equal(found, expected, err_msg=str(note))


def without_words(arguments: dict[str, Any]) -> dict[str, Any]:
    """What to print of a configuration."""
    return {
        k: v for k, v in arguments.items() if k not in ("vocabulary", "idf_weights")
    }


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_layer_answers_as_keras_does(group: Any) -> None:
    for i in members(group):
        layer = layers.TextVectorization(**ARGUMENTS[i])
        for batch, expected in zip(batches(ARGUMENTS[i]), RECORDED[i], strict=True):
            found = layer(batch).numpy()
            assert_equal(found, expected, without_words(ARGUMENTS[i]))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_plain_model_answers_as_keras_does(group: Any) -> None:
    for i in members(group):
        for batch, expected in zip(batches(ARGUMENTS[i]), RECORDED[i], strict=True):
            found = model.answer(batch, ARGUMENTS[i])
            assert_equal(found, expected, without_words(ARGUMENTS[i]))


def by_reference(layer: layers.Layer, batch: np.ndarray) -> np.ndarray:
    """What the ops of a layer give by their NumPy references."""
    free = (dims.symbol("batch"), *batch.shape[1:])
    with Trace() as trace:
        x = trace.input("x", TensorType("string", free))
        graph, state = trace.graph([layer(x)])
    (found,), _ = interpret(graph, [batch], [v.array for v in state])
    return found


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_reference_answers_as_keras_does(group: Any) -> None:
    for i in members(group)[::5]:
        layer = layers.TextVectorization(**ARGUMENTS[i])
        for batch, expected in zip(batches(ARGUMENTS[i]), RECORDED[i], strict=True):
            found = by_reference(layer, np.array(batch, object))
            assert_equal(found, expected, without_words(ARGUMENTS[i]))


@pytest.mark.parametrize("first", range(0, len(LEARNERS), 30))
def test_layer_learns_what_keras_learns(first: int) -> None:
    for row, expected in list(zip(LEARNERS, ANSWERS, strict=True))[first : first + 30]:
        if "error" in expected:
            continue
        arguments, data, inputs = row
        layer = layers.TextVectorization(**arguments)
        layer.adapt(batches_or_whole(data))
        assert layer.get_vocabulary() == expected["words"], row
        wanted = np.array(expected["data"], expected["dtype"])
        assert_equal(layer(inputs).numpy(), wanted.reshape(expected["shape"]), row)


ANYTHING = st.text(max_size=30) | st.text("aA b.c\t\né日👍\x00'", max_size=40)
SETTINGS = st.fixed_dictionaries(
    {
        "standardize": st.sampled_from(STANDARDIZE),
        "split": st.sampled_from(SPLIT[:2]),
        "ngrams": st.sampled_from(NGRAMS),
    }
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ANYTHING, max_size=6), SETTINGS, st.sampled_from(MODES))
def test_any_texts_are_read_as_the_model_reads_them(
    batch: list[str], cut: dict[str, Any], mode: dict[str, Any]
) -> None:
    given_ = {"vocabulary": VOCABULARY, **cut, **mode}
    found = layers.TextVectorization(**given_)(batch).numpy()
    assert_equal(found, model.answer(batch, given_), without_words(given_))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=6), SETTINGS)
def test_any_bytes_are_read_as_the_model_reads_them(
    batch: list[bytes], cut: dict[str, Any]
) -> None:
    given_ = {"vocabulary": VOCABULARY, **cut}
    found = layers.TextVectorization(**given_)(np.array(batch, object)).numpy()
    assert_equal(found, model.answer(batch, given_), without_words(given_))
