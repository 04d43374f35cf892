"""Keras's `keras.preprocessing`: names only, each at home elsewhere."""

from graphkeras.data.image_folder import image_dataset_from_directory
from graphkeras.data.text_folder import text_dataset_from_directory
from graphkeras.data.time_series import timeseries_dataset_from_array
from graphkeras.preprocessing import image, sequence

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
