"""What every receptor has in common: what an arriving spike changes, and what that contributes to the neuron."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from ._parameters import Parameter, Parameters

__all__ = ["Receptor"]


@dataclasses.dataclass(frozen=True, eq=False)
class Receptor(Parameters):
    """Base of all receptors of a LIF neuron.

    - ``ADDS_TO``: the state variable to which an arriving spike adds its weight: one of its own ``STATES``, or of the neuron's;
    - ``STATES``: its own state variables; none where the neuron's own suffice. A receptor with states has at least one of
    - ``RECEIVE(states, constants) -> (states, drive)``: one step of them, and the change of v (mV) that they cause in it, exactly;
    - ``RECEIVE_EULER(states, constants) -> (states, (conductance, current))``: one step of them, and the conductance (nS) and the
      current (pA) at its start, for exponential Euler. Without ``RECEIVE``, the receptor makes its neuron use that method.
    """

    ADDS_TO: ClassVar[str] = ""
    STATES: ClassVar[tuple[str, ...]] = ()
    RECEIVE: ClassVar[Callable[..., Any] | None] = None
    RECEIVE_EULER: ClassVar[Callable[..., Any] | None] = None

    def constants(self, dt: float, tau_m: Parameter, r_m: Parameter) -> tuple[Parameter, ...]:
        """Return the constants of RECEIVE for a step of ``dt`` (ms) on a membrane of ``tau_m`` (ms) and ``r_m`` (GOhm)."""
        return ()

    def euler_constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return the constants of RECEIVE_EULER for a step of ``dt`` (ms)."""
        return ()
