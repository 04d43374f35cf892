"""The command line: export or inspect a model, tend the cache, run the demo."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from graphkeras import __version__, config
from graphkeras.errors import ExportError, GraphKerasError, message, nearest

_SOURCE = (
    "file.keras, or file.py:name, where name is a model or a function without arguments"
)
_SAVED = (".keras", ".h5", ".hdf5")
_EXITS = """\
exit status:
  0  done
  1  the export, the check or the model itself failed; the message says why
  2  the command line is wrong

GRAPHKERAS_DEBUG=traceback shows where in the code an error was raised."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: what stands behind the program's name; ``sys.argv`` by default.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("graphkeras: interrupted", file=sys.stderr)
        return 130
    except (GraphKerasError, OSError) as error:
        if config.debug("traceback"):
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graphkeras",
        description="Keras code in, a compiled training step and one ONNX file out.",
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_export(commands)
    _add_inspect(commands)
    _add_cache(commands)
    demo = _add(commands, "demo", _demo, "train, export and serve two models")
    demo.add_argument(
        "--out", type=Path, default="graphkeras-demo", metavar="DIR",
        help="where the files go (default: graphkeras-demo)",
    )  # fmt: skip
    return parser


def _add(commands: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".",
        epilog=_EXITS, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(run=run)
    return parser


def _add_export(commands: Any) -> None:
    parser = _add(commands, "export", _export, "write a model as a checked ONNX file")
    parser.add_argument("source", metavar="SOURCE", type=_source, help=_SOURCE)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the ONNX file"
    )
    parser.add_argument(
        "--opset", type=int, default=20, help="version of the operators (default: 20)"
    )
    parser.add_argument(
        "--check", type=Path, metavar="DATA.npz",
        help="inputs to check on, an array for each input's name (default: random)",
    )  # fmt: skip
    parser.add_argument(
        "--atol", type=float, default=1e-4,
        help="largest difference from the model allowed (default: 1e-4)",
    )  # fmt: skip
    parser.add_argument("--name", help="name of the graph (default: the model's)")
    _add_custom(parser)


def _add_inspect(commands: Any) -> None:
    parser = _add(commands, "inspect", _inspect, "show what a file or a model holds")
    parser.add_argument("source", metavar="SOURCE", help=f"file.onnx, {_SOURCE}")
    _add_custom(parser)


def _add_custom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--custom", type=Path, metavar="FILE.py",
        help="run this first: it registers the classes a saved model needs",
    )  # fmt: skip


def _add_cache(commands: Any) -> None:
    parser = _add(commands, "cache", _cache, "list or clear the compiled programs kept")
    parser.add_argument(
        "action", choices=("list", "clear", "path"),
        help="list: what is kept, last used first; clear: remove it; path: the folder",
    )  # fmt: skip


def _source(text: str) -> tuple[Path, str]:
    """Split ``file.py:name``; anything but that and saved models is wrong."""
    if text.endswith(_SAVED):
        return Path(text), ""
    file, _, name = text.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"expected {_SOURCE}; received {text!r}")
    return Path(file), name


# ------------------------------------------------------------------------- commands


def _export(options: argparse.Namespace) -> None:
    samples = None if options.check is None else _read_samples(options.check)
    path, name = options.source
    model = _load_model(path, name, options.custom)
    named = {} if options.name is None else {"name": options.name}
    report = model.export(
        options.output, opset=options.opset, samples=samples, atol=options.atol, **named
    )
    _show(report)


