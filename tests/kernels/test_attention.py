"""Attention as other processors get it, and where sizes are known when it runs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from graphkeras.kernels.cpu.attention import attend, attend_backward
from graphkeras.kernels.cpu.target import forced
from graphkeras.ops import attention
from tests.kernels.machine import Machine
from tests.ops.table_attention import ATTENTION

WIDTHS = [(256, 16), (128, 32)]
KINDS = [(attend, attention.attend), (attend_backward, attention.attend_backward)]


def hidden(operands: Any, results: Any) -> list[set[int]]:
    """Samples, queries and keys are not known; how large they are is."""
    return [{0, 1} if a.ndim in (4, 5) else set() for a in (*operands, *results)]


@pytest.mark.parametrize(("bits", "registers"), WIDTHS)
@pytest.mark.parametrize(("kernel", "reference"), KINDS)
def test_attention_at_other_widths(
    kernel: Any, reference: Any, bits: int, registers: int
) -> None:
    for number, sample in enumerate(ATTENTION[reference.op.name]):
        operands = sample.arrays()
        wanted = reference(*operands, **sample.attrs)
        made = [np.empty_like(w) for w in wanted]
        machine = Machine(hidden=hidden(operands, made) if number % 2 else ())
        machine.add(partial(kernel, **sample.attrs), *operands, *made)
        with forced(bits, registers):
            machine.run()
        for found, expected in zip(made, wanted, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
