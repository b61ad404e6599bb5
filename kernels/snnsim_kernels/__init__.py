"""The loops: neuron update, synapse propagation, random numbers, as Numba kernels for any network.

A kernel knows models, rows of tables and flat arrays; it knows no network.
"""
