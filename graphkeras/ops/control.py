"""Choices and loops over tensors, and where gradients stop or are replaced.

A choice is an op that holds its branches. A loop of few known turns is written out, any
other is an op that holds its body. Eagerly both are Python's own.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphkeras import tree
from graphkeras.errors import ShapeError, TraceError, message
from graphkeras.ir.definers import composite, elementwise
from graphkeras.ir.interpret import evaluate
from graphkeras.ir.op import CONSTANT
from graphkeras.ir.tensor import Tensor
from graphkeras.ir.trace import current_trace, user_location
from graphkeras.ir.value import Value, walk
from graphkeras.ops.compare import less, logical_and, logical_not
from graphkeras.ops.creation import cast
from graphkeras.ops.shape import (
    concatenate,
    expand_dims,
    flip,
    getitem,
    reshape,
    shape_of,
    stack,
)
from graphkeras.ops.symbolic_loops import holds_symbols, is_symbolic, on_symbols
from graphkeras.ops.traced_choices import require_alike, select, traced_choice
from graphkeras.ops.traced_loops import (
    NotALoop,
    is_traced,
    traced_scan,
    traced_while,
    value_of,
)

MOST_WRITTEN_OUT = 4  # turns of a loop

# ----------------------------------------------------------------------- gradients


@elementwise(scalar="{0}", vjp=lambda g, y, x: None, onnx="Identity", promote="none")
def stop_gradient(variable: Tensor) -> Any:
    """Return the operand; no gradient passes.

    Example:
        >>> stop_gradient(np.array([1.0]))
        array([1.])
    """
    return np.asarray(variable)


def _given_vjp(g: Any, y: Any, *xs: Any) -> list[Any]:
    """The rule answers for all operands but the first, which is the result."""
    trace = current_trace()
    wrapped = g if trace is None else trace.tensor(g, _number(g, trace))
    found = y.rule(wrapped)
    found = found if isinstance(found, (tuple, list)) else [found]
    values = [f.value if isinstance(f, Tensor) else f for f in found]
    return [None, *values, *[None] * (len(xs) - 1 - len(values))]


def _number(g: Value, trace: Any) -> Any:
    return evaluate([g], trace.known, {})[0] if trace.eager else None


@composite(vjp=_given_vjp, infer=lambda *xs, rule: xs[0])
def with_gradient(xs: Sequence[Tensor], *, rule: Any) -> Any:
    """The first operand; `rule` gives the gradients of the others."""
    return xs[0]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that returns ``(result, gradient)`` differentiate by it.

    Args:
        f: function of tensors that returns its result and a function from the
            gradient of the result to those of the arguments (one or a tuple).

    Returns:
        A function of tensors that returns the result.

    Example:
        >>> @custom_gradient
        ... def clipped(x):
        ...     return x * 2, lambda upstream: upstream * 0.5
        >>> clipped(np.array([1.0]))
        array([2.])
    """

    def function(*args: Any, **kwargs: Any) -> Any:
        result, gradient = f(*args, **kwargs)
        if not isinstance(result, (Tensor, Value)):
            return result
        operands: list[Any] = [result, *args]
        return with_gradient(operands, rule=gradient)

    return function


# ------------------------------------------------------------------------- choices


def known_number(x: Any) -> Any:
    """Return the number behind `x`, or None if it is known only at run time."""
    if isinstance(x, Tensor) and x.data is not None:
        return x.data
    if hasattr(x, "__as_tensor__"):
        return known_number(x.value)
    value = x.value if isinstance(x, Tensor) else x
    if not isinstance(value, Value):
        return None if hasattr(x, "__apply_op__") else x
    if builtins.any(v.op.family == "leaf" and v.op is not CONSTANT
                    for v in walk([value])):  # fmt: skip
        return None
    return evaluate([value], {}, {})[0]


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return ``true_fn()`` where `pred` holds, else ``false_fn()``.

    Both are traced, but a compiled program runs only the one that is chosen, with its
    assignments and losses; so does the gradient.
    Of symbolic tensors, of which a model is being made, both are computed.

    Args:
        pred: a scalar.
        true_fn: function without arguments.
        false_fn: one that returns the same structure, shapes and dtypes.

    Raises:
        ArgumentError: while tracing, if the two return something different in kind.

    Example:
        >>> cond(np.array(True), lambda: 1, lambda: 2)
        1
    """
    number = known_number(pred)
    if number is not None:
        return true_fn() if bool(number) else false_fn()
    if is_symbolic(pred):
        return _selected("cond", cast(logical_not(pred), "int32"), [true_fn, false_fn])
    number = cast(logical_not(value_of(pred)), "int32")
    return traced_choice("cond", number, [true_fn, false_fn])


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return ``branches[index](*operands)``; an index outside means the nearest.

    All branches are traced, a compiled program runs only the chosen one; see `cond`.

    Raises:
        ArgumentError: while tracing, if the branches return something different in
            kind.

    Example:
        >>> switch(1, [lambda x: x + 1, lambda x: x * 10], 5)
        50
    """
    last = len(branches) - 1
    number = known_number(index)
    if number is not None:
        return branches[min(max(int(number), 0), last)](*operands)
    calls = [partial(branch, *operands) for branch in branches]
    if is_symbolic(index):
        return _selected("switch", index, calls)
    return traced_choice("switch", index, calls)


