"""The rule of Bienenstock, Cooper & Munro on the rates of two neurons, each a low-passed spike train.

    dw/dt = eta S_post x (y - theta),     theta = z^2 / y_0

where S_post is the train of post spikes, x and y are traces (tau) of the pre and the post train, and z = (tau / tau_theta) times a
slower trace (tau_theta) of the post train: the mean of y. Below the sliding threshold theta a post spike depresses, above it
potentiates; since theta grows faster than the rate itself, the rate is drawn to y = y_0.

References
----------
Bienenstock, Cooper & Munro 1982, Theory for the development of neuron selectivity, J. Neurosci. 2:32. Izhikevich & Desai 2003,
Relating STDP to BCM, Neural Comput. 15:1511.
"""

import dataclasses
from typing import Any

from numba import njit

from ._parameters import parameter
from ._plasticity import Plasticity, Trace

__all__ = ["BCM"]


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * pre[0] * (post[0] - constants[1] * post[1] * post[1])


@dataclasses.dataclass(frozen=True, eq=False)
class BCM(Plasticity):
    """The BCM rule. Parameters beside the bounds of the weight:

    eta : at least 0, the learning rate, in the unit of the weight
    y_0 : above 0, the rate at which the threshold equals it, as a trace: r Hz is r tau / 1000
    tau : ms, above 0, of the rates
    tau_theta : ms, above 0, of the mean rate that moves the threshold
    """

    eta: float = parameter(1e-3, "", at_least=0.0)
    y_0: float = parameter(1.0, "", above=0.0)
    tau: float = parameter(100.0, "ms", above=0.0)
    tau_theta: float = parameter(10_000.0, "ms", above=0.0)

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The rate x."""
        return (Trace(self.tau),)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The rate y, and the slow one that theta follows."""
        return Trace(self.tau), Trace(self.tau_theta)

    @property
    def on_post(self) -> Any:
        """Potentiation or depression."""
        return _on_post

    def constants(self) -> tuple[float, ...]:
        """Return (eta, what makes theta of the square of the slow trace)."""
        return self.eta, (self.tau / self.tau_theta) ** 2 / self.y_0
