"""What a run returns: spike trains, recorded states, and the operations that the kernels counted."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ._errors import SimulationError
from .spikes import SpikeTrain

__all__ = ["Operations", "Result"]

Counts = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Operations:
    """Operations per copy and time step, each of shape (copies, steps); counted where the work is done.

    acs : accumulates, synaptic events delivered through existing, nonzero synapses
    macs : multiply-accumulates, the same for graded events
    membrane_updates : neurons advanced by one step (a bias belongs to them)
    encoder_operations : updates of encoder populations
    spikes : spikes fired, those of encoders included
    events : synaptic events per projection, shape (copies, steps, projections), in the order of ``projections``
    fired : spikes or graded events per population, shape (copies, steps, populations), in the order of ``populations``
    """

    acs: Counts
    macs: Counts
    membrane_updates: Counts
    encoder_operations: Counts
    spikes: Counts
    events: Counts
    fired: Counts
    projections: tuple[str, ...]
    populations: tuple[str, ...]

    @property
    def ops(self) -> Counts:
        """ACs + MACs per copy and step."""
        return self.acs + self.macs


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """The outcome of one run.

    dt : ms; start, stop : the first step and the one after the last
    spikes : for each population whose spikes were recorded its SpikeTrain
    states : for each recorded (population, variable) an array of shape (copies, steps, neurons): the value that was
        compared with the threshold in that step, before delivery and reset
    """

    dt: float
    start: int
    stop: int
    spikes: dict[str, SpikeTrain]
    states: dict[tuple[str, str], NDArray[np.floating]]
    operations: Operations

    @property
    def times(self) -> NDArray[np.float64]:
        """The start of each step in ms, shape (steps,)."""
        return np.arange(self.start, self.stop, dtype=np.float64) * self.dt

    def v(self, population: str) -> NDArray[np.floating]:
        """Return the recorded potentials (mV) of a population, shape (copies, steps, neurons)."""
        try:
            return self.states[population, "v"]
        except KeyError:
            raise SimulationError(f"the potential of population {population!r} was not recorded") from None
