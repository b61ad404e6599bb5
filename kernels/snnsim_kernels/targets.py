"""Which targets a row (source neuron) reaches, by rule: functions of the seed, the projection and the row alone.

So rows are drawn in any order, by any number of threads, to the same result. The counter of a random number is (draw, row, stream,
purpose), where the stream numbers the projection (``CONNECTIONS`` tells it from a neuron).
"""

import math
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ._jit import jit
from .random import CHUNK, CONNECTIONS, SOURCES, TARGETS, fill_row
from .tables import FINE, drawn_from

__all__ = [
    "RuleKind",
    "Shape",
    "below",
    "count_in_degree",
    "count_rows",
    "count_total",
    "draw_targets",
    "gap_of",
    "other_than",
    "scatter_in_degree",
    "short_rows",
    "source_of",
]

_MASK, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


class RuleKind(IntEnum):
    """How the targets of a row are drawn."""

    ALL = 0
    ONE = 1
    DRAWN = 2  # as many as the row has, with replacement
    PROBABILITY = 3
    DISTANCE = 4
    GIVEN = 5  # by an earlier pass over the targets


class Shape(NamedTuple):
    """What a rule says about every row. Source j must not reach target j + shift; a shift beyond both sizes excludes nothing.

    ``p`` : the probability, or that at distance 0. The rest describes two grids that cover the same sheet, neurons ordered (y, x).
    """

    kind: int
    n_targets: int
    shift: int
    p: float
    height: float
    width: float
    source_rows: int
    source_columns: int
    target_rows: int
    target_columns: int
    scale: float
    profile: int  # 0 gaussian, 1 exponential, 2 disc
    reach: float  # no synapse is longer
    periodic: bool


@njit
def below(word: Any, n: Any) -> Any:
    """Return a whole number in [0, n); its bias is below n / 2**32."""
    return np.int64((np.uint64(word) * np.uint64(n)) >> _SHIFT)


@njit
def other_than(excluded: Any, of: Any, word: Any) -> Any:
    """Return a whole number in [0, of), ``excluded`` left out where it lies there."""
    if 0 <= excluded < of:
        number = below(word, of - 1)
        return number + (number >= excluded)
    return below(word, of)


@njit
def _draw_with_replacement(
    out: Any, words: Any, n: Any, of: Any, excluded: Any, seed: Any, row: Any, stream: Any
) -> None:
    """Fill ``out[:n]`` with numbers in [0, of), ``excluded`` left out where it lies there."""
    for first in range(0, n, CHUNK):
        m = min(n - first, CHUNK)
        fill_row(words, m, first, seed, row, stream, TARGETS)
        for q in range(m):
            out[first + q] = other_than(excluded, of, words[q])


@njit
def gap_of(multiple: Any, rest: Any, last: Any) -> Any:
    """Return the gap that the numbers of the coarse and the fine table make, and whether a target follows it.

    A geometric number is a multiple of FINE, itself geometric, and an independent remainder. The last multiple stands for all from
    there on: they have no memory, so another gap is added to it.
    """
    return (multiple * FINE, False) if multiple == last else (multiple * FINE + rest, True)


@njit
def _draw_with_probability(out: Any, words: Any, shape: Any, gaps: Any, seed: Any, row: Any, stream: Any) -> Any:
    """Reach each target with the same probability, once: gaps between targets are geometric. Returns how many."""
    at, n, first, excluded = np.int64(0), 0, 0, row + shape.shift
    step = 16  # of words; grows, so that short rows stay cheap
    while True:
        fill_row(words, step, first, seed, row, stream, TARGETS)
        for q in range(0, step, 1 if gaps.short else 2):
            gap = np.int64(drawn_from(gaps.fine, words[q]))
            if not gaps.short:
                gap, ends = gap_of(np.int64(gaps.skipped + drawn_from(gaps.coarse, words[q + 1])), gap, gaps.n_coarse)
                if not ends and at + gap < shape.n_targets:
                    at += gap
                    continue
            at += gap
            if at >= shape.n_targets:
                return n
            if at != excluded:
                out[n] = at
                n += 1
            at += 1
        first += step
        step = min(2 * step, CHUNK)


