"""Plasticity rules in the equations of Brian2, for :mod:`snnsim.brian2_backend`.

They are written from the rules' descriptions, as users of Brian2 write them, not from the compiled functions: the point is a second
opinion. Traces are event-driven variables of each synapse; times are seconds.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from snnsim_models import (
    BCM,
    AntiHebbian,
    ChargeSTDP,
    Covariance,
    DeltaRule,
    Oja,
    PairSTDP,
    Plasticity,
    PostTriggeredSTDP,
    RewardSTDP,
    Trace,
    TripletSTDP,
    VolleySTDP,
)

from ._errors import NetworkError

__all__ = ["Brian2Plasticity", "plasticity_of"]


@dataclasses.dataclass(frozen=True)
class Brian2Plasticity:
    """What plastic Synapses are made of, beside the delivery of their variable ``weight``.

    equations : of the traces and constants
    before : code to run before a weight is delivered, or none
    on_pre, on_post : code of a spike of either side
    on_signal, on_reward : code at the start of a step, or none: it may use the impulses of the modulator, which are 0 in a step
        without one, as ``signal(t, j)`` or ``reward(t)``
    each_step : code at the end of a step, or none; the modulator ``d`` decays afterwards
    parameters : the constants by name
    """

    equations: str
    before: str
    on_pre: str
    on_post: str
    on_signal: str
    on_reward: str
    each_step: str
    parameters: Mapping[str, float]


def plasticity_of(name: str, rule: Plasticity) -> Brian2Plasticity:
    """Return the equations of the rule of projection ``name``. Raises NetworkError where it has none."""
    if type(rule) not in _CHANGES:
        raise NetworkError(f"Brian2 backend: projection {name}: {type(rule).__name__} is not supported")
    lines, parameters = ["weight : 1"], {"w_min": rule.w_min, "w_max": rule.w_max}
    after: dict[str, list[str]] = {"x": [], "y": []}
    for letter, traces in (("x", rule.pre_traces), ("y", rule.post_traces)):
        for k, trace in enumerate(traces, 1):
            lines.append(_trace(f"{letter}{k}", trace, parameters))
            after[letter].append(f"{letter}{k} += 1" if trace.accumulates else f"{letter}{k} = 1")
    changes = _CHANGES[type(rule)](rule, parameters)
    eligible = isinstance(rule, RewardSTDP)
    changed = {
        side: ([f"c += {change}"] if eligible else [f"weight = clip(weight + {change}, w_min, w_max)"])
        if change
        else []
        for side, change in changes.items()
    }
    before = on_reward = each_step = ""
    if eligible:
        assert isinstance(rule, RewardSTDP)
        parameters |= {"tau_e": rule.tau_e * 1e-3, "tau_d": rule.tau_d * 1e-3}
        lines += ["c : 1", "d : 1 (shared)"]
        before, on_reward = "weight = clip(weight, w_min, w_max)", "d += reward(t)"
        rate = "(1 / tau_e + 1 / tau_d)"
        # Time constants in seconds, amplitudes per ms.
        each_step = (
            f"weight += c * d * (1 - exp(-dt / second * {rate})) / {rate} * 1000\nc *= exp(-dt / second / tau_e)"
        )
    lines += [f"{constant} : 1 (constant, shared)" for constant in parameters]
    return Brian2Plasticity(
        "\n".join(lines),
        before,
        "\n".join([*changed["pre"], *after["x"]]),
        "\n".join([*([before] if before else []), *changed["post"], *after["y"]]),
        "\n".join(changed.get("signal", [])),
        on_reward,
        each_step,
        parameters,
    )


def _trace(name: str, trace: Trace, parameters: dict[str, float]) -> str:
    if math.isinf(trace.tau):
        return f"{name} : 1"
    parameters[f"tau_{name}"] = trace.tau * 1e-3
    return f"d{name}/dt = -{name} / (tau_{name} * second) : 1 (event-driven)"


Parameters = dict[str, float]


def _pair(r: PairSTDP, parameters: Parameters) -> dict[str, str]:
    parameters |= {"a_plus": r.a_plus, "a_minus": r.a_minus, "mu": r.mu, "w_0": r.w_0}
    u = "((weight - w_min) / (w_max - w_min))"
    plus, minus = {
        "additive": ("1", "1"),
        "multiplicative": (f"(1 - {u})", u),
        "soft": (f"(1 - {u}) ** mu", f"{u} ** mu"),
        "power-law": ("w_0 * (weight / w_0) ** mu", "weight"),
    }[r.dependence]
    return {"pre": f"-a_minus * {minus} * y1", "post": f"a_plus * {plus} * x1"}


def _triplet(r: TripletSTDP, parameters: Parameters) -> dict[str, str]:
    parameters |= {name: getattr(r, name) for name in ("a2_plus", "a3_plus", "a2_minus", "a3_minus")}
    return {"pre": "-y1 * (a2_minus + a3_minus * x2)", "post": "x1 * (a2_plus + a3_plus * y2)"}


def _post_triggered(r: PostTriggeredSTDP, parameters: Parameters) -> dict[str, str]:
    parameters |= {"eta": r.eta, "x_target": r.x_target, "mu": r.mu}
    return {"pre": "", "post": "eta * (x1 - x_target)" + (" * (w_max - weight) ** mu" if r.mu else "")}


def _oja(r: Oja, parameters: Parameters) -> dict[str, str]:
    parameters |= {"eta": r.eta, "alpha": r.alpha}
    return {"pre": "", "post": "eta * (x1 - alpha * y1 * weight)"}


def _bcm(r: BCM, parameters: Parameters) -> dict[str, str]:
    parameters |= {"eta": r.eta, "y_0": r.y_0, "ratio": r.tau / r.tau_theta}
    return {"pre": "", "post": "eta * x1 * (y1 - (ratio * y2) ** 2 / y_0)"}


def _covariance(r: Covariance, parameters: Parameters) -> dict[str, str]:
    parameters |= {"eta": r.eta, "ratio": r.tau / r.tau_mean}
    return {"pre": "eta * (y1 - ratio * y2)", "post": "eta * (x1 - ratio * x2)"}


def _reward(r: RewardSTDP, parameters: Parameters) -> dict[str, str]:
    parameters |= {"a_plus": r.a_plus, "a_minus": r.a_minus}
    return {"pre": "-a_minus * y1", "post": "a_plus * x1"}


def _delta(r: DeltaRule, parameters: Parameters) -> dict[str, str]:
    parameters |= {"eta": r.eta, "own": r.own}
    # Outside of spikes an event-driven variable has the value of its last update.
    now = "x1" if math.isinf(r.tau) else "x1 * exp(-(t - lastupdate) / (tau_x1 * second))"
    return {"pre": "", "post": "-eta * own * x1" if r.own else "", "signal": f"eta * signal(t, j) * {now}"}


def _anti_hebbian(r: AntiHebbian, parameters: Parameters) -> dict[str, str]:
    parameters |= {"eta": r.eta, "rho_0": r.rho_0, "tau": r.tau * 1e-3}
    return {"pre": "-eta * (y1 - 2 * rho_0 * tau)", "post": "-eta * x1"}


def _charge(r: ChargeSTDP, parameters: Parameters) -> dict[str, str]:
    parameters |= {"eta": r.eta, "gain": r.gain, "mu": r.mu, "windows": r.pre_traces[0].tau / r.window}
    # Of a source that has not fired the trace is 0.
    age = "(windows * abs(log(x1 + int(x1 == 0))))"
    return {"pre": "", "post": f"eta * (gain * {age} ** mu * int(x1 > 0) - weight)"}


def _volley(r: VolleySTDP, parameters: Parameters) -> dict[str, str]:
    parameters |= {"eta": r.eta, "low": r.w_min, "high": r.w_max, "last": r.constants()[3]}
    within = "int(x1 >= last)"
    return {
        "pre": f"eta * (high - low) * int(y1 >= last) * (1 - {within})",
        "post": f"eta * (low + (high - low) * {within} - weight)",
    }


_CHANGES: Mapping[type[Plasticity], Callable[..., dict[str, Any]]] = {
    PairSTDP: _pair,
    TripletSTDP: _triplet,
    PostTriggeredSTDP: _post_triggered,
    Oja: _oja,
    BCM: _bcm,
    Covariance: _covariance,
    RewardSTDP: _reward,
    DeltaRule: _delta,
    AntiHebbian: _anti_hebbian,
    ChargeSTDP: _charge,
    VolleySTDP: _volley,
}
