"""The covariance rule on two spike trains: correlated neurons are joined more strongly, anticorrelated ones less.

    at a pre spike:    w -> w + eta (y - y_mean)
    at a post spike:   w -> w + eta (x - x_mean)

x and y are traces (tau) of the pre and the post train; x_mean and y_mean are (tau / tau_mean) times slower ones (tau_mean). In the
mean w follows the integral of the covariance of the trains over a window of width tau: independent trains change nothing.

References
----------
Sejnowski 1977, Storing covariance with nonlinearly interacting neurons, J. Math. Biol. 4:303. Gerstner, Kistler, Naud & Paninski
2014, Neuronal Dynamics, Cambridge University Press, section 19.2.
"""

import dataclasses
from typing import Any

from numba import njit

from ._parameters import parameter
from ._plasticity import Plasticity, Trace

__all__ = ["Covariance"]


@njit
def _on_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * (post[0] - constants[1] * post[1])


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * (pre[0] - constants[1] * pre[1])


@dataclasses.dataclass(frozen=True, eq=False)
class Covariance(Plasticity):
    """The covariance rule. Parameters beside the bounds of the weight:

    eta : at least 0, the learning rate, in the unit of the weight
    tau : ms, above 0, of the rates
    tau_mean : ms, above tau, of their means
    """

    eta: float = parameter(1e-3, "", at_least=0.0)
    tau: float = parameter(20.0, "ms", above=0.0)
    tau_mean: float = parameter(1000.0, "ms", above=0.0)

    def __post_init__(self) -> None:
        """Check all parameters. Raises ValueError that names class, attribute and bound."""
        super().__post_init__()
        self.check_above("tau_mean", "tau")

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The rate of the source and its mean."""
        return Trace(self.tau), Trace(self.tau_mean)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The rate of the target and its mean."""
        return Trace(self.tau), Trace(self.tau_mean)

    @property
    def on_pre(self) -> Any:
        """The share of pairs whose post spike came first."""
        return _on_pre

    @property
    def on_post(self) -> Any:
        """The share of pairs whose pre spike came first."""
        return _on_post

    def constants(self) -> tuple[float, ...]:
        """Return (eta, tau / tau_mean)."""
        return self.eta, self.tau / self.tau_mean
