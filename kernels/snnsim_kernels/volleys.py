"""Competition over short volleys: winner-take-all, volley STDP and homeostatic thresholds in one loop.

A volley is a patch of spikes: each input spikes once, in one of a few steps, or not at all. All neurons start it at rest, the first
to reach its threshold wins, and the volley ends. The loop does what the run loop does with ``AdaptiveThresholdLIF`` neurons under
``WinnerTakeAll`` and ``Homeostasis``, reached densely by ``VolleySTDP`` (a test holds the two against each other), and leaves out
the steps between volleys, and the neurons that are held.
"""

from enum import IntEnum
from typing import Any

import numpy as np

from ._jit import jit
from .views import view

__all__ = ["VolleyCount", "learn_volleys"]


class VolleyCount(IntEnum):
    """What :func:`learn_volleys` counts."""

    EVENTS = 0  # synaptic events, each an accumulate
    MEMBRANE_UPDATES = 1
    SPIKES = 2  # so many volleys had a winner...
    LATENCY = 3  # ...and the sum of the steps in which they spiked
    PLASTICITY_UPDATES = 4  # weights
    COUNT = 5


_EVENTS, _UPDATES = int(VolleyCount.EVENTS), int(VolleyCount.MEMBRANE_UPDATES)
_SPIKES, _LATENCY = int(VolleyCount.SPIKES), int(VolleyCount.LATENCY)
_PLASTICITY = int(VolleyCount.PLASTICITY_UPDATES)


@jit()
def _integrate(v: Any, row: Any) -> None:
    for k in range(v.size):
        v[k] += row[k]


@jit()
def _winner(v: Any, theta: Any, decay: Any) -> Any:
    """Let the potentials leak; return the neuron above its threshold that has the highest, the first of equals, or -1."""
    above = np.int64(0)
    for k in range(v.size):
        v[k] *= decay
        above += np.int64(v[k] > theta[k])
    best = -1
    if above > 0:
        for k in range(v.size):
            if v[k] > theta[k] and (best < 0 or v[k] > v[best]):
                best = k
    return best


@jit()
def learn_volleys(
    volleys: Any, n_steps: Any, weights: Any, theta: Any, decay: Any, eta: Any, bounds: Any, rise: Any, fall: Any,
    wins: Any, counts: Any,
) -> None:  # fmt: skip
    """Show the volleys one after the other; weights and thresholds learn.

    volleys : uint8 (n, inputs), the step in which an input spikes; ``n_steps`` and above: it does not
    weights : (inputs, neurons), mV; theta : (neurons,), thresholds, mV; decay : of a potential in a step. Of one real type, as are
        eta : (n,), the learning rate of each volley; bounds : (2,), of the weights
        rise : of the winner's threshold, and fall : of all thresholds, at a spike, mV
    wins : int64 (neurons,), and counts : int64 (VolleyCount.COUNT,), which go on counting
    """
    n, n_inputs = volleys.shape
    n_neurons = weights.shape[1]
    v = np.empty(n_neurons, weights.dtype)
    for i in range(n):
        for k in range(n_neurons):
            v[k] = 0
        winner, step = -1, 0
        while winner < 0 and step < n_steps:
            for j in range(n_inputs):
                if volleys[i, j] == step:
                    _integrate(v, view(weights, j * n_neurons, n_neurons))
                    counts[_EVENTS] += n_neurons
            winner = _winner(v, theta, decay)
            counts[_UPDATES] += n_neurons
            step += 1
        if winner < 0:
            continue
        for j in range(n_inputs):
            w = weights[j, winner]
            weights[j, winner] = w + eta[i] * (bounds[1 if volleys[i, j] < n_steps else 0] - w)
        theta[winner] += rise
        for k in range(n_neurons):
            theta[k] -= fall
        wins[winner] += 1
        counts[_SPIKES] += 1
        counts[_LATENCY] += step - 1
        counts[_PLASTICITY] += n_inputs
