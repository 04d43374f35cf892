"""Models as standard ONNX files, checked in onnxruntime before they are handed over."""

from graphkeras.export.onnx import export_graph
from graphkeras.export.report import Report, inspect_file

__all__ = ["Report", "export_graph", "inspect_file"]
