"""STDP that only a post spike triggers: what fired lately is potentiated, what did not is depressed.

    at a post spike:   w -> w + eta (x - x_target) (w_max - w)^mu,      x: trace of the pre train, tau

References
----------
Diehl & Cook 2015, Unsupervised learning of digit recognition using spike-timing-dependent plasticity, Frontiers in Computational
Neuroscience 9:99, section 2.3 (the power-law rule; the published program has another one, see TripletSTDP).
"""

import dataclasses
from typing import Any

from numba import njit

from ._parameters import parameter
from ._plasticity import PAIRINGS, Plasticity, Trace, traces_of

__all__ = ["PostTriggeredSTDP"]


@njit
def _hard(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * (pre[0] - constants[1])


@njit
def _soft(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * (pre[0] - constants[1]) * (constants[2] - w) ** constants[3]


@dataclasses.dataclass(frozen=True, eq=False)
class PostTriggeredSTDP(Plasticity):
    """Post-triggered STDP. Parameters beside the bounds of the weight:

    eta : at least 0, the learning rate, in the unit of the weight to the power 1 - mu
    x_target : at least 0, the trace at which nothing changes; the larger, the sparser the weights
    tau : ms, above 0, of the trace
    mu : at least 0, of the dependence on the weight; 0 leaves only the hard bounds, else w_max must be finite
    pairing : "all-to-all", or "nearest": the trace never exceeds 1
    """

    eta: float = parameter(0.01, "", at_least=0.0)
    x_target: float = parameter(0.4, "", at_least=0.0)
    tau: float = parameter(20.0, "ms", above=0.0, endless=True)
    mu: float = parameter(0.2, "", at_least=0.0)
    pairing: str = "nearest"

    def __post_init__(self) -> None:
        """Check all parameters. Raises ValueError that names class, attribute and bound."""
        super().__post_init__()
        self.check_choice("pairing", PAIRINGS)
        if self.mu > 0:
            self.check_bounded("mu above 0")

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The trace x."""
        return traces_of(self.pairing, self.tau)

    @property
    def on_post(self) -> Any:
        """Potentiation and depression."""
        return _soft if self.mu > 0 else _hard

    @property
    def variant(self) -> str:
        """Whether the change depends on the weight."""
        return "soft" if self.mu > 0 else "hard"

    def constants(self) -> tuple[float, ...]:
        """Return (eta, x_target, w_max, mu)."""
        return self.eta, self.x_target, self.w_max, self.mu
