"""Synapses, built on the card: the connections and delays of ``snnsim_kernels.building``, and weights but for rounding.

A word of a row depends on nothing but its number, so a thread draws any of them. Rows are counted, targets drawn in any order, and
put in order by a block per row, which sorts keys of delay and target; weights are drawn for places, at last.

``counter`` is the number of the projection with CONNECTIONS set, ``at`` where in a flat array the projection's entries start, and
``starts`` (sources + 1,) where its rows do from there on. Rows are shared out among blocks, or threads, whatever their numbers.
"""

from typing import Any

import numpy as np
from numba import cuda, types

from ..random import DELAYS, SOURCES, TARGETS, word_of_row
from ..tables import Table, drawn_from
from ..targets import RuleKind, below, gap_of, other_than, source_of
from ..values import Values, pair_of_row
from ._jit import device, kernel

__all__ = [
    "KEY_BYTES",
    "compositions",
    "count_in_degree",
    "count_total",
    "count_with_probability",
    "draw_with_probability",
    "fill_rows",
    "fill_weights",
    "mark_delays",
    "order_long_rows",
    "order_rows",
    "scatter_in_degree",
]

KEY_BYTES = 8
"""Of a synapse while its row is put in order: the number of the delay above the target."""

_SHIFT, _MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
_DRAWN, _ONE = int(RuleKind.DRAWN), int(RuleKind.ONE)
_TARGETS, _DELAYS, _SOURCES = TARGETS, DELAYS, SOURCES

_number_of = device(drawn_from.py_func)


@kernel
def count_total(
    counts: Any, n: Any, n_sources: Any, n_targets: Any, low: Any, high: Any, seed: Any, counter: Any
) -> None:
    """Add to ``counts`` (sources,) the sources of n synapses; those from ``low`` to ``high`` - 1 have a target less."""
    q = np.int64(cuda.grid(1))
    while q < n:
        if low >= high:
            source = below(word_of_row(q, seed, 0, counter, _SOURCES), n_sources)
        else:
            first, second = (
                word_of_row(2 * q, seed, 0, counter, _SOURCES),
                word_of_row(2 * q + 1, seed, 0, counter, _SOURCES),
            )
            source = source_of(first, second, n_sources, n_targets, low, high)
        cuda.atomic.add(counts, source, np.uint32(1))
        q += cuda.gridsize(1)


@device
def _source_drawn(target: Any, q: Any, n_sources: Any, shift: Any, seed: Any, counter: Any) -> Any:
    """Return the source that a target of a fixed in-degree draws as its number q."""
    return other_than(target - shift, n_sources, word_of_row(q, seed, target, counter, _TARGETS))


@kernel
def count_in_degree(counts: Any, k: Any, n_sources: Any, n_targets: Any, shift: Any, seed: Any, counter: Any) -> None:
    """Add to ``counts`` (sources,) the sources that the targets draw, k each."""
    target = np.int64(cuda.blockIdx.x)
    while target < n_targets:
        q = np.int64(cuda.threadIdx.x)
        while q < k:
            source = _source_drawn(target, q, n_sources, shift, seed, counter)
            cuda.atomic.add(counts, source, np.uint32(1))
            q += cuda.blockDim.x
        target += cuda.gridDim.x


@kernel
def scatter_in_degree(
    targets: Any, at: Any, starts: Any, cursors: Any, k: Any, n_sources: Any, n_targets: Any, shift: Any, seed: Any, counter: Any
) -> None:  # fmt: skip
    """Write each target to the rows of the sources that it draws, in any order; ``cursors`` (sources,) are 0 before."""
    target = np.int64(cuda.blockIdx.x)
    while target < n_targets:
        q = np.int64(cuda.threadIdx.x)
        while q < k:
            source = _source_drawn(target, q, n_sources, shift, seed, counter)
            place = np.int64(starts[source]) + np.int64(cuda.atomic.add(cursors, source, np.uint32(1)))
            targets[at + place] = target
            q += cuda.blockDim.x
        target += cuda.gridDim.x


@device
def _walk(
    targets: Any, at: Any, writes: Any, row: Any, n_targets: Any, shift: Any, fine: Any, coarse: Any, skipped: Any, last: Any,
    short: Any, seed: Any, counter: Any,
) -> Any:  # fmt: skip
    """Go through the targets that a row reaches with a probability, write them from ``at`` on, and return how many they are."""
    place, n, word = np.int64(0), np.int64(0), np.int64(0)
    while True:
        gap, ends = np.int64(_number_of(fine, np.uint32(word_of_row(word, seed, row, counter, _TARGETS)))), True
        if not short:
            second = np.uint32(word_of_row(word + 1, seed, row, counter, _TARGETS))
            gap, ends = gap_of(np.int64(skipped + _number_of(coarse, second)), gap, last)
        word += 1 if short else 2
        place += gap
        if place >= n_targets:
            return n
        if ends:
            if place != row + shift:
                if writes:
                    targets[at + n] = place
                n += 1
            place += 1


