"""The leaky integrate-and-fire neuron with a spike-triggered adaptation current.

    tau_m dv/dt = v_rest - v + r_m (i + i_offset - w + the currents of the receptors)
    dw/dt = -w / tau_w,     w -> w + b at a spike, once its spikes are delivered

All else as LIF. Without conductances the effect of w on v over a step is integrated exactly, as that of an exponential current.

References
----------
Gerstner, Kistler, Naud & Paninski 2014, Neuronal Dynamics, Cambridge University Press, section 6.1 (with a = 0).
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._membrane import CONSTANTS, integrate, reset_potential, updates_held
from ._parameters import Parameter, parameter
from ._propagators import exponential
from .leaky_integrate_and_fire import LIF

__all__ = ["AdaptiveCurrentLIF"]

_SHARE, _DECAY, _JUMP = CONSTANTS, CONSTANTS + 1, CONSTANTS + 2


@njit
def _update(state: Any, move: Any, held: Any, step: Any, constants: Any) -> Any:
    v, i, w = state
    decay, shift, gain = move
    v = integrate(v, decay, shift - gain * (constants[_SHARE] * w), held, constants)
    return (v, i, constants[_DECAY] * w), v > constants[3]


@njit
def _reset(state: Any, constants: Any) -> Any:
    v, i, w = state
    return (reset_potential(v, constants[3], constants), i, w + constants[_JUMP]), updates_held(constants)


@dataclasses.dataclass(frozen=True, eq=False)
class AdaptiveCurrentLIF(LIF):
    """LIF neuron with an adaptation current ``w`` that each of its spikes strengthens. Parameters beside those of LIF:

    b : pA, at least 0, the jump of w at a spike
    tau_w : ms, above 0, of the decay of w
    """

    b: Parameter = parameter(1.0, "pA", at_least=0.0)
    tau_w: Parameter = parameter(100.0, "ms", above=0.0)

    STATES: ClassVar[tuple[str, ...]] = ("v", "i", "w")
    UPDATE: ClassVar[Callable[..., Any] | None] = _update
    RESET: ClassVar[Callable[..., Any] | None] = _reset

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return those of LIF, then (share, decay, jump) of w.

        ``share`` w, constant in the step, would move v as the decaying w does; for exponential Euler, whose w is constant, it is 1.
        """
        share: Parameter = 1.0
        if self.method == "exact":
            share = exponential(dt, self.tau_w, self.tau_m) / -np.expm1(-dt / np.asarray(self.tau_m))
        return *super().constants(dt), share, np.exp(-dt / np.asarray(self.tau_w)), self.b

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the initial v, i and w."""
        return *super().initial(dt), 0.0
