"""The time-to-first-spike (TTFS) neuron: one spike, the earlier the stronger its input was.

    t <  t_open:  dv/dt = i,    an arriving spike switches on a constant current: its weight (mV/ms) adds to i
    t >= t_open:  dv/dt = ramp, the same for all neurons; the first time that v > v_threshold is the neuron's only spike

A spike at time t of an input window that closes at t_open has contributed weight x (t_open - t). In the window that opens
then, a potential v fires after (v_threshold - v) / ramp: both layers speak the same code. The gate is what makes it exact:
a neuron that fired before all its inputs arrived would speak of a sum that it does not yet know.

References
----------
Rueckauer & Liu 2018, Conversion of analog to spiking neural networks using sparse temporal coding, ISCAS.
Stanojevic et al. 2023, An exact mapping from ReLU networks to spiking neural networks, Neural Networks 168:74-88.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numba import njit

from ._model import FOREVER, Model
from ._parameters import Parameter, parameter
from ._receptor import Receptor
from .direct import StepCurrent

__all__ = ["TTFS"]


@njit
def _update(state: Any, held: Any, step: Any, constants: Any) -> Any:
    v, i = state
    dt, rise, threshold, t_open = constants
    opened = step >= t_open
    v = v + (rise if opened else i * dt)
    return (v, i), opened & (v > threshold) & (not held)


@njit
def _reset(state: Any, constants: Any) -> Any:
    return state, np.int32(FOREVER)  # a neuron fires once until its state is reset


@dataclasses.dataclass(frozen=True, eq=False)
class TTFS(Model):
    """Neuron that integrates switched-on currents until t_open, then ramps up to its only spike.

    v_threshold : mV; ``inf`` makes a read-out that never fires
    ramp : mV/ms, at least 0
    v_initial : mV, may hold a bias
    t_open : ms, at least 0, a multiple of the step
    """

    v_threshold: Parameter = parameter(1.0, "mV", endless=True)
    ramp: Parameter = parameter(1.0, "mV/ms", at_least=0.0)
    v_initial: Parameter = parameter(0.0, "mV")
    t_open: Parameter = parameter(0.0, "ms", at_least=0.0, endless=True)

    STATES: ClassVar[tuple[str, ...]] = ("v", "i")
    RECEPTORS: ClassVar[Mapping[str, Receptor]] = {"step": StepCurrent()}
    INPUT: ClassVar[str | None] = "i"
    UPDATE: ClassVar[Callable[..., Any] | None] = _update
    RESET: ClassVar[Callable[..., Any] | None] = _reset

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return (dt, rise per step, threshold, first open step)."""
        return dt, self.ramp * dt, self.v_threshold, self.steps("t_open", dt, endless=True)

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the initial v and i."""
        return self.v_initial, 0.0
