"""What a layer holds is looked at anew when it changes, however deep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphkeras.layers import Dense, Layer
from graphkeras.metrics import Mean
from graphkeras.variables import Variable


class Holder(Layer):
    """A list in a dict, and a list of metrics."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: dict[str, Any] = {"deep": [Dense(1)]}
        self.measured: list[Any] = []


@pytest.fixture
def holder() -> Holder:
    found = Holder()
    assert len(found._layers) == 1 and not found._metrics and not found.weights
    return found


def test_a_layer_put_into_a_list_in_a_dict_is_found(holder: Holder) -> None:
    more = Dense(1)
    holder.blocks["deep"].append(more)
    assert holder._layers[1] is more


def test_a_layer_in_the_place_of_another_is_found(holder: Holder) -> None:
    other = holder.blocks["deep"][0] = Dense(1)
    assert holder._layers == [other]


def test_a_layer_taken_away_is_gone(holder: Holder) -> None:
    del holder.blocks["deep"]
    assert not holder._layers


def test_metrics_and_variables_that_come_later_are_found(holder: Holder) -> None:
    holder.measured += [Mean(), Variable(np.zeros(2), name="v")]
    assert len(holder._metrics) == 1 and len(holder.weights) == 1


def test_what_is_set_past_setattr_is_found(holder: Holder) -> None:
    more = holder.__dict__["more"] = Dense(1)
    assert more in holder._layers