@kernel
def count_with_probability(
    counts: Any, n_rows: Any, n_targets: Any, shift: Any, fine: Any, coarse: Any, skipped: Any, last: Any, short: Any, seed: Any,
    counter: Any,
) -> None:  # fmt: skip
    """Write to ``counts`` (sources,) how many targets each row reaches; for tables and what follows them see ``Gaps``."""
    row = np.int64(cuda.grid(1))
    while row < n_rows:
        counts[row] = _walk(
            counts, 0, False, row, n_targets, shift, fine, coarse, skipped, last, short, seed, counter
        )  # fmt: skip
        row += cuda.gridsize(1)


@kernel
def draw_with_probability(
    targets: Any, at: Any, starts: Any, n_rows: Any, n_targets: Any, shift: Any, fine: Any, coarse: Any, skipped: Any, last: Any,
    short: Any, seed: Any, counter: Any,
) -> None:  # fmt: skip
    """Write the targets that each row reaches, ascending."""
    row = np.int64(cuda.grid(1))
    while row < n_rows:
        begin = at + np.int64(starts[row])
        _walk(targets, begin, True, row, n_targets, shift, fine, coarse, skipped, last, short, seed, counter)
        row += cuda.gridsize(1)


@kernel
def fill_rows(
    targets: Any, at: Any, starts: Any, n_rows: Any, kind: Any, n_targets: Any, shift: Any, seed: Any, counter: Any
) -> None:
    """Write the targets of rules that reach all, or one, or as many as the row has, these in any order."""
    row = np.int64(cuda.blockIdx.x)
    while row < n_rows:
        excluded, start = row + shift, np.int64(starts[row])
        n = np.int64(starts[row + 1]) - start
        q = np.int64(cuda.threadIdx.x)
        while q < n:
            target = row
            if kind == _DRAWN:
                target = other_than(excluded, n_targets, word_of_row(q, seed, row, counter, _TARGETS))
            elif kind != _ONE:
                target = q + 1 if 0 <= excluded <= q else q
            targets[at + start + q] = target
            q += cuda.blockDim.x
        row += cuda.gridDim.x


@kernel
def mark_delays(occurs: Any, starts: Any, n_rows: Any, delays: Any, seed: Any, counter: Any) -> None:
    """Set ``occurs[number]`` for each number of the table that synapses draw as their delay."""
    row = np.int64(cuda.blockIdx.x)
    while row < n_rows:
        n = np.int64(starts[row + 1]) - np.int64(starts[row])
        q = np.int64(cuda.threadIdx.x)
        while q < n:
            number = _number_of(delays, np.uint32(word_of_row(q, seed, row, counter, _DELAYS)))
            if occurs[number] == 0:
                occurs[number] = 1
            q += cuda.blockDim.x
        row += cuda.gridDim.x


@device
def _compare(keys: Any, n: Any, low: Any, high: Any) -> None:
    if high < n and keys[low] > keys[high]:
        keys[low], keys[high] = keys[high], keys[low]


@device
def _sort(keys: Any, n: Any) -> None:
    """Sort ``keys[:n]`` by all threads of a block: a bitonic network whose comparisons all point one way.

    So it holds for any n: places beyond it count as larger than all keys, and stay where they are.
    """
    pairs = np.int64(1)
    while 2 * pairs < n:
        pairs <<= 1
    half = np.int64(1)
    while half < n:
        t = np.int64(cuda.threadIdx.x)
        while t < pairs:
            r = t & (half - 1)
            first = (t - r) << 1
            _compare(keys, n, first + r, first + 2 * half - 1 - r)
            t += cuda.blockDim.x
        cuda.syncthreads()
        step = half >> 1
        while step > 0:
            t = np.int64(cuda.threadIdx.x)
            while t < pairs:
                r = t & (step - 1)
                first = ((t - r) << 1) + r
                _compare(keys, n, first, first + step)
                t += cuda.blockDim.x
            cuda.syncthreads()
            step >>= 1
        half <<= 1


@device
def _below_key(keys: Any, n: Any, key: Any) -> Any:
    """Return how many of ``keys[:n]``, ascending, are below a key."""
    low, high = np.int64(0), np.int64(n)
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@device
def _order(
    keys: Any, pointers: Any, at_pointers: Any, targets: Any, at: Any, row: Any, start: Any, n: Any, unsorted: Any, delays: Any,
    numbers: Any, n_delays: Any, seed: Any, counter: Any,
) -> None:  # fmt: skip
    """Put a row in order by all threads of a block: by target, then, once places have drawn their delays, by delay and target."""
    thread, threads = np.int64(cuda.threadIdx.x), np.int64(cuda.blockDim.x)
    q = thread
    while q < n:
        keys[q] = np.uint64(targets[at + start + q])
        q += threads
    cuda.syncthreads()
    if unsorted:
        _sort(keys, n)
    if n_delays > 1:
        q = thread
        while q < n:
            number = _number_of(delays, np.uint32(word_of_row(q, seed, row, counter, _DELAYS)))
            keys[q] = (np.uint64(numbers[number]) << _SHIFT) | keys[q]
            q += threads
        cuda.syncthreads()
        _sort(keys, n)
        d = thread
        while d < n_delays:
            pointers[at_pointers + row * n_delays + d] = start + _below_key(keys, n, np.uint64(d) << _SHIFT)
            d += threads
    q = thread
    while q < n:
        targets[at + start + q] = np.int64(keys[q] & _MASK)
        q += threads
    cuda.syncthreads()  # before the keys are those of another row


