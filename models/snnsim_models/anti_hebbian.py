"""Anti-Hebbian lateral inhibition: neurons that fire together inhibit each other more, those that seldom do less.

    at a pre spike:    w -> w - eta (y - 2 rho_0 tau)
    at a post spike:   w -> w - eta x

x, y: traces (tau) of the pre and the post train. Weights are negative: what lowers them is more inhibition. With independent
Poisson trains nothing changes in the mean where the post rate is rho_0.

References
----------
Foldiak 1990, Forming sparse representations by local anti-Hebbian learning, Biol. Cybern. 64:165. Vogels, Sprekeler, Zenke, Clopath
& Gerstner 2011, Inhibitory plasticity balances excitation and inhibition in sensory pathways and memory networks, Science 334:1569.
"""

import dataclasses
from typing import Any

from numba import njit

from ._parameters import parameter
from ._plasticity import Plasticity, Trace

__all__ = ["AntiHebbian"]


@njit
def _on_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * (constants[1] - post[0])


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return -constants[0] * pre[0]


@dataclasses.dataclass(frozen=True, eq=False)
class AntiHebbian(Plasticity):
    """Anti-Hebbian inhibition. Parameters beside the bounds of the weight, by default -1 and 0:

    eta : at least 0, the learning rate, in the unit of the weight
    rho_0 : Hz, at least 0, the rate of the target at which inhibition stays as it is
    tau : ms, above 0, of the traces
    """

    w_min: float = parameter(-1.0, "", bottomless=True)
    w_max: float = parameter(0.0, "", endless=True)
    eta: float = parameter(1e-3, "", at_least=0.0)
    rho_0: float = parameter(5.0, "Hz", at_least=0.0)
    tau: float = parameter(20.0, "ms", above=0.0)

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The trace x."""
        return (Trace(self.tau),)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The trace y."""
        return (Trace(self.tau),)

    @property
    def on_pre(self) -> Any:
        """More inhibition after a post spike, less where there was none."""
        return _on_pre

    @property
    def on_post(self) -> Any:
        """More inhibition after a pre spike."""
        return _on_post

    def constants(self) -> tuple[float, ...]:
        """Return (eta, the trace at which a pre spike changes nothing)."""
        return self.eta, 2 * self.rho_0 * self.tau / 1000.0
