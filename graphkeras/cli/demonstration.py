"""``graphkeras demo``."""

from __future__ import annotations

import argparse
from typing import Any


def run(options: argparse.Namespace, _: Any) -> None:
    """Train, export and serve two models."""
    from graphkeras import demo

    demo.main(options.out)
