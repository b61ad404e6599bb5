"""Delivery kernels: add the weights of the spikes of one population to a state row of another.

Three loop templates (dense, sparse, convolution), each bound for spikes, which deliver a weight (an accumulate, AC), and for graded
events, which deliver weight x value (a multiply-accumulate, MAC), in both cases to plain rows and to scaled ones (``scaling.py``);
and one for pooling, which takes spikes, and a factor that is 1 for plain rows. Each
returns the number of synaptic events, i.e. of deliveries through existing, nonzero synapses. ``spikes`` is ascending, so every
target receives its weights in the same order on every machine.
"""

from typing import Any

import numpy as np
from numba import njit

from .layout import ProjectionColumn
from .prefetch import prefetch
from .views import view

__all__ = [
    "deliver_convolution",
    "deliver_dense",
    "deliver_pooling",
    "deliver_sparse",
    "graded_payload",
    "graded_to_scaled_payload",
    "narrow",
    "one_weight",
    "one_weights",
    "own_weight",
    "own_weights",
    "plain",
    "reach",
    "spike_payload",
    "spike_to_scaled_payload",
    "weighted",
    "wide",
]

_FIRST, _SOURCES = int(ProjectionColumn.SOURCE_NEURON), int(ProjectionColumn.SOURCE_SIZE)
_TARGET, _TARGETS = int(ProjectionColumn.TARGET_STATE), int(ProjectionColumn.TARGET_SIZE)
_POINTERS, _SYNAPSES = int(ProjectionColumn.POINTERS), int(ProjectionColumn.SYNAPSES)
_WEIGHTS, _PAYLOAD = int(ProjectionColumn.WEIGHTS), int(ProjectionColumn.PAYLOAD)
_CHANNELS_IN, _HEIGHT_IN = int(ProjectionColumn.CHANNELS_IN), int(ProjectionColumn.HEIGHT_IN)
_WIDTH_IN, _KERNEL, _STRIDE = int(ProjectionColumn.WIDTH_IN), int(ProjectionColumn.KERNEL), int(ProjectionColumn.STRIDE)
_CHANNELS_OUT, _HEIGHT_OUT = int(ProjectionColumn.CHANNELS_OUT), int(ProjectionColumn.HEIGHT_OUT)
_WIDTH_OUT, _N_DELAYS = int(ProjectionColumn.WIDTH_OUT), int(ProjectionColumn.N_DELAYS)


@njit
def spike_payload(state: Any, offset: Any, factor: Any) -> Any:
    """Return what a spike carries: nothing."""
    return 0


@njit
def graded_payload(state: Any, offset: Any, factor: Any) -> Any:
    """Return what a graded event carries: the value of its source."""
    return state[offset]


@njit
def spike_to_scaled_payload(state: Any, offset: Any, factor: Any) -> Any:
    """Return what a spike carries to a receptor whose row is kept scaled."""
    return factor


@njit
def graded_to_scaled_payload(state: Any, offset: Any, factor: Any) -> Any:
    """Return what a graded event carries to such a receptor."""
    return state[offset] * factor


@njit
def plain(weight: Any, amount: Any) -> Any:
    """Return what an event delivers that carries nothing."""
    return weight


@njit
def weighted(weight: Any, amount: Any) -> Any:
    """Return what an event delivers that carries an amount."""
    return weight * amount


@njit
def own_weights(weights: Any, base: Any, begin: Any, n: Any) -> Any:
    """Return n weights of a projection whose synapses have weights of their own."""
    return view(weights, base + begin, n)


@njit
def own_weight(own: Any, k: Any) -> Any:
    """Return the weight of synapse k of these."""
    return own[k]


@njit
def one_weights(weights: Any, base: Any, begin: Any, n: Any) -> Any:
    """Return the weight that all synapses of a projection share: it is stored once, and memory traffic is what delivery costs."""
    return weights[base]


@njit
def one_weight(own: Any, k: Any) -> Any:
    """Return that weight."""
    return own


# Bound by the registry to one of each kind above.
payload: Any = spike_payload
scaled: Any = plain
weights_of: Any = own_weights
weight_of: Any = own_weight


@njit
def _own(row: Any, spikes: Any, n_spikes: Any) -> Any:
    """Return the range of the spike list that falls into the projection's source slice."""
    first, last = row[_FIRST], row[_FIRST] + row[_SOURCES]
    start, stop = 0, n_spikes
    while start < stop and spikes[start] < first:
        start += 1
    while stop > start and spikes[stop - 1] >= last:
        stop -= 1
    return start, stop


