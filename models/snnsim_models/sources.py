"""Sources: populations that only send. All but :class:`SpikeArray` code one analog value ``x`` per neuron and copy.

- Poisson (rate code):   P(spike in a step) = rate dt x           independent in every step
- Latency (TTFS code):   one spike, in step n - round(n x) of a window of n steps; none where round(n x) = 0
- Graded:                in its first step one event that carries x itself (an analog input; each delivery is a multiply);
                         a step counts as its first once after every reset
- SpikeArray:            the spike trains that it is given

The regular rate code needs no source of its own: it is an :class:`IF` neuron with a constant input.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._model import FOREVER, Model
from ._parameters import Parameter, parameter

__all__ = ["Graded", "Latency", "Poisson", "SpikeArray"]


@njit
def _poisson(state: Any, held: Any, step: Any, uniform: Any, constants: Any) -> Any:
    (x,) = state
    return (x,), uniform < x * constants[0]


@njit
def _latency(state: Any, held: Any, step: Any, constants: Any) -> Any:
    (x,) = state
    n, half, one = constants
    level = np.int32(min(x, one) * n + half)
    return (x,), (level > 0) & (step == np.int32(n) - level)


@njit
def _graded(state: Any, held: Any, step: Any, constants: Any) -> Any:
    (x,) = state
    return (x,), (not held) & (x != 0)


@njit
def _graded_once(state: Any, constants: Any) -> Any:
    return state, np.int32(FOREVER)


@dataclasses.dataclass(frozen=True, eq=False)
class Poisson(Model):
    """Poisson spike trains on the grid (a Bernoulli draw per step) whose rate is ``rate`` x the value of the neuron.

    rate : Hz, at least 0, the rate of a value of 1; the probability per step, rate x dt, must not exceed 1. Where a larger value
        makes it do so, the neuron fires in every step.
    """

    rate: Parameter = parameter(1.0, "Hz", at_least=0.0)

    STATES: ClassVar[tuple[str, ...]] = ("x",)
    INPUT: ClassVar[str | None] = "x"
    STOCHASTIC: ClassVar[bool] = True
    UPDATE: ClassVar[Callable[..., Any] | None] = _poisson

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return the probability per step and unit value. Raises ValueError where it exceeds 1."""
        probability = np.asarray(self.rate) * (dt / 1000.0)
        if np.any(probability > 1):
            raise ValueError(
                f"Poisson.rate must be at most {1000 / dt:g} Hz at a step of {dt:g} ms, got {np.max(self.rate):g}"
            )
        return (probability,)

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the value of every neuron until an input sets it: 1."""
        return (1.0,)


@dataclasses.dataclass(frozen=True, eq=False)
class Latency(Model):
    """One spike per neuron, the earlier the larger its value: a value of 1 or more fires at 0 ms, one near 0 at the end, 0 never.

    window : ms, above 0, a multiple of the step
    """

    window: float = parameter(16.0, "ms", above=0.0)

    STATES: ClassVar[tuple[str, ...]] = ("x",)
    INPUT: ClassVar[str | None] = "x"
    UPDATE: ClassVar[Callable[..., Any] | None] = _latency

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return (steps in the window, one half, one)."""
        return self.steps("window", dt), 0.5, 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Graded(Model):
    """In the first step, one graded event per neuron with a nonzero value: it is delivered as weight x value."""

    STATES: ClassVar[tuple[str, ...]] = ("x",)
    INPUT: ClassVar[str | None] = "x"
    GRADED: ClassVar[bool] = True
    UPDATE: ClassVar[Callable[..., Any] | None] = _graded
    RESET: ClassVar[Callable[..., Any] | None] = _graded_once


@dataclasses.dataclass(frozen=True, eq=False)
class SpikeArray(Model):
    """The spike trains that a run is given, for each copy."""
