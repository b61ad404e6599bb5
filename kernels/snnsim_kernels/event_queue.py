"""The queue of the event method: a heap of timers, and lists of spikes under way.

A timer is something that has at most one next time: a neuron (when it will fire), a delay (when the first of the spikes that wait
for it arrives), the input of the run. Each has a number of its own; the heap holds (time, number), four children to a node, and
knows where each number stands, so that a time can be changed. Equal times come in the order of the numbers.

Spikes that wait for the same delay arrive in the order in which they were fired, so they need no heap: they form a linked list, and
only its first spike has a timer. A spike costs one entry per distinct delay of its synapses, however many these are.
"""

from typing import Any

from ._jit import jit_unmanaged

__all__ = ["FREE", "HEAP", "USED", "append", "drop_timer", "set_timer", "take_first"]

HEAP, FREE, USED = 0, 1, 2
"""Places in ``counts``: entries of the heap, the first free entry of the spikes under way (or -1), entries of them ever used."""


@jit_unmanaged
def _rise(time: Any, number: Any, place: Any, i: Any, t: Any, who: Any) -> None:
    """Put (t, who) where it belongs at or above the place i, which is free."""
    while i > 0:
        parent = (i - 1) >> 2
        if time[parent] < t or (time[parent] == t and number[parent] < who):
            break
        time[i], number[i] = time[parent], number[parent]
        place[number[i]] = i
        i = parent
    time[i], number[i] = t, who
    place[who] = i


@jit_unmanaged
def _sink(time: Any, number: Any, place: Any, n: Any, i: Any, t: Any, who: Any) -> None:
    """Put (t, who) where it belongs at or below the place i of a heap of n, which is free."""
    while True:
        first = 4 * i + 1
        if first >= n:
            break
        least = first
        for child in range(first + 1, min(first + 4, n)):
            if time[child] < time[least] or (time[child] == time[least] and number[child] < number[least]):
                least = child
        if t < time[least] or (t == time[least] and who < number[least]):
            break
        time[i], number[i] = time[least], number[least]
        place[number[i]] = i
        i = least
    time[i], number[i] = t, who
    place[who] = i


@jit_unmanaged
def set_timer(time: Any, number: Any, place: Any, counts: Any, who: Any, t: Any) -> None:
    """Set the timer ``who`` to t (ms), whether it was set or not."""
    i = place[who]
    if i < 0:
        i = counts[HEAP]
        counts[HEAP] += 1
        _rise(time, number, place, i, t, who)
    elif t < time[i]:
        _rise(time, number, place, i, t, who)
    else:
        _sink(time, number, place, counts[HEAP], i, t, who)


@jit_unmanaged
def drop_timer(time: Any, number: Any, place: Any, counts: Any, who: Any) -> None:
    """Unset the timer ``who``."""
    i = place[who]
    if i < 0:
        return
    place[who] = -1
    counts[HEAP] -= 1
    n = counts[HEAP]
    if i == n:
        return
    t, last = time[n], number[n]
    if t < time[i] or (t == time[i] and last < who):
        _rise(time, number, place, i, t, last)
    else:
        _sink(time, number, place, n, i, t, last)


@jit_unmanaged
def append(
    pending_time: Any, pending_block: Any, pending_after: Any, counts: Any, first: Any, last: Any, delay: Any, t: Any, block: Any
) -> Any:  # fmt: skip
    """Append a spike that arrives at t (ms) to the list of a delay, which has room; return whether it is now the first of it."""
    entry = counts[FREE]
    if entry >= 0:
        counts[FREE] = pending_after[entry]
    else:
        entry = counts[USED]
        counts[USED] += 1
    pending_time[entry], pending_block[entry], pending_after[entry] = t, block, -1
    alone = first[delay] < 0
    if alone:
        first[delay] = entry
    else:
        pending_after[last[delay]] = entry
    last[delay] = entry
    return alone


@jit_unmanaged
def take_first(pending_block: Any, pending_after: Any, counts: Any, first: Any, delay: Any) -> Any:
    """Remove the first spike of the list of a delay and return its block."""
    entry = first[delay]
    first[delay] = pending_after[entry]
    pending_after[entry] = counts[FREE]
    counts[FREE] = entry
    return pending_block[entry]
