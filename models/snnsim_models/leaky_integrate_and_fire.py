"""The leaky integrate-and-fire (LIF) neuron.

    tau_m dv/dt = v_rest - v + r_m (i + i_offset + the currents of the receptors)
    spike where v > v_threshold and the neuron is not refractory
    hard reset: v -> v_reset, held there for t_ref      soft reset: v -> v - (v_threshold - v_reset)

It has any number of named receptors (``delta`` and ``step`` unless others are given). The subthreshold dynamics are integrated
exactly: v(t + dt) = v_inf + (v(t) - v_inf) exp(-dt / tau_m) + what each receptor contributes. With at least one receptor that is a
conductance g, whose current g (e_rev - v) depends on v, the method is exponential Euler instead, as Brian2's ``exponential_euler``
does it: with all receptor variables of the start of the step and dv/dt = A v + B, v(t + dt) = -B/A + (v(t) + B/A) exp(A dt); or
backward Euler on request: v(t + dt) = (v(t) + B dt) / (1 - A dt).

While a neuron is refractory, v is held and input to it is discarded; currents and conductances go on decaying. Other leaky neurons
(adaptive, noisy) are subclasses with all of these parameters.

References
----------
Rotter & Diesmann 1999, Exact digital simulation of time-invariant linear systems with applications to neuronal modeling,
Biological Cybernetics 81:381-402.
Stimberg, Brette & Goodman 2019, Brian 2, an intuitive and efficient neural simulator, eLife 8:e47314 (exponential_euler).
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numba import njit

from ._membrane import backward_euler, exact, exponential_euler, integrate, release, reset_potential, updates_held
from ._model import FOREVER, Model
from ._parameters import Parameter, parameter
from ._receptor import Receptor
from .direct import Delta, StepCurrent

__all__ = ["LIF"]


@njit
def _update(state: Any, move: Any, held: Any, step: Any, constants: Any) -> Any:
    v, i = state
    decay, shift, _ = move
    v = integrate(v, decay, shift, held, constants)
    return (v, i), v > constants[3]


@njit
def _reset(state: Any, constants: Any) -> Any:
    v, i = state
    return (reset_potential(v, constants[3], constants), i), updates_held(constants)


@dataclasses.dataclass(frozen=True, eq=False)
class LIF(Model):
    """Leaky integrate-and-fire neuron. Each parameter is one value or one per neuron.

    tau_m : ms, above 0
    v_rest, v_reset, v_initial : mV
    v_threshold : mV, above v_reset; ``inf`` makes a read-out that never fires
    r_m : GOhm, above 0; at its default of 1 a current of 1 pA moves the resting potential by 1 mV
    i_offset : pA, a constant current
    t_ref : ms, at least 0, a multiple of the step; with soft reset it must be 0
    reset : "hard" (v becomes v_reset) or "soft" (v loses v_threshold - v_reset and keeps the excess)
    receptors : by name, at least one; the first is the default of projections
    conductances : how a membrane with conductances is integrated, "exponential_euler" or "backward_euler": the latter needs no
        exponential, so it is several times as fast, and stays stable however large a conductance is; its error is larger
    """

    tau_m: Parameter = parameter(20.0, "ms", above=0.0)
    v_rest: Parameter = parameter(0.0, "mV")
    v_threshold: Parameter = parameter(1.0, "mV", endless=True)
    v_reset: Parameter = parameter(0.0, "mV")
    v_initial: Parameter = parameter(0.0, "mV")
    r_m: Parameter = parameter(1.0, "GOhm", above=0.0)
    i_offset: Parameter = parameter(0.0, "pA")
    t_ref: Parameter = parameter(0.0, "ms", at_least=0.0)
    reset: Literal["hard", "soft"] = "hard"
    receptors: Mapping[str, Receptor] = dataclasses.field(
        default_factory=lambda: {"delta": Delta(), "step": StepCurrent()}
    )
    conductances: Literal["exponential_euler", "backward_euler"] = "exponential_euler"

    STATES: ClassVar[tuple[str, ...]] = ("v", "i")
    MOVES: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "exact": exact, "exponential_euler": exponential_euler, "backward_euler": backward_euler,
    }  # fmt: skip
    INPUT: ClassVar[str | None] = "i"
    UPDATE: ClassVar[Callable[..., Any] | None] = _update
    RESET: ClassVar[Callable[..., Any] | None] = _reset
    RELEASE: ClassVar[Callable[..., Any] | None] = release
    DORMANT: ClassVar[str | None] = "i"

    def __post_init__(self) -> None:
        """Check the parameters."""
        kind, receptors = type(self).__name__, self.receptors
        named = isinstance(receptors, Mapping) and len(receptors) > 0
        if not named or not all(isinstance(receptor, Receptor) for receptor in receptors.values()):
            raise ValueError(f"{kind}.receptors must name at least one receptor such as Delta(), got {receptors!r}")
        object.__setattr__(self, "receptors", dict(receptors))
        for name, receptor in self.dynamic_receptors.items():
            if self.method != "exact" and receptor.RECEIVE_EULER is None:
                raise ValueError(
                    f"{kind}.receptors: {name!r} ({type(receptor).__name__}) has no equations for exponential Euler, "
                    "the method that a conductance needs"
                )
        super().__post_init__()
        self.check_choice("reset", ("hard", "soft"))
        self.check_choice("conductances", ("exponential_euler", "backward_euler"))
        self.check_threshold()
        if self.reset == "soft" and np.any(np.asarray(self.t_ref) > 0):
            raise ValueError(
                f"{kind}.t_ref must be 0 ms with a soft reset, which keeps what a refractory neuron would discard"
            )

    def check_threshold(self) -> None:
        """Raise ValueError unless the threshold is above the reset potential."""
        self.check_above("v_threshold", "v_reset")

    @property
    def method(self) -> str:
        """How the membrane is integrated: "exact", or as ``conductances`` says where a receptor is a conductance."""
        linear = all(receptor.RECEIVE is not None for receptor in self.dynamic_receptors.values())
        return "exact" if linear else self.conductances

    def constants(self, dt: float) -> tuple[Parameter, ...]:
        """Return three constants of the method, then (threshold, reset potential, updates held, whether the reset is soft).

        The three are, with decay = exp(-dt / tau_m) and rest = v_rest + r_m i_offset, (decay, (1 - decay) rest, (1 - decay) r_m);
        for either Euler method, with k = dt / tau_m, (k, k rest, k r_m).
        """
        leak = dt / np.asarray(self.tau_m)
        first, share = (np.exp(-leak), 1 - np.exp(-leak)) if self.method == "exact" else (leak, leak)
        rest, gain = share * (self.v_rest + self.r_m * self.i_offset), share * self.r_m
        return first, rest, gain, self.v_threshold, self.v_reset, self._held(dt), float(self.reset == "soft")

    def longest_hold(self, dt: float) -> int:
        """Return the most updates for which a spike holds a neuron."""
        return int(np.max(self._held(dt)))

    def _held(self, dt: float) -> Parameter:
        # The update of the spike is the first of the refractory steps.
        # What is longer than FOREVER would not fit into 31 bits once it is rounded to single precision.
        return np.asarray(np.clip(np.asarray(self.steps("t_ref", dt)) - 1, 0, FOREVER), np.float64)

    def initial(self, dt: float) -> tuple[Parameter, ...]:
        """Return the initial v and i."""
        return self.v_initial, 0.0

    def receptor_constants(self, dt: float) -> tuple[tuple[Parameter, ...], ...]:
        """Return the constants of each receptor with dynamics of its own."""
        receptors = self.dynamic_receptors.values()
        if self.method == "exact":
            return tuple(receptor.constants(dt, self.tau_m, self.r_m) for receptor in receptors)
        return tuple(receptor.euler_constants(dt) for receptor in receptors)

    @property
    def sizes(self) -> dict[str, int]:
        """The lengths of per-neuron parameters by name, those of the receptors included."""
        return super().sizes | {
            f"{name}.{field}": size
            for name, receptor in self.receptors.items()
            for field, size in receptor.sizes.items()
        }

    @property
    def receptor_map(self) -> Mapping[str, Receptor]:
        """The receptors by name."""
        return self.receptors
