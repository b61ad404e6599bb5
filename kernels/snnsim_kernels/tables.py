"""Whole numbers drawn by integer tables: no logarithm or exponential is involved where they are drawn.

A device that draws the same words gets the same numbers, bit for bit; only the tables are made from floating-point numbers, once.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["FINE", "Gaps", "Table", "drawn_from", "gaps_of", "table_of"]

FINE = 1024
"""The gaps that one table of a probability tells apart."""


class Table(NamedTuple):
    """A distribution over whole numbers: that of a word is the number of ``thresholds`` (uint32, ascending) that it reaches.

    ``guide[g]`` (int32, 4097 entries) is that of the word g * 2**20, so that hardly anything is searched.
    """

    thresholds: Any
    guide: Any


def table_of(cumulative: NDArray[np.float64]) -> tuple[int, Table]:
    """Return the first number of the probabilities ``cumulative`` of 0, 1 ... that a word reaches, and the table from there on."""
    reached = np.rint(cumulative * 2.0**32)
    thresholds = reached[(reached > 0) & (reached < 2.0**32)].astype(np.uint32)
    guide = np.searchsorted(thresholds, np.arange(4097, dtype=np.int64) << 20, side="right").astype(np.int32)
    return int(np.count_nonzero(reached <= 0)), Table(thresholds, guide)


class Gaps(NamedTuple):
    """How many targets are left out before the next, where each is reached with probability p: a multiple of FINE and a rest.

    ``skipped`` is the multiple that the coarse table counts from, ``n_coarse`` the last; ``short`` where the multiple is always 0.
    """

    fine: Table
    coarse: Table
    skipped: int
    n_coarse: int
    short: bool


def gaps_of(p: float) -> Gaps:
    """Return the gaps for a probability p in (0, 1); one outside of it needs none."""
    if not 0 < p < 1:
        nothing = table_of(np.zeros(0))[1]
        return Gaps(nothing, nothing, 0, 0, True)
    rate = math.log1p(-p)
    n_coarse = math.ceil(min(4 / (p * FINE), 4096))
    skipped, coarse = table_of(-np.expm1(np.arange(1, n_coarse + 1) * (rate * FINE)))
    _, fine = table_of(np.expm1(np.arange(1, FINE + 1) * rate) / math.expm1(FINE * rate))
    return Gaps(fine, coarse, skipped, n_coarse, skipped == 0 and len(coarse.thresholds) == 0)


@njit
def drawn_from(table: Any, word: Any) -> Any:
    """Return the number of a word."""
    g = word >> np.uint32(20)
    low, high = table.guide[g], table.guide[g + 1]
    while low < high:
        middle = (low + high) // 2
        if table.thresholds[middle] <= word:
            low = middle + 1
        else:
            high = middle
    return low
