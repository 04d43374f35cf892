"""What runs between epochs and batches; public as `keras.callbacks`."""
