"""graphkeras: Keras code in, a compiled training step, one portable ONNX file out."""

__version__ = "0.1.0"
