"""The run loop: any network, one compiled function per precision.

A step is update -> threshold -> record -> deliver -> reset. A spike carries the step in which it was fired; with a delay of d steps
it is delivered d steps later, and acts on the next update of its targets. Spikes wait in lists of their source, one per step.

Several workers can run one copy together. Each owns some neurons of every population: it updates them, delivers to them and resets
them. So workers meet once a step, when all spikes of the step are known, and the order in which a target receives its weights is
the same for any number of workers.
"""

from typing import Any

import numpy as np
from numba import njit

from .layout import PopulationColumn, ProjectionColumn, RecorderColumn, StimulusColumn, TimedInputColumn
from .plasticity import learned_weight, learns_now
from .plasticity_layout import PlasticityColumn, Updates
from .refractoriness import close_calendar, open_calendar
from .scaling import CYCLE
from .team import wait_for_all
from .views import flush_denormals, restore_denormals, view

__all__ = ["advance"]

_COUNT = int(PopulationColumn.COUNT)
_KIND, _RESET, _SIZE = int(PopulationColumn.KIND), int(PopulationColumn.RESET), int(PopulationColumn.SIZE)
_NEURON, _RECORD_SPIKES = int(PopulationColumn.NEURON), int(PopulationColumn.RECORD_SPIKES)
_FIRST_STEP, _LAST_STEP = int(PopulationColumn.FIRST_STEP), int(PopulationColumn.LAST_STEP)
_HISTORY, _LENGTHS = int(PopulationColumn.HISTORY), int(PopulationColumn.LENGTHS)
_SLOTS, _STOCHASTIC = int(PopulationColumn.SLOTS), int(PopulationColumn.STOCHASTIC)
_P_COUNT, _DELIVERY = int(ProjectionColumn.COUNT), int(ProjectionColumn.KIND)
_SOURCE, _TARGET = int(ProjectionColumn.SOURCE), int(ProjectionColumn.TARGET)
_TARGET_NEURON, _TARGET_SIZE = int(ProjectionColumn.TARGET_NEURON), int(ProjectionColumn.TARGET_SIZE)
_DELAYS, _N_DELAYS = int(ProjectionColumn.DELAYS), int(ProjectionColumn.N_DELAYS)
_S_COUNT, _S_TARGET = int(StimulusColumn.COUNT), int(StimulusColumn.TARGET)
_S_STREAM, _S_WEIGHT = int(StimulusColumn.STREAM), int(StimulusColumn.WEIGHT)
_S_FACTORS, _FACTORS = int(StimulusColumn.FACTORS), int(ProjectionColumn.FACTORS)
_S_NEURON, _S_SIZE = int(StimulusColumn.TARGET_NEURON), int(StimulusColumn.TARGET_SIZE)
_R_STATE, _R_SIZE, _R_OUT = int(RecorderColumn.STATE), int(RecorderColumn.SIZE), int(RecorderColumn.OUT)
_R_INDEX, _R_EVERY = int(RecorderColumn.INDEX), int(RecorderColumn.EVERY)
_R_POPULATION, _R_FACTORS = int(RecorderColumn.POPULATION), int(RecorderColumn.FACTORS)
_R_RULE = int(RecorderColumn.RULE)
_L_COUNT, _L_KIND = int(PlasticityColumn.COUNT), int(PlasticityColumn.KIND)
_L_PROJECTION, _L_PARAMETERS = int(PlasticityColumn.PROJECTION), int(PlasticityColumn.PARAMETERS)
_L_ELIGIBILITY, _L_SYNAPSES = int(PlasticityColumn.ELIGIBILITY), int(PlasticityColumn.SYNAPSES)
_UPDATES = int(Updates.COUNT)
_T_STATE, _T_SIZE = int(TimedInputColumn.STATE), int(TimedInputColumn.SIZE)
_T_POPULATION, _T_WHICH = int(TimedInputColumn.POPULATION), int(TimedInputColumn.WHICH)
_T_VALUES, _T_PER_COPY = int(TimedInputColumn.VALUES), int(TimedInputColumn.PER_COPY)
_T_PER_NEURON = int(TimedInputColumn.PER_NEURON)


