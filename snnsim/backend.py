"""What a backend is: it runs a compiled network over a stretch of steps. A new one is one file and a name in the simulator."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compilation import State

__all__ = ["Backend", "Counters", "Stretch", "Trains"]


class Trains(NamedTuple):
    """Input spikes: where those of a population, copy and step start (TRAIN columns of the population table), and the neurons."""

    pointers: NDArray[np.int64]
    neurons: NDArray[np.int32]


class Counters(NamedTuple):
    """What a backend adds its operations to."""

    updates: NDArray[np.int64]
    """Neurons advanced (copies, steps, populations)."""
    fired: NDArray[np.int64]
    """Spikes or graded events (copies, steps, populations)."""
    events: NDArray[np.int64]
    """Synaptic events (copies, steps, projections)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Stretch:
    """Steps ``first`` to ``last - 1`` of all copies, and the arrays that they change and fill.

    state : changed in place
    populations, recorders : tables as in ``snnsim_kernels.layout``, for this run
    traces : recorded values (copies, steps, values), filled
    seed, first_sample : of the random numbers
    progress : called with the fraction done, or None
    """

    state: State
    populations: NDArray[np.int64]
    recorders: NDArray[np.int64]
    trains: Trains
    counters: Counters
    traces: NDArray[Any]
    seed: int
    first_sample: int
    first: int
    last: int
    log_spikes: bool
    progress: Callable[[float], None] | None


class Backend(ABC):
    """Base of all backends: made for one compiled network, chosen once, by the simulator."""

    name: ClassVar[str]
    continues: ClassVar[bool]
    """Whether a run can start from any state, not only from that of step 0."""

    @abstractmethod
    def advance(self, stretch: Stretch) -> NDArray[np.int32]:
        """Run a stretch and return the spike log, rows of (copy, step - first, neuron of the copy) in any order."""
