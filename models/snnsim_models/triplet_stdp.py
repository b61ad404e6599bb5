"""Spike-timing-dependent plasticity of pairs and triplets of spikes.

    at a pre spike:    w -> w - o1 (a2_minus + a3_minus r2)
    at a post spike:   w -> w + r1 (a2_plus + a3_plus o2)

with the traces r1 (tau_plus) and r2 (tau_x) of the pre train, o1 (tau_minus) and o2 (tau_y) of the post train; r2 and o2 are those
just before the spike itself.

References
----------
Pfister & Gerstner 2006, Triplets of spikes in a model of spike timing-dependent plasticity, J. Neurosci. 26:9673.
"""

import dataclasses
from typing import Any

from numba import njit

from ._parameters import parameter
from ._plasticity import PAIRINGS, Plasticity, Trace, traces_of

__all__ = ["TripletSTDP"]


@njit
def _on_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return -post[0] * (constants[2] + constants[3] * pre[1])


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return pre[0] * (constants[0] + constants[1] * post[1])


@dataclasses.dataclass(frozen=True, eq=False)
class TripletSTDP(Plasticity):
    """Triplet STDP. Parameters beside the bounds of the weight:

    a2_plus, a3_plus, a2_minus, a3_minus : at least 0, in the unit of the weight, of pairs and of triplets
    tau_plus, tau_minus, tau_x, tau_y : ms, above 0
    pairing : "all-to-all", or "nearest": of each spike with the last ones only

    The defaults are those of the paper for visual cortex, all-to-all, in units of the initial weight (minimal model, table 4). The
    published program of Diehl & Cook 2015 is a2_plus = a3_minus = 0, a3_plus 0.01, a2_minus 1e-4, tau_plus = tau_minus = 20,
    tau_y 40, "nearest".
    """

    a2_plus: float = parameter(0.0, "", at_least=0.0)
    a3_plus: float = parameter(6.5e-3, "", at_least=0.0)
    a2_minus: float = parameter(7.1e-3, "", at_least=0.0)
    a3_minus: float = parameter(0.0, "", at_least=0.0)
    tau_plus: float = parameter(16.8, "ms", above=0.0)
    tau_minus: float = parameter(33.7, "ms", above=0.0)
    tau_x: float = parameter(101.0, "ms", above=0.0)
    tau_y: float = parameter(114.0, "ms", above=0.0)
    pairing: str = "all-to-all"

    def __post_init__(self) -> None:
        """Check all parameters. Raises ValueError that names class, attribute and bound."""
        super().__post_init__()
        self.check_choice("pairing", PAIRINGS)

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The traces r1 and r2."""
        return traces_of(self.pairing, self.tau_plus, self.tau_x)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The traces o1 and o2."""
        return traces_of(self.pairing, self.tau_minus, self.tau_y)

    @property
    def on_pre(self) -> Any:
        """Depression."""
        return _on_pre

    @property
    def on_post(self) -> Any:
        """Potentiation."""
        return _on_post

    def constants(self) -> tuple[float, ...]:
        """Return (a2_plus, a3_plus, a2_minus, a3_minus)."""
        return self.a2_plus, self.a3_plus, self.a2_minus, self.a3_minus
