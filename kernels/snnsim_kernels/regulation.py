"""Rules at the level of a population: winner-take-all, homeostasis, and the normalisation of weights.

They see what a single neuron does not: which others spiked, the mean of a population, the sum of the weights onto a target. A
population under such a rule belongs to one worker, as does a network with a normalisation.
"""

from typing import Any

import numpy as np
from numba import njit

from .layout import PopulationColumn, ProjectionColumn, RegulationColumn
from .refractoriness import hold
from .views import view

__all__ = ["after_delivery", "after_delivery_nothing", "compete", "compete_nobody"]

_COUNT = int(RegulationColumn.COUNT)
_KIND, _WHAT = int(RegulationColumn.KIND), int(RegulationColumn.WHAT)
_GROUP, _WINNERS, _UPDATES = int(RegulationColumn.GROUP), int(RegulationColumn.WINNERS), int(RegulationColumn.UPDATES)
_STATE, _VALUE, _EVERY = int(RegulationColumn.STATE), int(RegulationColumn.VALUE), int(RegulationColumn.EVERY)
_WINNER_TAKE_ALL, _HOMEOSTASIS = int(RegulationColumn.WINNER_TAKE_ALL), int(RegulationColumn.HOMEOSTASIS)
_DAYS, _LENGTHS = int(PopulationColumn.DAYS), int(PopulationColumn.LENGTHS)
_P_COUNT, _SIZE, _V = int(PopulationColumn.COUNT), int(PopulationColumn.SIZE), int(PopulationColumn.STATE)
_J_COUNT = int(ProjectionColumn.COUNT)
_SOURCES, _TARGETS = int(ProjectionColumn.SOURCE_SIZE), int(ProjectionColumn.TARGET_SIZE)
_POINTERS, _SYNAPSES = int(ProjectionColumn.POINTERS), int(ProjectionColumn.SYNAPSES)
_WEIGHTS, _N_DELAYS = int(ProjectionColumn.WEIGHTS), int(ProjectionColumn.N_DELAYS)
_NARROW = int(RegulationColumn.NARROW)
_DENSE = int(RegulationColumn.DENSE)


@njit
def _best(potentials: Any, spikes: Any, start: Any, stop: Any) -> Any:
    """Return the place of the spike of the highest potential, the first of equals; -1 where all are taken (negative)."""
    best = -1
    for q in range(start, stop):
        if spikes[q] >= 0 and (best < 0 or potentials[spikes[q]] > potentials[spikes[best]]):
            best = q
    return best


def compete(
    rules: Any, population: Any, row: Any, step: Any, state: Any, held: Any, masked: Any, calendar: Any, following: Any,
    due: Any, spikes: Any, count: Any, scratch: Any,
) -> Any:  # fmt: skip
    """Keep the spikes of the winners of each group of a population, in ascending order, and return their number.

    All others of a group with a winner are held for some updates: they start again from their reset potential then.
    """
    for r in range(rules.shape[0]):
        if rules[r, _KIND] != _WINNER_TAKE_ALL or rules[r, _WHAT] != population:
            continue
        group, winners, updates = rules[r, _GROUP], rules[r, _WINNERS], rules[r, _UPDATES]
        potentials = view(state, row[_V], row[_SIZE])
        kept, start = 0, 0
        while start < count:
            first = spikes[start] // group * group
            stop = start
            while stop < count and spikes[stop] < first + group:
                stop += 1
            for i in range(first, min(first + group, row[_SIZE])):
                scratch[i] = 0
            for _ in range(winners):
                best = _best(potentials, spikes, start, stop)
                if best < 0:
                    break
                scratch[spikes[best]] = 1
                spikes[best] = -1 - spikes[best]
            for i in range(first, min(first + group, row[_SIZE])):
                if scratch[i]:
                    scratch[i] = 0
                    spikes[kept] = i
                    kept += 1
                else:
                    hold(row, i, step, step % row[_DAYS], updates, held, masked, calendar, following, due)
            start = stop
        count = kept
    return count


@njit
def _sum(own: Any, sums: Any) -> None:
    """Add absolute values. A function of its own, as is the next: within the loop over rows it would not vectorise."""
    for i in range(sums.size):
        sums[i] += abs(own[i])


@njit
def _scale(own: Any, factors: Any) -> None:
    for i in range(factors.size):
        own[i] *= factors[i]


@njit
def _normalise_dense(row: Any, weights: Any, total: Any) -> None:
    n, m = row[_SOURCES], row[_TARGETS]
    sums = np.zeros(m, weights.dtype)
    for j in range(n):
        _sum(view(weights, row[_WEIGHTS] + j * m, m), sums)
    for i in range(m):
        sums[i] = total / sums[i] if sums[i] > 0 else sums[i]
    for j in range(n):
        _scale(view(weights, row[_WEIGHTS] + j * m, m), sums)


@njit
def _normalise_sparse(row: Any, pointers: Any, reached: Any, weights: Any, total: Any) -> None:
    n = pointers[row[_POINTERS] + row[_SOURCES] * row[_N_DELAYS]]
    own, targets = view(weights, row[_WEIGHTS], n), view(reached, row[_SYNAPSES], n)
    sums = np.zeros(row[_TARGETS], weights.dtype)
    for k in range(n):
        sums[targets[k]] += abs(own[k])
    for i in range(sums.size):
        sums[i] = total / sums[i] if sums[i] > 0 else sums[i]
    for k in range(n):
        own[k] *= sums[targets[k]]


def after_delivery(
    rules: Any, values: Any, projections: Any, populations: Any, ranges: Any, slots: Any, lengths: Any, step: Any,
    state: Any, pointers: Any, targets: Any, narrow_targets: Any, weights: Any,
) -> None:  # fmt: skip
    """Apply homeostasis, for the spikes of this step, and the normalisations that are due at its end."""
    for r in range(rules.shape[0]):
        what, value = rules[r, _WHAT], values[rules[r, _VALUE]]
        if rules[r, _KIND] == _HOMEOSTASIS:
            row = view(populations, what * _P_COUNT, _P_COUNT)
            count = lengths[row[_LENGTHS] + slots[what]]
            if count > 0:
                for i in range(ranges[what, 0], ranges[what, 1]):
                    state[rules[r, _STATE] + i] -= value * values.dtype.type(count)
        elif rules[r, _KIND] != _WINNER_TAKE_ALL and (step + 1) % rules[r, _EVERY] == 0:
            row = view(projections, what * _J_COUNT, _J_COUNT)
            if rules[r, _DENSE]:
                _normalise_dense(row, weights, value)
            elif rules[r, _NARROW]:
                _normalise_sparse(row, pointers, narrow_targets, weights, value)
            else:
                _normalise_sparse(row, pointers, targets, weights, value)


def compete_nobody(
    rules: Any, population: Any, row: Any, step: Any, state: Any, held: Any, masked: Any, calendar: Any, following: Any,
    due: Any, spikes: Any, count: Any, scratch: Any,
) -> Any:  # fmt: skip
    """Do nothing: no population has rules."""
    return count


def after_delivery_nothing(
    rules: Any, values: Any, projections: Any, populations: Any, ranges: Any, slots: Any, lengths: Any, step: Any,
    state: Any, pointers: Any, targets: Any, narrow_targets: Any, weights: Any,
) -> None:  # fmt: skip
    """Do nothing: neither population nor projection has rules."""
