"""Competition of neurons for images in a latency code: integrate-and-fire, the first spike wins and learns.

Each input spikes once or not at all, and switches on a current. The neuron that fires first ends the volley: its weights move by
``ChargeSTDP`` and are normalised, its threshold rises and all others fall. The loop does what the run loop does with ``IF`` neurons
under ``WinnerTakeAll`` that are reached densely by ``ChargeSTDP`` (a test holds the two against each other); it resets itself
between volleys, stops at the spike that decides, and so needs microseconds for a volley.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from snnsim_models.charge_stdp import charge_change

from ._jit import jit
from .views import flush_denormals, restore_denormals, view

__all__ = ["FirstSpikeCount", "answer_volleys", "learn_first_spikes"]


class FirstSpikeCount(IntEnum):
    """What both loops count."""

    EVENTS = 0  # synaptic events, each an accumulate
    INPUT_SPIKES = 1  # those that were delivered before the volley ended
    MEMBRANE_UPDATES = 2
    SPIKES = 3
    LATENCY = 4  # the sum of the steps in which volleys ended
    PLASTICITY_UPDATES = 5  # weights
    COUNT = 6


_EVENTS, _INPUT_SPIKES = int(FirstSpikeCount.EVENTS), int(FirstSpikeCount.INPUT_SPIKES)
_UPDATES, _SPIKES = int(FirstSpikeCount.MEMBRANE_UPDATES), int(FirstSpikeCount.SPIKES)
_LATENCY, _PLASTICITY = int(FirstSpikeCount.LATENCY), int(FirstSpikeCount.PLASTICITY_UPDATES)


@jit()
def _sort(latencies: Any, starts: Any, inputs: Any) -> None:
    """List the inputs by the step in which they spike: those of step t are inputs[starts[t] : starts[t + 1]], ascending."""
    n_steps = starts.size - 1
    starts[:] = 0
    for j in range(latencies.size):
        if latencies[j] < n_steps:
            starts[latencies[j] + 1] += 1
    for t in range(n_steps):
        starts[t + 1] += starts[t]
    for j in range(latencies.size):
        t = latencies[j]
        if t < n_steps:
            inputs[starts[t]] = j
            starts[t] += 1
    for t in range(n_steps, 0, -1):
        starts[t] = starts[t - 1]
    starts[0] = 0


@jit()
def _switch_on(i: Any, row: Any) -> None:
    for k in range(i.size):
        i[k] += row[k]


@jit()
def _switch_on_four(i: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """The same sums as by four calls, in the same order, but the currents are read and written once."""
    for k in range(i.size):
        i[k] = i[k] + a[k] + b[k] + c[k] + d[k]


@jit()
def _charge(v: Any, i: Any, thresholds: Any) -> Any:
    """Advance the potentials by a step; return how many are above their thresholds."""
    above = np.int64(0)
    for k in range(v.size):
        v[k] += i[k]
        above += np.int64(v[k] > thresholds[k])
    return above


@jit()
def _show(
    latencies: Any, weights: Any, thresholds: Any, longest: Any, v: Any, i: Any, starts: Any, inputs: Any, winners: Any,
    counts: Any,
) -> Any:  # fmt: skip
    """Show a volley until as many neurons have fired as ``winners`` holds; return the step of the last of them.

    ``thresholds`` of those that fired are infinite afterwards. Within a step the highest potential fires first.
    """
    n = v.size
    _sort(latencies, starts, inputs)
    n_steps = starts.size - 1
    v[:] = 0
    i[:] = 0
    winners[:] = -1
    found, step = 0, 0
    while found < winners.size and step < longest:
        if step < n_steps:
            q, last = starts[step], starts[step + 1]
            while q + 4 <= last:
                _switch_on_four(
                    i, view(weights, inputs[q] * n, n), view(weights, inputs[q + 1] * n, n),
                    view(weights, inputs[q + 2] * n, n), view(weights, inputs[q + 3] * n, n),
                )  # fmt: skip
                q += 4
            while q < last:
                _switch_on(i, view(weights, inputs[q] * n, n))
                q += 1
            counts[_EVENTS] += (starts[step + 1] - starts[step]) * n
            counts[_INPUT_SPIKES] += starts[step + 1] - starts[step]
        # What arrives in a step acts on the next update.
        step += 1
        above = _charge(v, i, thresholds)
        counts[_UPDATES] += n
        while above > 0 and found < winners.size:
            best = -1
            for k in range(n):
                if v[k] > thresholds[k] and (best < 0 or v[k] > v[best]):
                    best = k
            thresholds[best] = np.inf
            winners[found] = best
            found += 1
            above -= 1
    counts[_SPIKES] += found
    counts[_LATENCY] += step
    return step


@jit()
def answer_volleys(
    latencies: Any, n_steps: Any, weights: Any, thresholds: Any, longest: Any, winners: Any, counts: Any
) -> None:
    """Show volleys; nothing learns.

    latencies : uint8 (n, inputs), the step in which an input spikes; ``n_steps`` and above: it does not
    weights : (inputs, neurons), mV/ms at steps of 1 ms; thresholds : (neurons,), mV; of one real type
    longest : steps after which a volley ends in any case
    winners : int32 (n, k), on return the k neurons that fire first, in order, and -1 where fewer do
    counts : int64 (FirstSpikeCount.COUNT,), which go on counting
    """
    n_inputs, n = weights.shape
    v, i, own = np.empty(n, weights.dtype), np.empty(n, weights.dtype), np.empty(n, weights.dtype)
    starts, inputs = np.empty(n_steps + 1, np.int32), np.empty(n_inputs, np.int32)
    before = flush_denormals()
    for shown in range(len(latencies)):
        own[:] = thresholds
        _show(latencies[shown], weights, own, longest, v, i, starts, inputs, winners[shown], counts)
    restore_denormals(before)


@jit()
def learn_first_spikes(
    latencies: Any, order: Any, n_steps: Any, weights: Any, thresholds: Any, longest: Any, charge: Any, gain: Any, eta: Any,
    rise: Any, winners: Any, counts: Any,
) -> None:  # fmt: skip
    """Show volleys in an order; the neuron that fires first learns.

    order : int64 (m,), numbers of volleys; winners : int32 (m, 1), on return; all else as in :func:`answer_volleys`, and
    charge : (longest + 1,), what an input that spiked so many steps ago counts at the spike of the winner
    gain : of the rule; eta : (m,), its learning rate; the squares of a neuron's weights sum to 1 after each update
    rise : (m,), mV, of the winner's threshold; all thresholds fall by this over their number
    """
    n_inputs, n = weights.shape
    v, i, own = np.empty(n, weights.dtype), np.empty(n, weights.dtype), np.empty(n, weights.dtype)
    starts, inputs = np.empty(n_steps + 1, np.int32), np.empty(n_inputs, np.int32)
    column = np.empty(n_inputs, weights.dtype)
    one = weights.dtype.type(1)
    before = flush_denormals()
    for m in range(len(order)):
        shown = order[m]
        own[:] = thresholds
        step = _show(latencies[shown], weights, own, longest, v, i, starts, inputs, winners[m], counts)
        best = winners[m, 0]
        if best < 0:
            continue
        squares = weights.dtype.type(0)
        for j in range(n_inputs):
            # What spiked at the step of the winner itself has charged nothing yet.
            late = latencies[shown, j] >= min(step, n_steps)
            x = charge[0] if late else charge[step - latencies[shown, j]]
            w = weights[j, best]
            w += charge_change(w, x, eta[m], gain)
            column[j] = w
            squares += w * w
        factor = one / np.sqrt(squares)
        for j in range(n_inputs):
            weights[j, best] = column[j] * factor
        counts[_PLASTICITY] += n_inputs
        fall = rise[m] / weights.dtype.type(n)
        for k in range(n):
            thresholds[k] -= fall
        thresholds[best] += rise[m]
    restore_denormals(before)
