"""The leaky integrate-and-fire neuron with Gaussian white noise in its potential.

    tau_m dv/dt = v_rest - v + r_m (i + i_offset + the currents of the receptors) + sigma sqrt(2 tau_m) xi(t)
    v(t + dt) = what LIF makes of it + sigma sqrt(1 - exp(-2 dt / tau_m)) N(0, 1)

where xi is white noise of unit intensity. Without a threshold the potential is an Ornstein-Uhlenbeck process of stationary standard
deviation sigma, and its steps have exactly that process's distribution, whatever dt. All else as LIF.

References
----------
Gillespie 1996, Exact numerical simulation of the Ornstein-Uhlenbeck process and its integral, Physical Review E 54:2084.
Gerstner, Kistler, Naud & Paninski 2014, Neuronal Dynamics, Cambridge University Press, section 8.1.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._membrane import CONSTANTS, integrate
from ._parameters import Parameter, parameter
from .leaky_integrate_and_fire import LIF

__all__ = ["NoisyLIF"]


@njit
def _update(state: Any, move: Any, held: Any, step: Any, normal: Any, constants: Any) -> Any:
    v, i = state
    decay, shift, _ = move
    v = integrate(v, decay, shift + constants[CONSTANTS] * normal, held, constants)
    return (v, i), v > constants[3]


@dataclasses.dataclass(frozen=True, eq=False)
class NoisyLIF(LIF):
    """LIF neuron with white noise. A parameter beside those of LIF:

    sigma : mV, at least 0, the stationary standard deviation of the potential without threshold and without conductances

    With conductances, which make the membrane faster, the noise of a step keeps the size that it has without them: an error of the
    order of dt, as that of exponential Euler itself. No noise reaches a refractory neuron.
    """

    sigma: Parameter = parameter(1.0, "mV", at_least=0.0)

    STOCHASTIC: ClassVar[bool] = True
    DRAW: ClassVar[str] = "normal"
    UPDATE: ClassVar[Callable[..., Any] | None] = _update

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return those of LIF, then the standard deviation of the noise of a step."""
        return *super().constants(dt), self.sigma * np.sqrt(-np.expm1(-2 * dt / np.asarray(self.tau_m)))
