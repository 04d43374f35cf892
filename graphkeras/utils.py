"""Keras's `keras.utils`: names only, each at home elsewhere."""

from graphkeras.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from graphkeras.data.audio_folder import audio_dataset_from_directory
from graphkeras.data.encoding import normalize, pad_sequences, to_categorical
from graphkeras.data.files import get_file
from graphkeras.data.image_folder import image_dataset_from_directory
from graphkeras.data.pictures import array_to_img, img_to_array, load_img, save_img
from graphkeras.data.splitting import split_dataset
from graphkeras.data.tables import read_csv
from graphkeras.data.text_folder import text_dataset_from_directory
from graphkeras.data.time_series import timeseries_dataset_from_array
from graphkeras.dtypes import standardize as standardize_dtype
from graphkeras.layers.graph import is_keras_tensor
from graphkeras.layers.graph import sources_of as get_source_inputs
from graphkeras.layers.preprocessing import bounding_boxes
from graphkeras.layers.preprocessing.feature_space import FeatureSpace
from graphkeras.models.plotting import model_to_dot, plot_model
from graphkeras.naming import clear_session
from graphkeras.saving.registry import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from graphkeras.seeding import set_random_seed
from graphkeras.training.arrays import (
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
)
from graphkeras.training.progress import Progbar
from graphkeras.training.py_dataset import PyDataset

Sequence = PyDataset  # its name in Keras 2

__all__ = [
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "read_csv",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
