"""The exponential current: a spike adds its weight w (pA), which then decays.

    di/dt = -i / tau          i -> i + w at the arrival of a spike
    contribution to v over a step: r_m i tau / (tau - tau_m) (exp(-dt / tau) - exp(-dt / tau_m)), exact

References
----------
Rotter & Diesmann 1999, Biological Cybernetics 81:381-402.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._parameters import Parameter, parameter
from ._propagators import exponential
from ._receptor import Receptor

__all__ = ["ExponentialCurrent"]


@njit
def _receive(states: Any, constants: Any) -> Any:
    (i,) = states
    gain, decay = constants
    return (i * decay,), i * gain


@njit
def _receive_euler(states: Any, constants: Any) -> Any:
    (i,) = states
    decay, nothing = constants
    return (i * decay,), (nothing, i)


@dataclasses.dataclass(frozen=True, eq=False)
class ExponentialCurrent(Receptor):
    """Current that jumps by the weight (pA) and decays with ``tau`` (ms, above 0)."""

    tau: Parameter = parameter(5.0, "ms", above=0.0)

    ADDS_TO: ClassVar[str] = "i"
    STATES: ClassVar[tuple[str, ...]] = ("i",)
    RECEIVE: ClassVar[Callable[..., Any] | None] = _receive
    RECEIVE_EULER: ClassVar[Callable[..., Any] | None] = _receive_euler

    def constants(self, dt: float, tau_m: Parameter, r_m: Parameter) -> tuple[Parameter, ...]:
        """Return (gain, decay): what a current of 1 pA adds to v in a step (mV), and what is left of it."""
        return r_m * exponential(dt, self.tau, tau_m), np.exp(-dt / np.asarray(self.tau))

    def euler_constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return (decay, conductance: none)."""
        return np.exp(-dt / np.asarray(self.tau)), 0.0
