"""graphkeras: Keras code in, a compiled training step and one portable ONNX file out."""

__version__ = "0.1.0"
