"""What the 32 threads of a warp do together. The simulator has no warps: there every thread acts for itself."""

from typing import Any

import numpy as np
from numba import cuda

from ._jit import SIMULATED, device

__all__ = ["add_up", "append"]

_ALL = 0xFFFFFFFF


def _append(spike: Any, i: Any, lane: Any, counts: Any, place: Any, lists: Any, base: Any) -> None:
    """Add neuron i to the list at ``base``, whose length is ``counts[place]``, where it spiked. All threads of the warp call it."""
    ballot = cuda.ballot_sync(_ALL, spike)
    if ballot != 0:
        at = np.int32(0)
        if lane == 0:
            at = cuda.atomic.add(counts, place, np.int32(cuda.popc(ballot)))
        at = cuda.shfl_sync(_ALL, at, 0)
        if spike:
            before = np.uint32(ballot) & np.uint32((np.uint64(1) << np.uint64(lane)) - np.uint64(1))
            lists[np.uint32(base + at + cuda.popc(before))] = i


def _append_alone(spike: Any, i: Any, lane: Any, counts: Any, place: Any, lists: Any, base: Any) -> None:
    if spike:
        lists[base + cuda.atomic.add(counts, place, 1)] = i


def _add_up(counters: Any, number: Any, bin_: Any, column: Any, n: Any, lane: Any) -> None:
    """Add the sum of all threads' n to a counter. All threads of the warp call it."""
    total = np.int32(n)
    total += cuda.shfl_xor_sync(_ALL, total, 16)
    total += cuda.shfl_xor_sync(_ALL, total, 8)
    total += cuda.shfl_xor_sync(_ALL, total, 4)
    total += cuda.shfl_xor_sync(_ALL, total, 2)
    total += cuda.shfl_xor_sync(_ALL, total, 1)
    if lane == 0 and total > 0:
        cuda.atomic.add(counters, (number, bin_, column), np.int64(total))


def _add_up_alone(counters: Any, number: Any, bin_: Any, column: Any, n: Any, lane: Any) -> None:
    if n > 0:
        cuda.atomic.add(counters, (number, bin_, column), n)


append = device(_append_alone if SIMULATED else _append)
add_up = device(_add_up_alone if SIMULATED else _add_up)
