"""Graph -> Program: simplify, fuse, plan memory, emit."""
