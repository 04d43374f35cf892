"""Layers, under Keras's names."""

from graphkeras.layers.activations import (
    ELU,
    Activation,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from graphkeras.layers.core import Dense, Embedding, Identity, Lambda, Masking
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.inputs import Input, InputLayer
from graphkeras.layers.layer import Layer
from graphkeras.layers.preprocessing.image import Rescaling
from graphkeras.layers.preprocessing.text import TextVectorization
from graphkeras.layers.reshaping import Flatten

__all__ = [
    "ELU",
    "Activation",
    "Dense",
    "Embedding",
    "Flatten",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "Lambda",
    "Layer",
    "LeakyReLU",
    "Masking",
    "PReLU",
    "ReLU",
    "Rescaling",
    "Softmax",
    "TextVectorization",
]
