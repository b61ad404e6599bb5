"""Spike trains of the event method: a train whose spikes have exact times, not only steps."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import positive_time, real_array, steps_of
from ._errors import SimulationError
from .spikes import SpikeTrain

__all__ = ["EventTrain"]

_ROUNDING = 1e-6
"""Part of a step by which a time that is meant to be on the grid may miss it."""


@dataclasses.dataclass(frozen=True, eq=False)
class EventTrain(SpikeTrain):
    """A :class:`SpikeTrain` that also knows the exact ``times``; ``steps`` are those that hold them, for whatever needs a grid.

    exact : ms, shape (spikes,); all else as in SpikeTrain. Sorted by copy, then time, then neuron. Made by :meth:`at`.
    ``times``, ``interval_cv`` and equality use the exact times; ``trace`` samples on the grid, as that of a SpikeTrain.
    """

    exact: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Sort by exact time, which sorts by step as well."""
        exact = real_array("EventTrain.times", self.exact, SimulationError)
        copies, neurons = np.asarray(self.copies), np.asarray(self.neurons)
        if not exact.shape == copies.shape == neurons.shape:
            raise SimulationError(
                f"EventTrain: {copies.size} copies, {exact.size} times and {neurons.size} neurons disagree"
            )
        super().__post_init__()
        order = np.lexsort((neurons, exact, copies))
        object.__setattr__(self, "exact", exact[order])
        object.__setattr__(self, "neurons", neurons[order].astype(np.int32))

    @classmethod
    def at(
        cls, times: Any, neurons: Any, size: int, dt: float, start: int, stop: int, copies: Any, n_copies: int
    ) -> "EventTrain":
        """Make a train from exact times (ms, within the steps ``start`` to ``stop`` - 1 of ``dt`` ms), neurons and copies.

        Raises SimulationError where they disagree in length or are out of bounds.
        """
        dt = positive_time("EventTrain.dt", dt, SimulationError)
        times = np.atleast_1d(real_array("EventTrain.times", times, SimulationError))
        steps = np.floor(times / dt + _ROUNDING).astype(np.int64)
        steps[times < stop * dt] = np.minimum(steps[times < stop * dt], stop - 1)
        return cls(copies, steps, neurons, size, n_copies, dt, start, stop, times)

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
    ) -> "EventTrain":
        """Make a train from spike times (ms, anywhere within [0, duration)) and neuron ids, both shape (spikes,).

        dt : ms, the grid on which it is read where it must be; ``duration`` is a multiple of it
        Raises SimulationError where a time is negative or not before ``duration``.
        """
        stop = steps_of(
            "EventTrain.duration", duration, positive_time("EventTrain.dt", dt, SimulationError), SimulationError
        )
        neurons, copies = np.atleast_1d(np.asarray(neurons)), np.asarray(copies)
        copies = np.full(neurons.shape, copies) if copies.ndim == 0 else copies
        return cls.at(times, neurons, size, dt, 0, stop, copies, n_copies)

    @property
    def times(self) -> NDArray[np.float64]:
        """The exact spike times in ms, shape (spikes,)."""
        return self.exact

    def _intervals(self, order: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.diff(self.exact[order])

    def copy(self, index: int) -> "EventTrain":
        """Return the train of one copy alone."""
        mine = self.copies == index
        alone = super().copy(index)
        return EventTrain(
            alone.copies,
            alone.steps,
            self.neurons[mine],
            self.size,
            1,
            self.dt,
            self.start,
            self.stop,
            self.exact[mine],
        )

    def on_grid(self, dt: float | None = None) -> SpikeTrain:
        """Return the train on a grid of ``dt`` ms (its own by default): each spike in the step that holds it.

        Raises SimulationError where the train does not begin and end on that grid.
        """
        dt = self.dt if dt is None else positive_time("EventTrain.on_grid: dt", dt, SimulationError)
        start = steps_of("EventTrain.on_grid: start", self.start * self.dt, dt, SimulationError) if self.start else 0
        stop = steps_of("EventTrain.on_grid: stop", self.stop * self.dt, dt, SimulationError)
        train = EventTrain.at(self.exact, self.neurons, self.size, dt, start, stop, self.copies, self.n_copies)
        return SpikeTrain(train.copies, train.steps, train.neurons, self.size, self.n_copies, dt, start, stop)

    def __eq__(self, other: Any) -> bool:
        """Two trains are equal when they hold the same spikes, at exactly the same times, of as many neurons and copies."""
        return isinstance(other, EventTrain) and super().__eq__(other) and np.array_equal(self.exact, other.exact)

    __hash__ = None
