"""What the commands print: tables, and progress where somebody watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any


def show_pairs(rows: Iterable[tuple[str, str]]) -> None:
    """Print headings and texts as two columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for heading, text in rows:
        table.add_row(Text(heading, style="bold"), Text(text))  # no markup: f32[batch]
    Console().print(table)


class Progress:
    """A line on the terminal that says what is done now; nothing elsewhere."""

    def __init__(self) -> None:
        self._status: Any = None

    @contextlib.contextmanager
    def showing(self) -> Iterator[Progress]:
        """A scope in which there is a line."""
        if not sys.stderr.isatty():
            yield self
            return
        from rich.console import Console

        with Console(stderr=True).status("") as self._status:
            yield self
        self._status = None

    def tell(self, step: str, done: int = 0, whole: int = 0) -> None:
        """Say what is done now, and how much of it."""
        if self._status is not None:
            part = f" {done} of {whole}" if whole else ""
            self._status.update(f"{step}{part} ...")
