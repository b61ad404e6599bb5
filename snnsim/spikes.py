"""Spike trains: sums of Dirac deltas, input and output alike."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import positive_time, real_array, steps_of, whole_array
from ._errors import SimulationError

__all__ = ["SpikeTrain"]


@dataclasses.dataclass(frozen=True, eq=False)
class SpikeTrain:
    """The spikes of a population over a stretch of time: each carries its copy, its step and its neuron.

    copies, steps, neurons : int arrays, shape (spikes,), sorted by copy, then step, then neuron
    size : the number of neurons; n_copies : the number of copies of the network
    dt : ms, the time step; start, stop : the first step that the train covers and the one after the last
    """

    copies: NDArray[np.int32]
    steps: NDArray[np.int64]
    neurons: NDArray[np.int32]
    size: int
    n_copies: int
    dt: float
    start: int
    stop: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "dt", positive_time("SpikeTrain.dt", self.dt, SimulationError))
        copies = whole_array("SpikeTrain.copies", self.copies, 0, self.n_copies - 1, SimulationError).astype(np.int32)
        steps = whole_array("SpikeTrain.steps", self.steps, self.start, self.stop - 1, SimulationError)
        neurons = whole_array("SpikeTrain.neurons", self.neurons, 0, self.size - 1, SimulationError).astype(np.int32)
        if not len(copies) == len(steps) == len(neurons):
            raise SimulationError(
                f"SpikeTrain: {len(copies)} copies, {len(steps)} steps and {len(neurons)} neurons disagree"
            )
        later = np.diff(copies) > 0
        same = np.diff(copies) == 0
        later |= same & (np.diff(steps) > 0)
        same &= np.diff(steps) == 0
        if not (later | same & (np.diff(neurons) >= 0)).all():  # what a simulator logged is in order already
            order = np.lexsort((neurons, steps, copies))
            copies, steps, neurons = copies[order], steps[order], neurons[order]
        for name, values in (("copies", copies), ("steps", steps), ("neurons", neurons)):
            object.__setattr__(self, name, values)

    @classmethod
    def logged(
        cls,
        copies: NDArray[np.int32],
        steps: NDArray[np.int64],
        neurons: NDArray[np.int32],
        size: int,
        n_copies: int,
        dt: float,
        start: int,
        stop: int,
    ) -> "SpikeTrain":
        """Make a train from what a simulator logged: it is known to fit, and each copy is in order."""
        if n_copies > 1 and (np.diff(copies) < 0).any():  # threads log their copies in any order
            order = np.argsort(copies, kind="stable")
            copies, steps, neurons = copies[order], steps[order], neurons[order]
        made = object.__new__(cls)
        values = (copies, steps, neurons, size, n_copies, dt, start, stop)
        for field, value in zip(dataclasses.fields(cls), values, strict=True):
            object.__setattr__(made, field.name, value)
        return made

    @classmethod
    def from_times(
        cls,
        times: ArrayLike,
        neurons: ArrayLike,
        *,
        size: int,
        dt: float,
        duration: float,
        copies: ArrayLike = 0,
        n_copies: int = 1,
    ) -> "SpikeTrain":
        """Make a train from spike times (ms, multiples of ``dt`` within [0, duration)) and neuron ids, both shape (spikes,).

        Raises SimulationError where a time is negative, not on the grid, or not before ``duration``.
        """
        dt = positive_time("SpikeTrain.dt", dt, SimulationError)
        times = np.atleast_1d(real_array("SpikeTrain.times", times, SimulationError))
        steps = np.rint(times / dt)
        if not np.allclose(times, steps * dt, rtol=0, atol=1e-6 * dt):
            raise SimulationError(f"SpikeTrain.times must be multiples of the time step, {dt:g} ms")
        stop = steps_of("SpikeTrain.duration", duration, dt, SimulationError)
        neurons, copies = np.atleast_1d(np.asarray(neurons)), np.asarray(copies)
        copies = np.full(neurons.shape, copies) if copies.ndim == 0 else copies
        return cls(copies, steps.astype(np.int64), neurons, size, n_copies, dt, 0, stop)

    def __len__(self) -> int:
        return len(self.steps)

    def __eq__(self, other: Any) -> bool:
        """Two trains are equal when they hold the same spikes of as many neurons and copies."""
        return isinstance(other, SpikeTrain) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("copies", "steps", "neurons", "size", "n_copies", "dt")
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def times(self) -> NDArray[np.float64]:
        """Spike times in ms, shape (spikes,)."""
        return self.steps.astype(np.float64) * self.dt

    @property
    def duration(self) -> float:
        """The stretch that the train covers, in ms."""
        return (self.stop - self.start) * self.dt

    def counts(self) -> NDArray[np.int64]:
        """Return the number of spikes per copy and neuron, shape (n_copies, size)."""
        flat = self.copies.astype(np.int64) * self.size + self.neurons
        return np.bincount(flat, minlength=self.n_copies * self.size).reshape(self.n_copies, self.size)

    def rates(self) -> NDArray[np.float64]:
        """Return the mean rate per copy and neuron in Hz, shape (n_copies, size)."""
        return self.counts() / (self.duration / 1000.0)

    def interval_cv(self) -> NDArray[np.float64]:
        """Return the coefficient of variation of the inter-spike intervals per copy and neuron, shape (n_copies, size).

        NaN for a neuron with fewer than three spikes. A Poisson train has 1, a regular one 0.
        """
        flat = self.copies.astype(np.int64) * self.size + self.neurons
        order = np.argsort(flat, kind="stable")
        neuron, interval = flat[order], self._intervals(order)
        same = neuron[1:] == neuron[:-1]
        n = np.bincount(neuron[1:][same], minlength=self.n_copies * self.size).astype(np.float64)
        n[n < 2] = np.nan
        mean = np.bincount(neuron[1:][same], interval[same], minlength=len(n)) / n
        square = np.bincount(neuron[1:][same], interval[same] ** 2, minlength=len(n)) / n
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        return np.asarray(deviation / mean).reshape(self.n_copies, self.size)

    def _intervals(self, order: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the times (ms) between one spike and the next, the spikes taken in ``order``."""
        return np.diff(self.steps[order]) * self.dt

    def copy(self, index: int) -> "SpikeTrain":
        """Return the train of one copy alone."""
        if not 0 <= index < self.n_copies:
            raise SimulationError(f"SpikeTrain.copy: {index} is not within 0 and {self.n_copies - 1}")
        mine = self.copies == index
        zeros = np.zeros(int(mine.sum()), dtype=np.int32)
        return SpikeTrain(zeros, self.steps[mine], self.neurons[mine], self.size, 1, self.dt, self.start, self.stop)

    def trace(self, tau: float) -> NDArray[np.float64]:
        """Return the train filtered by exp(-t / tau), shape (n_copies, steps, size): a spike adds 1 in its own step.

        This is the low-pass-filtered trace that spike-timing-dependent plasticity uses; tau in ms, above 0.
        """
        if not tau > 0:
            raise SimulationError(f"SpikeTrain.trace: tau must be above 0 ms, got {tau:g}")
        trace = np.zeros((self.n_copies, self.stop - self.start, self.size))
        np.add.at(trace, (self.copies, self.steps - self.start, self.neurons), 1.0)
        decay = np.exp(-self.dt / tau)
        for t in range(1, trace.shape[1]):
            trace[:, t] += decay * trace[:, t - 1]
        return trace