@njit
def _all(array: Any) -> Any:
    return view(array, 0, array.size)


@njit
def _set_inputs(rows: Any, arrays: Any, ranges: Any, state: Any, copy: Any, t: Any) -> None:
    """Set the inputs that change in step t of the run, for the worker's own neurons."""
    for r in range(rows.shape[0]):
        which = arrays.schedule[rows[r, _T_WHICH] + t]
        if which < 0:
            continue
        per_neuron = rows[r, _T_PER_NEURON]
        size = rows[r, _T_SIZE] if per_neuron else 1
        base = rows[r, _T_VALUES] + copy * rows[r, _T_PER_COPY] + which * size
        p = rows[r, _T_POPULATION]
        for i in range(ranges[p, 0], ranges[p, 1]):
            state[rows[r, _T_STATE] + i] = arrays.timed_values[base + i * per_neuron]


@njit
def _weight(learning: Any, rule: Any, w: Any, k: Any) -> Any:
    """Return what the stored weight w number k of a plastic projection is by now."""
    at, low = learning.rules[rule, _L_ELIGIBILITY] + k, learning.rules[rule, _L_PARAMETERS]
    e, since = learning.state.eligibility[at], learning.state.eligibility[at + learning.rules[rule, _L_SYNAPSES]]
    level = learning.state.eligibility.dtype.type(learning.state.levels[2 * rule + 1])
    return learned_weight(w, e, level - since, learning.parameters[low], learning.parameters[low + 1])


@njit
def _record(
    rows: Any, arrays: Any, learning: Any, ranges: Any, state: Any, traces: Any, t: Any, step: Any, worker: Any
) -> None:
    """Write out what is recorded in step t of the run, of the worker's own neurons."""
    for r in range(rows.shape[0]):
        every, size, population = rows[r, _R_EVERY], rows[r, _R_SIZE], rows[r, _R_POPULATION]
        if t % every != 0:
            continue
        factors, factor = rows[r, _R_FACTORS], arrays.constants.dtype.type(1)
        if factors >= 0:
            factor = arrays.constants[factors + step % CYCLE]
        first, out, index = rows[r, _R_STATE], rows[r, _R_OUT] + t // every * size, rows[r, _R_INDEX]
        if population < 0:
            if worker == 0:
                for i in range(size):
                    k = arrays.picked[index + i] if index >= 0 else i
                    w = arrays.weights[first + k]
                    traces[out + i] = w if rows[r, _R_RULE] < 0 else _weight(learning, rows[r, _R_RULE], w, k)
        elif index < 0:
            for i in range(ranges[population, 0], ranges[population, 1]):
                traces[out + i] = state[first + i] * factor
        else:
            for i in range(size):
                place = arrays.picked[index + i]
                if ranges[population, 0] <= place < ranges[population, 1]:
                    traces[out + i] = state[first + place] * factor


@njit
def _gather(populations: Any, lists: Any, lengths: Any, found: Any, counts: Any, workers: Any, step: Any) -> None:
    """Put the spikes that the workers found side by side into the lists."""
    for p in range(populations.shape[0]):
        row = view(populations, p * _COUNT, _COUNT)
        slot, total = step % row[_SLOTS], 0
        out = view(lists, row[_HISTORY] + slot * row[_SIZE], row[_SIZE])
        for w in range(workers):
            first = counts[w, p, 0]
            for q in range(counts[w, p, 1]):
                out[total] = found[first + q]
                total += 1
        lengths[row[_LENGTHS] + slot] = total


