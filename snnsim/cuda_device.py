"""The card: what it is, what it can hold, and which shape of work suits it."""

from functools import cached_property
from typing import Any

from numba import cuda
from snnsim_kernels.cuda._jit import SIMULATED

__all__ = ["Device"]

_BLOCK_NEURONS = 8_192
"""Neurons up to which a block runs a copy alone, however few copies there are: waiting within a block costs next to nothing."""

_BLOCK_COPIES = 16
"""Copies from which on larger networks have a block each, too."""

_SAFE_SHARED_BYTES = 48 * 1024
"""Shared memory that a block may have without asking the driver for more."""


class Device:
    """The current CUDA device, or Numba's simulator of one."""

    def __init__(self, memory: int | None = None, cooperative: bool | None = None) -> None:
        self._memory, self._cooperative = memory, cooperative

    @cached_property
    def name(self) -> str:
        """What it calls itself."""
        name: Any = "Numba's CUDA simulator" if SIMULATED else cuda.get_current_device().name
        return name.decode() if isinstance(name, bytes) else str(name)

    @property
    def multiprocessors(self) -> int:
        """The number of its multiprocessors."""
        return 1 if SIMULATED else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)

    @property
    def cooperative(self) -> bool:
        """Whether the blocks of a grid can wait for each other."""
        if self._cooperative is not None:
            return self._cooperative
        return SIMULATED or bool(cuda.get_current_device().COOPERATIVE_LAUNCH)

    @property
    def block_threads(self) -> int:
        """Threads of a block that runs a copy alone."""
        return 32 if SIMULATED else 256

    @property
    def grid_threads(self) -> tuple[int, ...]:
        """Threads of each block of a grid that runs a copy, best first: few large blocks wait least, but take many registers."""
        return (32,) if SIMULATED else (512, 256, 128)

    @property
    def shared_bytes(self) -> int:
        """Shared memory for the state of a copy."""
        return _SAFE_SHARED_BYTES

    def runs_in_blocks(self, n_neurons: int, copies: int) -> bool:
        """Return whether each copy has a block of its own."""
        return n_neurons <= _BLOCK_NEURONS or copies >= _BLOCK_COPIES

    def free_bytes(self) -> int | None:
        """Return the memory that is left, within the budget; None where nobody knows."""
        if SIMULATED:
            return self._memory
        free = int(cuda.current_context().get_memory_info()[0])
        return free if self._memory is None else min(free, self._memory)
