"""The op table: Keras's `keras.ops`, each op defined in exactly one place."""

from graphkeras.ops.compare import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    not_equal,
    where,
)
from graphkeras.ops.creation import (
    arange,
    broadcast_to,
    cast,
    convert_to_numpy,
    convert_to_tensor,
    full,
    full_like,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from graphkeras.ops.linalg import matmul
from graphkeras.ops.math import (
    absolute,
    add,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sign,
    sqrt,
    square,
    subtract,
    tanh,
)
from graphkeras.ops.reduce import all, any, max, mean, min, prod, std, sum, var
from graphkeras.ops.shape import (
    concatenate,
    expand_dims,
    flip,
    moveaxis,
    ndim,
    ravel,
    reshape,
    shape,
    squeeze,
    stack,
    swapaxes,
    transpose,
)