def _inspect(options: argparse.Namespace) -> None:
    from graphkeras.export import inspect_file

    if not options.source.endswith(".onnx"):
        try:
            source = _source(options.source)
        except argparse.ArgumentTypeError as error:
            _parser().error(f"inspect: file.onnx, {error}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{source[1] or source[0].stem}.onnx"
            report = _load_model(*source, options.custom).export(path, check=False)
        _show(replace(report, path=options.source))
        return
    _show(inspect_file(options.source))


def _cache(options: argparse.Namespace) -> None:
    from graphkeras.runtime import cache

    place = cache.current()
    if place is None:
        print("no programs are kept: GRAPHKERAS_CACHE is off, or there is no folder")
    elif options.action == "path":
        print(place.folder)
    elif options.action == "clear":
        freed = sum(entry.size for entry in place.entries())
        print(f"removed {place.clear()} programs, {_mebibytes(freed)}: {place.folder}")
    else:
        _list_cache(place)


def _list_cache(place: Any) -> None:
    entries = place.entries()
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        label = entry.label or "(damaged)"
        print(f"{used}  {_mebibytes(entry.size):>10}  {entry.key[:12]}  {label}")
    total = _mebibytes(sum(entry.size for entry in entries))
    most = _mebibytes(place.limit)
    print(f"{len(entries)} programs, {total} of at most {most}: {place.folder}")


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.2f} MiB"


def _demo(options: argparse.Namespace) -> None:
    from graphkeras import demo

    demo.main(options.out)


def _show(report: Any) -> None:
    """Print a report as a table of two columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for heading, text in report.rows():
        table.add_row(Text(heading, style="bold"), Text(text))  # no markup: f32[batch]
    Console().print(table)


# ------------------------------------------------------------------ the user's files


def _read_samples(path: Path) -> dict[str, Any]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except (ValueError, TypeError, AttributeError) as error:
        raise ExportError(
            message(
                "--check", "expected an .npz file with an array for each input.",
                f"{str(path)!r}: {error}", "Make one by np.savez(path, name=array).",
            )
        ) from error  # fmt: skip


def _load_model(path: Path, name: str, custom: Path | None = None) -> Any:
    """Return a saved model, or the model `name` of the user's file, or what it gives.

    A file of Python is run, a saved model is only read.
    """
    if custom is not None:
        _run_file(custom)
    if not name:
        from graphkeras.saving import load_model

        return load_model(path, compile=False)
    module = _run_file(path)
    if not hasattr(module, name):
        known = [n for n in vars(module) if not n.startswith("_")]
        raise ExportError(
            message(
                str(path), f"expected {name!r} in this file.", "a file without it",
                nearest(name, known),
            )
        )  # fmt: skip
    found = getattr(module, name)
    if not _is_model(found) and callable(found):
        found = _call(found, path, name)
    if not _is_model(found):
        raise ExportError(
            message(
                f"{path}:{name}", "expected a model, or a function that returns one.",
                f"{type(found).__name__}", "Name the model, or return it.",
            )
        )  # fmt: skip
    return found


def _is_model(found: Any) -> bool:
    from graphkeras.models import Model

    return isinstance(found, Model)


def _run_file(path: Path) -> ModuleType:
    """Import a file by its path, as Python would run it: its folder comes first."""
    if not path.is_file():
        raise ExportError(
            message(
                str(path), "expected a Python file.", "a path where there is none",
                f"The working folder is {Path.cwd()}.",
            )
        )  # fmt: skip
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.absolute().parent))
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise _in_their_code(path, error) from error
    return module


def _call(function: Any, path: Path, name: str) -> Any:
    required = [
        p.name for p in inspect.signature(function).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]  # fmt: skip
    if required:
        raise ExportError(
            message(
                f"{path}:{name}", "expected a function without arguments.",
                f"one that needs {', '.join(required)}", "Give them default values.",
            )
        )  # fmt: skip
    try:
        return function()
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise _in_their_code(path, error) from error


def _in_their_code(path: Path, error: BaseException) -> GraphKerasError:
    """Return one error that says what went wrong and on which line of the file."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).absolute() == path.absolute()
    ]  # fmt: skip
    line = error.lineno if isinstance(error, SyntaxError) else lines and lines[-1]
    where = f"{path}:{line}" if line else str(path)
    return ExportError(
        message(
            where, "the file should run without an error.",
            f"{type(error).__name__}: {error}", "Run it by python to see more.",
        )
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
