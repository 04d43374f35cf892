"""``graphkeras cache``: the compiled programs on the disk."""

from __future__ import annotations

import argparse
import time
from typing import Any


def run(options: argparse.Namespace, _: Any) -> None:
    """List, clear or name the folder of programs."""
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
        _list(place)


def _list(place: Any) -> None:
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
