"""The options of every command, and what their texts mean."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from graphkeras import __version__

SOURCE = "file.keras, file.h5, or file.py:name, where name is a model or a function"
SAVED = (".keras", ".h5", ".hdf5")
_EXITS = """\
exit status:
  0    done; verify: the two agree
  1    something failed; the message says what, and no file was left half written
  2    the command line is wrong
  3    verify: the two differ by more than allowed
  130  interrupted

GRAPHKERAS_DEBUG=traceback shows where in the code an error was raised."""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
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
    _add_verify(commands)
    _add_cache(commands)
    demo = _add(commands, "demo", "demonstration", "train, export and serve two models")
    demo.add_argument(
        "--out", type=Path, default="graphkeras-demo", metavar="DIR",
        help="where the files go (default: graphkeras-demo)",
    )  # fmt: skip
    return parser


def _add(
    commands: Any, name: str, module: str, summary: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".",
        epilog=_EXITS, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(command=module)
    return parser


def _add_export(commands: Any) -> None:
    parser = _add(commands, "export", "export", "write a model as a checked ONNX file")
    parser.add_argument("source", metavar="SOURCE", type=source, help=SOURCE)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the ONNX file"
    )
    parser.add_argument(
        "--opset", type=int, default=20, help="version of the operators (default: 20)"
    )
    parser.add_argument(
        "--ops", choices=("standard", "contrib"), default="standard",
        help="contrib: also operators that only onnxruntime has (default: standard)",
    )  # fmt: skip
    parser.add_argument(
        "--labels", action="append", default=[], metavar="[OUTPUT=]LABELS",
        help="names of the classes: a file with one on each line, or a,b,c; the file "
        "then gives the winner's name, too",
    )  # fmt: skip
    _add_precision(parser)
    _add_shapes(parser)
    parser.add_argument(
        "--check", type=Path, metavar="DATA.npz",
        help="inputs to check on, an array for each input's name (default: random)",
    )  # fmt: skip
    parser.add_argument(
        "--atol", type=float,
        help="largest difference from the model allowed (default: 1e-4; with --fp16 "
        "and --int8: 5%% and 50%% of the largest number)",
    )  # fmt: skip
    parser.add_argument(
        "--external-data", action="store_true",
        help="write the weights to FILE.data beside the file (always from 2 GiB on)",
    )  # fmt: skip
    parser.add_argument("--name", help="name of the graph (default: the model's)")
    _add_custom(parser)


def _add_precision(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--fp16", action="store_true",
        help="compute in float16; inputs and outputs stay as they are",
    )  # fmt: skip
    group.add_argument(
        "--int8", type=Path, metavar="CALIBRATION.npz",
        help="products in int8 (QDQ), ranges measured on this data: an array for each "
        "input's name",
    )  # fmt: skip


def _add_shapes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dynamic", action="append", default=[], metavar="NAME=AXIS", type=dynamic,
        help="leave the size of this axis of an input open; NAME=AXIS,AXIS for more",
    )  # fmt: skip
    parser.add_argument(
        "--input-shape", action="append", default=[], metavar="[NAME=]SIZE,SIZE,...",
        type=shape, help="sizes of an input, the batch first; ? for an open one",
    )  # fmt: skip


def _add_inspect(commands: Any) -> None:
    parser = _add(
        commands, "inspect", "inspection", "show what a file or a model holds"
    )
    parser.add_argument("source", metavar="SOURCE", help=f"file.onnx, {SOURCE}")
    parser.add_argument(
        "--plot", type=picture, metavar="FILE.svg",
        help="draw the layers or operators, too; .png needs Pillow",
    )  # fmt: skip
    _add_custom(parser)


def _add_verify(commands: Any) -> None:
    parser = _add(commands, "verify", "verification", "compare what two models compute")
    parser.add_argument("first", metavar="A", help=f"file.onnx, {SOURCE}")
    parser.add_argument("second", metavar="B", help="the same, compared with A")
    parser.add_argument(
        "--data", type=Path, metavar="DATA.npz",
        help="inputs to run on, an array for each input's name (default: random)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, help="of random inputs (default: 0)"
    )
    parser.add_argument(
        "--rows", type=count, default=8, help="of random inputs (default: 8)"
    )
    parser.add_argument(
        "--atol", type=float, default=1e-4,
        help="largest absolute difference allowed (default: 1e-4)",
    )  # fmt: skip
    parser.add_argument(
        "--rtol", type=float, default=1e-4,
        help="largest relative difference allowed, added to it (default: 1e-4)",
    )  # fmt: skip
    _add_custom(parser)


def _add_custom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--custom", type=Path, metavar="FILE.py",
        help="run this first: it registers the classes a saved model needs",
    )  # fmt: skip


def _add_cache(commands: Any) -> None:
    parser = _add(commands, "cache", "kept", "list or clear the compiled programs kept")
    parser.add_argument(
        "action", choices=("list", "clear", "path"),
        help="list: what is kept, last used first; clear: remove it; path: the folder",
    )  # fmt: skip


# ------------------------------------------------------------------ what texts mean


def source(text: str) -> tuple[Path, str]:
    """Split ``file.py:name``; anything but that and saved models is wrong."""
    if text.endswith(SAVED):
        return Path(text), ""
    file, _, name = text.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"expected {SOURCE}; received {text!r}")
    return Path(file), name


def dynamic(text: str) -> tuple[str, tuple[int, ...]]:
    """Split ``name=axis,axis``."""
    name, _, axes = text.rpartition("=")
    try:
        return name, tuple(int(axis) for axis in axes.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected an input's name and axis, as in image=1; received {text!r}"
        ) from None


def shape(text: str) -> tuple[str, tuple[int | None, ...]]:
    """Split ``name=?,224,224,3``; the name may be left out."""
    name, _, sizes = text.rpartition("=")
    try:
        found = tuple(_size(part) for part in sizes.strip("()[] ").split(",") if part)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected sizes, as in image=?,224,224,3; received {text!r}"
        ) from None
    return name, found


def _size(text: str) -> int | None:
    """A size; an open one is written ``?``, ``None``, ``-1`` or ``batch``."""
    if text.strip() in ("?", "None", "-1", "batch"):
        return None
    if int(text) < 1:
        raise ValueError
    return int(text)


def picture(text: str) -> Path:
    """Return a path that ends as a picture's does."""
    if not text.lower().endswith((".svg", ".png")):
        raise argparse.ArgumentTypeError(f"expected file.svg; received {text!r}")
    return Path(text)


def count(text: str) -> int:
    """Return a number of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1; received {text!r}")
    return int(text)