@njit
def _nearest(distance: Any, extent: Any, periodic: Any) -> Any:
    """Return a distance along one axis; around the edge of a periodic sheet where that is shorter."""
    distance = abs(distance)
    return min(distance, abs(extent - distance)) if periodic else distance


@njit
def _window(centre: Any, reach: Any, extent: Any, n: Any, periodic: Any) -> Any:
    """Return the range of the n cells of an axis whose centres lie within reach; periodic ones may begin below 0 or end above n."""
    cell = extent / n
    low = np.int64(math.ceil(max((centre - reach) / cell - 0.5, -2.0 * n)))
    high = np.int64(math.floor(min((centre + reach) / cell - 0.5, 2.0 * n))) + 1
    if not periodic:
        return max(low, 0), min(high, n)
    return (low, high) if high - low < n else (np.int64(0), np.int64(n))


@njit
def _words_at(squared: Any, shape: Any) -> Any:
    """Return how many of the 2**32 words join a pair at a squared distance."""
    if squared > shape.reach * shape.reach:
        return 0.0
    p = shape.p
    if shape.profile == 0:
        p *= math.exp(-0.5 * squared / (shape.scale * shape.scale))
    elif shape.profile == 1:
        p *= math.exp(-math.sqrt(squared) / shape.scale)
    return p * 2.0**32


