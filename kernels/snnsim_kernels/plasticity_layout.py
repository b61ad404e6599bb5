"""Columns of the table of plastic projections, and the arrays that go with them.

Both sides of a projection have segments, each with traces of its own. Spikes that travel along the axon reach different synapses
of a source at different times: its segments are (source, delay) then, numbered as the pointers of the projection are, and those
of the other side are the targets. With delays of the dendrite the segments of a target are (delay, target), those of the other
side the sources. Trace a of segment s lies at the offset of the side + a * (number of its segments) + s.

A trace that decays is kept as x exp((t - t0) / tau): only spikes write it. All that is kept so is brought to a new t0 now and then.
"""

from enum import IntEnum
from typing import Any, NamedTuple

__all__ = ["Learning", "LearningState", "PlasticityColumn", "Updates"]


class PlasticityColumn(IntEnum):
    """A row of the table of plastic projections."""

    KIND = 0  # which learning kernel
    PROJECTION = 1  # row of the projection table
    DENDRITIC = 2  # 1 where delays are those of the dendrite
    PARAMETERS = 3  # offset in the parameters: bounds, constants, and for each trace whether a spike adds to it
    RATES = (
        4  # offset in the rates (per step) of the traces, then of eligibility and modulator, then ms of level per step
    )
    PRE = 5  # offset of the traces of the source side...
    PRE_SEGMENTS = 6  # ...and the number of its segments
    POST = 7  # the same of the target side
    POST_SEGMENTS = 8
    STARTS = 9  # sparse: offset of where the synapses of each segment of the target side start; dense: their number per target
    PLACES = 10  # sparse: offset of the places of these synapses among the projection's weights, and of their source segments
    EXISTING = 11  # dense: offset of what says where there is a synapse
    ELIGIBILITY = (
        12  # offset of the eligibilities, then of the levels at which weights were last brought up to date; -1: none
    )
    SYNAPSES = 13  # number of stored weights
    CYCLE = 14  # steps from one t0 to the next, at least
    SETTLE = 15  # steps after which a normalisation reads the weights, 0 for none
    WHICH = 16  # offset in the schedule of the modulator, -1 without one
    SIGNALS = 17  # offset of the first row of its values...
    SIGNAL_WIDTH = 18  # ...and how many a row has: 1 or one per target
    COUNT = 19


class Updates(IntEnum):
    """What made a synapse change: a column of the counters."""

    PRE = 0
    POST = 1
    SIGNAL = 2
    COUNT = 3


class LearningState(NamedTuple):
    """All that learning changes, beside the weights."""

    traces: Any
    """In the precision of the network."""
    eligibility: Any
    """Likewise."""
    clock: Any
    """For each plastic projection the step t0, and the first step that it has not seen, int64."""
    levels: Any
    """For each plastic projection the modulator d, and the integral of d exp(-(t - t0) / tau_e) since t0 (ms), float64."""


class Learning(NamedTuple):
    """Table, arrays, state and counters of the plastic projections of a network, of which there may be none."""

    rules: Any
    parameters: Any
    rates: Any
    starts: Any
    places: Any
    segments: Any
    existing: Any
    schedule: Any
    """Of modulators: for each step of the run the row of values that arrives, or -1, int32."""
    signals: Any
    counts: Any
    """Synapses updated (bins, plastic projections, Updates.COUNT), int64."""
    state: LearningState
