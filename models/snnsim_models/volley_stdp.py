"""STDP with a symmetric window as wide as a volley: what spikes in the volley of a post spike is potentiated, all else depressed.

    at a post spike:   w -> w + eta (w_max - w)        where the pre neuron spiked within the last ``window`` ms
                       w -> w + eta (w_min - w)        elsewhere
    at a pre spike, where the post neuron spiked within the last ``window`` ms and the pre neuron did not:
                       w -> w + eta (w_max - w_min)

The last line turns the depression of the post spike into the potentiation that it would have been, had the pre spike come first:
w + eta (w_min - w) + eta (w_max - w_min) = w + eta (w_max - w). Each synapse knows the two trains and nothing else. The weight is a
running estimate of how often the input takes part in the volleys that the neuron answers.

References
----------
Falez, Tirilly, Bilasco, Devienne & Boulet 2019, Multi-layered spiking neural network with target timestamp threshold adaptation and
STDP, IJCNN (soft bounds, homeostasis, one winner a patch), with a window that stops at the post spike. Masquelier & Thorpe 2007,
Unsupervised learning of visual features through spike timing dependent plasticity, PLoS Comput. Biol. 3:e31 (volleys, one winner).
"""

import dataclasses
import math
from typing import Any

from numba import njit

from ._parameters import parameter
from ._plasticity import Plasticity, Trace

__all__ = ["VolleySTDP"]

# Constants: eta, w_min, w_max, the trace at the end of the window.


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    bound = constants[2] if pre[0] >= constants[3] else constants[1]
    return constants[0] * (bound - w)


@njit
def _on_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    late = post[0] >= constants[3] and pre[0] < constants[3]
    return constants[0] * (constants[2] - constants[1]) * late


@dataclasses.dataclass(frozen=True, eq=False)
class VolleySTDP(Plasticity):
    """Volley STDP. Parameters beside the bounds of the weight, which must be finite:

    eta : 0 to 1, the share of the way to a bound that a post spike moves the weight
    window : ms, above 0, longer than a volley and shorter than the pause between volleys
    """

    w_min: float = parameter(-1.0, "", bottomless=True)
    eta: float = parameter(0.05, "", at_least=0.0)
    window: float = parameter(10.0, "ms", above=0.0)

    def __post_init__(self) -> None:
        """Check all parameters. Raises ValueError that names class, attribute and bound."""
        super().__post_init__()
        self.check_bounded("soft bounds")
        if self.eta > 1:
            raise ValueError(f"VolleySTDP.eta must be at most 1, got {self.eta:g}")

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """What tells whether the source spiked within the window: the age of its last spike."""
        return (Trace(self.window, accumulates=False),)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The same of the target."""
        return (Trace(self.window, accumulates=False),)

    @property
    def on_pre(self) -> Any:
        """Potentiation of an input that comes after the post spike."""
        return _on_pre

    @property
    def on_post(self) -> Any:
        """Potentiation of the inputs that came before, depression of the others."""
        return _on_post

    def constants(self) -> tuple[float, ...]:
        """Return (eta, w_min, w_max, the trace at the end of the window, with a margin for its rounding)."""
        return self.eta, self.w_min, self.w_max, math.exp(-1.0) * (1 - 1e-4)
