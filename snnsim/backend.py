"""What a backend is: it runs a compiled network over a stretch of steps. A new one is one file and a name in the simulator."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.layout import Counters, State, Trains
from snnsim_kernels.plasticity_layout import Learning
from snnsim_kernels.registry import NeuronKind

__all__ = ["Backend", "Stretch"]


@dataclasses.dataclass(frozen=True, eq=False)
class Stretch:
    """Steps ``first`` to ``last - 1`` of all copies, and the arrays that they change and fill.

    state : changed in place
    kinds : the kernels that the population table points to
    populations, recorders, timed_inputs : tables as in ``snnsim_kernels.layout``, for this run
    picked, schedule, timed_values : what these point into
    weights : those of the projections now, changed in place where they learn; None while they are the compiled network's
    learning : with what they learn; no rows where they do not
    constants, regulations : of the network, or what they are while it is frozen
    per_bin : steps in a bin of the counters
    traces : recorded values (copies, values), filled
    seed, first_sample : of the random numbers
    log_bytes : how large the spike log may become, None for what the machine has left
    progress : called with the fraction done, or None
    """

    state: State
    kinds: tuple[NeuronKind, ...]
    populations: NDArray[np.int64]
    recorders: NDArray[np.int64]
    picked: NDArray[np.int64]
    timed_inputs: NDArray[np.int64]
    schedule: NDArray[np.int32]
    timed_values: NDArray[Any]
    weights: NDArray[Any] | None
    learning: Learning
    constants: NDArray[Any]
    regulations: NDArray[np.int64]
    trains: Trains
    per_bin: int
    counters: Counters
    traces: NDArray[Any]
    seed: int
    first_sample: int
    first: int
    last: int
    log_spikes: bool
    log_bytes: int | None
    progress: Callable[[float], None] | None


class Backend(ABC):
    """Base of all backends: made for one compiled network, chosen once, by the simulator."""

    name: ClassVar[str]
    continues: ClassVar[bool]
    """Whether a run can start from any state, not only from that of step 0."""

    @abstractmethod
    def advance(self, stretch: Stretch) -> NDArray[np.int32]:
        """Run a stretch and return the spike log, rows of (copy, step - first, neuron of the copy) in any order."""
