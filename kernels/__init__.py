"""Machine loops: numpy, numba and llvmlite only; nothing of graphkeras is imported here."""
