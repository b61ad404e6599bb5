"""STDP in proportion to what an input has contributed: for neurons that integrate switched-on currents and spike once a volley.

    at a post spike:   w -> w + eta (gain x - w),      x = ((t_post - t_pre) / window)^mu,  0 where the pre neuron did not spike

A spike that switches on a current has charged the membrane for t_post - t_pre. So w, which decays at every post spike, comes to be
the mean of a power of the charging times of its input: a template of the latencies of the volleys that the neuron answers. t_pre is
read from the trace of the pre train, exp(-(t - t_pre) / tau), which a spike sets to 1; ``window`` only scales x, a spike counts
however long ago it was.

References
----------
Masquelier & Thorpe 2007, Unsupervised learning of visual features through spike timing dependent plasticity, PLoS Comput. Biol.
3:e31 (volleys, the first spike wins). Oja 1982, A simplified neuron model as a principal component analyzer, J. Math. Biol. 15:267
(decay with the post activity, which bounds the weights).
"""

import dataclasses
import math
from typing import Any

from numba import njit

from ._parameters import parameter
from ._plasticity import Plasticity, Trace

__all__ = ["ChargeSTDP", "charge_change"]


@njit
def charge_change(w: Any, x: Any, eta: Any, gain: Any) -> Any:
    """Return the change of w at a post spike: ``x`` is the power of the charging time, in windows."""
    return eta * (gain * x - w)


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    eta, gain, windows, mu = constants
    # A source that never fired has a trace of 0. Right after a spike the logarithm may be rounded below 0.
    age = abs(math.log(pre[0])) * windows if pre[0] > 0 else pre[0]
    return charge_change(w, age**mu, eta, gain)


@dataclasses.dataclass(frozen=True, eq=False)
class ChargeSTDP(Plasticity):
    """STDP in proportion to contributed charge. Parameters beside the bounds of the weight:

    eta : 0 to 1, the share of the way to gain x that a post spike moves the weight
    gain : above 0, the weight (in its unit) for a charging time of one window
    window : ms, above 0
    mu : above 0; 1 is the charge itself, the smaller, the less brightness counts
    """

    w_max: float = parameter(math.inf, "", endless=True)
    eta: float = parameter(0.05, "", at_least=0.0)
    gain: float = parameter(0.1, "", above=0.0)
    window: float = parameter(20.0, "ms", above=0.0)
    mu: float = parameter(0.5, "", above=0.0)

    def __post_init__(self) -> None:
        """Check all parameters. Raises ValueError that names class, attribute and bound."""
        super().__post_init__()
        if self.eta > 1:
            raise ValueError(f"ChargeSTDP.eta must be at most 1, got {self.eta:g}")

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """What tells how long ago the source spiked last."""
        return (Trace(_WINDOWS * self.window, accumulates=False),)

    @property
    def on_post(self) -> Any:
        """Towards what the input has contributed."""
        return _on_post

    def constants(self) -> tuple[float, ...]:
        """Return (eta, gain, time constant of the trace in windows, mu)."""
        return self.eta, self.gain, _WINDOWS, self.mu


_WINDOWS = 4.0
"""Time constant of the trace in windows: long enough for precision over a volley, short enough that volleys far back fade."""
