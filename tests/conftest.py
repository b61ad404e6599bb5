"""Fixtures that every test may use."""

import os
import sys
from pathlib import Path

import pytest

# Helpers beside this file (reference_simulator.py) are imported by name; importlib mode adds no folder to the path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """Folder with the four IDX files of the real MNIST, from ``$SNNSIM_DATA`` or the user's cache."""
    if value := os.environ.get("SNNSIM_DATA"):
        return Path(value)
    from platformdirs import user_cache_path  # the tests of the kernels alone run where it is not installed

    cached = user_cache_path("snnsim") / "mnist"  # where `make demo` has put it
    if not cached.is_dir():
        pytest.skip("the real MNIST is neither in $SNNSIM_DATA nor in the user's cache")
    return cached
