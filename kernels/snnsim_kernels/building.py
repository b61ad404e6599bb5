"""Synapses, built in compiled code straight into the arrays that delivery reads.

A row (source neuron) is built in four moves: draw its targets, sort them, sort them by delay (stably, so that targets ascend within
each delay), and give each place a weight. Weights are drawn for places, not for targets: the two are independent, so nothing is
carried along.
"""

from typing import Any

import numpy as np
from numba import njit

from ._jit import jit
from .random import CHUNK, CONNECTIONS, DELAYS, fill_row
from .tables import drawn_from
from .targets import RuleKind, draw_targets
from .values import ValueKind, fill_values

__all__ = ["fill_rows", "kept_rows", "mark_delays"]


@jit()
def mark_delays(occurs: Any, first: Any, last: Any, starts: Any, delays: Any, seed: Any, stream: Any) -> None:
    """Set ``occurs[step]`` for each delay that synapses of the rows ``first`` to ``last - 1`` have."""
    words = np.empty(CHUNK, np.uint32)
    for row in range(first, last):
        n = starts[row + 1] - starts[row]
        for begin in range(0, n, CHUNK):
            m = min(n - begin, CHUNK)
            fill_row(words, m, begin, np.uint64(seed), row, np.uint64(stream) | CONNECTIONS, DELAYS)
            for q in range(m):
                occurs[drawn_from(delays, words[q])] = 1


@jit()
def kept_rows(counts: Any, first: Any, last: Any, starts: Any, values: Any, seed: Any, stream: Any) -> None:
    """Write how many weights of each row are not 0."""
    part, words = np.empty(CHUNK), np.empty(CHUNK, np.uint32)
    for row in range(first, last):
        n = starts[row + 1] - starts[row]
        counts[row] = 0
        for begin in range(0, n, CHUNK):
            m = min(n - begin, CHUNK)
            fill_values(part, words, m, begin, values, np.uint64(seed), row, np.uint64(stream) | CONNECTIONS)
            for q in range(m):
                counts[row] += part[q] != 0.0


@njit
def _sort(values: Any, spare: Any, n: Any, bound: Any, digits: Any) -> None:
    """Sort ``values[:n]`` (int32, in [0, bound)): radix sort where it is long, by insertion where it is short."""
    if n < 48:
        for q in range(1, n):
            value, at = values[q], q
            while at > 0 and values[at - 1] > value:
                values[at] = values[at - 1]
                at -= 1
            values[at] = value
        return
    held, other, shift = values, spare, np.int64(0)
    while shift == 0 or ((bound - 1) >> shift) > 0:
        digits[:] = 0
        for q in range(n):
            digits[(held[q] >> shift) & 255] += 1
        total = np.int64(0)
        for d in range(256):
            digits[d], total = total, total + digits[d]
        for q in range(n):
            d = (held[q] >> shift) & 255
            other[digits[d]] = held[q]
            digits[d] += 1
        held, other, shift = other, held, shift + 8
    if (shift >> 3) & 1:
        values[:n] = spare[:n]


@njit
def _by_delay(
    out: Any, drawn: Any, parts: Any, n: Any, cursors: Any, ends: Any, words: Any, delays: Any, numbers: Any,
    seed: Any, row: Any, stream: Any,
) -> None:  # fmt: skip
    """Draw the delays of a row and write its targets to ``out[:n]`` in their order; ``ends[d]`` is where delay d ends."""
    cursors[:] = 0
    for begin in range(0, n, CHUNK):
        m = min(n - begin, CHUNK)
        fill_row(words, m, begin, seed, row, stream, DELAYS)
        for q in range(m):
            part = numbers[drawn_from(delays, words[q])]
            parts[begin + q] = part
            cursors[part] += 1
    total = np.int64(0)
    for d in range(cursors.size):
        cursors[d], total = total, total + cursors[d]
        ends[d] = total
    for q in range(n):
        out[cursors[parts[q]]] = drawn[q]
        cursors[parts[q]] += 1


@jit()
def fill_rows(
    pointers: Any, targets: Any, weights: Any, first: Any, last: Any, longest: Any, drawn_starts: Any, starts: Any, given: Any,
    shape: Any, gaps: Any, delays: Any, numbers: Any, n_delays: Any, values: Any, seed: Any, stream: Any,
) -> Any:  # fmt: skip
    """Write rows ``first`` to ``last - 1`` of a projection and return how many of its weights the precision turns to 0 or infinity.

    pointers : (sources * n_delays + 1,) int64, starts of (source, delay); the last entry is the caller's
    targets, weights : (synapses,), targets ascending within a source and delay; of a constant the only weight is the caller's
    longest : the most targets that a row of these draws
    drawn_starts, starts : (sources + 1,) where rows start, with and without the synapses whose weight is drawn as 0
    gaps, delays : tables; ``numbers[d]`` counts the possible delay d among those that occur
    given : targets of a GIVEN rule, at ``drawn_starts``, ascending within a row; it may be ``targets``
    """
    key, counter = np.uint64(seed), np.uint64(stream) | CONNECTIONS
    words, part = np.empty(CHUNK, np.uint32), np.empty(CHUNK)
    drawn, spare = np.empty(longest, np.int32), np.empty(longest, np.int32)
    parts = np.empty(longest if n_delays > 1 else 0, np.int32)
    digits, cursors, ends = np.empty(256, np.int64), np.empty(n_delays, np.int64), np.empty(n_delays, np.int64)
    unsorted = shape.kind == RuleKind.DRAWN or (shape.kind == RuleKind.DISTANCE and shape.periodic)
    bad = 0
    for row in range(first, last):
        n, start = drawn_starts[row + 1] - drawn_starts[row], starts[row]
        if shape.kind == RuleKind.GIVEN:
            for q in range(n):
                drawn[q] = given[drawn_starts[row] + q]
        else:
            draw_targets(drawn, words, n, shape, gaps, key, row, counter)
            if unsorted:
                _sort(drawn, spare, n, shape.n_targets, digits)
        if n_delays > 1:
            _by_delay(spare, drawn, parts, n, cursors, ends, words, delays, numbers, key, row, counter)
            drawn, spare = spare, drawn
        else:
            ends[0] = n
        kept = starts[row + 1] - start
        if kept < n:
            at, d = start, 0
            pointers[row * n_delays] = at
        else:
            for q in range(n):
                targets[start + q] = drawn[q]
            for d in range(n_delays):
                pointers[row * n_delays + d] = start + (ends[d - 1] if d else 0)
            if values.kind == ValueKind.CONSTANT:
                continue
        for begin in range(0, n, CHUNK):
            m = min(n - begin, CHUNK)
            fill_values(part, words, m, begin, values, key, row, counter)
            if kept == n:
                for q in range(m):
                    weight = weights.dtype.type(part[q])
                    weights[start + begin + q] = weight
                    bad += (weight == 0) | (abs(weight) == np.inf)
                continue
            for q in range(m):
                while ends[d] <= begin + q:
                    d += 1
                    pointers[row * n_delays + d] = at
                if part[q] != 0.0:
                    weight = weights.dtype.type(part[q])
                    targets[at], weights[at] = drawn[begin + q], weight
                    bad += (weight == 0) | (abs(weight) == np.inf)
                    at += 1
        if kept < n:
            while d + 1 < n_delays:
                d += 1
                pointers[row * n_delays + d] = at
    return bad
