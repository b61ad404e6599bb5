"""The integrate-and-fire (IF) neuron without leak.

    dv/dt = i + bias
    spike where v > v_threshold     (from t_open on)
    hard reset: v -> v_reset        soft reset: v -> v - (v_threshold - v_reset)

Receptors: ``delta``, a spike adds its weight (mV) to v; ``step``, a spike switches on a constant current: its weight (mV/ms)
adds to i. With soft reset and a constant input this is also the regular rate encoder: an input of x mV a step makes
x / (v_threshold - v_reset) spikes a step.

References
----------
Rueckauer et al. 2017, Conversion of continuous-valued deep networks to efficient event-driven networks for image
classification, Frontiers in Neuroscience 11:682 (soft reset, there "reset by subtraction").
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numba import njit

from ._model import Model
from ._parameters import Parameter, parameter
from ._receptor import Receptor
from .direct import Delta, StepCurrent

__all__ = ["IF"]


@njit
def _update(state: Any, held: Any, step: Any, constants: Any) -> Any:
    v, i = state
    dt, drift, threshold, t_open, v_reset = constants[:5]
    moved = v + (i * dt + drift)
    v = v_reset if held else moved  # it is never refractory, but others may inhibit it
    return (v, i), (v > threshold) & (step >= t_open)


@njit
def _reset(state: Any, constants: Any) -> Any:
    v, i = state
    threshold, v_reset, soft = constants[2], constants[4], constants[5]
    return (v - (threshold - v_reset) if soft > 0 else v_reset, i), np.int32(0)


@njit
def _release(state: Any, constants: Any) -> Any:
    _, i = state
    return constants[4], i


@dataclasses.dataclass(frozen=True, eq=False)
class IF(Model):
    """Non-leaky integrate-and-fire neuron. Each parameter is one value or one per neuron.

    v_threshold : mV, above v_reset; ``inf`` makes a read-out that never fires
    v_reset : mV
    v_initial : mV
    bias : mV/ms, a constant input
    t_open : ms, a multiple of the step: phase gating, before it the neuron integrates but does not fire
    reset : "hard" (v becomes v_reset) or "soft" (v loses v_threshold - v_reset and keeps the excess)
    """

    v_threshold: Parameter = parameter(1.0, "mV", endless=True)
    v_reset: Parameter = parameter(0.0, "mV")
    v_initial: Parameter = parameter(0.0, "mV")
    bias: Parameter = parameter(0.0, "mV/ms")
    t_open: Parameter = parameter(0.0, "ms", at_least=0.0, endless=True)
    reset: Literal["hard", "soft"] = "hard"

    STATES: ClassVar[tuple[str, ...]] = ("v", "i")
    RECEPTORS: ClassVar[Mapping[str, Receptor]] = {"delta": Delta(), "step": StepCurrent()}
    INPUT: ClassVar[str | None] = "i"
    UPDATE: ClassVar[Callable[..., Any] | None] = _update
    RESET: ClassVar[Callable[..., Any] | None] = _reset
    RELEASE: ClassVar[Callable[..., Any] | None] = _release
    DORMANT: ClassVar[str | None] = "i"

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        self.check_choice("reset", ("hard", "soft"))
        self.check_above("v_threshold", "v_reset")

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return (dt, drift per step, threshold, first open step, reset potential, whether the reset is soft)."""
        soft = float(self.reset == "soft")
        return dt, self.bias * dt, self.v_threshold, self.steps("t_open", dt, endless=True), self.v_reset, soft

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the initial v and i."""
        return self.v_initial, 0.0
