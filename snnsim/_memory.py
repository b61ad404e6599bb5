"""How much memory there is, a clear error before more is taken, and where in it an array starts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import SimulationError

__all__ = ["CACHE_LINE", "aligned", "available_memory", "require_memory"]

CACHE_LINE = 64
"""Bytes."""


def aligned(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy that starts at a cache line."""
    room = np.empty(array.nbytes + CACHE_LINE, np.uint8)
    start = -room.ctypes.data % CACHE_LINE
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def available_memory() -> int:
    """Return the bytes that can be taken without swapping: what the system calls available, within a container's limit."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        found += [int(limit) - used] if limit != "max" else []
    except (OSError, ValueError):  # no Linux, or no control groups
        pass
    if not found:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return max(min(found), 0)


_SMALL = 2**24


def require_memory(
    what: str, parts: Mapping[str, int], budget: int | None, units: tuple[int, str] | None = None
) -> None:
    """Raise SimulationError, with the numbers, where the parts (bytes by name) exceed the budget (bytes; None: what there is).

    ``units``, their number and what they are called, say what the parts grow with: the error then says how many would fit.
    """
    need = sum(parts.values())
    if budget is None:
        if need < _SMALL:  # to ask would take longer than a short run
            return
        budget = available_memory()
    if need > budget:
        listed = ", ".join(f"{name} {_shown(size)}" for name, size in parts.items() if size)
        fits = (
            "" if units is None else f": about {units[0] * budget // need:,} of its {units[0]:,} {units[1]} would fit"
        )
        raise SimulationError(f"{what} needs {_shown(need)} of memory ({listed}), the budget is {_shown(budget)}{fits}")


def _shown(size: int) -> str:
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size / 1024:,.1f} KiB"
