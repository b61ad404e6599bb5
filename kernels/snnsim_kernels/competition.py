"""Competition of conductance-based neurons for images in a rate code, as in Diehl & Cook's network.

Each input is a Poisson train. A spike of a neuron inhibits all others and raises its threshold; synapses learn by triplet STDP of
nearest spikes. The loop does what the run loop does with ``AdaptiveThresholdLIF`` neurons (backward Euler, thresholds that do not
decay) that inhibit each other and are reached densely by ``TripletSTDP`` (a test holds the two against each other); it resets
itself between images, touches only synapses of neurons that have fired, and repeats what was answered by too few spikes.
"""

import math
from enum import IntEnum
from typing import Any

import numpy as np
from snnsim_models._membrane import backward_euler
from snnsim_models.triplet_stdp import _on_post as change_on_post
from snnsim_models.triplet_stdp import _on_pre as change_on_pre

from ._jit import jit
from .random import fill_row, open_uniform
from .views import flush_denormals, restore_denormals, view

__all__ = ["CompetitionCount", "poisson_trains", "present"]


class CompetitionCount(IntEnum):
    """What :func:`present` counts."""

    EVENTS = 0  # synaptic events of inputs, each an accumulate
    INHIBITORY_EVENTS = 1
    INPUT_SPIKES = 2
    MEMBRANE_UPDATES = 3
    SPIKES = 4
    PLASTICITY_UPDATES = 5  # weights
    PRESENTATIONS = 6
    COUNT = 7


_EVENTS, _INHIBITORY = int(CompetitionCount.EVENTS), int(CompetitionCount.INHIBITORY_EVENTS)
_INPUT_SPIKES, _UPDATES = int(CompetitionCount.INPUT_SPIKES), int(CompetitionCount.MEMBRANE_UPDATES)
_SPIKES, _PLASTICITY = int(CompetitionCount.SPIKES), int(CompetitionCount.PLASTICITY_UPDATES)
_PRESENTATIONS = int(CompetitionCount.PRESENTATIONS)
_WORDS = 512
_NEVER = -(2**30)


@jit()
def poisson_trains(
    brightness: Any, rate: Any, n_steps: Any, seed: Any, number: Any, attempt: Any, purpose: Any, words: Any, first: Any,
    following: Any, inputs: Any,
) -> Any:  # fmt: skip
    """Draw a spike train for each input, with probability rate * brightness (float) in each step; return the number of spikes.

    Spike q is of input inputs[q]; first[t] is the first of step t, following[q] the next of the same step, -1 none, in ascending
    order of inputs. The random numbers belong to seed, ``number`` of the image, ``attempt`` and ``purpose``.
    """
    first[:n_steps] = -1
    used, drawn, k = _WORDS, 0, 0
    for j in range(brightness.size - 1, -1, -1):
        p = rate * brightness[j]
        if p <= 0:
            continue
        # Steps without a spike before the next one: geometric.
        scale = 1.0 / math.log1p(-min(p, 0.999))
        t = np.int64(-1)
        while True:
            if used == _WORDS:
                fill_row(words, _WORDS, drawn, seed, number, attempt, purpose)
                drawn += _WORDS
                used = 0
            gap = math.log(open_uniform(words[used])) * scale
            used += 1
            if gap >= n_steps - 1 - t:
                break
            t += 1 + np.int64(gap)
            inputs[k] = j
            following[k] = first[t]
            first[t] = k
            k += 1
    return k


@jit()
def _advance(
    v: Any, ge: Any, gi: Any, held: Any, thresholds: Any, decay: Any, reversal: Any, constants: Any, fired: Any
) -> Any:
    """Advance all neurons by a step, mark those that fire and return their number."""
    count = np.int64(0)
    e_exc, e_inh = reversal
    decay_exc, decay_inh = decay
    still = v.dtype.type(0)
    for k in range(v.size):
        move = backward_euler((v[k], still), (ge[k] + gi[k], ge[k] * e_exc + gi[k] * e_inh), constants)
        refractory = held[k] > 0
        u = constants[3] if refractory else move[0] * v[k] + move[1]
        held[k] -= np.int32(refractory)
        v[k] = u
        ge[k] *= decay_exc
        gi[k] *= decay_inh
        above = u > thresholds[k] and not refractory
        fired[k] = above
        count += np.int64(above)
    return count


@jit()
def _add(g: Any, row: Any) -> None:
    for k in range(g.size):
        g[k] += row[k]


@jit()
def _normalise(weights: Any, k: Any, total: Any) -> None:
    """Scale the weights onto neuron k to their sum."""
    own = weights.dtype.type(0)
    for j in range(weights.shape[0]):
        own += weights[j, k]
    factor = total / own
    for j in range(weights.shape[0]):
        weights[j, k] *= factor


