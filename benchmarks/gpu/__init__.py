"""The GPU tests and the benchmarks of a CUDA card with one command: ``make gpu`` (see ``__main__.py``)."""
