"""What a run ran on: versions and the machine."""

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from snnsim_kernels._jit import cache_folder

from snnsim import __version__
from snnsim._cores import cores

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


def sources_digest() -> str:
    """A hash of all of snnsim's sources: settings and equations that were edited are another run's."""
    digest = hashlib.sha256(cache_folder().name.encode())
    package = Path(__file__).parent.parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def environment() -> dict[str, object]:
    """The `environment` of `results.json`."""
    return {"versions": versions(), "platform": platform.platform(), "machine": platform.machine(), "cores": cores()}
