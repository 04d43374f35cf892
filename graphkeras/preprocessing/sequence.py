"""Keras's `keras.preprocessing.sequence`: a name only, at home elsewhere."""

from graphkeras.data.encoding import pad_sequences

__all__ = ["pad_sequences"]
