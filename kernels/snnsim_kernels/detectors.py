"""A layer of detectors that share weights, and the or-pooling behind it, over volleys of first spikes.

The loop does what the run loop does with ``LIF`` neurons behind a ``Convolution``, silent once they have fired, and ``OrPooling``
behind them (a test holds the two against each other). It touches a position only from its first input spike on, and joins the
spikes of all detectors at a position into the pool a vector at a time; what comes out is one bit per pooled neuron.
"""

from enum import IntEnum
from typing import Any

import numpy as np

from ._jit import jit
from .views import view

__all__ = ["DetectorCount", "detect"]


class DetectorCount(IntEnum):
    """What :func:`detect` counts."""

    EVENTS = 0  # of the convolution, each an accumulate through a nonzero weight
    POOLING_EVENTS = 1  # a spike counts once for each window that it lies in
    MEMBRANE_UPDATES = 2  # of detectors
    INPUT_SPIKES = 3
    SPIKES = 4  # of detectors
    POOLED_SPIKES = 5
    COUNT = 6


_EVENTS, _POOLING_EVENTS = int(DetectorCount.EVENTS), int(DetectorCount.POOLING_EVENTS)
_UPDATES, _INPUT_SPIKES = int(DetectorCount.MEMBRANE_UPDATES), int(DetectorCount.INPUT_SPIKES)
_SPIKES, _POOLED_SPIKES = int(DetectorCount.SPIKES), int(DetectorCount.POOLED_SPIKES)
_WORD = 64


@jit()
def _integrate(v: Any, row: Any) -> None:
    for k in range(v.size):
        v[k] += row[k]


@jit()
def _fire(v: Any, threshold: Any, decay: Any, silenced: Any, fired: Any, spikes: Any) -> Any:
    """Let the potentials of a position leak, silence and mark those above their thresholds; return how many these are."""
    n = np.int64(0)
    for k in range(v.size):
        u = v[k] * decay
        above = u > threshold[k]
        fired[k] = above
        spikes[k] += np.int32(above)
        n += np.int64(above)
        v[k] = silenced if above else u
    return n


@jit()
def _join(window: Any, fired: Any) -> None:
    for k in range(fired.size):
        window[k] |= fired[k]


@jit()
def _pack(pooled: Any, words: Any) -> Any:
    """Write bytes of 0 or 1 as bits; return how many are 1."""
    n = np.int64(0)
    for w in range(words.size):
        word = np.uint64(0)
        first = w * _WORD
        for b in range(min(_WORD, pooled.size - first)):
            word |= np.uint64(pooled[first + b]) << np.uint64(b)
            n += np.int64(pooled[first + b])
        words[w] = word
    return n


@jit()
def _reach(place: Any, kernel: Any, stride: Any, n_out: Any) -> Any:
    """Return the first window that covers a place, and the first after it that does not."""
    return max(0, (place - kernel) // stride + 1), min(n_out, place // stride + 1)


@jit()
def detect(
    latencies: Any, n_steps: Any, weights: Any, thresholds: Any, decay: Any, stride: Any, pool: Any, pool_stride: Any,
    rate: Any, target: Any, floor: Any, features: Any, counts: Any,
) -> None:  # fmt: skip
    """Show volleys to the detectors; thresholds learn where ``rate`` is above 0.

    latencies : uint8 (n, height, width), the step in which an input spikes; ``n_steps`` and above: it does not
    weights : (kernel, kernel, maps), mV; thresholds : (maps,), mV, shared by the positions of a map; decay : of v in a step
    stride : of the detectors; pool, pool_stride : of square windows over the positions of detectors
    rate, target, floor : after each volley, threshold -> max(floor, threshold + rate (spikes of the map - target)), mV
    features : uint64 (n, words), on return a bit for each pooled neuron that has spiked, these ordered (y, x, map)
    counts : int64 (DetectorCount.COUNT,), which go on counting
    """
    n, height, width = latencies.shape
    kernel, n_maps = weights.shape[0], weights.shape[2]
    rows, columns = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    pool_rows, pool_columns = (rows - pool) // pool_stride + 1, (columns - pool) // pool_stride + 1
    flat = weights.reshape(-1)
    v = np.empty(rows * columns * n_maps, weights.dtype)
    touched = np.empty((rows, columns), np.uint8)
    pooled = np.empty(pool_rows * pool_columns * n_maps, np.uint8)
    fired, spikes = np.empty(n_maps, np.uint8), np.empty(n_maps, np.int32)
    silenced = weights.dtype.type(-np.inf)
    synapses = np.zeros((kernel, kernel), np.int64)
    for dy in range(kernel):
        for dx in range(kernel):
            for k in range(n_maps):
                synapses[dy, dx] += np.int64(weights[dy, dx, k] != 0)
    for i in range(n):
        v[:] = 0
        touched[:] = 0
        pooled[:] = 0
        spikes[:] = 0
        for step in range(n_steps):
            for y in range(height):
                y_low, y_high = _reach(y, kernel, stride, rows)
                for x in range(width):
                    if latencies[i, y, x] != step:
                        continue
                    counts[_INPUT_SPIKES] += 1
                    x_low, x_high = _reach(x, kernel, stride, columns)
                    for oy in range(y_low, y_high):
                        for ox in range(x_low, x_high):
                            dy, dx = y - oy * stride, x - ox * stride
                            _integrate(
                                view(v, (oy * columns + ox) * n_maps, n_maps),
                                view(flat, (dy * kernel + dx) * n_maps, n_maps),
                            )
                            touched[oy, ox] = 1
                            counts[_EVENTS] += synapses[dy, dx]
            for oy in range(rows):
                y_low, y_high = _reach(oy, pool, pool_stride, pool_rows)
                for ox in range(columns):
                    if not touched[oy, ox]:
                        continue
                    own = view(v, (oy * columns + ox) * n_maps, n_maps)
                    here = _fire(own, thresholds, decay, silenced, fired, spikes)
                    counts[_UPDATES] += n_maps
                    if here == 0:
                        continue
                    counts[_SPIKES] += here
                    x_low, x_high = _reach(ox, pool, pool_stride, pool_columns)
                    for py in range(y_low, y_high):
                        for px in range(x_low, x_high):
                            _join(view(pooled, (py * pool_columns + px) * n_maps, n_maps), fired)
                            counts[_POOLING_EVENTS] += here
        counts[_POOLED_SPIKES] += _pack(pooled, view(features, i * features.shape[1], features.shape[1]))
        if rate > 0:
            for k in range(n_maps):
                thresholds[k] = max(floor, thresholds[k] + rate * (spikes[k] - target))
