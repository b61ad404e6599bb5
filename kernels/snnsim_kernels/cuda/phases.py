"""The phases of a step. Within one, threads need not wait for each other; between two, all of them do.

    visit      end the step before (Poisson input, reset, homeostasis), then update and list the spikes
    compete    where winners take all: keep the winners' spikes (one phase per rule), then list them
    record     write out state variables
    deliver    add weights to the targets, count, log spikes (in rounds, where the order of projections matters)
    learn      let plastic weights learn from what reaches them (see ``plasticity``: several phases each)
    normalise  weights, where it is due (up to three phases per rule)

A neuron is touched by one thread in ``visit``, which does three things of the CPU's schedule at once: nothing else happens to it
between its deliveries and its next update. So a step needs two barriers.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..layout import PopulationColumn, ProjectionColumn, RecorderColumn, StimulusColumn, TimedInputColumn
from ..random import word_of
from ..registry import DeliveryKind, NeuronKind
from ..scaling import CYCLE
from . import neurons, propagation
from ._jit import device
from .layout import LANES, SHIFT, SPIKED, ChunkColumn, TaskColumn
from .regulation import adapt
from .synapses import moved_weight
from .warp import add_up, append

__all__ = ["Phases", "phases"]

_SIZE, _STATE, _NEURON = int(PopulationColumn.SIZE), int(PopulationColumn.STATE), int(PopulationColumn.NEURON)
_FIRST_STEP, _LAST_STEP = int(PopulationColumn.FIRST_STEP), int(PopulationColumn.LAST_STEP)
_TRAIN, _TRAIN_FIRST = int(PopulationColumn.TRAIN), int(PopulationColumn.TRAIN_FIRST)
_TRAIN_STEPS, _RECORD_SPIKES = int(PopulationColumn.TRAIN_STEPS), int(PopulationColumn.RECORD_SPIKES)
_HISTORY, _LENGTHS, _SLOTS = int(PopulationColumn.HISTORY), int(PopulationColumn.LENGTHS), int(PopulationColumn.SLOTS)
_SOURCE, _DELAYS, _FACTORS = int(ProjectionColumn.SOURCE), int(ProjectionColumn.DELAYS), int(ProjectionColumn.FACTORS)
_S_TARGET, _S_NEURON = int(StimulusColumn.TARGET), int(StimulusColumn.TARGET_NEURON)
_S_SIZE, _S_STATE = int(StimulusColumn.TARGET_SIZE), int(StimulusColumn.TARGET_STATE)
_S_WEIGHT, _S_FACTORS = int(StimulusColumn.WEIGHT), int(StimulusColumn.FACTORS)
_S_THRESHOLDS, _S_N = int(StimulusColumn.THRESHOLDS), int(StimulusColumn.N_THRESHOLDS)
_S_STREAM = int(StimulusColumn.STREAM)
_R_STATE, _R_SIZE, _R_OUT = int(RecorderColumn.STATE), int(RecorderColumn.SIZE), int(RecorderColumn.OUT)
_R_INDEX, _R_EVERY = int(RecorderColumn.INDEX), int(RecorderColumn.EVERY)
_R_POPULATION, _R_FACTORS = int(RecorderColumn.POPULATION), int(RecorderColumn.FACTORS)
_R_RULE = int(RecorderColumn.RULE)
_T_STATE, _T_SIZE = int(TimedInputColumn.STATE), int(TimedInputColumn.SIZE)
_T_POPULATION, _T_WHICH = int(TimedInputColumn.POPULATION), int(TimedInputColumn.WHICH)
_T_VALUES, _T_PER_COPY = int(TimedInputColumn.VALUES), int(TimedInputColumn.PER_COPY)
_T_PER_NEURON = int(TimedInputColumn.PER_NEURON)
_C_POPULATION, _C_FIRST, _C_COMPETES = int(ChunkColumn.POPULATION), int(ChunkColumn.FIRST), int(ChunkColumn.COMPETES)
_K_PROJECTION, _K_DELAY = int(TaskColumn.PROJECTION), int(TaskColumn.DELAY)
_K_PART, _K_PARTS, _K_TILE = int(TaskColumn.PART), int(TaskColumn.PARTS), int(TaskColumn.TILE)
_SPIKED = np.int32(SPIKED)


class Phases(NamedTuple):
    """Device functions that take ``(tables, arrays, work, trains, copy, clock, step, side, rank, size)``; ``record`` takes
    ``(tables, arrays, learning, copy, clock, step, rank, size)``.

    ``side`` is 0 and 1 in turn from step to step; ``rank`` of ``size`` is the thread among those of the copy. ``visit``
    takes more in front: whether the step before is to be ended, whether this one is to be begun, and the bin of counters of the one
    before. ``deliver`` takes this step's bin, ``side``, the number of the round and that of the rows of the log in use, which it
    returns, too: the first round counts and logs spikes.
    """

    visit: Any
    list_winners: Any
    record: Any
    deliver: Any
    in_rounds: bool
    """Whether the order of projections may matter: ``deliver`` is called for each round then."""


def _stimulate(
    tables: Any, arrays: Any, copy: Any, clock: Any, step: Any, bin_: Any, p: Any, i: Any, inside: Any, lane: Any
) -> None:
    """Add the Poisson input of a step to a neuron. All threads of a warp call it."""
    stimuli = tables.stimuli
    r = 0
    while r < stimuli.shape[0]:
        if stimuli[r, _S_TARGET] == p:
            n = 0
            j = i - stimuli[r, _S_NEURON]
            if inside and 0 <= j < stimuli[r, _S_SIZE]:
                word = np.uint32(word_of(i, clock.seed, step, stimuli[r, _S_STREAM], clock.sample))
                first, last = stimuli[r, _S_THRESHOLDS], stimuli[r, _S_N]
                while n < last and word > arrays.thresholds[np.uint32(first + n)]:
                    n += 1
                if n > 0:
                    weight = arrays.stimulus_weights[stimuli[r, _S_WEIGHT]]
                    if stimuli[r, _S_FACTORS] >= 0:
                        weight *= arrays.constants[stimuli[r, _S_FACTORS] + (step & (CYCLE - 1))]
                    copy.values[np.uint32(stimuli[r, _S_STATE] + j)] += weight * arrays.constants.dtype.type(n)
            add_up(copy.events, copy.number, bin_, tables.projections.shape[0] + r, n, lane)
        r += 1


_poisson = device(_stimulate)


def _set_inputs(tables: Any, arrays: Any, copy: Any, clock: Any, t: Any, p: Any, i: Any) -> None:
    """Set the inputs of a neuron that change in step t of the run."""
    rows = tables.timed_inputs
    r = 0
    while r < rows.shape[0]:
        if rows[r, _T_POPULATION] == p:
            which = arrays.schedule[rows[r, _T_WHICH] + t]
            if which >= 0:
                per_neuron = rows[r, _T_PER_NEURON]
                size = rows[r, _T_SIZE] if per_neuron else 1
                base = rows[r, _T_VALUES] + copy.number * rows[r, _T_PER_COPY] + which * size
                copy.values[rows[r, _T_STATE] + i] = arrays.timed_values[base + i * per_neuron]
        r += 1


_set = device(_set_inputs)


def _list_trains(
    tables: Any, work: Any, trains: Any, copy: Any, clock: Any, step: Any, side: Any, rank: Any, size: Any
) -> None:
    """List the spikes that the copy's trains hold for this step."""
    n_populations = tables.populations.shape[0]
    k = 0
    while k < work.trains.shape[0]:
        p = work.trains[k]
        row = tables.populations[p]
        now = step - row[_TRAIN_FIRST]
        if 0 <= now < row[_TRAIN_STEPS] and row[_FIRST_STEP] <= step < row[_LAST_STEP]:
            place = row[_TRAIN] + copy.number * row[_TRAIN_STEPS] + now
            first, n = trains.pointers[place], trains.pointers[place + 1] - trains.pointers[place]
            base = row[_HISTORY] + copy.fresh[(2 + side) * n_populations + p] * row[_SIZE]
            q = rank
            while q < n:
                copy.lists[base + q] = trains.neurons[first + q]
                q += size
            if rank == 0:
                copy.fresh[side * n_populations + p] = n
        k += 1


