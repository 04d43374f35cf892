"""Transposes around convolutions cancel, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphkeras.export.builder import Builder
from graphkeras.export.layout import inverse
from graphkeras.ir.dims import symbol
from graphkeras.ir.types import TensorType
from tests.export.building import close, kinds, run

BATCH = symbol("batch")
IMAGE = TensorType("float32", (BATCH, 8, 6, 4))
LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]

Network = Callable[[Builder, str], str]


def image_of(b: Builder, ref: str, channels: int = 4) -> str:
    b.note_type(ref, TensorType("float32", (BATCH, 8, 6, channels)))
    return ref


def conv(b: Builder, x: str, name: str, channels: int = 4, filters: int = 4) -> str:
    """A convolution as the op's rule writes it, and a bias added as the layer does."""
    seed = np.random.default_rng(len(b.initializers))
    kernel = seed.normal(size=(3, 3, channels, filters)).astype("float32")
    bias = seed.normal(size=filters).astype("float32")
    w = b.Transpose(b.weight(f"{name}/kernel", kernel), perm=[3, 2, 0, 1])
    out = b.Conv(b.Transpose(x, perm=FIRST), w, auto_pad="SAME_UPPER")
    out = image_of(b, b.Transpose(out, perm=LAST), filters)
    return image_of(b, b.Add(out, b.weight(f"{name}/bias", bias)), filters)


def pool(b: Builder, x: str) -> str:
    out = b.MaxPool(b.Transpose(x, perm=FIRST), kernel_shape=[1, 1])
    return image_of(b, b.Transpose(out, perm=LAST))


def plain(b: Builder, x: str) -> str:
    return conv(b, b.Relu(pool(b, b.Relu(conv(b, x, "first")))), "second")


def residual(b: Builder, x: str) -> str:
    x = b.Relu(conv(b, x, "stem"))
    for name in ("one", "two"):
        inner = b.Relu(conv(b, x, f"{name}/a"))
        x = b.Relu(b.Add(conv(b, inner, f"{name}/b"), x))
    return pool(b, x)


def scaled(b: Builder, x: str) -> str:
    """Scale and offset of each channel, a number, and a mask of each column."""
    x = conv(b, x, "c")
    x = b.Mul(x, b.constant(np.float32([1, 2, 3, 4])))
    x = b.Add(x, b.scalar(0.5, "float32"))
    x = b.Mul(x, b.constant(np.arange(6, dtype="float32").reshape(6, 1)))
    return conv(b, x, "d")


def joined(b: Builder, x: str) -> str:
    left = conv(b, x, "left")
    right = b.Sigmoid(conv(b, x, "right"))
    return conv(b, b.Concat(left, right, axis=-1), "joint", 8, 4)


def cut_and_padded(b: Builder, x: str) -> str:
    x = conv(b, x, "c")
    x = b.Pad(x, b.ints([0, 1, 2, 0, 0, 3, 4, 0]))
    x = b.Slice(x, b.ints([2, 1]), b.ints([10, 7]), b.ints([2, 1]))
    x = b.Resize(x, None, b.constant(np.float32([1, 2, 3, 1])), mode="nearest")
    return conv(b, b.Softmax(b.ReduceMax(x, b.ints([-3]), keepdims=1)), "d")


def pooled_globally(b: Builder, x: str) -> str:
    x = b.Relu(conv(b, x, "c"))
    return b.ReduceMean(x, b.ints([1, 2]), keepdims=0)


def chosen(b: Builder, x: str) -> str:
    x = conv(b, x, "c")
    zero = b.scalar(0, "float32")
    return conv(b, b.Where(b.Less(x, zero), b.Neg(x), b.Clip(x, None, zero)), "d")


def swapped_spatially(b: Builder, x: str) -> str:
    """The transpose of height and width is the user's and stays."""
    return b.Relu(b.Transpose(b.Relu(conv(b, x, "c")), perm=[0, 2, 1, 3]))


