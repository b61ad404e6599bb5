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

__all__ = [
    "CHUNK",
    "CONNECTIONS",
    "DELAYS",
    "SOURCES",
    "TARGETS",
    "WEIGHTS",
    "fill_row",
    "fill_words",
    "philox",
    "uniform",
]

CONNECTIONS = np.uint64(2**31)
"""Added to the number of a projection: without this bit, the same place of the counter has the number of a neuron."""
TARGETS, WEIGHTS, DELAYS, SOURCES = (np.uint64(purpose) for purpose in (1, 2, 3, 4))
"""What a row of a projection draws: the last place of its counter."""
CHUNK = 512
"""Words of a row that are drawn at once: they stay in the first cache."""

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


@njit
def fill_words(words: Any, n: Any, seed: Any, step: Any, population: Any, copy: Any) -> None:
    """Fill ``words[:4 * ceil(n / 4)]`` (uint32): neuron i reads word i, all four words of a block are used."""
    blocks = (n + 3) // 4
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _SHIFT
    c1, c2, c3 = np.uint64(step) & _MASK, np.uint64(population), np.uint64(copy) & _MASK
    for b in range(blocks):
        w0, w1, w2, w3 = philox(np.uint64(b), c1, c2, c3, k0, k1)
        words[b] = w0
        words[blocks + b] = w1
        words[2 * blocks + b] = w2
        words[3 * blocks + b] = w3


@njit
def fill_row(words: Any, n: Any, first: Any, seed: Any, row: Any, stream: Any, purpose: Any) -> None:
    """Fill ``words[:4 * ceil(n / 4)]`` (uint32) with the words ``first`` (a multiple of 4) and on of a row of unknown length.

    Counter = (word // 4, row, stream, purpose); word q is number q mod 4 of its block, however many are drawn.
    """
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _SHIFT
    # Masked, so that the compiler sees products of 32-bit values.
    c1, c2, c3 = np.uint64(row) & _MASK, np.uint64(stream) & _MASK, np.uint64(purpose) & _MASK
    begin = np.uint64(first) >> np.uint64(2)
    for b in range((n + 3) // 4):
        w0, w1, w2, w3 = philox((begin + np.uint64(b)) & _MASK, c1, c2, c3, k0, k1)
        words[4 * b] = w0
        words[4 * b + 1] = w1
        words[4 * b + 2] = w2
        words[4 * b + 3] = w3


@njit
def uniform(word: Any) -> Any:
    """Return a float32 in [0, 1) from the upper 24 bits of a word: exact, hence the same in every precision."""
    return np.float32(word >> np.uint32(8)) * np.float32(2.0**-24)
