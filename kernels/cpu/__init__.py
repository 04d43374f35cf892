"""Emitters of LLVM IR for the CPU."""
