"""What a run ran on: versions and the machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from snnsim import __version__

_PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "scikit-learn", "matplotlib", "torch", "numba-cuda")


def versions() -> dict[str, str | None]:
    """Versions of snnsim, Python and the packages that matter, None for one that is not installed."""
    found: dict[str, str | None] = {"snnsim": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def cores() -> int:
    """Number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment() -> dict[str, object]:
    """The `environment` of `results.json`."""
    return {"versions": versions(), "platform": platform.platform(), "machine": platform.machine(), "cores": cores()}
