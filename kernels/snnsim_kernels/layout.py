"""Columns of the integer tables that describe a compiled network to the kernels, and the arrays that go with them.

One run loop serves every network because populations and projections are rows of tables into flat arrays. All offsets count
elements. Variable k of neuron i of a population lies at ``STATE + k * STRIDE + i``, each row on cache lines of its own: vectors
that straddle two of them would cost a quarter more.
"""

from enum import IntEnum
from typing import Any, NamedTuple

__all__ = [
    "Arrays",
    "Counters",
    "PopulationColumn",
    "ProjectionColumn",
    "RecorderColumn",
    "RegulationColumn",
    "Scratch",
    "State",
    "StimulusColumn",
    "Tables",
    "TimedInputColumn",
    "Trains",
]


class PopulationColumn(IntEnum):
    """A row of the population table."""

    KIND = 0  # which update kernel
    RESET = 1  # which reset kernel, -1 where a spike resets nothing
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
    CALENDAR = 15  # offset of its calendar of releases from refractoriness...
    DAYS = 16  # ...and the calendar's number of steps; 0 where no neuron is ever held
    WHOLE = 17  # 1 where its neurons must not be shared out among workers
    STOCHASTIC = 18  # 1 where the update takes random words
    SCALED = 19  # how many receptor rows are kept scaled (see scaling.py), 0 or all...
    GAINS = 20  # ...and the offset in the constants of what they add to v, for each step of a cycle and each row
    STRIDE = 21  # entries from one state row to the next: SIZE, rounded up to whole cache lines
    COUNT = 22


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
    TARGET = 20  # row of the target population
    TARGET_NEURON = 21  # first target neuron within the population
    FACTORS = (
        22  # a scaled receptor row: offset in the constants of what weights are multiplied by, one per step of a cycle
    )
    COUNT = 23


class StimulusColumn(IntEnum):
    """A row of the stimulus table: Poisson input to every neuron of a population, or of a slice of it."""

    TARGET = 0  # row of the target population
    TARGET_NEURON = 1  # first target neuron within the population...
    TARGET_SIZE = 2  # ...and how many follow
    TARGET_STATE = 3  # offset of the receptor's state row (of its first target neuron) in a copy's state array
    WEIGHT = 4  # offset in the stimulus weights
    THRESHOLDS = 5  # offset of the cumulative distribution of the count in a step...
    N_THRESHOLDS = 6  # ...and the number of its entries
    STREAM = 7  # of the random numbers
    FACTORS = 8  # as of a projection
    COUNT = 9


class RecorderColumn(IntEnum):
    """A row of the recorder table: a state variable of some neurons of a population, or weights, written out every few steps."""

    STATE = 0  # offset of the first value in a copy's state array, or in the weights
    SIZE = 1  # number of values
    OUT = 2  # offset of the first sample in a copy's traces
    INDEX = 3  # offset of the places of the values (counted from STATE) in the picked places; -1: the first SIZE
    EVERY = 4  # steps from sample to sample, the first of a run being the first
    POPULATION = 5  # row of the population, -1 for weights
    FACTORS = 6  # a scaled receptor row: offset in the constants of what its values are multiplied by, one per step of a cycle
    RULE = 7  # weights that move by themselves: row of the table of plastic projections, else -1
    COUNT = 8


class TimedInputColumn(IntEnum):
    """A row of the table of inputs that change during a run."""

    STATE = 0  # offset of the state row of its first neuron in a copy's state array
    SIZE = 1
    POPULATION = 2  # row of the population
    WHICH = 3  # offset in the schedule: for each step of the run the number of the row of values that it sets, or -1
    VALUES = 4  # offset of the first row of values
    PER_COPY = 5  # entries from one copy's values to the next's, 0 where all share them
    PER_NEURON = 6  # 1 where a row of values has one per neuron, 0 where it has one for all
    COUNT = 7


class RegulationColumn(IntEnum):
    """A row of the table of rules at the level of a population or projection."""

    KIND = 0  # WINNER_TAKE_ALL, HOMEOSTASIS, or a normalisation
    WHAT = 1  # row of the population, or of the projection
    GROUP = 2  # winner-take-all: neurons per group...
    WINNERS = 3  # ...how many of them spike in a step at most...
    UPDATES = 4  # ...and for how many updates the others are held
    STATE = 5  # homeostasis: offset of the thresholds in a copy's state array
    VALUE = 6  # offset of its real number: a decrement, or the sum of weights
    EVERY = 7  # normalisation: steps from one to the next...
    DENSE = 8  # ...and whether the weights are dense...
    NARROW = 9  # ...or their targets have 16 bits
    COUNT = 10
    WINNER_TAKE_ALL = 101  # values of KIND
    HOMEOSTASIS = 102
    NORMALISATION = 103


class Tables(NamedTuple):
    """The integer tables, one row per item."""

    populations: Any
    projections: Any
    stimuli: Any
    recorders: Any
    timed_inputs: Any
    regulations: Any


class Arrays(NamedTuple):
    """The flat arrays into which the tables point."""

    constants: Any
    pointers: Any
    targets: Any
    narrow_targets: Any
    weights: Any
    delays: Any
    thresholds: Any  # uint32
    picked: Any  # places of recorded values
    stimulus_weights: Any
    regulation_values: Any
    schedule: Any  # of timed inputs
    timed_values: Any


class State(NamedTuple):
    """All that changes while a network runs, one row per copy."""

    values: Any
    """State variables (copies, states), in the precision of the network."""
    held: Any
    """Steps until the release from refractoriness, plus 1; 0 where a neuron is free (copies, neurons), int32."""
    history: Any
    """Spike lists of the last steps, as far back as delays reach (copies, entries), int32."""
    lengths: Any
    """The lengths of these lists (copies, lists), int32."""


class Trains(NamedTuple):
    """Input spikes: where those of a population, copy and step start (TRAIN columns of the population table), and the neurons."""

    pointers: Any
    neurons: Any


class Counters(NamedTuple):
    """Operations, added to: per copy, bin of steps, and population or projection (then stimuli)."""

    updates: Any
    """Neurons advanced (copies, bins, populations)."""
    fired: Any
    """Spikes or graded events (copies, bins, populations)."""
    events: Any
    """Synaptic events (copies, bins, projections and stimuli)."""


class Scratch(NamedTuple):
    """What one worker writes to."""

    spike_log: Any
    """Rows of copy, step - first step, neuron (capacity, 3), int32."""
    flags: Any
    """One per neuron of the largest population, and 128 more, uint8."""
    words: Any
    """Random words, likewise, uint32."""
    draws: Any
    """Random counts, likewise, int32."""
    calendar: Any
    """For each population and day the first neuron that is released on it, -1 for none, int32."""
    following: Any
    """For each neuron the next one that is released on the same day, int32."""
    due: Any
    """For each neuron that is held the step of its day, int64."""
    masked: Any
    """Whether a neuron is held (neurons), uint8; shared by a team, as is what follows the ranges."""
    ranges: Any
    """The first neuron of each population that is this worker's, and the one after the last (populations, 2), int64."""
    found: Any
    """Spikes of this step and of the one before, at the places of their neurons (2 x neurons), int32."""
    counts: Any
    """Where they start and how many there are (2, workers, populations, 2), int64."""
    barrier: Any
    """Where the workers wait for each other (team.BARRIER_SIZE), int64."""
