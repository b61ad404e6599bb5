"""Competition of conductance-based neurons for images in a rate code, as in Diehl & Cook's network.

Each input is a Poisson train. A spike of a neuron raises its threshold and inhibits all others, at once or through an inhibitory
neuron of its own; synapses learn by triplet STDP of nearest spikes. The loop does what the run loop does with
``AdaptiveThresholdLIF`` neurons (backward Euler), any inhibitory ``LIF`` neurons and dense ``TripletSTDP`` (tests hold the two
against each other); it resets itself between images, where thresholds decay then only, or lets all go on through a rest, touches
only synapses of neurons that have fired, and repeats what was answered by too few spikes.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from snnsim_models._membrane import backward_euler
from snnsim_models.triplet_stdp import _on_post as change_on_post
from snnsim_models.triplet_stdp import _on_pre as change_on_pre

from ._jit import jit
from .inhibitors import INITIAL, RESET, advance_awake, list_awake, wake
from .poisson_trains import WORDS, poisson_trains
from .views import flush_denormals, restore_denormals, view

__all__ = ["NEVER", "CompetitionCount", "present"]


class CompetitionCount(IntEnum):
    """What :func:`present` counts."""

    EVENTS = 0  # synaptic events of inputs, each an accumulate
    INHIBITORY_EVENTS = 1  # and events that excite inhibitory neurons
    INPUT_SPIKES = 2
    MEMBRANE_UPDATES = 3  # those of inhibitory neurons only where they are computed
    SPIKES = 4  # of the neurons that learn
    PLASTICITY_UPDATES = 5  # weights
    PRESENTATIONS = 6
    COUNT = 7


_EVENTS, _INHIBITORY = int(CompetitionCount.EVENTS), int(CompetitionCount.INHIBITORY_EVENTS)
_INPUT_SPIKES, _UPDATES = int(CompetitionCount.INPUT_SPIKES), int(CompetitionCount.MEMBRANE_UPDATES)
_SPIKES, _PLASTICITY = int(CompetitionCount.SPIKES), int(CompetitionCount.PLASTICITY_UPDATES)
_PRESENTATIONS = int(CompetitionCount.PRESENTATIONS)
NEVER = -(2**30)
"""The step of a last spike that there is not, or that is forgotten."""


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
def _decay(theta: Any, carry: Any, loss: Any, threshold: Any, thresholds: Any) -> None:
    """Let theta decay by a step, and what it loses below its resolution be carried, as ``AdaptiveThresholdLIF`` does."""
    for k in range(theta.size):
        change = carry[k] - loss * theta[k]
        lower = theta[k] + change
        carry[k] = change - (lower - theta[k])
        theta[k] = lower
        thresholds[k] = threshold + lower


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
def _depress(
    weights: Any, j: Any, active: Any, n_active: Any, t: Any, last_post: Any, post_decay: Any, rule: Any, w_max: Any
) -> None:
    """Change the weights of input j, which spikes in step t, onto neurons whose traces are not zero."""
    zero = weights.dtype.type(0)
    for a in range(n_active):
        k = active[a]
        w = weights[j, k] + change_on_pre(weights[j, k], (zero, zero), (post_decay[t - last_post[k]], zero), rule)
        weights[j, k] = min(max(w, zero), w_max)


@jit()
def _potentiate(weights: Any, k: Any, slow: Any, t: Any, last_pre: Any, pre_decay: Any, rule: Any, w_max: Any) -> None:
    """Change the weights onto neuron k, which spikes in step t with the trace ``slow``."""
    zero = weights.dtype.type(0)
    for j in range(weights.shape[0]):
        r1 = pre_decay[t - last_pre[j]] if last_pre[j] > NEVER else zero
        w = weights[j, k] + change_on_post(weights[j, k], (r1, zero), (zero, slow), rule)
        weights[j, k] = min(max(w, zero), w_max)


@jit()
def _age(last: Any, steps: Any, memory: Any) -> None:
    """Count the times of last spikes from ``steps`` later on, and forget those ``memory`` steps back."""
    for k in range(last.size):
        last[k] = last[k] - steps if last[k] - steps >= -memory else NEVER


@jit()
def present(
    images: Any, numbers: Any, full_scale: Any, rates: Any, least: Any, n_steps: Any, rest_steps: Any, seed: Any, purpose: Any,
    weights: Any, theta: Any, state: Any, explicit: Any, cell: Any, excitation: Any, held_inhibitory: Any, membrane: Any,
    decay: Any, reversal: Any, threshold: Any, refractory: Any, inhibition: Any, rise: Any, loss: Any, forgetting: Any,
    learns: Any, rule: Any, w_max: Any, total: Any, pre_decay: Any, post_decay: Any, slow_decay: Any, answers: Any, counts: Any,
) -> None:  # fmt: skip
    """Show images one after the other; weights and thresholds learn where ``learns``.

    images : uint8 (n, inputs); numbers : int64 (n,), of the random numbers of each; an input spikes in a step with probability
        rates[a] * image / full_scale in attempt a, and another attempt follows one with fewer than ``least`` spikes, as long as
        there are rates
    n_steps, rest_steps : of a presentation, with input and then without
    weights : (inputs, neurons), nS; theta : (neurons,), mV, above ``threshold``; of one real type, as all that follows
    state : v (mV), conductances that excite and inhibit (nS), updates held (int32), of the neurons; steps of the last spikes
        (int64) of inputs and neurons; v, conductance, updates held, and whether it is awake (uint8), of inhibitory neurons; what
        theta has lost below its resolution (mV). It goes on from image to image where inhibition is ``explicit`` and the network
        learns. Else each image starts at rest; without inhibitory neurons, each attempt.
    explicit : whether a spike excites the neuron's own inhibitory one by ``excitation`` (nS), which inhibits all other neurons
    cell, held_inhibitory : constants of inhibitory neurons (see ``inhibitors``), and updates for which a spike holds one
    membrane : the constants of ``LIF`` up to the reset potential, with backward Euler; decay, reversal : in a step, and mV, of
        the two conductances
    refractory : updates for which a spike holds a neuron; inhibition : nS, what a spike adds to all others
    rise : mV, of theta at a spike; loss : the share of theta that decays in a step where inhibition is ``explicit``; theta is
        multiplied by ``forgetting`` after each presentation
    rule : constants of TripletSTDP; w_max : nS, the weights lie in 0 to this, and sum to ``total`` onto each neuron after each
        presentation, which takes some beyond the bound, until they change again
    pre_decay, post_decay, slow_decay : of its traces r1, o1 and o2, by steps since the spike; as long as a presentation, plus 1 and
        the steps for which a state that goes on remembers spikes
    answers : int32 (n, neurons), on return the spikes of each in the last attempt
    counts : int64 (CompetitionCount.COUNT,), which go on counting
    """
    n_inputs, n = weights.shape
    zero = weights.dtype.type(0)
    # Arrays of its own: LLVM knows that they do not overlap.
    v, ge, gi, held = state[0].copy(), state[1].copy(), state[2].copy(), state[3].copy()
    last_pre, last_post = state[4].copy(), state[5].copy()
    v_inhibitory, g_inhibitory, left_inhibitory, awake, carry = state[6:]
    period = n_steps + rest_steps
    memory = pre_decay.size - 1 - period
    thresholds = np.empty(n, weights.dtype)
    fired, spiking, active = np.empty(n, np.uint8), np.empty(n, np.int64), np.empty(n, np.int64)
    listed = np.empty(n, np.int64)
    inhibiting = np.empty(n, np.int64) if explicit else spiking
    brightness, words = np.empty(n_inputs, np.float64), np.empty(WORDS, np.uint32)
    first = np.empty(n_steps, np.int32)
    following, inputs = np.empty(n_inputs * n_steps, np.int32), np.empty(n_inputs * n_steps, np.int32)
    before = flush_denormals()
    n_awake = list_awake(awake, listed)
    for m in range(len(images)):
        for j in range(n_inputs):
            brightness[j] = images[m, j] / full_scale
        for attempt in range(len(rates)):
            k_inputs = poisson_trains(
                brightness, rates[attempt], n_steps, seed, numbers[m], attempt, purpose, words, first, following, inputs
            )
            if not explicit or (attempt == 0 and not learns):
                v[:], ge[:], gi[:], held[:] = membrane[3], zero, zero, 0
                v_inhibitory[:], g_inhibitory[:], left_inhibitory[:], awake[:] = cell[INITIAL], zero, 0, 1
                last_pre[:], last_post[:] = NEVER, NEVER
                n_awake = list_awake(awake, listed)
            n_active, spikes = 0, 0
            for k in range(n):
                thresholds[k] = threshold + theta[k]
                answers[m, k] = 0
                if last_post[k] > NEVER:
                    active[n_active] = k
                    n_active += 1
            for t in range(period):
                if explicit and learns:
                    _decay(theta, carry, loss, threshold, thresholds)
                found = _advance(v, ge, gi, held, thresholds, decay, reversal, membrane, fired)
                if found > 0:
                    found = 0
                    for k in range(n):
                        if fired[k]:
                            spiking[found] = k
                            found += 1
                inhibitors = found
                if explicit:
                    counts[_UPDATES] += n_awake
                    n_awake, inhibitors = advance_awake(
                        v_inhibitory, g_inhibitory, left_inhibitory, awake, listed, n_awake, cell, inhibiting
                    )
                start = first[t] if t < n_steps else -1
                q = start
                while q >= 0:
                    _add(ge, view(weights, inputs[q] * n, n))
                    q = following[q]
                if learns:
                    q = start
                    while q >= 0:
                        j = inputs[q]
                        _depress(weights, j, active, n_active, t, last_post, post_decay, rule, w_max)
                        counts[_PLASTICITY] += n_active
                        last_pre[j] = t
                        q = following[q]
                for s in range(inhibitors):
                    winner = inhibiting[s]
                    for k in range(n):
                        gi[k] += inhibition
                    gi[winner] -= inhibition
                    counts[_INHIBITORY] += n - 1
                    if explicit:
                        v_inhibitory[winner] = cell[RESET]
                        left_inhibitory[winner] = held_inhibitory
                for s in range(found):
                    winner = spiking[s]
                    answers[m, winner] += 1
                    v[winner] = membrane[3]
                    held[winner] = refractory
                    if explicit:
                        n_awake = wake(winner, excitation, g_inhibitory, awake, listed, n_awake)
                        counts[_INHIBITORY] += 1
                    if not learns:
                        continue
                    theta[winner] += rise
                    thresholds[winner] = threshold + theta[winner]
                    if last_post[winner] == NEVER:
                        active[n_active] = winner
                        n_active += 1
                        slow = zero
                    else:
                        slow = slow_decay[t - last_post[winner]]
                    if slow > zero:
                        _potentiate(weights, winner, slow, t, last_pre, pre_decay, rule, w_max)
                        counts[_PLASTICITY] += n_inputs
                    last_post[winner] = t
                spikes += found
            counts[_EVENTS] += k_inputs * n
            counts[_INPUT_SPIKES] += k_inputs
            counts[_UPDATES] += period * n
            counts[_SPIKES] += spikes
            counts[_PRESENTATIONS] += 1
            if learns:
                for a in range(n_active):
                    _normalise(weights, active[a], total)
                for k in range(n):
                    theta[k] *= forgetting
            if explicit:
                _age(last_pre, period, memory)
                _age(last_post, period, memory)
            if spikes >= least:
                break
    state[0][:], state[1][:], state[2][:], state[3][:], state[4][:], state[5][:] = v, ge, gi, held, last_pre, last_post
    restore_denormals(before)
