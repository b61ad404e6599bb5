"""Random connections, built in compiled code from counter-based random numbers: the same for a seed on any machine.

The key of a projection's numbers is the network's seed; the counter is (draw, row, stream, purpose), where the stream numbers the
projection, with bit 31 set: the neurons' noise, of the same key, has the number of a neuron there. A row is a source or a target,
so rows can be built in any order. Source j must not reach target j + shift, its own neuron; a shift beyond both sizes excludes
nothing.
"""

from typing import Any

import numpy as np

from ._jit import jit
from .random import philox

__all__ = ["fixed_in_degree", "fixed_out_degree", "fixed_probability", "fixed_total_number", "normal", "uniform_unit"]

_MASK, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_EDGES, _VALUES = np.uint64(1), np.uint64(2)
_BUILDING = np.uint64(2**31)


@jit()
def _word(draw: Any, row: Any, stream: Any, purpose: Any, seed: Any) -> Any:
    """Return the 32-bit word number ``draw`` of a row."""
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _SHIFT
    d = np.uint64(draw)
    w0, w1, w2, w3 = philox(d >> np.uint64(2), np.uint64(row), np.uint64(stream) | _BUILDING, purpose, k0, k1)
    which = d & np.uint64(3)
    low = w0 if which == 0 else w1
    high = w2 if which == 2 else w3
    return low if which < 2 else high


@jit()
def _below(word: Any, n: Any, excluded: Any) -> Any:
    """Return a whole number in [0, n), ``excluded`` left out where it lies there; the bias is below n / 2**32."""
    if excluded < 0 or excluded >= n:
        return np.int64((word * np.uint64(n)) >> _SHIFT)
    at = np.int64((word * np.uint64(n - 1)) >> _SHIFT)
    return at + 1 if at >= excluded else at


@jit()
def fixed_probability(n_sources: Any, n_targets: Any, p: Any, shift: Any, seed: Any, stream: Any) -> Any:
    """Join each pair with probability p in (0, 1): per source, gaps between targets are geometric. Returns (pointers, targets)."""
    pointers = np.zeros(n_sources + 1, np.int64)
    scale = 1.0 / np.log1p(-p)
    targets = np.empty(0, np.int32)
    for fill in range(2):
        for j in range(n_sources):
            at, draw, count = np.int64(-1), 0, pointers[j]
            while True:
                # The upper end of the word's interval, so that the logarithm is finite.
                u = (np.float64(_word(draw, j, stream, _EDGES, seed)) + 1.0) * 2.0**-32
                at += 1 + np.int64(min(np.log(u) * scale, 4e18))
                draw += 1
                if at >= n_targets:
                    break
                if at != j + shift:
                    if fill:
                        targets[count] = at
                    count += 1
            if not fill:
                pointers[j + 1] = count - pointers[j]
        if not fill:
            # Counts become starts; the row's own count was measured from 0.
            for j in range(n_sources):
                pointers[j + 1] += pointers[j]
            targets = np.empty(pointers[n_sources], np.int32)
    return pointers, targets


@jit()
def fixed_out_degree(n_sources: Any, n_targets: Any, k: Any, shift: Any, seed: Any, stream: Any) -> Any:
    """Give each source k targets, drawn with replacement. Returns (pointers, targets), targets of a source ascending."""
    pointers = np.arange(n_sources + 1) * k
    targets = np.empty(n_sources * k, np.int32)
    for j in range(n_sources):
        for q in range(k):
            targets[j * k + q] = _below(_word(q, j, stream, _EDGES, seed), n_targets, j + shift)
        targets[j * k : (j + 1) * k].sort()
    return pointers, targets


@jit()
def _by_source(n_sources: Any, sources: Any, targets: Any) -> Any:
    """Sort edges by source; those of a source keep their order."""
    pointers = np.zeros(n_sources + 1, np.int64)
    for e in range(sources.size):
        pointers[sources[e] + 1] += 1
    for j in range(n_sources):
        pointers[j + 1] += pointers[j]
    cursor = pointers.copy()
    ordered = np.empty(targets.size, np.int32)
    for e in range(sources.size):
        ordered[cursor[sources[e]]] = targets[e]
        cursor[sources[e]] += 1
    return pointers, ordered


@jit()
def fixed_in_degree(n_sources: Any, n_targets: Any, k: Any, shift: Any, seed: Any, stream: Any) -> Any:
    """Give each target k sources, drawn with replacement. Returns (pointers, targets), targets of a source ascending."""
    sources, targets = np.empty(n_targets * k, np.int32), np.empty(n_targets * k, np.int32)
    for i in range(n_targets):
        for q in range(k):
            sources[i * k + q] = _below(_word(q, i, stream, _EDGES, seed), n_sources, i - shift)
            targets[i * k + q] = i
    return _by_source(n_sources, sources, targets)


@jit()
def fixed_total_number(n_sources: Any, n_targets: Any, n: Any, shift: Any, seed: Any, stream: Any) -> Any:
    """Draw n pairs with replacement. Returns (pointers, targets), targets of a source ascending."""
    sources, targets = np.empty(n, np.int32), np.empty(n, np.int32)
    barred = -shift if n_targets == 1 else np.int64(-1)  # a source that has no other target than itself
    for e in range(n):
        sources[e] = _below(_word(2 * e, 0, stream, _EDGES, seed), n_sources, barred)
        targets[e] = _below(_word(2 * e + 1, 0, stream, _EDGES, seed), n_targets, sources[e] + shift)
    pointers, ordered = _by_source(n_sources, sources, targets)
    for j in range(n_sources):
        ordered[pointers[j] : pointers[j + 1]].sort()
    return pointers, ordered


@jit()
def uniform_unit(n: Any, seed: Any, stream: Any, row: Any) -> Any:
    """Return n numbers in (0, 1), float64."""
    out = np.empty(n)
    for e in range(n):
        out[e] = (np.float64(_word(e, row, stream, _VALUES, seed)) + 0.5) * 2.0**-32
    return out


@jit()
def normal(n: Any, seed: Any, stream: Any, row: Any) -> Any:
    """Return n standard normal numbers (Box & Muller 1958), float64."""
    out = np.empty(n)
    for e in range(n):
        u = (np.float64(_word(2 * e, row, stream, _VALUES, seed)) + 0.5) * 2.0**-32
        angle = 2.0 * np.pi * (np.float64(_word(2 * e + 1, row, stream, _VALUES, seed)) + 0.5) * 2.0**-32
        out[e] = np.sqrt(-2.0 * np.log(u)) * np.cos(angle)
    return out
