"""How many cores there are to use."""

import os

__all__ = ["cores"]


def cores() -> int:
    """Return the number of cores that this process may use, which a container or ``taskset`` may limit."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
