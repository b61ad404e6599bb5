"""Counter-based random numbers: Philox4x32-10.

Key = seed, counter = (neuron block, step, population, copy): a number depends on nothing but what it is for, hence on no thread,
batch or backend.

References
----------
Salmon, Moraes, Dror & Shaw 2011, Parallel random numbers: as easy as 1, 2, 3, SC '11.
Wichura 1988, Algorithm AS 241: The percentage points of the normal distribution, Applied Statistics 37:477-484.
"""

import math
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._jit import jit
from .views import view

__all__ = [
    "CHUNK",
    "CONNECTIONS",
    "DELAYS",
    "SOURCES",
    "TARGETS",
    "WEIGHTS",
    "block_of_row",
    "draws",
    "fill_row",
    "fill_words",
    "normal",
    "normal_quantile",
    "open_uniform",
    "philox",
    "single",
    "uniform",
    "word_of",
    "word_of_row",
    "words_of",
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
def _fill_group(own: Any, block: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> None:
    """Fill 64 words from 16 blocks. A function of its own, or it would not vectorise: five times slower."""
    for j in range(16):
        w0, w1, w2, w3 = philox((block + np.uint64(j)) & _MASK, c1, c2, c3, k0, k1)
        own[j] = w0
        own[16 + j] = w1
        own[32 + j] = w2
        own[48 + j] = w3


@njit
def fill_words(words: Any, low: Any, high: Any, seed: Any, step: Any, population: Any, copy: Any) -> None:
    """Fill ``words`` (uint32), one per neuron from ``low``, a multiple of 64, to ``high`` - 1, and up to 63 behind.

    64 neurons share 16 blocks: neuron 64 g + 16 w + j reads word w of block 16 g + j. So all four words of a block are used,
    sixteen blocks are computed side by side, and any stretch can be filled alone.
    """
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _SHIFT
    c1, c2, c3 = np.uint64(step) & _MASK, np.uint64(population) & _MASK, np.uint64(copy) & _MASK
    for g in range((high - low + 63) // 64):
        _fill_group(view(words, 64 * g, 64), np.uint64((low // 64 + g) * 16), c1, c2, c3, k0, k1)


@njit
def _one_of(words: Any, which: Any) -> Any:
    """Return one of four words (uint32) without an array of them, which a card would keep in its memory."""
    low = words[0] if which == 0 else words[1]
    high = words[2] if which == 2 else words[3]
    return np.uint32(low if which < 2 else high)


@njit
def word_of(i: Any, seed: Any, step: Any, population: Any, copy: Any) -> Any:
    """Return the word of neuron i alone, the same as that of :func:`fill_words`."""
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _SHIFT
    block = np.uint64(i) // np.uint64(64) * np.uint64(16) + np.uint64(i) % np.uint64(16)
    words = philox(
        block & _MASK, np.uint64(step) & _MASK, np.uint64(population) & _MASK, np.uint64(copy) & _MASK, k0, k1
    )
    return _one_of(words, (np.uint64(i) // np.uint64(16)) % np.uint64(4))


@njit
def block_of_row(block: Any, seed: Any, row: Any, stream: Any, purpose: Any) -> Any:
    """Return the four words number 4 * ``block`` and on of a row: uint64 that hold 32-bit values.

    Counter = (block, row, stream, purpose), in words: see :data:`CONNECTIONS` and :data:`TARGETS`.
    """
    # Masked, so that the compiler sees products of 32-bit values.
    c0, c1, c2, c3 = (
        np.uint64(block) & _MASK,
        np.uint64(row) & _MASK,
        np.uint64(stream) & _MASK,
        np.uint64(purpose) & _MASK,
    )
    return philox(c0, c1, c2, c3, np.uint64(seed) & _MASK, np.uint64(seed) >> _SHIFT)


@njit
def word_of_row(q: Any, seed: Any, row: Any, stream: Any, purpose: Any) -> Any:
    """Return word q (uint32) of a row alone."""
    block = block_of_row(np.uint64(q) >> np.uint64(2), seed, row, stream, purpose)
    return _one_of(block, np.uint64(q) & np.uint64(3))


@njit
def fill_row(words: Any, n: Any, first: Any, seed: Any, row: Any, stream: Any, purpose: Any) -> None:
    """Fill ``words[:4 * ceil(n / 4)]`` (uint32) with the words ``first`` (a multiple of 4) and on of a row of unknown length.

    Word q is number q mod 4 of its block, however many are drawn.
    """
    begin = np.uint64(first) >> np.uint64(2)
    for b in range((n + 3) // 4):
        w0, w1, w2, w3 = block_of_row(begin + np.uint64(b), seed, row, stream, purpose)
        words[4 * b] = w0
        words[4 * b + 1] = w1
        words[4 * b + 2] = w2
        words[4 * b + 3] = w3


@njit
def uniform(word: Any) -> Any:
    """Return a float32 in [0, 1) from the upper 24 bits of a word: exact, hence the same in every precision."""
    return np.float32(word >> np.uint32(8)) * np.float32(2.0**-24)


@njit
def open_uniform(word: Any) -> Any:
    """Return a float64 in (0, 1) from all 32 bits of a word."""
    return (np.float64(word) + 0.5) * 2.0**-32


@njit
def normal_quantile(p: Any) -> Any:
    """Return the x below which a standard normal number lies with probability p, in (0, 1): PPND16, to 16 digits.

    One word, one number, and a logarithm for one in seven only: cheaper than Box and Muller's transform.
    """
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        a = 2.5090809287301226727e3 * r + 3.3430575583588128105e4
        a = ((a * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r + 1.3731693765509461125e4
        a = ((a * r + 1.9715909503065514427e3) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080e0
        b = 5.2264952788528545610e3 * r + 2.8729085735721942674e4
        b = ((b * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r + 5.3941960214247511077e3
        b = ((b * r + 6.8718700749205790830e2) * r + 4.2313330701600911252e1) * r + 1.0
        return q * a / b
    r = math.sqrt(-math.log(p if q < 0 else 1.0 - p))
    if r <= 5.0:
        r -= 1.6
        a = 7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
        a = ((a * r + 2.41780725177450611770e-1) * r + 1.27045825245236838258e0) * r + 3.64784832476320460504e0
        a = ((a * r + 5.76949722146069140550e0) * r + 4.63033784615654529590e0) * r + 1.42343711074968357734e0
        b = 1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
        b = ((b * r + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1
        b = ((b * r + 1.67638483018380384940e0) * r + 2.05319162663775882187e0) * r + 1.0
    else:
        r -= 5.0
        a = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        a = ((a * r + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1
        a = ((a * r + 1.78482653991729133580e0) * r + 5.46378491116411436990e0) * r + 6.65790464350110377720e0
        b = 2.04426310338993978564e-15 * r + 1.42151175831644588870e-7
        b = ((b * r + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2
        b = ((b * r + 1.36929880922735805310e-1) * r + 5.99832206555887937690e-1) * r + 1.0
    return -a / b if q < 0 else a / b


@njit
def normal(word: Any) -> Any:
    """Return a standard normal float64 from one word; none is beyond 6.3 in either direction."""
    return normal_quantile(open_uniform(word))


draw: Any  # bound to one of the above


def single(word: Any) -> Any:
    """Template: a random number as float32."""
    return np.float32(draw(word))


def words_of(n: int, seed: int, first: int, last: int, stream: int, copy: int) -> NDArray[np.uint32]:
    """Return the words of ``n`` neurons in steps ``first`` to ``last - 1``, shape (steps, n)."""
    words = np.empty(n + 64, np.uint32)
    out = np.empty((last - first, n), np.uint32)
    for step, row in zip(range(first, last), out, strict=True):
        fill_words(words, 0, n, np.uint64(seed), step, stream, copy)
        row[:] = words[:n]
    return out


def draws(
    distribution: str, n: int, seed: int, first: int, last: int, population: int, copy: int
) -> NDArray[np.float64]:
    """Return the numbers that ``n`` neurons of a stochastic model get in steps ``first`` to ``last - 1``: shape (steps, n).

    ``distribution`` is the model's DRAW, ``population`` its first neuron among those of the network, ``copy`` the number of the
    sample. For other simulators, which can then use the very same numbers.
    """
    numbers = _all_of(distribution)(words_of(n, seed, first, last, population, copy).ravel())
    return np.asarray(numbers.reshape(last - first, n))


@cache
def _all_of(distribution: str) -> Any:
    number = globals()[distribution]

    def all_of(words: Any) -> Any:
        out = np.empty(words.size)
        for i in range(words.size):
            out[i] = number(words[i])
        return out

    return jit(cached=False)(all_of)
