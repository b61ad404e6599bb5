"""What a run returns: spike trains, recorded states, and the operations that the kernels counted."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ._checks import steps_of
from ._errors import SimulationError
from .spikes import SpikeTrain

__all__ = ["Operations", "Result"]

Counts = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Operations:
    """Operations per copy and time step, each of shape (copies, steps); counted where the work is done.

    A run that counts in bins of several steps has one entry per bin instead.

    acs : accumulates, synaptic events delivered through existing, nonzero synapses
    macs : multiply-accumulates, the same for graded events
    membrane_updates : neurons advanced by one step (a bias belongs to them)
    encoder_operations : updates of encoder populations
    spikes : spikes fired, those of encoders included
    events : synaptic events per projection, then per stimulus, shape (copies, steps, projections), in the order of ``projections``
    plasticity_updates : synapses that a rule of plasticity updated
    updated : the same per plastic projection and by what: a spike of its source, one of its target, an impulse of its teaching
        signal, shape (copies, steps, plastic projections, 3), in the order of ``plastic``
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
    sizes: tuple[int, ...]
    """The number of neurons per population."""
    plasticity_updates: Counts
    updated: Counts
    plastic: tuple[str, ...]

    @property
    def ops(self) -> Counts:
        """ACs + MACs per copy and step."""
        return self.acs + self.macs


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """The outcome of one run.

    dt : ms; start, stop : the first step and the one after the last
    spikes : for each population whose spikes were recorded its SpikeTrain
    states : for each recorded (population, variable) an array of shape (copies, samples, neurons), a sample in every step unless
        fewer were asked for: the value that was compared with the threshold in that step, before delivery and reset.
        For each projection whose weights were recorded (projection, "weights"), shape (copies, samples, weights).
    every : for each of them the steps from sample to sample
    count_every : the steps in a bin of ``operations``
    """

    dt: float
    start: int
    stop: int
    spikes: dict[str, SpikeTrain]
    states: dict[tuple[str, str], NDArray[np.floating]]
    operations: Operations
    every: dict[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    count_every: int = 1

    @property
    def times(self) -> NDArray[np.float64]:
        """The start of each step in ms, shape (steps,)."""
        return np.arange(self.start, self.stop, dtype=np.float64) * self.dt

    def sample_times(self, population: str, variable: str) -> NDArray[np.float64]:
        """Return the times in ms at which a variable was recorded, shape (samples,)."""
        if (population, variable) not in self.states:
            raise SimulationError(f"{variable!r} of {population!r} was not recorded")
        return np.arange(self.start, self.stop, self.every[population, variable], dtype=np.float64) * self.dt

    def population_rate(self, population: str, width: float | None = None) -> NDArray[np.float64]:
        """Return the mean rate of a population over its neurons in Hz, in bins of ``width`` ms, shape (copies, bins).

        It needs no recording, since spikes are counted anyway. ``width`` is a multiple of the time that a count covers, which it is
        by default; a last bin may be shorter. Raises SimulationError for an unknown population.
        """
        if population not in self.operations.populations:
            raise SimulationError(f"no population {population!r}, there are {', '.join(self.operations.populations)}")
        column = self.operations.populations.index(population)
        bins = 1
        if width is not None:
            bins = steps_of("population_rate: width", width, self.dt * self.count_every, SimulationError)
        fired = self.operations.fired[:, :, column]
        starts = np.arange(0, fired.shape[1], bins)
        ends = np.minimum((starts + bins) * self.count_every, self.stop - self.start)
        seconds = (ends - starts * self.count_every) * self.dt / 1000.0
        return np.asarray(np.add.reduceat(fired, starts, axis=1) / seconds / self.operations.sizes[column])

    def v(self, population: str) -> NDArray[np.floating]:
        """Return the recorded potentials (mV) of a population, shape (copies, steps, neurons)."""
        try:
            return self.states[population, "v"]
        except KeyError:
            raise SimulationError(f"the potential of population {population!r} was not recorded") from None
