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
    platformdirs = pytest.importorskip("platformdirs", reason="$SNNSIM_DATA is unset and platformdirs not installed")
    cached = platformdirs.user_cache_path("snnsim") / "mnist"  # where `make demo` has put it
    if not cached.is_dir():
        pytest.skip("the real MNIST is neither in $SNNSIM_DATA nor in the user's cache")
    return cached


@pytest.fixture(scope="session")
def card() -> None:
    """A CUDA card to run on; where there is none, the test is skipped with the reason."""
    from snnsim.backend_choice import NoCard, usable_card

    try:
        usable_card()
    except NoCard as why:
        pytest.skip(str(why))
