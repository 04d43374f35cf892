"""Attention: each query a mean of values, weighted by how its key fits."""

from graphkeras.layers.attention.grouped import GroupedQueryAttention
from graphkeras.layers.attention.multi_head import MultiHeadAttention
from graphkeras.layers.attention.single import AdditiveAttention, Attention

GroupQueryAttention = GroupedQueryAttention  # its public name in Keras
