"""Delivery: the weights of the spikes of one task, added to state rows of their targets by atomic additions.

One function per kind of projection, chosen by the KIND column; each returns the synaptic events that a thread counted. The order of
additions is not fixed: sums are those of the CPU where they are exact, or where only one weight arrives at a row.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import cuda

from ..layout import ProjectionColumn
from ..propagation import reach
from ..registry import PRECISIONS, DeliveryKind
from ._jit import device
from .layout import LANES

__all__ = ["deliver"]

_KIND = int(ProjectionColumn.KIND)
_FIRST, _SOURCES = int(ProjectionColumn.SOURCE_NEURON), int(ProjectionColumn.SOURCE_SIZE)
_TARGET, _TARGETS = int(ProjectionColumn.TARGET_STATE), int(ProjectionColumn.TARGET_SIZE)
_POINTERS, _SYNAPSES = int(ProjectionColumn.POINTERS), int(ProjectionColumn.SYNAPSES)
_WEIGHTS, _PAYLOAD = int(ProjectionColumn.WEIGHTS), int(ProjectionColumn.PAYLOAD)
_CHANNELS_IN, _WIDTH_IN = int(ProjectionColumn.CHANNELS_IN), int(ProjectionColumn.WIDTH_IN)
_KERNEL, _STRIDE = int(ProjectionColumn.KERNEL), int(ProjectionColumn.STRIDE)
_CHANNELS_OUT, _HEIGHT_OUT = int(ProjectionColumn.CHANNELS_OUT), int(ProjectionColumn.HEIGHT_OUT)
_WIDTH_OUT, _N_DELAYS = int(ProjectionColumn.WIDTH_OUT), int(ProjectionColumn.N_DELAYS)


def _amount(kind: DeliveryKind) -> Any:
    """Return what an event delivers through a weight: the weight, times its value, times the factor of a scaled row."""

    def plain(weight: Any, values: Any, place: Any, factor: Any) -> Any:
        return weight

    def scaled(weight: Any, values: Any, place: Any, factor: Any) -> Any:
        return weight * factor

    def graded(weight: Any, values: Any, place: Any, factor: Any) -> Any:
        return weight * values[np.uint32(place)]

    def graded_to_scaled(weight: Any, values: Any, place: Any, factor: Any) -> Any:
        return weight * (values[np.uint32(place)] * factor)

    chosen = ((plain, scaled), (graded, graded_to_scaled))[kind.graded][kind.scaled]
    return device(chosen)


def _own(kind: DeliveryKind) -> tuple[Any, Any]:
    """Return what reads a target, and what reads a weight, of the synapse at a place behind the projection's first."""

    def narrow(arrays: Any, at: Any) -> Any:
        return arrays.narrow_targets[np.uint64(at)]

    def wide(arrays: Any, at: Any) -> Any:
        return arrays.targets[np.uint64(at)]

    def shared(arrays: Any, first: Any, k: Any) -> Any:
        return arrays.weights[np.uint64(first)]

    def each(arrays: Any, first: Any, k: Any) -> Any:
        return arrays.weights[np.uint64(first + k)]

    return device(narrow if kind.narrow else wide), device(shared if kind.one_weight else each)


# All take the same arguments: the row of the projection; which of its delays; part and parts of the spikes, and the tile of targets
# that are the task; the thread's lane; a copy's values; the list of spikes, from ``base`` on, and their number; arrays; a factor.


def _dense(kind: DeliveryKind, precision: str) -> Any:
    amount, real = _amount(kind), PRECISIONS[precision]
    zero = real(0)  # a literal would be compared in float64

    def deliver(
        row: Any, k: Any, part: Any, parts: Any, tile: Any, lane: Any, values: Any, lists: Any, base: Any, count: Any,
        arrays: Any, factor: Any,
    ) -> Any:  # fmt: skip
        first, sources, m, payload = row[_FIRST], row[_SOURCES], row[_TARGETS], row[_PAYLOAD]
        i, events, total = tile * LANES + lane, np.int64(0), zero
        weights = row[_WEIGHTS] + i
        q = part
        while q < count:
            j = lists[np.uint32(base + q)] - first
            if 0 <= j < sources:
                if i < m:
                    total += amount(arrays.weights[np.uint64(weights + j * m)], values, payload + first + j, factor)
                if tile == 0 and lane == 0:
                    events += np.int64(arrays.pointers[np.uint64(row[_POINTERS] + j)])
            q += parts
        if i < m and total != zero:
            cuda.atomic.add(values, np.uint32(row[_TARGET] + i), total)
        return events

    return device(deliver)


def _sparse(kind: DeliveryKind, precision: str) -> Any:
    amount, (target_of, weight_of) = _amount(kind), _own(kind)

    def deliver(
        row: Any, k: Any, part: Any, parts: Any, tile: Any, lane: Any, values: Any, lists: Any, base: Any, count: Any,
        arrays: Any, factor: Any,
    ) -> Any:  # fmt: skip
        first, sources, payload, n_delays = row[_FIRST], row[_SOURCES], row[_PAYLOAD], row[_N_DELAYS]
        pointers, synapses, weights, target = row[_POINTERS] + k, row[_SYNAPSES], row[_WEIGHTS], row[_TARGET]
        events = np.int64(0)
        q = part
        while q < count:
            j = lists[np.uint32(base + q)] - first
            if 0 <= j < sources:
                at = pointers + j * n_delays
                s, end = np.int64(arrays.pointers[np.uint64(at)]) + lane, np.int64(arrays.pointers[np.uint64(at + 1)])
                while s < end:
                    weight = weight_of(arrays, weights, s)
                    cuda.atomic.add(
                        values,
                        target + target_of(arrays, synapses + s),
                        amount(weight, values, payload + first + j, factor),
                    )
                    events += 1
                    s += LANES
            q += parts
        return events

    return device(deliver)