@njit
def _flat(learning: Any) -> Any:
    """Return what the learning kernels take last, as views."""
    state = learning.state
    return (
        _all(learning.starts), _all(learning.places), _all(learning.segments), _all(learning.existing), _all(learning.parameters),
        _all(learning.rates), _all(state.traces), _all(state.eligibility), _all(state.clock), _all(state.levels),
        _all(learning.schedule), _all(learning.signals), _all(learning.counts),
    )  # fmt: skip


@njit
def _learn(
    before_delivery: Any, c: Any, learners: Any, rules: Any, flat: Any, projections: Any, step: Any, t: Any, bin_: Any,
    populations: Any, lists: Any, length: Any, delays: Any, pointers: Any, targets: Any, narrow_targets: Any, weights: Any,
) -> None:  # fmt: skip
    """Let plastic projection number c learn from this step, or bring up to date what it is about to deliver."""
    rule = view(rules, c * _L_COUNT, _L_COUNT)
    (
        starts,
        places,
        segments,
        existing,
        parameters,
        rates,
        traces,
        eligibility,
        clock,
        levels,
        schedule,
        signals,
        counts,
    ) = flat
    learners[rule[_L_KIND]](
        before_delivery, rule, view(projections, rule[_L_PROJECTION] * _P_COUNT, _P_COUNT), step, t, populations, lists, length,
        delays, pointers, targets, narrow_targets, weights, starts, places, segments, existing, parameters, rates, traces,
        eligibility, view(clock, 2 * c, 2), view(levels, 2 * c, 2), schedule, signals,
        view(counts, (bin_ * rules.shape[0] + c) * _UPDATES, _UPDATES),
    )  # fmt: skip


