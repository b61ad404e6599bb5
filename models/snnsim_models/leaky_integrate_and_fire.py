"""The leaky integrate-and-fire (LIF) neuron.

    tau_m dv/dt = v_rest - v + r_m i
    spike where v > v_threshold and the neuron is not refractory
    hard reset: v -> v_reset, held there for t_ref      soft reset: v -> v - (v_threshold - v_reset)

Receptors: ``delta``, a spike adds its weight (mV) to v; ``step``, a spike switches on a constant current: its weight (pA)
adds to i. The subthreshold dynamics are integrated exactly: v(t + dt) = v_inf + (v(t) - v_inf) exp(-dt / tau_m).
Input to v that arrives while the neuron is refractory is discarded.

References
----------
Rotter & Diesmann 1999, Exact digital simulation of time-invariant linear systems with applications to neuronal modeling,
Biological Cybernetics 81:381-402.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numba import njit

from ._model import Model, Parameter, parameter

__all__ = ["LIF"]


@njit
def _update(state: Any, held: Any, step: Any, constants: Any) -> Any:
    v, i = state
    decay, rest, gain, threshold, v_reset, refractory = constants[:6]
    # A positive count means that all input since the spike fell into refractoriness (or into the step of the spike).
    start = v_reset if held > 0 else v
    moved = decay * start + (rest + gain * i)
    v = moved if held <= 1 else start
    spike = (held <= 1) & (v > threshold)
    left = np.int32(held - np.int32(held > 0))
    hold = np.int32(refractory)
    return (v, i), hold if spike else left, spike


@njit
def _reset(state: Any, constants: Any) -> Any:
    v, i = state
    threshold, v_reset, soft = constants[3], constants[4], constants[6]
    return (v - (threshold - v_reset) if soft > 0 else v_reset), i


@dataclasses.dataclass(frozen=True, eq=False)
class LIF(Model):
    """Leaky integrate-and-fire neuron. Each parameter is one value or one per neuron.

    tau_m : ms, above 0
    v_rest, v_reset, v_initial : mV
    v_threshold : mV, above v_reset; ``inf`` makes a read-out that never fires
    r_m : GOhm, above 0; at its default of 1 a current of 1 pA moves the resting potential by 1 mV
    t_ref : ms, at least 0, a multiple of the step; with soft reset it must be 0
    reset : "hard" (v becomes v_reset) or "soft" (v loses v_threshold - v_reset and keeps the excess)
    """

    tau_m: Parameter = parameter(20.0, "ms", above=0.0)
    v_rest: Parameter = parameter(0.0, "mV")
    v_threshold: Parameter = parameter(1.0, "mV")
    v_reset: Parameter = parameter(0.0, "mV")
    v_initial: Parameter = parameter(0.0, "mV")
    r_m: Parameter = parameter(1.0, "GOhm", above=0.0)
    t_ref: Parameter = parameter(0.0, "ms", at_least=0.0)
    reset: Literal["hard", "soft"] = "hard"

    STATES: ClassVar[tuple[str, ...]] = ("v", "i")
    RECEPTORS: ClassVar[Mapping[str, str]] = {"delta": "v", "step": "i"}
    INPUT: ClassVar[str | None] = "i"
    UPDATE: ClassVar[Callable[..., Any] | None] = _update
    RESET: ClassVar[Callable[..., Any] | None] = _reset

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        self.check_choice("reset", ("hard", "soft"))
        self.check_above("v_threshold", "v_reset")
        if self.reset == "soft" and np.any(np.asarray(self.t_ref) > 0):
            raise ValueError(
                "LIF.t_ref must be 0 ms with a soft reset, which keeps what a refractory neuron would discard"
            )

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return (decay, rest, gain, threshold, reset potential, refractory steps, whether the reset is soft)."""
        decay = np.exp(-dt / np.asarray(self.tau_m))
        rest, gain = (1 - decay) * self.v_rest, (1 - decay) * self.r_m
        soft = float(self.reset == "soft")
        return decay, rest, gain, self.v_threshold, self.v_reset, self.steps("t_ref", dt), soft

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the initial v and i."""
        return self.v_initial, 0.0
