"""Spike-timing-dependent plasticity of pairs of spikes.

    at a pre spike:    w -> w - a_minus f_minus(w) y,      y: trace of the post train, tau_minus
    at a post spike:   w -> w + a_plus f_plus(w) x,        x: trace of the pre train, tau_plus

so that a single pair with t = t_post - t_pre changes w by a_plus f_plus exp(-t / tau_plus) for t >= 0, and by
-a_minus f_minus exp(t / tau_minus) for t < 0. With u = (w - w_min) / (w_max - w_min),

    additive         f_plus = f_minus = 1                                  hard bounds
    multiplicative   f_plus = 1 - u,          f_minus = u                  soft bounds
    soft             f_plus = (1 - u)^mu,     f_minus = u^mu               between the two
    power-law        f_plus = w_0 (w / w_0)^mu,  f_minus = w               no upper bound needed

References
----------
Song, Miller & Abbott 2000, Competitive Hebbian learning through spike-timing-dependent synaptic plasticity, Nat. Neurosci. 3:919
(additive). Rubin, Lee & Sompolinsky 2001, Equilibrium properties of temporally asymmetric Hebbian plasticity, Phys. Rev. Lett.
86:364 (multiplicative). Guetig, Aharonov, Rotter & Sompolinsky 2003, Learning input correlations through nonlinear temporally
asymmetric Hebbian plasticity, J. Neurosci. 23:3697 (soft). Morrison, Aertsen & Diesmann 2007, Spike-timing-dependent plasticity in
balanced random networks, Neural Comput. 19:1437 (power-law). Morrison, Diesmann & Gerstner 2008, Phenomenological models of
synaptic plasticity based on spike timing, Biol. Cybern. 98:459 (pairing schemes; "nearest" is their symmetric one).
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from numba import njit

from ._parameters import parameter
from ._plasticity import PAIRINGS, Plasticity, Trace, traces_of

__all__ = ["PairSTDP"]

# Constants: a_plus, a_minus, w_min, w_max, exponent; the amplitudes are already divided by what u, or w / w_0, divides by.


@njit
def _additive_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return -constants[1] * post[0]


@njit
def _additive_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * pre[0]


@njit
def _multiplicative_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return -constants[1] * (w - constants[2]) * post[0]


@njit
def _multiplicative_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * (constants[3] - w) * pre[0]


@njit
def _soft_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return -constants[1] * (w - constants[2]) ** constants[4] * post[0]


@njit
def _soft_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * (constants[3] - w) ** constants[4] * pre[0]


@njit
def _power_law_pre(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return -constants[1] * w * post[0]


@njit
def _power_law_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * w ** constants[4] * pre[0]


_FUNCTIONS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "additive": (_additive_pre, _additive_post),
    "multiplicative": (_multiplicative_pre, _multiplicative_post),
    "soft": (_soft_pre, _soft_post),
    "power-law": (_power_law_pre, _power_law_post),
}


@dataclasses.dataclass(frozen=True, eq=False)
class PairSTDP(Plasticity):
    """Pair-based STDP. Parameters beside the bounds of the weight:

    a_plus, a_minus : at least 0, of potentiation and depression, in the unit of the weight (power-law: numbers)
    tau_plus, tau_minus : ms, above 0
    dependence : "additive", "multiplicative", "soft" or "power-law", on the weight; finite bounds for the middle two
    mu : at least 0, the exponent of "soft" and "power-law"
    w_0 : above 0, the reference weight of "power-law", which needs w_min of at least 0
    pairing : "all-to-all", or "nearest": of each spike with the last one of the other side only
    """

    a_plus: float = parameter(0.01, "", at_least=0.0)
    a_minus: float = parameter(0.0105, "", at_least=0.0)
    tau_plus: float = parameter(20.0, "ms", above=0.0)
    tau_minus: float = parameter(20.0, "ms", above=0.0)
    dependence: str = "additive"
    mu: float = parameter(0.4, "", at_least=0.0)
    w_0: float = parameter(1.0, "", above=0.0)
    pairing: str = "all-to-all"

    DEPENDENCES: ClassVar[tuple[str, ...]] = tuple(_FUNCTIONS)

    def __post_init__(self) -> None:
        """Check all parameters. Raises ValueError that names class, attribute and bound."""
        super().__post_init__()
        self.check_choice("dependence", self.DEPENDENCES)
        self.check_choice("pairing", PAIRINGS)
        if self.dependence in ("multiplicative", "soft"):
            self.check_bounded(f"dependence={self.dependence!r}")
        if self.dependence == "power-law" and self.w_min < 0:
            raise ValueError(f"PairSTDP.w_min must be at least 0 with dependence='power-law', got {self.w_min:g}")

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The trace that potentiation reads."""
        return traces_of(self.pairing, self.tau_plus)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The trace that depression reads."""
        return traces_of(self.pairing, self.tau_minus)

    @property
    def on_pre(self) -> Any:
        """Depression."""
        return _FUNCTIONS[self.dependence][0]

    @property
    def on_post(self) -> Any:
        """Potentiation."""
        return _FUNCTIONS[self.dependence][1]

    @property
    def variant(self) -> str:
        """The dependence on the weight."""
        return self.dependence

    def constants(self) -> tuple[float, ...]:
        """Return (a_plus, a_minus, w_min, w_max, mu), the amplitudes divided by what the weight is divided by."""
        plus = minus = 1.0
        if self.dependence == "multiplicative":
            plus = minus = self.w_max - self.w_min
        elif self.dependence == "soft":
            plus = minus = (self.w_max - self.w_min) ** self.mu
        elif self.dependence == "power-law":
            plus = self.w_0 ** (self.mu - 1)
        return self.a_plus / plus, self.a_minus / minus, self.w_min, self.w_max, self.mu
