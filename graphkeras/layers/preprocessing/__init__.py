"""Layers that prepare raw data and travel with the model."""
