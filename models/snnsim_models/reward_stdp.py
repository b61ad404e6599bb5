"""Reward-modulated STDP: pairs of spikes make a synapse eligible, and dopamine turns what is left of it into weight.

    at a pre spike:    c -> c - a_minus y,      y: trace of the post train, tau_minus
    at a post spike:   c -> c + a_plus x,       x: trace of the pre train, tau_plus
    tau_e dc/dt = -c,     tau_d dd/dt = -d + tau_d m(t),     dw/dt = c d

m(t) is a train of impulses (the modulator of the run): one of size m raises the dopamine d by m, a negative one is a punishment.

References
----------
Izhikevich 2007, Solving the distal reward problem through linkage of STDP and dopamine signaling, Cereb. Cortex 17:2443.
"""

import dataclasses
from typing import Any, ClassVar

from numba import njit

from ._parameters import parameter
from ._plasticity import PAIRINGS, Eligibility, Plasticity, Trace, traces_of

__all__ = ["RewardSTDP"]


@njit
def _on_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return -constants[1] * post[0]


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * pre[0]


@dataclasses.dataclass(frozen=True, eq=False)
class RewardSTDP(Plasticity):
    """Reward-modulated STDP. Parameters beside the bounds of the weight:

    a_plus, a_minus : at least 0, in the unit of the weight per ms and unit of dopamine
    tau_plus, tau_minus : ms, above 0
    tau_e : ms, above 0, of the eligibility
    tau_d : ms, above 0, of the dopamine
    pairing : "all-to-all", or "nearest": of each spike with the last one of the other side only
    """

    a_plus: float = parameter(1e-3, "", at_least=0.0)
    a_minus: float = parameter(1.5e-3, "", at_least=0.0)
    tau_plus: float = parameter(20.0, "ms", above=0.0)
    tau_minus: float = parameter(20.0, "ms", above=0.0)
    tau_e: float = parameter(1000.0, "ms", above=0.0)
    tau_d: float = parameter(200.0, "ms", above=0.0)
    pairing: str = "all-to-all"

    MODULATOR: ClassVar[str | None] = "reward"

    def __post_init__(self) -> None:
        """Check all parameters. Raises ValueError that names class, attribute and bound."""
        super().__post_init__()
        self.check_choice("pairing", PAIRINGS)

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The trace x."""
        return traces_of(self.pairing, self.tau_plus)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The trace y."""
        return traces_of(self.pairing, self.tau_minus)

    @property
    def on_pre(self) -> Any:
        """What lowers the eligibility."""
        return _on_pre

    @property
    def on_post(self) -> Any:
        """What raises the eligibility."""
        return _on_post

    @property
    def eligibility(self) -> Eligibility:
        """Its time constant, and that of the dopamine."""
        return Eligibility(self.tau_e, self.tau_d)

    def constants(self) -> tuple[float, ...]:
        """Return (a_plus, a_minus)."""
        return self.a_plus, self.a_minus
