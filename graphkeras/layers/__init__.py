"""Layers, under Keras's names."""

from graphkeras.layers.activations import (
    ELU,
    Activation,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from graphkeras.layers.attention import (
    AdditiveAttention,
    Attention,
    GroupedQueryAttention,
    GroupQueryAttention,
    MultiHeadAttention,
)
from graphkeras.layers.conv import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    Convolution1D,
    Convolution1DTranspose,
    Convolution2D,
    Convolution2DTranspose,
    Convolution3D,
    Convolution3DTranspose,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from graphkeras.layers.core import (
    Dense,
    Embedding,
    Identity,
    Lambda,
    Masking,
    ReversibleEmbedding,
)
from graphkeras.layers.einsum_dense import EinsumDense
from graphkeras.layers.foreign import (
    FlaxLayer,
    JaxLayer,
    TFSMLayer,
    TorchModuleWrapper,
)
from graphkeras.layers.input_spec import InputSpec
from graphkeras.layers.inputs import Input, InputLayer
from graphkeras.layers.layer import Layer
from graphkeras.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from graphkeras.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from graphkeras.layers.pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalAvgPool3D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPool3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from graphkeras.layers.preprocessing.audio import MelSpectrogram, STFTSpectrogram
from graphkeras.layers.preprocessing.bends import (
    RandomElasticTransform,
    RandomPerspective,
)
from graphkeras.layers.preprocessing.categories import (
    CategoryEncoding,
    HashedCrossing,
    Hashing,
)
from graphkeras.layers.preprocessing.colour import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGaussianBlur,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
    Solarization,
)
from graphkeras.layers.preprocessing.discretization import Discretization
from graphkeras.layers.preprocessing.geometry import (
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from graphkeras.layers.preprocessing.histogram import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
)
from graphkeras.layers.preprocessing.image import CenterCrop, Rescaling, Resizing
from graphkeras.layers.preprocessing.lookup import IntegerLookup, StringLookup
from graphkeras.layers.preprocessing.mixing import (
    AugMix,
    CutMix,
    MixUp,
    RandAugment,
    RandomErasing,
)
from graphkeras.layers.preprocessing.numeric import Normalization
from graphkeras.layers.preprocessing.pipeline import MaxNumBoundingBoxes, Pipeline
from graphkeras.layers.preprocessing.text import TextVectorization
from graphkeras.layers.recurrent import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    ConvLSTM1D,
    ConvLSTM2D,
    ConvLSTM3D,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from graphkeras.layers.regularization import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from graphkeras.layers.reshaping import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Flatten,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from graphkeras.layers.serialization import deserialize, serialize
from graphkeras.layers.wrappers import SpectralNormalization, TimeDistributed, Wrapper
