"""The benchmark networks in snnsim and in its peers: one program per simulator, which imports no other.

``python -m peers.run_nest TASK`` reads a task (a JSON file, see :mod:`peers.process`), builds the network that it names, simulates
it, and prints what it measured.
"""
