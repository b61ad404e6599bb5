"""The one way in which kernels are compiled: ``njit`` without the GIL, cached on disk under a hash of all kernel and model sources.

Numba's own cache does not notice that a function imported from another file has changed: an edited equation would go on
returning old results. A folder per state of the sources makes a stale hit impossible.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import snnsim_models

from .interrupts import defer_interrupts

__all__ = ["cache_folder", "jit", "jit_unmanaged"]


@cache
def cache_folder() -> Path:
    """Return the folder that holds the compiled kernels of exactly these sources."""
    digest = hashlib.sha256()
    for package in (Path(__file__).parent, Path(snnsim_models.__file__).parent):
        for source in sorted(package.rglob("*.py")):
            digest.update(str(source.relative_to(package)).encode() + b"\0" + source.read_bytes() + b"\0")
    return _cache_root() / "kernels" / digest.hexdigest()[:16]


def _cache_root() -> Path:
    if root := os.environ.get("SNNSIM_CACHE"):
        return Path(root)
    try:
        from platformdirs import user_cache_path
    except ImportError:  # kernels need only NumPy and Numba
        return Path(tempfile.gettempdir()) / "snnsim"
    return user_cache_path("snnsim")


_setting = threading.Lock()
defer_interrupts()


def jit(signature: Any = None, *, cached: bool = True) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function as ``numba.njit`` does, without the GIL, cached in :func:`cache_folder` unless ``cached`` is False.

    Division follows NumPy (no exception on zero): otherwise no loop that divides would vectorise. Numba reads its cache folder
    when the decorator runs, so the setting holds for this function only, not for other users of Numba in the process.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        with _setting:
            before = numba.config.CACHE_DIR
            numba.config.CACHE_DIR = str(cache_folder())
            try:
                return numba.njit(*filter(None, [signature]), nogil=True, error_model="numpy", cache=cached)(function)
            finally:
                numba.config.CACHE_DIR = before

    return decorate


def jit_unmanaged(function: Callable[..., Any]) -> Any:
    """Compile a helper that allocates nothing, without reference counting, for use inside functions that :func:`jit` compiles.

    Numba counts references to every array that it takes out of a tuple or passes on, atomically: 5 ns each, in a loop over single
    events ten times the work itself.
    """
    return numba.njit(nogil=True, error_model="numpy", _nrt=False)(function)
