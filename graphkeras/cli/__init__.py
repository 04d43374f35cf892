"""The command line: export, inspect or compare models, tend the cache, run the demo."""

from graphkeras.cli.entry import main

__all__ = ["main"]