def advance(
    kernels: Any, tables: Any, arrays: Any, learning: Any, state: Any, trains: Any, counters: Any, traces: Any, scratch: Any,
    worker: Any, workers: Any, seed: Any, first_sample: Any, first_step: Any, per_bin: Any, copy: Any, last_copy: Any, step: Any,
    last_step: Any,
) -> Any:  # fmt: skip
    """Advance copies ``copy`` ... ``last_copy - 1``, the first of them from ``step`` on, each to ``last_step``.

    ``kernels`` is a KernelSet; ``tables`` to ``counters`` and ``scratch`` are those of ``layout`` and ``plasticity_layout``; only a
    single copy learns. ``per_bin`` is the number of steps in a bin of the counters; ``traces`` has shape (copies, recorded
    values). Worker number ``worker`` of ``workers`` has a scratch and a counter of events of its own; for more than one worker,
    history and lengths are its own, too, as row ``worker`` instead of ``copy``, and all must be called alike, with ``last_copy``
    = ``copy`` + 1.

    Returns (copy, step, rows used in spike_log). When the log might overflow in the next step it returns early, and is to be
    called again from there with an emptied log. Only worker 0 counts updates and spikes and logs.
    """
    logged = 0
    update_kernels, reset_kernels, delivery_kernels = kernels.updates, kernels.resets, kernels.deliveries
    fill_words, stimulate = kernels.fillers[0], kernels.stimulators[0]
    compete, after_delivery = kernels.competitions[0], kernels.corrections[0]
    populations, projections, stimuli = tables.populations, tables.projections, tables.stimuli
    n_populations, n_projections = populations.shape[0], projections.shape[0]
    updates, fired, events = counters
    # Views: to read an array out of a tuple counts its references, at every use.
    ranges, spike_log, counts = scratch.ranges, scratch.spike_log, scratch.counts
    flags, words, draws = _all(scratch.flags), _all(scratch.words), _all(scratch.draws)
    calendar, following, due = _all(scratch.calendar), _all(scratch.following), _all(scratch.due)
    masked, found, barrier = _all(scratch.masked), _all(scratch.found), _all(scratch.barrier)
    constants, pointers, weights = _all(arrays.constants), _all(arrays.pointers), _all(arrays.weights)
    targets, narrow_targets, delays = _all(arrays.targets), _all(arrays.narrow_targets), _all(arrays.delays)
    stimulus_weights = _all(arrays.stimulus_weights)
    thresholds, train_pointers, train_neurons = _all(arrays.thresholds), _all(trains.pointers), _all(trains.neurons)
    timed, n_timed, recorders, n_recorders = (
        tables.timed_inputs, tables.timed_inputs.shape[0], tables.recorders, tables.recorders.shape[0]
    )  # fmt: skip
    regulations, regulation_values = tables.regulations, _all(arrays.regulation_values)
    regulated = regulations.shape[0] > 0
    rules, learners, flat = learning.rules, kernels.learners, _flat(learning)
    n_rules, moving = rules.shape[0], False
    for c in range(n_rules):
        moving |= rules[c, _L_ELIGIBILITY] >= 0
    one = constants.dtype.type(1)
    slots = np.zeros(n_populations, np.int64)  # of each population, the list of this step
    before = flush_denormals()
    while copy < last_copy:
        lane = copy if workers == 1 else worker
        mine = view(state.values, copy * state.values.shape[1], state.values.shape[1])
        held = view(state.held, copy * state.held.shape[1], state.held.shape[1])
        lists = view(state.history, lane * state.history.shape[1], state.history.shape[1])
        length = view(state.lengths, lane * state.lengths.shape[1], state.lengths.shape[1])
        trace = view(traces, copy * traces.shape[1], traces.shape[1])
        sample = first_sample + copy
        for p in range(n_populations):
            row = view(populations, p * _COUNT, _COUNT)
            open_calendar(row, ranges[p, 0], ranges[p, 1], step, held, masked, calendar, following, due)
        while step < last_step and logged + held.size <= spike_log.shape[0]:
            t = step - first_step
            bin_ = t if per_bin == 1 else t // per_bin  # here and below: a division costs as much as fifty neurons
            if n_timed > 0:
                _set_inputs(timed, arrays, ranges, mine, copy, t)
            side = step & 1
            for p in range(n_populations):
                row = view(populations, p * _COUNT, _COUNT)
                low, high = ranges[p, 0], ranges[p, 1]
                slot = 0 if row[_SLOTS] == 1 else step % row[_SLOTS]
                slots[p] = slot
                count = 0
                awake = row[_FIRST_STEP] <= step < row[_LAST_STEP]
                start = row[_NEURON] + low
                if awake and low < high:
                    if workers == 1:
                        spikes = view(lists, row[_HISTORY] + slot * row[_SIZE], row[_SIZE])
                    else:
                        spikes = view(found, side * held.size + start, high - low)
                    if row[_STOCHASTIC]:
                        fill_words(words, low, high, seed, step, row[_NEURON], sample)
                    count = update_kernels[row[_KIND]](
                        step, copy, row, low, high, mine, held, masked, calendar, following, due,
                        flags, spikes, constants, words, train_pointers, train_neurons,
                    )  # fmt: skip
                    if regulated and count > 0:
                        count = compete(
                            regulations, p, row, step, mine, held, masked, calendar, following, due, spikes, count, draws,
                        )  # fmt: skip
                if workers == 1:
                    length[row[_LENGTHS] + slot] = count
                else:
                    counts[side, worker, p, 0] = side * held.size + start
                    counts[side, worker, p, 1] = count
                if awake and worker == 0:
                    updates[copy, bin_, p] += row[_SIZE]
            if workers > 1:
                wait_for_all(barrier, workers)
                _gather(populations, lists, length, found, counts[side], workers, step)
            for p in range(n_populations):
                row, slot = view(populations, p * _COUNT, _COUNT), slots[p]
                count = length[row[_LENGTHS] + slot]
                if count > 0:
                    if worker == 0:
                        fired[copy, bin_, p] += count
                    if row[_RECORD_SPIKES]:
                        if worker == 0:
                            spikes = view(lists, row[_HISTORY] + slot * row[_SIZE], count)
                            for q in range(count):
                                spike_log[logged + q, 0] = copy
                                spike_log[logged + q, 1] = t
                                spike_log[logged + q, 2] = row[_NEURON] + spikes[q]
                        logged += count
            if n_recorders > 0:
                _record(recorders, arrays, learning, ranges, mine, trace, t, step, worker)
            if moving:
                for c in range(n_rules):
                    if rules[c, _L_ELIGIBILITY] >= 0:
                        _learn(
                            True, c, learners, rules, flat, projections, step, t, bin_, populations, lists, length, delays,
                            pointers, targets, narrow_targets, weights,
                        )  # fmt: skip
            for c in range(n_projections):
                row = view(projections, c * _P_COUNT, _P_COUNT)
                source = view(populations, row[_SOURCE] * _COUNT, _COUNT)
                low = max(ranges[row[_TARGET], 0] - row[_TARGET_NEURON], 0)
                high = min(ranges[row[_TARGET], 1] - row[_TARGET_NEURON], row[_TARGET_SIZE])
                if low >= high:
                    continue
                factor = constants[row[_FACTORS] + step % CYCLE] if row[_FACTORS] >= 0 else one
                lists_of, lengths_of, now = source[_HISTORY], source[_LENGTHS], slots[row[_SOURCE]]
                for k in range(row[_N_DELAYS]):
                    slot = now - delays[row[_DELAYS] + k]
                    if slot < 0:
                        slot += source[_SLOTS]
                    count = length[lengths_of + slot]
                    if count > 0:
                        events[copy, bin_, c] += delivery_kernels[row[_DELIVERY]](
                            row, k, low, high, mine, view(lists, lists_of + slot * source[_SIZE], count), count,
                            pointers, targets, narrow_targets, weights, factor,
                        )  # fmt: skip
            for c in range(stimuli.shape[0]):
                row = view(stimuli, c * _S_COUNT, _S_COUNT)
                low = max(ranges[row[_S_TARGET], 0], row[_S_NEURON])
                high = min(ranges[row[_S_TARGET], 1], row[_S_NEURON] + row[_S_SIZE])
                if low < high:
                    first = low // 64 * 64
                    fill_words(words, first, high, seed, step, row[_S_STREAM], sample)
                    weight = stimulus_weights[row[_S_WEIGHT]]
                    if row[_S_FACTORS] >= 0:
                        weight *= constants[row[_S_FACTORS] + step % CYCLE]
                    events[copy, bin_, n_projections + c] += stimulate(
                        row, low, high, mine, view(words, low - first, high - low), draws, thresholds, weight
                    )
            for c in range(n_rules):
                row = view(projections, rules[c, _L_PROJECTION] * _P_COUNT, _P_COUNT)
                if not learns_now(
                    view(rules, c * _L_COUNT, _L_COUNT), row, step, t, populations, length, delays, flat[10]
                ):
                    continue
                _learn(
                    False, c, learners, rules, flat, projections, step, t, bin_, populations, lists, length, delays, pointers,
                    targets, narrow_targets, weights,
                )  # fmt: skip
            for p in range(n_populations):
                row, slot = view(populations, p * _COUNT, _COUNT), slots[p]
                count = length[row[_LENGTHS] + slot]
                if count > 0 and row[_RESET] >= 0:
                    reset_kernels[row[_RESET]](
                        step, row, ranges[p, 0], ranges[p, 1], mine, held, masked, calendar, following, due,
                        view(lists, row[_HISTORY] + slot * row[_SIZE], count), count, constants,
                    )  # fmt: skip
            if regulated:
                after_delivery(
                    regulations, regulation_values, projections, populations, ranges, slots, length, step, mine,
                    pointers, targets, narrow_targets, weights,
                )  # fmt: skip
            step += np.int64(1)
        for p in range(n_populations):
            close_calendar(view(populations, p * _COUNT, _COUNT), step, held, calendar, following)
        if step < last_step:
            break
        copy += np.int64(1)
        step = first_step
    restore_denormals(before)
    return copy, step, logged
