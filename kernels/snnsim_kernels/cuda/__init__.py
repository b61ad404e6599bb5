"""Kernels for CUDA: loops of their own around the scalar functions that the CPU runs too. Importing it needs numba-cuda."""
