"""Neuron models and receptors in the equations of Brian2, for :mod:`snnsim.brian2_backend`.

They are written from the models' descriptions, not from their compiled functions: the point is a second opinion. Potentials and
currents stay plain numbers (mV, pA), times are seconds, as Brian2 counts them.
"""

import dataclasses

import numpy as np
from snnsim_models import IF, LIF, AlphaCurrent, ExponentialCurrent, Model, Parameter, Receptor

from ._errors import NetworkError

__all__ = ["Brian2Equations", "equations_of"]

_MS = 1e-3


@dataclasses.dataclass(frozen=True)
class Brian2Equations:
    """What a NeuronGroup is made of.

    parameters : values by name; a name that the equations declare in seconds has its value in seconds
    variables : the Brian2 variable of each state variable of the model
    method : the state updater; all are exact for these equations
    """

    equations: str
    threshold: str
    reset: str
    refractory: str | bool
    parameters: dict[str, Parameter]
    variables: dict[str, str]
    method: str


def equations_of(name: str, model: Model, dt: float) -> Brian2Equations:
    """Return the equations of the population ``name`` for a step of ``dt`` (ms).

    Raises NetworkError where the model or one of its receptors has none, or where Brian2 cannot integrate them exactly.
    """
    if isinstance(model, LIF):
        return _lif(name, model)
    if isinstance(model, IF):
        return _integrate_and_fire(model, dt)
    raise NetworkError(f"Brian2 backend: population {name!r}: {type(model).__name__} is not supported")


def _lif(name: str, model: LIF) -> Brian2Equations:
    refractory = bool(np.any(np.asarray(model.t_ref) > 0))
    lines = ["tau_m : second (constant)", "t_ref : second (constant)", "current : 1"]
    lines += [f"{parameter} : 1 (constant)" for parameter in ("v_rest", "v_threshold", "v_reset", "r_m")]
    parameters = {parameter: getattr(model, parameter) for parameter in ("v_rest", "v_threshold", "v_reset", "r_m")}
    parameters |= {"tau_m": model.tau_m * _MS, "t_ref": model.t_ref * _MS}
    variables = {"v": "v", "i": "current"}
    currents = ["current"]
    for number, (key, receptor) in enumerate(model.dynamic_receptors.items()):
        own = f"receptor{number}"
        dynamics, tau = _receptor(name, own, receptor)
        if np.any(np.asarray(tau) == model.tau_m):
            raise NetworkError(
                f"Brian2 backend: population {name!r}: receptor {key!r} must not have the time constant of the membrane: "
                "Brian2's exact integration divides by their difference"
            )
        lines += [*dynamics, f"{own}_tau : second (constant)"]
        parameters[f"{own}_tau"] = tau * _MS
        variables |= {f"{key}.{state}": f"{own}_{state}" for state in receptor.STATES}
        currents.append(f"{own}_i")
    held = " (unless refractory)" if refractory else ""
    lines.append(f"dv/dt = (v_rest - v + r_m * ({' + '.join(currents)})) / tau_m : 1{held}")
    return Brian2Equations(
        equations="\n".join(lines),
        threshold="v > v_threshold",
        reset=_reset(model.reset),
        refractory="t_ref" if refractory else False,
        parameters=parameters,
        variables=variables,
        method="exact",
    )


def _receptor(name: str, own: str, receptor: Receptor) -> tuple[list[str], Parameter]:
    """Return the differential equations of a receptor, its variables prefixed by ``own``, and its time constant (ms)."""
    i, h, tau = f"{own}_i", f"{own}_h", f"{own}_tau"
    if isinstance(receptor, ExponentialCurrent):
        return [f"d{i}/dt = -{i} / {tau} : 1"], receptor.tau
    if isinstance(receptor, AlphaCurrent):
        return [f"d{i}/dt = (e * {h} - {i}) / {tau} : 1", f"d{h}/dt = -{h} / {tau} : 1"], receptor.tau
    raise NetworkError(f"Brian2 backend: population {name!r}: receptor {type(receptor).__name__} is not supported")


def _integrate_and_fire(model: IF, dt: float) -> Brian2Equations:
    names = ("v_threshold", "v_reset", "bias")
    lines = [f"{parameter} : 1 (constant)" for parameter in (*names, "first_step")]
    return Brian2Equations(
        equations="\n".join([*lines, "current : 1", "dv/dt = (current + bias) / ms : 1"]),
        threshold="v > v_threshold and timestep(t, dt) >= first_step",
        reset=_reset(model.reset),
        refractory=False,
        parameters={name: getattr(model, name) for name in names}
        | {"first_step": model.steps("t_open", dt, endless=True)},
        variables={"v": "v", "i": "current"},
        # The input is constant within a step, for which Euler's method is exact; Brian2's "exact" refuses a system without leak.
        method="euler",
    )


def _reset(kind: str) -> str:
    return "v = v_reset" if kind == "hard" else "v -= v_threshold - v_reset"
