"""Recurrent layers, their cells, and layers around them."""

from graphkeras.layers.recurrent.bidirectional import Bidirectional
from graphkeras.layers.recurrent.cells import GRUCell, LSTMCell, SimpleRNNCell
from graphkeras.layers.recurrent.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from graphkeras.layers.recurrent.rnn import RNN
from graphkeras.layers.recurrent.stacked import StackedRNNCells
from graphkeras.layers.recurrent.units import GRU, LSTM, SimpleRNN
