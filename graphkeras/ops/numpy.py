"""The public `keras.ops.numpy`: the same ops, by another path."""

from __future__ import annotations

from graphkeras.ops.namespaces import elsewhere

__getattr__ = elsewhere(__name__)
