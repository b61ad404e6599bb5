"""The index from targets to synapses, built in compiled code.

Sparse synapses are stored by source, but a spike of a target changes all that reach it.

A segment of the target side is (delay, target), or the target alone; its synapses come in the order in which they are stored.
"""

from typing import Any

from ._jit import jit

__all__ = ["count_by_target", "fill_by_target"]


@jit()
def count_by_target(counts: Any, pointers: Any, reached: Any, n_delays: Any, post_parts: Any, n_targets: Any) -> None:
    """Add to ``counts`` (segments of the target side) the number of synapses of each.

    pointers : (sources * n_delays + 1,); reached : (synapses,); post_parts : n_delays where it tells segments apart, else 1
    """
    for s in range(pointers.size - 1):
        base = (s % n_delays) * n_targets if post_parts > 1 else 0
        for k in range(pointers[s], pointers[s + 1]):
            counts[base + reached[k]] += 1


@jit()
def fill_by_target(
    places: Any,
    segments: Any,
    cursors: Any,
    pointers: Any,
    reached: Any,
    n_delays: Any,
    post_parts: Any,
    n_targets: Any,
) -> None:
    """Write the place of each synapse and its source segment; ``cursors`` are where the segments start, and are moved on."""
    for s in range(pointers.size - 1):
        base, segment = 0, s
        if post_parts > 1:
            base, segment = (s % n_delays) * n_targets, s // n_delays
        for k in range(pointers[s], pointers[s + 1]):
            at = cursors[base + reached[k]]
            cursors[base + reached[k]] = at + 1
            places[at] = k
            segments[at] = segment
