"""Training: data, steps, callbacks, progress; what `fit` is made of."""