# The delivery kernels take the same arguments: they are called through one function type. ``part`` says which of the projection's
# delays has come; only targets ``low`` to ``high`` - 1 of the projection's slice are served, the rest is another worker's.


def deliver_dense(
    row: Any, part: Any, low: Any, high: Any, state: Any, spikes: Any, n_spikes: Any, pointers: Any, targets: Any,
    narrow_targets: Any, weights: Any, factor: Any,
) -> Any:  # fmt: skip
    """Template: all-to-all weights, row by row; pointers hold the number of nonzero weights per source."""
    m, first, values, base = row[_TARGETS], row[_FIRST], row[_PAYLOAD], row[_WEIGHTS] + low
    n = high - low
    target = view(state, row[_TARGET] + low, n)
    start, stop = _own(row, spikes, n_spikes)
    events = 0
    if low == 0:  # the events of a row are counted once, not by every worker
        for q in range(start, stop):
            events += pointers[row[_POINTERS] + spikes[q] - first]
    q = start
    # Four rows at a time: the same sums in the same order, with a quarter of the traffic on the target.
    while q + 4 <= stop:
        j, k, l, h = spikes[q], spikes[q + 1], spikes[q + 2], spikes[q + 3]  # noqa: E741
        wa, wb = view(weights, base + (j - first) * m, n), view(weights, base + (k - first) * m, n)
        wc, wd = view(weights, base + (l - first) * m, n), view(weights, base + (h - first) * m, n)
        sa, sb = payload(state, values + j, factor), payload(state, values + k, factor)
        sc, sd = payload(state, values + l, factor), payload(state, values + h, factor)
        for i in range(n):
            t = target[i] + scaled(wa[i], sa)
            t += scaled(wb[i], sb)
            t += scaled(wc[i], sc)
            target[i] = t + scaled(wd[i], sd)
        q += 4
    while q < stop:
        wa = view(weights, base + (spikes[q] - first) * m, n)
        sa = payload(state, values + spikes[q], factor)
        for i in range(n):
            target[i] += scaled(wa[i], sa)
        q += 1
    return events


@njit
def wide(targets: Any, narrow_targets: Any, offset: Any, n: Any) -> Any:
    """Return n targets of a projection whose targets have 32 bits each, as unsigned: those need no check for negative places."""
    return view(targets, offset, n).view(np.uint32)


@njit
def narrow(targets: Any, narrow_targets: Any, offset: Any, n: Any) -> Any:
    """Return n targets of a projection whose targets have 16 bits each."""
    return view(narrow_targets, offset, n)


@njit
def wide_prefetch(targets: Any, narrow_targets: Any, at: Any) -> None:
    """Fetch the first two cache lines of such targets."""
    prefetch(targets, at)
    prefetch(targets, at + 16)


@njit
def narrow_prefetch(targets: Any, narrow_targets: Any, at: Any) -> None:
    """Fetch the first two cache lines of such targets."""
    prefetch(narrow_targets, at)
    prefetch(narrow_targets, at + 32)


reached_of: Any = wide
prefetch_targets: Any = wide_prefetch


@njit
def _first_from(reached: Any, n: Any, bound: Any) -> Any:
    """Return the place of the first target of at least ``bound`` in an ascending list."""
    start, stop = 0, n
    while start < stop:
        middle = (start + stop) // 2
        if reached[middle] < bound:
            start = middle + 1
        else:
            stop = middle
    return start


def deliver_sparse(
    row: Any, part: Any, low: Any, high: Any, state: Any, spikes: Any, n_spikes: Any, pointers: Any, targets: Any,
    narrow_targets: Any, weights: Any, factor: Any,
) -> Any:  # fmt: skip
    """Template: compressed sparse rows, sorted by source, then delay, then target; no stored weight is zero."""
    # Read here what the loops need: a store to the state might alias the row, and it would be read again for every synapse.
    size = row[_TARGETS]
    target = view(state, row[_TARGET], size)
    first, values, base, n_delays = row[_FIRST], row[_PAYLOAD], row[_WEIGHTS], row[_N_DELAYS]
    offset, bounds, shared = row[_SYNAPSES], row[_POINTERS], low > 0 or high < size
    start, stop = _own(row, spikes, n_spikes)
    events = 0
    # A source fires at random: what its synapses need is in no cache yet, and comes for all spikes at once.
    for q in range(start, stop):
        prefetch(pointers, bounds + (spikes[q] - first) * n_delays + part)
    for q in range(start, stop):
        begin = offset + pointers[bounds + (spikes[q] - first) * n_delays + part]
        prefetch_targets(targets, narrow_targets, begin)
    for q in range(start, stop):
        p = bounds + (spikes[q] - first) * n_delays + part
        begin, end = pointers[p], pointers[p + 1]
        if shared:
            reached = reached_of(targets, narrow_targets, offset + begin, end - begin)
            end = begin + _first_from(reached, end - begin, high)
            begin += _first_from(reached, end - begin, low)
        n = end - begin
        events += n
        amount = payload(state, values + spikes[q], factor)
        reached = reached_of(targets, narrow_targets, offset + begin, n)
        own = weights_of(weights, base, begin, n)
        for k in range(n):
            target[reached[k]] += scaled(weight_of(own, k), amount)
    return events


