"""The alpha current: a spike causes w e (t / tau) exp(-t / tau), whose peak, at t = tau, is the weight w (pA).

    di/dt = -i / tau + h e / tau,  dh/dt = -h / tau          h -> h + w at the arrival of a spike
    i(t + dt) = exp(-dt / tau) (i + h e dt / tau), and the contribution to v over a step in closed form, exact

References
----------
Rotter & Diesmann 1999, Biological Cybernetics 81:381-402, section 3.1.2.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._parameters import Parameter, parameter
from ._propagators import exponential, ramped_exponential
from ._receptor import Receptor

__all__ = ["AlphaCurrent"]


@njit
def _receive(states: Any, constants: Any) -> Any:
    i, h = states
    gain_i, gain_h, decay, feed = constants
    return (decay * i + feed * h, decay * h), gain_i * i + gain_h * h


@njit
def _receive_euler(states: Any, constants: Any) -> Any:
    i, h = states
    decay, e, nothing = constants
    return (decay * i + (e * h - decay * (e * h)), decay * h), (nothing, i)


@dataclasses.dataclass(frozen=True, eq=False)
class AlphaCurrent(Receptor):
    """Current that rises to the weight (pA) within ``tau`` (ms, above 0) and falls again."""

    tau: Parameter = parameter(2.0, "ms", above=0.0)

    ADDS_TO: ClassVar[str] = "h"
    STATES: ClassVar[tuple[str, ...]] = ("i", "h")
    RECEIVE: ClassVar[Callable[..., Any] | None] = _receive
    RECEIVE_EULER: ClassVar[Callable[..., Any] | None] = _receive_euler

    def constants(self, dt: float, tau_m: Parameter, r_m: Parameter) -> tuple[Parameter, ...]:
        """Return (gain of i, gain of h, decay, feed): contributions of i and h to v (mV/pA), their decay, and h's share in i."""
        tau = np.asarray(self.tau)
        decay, slope = np.exp(-dt / tau), math.e / tau
        return (
            r_m * exponential(dt, tau, tau_m),
            r_m * slope * ramped_exponential(dt, tau, tau_m),
            decay,
            decay * slope * dt,
        )

    def euler_constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return (decay, e, conductance: none); i too moves by exponential Euler, towards e h of the start of the step."""
        return np.exp(-dt / np.asarray(self.tau)), math.e, 0.0
