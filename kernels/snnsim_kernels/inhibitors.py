"""A population of leaky neurons of which only those are updated that are away from rest.

Each is a ``LIF`` with one exponential conductance, by backward Euler. It falls asleep when its conductance is zero, so is the time
for which it is held, and an update leaves its potential as it was: then all further ones would, and to skip them is exact. Spikes
wake it.
"""

from typing import Any

import numpy as np
from snnsim_models._membrane import backward_euler

from ._jit import jit_unmanaged

__all__ = ["INITIAL", "RESET", "advance_awake", "list_awake", "wake"]

RESET, _THRESHOLD, _DECAY, _REVERSAL, INITIAL = 3, 4, 5, 6, 7
"""Constants of a cell: three of backward Euler, reset potential, threshold (mV), decay of the conductance in a step, its reversal
potential, initial potential (mV)."""


@jit_unmanaged
def list_awake(awake: Any, listed: Any) -> Any:
    """List the neurons that are marked as awake and return their number."""
    count = np.int64(0)
    for i in range(awake.size):
        if awake[i]:
            listed[count] = i
            count += 1
    return count


@jit_unmanaged
def wake(i: Any, weight: Any, g: Any, awake: Any, listed: Any, count: Any) -> Any:
    """Add to the conductance of a neuron; return how many are awake now."""
    g[i] += weight
    if not awake[i]:
        awake[i] = 1
        listed[count] = i
        count += 1
    return count


@jit_unmanaged
def advance_awake(v: Any, g: Any, held: Any, awake: Any, listed: Any, count: Any, cell: Any, fired: Any) -> Any:
    """Advance those awake by a step, list those that fire, and return how many remain awake, and how many fire."""
    still = v.dtype.type(0)
    remaining, spikes = np.int64(0), np.int64(0)
    for q in range(count):
        i = listed[q]
        before, conductance, refractory = v[i], g[i], held[i] > 0
        move = backward_euler((before, still), (conductance, conductance * cell[_REVERSAL]), cell)
        u = cell[RESET] if refractory else move[0] * before + move[1]
        held[i] -= np.int32(refractory)
        v[i] = u
        g[i] = conductance * cell[_DECAY]
        if u > cell[_THRESHOLD] and not refractory:
            fired[spikes] = i
            spikes += 1
        if refractory or conductance > still or u != before:
            listed[remaining] = i
            remaining += 1
        else:
            awake[i] = 0
    return remaining, spikes