def _convolution(kind: DeliveryKind, precision: str) -> Any:
    amount, zero = _amount(kind), PRECISIONS[precision](0)

    def deliver(
        row: Any, k: Any, part: Any, parts: Any, tile: Any, lane: Any, values: Any, lists: Any, base: Any, count: Any,
        arrays: Any, factor: Any,
    ) -> Any:  # fmt: skip
        first, sources, payload = row[_FIRST], row[_SOURCES], row[_PAYLOAD]
        channels_in, width_in, kernel, stride = row[_CHANNELS_IN], row[_WIDTH_IN], row[_KERNEL], row[_STRIDE]
        channels_out, height_out, width_out = row[_CHANNELS_OUT], row[_HEIGHT_OUT], row[_WIDTH_OUT]
        events = np.int64(0)
        q = part
        while q < count:
            j = lists[np.uint32(base + q)] - first
            if 0 <= j < sources:
                position = _quotient(j, channels_in)
                channel, y = j - position * channels_in, _quotient(position, width_in)
                x = position - y * width_in
                y_low, y_high = reach(y, kernel, stride, height_out)
                x_low, x_high = reach(x, kernel, stride, width_out)
                across = max(x_high - x_low, 0)
                n = max(y_high - y_low, 0) * across * channels_out
                s = lane
                while s < n:
                    place = _quotient(s, channels_out)
                    c, down = s - place * channels_out, _quotient(place, across)
                    oy, ox = y_low + down, x_low + place - down * across
                    tap = (channel * kernel + y - oy * stride) * kernel + x - ox * stride
                    if c == 0:
                        events += np.int64(arrays.pointers[np.uint64(row[_POINTERS] + tap)])
                    weight = arrays.weights[np.uint64(row[_WEIGHTS] + tap * channels_out + c)]
                    if weight != zero:
                        cuda.atomic.add(
                            values, np.uint32(row[_TARGET] + (oy * width_out + ox) * channels_out + c),
                            amount(weight, values, payload + first + j, factor),
                        )  # fmt: skip
                    s += LANES
            q += parts
        return events

    return device(deliver)


def _pooling(kind: DeliveryKind, precision: str) -> Any:
    def deliver(
        row: Any, k: Any, part: Any, parts: Any, tile: Any, lane: Any, values: Any, lists: Any, base: Any, count: Any,
        arrays: Any, factor: Any,
    ) -> Any:  # fmt: skip
        first, sources, channels, width_in = row[_FIRST], row[_SOURCES], row[_CHANNELS_IN], row[_WIDTH_IN]
        kernel, stride, height_out, width_out = row[_KERNEL], row[_STRIDE], row[_HEIGHT_OUT], row[_WIDTH_OUT]
        weight = arrays.weights[row[_WEIGHTS]] * factor
        events = np.int64(0)
        q = part + lane * parts  # a spike per thread: it reaches few positions
        while q < count:
            j = lists[np.uint32(base + q)] - first
            if 0 <= j < sources:
                position = _quotient(j, channels)
                channel, y = j - position * channels, _quotient(position, width_in)
                y_low, y_high = reach(y, kernel, stride, height_out)
                x_low, x_high = reach(position - y * width_in, kernel, stride, width_out)
                oy = y_low
                while oy < y_high:
                    ox = x_low
                    while ox < x_high:
                        cuda.atomic.max(
                            values, np.uint32(row[_TARGET] + (oy * width_out + ox) * channels + channel), weight
                        )
                        events += 1
                        ox += 1
                    oy += 1
            q += LANES * parts
        return events

    return device(deliver)


def _quotient_of(a: Any, b: Any) -> Any:
    # Divisions of 64 bits take four times as long.
    return np.int64(np.uint32(a) // np.uint32(b))


_quotient = device(_quotient_of)

_MADE = {"dense": _dense, "sparse": _sparse, "convolution": _convolution, "pooling": _pooling}


@cache
def _delivery(kind: DeliveryKind, precision: str) -> Any:
    return _MADE[kind.connectivity](kind, precision)


def deliver(kinds: Sequence[DeliveryKind], precision: str) -> Any:
    """Return the function that delivers a task of any of these kinds and returns the events that a thread counted."""

    def nothing(
        row: Any, k: Any, part: Any, parts: Any, tile: Any, lane: Any, values: Any, lists: Any, base: Any, count: Any,
        arrays: Any, factor: Any,
    ) -> Any:  # fmt: skip
        return 0

    made = device(nothing)
    for number, kind in enumerate(kinds):
        made = _or_else(number, _delivery(kind, precision), made)
    return made


def _or_else(number: int, own: Any, others: Any) -> Any:
    def choose(
        row: Any, k: Any, part: Any, parts: Any, tile: Any, lane: Any, values: Any, lists: Any, base: Any, count: Any,
        arrays: Any, factor: Any,
    ) -> Any:  # fmt: skip
        if row[_KIND] == number:
            return own(row, k, part, parts, tile, lane, values, lists, base, count, arrays, factor)
        return others(row, k, part, parts, tile, lane, values, lists, base, count, arrays, factor)

    return device(choose)
