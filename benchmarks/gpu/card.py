"""What is measured on: names and versions, the bandwidth of a copy in the device's memory, and what a grid barrier costs.

python -m gpu.card cuda|cpu [--quick]     prints them as JSON, in a process of its own
"""

import json
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from typing import Any

import numpy as np

from snnsim._cores import cores

__all__ = ["describe", "main", "no_device"]

COPY_BYTES, QUICK_COPY_BYTES = 2**30, 2**26
REPEATS = 10
ROUNDS = 10_000


def no_device() -> str | None:
    """Return why there is no CUDA device to run on, or None."""
    try:
        from numba import config, cuda
    except ImportError as error:
        return f"numba-cuda is not installed ({error})"
    if config.ENABLE_CUDASIM:
        return "NUMBA_ENABLE_CUDASIM is set, which simulates a device"
    if not cuda.is_available():
        return f"no CUDA device or driver is found ({cuda.cuda_error() or 'no device'})"
    return None


def describe(backend: str, quick: bool) -> dict[str, Any]:
    """Return the description of device, host and versions."""
    found = {"host": _host(), "versions": _versions()}
    size = QUICK_COPY_BYTES if quick else COPY_BYTES
    return found | {"device": _cuda(size) if backend == "cuda" else _host_copy(size)}


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


def _cuda(size: int) -> dict[str, Any]:
    from numba import cuda

    device, memory = cuda.get_current_device(), cuda.current_context().get_memory_info()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    found = {
        "name": name,
        "compute_capability": ".".join(map(str, device.compute_capability)),
        "multiprocessors": int(device.MULTIPROCESSOR_COUNT),
        "memory_bytes": int(memory.total),
        "free_bytes": int(memory.free),
        "driver": _driver(),
        "cuda": ".".join(map(str, cuda.runtime.get_version())),
        "copy_bytes": size,
    }
    by_kernel, by_driver = _device_copy(size)
    # Read and written.
    found |= {"copy_kernel_bytes_per_s": 2 * size / by_kernel, "copy_driver_bytes_per_s": 2 * size / by_driver}
    found["copy_bytes_per_s"] = 2 * size / min(by_kernel, by_driver)
    return found | {"barrier_us": _barriers(int(device.MULTIPROCESSOR_COUNT))}


def _driver() -> str:
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown"


def copy_words(source: Any, target: Any) -> None:
    """Copy 8 bytes at a time, four loads under way in each thread."""
    from numba import cuda

    i, stride, n = cuda.grid(1), cuda.gridsize(1), source.size
    while i + 3 * stride < n:
        a, b, c, d = source[i], source[i + stride], source[i + 2 * stride], source[i + 3 * stride]
        target[i] = a
        target[i + stride] = b
        target[i + 2 * stride] = c
        target[i + 3 * stride] = d
        i += 4 * stride
    while i < n:
        target[i] = source[i]
        i += stride


def wait_for_all(rounds: int) -> None:
    """Wait for the whole grid, again and again."""
    from numba import cuda

    grid = cuda.cg.this_grid()
    for _ in range(rounds):
        grid.sync()


def _device_copy(size: int) -> tuple[float, float]:
    """Return the seconds of a copy by a kernel of ours and by the driver, each the best of several."""
    from numba import cuda
    from snnsim_kernels.cuda._jit import kernel

    source = cuda.to_device(np.arange(size // 8, dtype=np.uint64))
    target = cuda.device_array_like(source)
    blocks = 16 * int(cuda.get_current_device().MULTIPROCESSOR_COUNT)
    copy = kernel(copy_words)[blocks, 256]
    by_kernel = min(_elapsed(lambda: copy(source, target)) for _ in range(REPEATS))
    if not np.array_equal(target[-1000:].copy_to_host(), source[-1000:].copy_to_host()):
        raise RuntimeError("a copy in the device's memory changed its values")
    return by_kernel, min(_elapsed(lambda: target.copy_to_device(source)) for _ in range(REPEATS))


def _barriers(multiprocessors: int) -> dict[str, float]:
    """Return the microseconds of a grid barrier, by threads of a block and blocks of the grid."""
    from snnsim_kernels.cuda._jit import kernel

    waiting, found = kernel(wait_for_all), {}
    for threads in (256, 512, 1024):
        most = waiting.most_blocks((np.int64(ROUNDS),), threads)
        for blocks in sorted({min(multiprocessors, most), most}):
            run = waiting[blocks, threads]
            run(np.int64(1))  # compiles
            seconds = min(_elapsed(lambda run=run: run(np.int64(ROUNDS))) for _ in range(3))
            found[f"{blocks} blocks of {threads}"] = seconds / ROUNDS * 1e6
    return found


def _elapsed(work: Any) -> float:
    """Return the seconds that the device was at work."""
    from numba import cuda

    begun, ended = cuda.event(), cuda.event()
    begun.record()
    work()
    ended.record()
    ended.synchronize()
    return float(cuda.event_elapsed_time(begun, ended)) / 1000.0


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
    """Print the description."""
    print(json.dumps(describe(sys.argv[1], "--quick" in sys.argv[2:])))


if __name__ == "__main__":
    main()
