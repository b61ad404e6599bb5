"""Fixtures that every test may use."""

import os
import sys
from pathlib import Path

import pytest

# Helpers beside this file (reference_simulator.py) are imported by name; importlib mode adds no folder to the path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """Folder with the four IDX files of the real MNIST, from ``$SNNSIM_DATA``."""
    value = os.environ.get("SNNSIM_DATA")
    if not value:
        pytest.skip("SNNSIM_DATA is not set: the real MNIST is not here")
    return Path(value)
