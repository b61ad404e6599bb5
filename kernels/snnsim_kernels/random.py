"""Counter-based random numbers: Philox4x32-10.

Key = seed, counter = (neuron block, step, population, copy): a number depends on nothing but what it is for, hence on no thread,
batch or backend.

References
----------
Salmon, Moraes, Dror & Shaw 2011, Parallel random numbers: as easy as 1, 2, 3, SC '11.
"""

from typing import Any

import numpy as np
from numba import njit

from .views import view

__all__ = ["fill_words", "philox", "uniform"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_MASK, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


@njit
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Return the four 32-bit words for a counter and a key, all uint64 that hold 32-bit values."""
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0 = (p1 >> _SHIFT) ^ c1 ^ k0
        c1 = p1 & _MASK
        c2 = (p0 >> _SHIFT) ^ c3 ^ k1
        c3 = p0 & _MASK
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0, c1, c2, c3


def fill_words(words: Any, low: Any, high: Any, seed: Any, step: Any, population: Any, copy: Any) -> None:
    """Template: fill ``words`` (uint32), one per neuron from ``low``, a multiple of 64, to ``high`` - 1, and up to 63 behind.

    64 neurons share 16 blocks: neuron 64 g + 16 w + j reads word w of block 16 g + j. So all four words of a block are used,
    sixteen blocks are computed side by side, and any stretch can be filled alone.
    """
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _SHIFT
    c1, c2, c3 = np.uint64(step) & _MASK, np.uint64(population), np.uint64(copy) & _MASK
    for g in range((high - low + 63) // 64):
        block = np.uint64((low // 64 + g) * 16)
        own = view(words, 64 * g, 64)
        for j in range(16):
            w0, w1, w2, w3 = philox(block + np.uint64(j), c1, c2, c3, k0, k1)
            own[j] = w0
            own[16 + j] = w1
            own[32 + j] = w2
            own[48 + j] = w3


@njit
def uniform(word: Any) -> Any:
    """Return a float32 in [0, 1) from the upper 24 bits of a word: exact, hence the same in every precision."""
    return np.float32(word >> np.uint32(8)) * np.float32(2.0**-24)