def read_inside(b: Builder, x: str) -> str:
    """A branch reads a value of a stretch that is turned over."""
    x = b.Relu(conv(b, x, "c"))
    total = b.If(b.scalar(True, "bool"), lambda: b.CumSum(x, b.ints([1])), lambda: x)
    return b.Add(conv(b, x, "d"), image_of(b, total))


def flattened(b: Builder, x: str) -> str:
    return b.Reshape(b.Relu(conv(b, x, "c")), b.ints([-1, 192]))


def classified(b: Builder, x: str) -> str:
    """The dense layer after the flattening takes its features in another order."""
    weight = np.random.default_rng(9).normal(size=(192, 3)).astype("float32")
    return b.MatMul(flattened(b, x), b.weight("scores/kernel", weight))


def compared(b: Builder, x: str) -> str:
    """The flat features are read twice: the order stays."""
    flat = flattened(b, x)
    weight = np.random.default_rng(9).normal(size=(192, 192)).astype("float32")
    return b.Sub(flat, b.MatMul(flat, b.weight("scores/kernel", weight)))


def pooled_directly(b: Builder, x: str) -> str:
    return b.ReduceMax(pool(b, conv(b, x, "c")), b.ints([1, -2]), keepdims=0)


# network -> how many transposes a hand would have written
NETWORKS: dict[str, tuple[Network, int]] = {
    "plain": (plain, 2),
    "residual": (residual, 2),
    "scaled": (scaled, 2),
    "joined": (joined, 2),
    "cut_and_padded": (cut_and_padded, 2),
    "pooled_globally": (pooled_globally, 1),
    "chosen": (chosen, 2),
    "swapped_spatially": (swapped_spatially, 2),
    "read_inside": (read_inside, 3),
    "flattened": (flattened, 2),
    "classified": (classified, 1),
    "compared": (compared, 2),
    "pooled_directly": (pooled_directly, 1),
}


def built(name: str) -> Builder:
    b = Builder()
    y = NETWORKS[name][0](b, b.input("x", IMAGE))
    flat = ("pooled_globally", "flattened", "classified", "compared", "pooled_directly")
    sizes = (symbol(f"n{i}") for i in range(2 if name in flat else 4))
    return close(b, y=(y, TensorType("float32", tuple(sizes))))


@pytest.mark.parametrize("name", NETWORKS)
def test_few_transposes_are_left_and_the_result_is_the_same(
    name: str, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.normal(size=(3, 8, 6, 4)).astype("float32")}
    b = built(name)
    (expected,), (found,) = run(built(name), feeds, tidied=False), run(b, feeds)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert kinds(b).count("Transpose") == NETWORKS[name][1]


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_keep_their_names_and_no_node_prepares_them(name: str) -> None:
    b = built(name)
    run(b, {"x": np.zeros((1, 8, 6, 4), "float32")})
    weights = {
        n for node in b.body.nodes if node.kind == "Conv" for n in node.inputs[1:]
    }
    assert all(w.endswith(("/kernel", "/bias")) for w in weights)
    assert kinds(b).count("Conv") == len(weights) // 2


def test_transposes_in_a_row_become_one() -> None:
    b = Builder()
    x = b.input("x", TensorType("float32", (2, 3, 4)))
    y = b.Transpose(b.Transpose(x, perm=[1, 0, 2]), perm=[2, 1, 0])
    z = b.Transpose(b.Transpose(x, perm=[2, 0, 1]), perm=[1, 2, 0])
    b = close(b, y=(y, TensorType("float32", (4, 2, 3))),
              z=(z, TensorType("float32", (2, 3, 4))))  # fmt: skip
    data = np.arange(24, dtype="float32").reshape(2, 3, 4)
    turned, same = run(b, {"x": data})
    np.testing.assert_array_equal(turned, data.transpose(1, 0, 2).transpose(2, 1, 0))
    np.testing.assert_array_equal(same, data)
    assert kinds(b) == ["Transpose", "Identity"]


def test_inverse_undoes_an_order() -> None:
    assert inverse(LAST) == tuple(FIRST)
    assert inverse((2, 0, 1)) == (1, 2, 0)
