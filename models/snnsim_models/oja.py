"""Oja's rule on the rates of two neurons, each a low-passed spike train.

    dw/dt = eta S_post (x - alpha y w),      x, y: traces of the pre and the post train, tau

where S_post is the train of post spikes: a product of rates in the mean, and decay in proportion to the square of the post rate,
which bounds the weights without clipping. With independent Poisson trains w settles at rate_pre / (alpha rate_post).

References
----------
Oja 1982, A simplified neuron model as a principal component analyzer, J. Math. Biol. 15:267. Gerstner, Kistler, Naud & Paninski
2014, Neuronal Dynamics, Cambridge University Press, section 19.2.
"""

import dataclasses
from typing import Any

from numba import njit

from ._parameters import parameter
from ._plasticity import Plasticity, Trace

__all__ = ["Oja"]


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * (pre[0] - constants[1] * post[0] * w)


@dataclasses.dataclass(frozen=True, eq=False)
class Oja(Plasticity):
    """Oja's rule. Parameters beside the bounds of the weight:

    eta : at least 0, the learning rate, in the unit of the weight
    alpha : at least 0, of the decay, per unit of the weight
    tau : ms, above 0, of the rates: a rate of r Hz is a trace of r tau / 1000 in the mean
    """

    eta: float = parameter(1e-3, "", at_least=0.0)
    alpha: float = parameter(1.0, "", at_least=0.0)
    tau: float = parameter(100.0, "ms", above=0.0)

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The rate x."""
        return (Trace(self.tau),)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The rate y."""
        return (Trace(self.tau),)

    @property
    def on_post(self) -> Any:
        """Growth and decay."""
        return _on_post

    def constants(self) -> tuple[float, ...]:
        """Return (eta, alpha)."""
        return self.eta, self.alpha