@njit
def reach(position: Any, kernel: Any, stride: Any, size_out: Any) -> Any:
    """Return the range of output positions whose receptive field holds the input position."""
    low = (position - kernel + stride) // stride if position >= kernel else 0
    return low, min(position // stride + 1, size_out)


def deliver_convolution(
    row: Any, part: Any, low: Any, high: Any, state: Any, spikes: Any, n_spikes: Any, pointers: Any, targets: Any,
    narrow_targets: Any, weights: Any, factor: Any,
) -> Any:  # fmt: skip
    """Template: shared weights (channel in, y, x, channel out); neurons are ordered (y, x, channel) on both sides.

    Pointers hold the number of nonzero weights per tap (channel in, y, x). Its targets are never shared out among workers.
    """
    # Read here what the loops need: a store to the state might alias the row, and it would be read again for every tap.
    channels_in, width_in, first = row[_CHANNELS_IN], row[_WIDTH_IN], row[_FIRST]
    kernel, stride, channels_out = row[_KERNEL], row[_STRIDE], row[_CHANNELS_OUT]
    height_out, width_out, values = row[_HEIGHT_OUT], row[_WIDTH_OUT], row[_PAYLOAD]
    into_all, counts, shared = row[_TARGET], row[_POINTERS], row[_WEIGHTS]
    start, stop = _own(row, spikes, n_spikes)
    events = 0
    for q in range(start, stop):
        j = spikes[q] - first
        position = j // channels_in
        channel, x, y = j - position * channels_in, position % width_in, position // width_in
        y_low, y_high = reach(y, kernel, stride, height_out)
        x_low, x_high = reach(x, kernel, stride, width_out)
        amount = payload(state, values + spikes[q], factor)
        for oy in range(y_low, y_high):
            for ox in range(x_low, x_high):
                tap = (channel * kernel + y - oy * stride) * kernel + x - ox * stride
                events += pointers[counts + tap]
                into = view(state, into_all + (oy * width_out + ox) * channels_out, channels_out)
                taps = view(weights, shared + tap * channels_out, channels_out)
                for i in range(channels_out):
                    into[i] += scaled(taps[i], amount)
    return events


def deliver_pooling(
    row: Any, part: Any, low: Any, high: Any, state: Any, spikes: Any, n_spikes: Any, pointers: Any, targets: Any,
    narrow_targets: Any, weights: Any, factor: Any,
) -> Any:  # fmt: skip
    """Template: windows (y, x) per channel; a target becomes the larger of itself and the weight, so the order does not matter."""
    channels, width_in, first = row[_CHANNELS_IN], row[_WIDTH_IN], row[_FIRST]
    kernel, stride, height_out, width_out = row[_KERNEL], row[_STRIDE], row[_HEIGHT_OUT], row[_WIDTH_OUT]
    target, weight = view(state, row[_TARGET], row[_TARGETS]), weights[row[_WEIGHTS]] * factor
    start, stop = _own(row, spikes, n_spikes)
    events = 0
    for q in range(start, stop):
        j = spikes[q] - first
        position = j // channels
        channel, x, y = j - position * channels, position % width_in, position // width_in
        y_low, y_high = reach(y, kernel, stride, height_out)
        x_low, x_high = reach(x, kernel, stride, width_out)
        events += max(y_high - y_low, 0) * max(x_high - x_low, 0)
        for oy in range(y_low, y_high):
            for ox in range(x_low, x_high):
                i = (oy * width_out + ox) * channels + channel
                target[i] = max(target[i], weight)
    return events
