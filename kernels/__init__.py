"""Machine loops: numpy, numba and llvmlite; nothing of graphkeras is imported."""
