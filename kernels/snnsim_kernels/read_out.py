"""A spiking read-out of volleys of first spikes, and the local delta rule by which it learns.

A read-out neuron has no leak and never fires: its potential is the sum of the weights of the inputs that have spiked, and the
highest potential is the answer. At the end of a volley each neuron has an error of its own,

    w_i -> w_i + eta (1 - sigmoid(v_i)) at the neuron of the label,     w_i -> w_i - eta sigmoid(v_i) at all others,

for the synapses that have carried a spike, and only where its error is not small: the delta rule ``DeltaRule(own=0, tau=inf)`` with
these errors as teaching signals (a test holds the two against each other). Inputs come as bits, so that 60,000 volleys of 20,000
inputs take 150 MB.
"""

from enum import IntEnum
from typing import Any

import numpy as np

from ._jit import jit
from .bits import trailing_zeros
from .views import view

__all__ = ["LANES", "ReadOutCount", "learn_read_out", "read"]

LANES = 16
"""Weights of an input are stored in so many places, which fill a cache line in single precision: the most classes."""

_WORD = 64


class ReadOutCount(IntEnum):
    """What :func:`learn_read_out` counts."""

    EVENTS = 0  # synaptic events, each an accumulate
    PLASTICITY_UPDATES = 1  # weights
    RIGHT = 2  # answers that were right before the volley was learned
    COUNT = 3


_EVENTS, _PLASTICITY, _RIGHT = (
    int(ReadOutCount.EVENTS), int(ReadOutCount.PLASTICITY_UPDATES), int(ReadOutCount.RIGHT)
)  # fmt: skip


@jit()
def _list_spikes(words: Any, places: Any) -> Any:
    """Write where the weights of the inputs that have spiked begin; return how many these are."""
    n = 0
    for w in range(words.size):
        word = words[w]
        while word != 0:
            places[n] = (w * _WORD + np.int64(trailing_zeros(word))) * LANES
            n += 1
            word &= word - np.uint64(1)
    return n


@jit()
def _integrate(weights: Any, places: Any, n: Any, v: Any) -> None:
    for c in range(LANES):
        v[c] = 0
    for q in range(n):
        row = view(weights, places[q], LANES)
        for c in range(LANES):
            v[c] += row[c]


@jit()
def _highest(v: Any, n_classes: Any) -> Any:
    best = 0
    for c in range(1, n_classes):
        if v[c] > v[best]:
            best = c
    return best


@jit()
def learn_read_out(
    features: Any, labels: Any, order: Any, n_classes: Any, weights: Any, eta: Any, least_error: Any, counts: Any
) -> None:
    """Show volleys in an order, one by one; the weights learn after each.

    features : uint64 (n, words), a bit for each input that spikes; labels : int64 (n,), below ``n_classes``, at most LANES
    order : int64 (m,), numbers of volleys; weights : (64 words, LANES), of one real type with eta : (m,), the learning rates
    least_error : 0 to 1, of the type of weights; a neuron with a smaller error does not learn
    counts : int64 (ReadOutCount.COUNT,), which go on counting
    """
    places = np.empty(_WORD * features.shape[1], np.int64)
    v = np.empty(LANES, weights.dtype)
    one = weights.dtype.type(1)
    flat = weights.reshape(-1)
    for shown in range(len(order)):
        i = order[shown]
        n = _list_spikes(features[i], places)
        _integrate(flat, places, n, v)
        counts[_RIGHT] += np.int64(_highest(v, n_classes) == labels[i])
        counts[_EVENTS] += n * n_classes
        learning = np.int64(0)
        for c in range(LANES):
            error = (one if c == labels[i] else 0) - one / (one + np.exp(-v[c]))
            learns = c < n_classes and abs(error) >= least_error
            v[c] = eta[shown] * error if learns else 0
            learning += np.int64(learns)
        counts[_PLASTICITY] += n * learning
        if learning == 0:
            continue
        for q in range(n):
            row = view(flat, places[q], LANES)
            for c in range(LANES):
                row[c] += v[c]


@jit()
def read(features: Any, n_classes: Any, weights: Any, answers: Any) -> None:
    """Answer volleys; shapes as in :func:`learn_read_out`. answers : int64 (n,), the highest potential, the first of equals."""
    places = np.empty(_WORD * features.shape[1], np.int64)
    v = np.empty(LANES, weights.dtype)
    flat = weights.reshape(-1)
    for i in range(len(features)):
        _integrate(flat, places, _list_spikes(features[i], places), v)
        answers[i] = _highest(v, n_classes)