def _selected(who: str, index: Any, branches: Sequence[Callable[[], Any]]) -> Any:
    """Choose among symbolic tensors: each branch is a part of the layer DAG."""
    results = [branch() for branch in branches]
    require_alike(who, results)
    return tree.map_structure(
        lambda *parts: None if parts[0] is None else select(index, parts), *results
    )


# --------------------------------------------------------------------------- loops


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:  # fmt: skip
    """Return the variables after ``body`` ran for as long as ``cond`` held.

    Where `cond` depends on what the model computes, the loop has no gradient.

    Args:
        cond: function of the variables that returns a scalar bool.
        body: function of the variables that returns their next values.
        loop_vars: one variable or a tuple of them.
        maximum_iterations: bound on the number of turns.

    Raises:
        TraceError: while tracing, if a variable changes its shape or dtype.

    Example:
        >>> while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0))
        (4, 6)
    """
    if holds_symbols(loop_vars):
        again = partial(while_loop, cond, body, maximum_iterations=maximum_iterations)
        return on_symbols(again, loop_vars)
    several = isinstance(loop_vars, (tuple, list))
    state = tuple(loop_vars) if several else (loop_vars,)

    def step(*variables: Any) -> tuple[Any, ...]:
        result = body(*variables)
        return tuple(result) if several else (result,)

    turns = 0
    while maximum_iterations is None or turns < maximum_iterations:
        going = known_number(cond(*state))
        if going is None:
            left = None if maximum_iterations is None else maximum_iterations - turns
            state = _while_computed(cond, step, state, left)
            break
        if not bool(going):
            break
        state = step(*state)
        turns += 1
    return state if several else state[0]


def _while_computed(
    cond: Callable[..., Any], step: Callable[..., Any], state: tuple[Any, ...],
    most: int | None,
) -> tuple[Any, ...]:  # fmt: skip
    """The loop whose end only the running model knows."""
    try:
        if most is None:
            return traced_while(cond, step, state)
        counted = traced_while(
            lambda count, *rest: logical_and(less(count, most), cond(*rest)),
            lambda count, *rest: (count + 1, *step(*rest)), (0, *state),
        )  # fmt: skip
        return counted[1:]
    except NotALoop as reason:
        raise _refused("while_loop", reason) from None


def _refused(who: str, reason: NotALoop) -> TraceError:
    where_ = user_location()
    return TraceError(
        message(
            who, reason.expected + (f", at {where_}." if where_ else "."), reason.came,
            f"{reason.remedy}, or compile(run_eagerly=True).",
        )
    )  # fmt: skip


def fori_loop(
    lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any
) -> Any:
    """Return the value after ``body_fun(i, value)`` for i in [lower, upper).

    Where the bounds depend on what the model computes, the loop has no gradient.

    Raises:
        TraceError: then, if the value changes its shape or dtype.

    Example:
        >>> fori_loop(0, 4, lambda i, total: total + i, 0)
        6
    """
    if holds_symbols((lower, upper, init_val)):
        return on_symbols(
            lambda given: fori_loop(given[0], given[1], body_fun, given[2]),
            (lower, upper, init_val),
        )
    bounds = [known_number(b) for b in (lower, upper)]
    if builtins.any(b is None for b in bounds):
        return while_loop(
            lambda i, _: i < upper, lambda i, value: (i + 1, body_fun(i, value)),
            (cast(lower, "int32"), init_val),
        )[1]  # fmt: skip
    for i in range(int(bounds[0]), int(bounds[1])):
        init_val = body_fun(i, init_val)
    return init_val


def _length(who: str, xs: Any, length: Any) -> Any:
    sizes = dict.fromkeys(shape_of(x)[0] for x in tree.flatten(xs) if x is not None)
    sizes |= {} if length is None else {length: None}
    if len(sizes) != 1:
        raise ShapeError(
            message(
                who, "expected one length of all the leading axes.",
                ", ".join(str(size) for size in sizes) or "none",
                "Give slices of one length; without any, give `length`.",
            )
        )  # fmt: skip
    (size,) = sizes
    return size


def _slices(xs: Any, i: int) -> Any:
    return tree.map_structure(lambda x: None if x is None else x[i], xs)


def _stacked(rows: Sequence[Any]) -> Any:
    return tree.map_structure(
        lambda *parts: None if parts[0] is None else stack(list(parts)), *rows
    )


