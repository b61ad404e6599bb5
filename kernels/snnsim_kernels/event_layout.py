"""The arrays that the event loop runs on: what each holds, and its columns."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["EventNetwork", "EventState", "Kind", "NeuronColumn", "ParameterColumn", "RowColumn"]


class Kind(IntEnum):
    """What a neuron is."""

    GIVEN = 0  # a SpikeArray
    POISSON = 1
    LEAKY = 2  # LIF
    PERFECT = 3  # IF


class NeuronColumn(IntEnum):
    """Columns of a neuron's state. A Poisson source has its value in V and the number of intervals drawn in I."""

    V = 0  # mV, at the time LAST
    I = 1  # pA (IF: mV/ms), the constant current  # noqa: E741
    LAST = 2  # ms, when the state was brought up to date
    RELEASE = 3  # ms, the end of refractoriness
    DUE = 4  # ms, when it will fire unless something arrives; inf for never
    # Within an instant, above 0: what has reached it. Else 0, or -1 where DUE is only a time before which it will not fire.
    MARK = 5
    # These two do not change. They stand here because whatever lies elsewhere costs a cache miss of its own.
    ROW = 6  # its row of parameters
    SYNAPSES = 7  # where its synapses are, or -1
    CURRENTS = 8  # and on: pA, those of its exponential receptors


class ParameterColumn(IntEnum):
    """Columns of a row of parameters. A Poisson source has its rate (1/ms) in REST."""

    TAU_M = 0  # ms
    REST = 1  # mV; IF: the bias in mV/ms
    R_M = 2  # GOhm
    THRESHOLD = 3  # mV
    RESET = 4  # mV
    T_REF = 5  # ms
    SOFT = 6  # 1 for a soft reset
    TAUS = 7  # and on: ms, those of the exponential receptors


class RowColumn(IntEnum):
    """Columns of what neurons with the same row of parameters share."""

    KIND = 0
    CURRENTS = 1  # how many exponential receptors
    POPULATION = 2
    RECORD = 3  # whether its spikes are recorded
    COUNT = 4


class EventNetwork(NamedTuple):
    """A network, apart from what its neurons' rows of state hold.

    The synapses of a source follow each other, sorted by delay, then projection; in ``synapses``

    - a source is where its last block ends, and its blocks: one per delay;
    - a block is the delay (an index), where the block ends, and its segments: one per projection;
    - a segment is the projection, the number of its synapses, and for each its target and its weight.

    So a spike reads one stretch of memory, whatever it delivers.
    """

    parameters: NDArray[np.float64]
    """(rows, columns), as in ParameterColumn."""
    rows: NDArray[np.int64]
    """(rows, columns), as in RowColumn."""
    receives: NDArray[np.int64]
    """The state column to which each projection adds its weights (projections,)."""
    delays: NDArray[np.float64]
    """The distinct delays in ms (delays,), ascending."""
    synapses: NDArray[np.float64]
    """As above; whole numbers, all but the weights."""


class EventState(NamedTuple):
    """All that changes while a copy of a network runs. Timers: the neurons, then the delays, then the input of the run."""

    neurons: NDArray[np.float64]
    """(neurons, columns), as in NeuronColumn."""
    timer_time: NDArray[np.float64]
    timer_number: NDArray[np.int32]
    timer_place: NDArray[np.int32]
    """The heap of timers, as in ``event_queue``: (neurons + delays + 1,)."""
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    """The first and the last spike that waits for each delay, or -1 (delays,)."""
    counts: NDArray[np.int64]
    """Places as in ``event_queue`` (3,)."""
    pending_time: NDArray[np.float64]
    pending_block: NDArray[np.int64]
    pending_after: NDArray[np.int32]
    """The spikes under way, as in ``event_queue`` (capacity,)."""
