"""The leaky integrate-and-fire neuron with an adaptive threshold (homeostasis).

    as LIF, but: spike where v > v_threshold + theta
    dtheta/dt = -theta / tau_theta,     theta -> theta + theta_plus at a spike, once its spikes are delivered

References
----------
Diehl & Cook 2015, Unsupervised learning of digit recognition using spike-timing-dependent plasticity, Frontiers in Computational
Neuroscience 9:99.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._membrane import CONSTANTS, integrate, reset_potential, updates_held
from ._parameters import Parameter, parameter
from .leaky_integrate_and_fire import LIF

__all__ = ["AdaptiveThresholdLIF"]

_LOSS, _STEP = CONSTANTS, CONSTANTS + 1


@njit
def _update(state: Any, move: Any, held: Any, step: Any, constants: Any) -> Any:
    v, i, theta, carry = state
    decay, shift, _ = move
    v = integrate(v, decay, shift, held, constants)
    # What theta loses in a step may be less than it can resolve: the remainder is carried (Kahan's summation).
    change = carry - constants[_LOSS] * theta
    lower = theta + change
    carry = change - (lower - theta)
    # A rule may lower theta so far that even the reset potential lies above the threshold.
    return (v, i, lower, carry), (v > constants[3] + lower) & (not held)


@njit
def _reset(state: Any, constants: Any) -> Any:
    v, i, theta, carry = state
    v = reset_potential(v, constants[3] + theta, constants)
    return (v, i, theta + constants[_STEP], carry), updates_held(constants)


@dataclasses.dataclass(frozen=True, eq=False)
class AdaptiveThresholdLIF(LIF):
    """LIF neuron whose threshold rises by a step at each of its spikes and falls back slowly. Parameters beside those of LIF:

    theta_plus : mV, at least 0, the rise
    tau_theta : ms, above 0, of its decay; may be ``inf``
    theta_initial : mV; v_threshold + theta_initial must be above v_reset

    A soft reset takes v_threshold + theta - v_reset from v, with the theta that v exceeded. The state ``theta_carry`` (mV) is what
    theta has lost below its resolution: in float32 a decay of 1e7 ms would otherwise vanish in rounding.
    """

    theta_plus: Parameter = parameter(0.05, "mV", at_least=0.0)
    tau_theta: Parameter = parameter(1e7, "ms", above=0.0, endless=True)
    theta_initial: Parameter = parameter(0.0, "mV")

    STATES: ClassVar[tuple[str, ...]] = ("v", "i", "theta", "theta_carry")
    UPDATE: ClassVar[Callable[..., Any] | None] = _update
    RESET: ClassVar[Callable[..., Any] | None] = _reset

    def check_threshold(self) -> None:
        """Raise ValueError unless the threshold, theta included, starts above the reset potential."""
        first = np.asarray(self.v_threshold) + self.theta_initial
        first, reset = np.broadcast_arrays(first, self.v_reset)
        if not (first > reset).all():
            where = int(np.argmin(first > reset))
            raise ValueError(
                f"{type(self).__name__}: v_threshold + theta_initial must be above v_reset, "
                f"got {first.flat[where]:g} and {reset.flat[where]:g} mV"
            )

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return those of LIF, then (the share of theta that decays in a step, rise)."""
        return *super().constants(dt), -np.expm1(-dt / np.asarray(self.tau_theta)), self.theta_plus

    def frozen_constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return those with which theta neither rises nor decays."""
        return *self.constants(dt)[:_LOSS], 0.0, 0.0

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the initial v, i, theta and theta_carry."""
        return *super().initial(dt), self.theta_initial, 0.0
