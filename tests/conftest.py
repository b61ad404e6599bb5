"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """Folder with the four IDX files of the real MNIST, from ``$SNNSIM_DATA``."""
    value = os.environ.get("SNNSIM_DATA")
    if not value:
        pytest.skip("SNNSIM_DATA is not set: the real MNIST is not here")
    return Path(value)