@njit
def _draw_by_distance(out: Any, words: Any, shape: Any, seed: Any, row: Any, stream: Any) -> Any:
    """Reach each target within reach with a probability that depends on its distance, once. Returns how many."""
    cell_y, cell_x = shape.height / shape.target_rows, shape.width / shape.target_columns
    y = (row // shape.source_columns + 0.5) * shape.height / shape.source_rows
    x = (row % shape.source_columns + 0.5) * shape.width / shape.source_columns
    y_low, y_high = _window(y, shape.reach, shape.height, shape.target_rows, shape.periodic)
    x_low, x_high = _window(x, shape.reach, shape.width, shape.target_columns, shape.periodic)
    n, first, at = 0, 0, CHUNK
    for q in range(y_low, y_high):
        ty = q % shape.target_rows
        dy = _nearest((ty + 0.5) * cell_y - y, shape.height, shape.periodic)
        nearest = _words_at(dy * dy, shape)
        for r in range(x_low, x_high):
            if at == CHUNK:
                fill_row(words, CHUNK, first, seed, row, stream, TARGETS)
                first, at = first + CHUNK, 0
            word = np.float64(words[at])
            at += 1
            # Most words exceed even the probability right above or below the source.
            if word >= nearest:
                continue
            tx = r % shape.target_columns
            dx = _nearest((tx + 0.5) * cell_x - x, shape.width, shape.periodic)
            target = ty * shape.target_columns + tx
            if word < _words_at(dy * dy + dx * dx, shape) and target != row + shape.shift:
                out[n] = target
                n += 1
    return n


@njit
def draw_targets(out: Any, words: Any, n: Any, shape: Any, gaps: Any, seed: Any, row: Any, stream: Any) -> Any:
    """Draw the targets of a row and return how many; only a DRAWN rule needs to be told ``n``."""
    if shape.kind == RuleKind.DRAWN:
        _draw_with_replacement(out, words, n, shape.n_targets, row + shape.shift, seed, row, stream)
        return n
    if shape.kind == RuleKind.PROBABILITY:
        return _draw_with_probability(out, words, shape, gaps, seed, row, stream)
    if shape.kind == RuleKind.DISTANCE:
        return _draw_by_distance(out, words, shape, seed, row, stream)
    n = 0
    low, high = (row, row + 1) if shape.kind == RuleKind.ONE else (0, shape.n_targets)
    for target in range(low, high):
        if target != row + shape.shift:
            out[n] = target
            n += 1
    return n


@jit()
def count_rows(counts: Any, first: Any, last: Any, shape: Any, gaps: Any, seed: Any, stream: Any) -> None:
    """Write the number of targets of the rows ``first`` to ``last - 1``, for rules whose rows are known once they are drawn."""
    out, words = np.empty(shape.n_targets, np.int32), np.empty(CHUNK, np.uint32)
    key, counter = np.uint64(seed), np.uint64(stream) | CONNECTIONS
    for row in range(first, last):
        counts[row] = draw_targets(out, words, 0, shape, gaps, key, row, counter)


@njit
def _high(a: Any, b: Any) -> Any:
    """Return the upper 64 bits of the product of two uint64, of which b is below 2**63."""
    a0, a1, b0, b1 = a & _MASK, a >> _SHIFT, b & _MASK, b >> _SHIFT
    middle = ((a0 * b0) >> _SHIFT) + ((a1 * b0) & _MASK) + a0 * b1
    return a1 * b1 + ((a1 * b0) >> _SHIFT) + (middle >> _SHIFT)


@njit
def short_rows(shape: Any, n_sources: Any) -> Any:
    """Return the first and the last + 1 of the sources that would reach themselves: they have a target less."""
    return max(-shape.shift, 0), min(n_sources, shape.n_targets - shape.shift)


@njit
def source_of(first: Any, second: Any, n_sources: Any, m: Any, low: Any, high: Any) -> Any:
    """Return the source that two words draw, of m targets each, but one less from ``low`` to ``high`` - 1: each pair as likely."""
    before, within = low * m, (high - low) * (m - 1)
    word = (np.uint64(first) << _SHIFT) | np.uint64(second)
    at = np.int64(_high(word, np.uint64(n_sources * m - (high - low))))
    if at < before:
        return at // m
    if at < before + within:
        return low + (at - before) // (m - 1)
    return high + (at - before - within) // m


@jit()
def count_total(counts: Any, first: Any, last: Any, n_sources: Any, shape: Any, seed: Any, stream: Any) -> None:
    """Add to ``counts`` the sources of the edges ``first`` to ``last - 1``, each pair but the excluded ones as likely.

    ``first`` is a multiple of 1024. A source then draws its own targets: the pairs are those of a draw of whole pairs.
    """
    words = np.empty(CHUNK, np.uint32)
    key, counter = np.uint64(seed), np.uint64(stream) | CONNECTIONS
    low, high = short_rows(shape, n_sources)
    if low >= high:
        for begin in range(first, last, CHUNK):
            m = min(last - begin, CHUNK)
            fill_row(words, m, begin, key, 0, counter, SOURCES)
            for q in range(m):
                counts[below(words[q], n_sources)] += 1
        return
    for begin in range(first, last, CHUNK // 2):
        n = min(last - begin, CHUNK // 2)
        fill_row(words, 2 * n, 2 * begin, key, 0, counter, SOURCES)
        for q in range(n):
            counts[source_of(words[2 * q], words[2 * q + 1], n_sources, shape.n_targets, low, high)] += 1


@jit()
def count_in_degree(
    counts: Any, first: Any, last: Any, k: Any, n_sources: Any, shape: Any, seed: Any, stream: Any
) -> None:
    """Add to ``counts`` the sources that the targets ``first`` to ``last - 1`` draw, k each."""
    out, words = np.empty(k, np.int32), np.empty(CHUNK, np.uint32)
    for target in range(first, last):
        _draw_with_replacement(
            out, words, k, n_sources, target - shape.shift, np.uint64(seed), target, np.uint64(stream) | CONNECTIONS
        )
        for q in range(k):
            counts[out[q]] += 1


@jit()
def scatter_in_degree(
    cursors: Any, targets: Any, first: Any, last: Any, k: Any, n_sources: Any, shape: Any, seed: Any, stream: Any
) -> None:
    """Write each target where the cursors of the sources it draws stand, and move these on."""
    out, words = np.empty(k, np.int32), np.empty(CHUNK, np.uint32)
    for target in range(first, last):
        _draw_with_replacement(
            out, words, k, n_sources, target - shape.shift, np.uint64(seed), target, np.uint64(stream) | CONNECTIONS
        )
        for q in range(k):
            targets[cursors[out[q]]] = target
            cursors[out[q]] += 1