@kernel
def order_rows(
    pointers: Any, at_pointers: Any, targets: Any, at: Any, starts: Any, n_rows: Any, unsorted: Any, delays: Any, numbers: Any,
    n_delays: Any, seed: Any, counter: Any,
) -> None:  # fmt: skip
    """Put rows in order that a block's shared memory, KEY_BYTES for each synapse, can hold; of more delays, write the pointers.

    unsorted : whether targets have to be sorted, too
    numbers : for each number of the table which of the ``n_delays`` delays of the projection it is
    """
    keys = cuda.shared.array(0, types.uint64)
    row = np.int64(cuda.blockIdx.x)
    while row < n_rows:
        start = np.int64(starts[row])
        n = np.int64(starts[row + 1]) - start
        _order(
            keys, pointers, at_pointers, targets, at, row, start, n, unsorted, delays, numbers, n_delays, seed, counter
        )  # fmt: skip
        row += cuda.gridDim.x


@kernel
def order_long_rows(
    scratch: Any, longest: Any, pointers: Any, at_pointers: Any, targets: Any, at: Any, starts: Any, n_rows: Any, unsorted: Any,
    delays: Any, numbers: Any, n_delays: Any, seed: Any, counter: Any,
) -> None:  # fmt: skip
    """Put rows in order with keys in ``scratch``, (blocks * longest,) uint64."""
    keys = scratch[np.int64(cuda.blockIdx.x) * longest :]
    row = np.int64(cuda.blockIdx.x)
    while row < n_rows:
        start = np.int64(starts[row])
        n = np.int64(starts[row + 1]) - start
        _order(
            keys, pointers, at_pointers, targets, at, row, start, n, unsorted, delays, numbers, n_delays, seed, counter
        )  # fmt: skip
        row += cuda.gridDim.x


@device
def _store(weights: Any, place: Any, value: Any) -> Any:
    """Write a weight and return whether the precision turns it to 0 or infinity."""
    weights[place] = value
    kept = weights[place]
    return kept == 0 or kept - kept != 0


@kernel
def fill_weights(
    weights: Any, at: Any, bad: Any, number: Any, starts: Any, n_rows: Any, values: Any, seed: Any, counter: Any
) -> None:
    """Write the weights of all rows, and add to ``bad[number]`` how many of them the precision turns to 0 or infinity."""
    row = np.int64(cuda.blockIdx.x)
    while row < n_rows:
        start = np.int64(starts[row])
        n = np.int64(starts[row + 1]) - start
        pair = np.int64(cuda.threadIdx.x)
        while 2 * pair < n:
            first, second = pair_of_row(pair, values, seed, row, counter)
            place = at + start + 2 * pair
            lost = _store(weights, place, first)
            if 2 * pair + 1 < n:
                lost = _store(weights, place + 1, second) or lost
            if lost:
                cuda.atomic.add(bad, number, 1)
            pair += cuda.blockDim.x
        row += cuda.gridDim.x


def compositions() -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Return the kernels and the types of their arguments, one for each set of these with which they run, by name."""
    i64, u64, f64, flag = types.int64, types.uint64, types.float64, types.boolean
    words, counts, numbers = types.uint32[::1], types.uint32[::1], types.int32[::1]
    table = types.NamedTuple((words, numbers), Table)
    values = types.NamedTuple((i64, f64, f64, f64, f64), Values)
    gaps, key = (table, table, i64, i64, flag), (u64, u64)
    order = (flag, table, numbers, i64, *key)
    made: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "count_total": (count_total, (counts, i64, i64, i64, i64, i64, *key)),
        "count_in_degree": (count_in_degree, (counts, i64, i64, i64, i64, *key)),
        "count_with_probability": (count_with_probability, (counts, i64, i64, i64, *gaps, *key)),
        "mark_delays": (mark_delays, (types.uint8[::1], words, i64, table, *key)),
    }
    for width, targets in (("narrow", types.uint16[::1]), ("wide", types.int32[::1])):
        rows, pointers = (targets, i64, words), (words, i64, targets, i64, words, i64)
        made |= {
            f"scatter_in_degree {width}": (scatter_in_degree, (*rows, counts, i64, i64, i64, i64, *key)),
            f"draw_with_probability {width}": (draw_with_probability, (*rows, i64, i64, i64, *gaps, *key)),
            f"fill_rows {width}": (fill_rows, (*rows, i64, i64, i64, i64, *key)),
            f"order_rows {width}": (order_rows, (*pointers, *order)),
            f"order_long_rows {width}": (order_long_rows, (types.uint64[::1], i64, *pointers, *order)),
        }
    for precision, real in (("float32", types.float32[::1]), ("float64", types.float64[::1])):
        made[f"fill_weights {precision}"] = (fill_weights, (real, i64, numbers, i64, words, i64, values, *key))
    return made
