"""What every kernel should compute, in plain NumPy loops."""

import itertools

import numpy as np


def conv2d(x, w, *, strides, padding, dilation=(1, 1), groups=1):
    """NHWC by HWIO; slow and obvious."""
    padded = np.pad(x, ((0, 0), *padding, (0, 0))).astype(np.float64)
    kh, kw, inputs, outputs = w.shape
    height = (padded.shape[1] - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    width = (padded.shape[2] - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    out = np.zeros((x.shape[0], height, width, outputs))
    each = outputs // groups
    for i, j, group in itertools.product(range(kh), range(kw), range(groups)):
        top, left = i * dilation[0], j * dilation[1]
        cells = padded[
            :,
            top : top + (height - 1) * strides[0] + 1 : strides[0],
            left : left + (width - 1) * strides[1] + 1 : strides[1],
            group * inputs : (group + 1) * inputs,
        ]
        part = slice(group * each, (group + 1) * each)
        out[..., part] += cells @ w[i, j, :, part].astype(np.float64)
    return out


def conv2d_backward(x, w, g, **attributes):
    """Gradients by the linearity of conv2d: one basis vector after another."""
    data, weights = np.zeros(x.shape), np.zeros(w.shape)
    for index in np.ndindex(*x.shape[1:]):
        basis = np.zeros((1, *x.shape[1:]))
        basis[(0, *index)] = 1
        response = conv2d(basis, w, **attributes)
        data[(slice(None), *index)] = (response * g).sum((1, 2, 3))
    for index in np.ndindex(*w.shape):
        basis = np.zeros(w.shape)
        basis[index] = 1
        weights[index] = (conv2d(x, basis, **attributes) * g).sum()
    return data, weights


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
    """Maximum, its gradient, average, its gradient."""
    most, mean = np.zeros_like(g), np.zeros_like(g)
    most_back, mean_back = np.zeros_like(x), np.zeros_like(x)
    for y, z, cells in windows(x, **attributes):
        patch = np.stack([x[:, i, j] for i, j in cells])
        most[:, y, z], mean[:, y, z] = patch.max(0), patch.mean(0)
        first = patch.argmax(0)
        for place, (i, j) in enumerate(cells):
            most_back[:, i, j] += np.where(first == place, g[:, y, z], 0)
            mean_back[:, i, j] += g[:, y, z] / len(cells)
    return most, most_back, mean, mean_back
