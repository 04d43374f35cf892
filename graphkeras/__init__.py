"""graphkeras: Keras code in, a compiled training step, one portable ONNX file out."""

__version__ = "0.1.0"

import os as _os

_here = _os.path.dirname(_os.path.abspath(__file__))
if not _os.path.isdir(_os.path.join(_here, "kernels")):
    # The link to ../kernels was lost (git on Windows writes a file in its place).
    __path__.append(_os.path.dirname(_here))