@jit()
def present(
    images: Any, numbers: Any, full_scale: Any, rates: Any, least: Any, n_steps: Any, seed: Any, purpose: Any, weights: Any,
    theta: Any, membrane: Any, decay: Any, reversal: Any, threshold: Any, refractory: Any, inhibition: Any, rise: Any,
    forgetting: Any, learns: Any, rule: Any, w_max: Any, total: Any, pre_decay: Any, post_decay: Any, slow_decay: Any,
    answers: Any, counts: Any,
) -> None:  # fmt: skip
    """Show images one after the other; weights and thresholds learn where ``learns``.

    images : uint8 (n, inputs); numbers : int64 (n,), of the random numbers of each; an input spikes in a step with probability
        rates[a] * image / full_scale in attempt a, and another attempt follows one with fewer than ``least`` spikes, as long as
        there are rates
    weights : (inputs, neurons), nS; theta : (neurons,), mV, above ``threshold``; of one real type, as all that follows
    membrane : the constants of ``LIF`` up to the reset potential, with backward Euler; decay, reversal : in a step, and mV, of
        the two conductances
    refractory : updates for which a spike holds a neuron; inhibition : nS, what it adds to all others
    rise : mV, of theta at a spike; theta is multiplied by ``forgetting`` after each presentation
    rule : constants of TripletSTDP; w_max : nS, the weights lie in 0 to this, and sum to ``total`` onto each neuron after each
        presentation, which takes some beyond the bound, until they change again
    pre_decay, post_decay, slow_decay : (steps + 1,), of its traces r1, o1 and o2
    answers : int32 (n, neurons), on return the spikes of each in the last attempt
    counts : int64 (CompetitionCount.COUNT,), which go on counting
    """
    n_inputs, n = weights.shape
    zero = weights.dtype.type(0)
    v, ge, gi = np.empty(n, weights.dtype), np.empty(n, weights.dtype), np.empty(n, weights.dtype)
    thresholds = np.empty(n, weights.dtype)
    held, last_pre, last_post = np.empty(n, np.int32), np.empty(n_inputs, np.int64), np.empty(n, np.int64)
    fired, spiking, active = np.empty(n, np.uint8), np.empty(n, np.int64), np.empty(n, np.int64)
    brightness, words = np.empty(n_inputs, np.float64), np.empty(_WORDS, np.uint32)
    first = np.empty(n_steps, np.int32)
    following, inputs = np.empty(n_inputs * n_steps, np.int32), np.empty(n_inputs * n_steps, np.int32)
    before = flush_denormals()
    for m in range(len(images)):
        for j in range(n_inputs):
            brightness[j] = images[m, j] / full_scale
        for attempt in range(len(rates)):
            k_inputs = poisson_trains(
                brightness, rates[attempt], n_steps, seed, numbers[m], attempt, purpose, words, first, following, inputs
            )
            for k in range(n):
                v[k] = membrane[3]
                ge[k] = zero
                gi[k] = zero
                held[k] = 0
                last_post[k] = _NEVER
                thresholds[k] = threshold + theta[k]
                answers[m, k] = 0
            last_pre[:] = _NEVER
            n_active, spikes = 0, 0
            for t in range(n_steps):
                found = _advance(v, ge, gi, held, thresholds, decay, reversal, membrane, fired)
                if found > 0:
                    found = 0
                    for k in range(n):
                        if fired[k]:
                            spiking[found] = k
                            found += 1
                q = first[t]
                while q >= 0:
                    _add(ge, view(weights, inputs[q] * n, n))
                    q = following[q]
                if learns:
                    q = first[t]
                    while q >= 0:
                        j = inputs[q]
                        for a in range(n_active):
                            k = active[a]
                            w = weights[j, k] + change_on_pre(
                                weights[j, k], (zero, zero), (post_decay[t - last_post[k]], zero), rule
                            )
                            weights[j, k] = min(max(w, zero), w_max)
                        counts[_PLASTICITY] += n_active
                        last_pre[j] = t
                        q = following[q]
                for s in range(found):
                    winner = spiking[s]
                    for k in range(n):
                        gi[k] += inhibition
                    gi[winner] -= inhibition
                    counts[_INHIBITORY] += n - 1
                for s in range(found):
                    winner = spiking[s]
                    answers[m, winner] += 1
                    v[winner] = membrane[3]
                    held[winner] = refractory
                    if not learns:
                        continue
                    theta[winner] += rise
                    thresholds[winner] = threshold + theta[winner]
                    if last_post[winner] == _NEVER:
                        active[n_active] = winner
                        n_active += 1
                        slow = zero
                    else:
                        slow = slow_decay[t - last_post[winner]]
                    if slow > zero:
                        for j in range(n_inputs):
                            r1 = pre_decay[t - last_pre[j]] if last_pre[j] >= 0 else zero
                            w = weights[j, winner] + change_on_post(weights[j, winner], (r1, zero), (zero, slow), rule)
                            weights[j, winner] = min(max(w, zero), w_max)
                        counts[_PLASTICITY] += n_inputs
                    last_post[winner] = t
                spikes += found
            counts[_EVENTS] += k_inputs * n
            counts[_INPUT_SPIKES] += k_inputs
            counts[_UPDATES] += n_steps * n
            counts[_SPIKES] += spikes
            counts[_PRESENTATIONS] += 1
            if learns:
                for a in range(n_active):
                    _normalise(weights, active[a], total)
                for k in range(n):
                    theta[k] *= forgetting
            if spikes >= least:
                break
    restore_denormals(before)
