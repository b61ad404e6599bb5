"""Columns of the integer tables that describe a compiled network to the kernels.

One run loop serves every network because populations and projections are rows of tables into flat arrays. All offsets count
elements. State rows of a population are contiguous: variable k of neuron i lies at ``STATE + k * SIZE + i``.
"""

from enum import IntEnum

__all__ = ["PopulationColumn", "ProjectionColumn", "RecorderColumn"]


class PopulationColumn(IntEnum):
    """A row of the population table."""

    KIND = 0  # which update kernel
    RESET = 1  # which reset kernel
    SIZE = 2
    STATE = 3  # offset of its states in a copy's state array
    NEURON = 4  # offset of its neurons among all neurons of a copy
    CONSTANTS = 5  # offset in the constants
    FIRST_STEP = 6  # the population sleeps before this step...
    LAST_STEP = 7  # ...and from this one on
    TRAIN = 8  # spike-array source: offset in the train pointers, -1 without a train
    TRAIN_FIRST = 9  # the first step that the trains cover
    TRAIN_STEPS = 10  # the number of steps that they cover
    RECORD_SPIKES = 11  # 1 where spikes are recorded
    HISTORY = 12  # offset of its spike lists in a copy's history, one list of SIZE entries per slot
    LENGTHS = 13  # offset of the lengths of these lists in a copy's lengths
    SLOTS = 14  # number of lists: the longest delay of what it sends, plus 1; step t uses list t mod SLOTS
    COUNT = 15


class ProjectionColumn(IntEnum):
    """A row of the projection table."""

    KIND = 0  # which delivery kernel
    SOURCE = 1  # row of the source population
    SOURCE_NEURON = 2  # first source neuron within the population...
    SOURCE_SIZE = 3  # ...and how many follow
    TARGET_STATE = 4  # offset of the receptor's state row (of its first target neuron) in a copy's state array
    TARGET_SIZE = 5
    POINTERS = (
        6  # offset in the pointers (sparse: starts per source and delay; else: nonzero weights per source or tap)
    )
    SYNAPSES = 7  # offset in the targets, or in the narrow ones (sparse)
    WEIGHTS = 8  # offset in the weights
    PAYLOAD = 9  # graded events: offset of the source's value in a copy's state array
    CHANNELS_IN = 10  # to WIDTH_OUT: of a convolution or a pooling
    HEIGHT_IN = 11
    WIDTH_IN = 12
    KERNEL = 13
    STRIDE = 14
    CHANNELS_OUT = 15
    HEIGHT_OUT = 16
    WIDTH_OUT = 17
    DELAYS = 18  # offset in the delays, in steps...
    N_DELAYS = 19  # ...and how many different ones there are (more than one: sparse only)
    COUNT = 20


class RecorderColumn(IntEnum):
    """A row of the recorder table: a stretch of a copy's state array that is written out in every step."""

    STATE = 0
    SIZE = 1
    OUT = 2
    COUNT = 3