_trains = device(_list_trains)


def _visit(kinds: Sequence[NeuronKind], precision: str) -> Any:
    update, finish = neurons.update(kinds, precision), neurons.finish(kinds)

    def visit(
        ending: Any, beginning: Any, before: Any, tables: Any, arrays: Any, work: Any, trains: Any, copy: Any, clock: Any,
        step: Any, side: Any, rank: Any, size: Any,
    ) -> None:  # fmt: skip
        populations, chunks = tables.populations, work.chunks
        n_populations, lane = populations.shape[0], rank & (LANES - 1)
        c = rank >> SHIFT
        while c < chunks.shape[0]:
            p, i = np.int64(chunks[c, _C_POPULATION]), np.int64(chunks[c, _C_FIRST]) + lane
            row = populations[p]
            inside = i < row[_SIZE]
            if ending:
                _poisson(tables, arrays, copy, clock, step - 1, before, p, i, inside, lane)
                if inside:
                    finish(row, i, copy.values, copy.held, arrays.constants)
                    adapt(
                        tables.regulations, arrays.regulation_values, p, i, copy.values,
                        copy.fresh[(1 - side) * n_populations + p],
                    )  # fmt: skip
            if beginning:
                spike = False
                if inside:
                    _set(tables, arrays, copy, clock, step - clock.first_step, p, i)
                    if row[_FIRST_STEP] <= step < row[_LAST_STEP]:
                        spike = update(row, i, copy.values, copy.held, arrays.constants, step, clock)
                if chunks[c, _C_COMPETES] == 0:
                    base = row[_HISTORY] + copy.fresh[(2 + side) * n_populations + p] * row[_SIZE]
                    append(spike, i, lane, copy.fresh, side * n_populations + p, copy.lists, base)
            c += size >> SHIFT
        if beginning:
            _trains(tables, work, trains, copy, clock, step, side, rank, size)

    return device(visit)


