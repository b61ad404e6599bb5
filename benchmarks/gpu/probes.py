"""What a card can do at best: copy in its memory, and wait for its whole grid. Importing it needs numba-cuda."""

from typing import Any

import numpy as np
from numba import cuda
from snnsim_kernels.cuda._jit import kernel

__all__ = ["barriers", "device_copy"]

REPEATS = 10
ROUNDS = 10_000


def copy_words(source: Any, target: Any) -> None:
    """Copy 8 bytes at a time, four loads under way in each thread."""
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
    grid = cuda.cg.this_grid()
    for _ in range(rounds):
        grid.sync()


def device_copy(size: int) -> tuple[float, float]:
    """Return the seconds of a copy by a kernel of ours and by the driver, each the best of several."""
    source = cuda.to_device(np.arange(size // 8, dtype=np.uint64))
    target = cuda.device_array_like(source)
    blocks = 16 * int(cuda.get_current_device().MULTIPROCESSOR_COUNT)
    copy = kernel(copy_words)[blocks, 256]
    by_kernel = min(_elapsed(lambda: copy(source, target)) for _ in range(REPEATS))
    if not np.array_equal(target[-1000:].copy_to_host(), source[-1000:].copy_to_host()):
        raise RuntimeError("a copy in the device's memory changed its values")
    return by_kernel, min(_elapsed(lambda: target.copy_to_device(source)) for _ in range(REPEATS))


def barriers() -> dict[str, float]:
    """Return the microseconds of a grid barrier, by threads of a block and blocks of the grid."""
    waiting, found = kernel(wait_for_all), {}
    multiprocessors = int(cuda.get_current_device().MULTIPROCESSOR_COUNT)
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
    begun, ended = cuda.event(), cuda.event()
    begun.record()
    work()
    ended.record()
    ended.synchronize()
    return float(cuda.event_elapsed_time(begun, ended)) / 1000.0
