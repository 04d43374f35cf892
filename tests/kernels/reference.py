"""What every kernel should compute, in plain NumPy loops."""

import itertools

import numpy as np


def taps(x, w, *, strides, padding, dilation=(1, 1), groups=1):
    """For each tap and group: where it is in w, and its cells in the padded image."""
    kh, kw, inputs, outputs = w.shape
    tall, wide = (x.shape[1 + i] + sum(padding[i]) for i in range(2))
    height = (tall - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    width = (wide - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    each = outputs // groups
    for i, j, group in itertools.product(range(kh), range(kw), range(groups)):
        top, left = i * dilation[0], j * dilation[1]
        cells = (
            slice(None),
            slice(top, top + (height - 1) * strides[0] + 1, strides[0]),
            slice(left, left + (width - 1) * strides[1] + 1, strides[1]),
            slice(group * inputs, (group + 1) * inputs),
        )
        yield (i, j), slice(group * each, (group + 1) * each), cells, (height, width)


def conv2d(x, w, **attributes):
    """NHWC by HWIO; slow and obvious."""
    padded = np.pad(x, ((0, 0), *attributes["padding"], (0, 0))).astype(np.float64)
    out = None
    for tap, part, cells, size in taps(x, w, **attributes):
        if out is None:
            out = np.zeros((x.shape[0], *size, w.shape[3]))
        out[..., part] += padded[cells] @ w[tap][:, part].astype(np.float64)
    return out


def conv2d_backward(x, w, g, **attributes):
    """Each product of conv2d, turned round."""
    padding = ((0, 0), *attributes["padding"], (0, 0))
    padded = np.pad(x, padding).astype(np.float64)
    data, weights = np.zeros(padded.shape), np.zeros(w.shape)
    for tap, part, cells, _ in taps(x, w, **attributes):
        slope = g[..., part].astype(np.float64)
        data[cells] += slope @ w[tap][:, part].T
        weights[tap][:, part] += np.tensordot(padded[cells], slope, ([0, 1, 2],) * 2)
    inner = tuple(slice(low, low + n) for (low, _), n in zip(padding, x.shape))
    return data[inner], weights


def windows(x, *, window, strides, padding):
    """Each output place with the list of input cells under it."""
    height = (x.shape[1] + sum(padding[0]) - window[0]) // strides[0] + 1
    width = (x.shape[2] + sum(padding[1]) - window[1]) // strides[1] + 1
    for y, z in np.ndindex(height, width):
        top, left = y * strides[0] - padding[0][0], z * strides[1] - padding[1][0]
        cells = [
            (top + i, left + j)
            for i, j in np.ndindex(*window)
            if 0 <= top + i < x.shape[1] and 0 <= left + j < x.shape[2]
        ]
        yield y, z, cells


def pools(x, g, **attributes):
    """Maximum, the taps where it lies, its gradient, average, its gradient."""
    most, mean = np.zeros_like(g), np.zeros_like(g)
    places = np.zeros(g.shape, np.uint8)
    most_back, mean_back = np.zeros_like(x), np.zeros_like(x)
    (_, across), (down, right) = attributes["window"], attributes["strides"]
    top, left = (ends[0] for ends in attributes["padding"])
    for y, z, cells in windows(x, **attributes):
        patch = np.stack([x[:, i, j] for i, j in cells])
        most[:, y, z], mean[:, y, z] = patch.max(0), patch.mean(0)
        first = patch.argmax(0)
        for place, (i, j) in enumerate(cells):
            tap = (i - y * down + top) * across + j - z * right + left
            places[:, y, z][first == place] = tap
            most_back[:, i, j] += np.where(first == place, g[:, y, z], 0)
            mean_back[:, i, j] += g[:, y, z] / len(cells)
    return most, places, most_back, mean, mean_back
