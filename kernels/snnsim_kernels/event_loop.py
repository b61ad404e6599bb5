"""The loop of the event method: no grid; a neuron is touched only when something reaches it.

Events are taken in the order of time, instant by instant. All events within COINCIDENCE (1e-10 ms) of the first are one instant:

1. everything that arrives, the spikes of sources and what they deliver without delay included, is added up;
2. then every neuron that was reached is compared with its threshold (strictly above), a neuron that was not reached fires where its
   potential crosses the threshold by itself;
3. those that fire are reset and send their spikes; what arrives without delay starts at 1 again.

Timers that are due at the same time come in the order of their numbers (neurons, then delays from the shortest, then input), spikes
that wait for the same delay in the order in which they were fired, neurons fire in the order in which they were reached.

With a hard reset, what reaches v of a neuron in the instant of its spike is discarded; with a soft one a neuron fires as often as
its potential allows. A chain without delay that never ends is told after MOST_ROUNDS.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import jit, jit_unmanaged
from .event_layout import Kind, NeuronColumn, ParameterColumn, RowColumn
from .event_neuron import COINCIDENCE, bring, discards, draw_interval, fire, next_spike
from .event_queue import HEAP, USED, append, drop_timer, set_timer, take_first
from .prefetch import prefetch

__all__ = [
    "DONE",
    "FULL",
    "MOST_ROUNDS",
    "PAUSED",
    "RUNAWAY",
    "Place",
    "SpikeLog",
    "advance_events",
    "bring_all",
    "set_values",
    "start",
]

DONE, PAUSED, FULL, RUNAWAY = 0, 1, 2, 3
"""How :func:`advance_events` ends."""

MOST_ROUNDS = 100_000
"""Rounds of one instant after which it is taken for endless."""

_V, _I, _LAST, _DUE = int(NeuronColumn.V), int(NeuronColumn.I), int(NeuronColumn.LAST), int(NeuronColumn.DUE)
_MARK, _ROW, _SYNAPSES = int(NeuronColumn.MARK), int(NeuronColumn.ROW), int(NeuronColumn.SYNAPSES)
_REST, _THRESHOLD = int(ParameterColumn.REST), int(ParameterColumn.THRESHOLD)
_KIND, _CURRENTS, _POPULATION = int(RowColumn.KIND), int(RowColumn.CURRENTS), int(RowColumn.POPULATION)
_RECORD = int(RowColumn.RECORD)
_GIVEN, _POISSON = int(Kind.GIVEN), int(Kind.POISSON)
_BOUND, _ARRIVED, _CROSSED, _LISTED = -1.0, 1.0, 2.0, 3.0

_MOST_FETCHED = 16
"""Targets of a spike that are fetched ahead; what the first of many still waits for does not count."""
_BETWEEN, _GATHER, _FIRE = 0, 1, 2


class SpikeLog(NamedTuple):
    """Recorded spikes, shape (capacity,): their times (ms) and neurons."""

    time: NDArray[np.float64]
    neuron: NDArray[np.int32]


class Place(NamedTuple):
    """Where :func:`advance_events` has stopped and goes on from; all zero at the start of a run."""

    now: NDArray[np.float64]
    """The instant in ms (1,)."""
    numbers: NDArray[np.int64]
    """Stage, neurons touched, neurons that fire, those that have fired, rounds, spikes logged, input spikes read (7,)."""


@jit_unmanaged
def _send(net: Any, state: Any, n: Any, t: Any) -> None:
    """Put the spike of neuron n at t (ms) under way, once per distinct delay."""
    block: Any = np.int64(state.neurons[n, _SYNAPSES])
    if block < 0:
        return
    last = np.int64(net.synapses[block])
    block += 1
    while block < last:
        delay = np.int64(net.synapses[block])
        arrival = t + net.delays[delay]
        if append(
            state.pending_time, state.pending_block, state.pending_after, state.counts, state.first, state.last,
            delay, arrival, block,
        ):  # fmt: skip
            number = state.neurons.shape[0] + delay
            set_timer(state.timer_time, state.timer_number, state.timer_place, state.counts, number, arrival)
        block = np.int64(net.synapses[block + 1])


@jit_unmanaged
def _look_ahead(net: Any, state: Any, delay: Any) -> None:
    """Fetch what the next spikes of a delay will read: the synapses of the next but one, the targets of the next."""
    entry = state.first[delay]
    if entry < 0:
        return
    block = np.int64(state.pending_block[entry])
    entry = state.pending_after[entry]
    if entry >= 0:
        for line in range(3):
            prefetch(net.synapses, state.pending_block[entry] + 8 * line)
    columns = state.neurons.shape[1]
    count = min(int(net.synapses[block + 3]), _MOST_FETCHED)  # of the first segment
    for synapse in range(block + 4, block + 4 + 2 * count, 2):
        prefetch(state.neurons, np.int64(net.synapses[synapse]) * columns)


@jit_unmanaged
def _log(log: Any, logged: Any, t: Any, n: Any) -> Any:
    log.time[logged], log.neuron[logged] = t, n
    return logged + 1


@jit_unmanaged
def _deliver(
    net: Any, neurons: Any, block: Any, now: Any, touched: Any, n_touched: Any, updates: Any, events: Any
) -> Any:
    """Add the weights of a block of synapses to their targets; list those that are reached for the first time in the round.

    Returns (neurons listed, synaptic events).
    """
    delivered: Any = 0
    at, end = block + 2, np.int64(net.synapses[block + 1])
    while at < end:
        projection, count = np.int64(net.synapses[at]), np.int64(net.synapses[at + 1])
        first, last, column = at + 2, at + 2 + 2 * count, net.receives[projection]
        events[projection] += count
        delivered += count
        # A loop of its own: its reads do not depend on each other, so the processor waits for all of them at once.
        for synapse in range(first, last, 2):
            n = np.int64(net.synapses[synapse])
            if neurons[n, _MARK] <= 0:
                neurons[n, _MARK] = _LISTED
                touched[n_touched] = n
                n_touched += 1
        for synapse in range(first, last, 2):
            n = np.int64(net.synapses[synapse])
            row = np.int64(neurons[n, _ROW])
            if neurons[n, _MARK] != _ARRIVED:
                bring(neurons, n, net.parameters, row, net.rows[row, _KIND], net.rows[row, _CURRENTS], now)
                updates[net.rows[row, _POPULATION]] += 1
                neurons[n, _MARK] = _ARRIVED
            if column != _V or not discards(neurons, n, net.parameters, row, now):
                neurons[n, column] += net.synapses[synapse + 1]
        at = last
    return n_touched, delivered


@jit_unmanaged
def _predict(net: Any, state: Any, n: Any, scratch: Any, solve: Any) -> Any:
    """Work out when neuron n will fire, or, unless ``solve``, a time before which it will not, and return it."""
    row = np.int64(state.neurons[n, _ROW])
    kind, k = net.rows[row, _KIND], net.rows[row, _CURRENTS]
    due, solved = next_spike(state.neurons, n, net.parameters, row, kind, k, scratch, solve)
    state.neurons[n, _DUE], state.neurons[n, _MARK] = due, 0.0 if solved else _BOUND
    return due


@jit_unmanaged
def _foresee(net: Any, state: Any, n: Any, scratch: Any) -> None:
    """Set the timer of neuron n. One that is too early is left: it is moved when its time comes, which mostly is never."""
    due = _predict(net, state, n, scratch, False)
    if due < np.inf:
        place = state.timer_place[n]
        if place < 0 or due < state.timer_time[place]:
            set_timer(state.timer_time, state.timer_number, state.timer_place, state.counts, n, due)


@jit_unmanaged
def _move_timer(state: Any, n: Any, due: Any) -> None:
    if due < np.inf:
        set_timer(state.timer_time, state.timer_number, state.timer_place, state.counts, n, due)
    else:
        drop_timer(state.timer_time, state.timer_number, state.timer_place, state.counts, n)


@jit_unmanaged
def _fires(net: Any, state: Any, n: Any, when: Any, scratch: Any) -> Any:
    """Whether neuron n, whose timer is that of ``when``, fires then; if not, the timer is moved to a later time."""
    due = state.neurons[n, _DUE]
    if due <= when and state.neurons[n, _MARK] == _BOUND:
        due = _predict(net, state, n, scratch, True)
    if due <= when:
        return True
    _move_timer(state, n, due)
    return False


@jit_unmanaged
def _choose(net: Any, neurons: Any, touched: Any, n_touched: Any, firing: Any, updates: Any) -> Any:
    """List the neurons that fire among those touched in a round, clear all marks, and return their number."""
    n_firing = 0
    for q in range(n_touched):
        n = touched[q]
        row = np.int64(neurons[n, _ROW])
        crossed = neurons[n, _MARK] == _CROSSED
        neurons[n, _MARK] = 0
        if crossed:
            bring(neurons, n, net.parameters, row, net.rows[row, _KIND], net.rows[row, _CURRENTS], neurons[n, _DUE])
            updates[net.rows[row, _POPULATION]] += 1
            # The crossing was solved for; what v lacks is a rounding.
            neurons[n, _V] = max(neurons[n, _V], net.parameters[row, _THRESHOLD])
        if crossed or neurons[n, _V] > net.parameters[row, _THRESHOLD]:
            firing[n_firing] = n
            n_firing += 1
    return n_firing


@jit_unmanaged
def _redraw(net: Any, state: Any, n: Any, now: Any, seed: Any, sample: Any) -> None:
    """Draw the next spike of a Poisson source from ``now`` on."""
    due = now + draw_interval(state.neurons, n, net.parameters[np.int64(state.neurons[n, _ROW]), _REST], seed, sample)
    state.neurons[n, _DUE] = due
    _move_timer(state, n, due)


@jit_unmanaged
def _start(net: Any, state: Any, scratch: Any, seed: Any, sample: Any) -> None:
    for n in range(state.neurons.shape[0]):
        kind = net.rows[np.int64(state.neurons[n, _ROW]), _KIND]
        if kind == _POISSON:
            _redraw(net, state, n, 0.0, seed, sample)
        elif kind != _GIVEN:
            _foresee(net, state, n, scratch)


@jit_unmanaged
def _bring_all(net: Any, neurons: Any, first: Any, last: Any, now: Any) -> None:
    for n in range(first, last):
        row = np.int64(neurons[n, _ROW])
        if net.rows[row, _KIND] > _POISSON:
            bring(neurons, n, net.parameters, row, net.rows[row, _KIND], net.rows[row, _CURRENTS], now)


@jit_unmanaged
def _set_values(net: Any, state: Any, scratch: Any, first: Any, values: Any, now: Any, seed: Any, sample: Any) -> None:
    _bring_all(net, state.neurons, first, first + values.size, now)
    for j in range(values.size):
        n = first + j
        if net.rows[np.int64(state.neurons[n, _ROW]), _KIND] == _POISSON:
            state.neurons[n, _V] = values[j]
            _redraw(net, state, n, now, seed, sample)  # an exponential interval has no memory
        else:
            state.neurons[n, _I] = values[j]
            _foresee(net, state, n, scratch)


# What Python calls: arrays that it hands over need the counting that the functions above do without.


@jit()
def start(net: Any, state: Any, scratch: Any, seed: Any, sample: Any) -> None:
    """Set the timers of a copy in its initial state, at 0 ms. ``scratch`` has room for the exponential currents of a neuron."""
    _start(net, state, scratch, seed, sample)


@jit()
def bring_all(net: Any, neurons: Any, first: Any, last: Any, now: Any) -> None:
    """Bring the neurons ``first`` ... ``last - 1`` up to the time ``now`` (ms)."""
    _bring_all(net, neurons, first, last, now)


@jit()
def set_values(
    net: Any, state: Any, scratch: Any, first: Any, values: Any, now: Any, seed: Any, sample: Any
) -> None:  # fmt: skip
    """From ``now`` (ms) on, give the neurons from ``first`` on the constant currents, or as sources the values, ``values``."""
    _set_values(net, state, scratch, first, values, now, seed, sample)


@jit_unmanaged
def _advance(
    net: Any, state: Any, log: Any, at: Any, input_times: Any, input_neurons: Any, updates: Any, fired: Any, events: Any,
    touched: Any, firing: Any, scratch: Any, seed: Any, sample: Any, most_blocks: Any, stop: Any, budget: Any,
) -> Any:  # fmt: skip
    neurons, counts = state.neurons, state.counts
    time, number, place = state.timer_time, state.timer_number, state.timer_place
    n_neurons, the_input, work = neurons.shape[0], neurons.shape[0] + net.delays.size, 0
    most_pending = state.pending_time.size - most_blocks
    stage, n_touched, n_firing, q = at.numbers[0], at.numbers[1], at.numbers[2], at.numbers[3]
    rounds, logged, cursor = at.numbers[4], at.numbers[5], at.numbers[6]
    now, end = at.now[0], DONE
    if cursor < input_times.size and place[the_input] < 0:
        set_timer(time, number, place, counts, the_input, input_times[cursor])
    while True:
        if stage == _BETWEEN:
            if counts[HEAP] == 0:
                break
            now = time[0]
            if number[0] < n_neurons and not _fires(net, state, number[0], now, scratch):
                work += 1  # nothing has happened, no instant has begun
                continue
            if now + COINCIDENCE >= stop:
                break
            if work >= budget:
                end = PAUSED
                break
            stage, rounds = _GATHER, 0
        if stage == _GATHER:
            while end == DONE and counts[HEAP] > 0 and time[0] <= now + COINCIDENCE:
                if counts[USED] > most_pending or logged == log.time.size:
                    end = FULL
                    break
                when, who = time[0], np.int64(number[0])
                work += 1
                if n_neurons <= who < the_input:
                    delay = who - n_neurons
                    block = take_first(state.pending_block, state.pending_after, counts, state.first, delay)
                    if state.first[delay] >= 0:
                        set_timer(time, number, place, counts, who, state.pending_time[state.first[delay]])
                    else:
                        drop_timer(time, number, place, counts, who)
                    _look_ahead(net, state, delay)
                    n_touched, delivered = _deliver(net, neurons, block, now, touched, n_touched, updates, events)
                    work += delivered
                    continue
                n = who
                if who == the_input:
                    n = np.int64(input_neurons[cursor])
                    cursor += 1
                    if cursor + 1 < input_times.size:
                        prefetch(neurons, np.int64(input_neurons[cursor + 1]) * neurons.shape[1])
                        prefetch(net.synapses, max(np.int64(neurons[input_neurons[cursor], _SYNAPSES]), 0))
                    if cursor < input_times.size:
                        set_timer(time, number, place, counts, who, input_times[cursor])
                    else:
                        drop_timer(time, number, place, counts, who)
                row = np.int64(neurons[n, _ROW])
                if net.rows[row, _KIND] <= _POISSON:
                    population = net.rows[row, _POPULATION]
                    if net.rows[row, _KIND] == _POISSON:
                        updates[population] += 1
                        _redraw(net, state, n, when, seed, sample)
                    fired[population] += 1
                    if net.rows[row, _RECORD]:
                        logged = _log(log, logged, when, n)
                    _send(net, state, n, when)
                elif neurons[n, _MARK] == _ARRIVED:
                    drop_timer(time, number, place, counts, n)
                elif _fires(net, state, n, when, scratch):
                    drop_timer(time, number, place, counts, n)
                    neurons[n, _MARK] = _CROSSED
                    touched[n_touched] = n
                    n_touched += 1
            if end == FULL:
                break
            n_firing, q, stage = _choose(net, neurons, touched, n_touched, firing, updates), 0, _FIRE
        while q < n_firing:
            if counts[USED] > most_pending or logged == log.time.size:
                end = FULL
                break
            n = np.int64(firing[q])
            row = np.int64(neurons[n, _ROW])
            fired[net.rows[row, _POPULATION]] += 1
            if net.rows[row, _RECORD]:
                logged = _log(log, logged, neurons[n, _LAST], n)
            fire(neurons, n, net.parameters, row)
            _send(net, state, n, neurons[n, _LAST])
            q += 1
        if end == FULL:
            break
        for p in range(n_touched):
            _foresee(net, state, touched[p], scratch)
        n_touched = 0
        rounds += 1
        stage = _GATHER if counts[HEAP] > 0 and time[0] <= now + COINCIDENCE else _BETWEEN
        if rounds > MOST_ROUNDS:
            end = RUNAWAY
            break
    at.now[0] = stop if end == DONE else now
    at.numbers[0], at.numbers[1], at.numbers[2], at.numbers[3] = stage, n_touched, n_firing, q
    at.numbers[4], at.numbers[5], at.numbers[6] = rounds, logged, cursor
    return end


@jit()
def advance_events(
    net: Any, state: Any, log: Any, at: Any, input_times: Any, input_neurons: Any, updates: Any, fired: Any, events: Any,
    touched: Any, firing: Any, scratch: Any, seed: Any, sample: Any, most_blocks: Any, stop: Any, budget: Any,
) -> Any:  # fmt: skip
    """Process instants before ``stop`` (ms), until about ``budget`` operations are done.

    net, state : EventNetwork, EventState of one copy, changed in place; log : SpikeLog, filled; at : Place
    input_times, input_neurons : the spikes of given trains in the order of time (spikes,)
    updates, fired : added to (populations,); events : synaptic events, added to (projections,); int64
    touched, firing : int32, one place per neuron; scratch : one place per exponential current of a neuron
    most_blocks : the largest number of blocks of a source

    Returns DONE, PAUSED (to go on, call again), FULL (give more room to the log and to the spikes under way, which must have room
    for ``most_blocks`` beyond those ever used, and call again) or RUNAWAY. An instant that begins within COINCIDENCE of ``stop`` is
    left.
    """
    return _advance(
        net, state, log, at, input_times, input_neurons, updates, fired, events,
        touched, firing, scratch, seed, sample, most_blocks, stop, budget,
    )  # fmt: skip
