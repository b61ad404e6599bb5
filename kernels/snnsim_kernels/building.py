"""Random connections, built in compiled code straight into the arrays that delivery reads.

A row is a source neuron. Its targets, delays and weights are functions of the seed, the projection and the row alone, so rows are
built in any order, by any number of threads, to the same result. The counter of a random number is (draw, row, stream, purpose),
where the stream numbers the projection, with bit 31 set: the neurons' noise, of the same key, has the number of a neuron there.

A row is built in four moves: draw its targets, sort them, sort them by delay (stably, so that targets ascend within each delay),
and give each place a weight. Weights are drawn for places, not for targets: the two are independent, so nothing is carried along.
"""

import math
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._jit import jit
from .random import fill_row

__all__ = [
    "Gaps",
    "RuleKind",
    "Shape",
    "Table",
    "ValueKind",
    "count_in_degree",
    "count_rows",
    "count_total",
    "draw_values",
    "fill_rows",
    "gaps_of",
    "kept_rows",
    "mark_delays",
    "scatter_in_degree",
    "table_of",
]

_TARGETS, _WEIGHTS, _DELAYS, _SOURCES = (np.uint64(purpose) for purpose in (1, 2, 3, 4))
_STREAMS, _SHIFT, _MASK = np.uint64(2**31), np.uint64(32), np.uint64(0xFFFFFFFF)
_CHUNK = 512  # words that are drawn at once: they stay in the first cache
_UNIT = 2.0**-32
FINE = 1024
"""The gaps that one table of a probability tells apart."""


class RuleKind(IntEnum):
    """How the targets of a row are drawn."""

    ALL = 0
    ONE = 1
    DRAWN = 2  # as many as the row has, with replacement
    PROBABILITY = 3
    DISTANCE = 4
    GIVEN = 5  # by an earlier pass over the targets


class ValueKind(IntEnum):
    """Distributions: see :class:`Values`."""

    CONSTANT = 0
    UNIFORM = 1
    NORMAL = 2
    LOGNORMAL = 3


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


class Values(NamedTuple):
    """A distribution: a constant a; uniform in a to a + b; normal with mean a and deviation b; exp of such a normal. Clipped."""

    kind: int
    a: float
    b: float
    low: float
    high: float


class Table(NamedTuple):
    """A distribution over whole numbers: that of a word is the number of ``thresholds`` (uint32, ascending) that it reaches.

    ``guide[g]`` (int32, 4097 entries) is that of the word g * 2**20, so that hardly anything is searched. No logarithm is involved
    where numbers are drawn: a device that draws the same words gets the same numbers, bit for bit.
    """

    thresholds: Any
    guide: Any


def table_of(cumulative: NDArray[np.float64]) -> tuple[int, Table]:
    """Return the first number of the probabilities ``cumulative`` of 0, 1 ... that a word reaches, and the table from there on."""
    reached = np.rint(cumulative * 2.0**32)
    thresholds = reached[(reached > 0) & (reached < 2.0**32)].astype(np.uint32)
    guide = np.searchsorted(thresholds, np.arange(4097, dtype=np.int64) << 20, side="right").astype(np.int32)
    return int(np.count_nonzero(reached <= 0)), Table(thresholds, guide)


class Gaps(NamedTuple):
    """How many targets are left out before the next, where each is reached with probability p: a multiple of FINE and a rest.

    ``skipped`` is the multiple that the coarse table counts from, ``n_coarse`` the last; ``short`` where the multiple is always 0.
    """

    fine: Table
    coarse: Table
    skipped: int
    n_coarse: int
    short: bool


def gaps_of(p: float) -> Gaps:
    """Return the gaps for a probability p in (0, 1); one outside of it needs none."""
    if not 0 < p < 1:
        nothing = table_of(np.zeros(0))[1]
        return Gaps(nothing, nothing, 0, 0, True)
    rate = math.log1p(-p)
    n_coarse = math.ceil(min(4 / (p * FINE), 4096))
    skipped, coarse = table_of(-np.expm1(np.arange(1, n_coarse + 1) * (rate * FINE)))
    _, fine = table_of(np.expm1(np.arange(1, FINE + 1) * rate) / math.expm1(FINE * rate))
    return Gaps(fine, coarse, skipped, n_coarse, skipped == 0 and len(coarse.thresholds) == 0)


@njit
def _below(word: Any, n: Any) -> Any:
    """Return a whole number in [0, n); its bias is below n / 2**32."""
    return np.int64((np.uint64(word) * np.uint64(n)) >> _SHIFT)


@njit
def _draw_with_replacement(
    out: Any, words: Any, n: Any, of: Any, excluded: Any, seed: Any, row: Any, stream: Any
) -> None:
    """Fill ``out[:n]`` with numbers in [0, of), ``excluded`` left out where it lies there."""
    gap = 0 <= excluded < of
    free = of - 1 if gap else of
    for first in range(0, n, _CHUNK):
        m = min(n - first, _CHUNK)
        fill_row(words, m, first, seed, row, stream, _TARGETS)
        for q in range(m):
            out[first + q] = _below(words[q], free)
        if gap:
            for q in range(first, first + m):
                out[q] += out[q] >= excluded


