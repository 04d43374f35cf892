"""Convolutions along lines, by combs of their taps, against NumPy."""

import numpy as np
import pytest

from graphkeras.kernels.cpu import comb_weights
from graphkeras.kernels.cpu import combs as kernels
from tests.kernels import reference
from tests.kernels.test_every_kernel import Sweep, numbers

# image, kernel, stride, teeth, padding: combs of fewer teeth, lines of one tile, edges
BY_COMBS = [
    ((2, 1, 50, 16), (1, 7, 16, 32), 3, 3, (0, 0)),
    ((3, 2, 41, 9), (1, 7, 9, 20), 3, 3, (2, 4)),
    ((2, 1, 30, 17), (1, 5, 17, 35), 1, 5, (2, 2)),
    ((2, 1, 33, 70), (1, 7, 70, 70), 1, 4, (6, 0)),
    ((1, 3, 33, 24), (1, 9, 24, 130), 2, 3, (4, 3)),
    ((4, 1, 7, 8), (1, 7, 8, 8), 2, 2, (0, 0)),
    ((2, 1, 70, 8), (1, 25, 8, 33), 4, 4, (5, 5)),
]


def by_combs(e, x, w, g, u, turned, slopes, y, data, weights, **combs):
    """A convolution of lines, its gradients, and what they need in between."""
    taps = {name: combs[name] for name in ("stride", "teeth")}
    comb_weights.weights(e, w, u, **taps)
    comb_weights.turned(e, w, turned, **taps)
    kernels.conv(e, x, u, y, **combs)
    kernels.backward_data(e, g, turned, data, **combs)
    kernels.backward_weights(e, x, g, slopes, **combs)
    comb_weights.weights_gradient(e, slopes, weights, **taps)


def comb_arrays(x, w, g, stride, teeth):
    """Room for what `by_combs` makes: values of taps, of both kinds, and of slopes."""
    firsts = [t for t in range(w.shape[1]) if t // stride % teeth == 0]
    steps, (inputs, outputs) = len({t // stride for t in firsts}), w.shape[2:]
    u = np.zeros((1, -(-outputs // 32), 6, len(firsts), inputs, 32), "f")
    turned = np.zeros((stride, -(-inputs // 32), 6, steps, outputs, 32), "f")
    return u, turned, np.zeros((6, len(firsts), inputs, outputs), "f")


@pytest.mark.parametrize("dynamic", [False, "batch"])
def test_convolutions_by_combs(rng, dynamic):
    sweep = Sweep(dynamic)
    for image, kernel, stride, teeth, padding in BY_COMBS:
        x, w = numbers(rng, image), numbers(rng, kernel)
        plain = {"strides": (1, stride), "padding": ((0, 0), padding)}
        y = reference.conv2d(x, w, **plain)
        g = numbers(rng, y.shape)
        data, weights = reference.conv2d_backward(x, w, g, **plain)
        found = [np.zeros(a.shape, "f") for a in (y, data, weights)]
        how = {"taps": w.shape[1], "stride": stride, "teeth": teeth}

        def case(e, *arrays, how=how, before=padding[0]):
            by_combs(e, *arrays, **how, before=before)

        sweep.machine.add(case, x, w, g, *comb_arrays(x, w, g, stride, teeth), *found)
        sweep.checks += zip([case] * 3, found, (y, data, weights))
    sweep.run()