def scan(
    f: Callable[[Any, Any], Any], init: Any, xs: Any = None, length: int | None = None,
    reverse: bool = False, unroll: Any = 1,
) -> Any:  # fmt: skip
    """Carry a value through ``carry, y = f(carry, x)`` along the leading axis.

    Args:
        f: function of the carried value and one slice.
        init: first carried value.
        xs: tensors (or a structure of them) with one leading size.
        length: that size, needed without `xs`.
        reverse: whether to begin at the end.
        unroll: True to write all turns out where their number is known.

    Returns:
        The last carried value and the ys, stacked in the order of xs.

    Raises:
        TraceError: while tracing, if the carried value changes its shape or dtype and
            the length is not known.

    Example:
        >>> scan(lambda s, x: (s + x, s), 0, np.array([1, 2, 3]))
        (np.int64(6), array([0, 1, 3]))
    """
    if holds_symbols((init, xs)):
        return on_symbols(
            lambda given: scan(f, given[0], given[1], length, reverse, unroll),
            (init, xs),
        )
    return _scan("scan", f, init, xs, _length("scan", xs, length), reverse, unroll)


def _scan(
    who: str, f: Callable[[Any, Any], Any], init: Any, xs: Any, count: Any,
    reverse: bool = False, unroll: Any = 1,
) -> Any:  # fmt: skip
    known = isinstance(count, int)
    few = known and (unroll is True or count <= MOST_WRITTEN_OUT)
    if few or not is_traced((init, xs)):
        return _written_out(f, init, xs, count, reverse)
    try:
        return traced_scan(who, f, init, xs, count, bool(reverse))
    except NotALoop as reason:
        if not known:
            raise _refused(who, reason) from None
        return _written_out(f, init, xs, count, reverse)


def _written_out(
    f: Callable[[Any, Any], Any], init: Any, xs: Any, count: int, reverse: bool
) -> Any:
    order = range(count)
    carry, rows = init, []
    for i in reversed(order) if reverse else order:
        carry, row = f(carry, _slices(xs, i))
        rows.append(row)
    rows = rows[::-1] if reverse else rows
    empty = not rows or rows[0] is None
    return carry, None if empty else _stacked(rows)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Return f of each slice along the leading axis, stacked.

    Example:
        >>> map(lambda x: x * 2, np.array([1, 2]))
        array([2, 4])
    """
    if holds_symbols(xs):
        return on_symbols(partial(map, f), xs)
    count = _length("map", xs, None)
    return _scan("map", lambda _, x: (None, f(x)), None, xs, count)[1]


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Return `function` of each slice along the leading axis, stacked."""
    return map(function, elements)


def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Return all prefixes of `elems` folded by an associative function.

    Args:
        f: function of two structures like `elems`, which works slice by slice.
        elems: tensors (or a structure of them) of one known size along `axis`.
        reverse: whether to fold from the end.
        axis: the axis of the sequence.

    Source: the recursive scan of Blelloch, "Prefix sums and their applications".

    Example:
        >>> associative_scan(lambda a, b: a + b, np.array([1, 2, 3, 4]))
        array([ 1,  3,  6, 10])
    """
    leaves = tree.flatten(elems)
    if reverse:
        leaves = [flip(x, axis) for x in leaves]

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        return tree.flatten(f(tree.pack_like(elems, a), tree.pack_like(elems, b)))

    done = _prefixes(combine, leaves, axis)
    return tree.pack_like(elems, [flip(x, axis) if reverse else x for x in done])


def _prefixes(combine: Callable[..., Any], xs: list[Any], axis: int) -> list[Any]:
    """Fold pairs, scan those, and fill in between."""
    count = shape_of(xs[0])[axis]
    if count < 2:
        return xs
    even = [_every_second(x, axis, 0, count) for x in xs]
    odd = [_every_second(x, axis, 1, count) for x in xs]
    heads = [_every_second(x, axis, 0, count - 1) for x in xs]
    pairs = _prefixes(combine, combine(heads, odd), axis)
    rest = [_every_second(x, axis, 2, count) for x in xs]
    if shape_of(rest[0])[axis]:
        lead = [_first(p, axis, shape_of(rest[0])[axis]) for p in pairs]
        rest = combine(lead, rest)
    first = [_first(e, axis, 1) for e in even]
    evens = [concatenate([a, b], axis) for a, b in zip(first, rest)]
    return [_interleave(a, b, axis) for a, b in zip(evens, pairs)]


def _cut(x: Any, axis: int, key: slice) -> Any:
    return getitem(x, (*[slice(None)] * axis, key))


def _every_second(x: Any, axis: int, start: int, stop: int) -> Any:
    return _cut(x, axis, slice(start, max(start, stop), 2))


def _first(x: Any, axis: int, count: int) -> Any:
    return _cut(x, axis, slice(0, count))


def _interleave(a: Any, b: Any, axis: int) -> Any:
    """a0 b0 a1 b1 ..., a having as many as b or one more."""
    count = shape_of(b)[axis]
    sizes = list(shape_of(b))
    sizes[axis] = 2 * count
    pairs = [expand_dims(_first(a, axis, count), axis + 1), expand_dims(b, axis + 1)]
    mixed = reshape(concatenate(pairs, axis + 1), tuple(sizes))
    if shape_of(a)[axis] == count:
        return mixed
    return concatenate([mixed, _cut(a, axis, slice(count, count + 1))], axis)
