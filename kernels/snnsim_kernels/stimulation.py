"""Poisson input: every neuron has a source of its own, which no table of synapses holds.

The number of spikes in a step follows the Poisson distribution, counts above 1 included. It is drawn by inversion: the number of
entries of the cumulative distribution, as 32-bit thresholds, that a random word exceeds. Integers make it the same everywhere.
"""

from typing import Any

import numpy as np
from numba import njit

from .layout import StimulusColumn
from .views import view

__all__ = ["stimulate", "stimulate_nobody"]

_TARGET_NEURON, _TARGET_STATE = int(StimulusColumn.TARGET_NEURON), int(StimulusColumn.TARGET_STATE)
_THRESHOLDS, _N_THRESHOLDS = int(StimulusColumn.THRESHOLDS), int(StimulusColumn.N_THRESHOLDS)
_BLOCK = 256


@njit
def _count(words: Any, n: Any, thresholds: Any, counts: Any) -> Any:
    """Fill counts[:n] with the numbers of thresholds that the words exceed and return their sum. The loops over n vectorise."""
    for i in range(n):
        counts[i] = 0
    for m in range(0, thresholds.size, 4):
        a, b, c, d = thresholds[m], thresholds[m + 1], thresholds[m + 2], thresholds[m + 3]
        for i in range(n):
            w = words[i]
            counts[i] += np.int32(w > a) + np.int32(w > b) + np.int32(w > c) + np.int32(w > d)
    total = 0
    for i in range(n):
        total += counts[i]
    return total


@njit
def _add(target: Any, n: Any, counts: Any, weight: Any) -> None:
    for i in range(n):
        # The count in the precision of the weight: a product with an integer would be made in double precision.
        target[i] += weight * target.dtype.type(counts[i])


def stimulate(row: Any, low: Any, high: Any, state: Any, words: Any, counts: Any, thresholds: Any, weight: Any) -> Any:
    """Template: add the input of one step to the neurons ``low`` to ``high`` - 1 of the population and return the number of events.

    ``words`` (uint32) has one word per neuron, ``counts`` (int32) as many places to write to.
    """
    n = high - low
    limits = view(thresholds, row[_THRESHOLDS], row[_N_THRESHOLDS])
    target = view(state, row[_TARGET_STATE] + low - row[_TARGET_NEURON], n)
    events = 0
    for first in range(0, n, _BLOCK):
        m = min(_BLOCK, n - first)
        own = view(counts, first, m)
        events += _count(view(words, first, m), m, limits, own)
        _add(view(target, first, m), m, own, weight)
    return events


def stimulate_nobody(
    row: Any, low: Any, high: Any, state: Any, words: Any, counts: Any, thresholds: Any, weight: Any
) -> Any:
    """Do nothing: the network has no stimuli."""
    return 0
