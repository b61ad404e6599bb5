"""What is measured on: names and versions, the bandwidth of a copy in the device's memory, and what a grid barrier costs.

python -m gpu.card cuda|cpu [--quick]     prints them as JSON, in a process of its own
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np

from snnsim._cores import cores
from snnsim.backend_choice import NoCard, usable_card

__all__ = ["describe", "main"]

COPY_BYTES, QUICK_COPY_BYTES = 2**30, 2**26
REPEATS = 10


def describe(backend: str, size: int) -> Iterator[dict[str, Any]]:
    """Yield names and versions, then what is measured of the device, each as soon as it is known."""
    yield {"host": _host(), "versions": _versions()}
    if backend != "cuda":
        yield {"device": _host_copy(size)}
        return
    try:
        usable_card()
    except NoCard as why:
        yield {"missing": why, "device": {"name": "none"}}
        return
    yield {"device": _names()}
    from .probes import barriers, device_copy

    by_kernel, by_driver = device_copy(size)
    # Read and written.
    bandwidth = {"copy_kernel_bytes_per_s": 2 * size / by_kernel, "copy_driver_bytes_per_s": 2 * size / by_driver}
    yield {"device": bandwidth | {"copy_bytes": size, "copy_bytes_per_s": max(bandwidth.values())}}
    yield {"device": {"barrier_us": barriers()}}


def _host() -> dict[str, Any]:
    return {"machine": platform.machine(), "processor": _processor(), "cores": cores(), "system": platform.platform()}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("numpy", "numba", "numba-cuda", "llvmlite", "cuda-bindings", "pytest", "hypothesis"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _names() -> dict[str, Any]:
    from numba import cuda

    device, memory = cuda.get_current_device(), cuda.current_context().get_memory_info()
    return {
        "name": device.name.decode() if isinstance(device.name, bytes) else str(device.name),
        "compute_capability": ".".join(map(str, device.compute_capability)),
        "multiprocessors": int(device.MULTIPROCESSOR_COUNT),
        "memory_bytes": int(memory.total),
        "free_bytes": int(memory.free),
        "driver": _driver(),
        "cuda": ".".join(map(str, cuda.runtime.get_version())),
    }


def _driver() -> str:
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown"


def _host_copy(size: int) -> dict[str, Any]:
    """Return the CPU as if it were a device: its copy is one thread's."""
    source, target = np.arange(size // 8, dtype=np.uint64), np.zeros(size // 8, np.uint64)
    taken = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        np.copyto(target, source)
        taken.append(time.perf_counter() - begun)
    return {
        "name": "cpu",
        "processor": _processor(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "copy_bytes": size,
        "copy_bytes_per_s": 2 * size / min(taken),
    }


def main() -> None:
    """Print what is found, a line of JSON each time."""
    size = QUICK_COPY_BYTES if "--quick" in sys.argv[2:] else COPY_BYTES
    for found in describe(sys.argv[1], size):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