@njit
def _drawn_from(table: Any, word: Any) -> Any:
    """Return the number of a word."""
    g = word >> np.uint32(20)
    low, high = table.guide[g], table.guide[g + 1]
    while low < high:
        middle = (low + high) // 2
        if table.thresholds[middle] <= word:
            low = middle + 1
        else:
            high = middle
    return low


@njit
def _draw_with_probability(out: Any, words: Any, shape: Any, gaps: Any, seed: Any, row: Any, stream: Any) -> Any:
    """Reach each target with the same probability, once: gaps between targets are geometric. Returns how many.

    A geometric number is a multiple of FINE, itself geometric, and an independent remainder. The last multiple stands for all from
    there on: they have no memory, so another gap is added to it.
    """
    at, n, first, excluded = np.int64(0), 0, 0, row + shape.shift
    step = 16  # of words; grows, so that short rows stay cheap
    while True:
        fill_row(words, step, first, seed, row, stream, _TARGETS)
        for q in range(0, step, 1 if gaps.short else 2):
            if not gaps.short:
                multiple = gaps.skipped + _drawn_from(gaps.coarse, words[q + 1])
                at += multiple * FINE
                if multiple == gaps.n_coarse and at < shape.n_targets:
                    continue
            at += _drawn_from(gaps.fine, words[q])
            if at >= shape.n_targets:
                return n
            if at != excluded:
                out[n] = at
                n += 1
            at += 1
        first += step
        step = min(2 * step, _CHUNK)


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
    n, first, at = 0, 0, _CHUNK
    for q in range(y_low, y_high):
        ty = q % shape.target_rows
        dy = _nearest((ty + 0.5) * cell_y - y, shape.height, shape.periodic)
        nearest = _words_at(dy * dy, shape)
        for r in range(x_low, x_high):
            if at == _CHUNK:
                fill_row(words, _CHUNK, first, seed, row, stream, _TARGETS)
                first, at = first + _CHUNK, 0
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
def _draw_targets(out: Any, words: Any, n: Any, shape: Any, gaps: Any, seed: Any, row: Any, stream: Any) -> Any:
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
    out, words = np.empty(shape.n_targets, np.int32), np.empty(_CHUNK, np.uint32)
    key, counter = np.uint64(seed), np.uint64(stream) | _STREAMS
    for row in range(first, last):
        counts[row] = _draw_targets(out, words, 0, shape, gaps, key, row, counter)


@njit
def _high(a: Any, b: Any) -> Any:
    """Return the upper 64 bits of the product of two uint64, of which b is below 2**63."""
    a0, a1, b0, b1 = a & _MASK, a >> _SHIFT, b & _MASK, b >> _SHIFT
    middle = ((a0 * b0) >> _SHIFT) + ((a1 * b0) & _MASK) + a0 * b1
    return a1 * b1 + ((a1 * b0) >> _SHIFT) + (middle >> _SHIFT)


