"""The run loop: any network, one compiled function per precision.

A step is update -> threshold -> record -> deliver -> reset. A spike carries the step in which it was fired; with a delay of d steps
it is delivered d steps later, and acts on the next update of its targets. Spikes wait in lists of their source, one per step.
"""

from typing import Any

import numpy as np

from .layout import PopulationColumn, ProjectionColumn, RecorderColumn

__all__ = ["advance"]

_KIND, _RESET, _SIZE = int(PopulationColumn.KIND), int(PopulationColumn.RESET), int(PopulationColumn.SIZE)
_NEURON, _RECORD_SPIKES = int(PopulationColumn.NEURON), int(PopulationColumn.RECORD_SPIKES)
_FIRST_STEP, _LAST_STEP = int(PopulationColumn.FIRST_STEP), int(PopulationColumn.LAST_STEP)
_HISTORY, _LENGTHS = int(PopulationColumn.HISTORY), int(PopulationColumn.LENGTHS)
_SLOTS = int(PopulationColumn.SLOTS)
_DELIVERY, _SOURCE = int(ProjectionColumn.KIND), int(ProjectionColumn.SOURCE)
_DELAYS, _N_DELAYS = int(ProjectionColumn.DELAYS), int(ProjectionColumn.N_DELAYS)
_R_STATE, _R_SIZE, _R_OUT = int(RecorderColumn.STATE), int(RecorderColumn.SIZE), int(RecorderColumn.OUT)


def advance(
    kernels: Any, populations: Any, projections: Any, recorders: Any, state: Any, held: Any, history: Any, lengths: Any,
    constants: Any, pointers: Any, targets: Any, narrow_targets: Any, weights: Any, delays: Any, train_pointers: Any,
    train_neurons: Any, updates: Any, fired: Any, events: Any, traces: Any, spike_log: Any, flags: Any, words: Any, seed: Any,
    first_sample: Any, first_step: Any, copy: Any, last_copy: Any, step: Any, last_step: Any,
) -> Any:  # fmt: skip
    """Advance copies ``copy`` ... ``last_copy - 1``, the first of them from ``step`` on, each to ``last_step``.

    ``kernels`` is a KernelSet; the tables and flat arrays are those of ``layout``. Shapes: state (copies, states), held (copies,
    neurons) int32; updates and fired (copies, steps, populations) and events (copies, steps, projections) int64, added to;
    traces (copies, steps, recorded values); history and lengths (copies, ...) int32, the spike lists of the last steps; spike_log
    (capacity, 3) int32, rows of copy, step - first_step, neuron; flags and words are scratch of one worker, as long as a copy has
    neurons, rounded up to a multiple of 8.

    Returns (copy, step, rows used in spike_log). When the log might overflow in the next step it returns early, and is to be
    called again from there with an emptied log.
    """
    logged = 0
    update_kernels, reset_kernels, delivery_kernels = kernels.updates, kernels.resets, kernels.deliveries
    n_populations, n_projections = populations.shape[0], projections.shape[0]
    while copy < last_copy:
        mine, mine_held, lists, length = state[copy], held[copy], history[copy], lengths[copy]
        sample = first_sample + copy
        while step < last_step:
            if logged + mine_held.size > spike_log.shape[0]:
                return copy, step, logged
            t = step - first_step
            for p in range(n_populations):
                row = populations[p]
                a, n, slot = row[_NEURON], row[_SIZE], step % row[_SLOTS]
                count = 0
                if row[_FIRST_STEP] <= step < row[_LAST_STEP]:
                    spikes = lists[row[_HISTORY] + slot * n : row[_HISTORY] + (slot + 1) * n]
                    count = update_kernels[row[_KIND]](
                        step, copy, sample, row, mine, mine_held[a : a + n], flags, spikes,
                        constants, words, seed, train_pointers, train_neurons,
                    )  # fmt: skip
                    updates[copy, t, p] += n
                    fired[copy, t, p] += count
                    if row[_RECORD_SPIKES]:
                        for q in range(count):
                            spike_log[logged, 0] = copy
                            spike_log[logged, 1] = t
                            spike_log[logged, 2] = a + spikes[q]
                            logged += 1
                length[row[_LENGTHS] + slot] = count
            for r in range(recorders.shape[0]):
                source, out = recorders[r, _R_STATE], recorders[r, _R_OUT]
                for i in range(recorders[r, _R_SIZE]):
                    traces[copy, t, out + i] = mine[source + i]
            for c in range(n_projections):
                row = projections[c]
                source = populations[row[_SOURCE]]
                for k in range(row[_N_DELAYS]):
                    slot = (step - delays[row[_DELAYS] + k]) % source[_SLOTS]
                    count = length[source[_LENGTHS] + slot]
                    if count > 0:
                        spikes = lists[source[_HISTORY] + slot * source[_SIZE] :]
                        events[copy, t, c] += delivery_kernels[row[_DELIVERY]](
                            row, k, mine, spikes, count, pointers, targets, narrow_targets, weights
                        )
            for p in range(n_populations):
                row = populations[p]
                slot = step % row[_SLOTS]
                count = length[row[_LENGTHS] + slot]
                if count > 0 and row[_RESET] >= 0:
                    spikes = lists[row[_HISTORY] + slot * row[_SIZE] :]
                    reset_kernels[row[_RESET]](row, mine, spikes, count, constants)
            step += np.int64(1)
        copy += np.int64(1)
        step = first_step
    return copy, step, logged
