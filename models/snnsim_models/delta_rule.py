"""The delta rule with a local teaching signal: each target neuron learns from its own error, what was wanted less what it fired.

    at an impulse m_i of the teaching signal of target i:    w -> w + eta m_i x
    at a spike of target i:                                  w -> w - eta own x

x: trace of the pre train, tau. With impulses at the wanted spike times and own = 1 the weight follows the difference of the wanted
and the actual spike train; with own = 0 the impulses are the errors themselves.

References
----------
Widrow & Hoff 1960, Adaptive switching circuits, IRE WESCON Convention Record 4:96. Ponulak & Kasinski 2010, Supervised learning in
spiking neural networks with ReSuMe, Neural Comput. 22:467.
"""

import dataclasses
from typing import Any, ClassVar

from numba import njit

from ._parameters import parameter
from ._plasticity import Plasticity, Trace

__all__ = ["DeltaRule"]


@njit
def _on_signal(w: Any, signal: Any, pre: Any, post: Any, constants: Any) -> Any:
    return constants[0] * signal * pre[0]


@njit
def _on_post(w: Any, pre: Any, post: Any, constants: Any) -> Any:
    return -constants[1] * pre[0]


@dataclasses.dataclass(frozen=True, eq=False)
class DeltaRule(Plasticity):
    """The delta rule. Parameters beside the bounds of the weight, which by default does not have any:

    eta : at least 0, the learning rate, in the unit of the weight
    own : at least 0, how much a target's own spike counts against the teaching signal; 0: it learns from the signal alone
    tau : ms, above 0, of the trace; infinite: it counts the spikes since the last reset
    """

    w_min: float = parameter(float("-inf"), "", bottomless=True)
    w_max: float = parameter(float("inf"), "", endless=True)
    eta: float = parameter(0.01, "", at_least=0.0)
    own: float = parameter(1.0, "", at_least=0.0)
    tau: float = parameter(20.0, "ms", above=0.0, endless=True)

    MODULATOR: ClassVar[str | None] = "teaching"

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The trace x."""
        return (Trace(self.tau),)

    @property
    def on_post(self) -> Any:
        """What the neuron's own spikes take back."""
        return _on_post if self.own > 0 else None

    @property
    def on_signal(self) -> Any:
        """What the teaching signal gives."""
        return _on_signal

    @property
    def variant(self) -> str:
        """Whether the target's own spikes count."""
        return "own" if self.own > 0 else "signal"

    def constants(self) -> tuple[float, ...]:
        """Return (eta, eta own)."""
        return self.eta, self.eta * self.own
