"""A file in float16 or int8 from one in float32, checked against it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphkeras.errors import ExportError, message
from graphkeras.export import eight_bits, proto, stream
from graphkeras.export.check import check_standard, open_session, run_session
from graphkeras.export.differences import Difference, difference, joined
from graphkeras.export.feeds import (
    Feeds,
    Types,
    batches,
    given_feeds,
    input_types,
    random_feeds,
)
from graphkeras.export.halves import to_float16
from graphkeras.export.onnx import staging
from graphkeras.export.report import Report, report_of
from graphkeras.export.rewriting import array_of

_ROWS = 32  # of a batch
_MOST = {"float16": 0.05, "int8": 0.5}  # share of the largest number, unless told
Tell = Callable[[str, int, int], None]


def write_smaller(
    source: Path,
    target: Path,
    kind: str,
    samples: Any = None,
    *,
    atol: float | None = None,
    beside: bool = False,
    tell: Tell | None = None,
) -> Report:
    """Write a float32 file in fewer bits, and compare the two in onnxruntime.

    Args:
        source: a file that `export_graph` wrote.
        target: where the new one goes; nothing is left there if anything fails.
        kind: "float16" or "int8".
        samples: arrays by input name; what int8 is calibrated on, and both compared.
        atol: largest difference allowed; else it may not be larger than a share of
            the largest number.
        beside: whether the weights go to ``<target>.data``, as they do from 2 GiB on.
        tell: called with a step's name, what is done and how much there is.

    Returns:
        What the file holds; its notes say how far each output is from float32.

    Raises:
        ExportError: if there is nothing to make smaller, data is missing or does not
            fit, or outputs differ by more.
    """
    import onnx

    model = onnx.load(source)
    types = input_types(model)
    feeds = _feeds(source, types, samples)
    tell = tell or (lambda step, done, whole: None)
    small, notes = _rewritten(model, source, kind, types, feeds, tell)
    small.metadata_props.add(key="precision", value=kind)
    with staging(target) as path:
        _write(small, path, beside)
        check_standard(path)
        found = _compared(source, path, types, feeds, atol, tell)
        _require_close(found, kind, atol)
        size = _bytes(path)
    whole = _bytes(source)
    return replace(
        report_of(small, target, size),
        parameters=report_of(model, source, whole).parameters,
        notes=(
            ("size", f"{100 * size / whole:.0f}% of the bytes in float32"),
            *notes,
            *((f"{x.output} - float32", str(x)) for x in found),
        ),
    )


def _write(model: Any, path: Path, beside: bool) -> None:
    """Write a model, and take its larger weights out of it."""
    weights = {}
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) >= stream.SMALL:
            weights[tensor.name] = array_of(tensor)
            tensor.ClearField("raw_data")
    if beside or sum(a.nbytes for a in weights.values()) > proto.LARGEST_MESSAGE:
        stream.write_beside(model, weights, stream.beside(path))
        weights = {}
    stream.write_model(model, weights, path)


def _bytes(path: Path) -> int:
    """Size of a file, and of its weights beside it."""
    files = (path, stream.beside(path))
    return sum(file.stat().st_size for file in files if file.exists())


def _rewritten(
    model: Any, source: Path, kind: str, types: Types, feeds: Feeds, tell: Tell
) -> tuple[Any, list[tuple[str, str]]]:
    if kind == "float16":
        return to_float16(model), []
    ranges = _measured(model, types, feeds, tell)
    small, count = eight_bits.to_int8(model, ranges)
    if not count:
        raise ExportError(
            message(
                "int8", "expected a model with products or tables of weights.",
                "one with nothing to write in eight bits", "Leave int8 out.",
            )
        )  # fmt: skip
    return small, [("quantized", f"{count} products and tables")]


def _measured(
    model: Any, types: Types, feeds: Feeds, tell: Tell
) -> Mapping[str, tuple[float, float]]:
    """Return the ranges of activations on the data given."""
    names = eight_bits.tensors_to_measure(model)
    if not names:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ranges.onnx"
        _write(eight_bits.with_ranges(model, names), path, False)
        runs = _runs(open_session(path), types, feeds, "calibrating", tell)
        return eight_bits.joined(names, runs)


def _runs(
    session: Any, types: Types, feeds: Feeds, step: str, tell: Tell
) -> Iterator[list[Any]]:
    parts = list(batches(feeds, types, _ROWS))
    for done, part in enumerate(parts):
        tell(step, done, len(parts))
        yield run_session(session, part)
    tell(step, len(parts), len(parts))


def _feeds(source: Path, types: Types, samples: Any) -> Feeds:
    if samples is not None:
        return given_feeds(samples, types)
    session = open_session(source)
    failure: Exception | None = None
    for feeds in random_feeds(types, rows=4):
        try:
            run_session(session, feeds)
            return feeds
        except ExportError as error:
            failure = error
    raise ExportError(
        message("check", "expected the model to run on random inputs.", str(failure),
                "Give samples=... (or --check data.npz).")
    ) from failure  # fmt: skip


def _compared(
    source: Path, path: Path, types: Types, feeds: Feeds, atol: float | None, tell: Tell
) -> list[Difference]:
    before, after = open_session(source), open_session(path)
    names = [output.name for output in before.get_outputs()]
    parts: dict[str, list[Difference]] = {name: [] for name in names}
    rows = [len(next(iter(part.values()), "")) for part in batches(feeds, types, _ROWS)]
    pairs = zip(
        _runs(after, types, feeds, "comparing", tell),
        _runs(before, types, feeds, "comparing", tell), strict=True,
    )  # fmt: skip
    for found, expected in pairs:
        for name, a, b in zip(names, found, expected, strict=True):
            parts[name].append(difference(name, a, b, atol or 0.0, 0.0))
    return [joined(parts[name], rows) for name in names]


def _require_close(found: list[Difference], kind: str, atol: float | None) -> None:
    for each in found:
        by_share = atol is None or each.exact
        fits = each.share <= _MOST[kind] if by_share else each.fits
        if not fits:
            most = f"{100 * _MOST[kind]:g}%" if by_share else f"atol={atol:g}"
            raise ExportError(
                message(
                    f"{kind}, output {each.output!r}",
                    f"expected a difference from float32 of at most {most}.",
                    str(each),
                    "Raise atol if that is acceptable, or stay with float32.",
                )
            )  # fmt: skip
