"""The exponential conductance: a spike adds its weight w (nS), which then decays.

    dg/dt = -g / tau          g -> g + w at the arrival of a spike
    current into the membrane: g (e_rev - v)

References
----------
Gerstner, Kistler, Naud & Paninski 2014, Neuronal Dynamics, Cambridge University Press, section 3.1.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._parameters import Parameter, parameter
from ._receptor import Receptor

__all__ = ["ExponentialConductance"]


@njit
def _receive_euler(states: Any, constants: Any) -> Any:
    (g,) = states
    decay, e_rev = constants
    return (g * decay,), (g, g * e_rev)


@dataclasses.dataclass(frozen=True, eq=False)
class ExponentialConductance(Receptor):
    """Conductance that jumps by the weight (nS) and decays with ``tau`` (ms, above 0), with reversal potential ``e_rev`` (mV).

    Its current depends on v, so a neuron with one of these has no closed form over a step: it is integrated by exponential Euler,
    as Brian2's ``exponential_euler`` does it. All receptor variables are those of the start of the step, g itself decays exactly;
    the error of v is of the order of dt.
    """

    tau: Parameter = parameter(5.0, "ms", above=0.0)
    e_rev: Parameter = parameter(0.0, "mV")

    ADDS_TO: ClassVar[str] = "g"
    STATES: ClassVar[tuple[str, ...]] = ("g",)
    RECEIVE_EULER: ClassVar[Callable[..., Any] | None] = _receive_euler

    def euler_constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return (decay of g, reversal potential)."""
        return np.exp(-dt / np.asarray(self.tau)), self.e_rev