@jit()
def count_total(counts: Any, first: Any, last: Any, n_sources: Any, shape: Any, seed: Any, stream: Any) -> None:
    """Add to ``counts`` the sources of the edges ``first`` to ``last - 1``, each pair but the excluded ones as likely.

    ``first`` is a multiple of 1024. A source then draws its own targets: the pairs are those of a draw of whole pairs.
    """
    words = np.empty(_CHUNK, np.uint32)
    key, counter = np.uint64(seed), np.uint64(stream) | _STREAMS
    # Sources that would reach themselves have a target less.
    low, high = max(-shape.shift, 0), min(n_sources, shape.n_targets - shape.shift)
    if low >= high:
        for begin in range(first, last, _CHUNK):
            m = min(last - begin, _CHUNK)
            fill_row(words, m, begin, key, 0, counter, _SOURCES)
            for q in range(m):
                counts[_below(words[q], n_sources)] += 1
        return
    m = shape.n_targets
    pairs = n_sources * m - (high - low)
    before, within = low * m, (high - low) * (m - 1)
    for begin in range(first, last, _CHUNK // 2):
        n = min(last - begin, _CHUNK // 2)
        fill_row(words, 2 * n, 2 * begin, key, 0, counter, _SOURCES)
        for q in range(n):
            word = (np.uint64(words[2 * q]) << _SHIFT) | np.uint64(words[2 * q + 1])
            at = np.int64(_high(word, np.uint64(pairs)))
            if at < before:
                source = at // m
            elif at < before + within:
                source = low + (at - before) // (m - 1)
            else:
                source = high + (at - before - within) // m
            counts[source] += 1


@jit()
def count_in_degree(
    counts: Any, first: Any, last: Any, k: Any, n_sources: Any, shape: Any, seed: Any, stream: Any
) -> None:
    """Add to ``counts`` the sources that the targets ``first`` to ``last - 1`` draw, k each."""
    out, words = np.empty(k, np.int32), np.empty(_CHUNK, np.uint32)
    for target in range(first, last):
        _draw_with_replacement(
            out, words, k, n_sources, target - shape.shift, np.uint64(seed), target, np.uint64(stream) | _STREAMS
        )
        for q in range(k):
            counts[out[q]] += 1


@jit()
def scatter_in_degree(
    cursors: Any, targets: Any, first: Any, last: Any, k: Any, n_sources: Any, shape: Any, seed: Any, stream: Any
) -> None:
    """Write each target where the cursors of the sources it draws stand, and move these on."""
    out, words = np.empty(k, np.int32), np.empty(_CHUNK, np.uint32)
    for target in range(first, last):
        _draw_with_replacement(
            out, words, k, n_sources, target - shape.shift, np.uint64(seed), target, np.uint64(stream) | _STREAMS
        )
        for q in range(k):
            targets[cursors[out[q]]] = target
            cursors[out[q]] += 1


@jit()
def mark_delays(occurs: Any, first: Any, last: Any, starts: Any, delays: Any, seed: Any, stream: Any) -> None:
    """Set ``occurs[step]`` for each delay that synapses of the rows ``first`` to ``last - 1`` have."""
    words = np.empty(_CHUNK, np.uint32)
    for row in range(first, last):
        n = starts[row + 1] - starts[row]
        for begin in range(0, n, _CHUNK):
            m = min(n - begin, _CHUNK)
            fill_row(words, m, begin, np.uint64(seed), row, np.uint64(stream) | _STREAMS, _DELAYS)
            for q in range(m):
                occurs[_drawn_from(delays, words[q])] = 1


@njit
def _fill_values(out: Any, words: Any, n: Any, first: Any, values: Any, seed: Any, row: Any, stream: Any) -> None:
    """Fill ``out[:n]`` (float64, up to _CHUNK) with the values ``first`` and on of a row; ``first`` is a multiple of _CHUNK.

    Normal numbers are those of Box & Muller 1958, two of two words. A value that comes to exactly 0 by rounding alone, where the
    distribution has no mass, is moved by half the resolution of a word: a zero would not be a synapse.
    """
    if values.kind == ValueKind.CONSTANT:
        out[:n] = values.a
        return
    fill_row(words, n, first, seed, row, stream, _WEIGHTS)
    if values.kind == ValueKind.UNIFORM:
        for q in range(n):
            out[q] = values.a + values.b * ((np.float64(words[q]) + 0.5) * _UNIT)
    else:
        for q in range(0, n, 2):
            radius = math.sqrt(-2.0 * math.log((np.float64(words[q]) + 0.5) * _UNIT))
            angle = 2.0 * math.pi * ((np.float64(words[q + 1]) + 0.5) * _UNIT)
            out[q] = values.a + values.b * (radius * math.cos(angle))
            out[q + 1] = values.a + values.b * (radius * math.sin(angle))
    if values.kind == ValueKind.LOGNORMAL:
        for q in range(n):
            out[q] = math.exp(out[q])
    else:
        for q in range(n):
            out[q] = out[q] if out[q] != 0.0 else 0.5 * _UNIT * values.b
    for q in range(n):
        out[q] = min(max(out[q], values.low), values.high)


@jit()
def draw_values(n: Any, values: Any, seed: Any, row: Any, stream: Any) -> Any:
    """Return the first n values of a row, float64."""
    out, part, words = np.empty(n), np.empty(_CHUNK), np.empty(_CHUNK, np.uint32)
    for first in range(0, n, _CHUNK):
        m = min(n - first, _CHUNK)
        _fill_values(part, words, m, first, values, np.uint64(seed), row, np.uint64(stream) | _STREAMS)
        out[first : first + m] = part[:m]
    return out


@jit()
def kept_rows(counts: Any, first: Any, last: Any, starts: Any, values: Any, seed: Any, stream: Any) -> None:
    """Write how many weights of each row are not 0."""
    part, words = np.empty(_CHUNK), np.empty(_CHUNK, np.uint32)
    for row in range(first, last):
        n = starts[row + 1] - starts[row]
        counts[row] = 0
        for begin in range(0, n, _CHUNK):
            m = min(n - begin, _CHUNK)
            _fill_values(part, words, m, begin, values, np.uint64(seed), row, np.uint64(stream) | _STREAMS)
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
    for begin in range(0, n, _CHUNK):
        m = min(n - begin, _CHUNK)
        fill_row(words, m, begin, seed, row, stream, _DELAYS)
        for q in range(m):
            part = numbers[_drawn_from(delays, words[q])]
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
    key, counter = np.uint64(seed), np.uint64(stream) | _STREAMS
    words, part = np.empty(_CHUNK, np.uint32), np.empty(_CHUNK)
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
            _draw_targets(drawn, words, n, shape, gaps, key, row, counter)
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
        for begin in range(0, n, _CHUNK):
            m = min(n - begin, _CHUNK)
            _fill_values(part, words, m, begin, values, key, row, counter)
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
