"""Rules at the level of a population or projection: winner-take-all, homeostasis, and the normalisation of weights."""

from typing import Any

import numpy as np
from numba import cuda
from snnsim_models import FOREVER

from ..layout import PopulationColumn, ProjectionColumn, RegulationColumn
from ._jit import device
from .layout import SPIKED

__all__ = ["adapt", "add_weights", "clear_sums", "compete", "is_due", "is_sparse", "normalise_dense", "scale_weights"]

_KIND, _WHAT = int(RegulationColumn.KIND), int(RegulationColumn.WHAT)
_GROUP, _WINNERS, _UPDATES = int(RegulationColumn.GROUP), int(RegulationColumn.WINNERS), int(RegulationColumn.UPDATES)
_STATE, _VALUE, _EVERY = int(RegulationColumn.STATE), int(RegulationColumn.VALUE), int(RegulationColumn.EVERY)
_DENSE, _NARROW = int(RegulationColumn.DENSE), int(RegulationColumn.NARROW)
_WINNER_TAKE_ALL, _HOMEOSTASIS = int(RegulationColumn.WINNER_TAKE_ALL), int(RegulationColumn.HOMEOSTASIS)
_NORMALISATION = int(RegulationColumn.NORMALISATION)
_SIZE, _V, _NEURON = int(PopulationColumn.SIZE), int(PopulationColumn.STATE), int(PopulationColumn.NEURON)
_SOURCES, _TARGETS = int(ProjectionColumn.SOURCE_SIZE), int(ProjectionColumn.TARGET_SIZE)
_POINTERS, _SYNAPSES = int(ProjectionColumn.POINTERS), int(ProjectionColumn.SYNAPSES)
_WEIGHTS, _N_DELAYS = int(ProjectionColumn.WEIGHTS), int(ProjectionColumn.N_DELAYS)
_SPIKED, _FOREVER = np.int32(SPIKED), np.int32(FOREVER)
_WON = np.int32(SPIKED - 1)


def _compete(rule: Any, populations: Any, values: Any, held: Any, rank: Any, size: Any) -> None:
    """Keep the spikes of the winners of each group: a thread per group. All others of a group with a winner are held.

    The winner is who has the highest potential, the first of equals.
    """
    if rule[_KIND] != _WINNER_TAKE_ALL:
        return
    row = populations[rule[_WHAT]]
    v, neuron, n, group = row[_V], row[_NEURON], row[_SIZE], rule[_GROUP]
    first = rank * group
    while first < n:
        last = min(first + group, n)
        won = 0
        while won < rule[_WINNERS]:
            best = np.int64(-1)
            i = first
            while i < last:
                if held[neuron + i] == _SPIKED and (best < 0 or values[v + i] > values[v + best]):
                    best = i
                i += 1
            if best < 0:
                break
            held[neuron + best] = _WON
            won += 1
        if won > 0:
            i = first
            while i < last:
                wait = held[neuron + i]
                if wait == _WON:
                    held[neuron + i] = _SPIKED
                elif rule[_UPDATES] >= _FOREVER:
                    held[neuron + i] = _FOREVER
                elif wait <= rule[_UPDATES]:
                    held[neuron + i] = rule[_UPDATES] + 1
                i += 1
        first += size * group


def _adapt(rules: Any, amounts: Any, population: Any, i: Any, values: Any, spikes: Any) -> None:
    """Lower the threshold of neuron i of a population by what all of its spikes in the step demand."""
    r = 0
    while r < rules.shape[0]:
        if rules[r, _KIND] == _HOMEOSTASIS and rules[r, _WHAT] == population and spikes > 0:
            values[rules[r, _STATE] + i] -= amounts[rules[r, _VALUE]] * amounts.dtype.type(spikes)
        r += 1


def _is_due(rule: Any, step: Any) -> Any:
    """Return whether a rule normalises weights at the end of a step."""
    return rule[_KIND] == _NORMALISATION and (step + 1) % rule[_EVERY] == 0


def _is_sparse(rule: Any) -> Any:
    return rule[_DENSE] == 0


def _normalise_dense(rule: Any, amounts: Any, projections: Any, weights: Any, rank: Any, size: Any) -> None:
    """Scale the weights onto each target to their sum: a thread per target."""
    row, total = projections[rule[_WHAT]], amounts[rule[_VALUE]]
    n, m, first = row[_SOURCES], row[_TARGETS], row[_WEIGHTS]
    i = rank
    while i < m:
        sum_ = total - total
        j = 0
        while j < n:
            sum_ += abs(weights[first + j * m + i])
            j += 1
        if sum_ > 0:
            factor = total / sum_
            j = 0
            while j < n:
                weights[first + j * m + i] *= factor
                j += 1
        i += size


def _clear_sums(rule: Any, projections: Any, sums: Any, rank: Any, size: Any) -> None:
    i = rank
    while i < projections[rule[_WHAT], _TARGETS]:
        sums[i] = 0
        i += size


def _reached(rule: Any, row: Any, arrays: Any, k: Any) -> Any:
    if rule[_NARROW]:
        return np.int64(arrays.narrow_targets[row[_SYNAPSES] + k])
    return np.int64(arrays.targets[row[_SYNAPSES] + k])


_target = device(_reached)


def _add_weights(rule: Any, projections: Any, arrays: Any, sums: Any, rank: Any, size: Any) -> None:
    """Add up the sparse weights onto each target."""
    row = projections[rule[_WHAT]]
    n = np.int64(arrays.pointers[row[_POINTERS] + row[_SOURCES] * row[_N_DELAYS]])
    k = rank
    while k < n:
        cuda.atomic.add(sums, _target(rule, row, arrays, k), abs(arrays.weights[row[_WEIGHTS] + k]))
        k += size


def _scale_weights(rule: Any, amounts: Any, projections: Any, arrays: Any, sums: Any, rank: Any, size: Any) -> None:
    """Scale the sparse weights onto each target to their sum."""
    row, total = projections[rule[_WHAT]], amounts[rule[_VALUE]]
    n = np.int64(arrays.pointers[row[_POINTERS] + row[_SOURCES] * row[_N_DELAYS]])
    k = rank
    while k < n:
        sum_ = sums[_target(rule, row, arrays, k)]
        if sum_ > 0:
            arrays.weights[row[_WEIGHTS] + k] *= total / sum_
        k += size


compete, adapt, is_due, is_sparse = device(_compete), device(_adapt), device(_is_due), device(_is_sparse)
normalise_dense, clear_sums = device(_normalise_dense), device(_clear_sums)
add_weights, scale_weights = device(_add_weights), device(_scale_weights)