def _list_winners(
    tables: Any, arrays: Any, work: Any, trains: Any, copy: Any, clock: Any, step: Any, side: Any, rank: Any, size: Any
) -> None:
    """List the spikes of the populations in which winners take all."""
    populations, chunks = tables.populations, work.chunks
    n_populations, lane = populations.shape[0], rank & (LANES - 1)
    c = rank >> SHIFT
    while c < chunks.shape[0]:
        if chunks[c, _C_COMPETES] != 0:
            p, i = np.int64(chunks[c, _C_POPULATION]), np.int64(chunks[c, _C_FIRST]) + lane
            row = populations[p]
            spike = i < row[_SIZE] and copy.held[row[_NEURON] + i] == _SPIKED
            base = row[_HISTORY] + copy.fresh[(2 + side) * n_populations + p] * row[_SIZE]
            append(spike, i, lane, copy.fresh, side * n_populations + p, copy.lists, base)
        c += size >> SHIFT


def _record(learns: bool) -> Any:
    """Return what writes out what is recorded in a step."""

    def weight(learning: Any, arrays: Any, rule: Any, w: Any, place: Any) -> Any:
        return w

    def weight_by_now(learning: Any, arrays: Any, rule: Any, w: Any, place: Any) -> Any:
        if rule < 0:
            return w
        level = arrays.constants.dtype.type(learning.state.levels[2 * rule + 1])
        return moved_weight(learning, learning.rules[rule], w, place, level)

    weight_now = device(weight_by_now if learns else weight)

    def record(tables: Any, arrays: Any, learning: Any, copy: Any, clock: Any, step: Any, rank: Any, size: Any) -> None:
        rows, t = tables.recorders, step - clock.first_step
        r = 0
        while r < rows.shape[0]:
            every, n = rows[r, _R_EVERY], rows[r, _R_SIZE]
            if t % every == 0:
                first, out, index = rows[r, _R_STATE], rows[r, _R_OUT] + t // every * n, rows[r, _R_INDEX]
                factor = arrays.constants.dtype.type(1)
                if rows[r, _R_FACTORS] >= 0:
                    factor = arrays.constants[rows[r, _R_FACTORS] + (step & (CYCLE - 1))]
                k = rank
                while k < n:
                    place = np.int64(k)
                    if index >= 0:
                        place = arrays.picked[index + k]
                    if rows[r, _R_POPULATION] < 0:
                        copy.traces[copy.number, out + k] = weight_now(
                            learning, arrays, rows[r, _R_RULE], arrays.weights[first + place], place
                        )
                    else:
                        copy.traces[copy.number, out + k] = copy.values[first + place] * factor
                    k += size
            r += 1

    return device(record)


