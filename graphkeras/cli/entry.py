"""One command after another: options in, an exit status out.

A command is imported when it is run, so that help and wrong options cost nothing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from graphkeras import config
from graphkeras.cli.options import make_parser
from graphkeras.errors import GraphKerasError, one_line

FAILED, INTERRUPTED = 1, 130
_DEFECT = "(not expected; GRAPHKERAS_DEBUG=traceback shows where it came up)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: what stands behind the program's name; ``sys.argv`` by default.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        status = _run(options, parser)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("graphkeras: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (GraphKerasError, OSError, MemoryError) as error:
        if config.debug("traceback"):
            traceback.print_exc()
        print(f"error: {error or 'there is not enough memory'}", file=sys.stderr)
        return FAILED
    except Exception as error:  # a defect of ours, or a model nobody thought of
        if config.debug("traceback"):
            traceback.print_exc()
        text = one_line(f"{type(error).__name__}: {error}")
        print(f"error: {text} {_DEFECT}", file=sys.stderr)
        return FAILED
    return status


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Import a command's module and run it; most have no status of their own."""
    command = importlib.import_module(f"graphkeras.cli.{options.command}")
    return command.run(options, parser.error) or 0
