"""What the card is told beside the tables and arrays of ``snnsim_kernels.layout``: how work is shared out, and a copy's own arrays.

Work is shared out among warps, 32 threads each, whether these are the warps of one block, which runs a copy alone, or of a whole
grid. A chunk is 32 neurons of a population; a task is a part of the spikes of one projection and delay.
"""

from enum import IntEnum
from typing import Any, NamedTuple

__all__ = ["LANES", "SHIFT", "SPIKED", "ChunkColumn", "Clock", "Copy", "Run", "TaskColumn", "Work"]

LANES = 32
"""Threads of a warp..."""

SHIFT = 5
"""...and the power of two that this is."""

SPIKED = -1
"""What ``held`` says of a neuron from its spike to its reset, at the beginning of the next step."""


class ChunkColumn(IntEnum):
    """A row of the chunk table: neurons that a warp visits in a step."""

    POPULATION = 0  # row
    FIRST = 1  # neuron within the population
    COMPETES = 2  # 1 where winners are found before spikes are listed
    COUNT = 3


class TaskColumn(IntEnum):
    """A row of the task table: what a warp delivers in a step."""

    PROJECTION = 0  # row
    DELAY = 1  # which of the projection's delays
    PART = 2  # every PARTS-th spike, from this one on
    PARTS = 3
    TILE = 4  # dense weights: which 32 targets
    COUNT = 5


class Work(NamedTuple):
    """How the work of a step is shared out among warps."""

    chunks: Any
    """(chunks, ChunkColumn.COUNT), int32."""
    tasks: Any
    """(tasks, TaskColumn.COUNT), int32."""
    rounds: Any
    """The first task of each round of deliveries, and the one after the last, int32: all wait between one round and the next."""
    trains: Any
    """Rows of the populations that are given spike trains, int32."""


class Run(NamedTuple):
    """A stretch of steps: arrays with a row per copy that it changes, and what all copies share."""

    steps: Any
    """The next step of each copy, int64: read, and written when the stretch ends or the log is full."""
    log: Any
    """Recorded spikes: rows of step - first_step and neuron (copies, capacity, 2), int32."""
    logged: Any
    """How many rows of it are filled (copies,), int32."""
    traces: Any
    """Recorded values (copies, values)."""
    fresh: Any
    """Scratch of a grid: as of a :class:`Copy`, int32."""
    sums: Any
    """Scratch: sums of the weights onto each target of the largest projection that is normalised."""


class Copy(NamedTuple):
    """What one copy changes: its rows of the arrays of ``State``, or their images in shared memory, and what holds a row of it.

    Rows of the latter are not taken: what a thread keeps at hand takes registers, and these decide how many threads there can be.
    """

    number: Any
    values: Any
    held: Any
    lists: Any
    fresh: Any
    """For even and odd steps the numbers of spikes of each population, then likewise the numbers of their lists, int32."""
    lengths: Any
    """Of all copies, as are those that follow."""
    updates: Any
    fired: Any
    events: Any
    traces: Any
    log: Any


class Clock(NamedTuple):
    """Numbers of a stretch that stay the same."""

    sample: Any
    """Of the copy's random numbers."""
    seed: Any
    first_step: Any
    per_bin: Any
