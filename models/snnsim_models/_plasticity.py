"""What every plasticity rule has in common: traces of the spike trains that a synapse joins, and what a spike does to its weight.

A rule knows the two trains and nothing else: each trace x is a train filtered by an exponential kernel,

    tau dx/dt = -x,     x -> x + 1 at a spike of the train (all-to-all pairing), or x -> 1 (nearest neighbour)

A spike changes the weight first and its own traces afterwards. Spikes that meet at a synapse in the same step count as pre before
post. After every change the weight is clipped to [w_min, w_max].

With an eligibility c, a spike changes c instead of the weight, and a modulator d, the same for all synapses, makes weights of it:

    tau_e dc/dt = -c,     tau_d dd/dt = -d + tau_d m(t),     dw/dt = c d

where m(t) is a train of impulses given to the run. Such a weight is integrated exactly, and clipped when a spike reaches the
synapse.
"""

import dataclasses
import math
from typing import Any, ClassVar, NamedTuple

from ._parameters import Parameters, parameter

__all__ = ["Eligibility", "Plasticity", "Trace", "traces_of"]


class Trace(NamedTuple):
    """A filtered spike train."""

    tau: float
    """ms, above 0; may be infinite: then the trace counts spikes."""
    accumulates: bool = True
    """Whether a spike adds 1 (all-to-all pairing) or sets the trace to 1 (nearest neighbour)."""


class Eligibility(NamedTuple):
    """The time constants of the eligibility of a synapse and of the modulator, ms, above 0."""

    tau_e: float
    tau_d: float


@dataclasses.dataclass(frozen=True, eq=False)
class Plasticity(Parameters):
    """Base of all plasticity rules. A rule knows no loop: it gives constants, traces and scalar functions.

    w_min, w_max : bounds of the weight, in its unit, w_min below w_max; infinite ones do not bind

    Subclasses are frozen dataclasses which define

    - ``pre_traces``, ``post_traces``: the traces of the source's and of the target's train;
    - ``on_pre(w, pre, post, constants) -> change``: what a spike of the source changes, compiled by Numba: scalars and tuples
      of scalars in, a scalar out, no literals that would widen float32. ``pre`` and ``post`` are the values of the traces just
      before the spike; None where it changes nothing;
    - ``on_post``, likewise: what a spike of the target changes;
    - ``on_signal(w, signal, pre, post, constants) -> change``: what an impulse of a teaching signal, one value per target, changes;
    - ``constants()``: the numbers that these functions take;
    - ``eligibility``: the time constants of an eligibility, or None: then changes go to the weight at once;
    - ``MODULATOR``: "reward" (one value for all synapses; with an eligibility), "teaching" (one per target), or None;
    - ``variant``: what tells instances with different functions apart.
    """

    w_min: float = parameter(0.0, "", bottomless=True)
    w_max: float = parameter(1.0, "", endless=True)

    MODULATOR: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        """Check every parameter against its bound. Raises ValueError that names class, attribute and bound."""
        super().__post_init__()
        for name, size in self.sizes.items():
            raise ValueError(f"{type(self).__name__}.{name} must be one number for all synapses, got {size}")
        if not self.w_min < self.w_max:
            raise ValueError(f"{type(self).__name__}.w_max must be above w_min, got {self.w_max:g} and {self.w_min:g}")

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        """The traces of the train of a source neuron."""
        return ()

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        """The traces of the train of a target neuron."""
        return ()

    @property
    def on_pre(self) -> Any:
        """What a spike of the source changes."""
        return None

    @property
    def on_post(self) -> Any:
        """What a spike of the target changes."""
        return None

    @property
    def on_signal(self) -> Any:
        """What an impulse of the teaching signal changes."""
        return None

    @property
    def eligibility(self) -> Eligibility | None:
        """The time constants of the eligibility, if there is one."""
        return None

    @property
    def variant(self) -> str:
        """What tells instances with different functions apart."""
        return ""

    def constants(self) -> tuple[float, ...]:
        """Return the constants that the functions take."""
        return ()

    def check_bounded(self, why: str) -> None:
        """Raise ValueError unless both bounds are finite."""
        if not (math.isfinite(self.w_min) and math.isfinite(self.w_max)):
            raise ValueError(
                f"{type(self).__name__}: w_min and w_max must be finite with {why}, got {self.w_min:g} and {self.w_max:g}"
            )


PAIRINGS = ("all-to-all", "nearest")


def traces_of(pairing: str, *taus: float) -> tuple[Trace, ...]:
    """Return traces of these time constants for a pairing, "all-to-all" or "nearest"."""
    return tuple(Trace(tau, pairing == PAIRINGS[0]) for tau in taus)
