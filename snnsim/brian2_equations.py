"""Neuron models and receptors in the equations of Brian2, for :mod:`snnsim.brian2_backend`.

They are written from the models' descriptions, not from their compiled functions: the point is a second opinion. Potentials and
currents stay plain numbers (mV, pA), times are seconds, as Brian2 counts them.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from snnsim_models import (
    IF,
    LIF,
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    AlphaCurrent,
    EscapeNoiseLIF,
    ExponentialConductance,
    ExponentialCurrent,
    Model,
    NoisyLIF,
    Parameter,
    Receptor,
)

from ._errors import NetworkError

__all__ = ["Brian2Equations", "equations_of"]

_MS = 1e-3


@dataclasses.dataclass(frozen=True)
class Brian2Equations:
    """What a NeuronGroup is made of.

    parameters : values by name; a name that the equations declare in seconds has its value in seconds
    variables : the Brian2 variable of each state variable of the model
    method : the state updater; exact for these equations, but for conductances, which snnsim integrates likewise
    after_update : code to run between the update of the state and the comparison with the threshold, or none
    Equations, threshold and code may use ``random_numbers(t, i)``: the number that neuron i gets in the step at t.
    """

    equations: str
    threshold: str
    reset: str
    refractory: str | bool
    parameters: dict[str, Parameter]
    variables: dict[str, str]
    method: str
    after_update: str = ""


def equations_of(name: str, model: Model, dt: float) -> Brian2Equations:
    """Return the equations of the population ``name`` for a step of ``dt`` (ms).

    Raises NetworkError where the model or one of its receptors has none, or where Brian2 cannot integrate them exactly.
    """
    if isinstance(model, LIF):
        return _lif(name, model)
    if isinstance(model, IF):
        return _integrate_and_fire(model, dt)
    raise NetworkError(f"Brian2 backend: population {name!r}: {type(model).__name__} is not supported")


@dataclasses.dataclass
class _Parts:
    """What the kinds of LIF neurons differ in; a kind of its own changes what it has of its own."""

    lines: list[str]
    parameters: dict[str, Parameter]
    variables: dict[str, str]
    currents: list[str]
    threshold: str = "v_threshold"
    crossing: str = "v > v_threshold"
    at_spike: str = ""
    after_update: str = ""

    def declare(self, model: LIF, *names: str, unit: str = "1", scale: float = 1.0) -> None:
        """Add parameters of the model by name."""
        self.lines += [f"{name} : {unit} (constant)" for name in names]
        self.parameters |= {name: getattr(model, name) * scale for name in names}


def _lif(name: str, model: LIF) -> Brian2Equations:
    parts = _Parts(["current : 1"], {}, {"v": "v", "i": "current"}, ["current", "i_offset"])
    parts.declare(model, "v_rest", "v_threshold", "v_reset", "r_m", "i_offset")
    parts.declare(model, "tau_m", "t_ref", unit="second", scale=_MS)
    for number, (key, receptor) in enumerate(model.dynamic_receptors.items()):
        own = f"receptor{number}"
        dynamics, constants, current = _receptor(name, own, receptor)
        parts.lines += dynamics
        parts.parameters |= constants
        parts.variables |= {f"{key}.{state}": f"{own}_{state}" for state in receptor.STATES}
        parts.currents.append(current)
        if model.method == "exact":
            _refuse_equal(name, f"receptor {key!r}", constants[f"{own}_tau"], model)
    if model.method == "backward_euler":
        raise NetworkError(f"Brian2 backend: population {name!r}: Brian2 has no backward Euler")
    if type(model) not in _KINDS:
        raise NetworkError(f"Brian2 backend: population {name!r}: {type(model).__name__} is not supported")
    _KINDS[type(model)](name, model, parts)
    refractory = bool(np.any(np.asarray(model.t_ref) > 0))
    held = " (unless refractory)" if refractory else ""
    parts.lines.append(f"dv/dt = (v_rest - v + r_m * ({' + '.join(parts.currents)})) / tau_m : 1{held}")
    return Brian2Equations(
        equations="\n".join(parts.lines),
        threshold=parts.crossing,
        reset=_reset(model.reset, parts.threshold) + parts.at_spike,
        refractory="t_ref" if refractory else False,
        parameters=parts.parameters,
        variables=parts.variables,
        method=model.method,
        after_update=parts.after_update,
    )


def _refuse_equal(name: str, what: str, tau: Parameter, model: LIF) -> None:
    """Raise NetworkError where a time constant (s) equals that of the membrane."""
    if np.any(np.asarray(tau) == np.asarray(model.tau_m) * _MS):
        raise NetworkError(
            f"Brian2 backend: population {name!r}: {what} must not have the time constant of the membrane: "
            "Brian2's exact integration divides by their difference"
        )


def _receptor(name: str, own: str, receptor: Receptor) -> tuple[list[str], dict[str, Parameter], str]:
    """Return the equations of a receptor, its variables prefixed by ``own``, its parameters, and its current (pA)."""
    i, h, g, tau, e_rev = (f"{own}_{variable}" for variable in ("i", "h", "g", "tau", "e_rev"))
    if not isinstance(receptor, ExponentialCurrent | AlphaCurrent | ExponentialConductance):
        raise NetworkError(f"Brian2 backend: population {name!r}: receptor {type(receptor).__name__} is not supported")
    lines, constants = [f"{tau} : second (constant)"], {tau: receptor.tau * _MS}
    if isinstance(receptor, ExponentialCurrent):
        return [*lines, f"d{i}/dt = -{i} / {tau} : 1"], constants, i
    if isinstance(receptor, AlphaCurrent):
        return [*lines, f"d{i}/dt = (e * {h} - {i}) / {tau} : 1", f"d{h}/dt = -{h} / {tau} : 1"], constants, i
    lines += [f"{e_rev} : 1 (constant)", f"d{g}/dt = -{g} / {tau} : 1"]
    return lines, constants | {e_rev: receptor.e_rev}, f"{g} * ({e_rev} - v)"


def _plain(name: str, model: LIF, parts: _Parts) -> None:
    pass


def _adaptive_threshold(name: str, model: LIF, parts: _Parts) -> None:
    parts.declare(model, "theta_plus")
    parts.declare(model, "tau_theta", unit="second", scale=_MS)
    parts.lines += ["dtheta/dt = -theta / tau_theta : 1", "theta_carry : 1"]  # the latter stays 0
    parts.variables |= {"theta": "theta", "theta_carry": "theta_carry"}
    parts.threshold, parts.crossing = "v_threshold + theta", "v > v_threshold + theta"
    parts.at_spike = "\ntheta += theta_plus"


def _adaptive_current(name: str, model: LIF, parts: _Parts) -> None:
    parts.declare(model, "b")
    parts.declare(model, "tau_w", unit="second", scale=_MS)
    if model.method == "exact":
        _refuse_equal(name, "tau_w", parts.parameters["tau_w"], model)
    parts.lines.append("dw/dt = -w / tau_w : 1")
    parts.variables["w"] = "w"
    parts.currents.append("-w")
    parts.at_spike = "\nw += b"


def _escape_noise(name: str, model: LIF, parts: _Parts) -> None:
    parts.declare(model, "rho_0", "delta_v")
    parts.crossing = "random_numbers(t, i) <= 1 - exp(-rho_0 * Hz * dt * exp((v - v_threshold) / delta_v))"


def _noisy(name: str, model: LIF, parts: _Parts) -> None:
    parts.declare(model, "sigma")
    # Brian2 has no exact updater with noise. It writes v of no refractory neuron.
    parts.after_update = "v += sigma * sqrt(1 - exp(-2 * dt / tau_m)) * random_numbers(t, i)"


_KINDS: Mapping[type[LIF], Callable[[str, Any, _Parts], None]] = {
    LIF: _plain,
    AdaptiveThresholdLIF: _adaptive_threshold,
    AdaptiveCurrentLIF: _adaptive_current,
    EscapeNoiseLIF: _escape_noise,
    NoisyLIF: _noisy,
}


def _integrate_and_fire(model: IF, dt: float) -> Brian2Equations:
    names = ("v_threshold", "v_reset", "bias")
    lines = [f"{parameter} : 1 (constant)" for parameter in (*names, "first_step")]
    return Brian2Equations(
        equations="\n".join([*lines, "current : 1", "dv/dt = (current + bias) / ms : 1"]),
        threshold="v > v_threshold and timestep(t, dt) >= first_step",
        reset=_reset(model.reset, "v_threshold"),
        refractory=False,
        parameters={name: getattr(model, name) for name in names}
        | {"first_step": model.steps("t_open", dt, endless=True)},
        variables={"v": "v", "i": "current"},
        # The input is constant within a step, for which Euler's method is exact; Brian2's "exact" refuses a system without leak.
        method="euler",
    )


def _reset(kind: str, threshold: str) -> str:
    return "v = v_reset" if kind == "hard" else f"v -= {threshold} - v_reset"
