"""The leaky integrate-and-fire neuron with escape noise: it fires at random, the more likely the higher its potential.

    hazard       rho = rho_0 exp((v - v_threshold) / delta_v)
    per step     P(spike) = 1 - exp(-rho dt), with v at the end of the step, where the neuron is not refractory

All else as LIF. As delta_v goes to 0 it becomes LIF.

References
----------
Gerstner, Kistler, Naud & Paninski 2014, Neuronal Dynamics, Cambridge University Press, sections 9.1 and 9.2.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._membrane import CONSTANTS, integrate
from ._parameters import Parameter, parameter
from .leaky_integrate_and_fire import LIF

__all__ = ["EscapeNoiseLIF"]

_HAZARD, _STEEPNESS = CONSTANTS, CONSTANTS + 1


@njit
def _update(state: Any, move: Any, held: Any, step: Any, uniform: Any, constants: Any) -> Any:
    v, i = state
    decay, shift, _ = move
    v = integrate(v, decay, shift, held, constants)
    expected = constants[_HAZARD] * math.exp((v - constants[3]) * constants[_STEEPNESS])
    # A uniform in (0, 1) may round to 1 in float32: a probability of 1 fires all the same.
    return (v, i), (uniform <= -math.expm1(-expected)) & (not held)


@dataclasses.dataclass(frozen=True, eq=False)
class EscapeNoiseLIF(LIF):
    """LIF neuron that fires with a hazard that is exponential in its distance from the threshold. Parameters beside those of LIF:

    rho_0 : Hz, above 0, the hazard at the threshold
    delta_v : mV, above 0, the potential over which the hazard grows e-fold

    Where v_threshold is ``inf``, it never fires. A soft reset takes v_threshold - v_reset from v, wherever v is.
    """

    rho_0: Parameter = parameter(100.0, "Hz", above=0.0)
    delta_v: Parameter = parameter(1.0, "mV", above=0.0)

    STOCHASTIC: ClassVar[bool] = True
    DRAW: ClassVar[str] = "open_uniform"
    UPDATE: ClassVar[Callable[..., Any] | None] = _update

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return those of LIF, then (spikes expected in a step at the threshold, 1 / delta_v)."""
        return *super().constants(dt), self.rho_0 * (dt / 1000.0), 1 / np.asarray(self.delta_v)