def _settle(tables: Any, copy: Any, step: Any, bin_: Any, side: Any, rank: Any, size: Any) -> None:
    """Count updates and spikes, and have the lists of the next step start empty."""
    populations = tables.populations
    n = populations.shape[0]
    p = rank
    while p < n:
        row = populations[p]
        spikes, slot = copy.fresh[side * n + p], copy.fresh[(2 + side) * n + p]
        copy.lengths[copy.number, row[_LENGTHS] + slot] = spikes
        copy.fired[copy.number, bin_, p] += spikes
        if row[_FIRST_STEP] <= step < row[_LAST_STEP]:
            copy.updates[copy.number, bin_, p] += row[_SIZE]
        copy.fresh[(1 - side) * n + p] = 0
        copy.fresh[(3 - side) * n + p] = slot + 1 if slot + 1 < row[_SLOTS] else 0
        p += size


_settled = device(_settle)


def _log(tables: Any, copy: Any, clock: Any, step: Any, side: Any, logged: Any, rank: Any, size: Any) -> Any:
    """Write the spikes that are recorded to the log, and return how many rows of it are in use."""
    populations = tables.populations
    n, t = populations.shape[0], step - clock.first_step
    p = 0
    while p < n:
        if populations[p, _RECORD_SPIKES] != 0:
            row = populations[p]
            spikes = copy.fresh[side * n + p]
            base = row[_HISTORY] + copy.fresh[(2 + side) * n + p] * row[_SIZE]
            q = rank
            while q < spikes:
                copy.log[copy.number, logged + q, 0] = t
                copy.log[copy.number, logged + q, 1] = row[_NEURON] + copy.lists[base + q]
                q += size
            logged += spikes
        p += 1
    return logged


_logged = device(_log)


def _deliver(kinds: Sequence[DeliveryKind], in_rounds: bool, precision: str) -> Any:
    deliver_task = propagation.deliver(kinds, precision)

    def deliver(
        tables: Any, arrays: Any, work: Any, trains: Any, copy: Any, clock: Any, step: Any, bin_: Any, side: Any,
        round_: Any, logged: Any, rank: Any, size: Any,
    ) -> Any:  # fmt: skip
        if not in_rounds or round_ == 0:
            _settled(tables, copy, step, bin_, side, rank, size)
            logged = _logged(tables, copy, clock, step, side, logged, rank, size)
        n_populations, lane = tables.populations.shape[0], rank & (LANES - 1)
        task, last = rank >> SHIFT, work.tasks.shape[0]
        if in_rounds:
            task += work.rounds[round_]
            last = np.int64(work.rounds[round_ + 1])
        while task < last:
            c, k = np.int64(work.tasks[task, _K_PROJECTION]), np.int64(work.tasks[task, _K_DELAY])
            row = tables.projections[c]
            p = row[_SOURCE]
            source = tables.populations[p]
            delay = arrays.delays[row[_DELAYS] + k]
            slot = np.int64(copy.fresh[(2 + side) * n_populations + p]) - delay
            if slot < 0:
                slot += source[_SLOTS]
            # The length of this step's list is written only now, by another thread.
            count = (
                copy.fresh[side * n_populations + p]
                if delay == 0
                else copy.lengths[copy.number, source[_LENGTHS] + slot]
            )
            if count > 0:
                factor = arrays.constants.dtype.type(1)
                if row[_FACTORS] >= 0:
                    factor = arrays.constants[row[_FACTORS] + (step & (CYCLE - 1))]
                events = deliver_task(
                    row, k, np.int64(work.tasks[task, _K_PART]), np.int64(work.tasks[task, _K_PARTS]),
                    np.int64(work.tasks[task, _K_TILE]), lane, copy.values, copy.lists, source[_HISTORY] + slot * source[_SIZE],
                    count, arrays, factor,
                )  # fmt: skip
                add_up(copy.events, copy.number, bin_, c, events, lane)
            task += size >> SHIFT
        return logged

    return device(deliver)


def phases(kinds: Sequence[NeuronKind], deliveries: Sequence[DeliveryKind], learns: bool, precision: str) -> Phases:
    """Return the phases of a step for networks of these kinds; ``learns``: whether any of their weights may learn."""
    in_rounds = any(kind.connectivity == "pooling" for kind in deliveries)
    deliver = _deliver(deliveries, in_rounds, precision)
    return Phases(_visit(kinds, precision), device(_list_winners), _record(learns), deliver, in_rounds)
