"""Learning synapse by synapse in plain Python: the model as the docstrings of ``snnsim_models`` state it, slow and obvious."""

import math
from collections.abc import Callable, Mapping, Sequence

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
    TripletSTDP,
    VolleySTDP,
)

__all__ = ["Synapse", "learned"]


class Synapse:
    """One synapse: its traces, its eligibility and its weight, advanced from event to event."""

    def __init__(self, rule: Plasticity, weight: float) -> None:
        self.rule, self.weight, self.time = rule, weight, 0.0
        self.pre = [0.0] * len(rule.pre_traces)
        self.post = [0.0] * len(rule.post_traces)
        self.eligibility = self.dopamine = 0.0

    def wait(self, until: float) -> None:
        """Let everything decay until a time (ms)."""
        passed, self.time = until - self.time, until
        for values, traces in ((self.pre, self.rule.pre_traces), (self.post, self.rule.post_traces)):
            for k, trace in enumerate(traces):
                values[k] *= math.exp(-passed / trace.tau)
        if isinstance(self.rule, RewardSTDP):
            rate = 1 / self.rule.tau_e + 1 / self.rule.tau_d
            self.weight += self.eligibility * self.dopamine * -math.expm1(-passed * rate) / rate
            self.eligibility *= math.exp(-passed / self.rule.tau_e)
            self.dopamine *= math.exp(-passed / self.rule.tau_d)

    def spike(self, side: str) -> None:
        """Take a spike of "pre" or "post"."""
        change = _CHANGES[type(self.rule)](self.rule, side, self.weight, self.pre, self.post)
        if isinstance(self.rule, RewardSTDP):
            self.eligibility += change
            change = 0.0
        self._move(change)
        values, traces = (self.pre, self.rule.pre_traces) if side == "pre" else (self.post, self.rule.post_traces)
        for k, trace in enumerate(traces):
            values[k] = values[k] + 1 if trace.accumulates else 1.0

    def signal(self, value: float) -> None:
        """Take an impulse of the modulator."""
        if isinstance(self.rule, DeltaRule):
            self._move(self.rule.eta * value * self.pre[0])
        else:
            self.dopamine += value

    def _move(self, change: float) -> None:
        self.weight = min(max(self.weight + change, self.rule.w_min), self.rule.w_max)


def learned(
    rule: Plasticity,
    weight: float,
    pre: Sequence[int],
    post: Sequence[int],
    signals: Mapping[int, float],
    *,
    dt: float,
    stop: int,
) -> float:
    """Return the weight in step ``stop``, after spikes at the steps at which they reach the synapse, and impulses by step."""
    synapse = Synapse(rule, weight)
    for step in sorted({*pre, *post, *signals}):
        if step >= stop:
            break
        synapse.wait(step * dt)
        if step in signals:
            synapse.signal(signals[step])
        if step in set(pre):
            synapse.spike("pre")
        if step in set(post):
            synapse.spike("post")
    synapse.wait(stop * dt)
    return min(max(synapse.weight, rule.w_min), rule.w_max)


def _pair(r: PairSTDP, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    span = r.w_max - r.w_min
    u = (w - r.w_min) / span if math.isfinite(span) else 0.0
    plus, minus = {
        "additive": lambda: (1.0, 1.0),
        "multiplicative": lambda: (1 - u, u),
        "soft": lambda: ((1 - u) ** r.mu, u**r.mu),
        "power-law": lambda: (r.w_0 * (w / r.w_0) ** r.mu, w),
    }[r.dependence]()
    return -r.a_minus * minus * y[0] if side == "pre" else r.a_plus * plus * x[0]


def _triplet(r: TripletSTDP, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    if side == "pre":
        return -y[0] * (r.a2_minus + r.a3_minus * x[1])
    return x[0] * (r.a2_plus + r.a3_plus * y[1])


def _post_triggered(r: PostTriggeredSTDP, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    if side == "pre":
        return 0.0
    return r.eta * (x[0] - r.x_target) * ((r.w_max - w) ** r.mu if r.mu else 1.0)


def _oja(r: Oja, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    return r.eta * (x[0] - r.alpha * y[0] * w) if side == "post" else 0.0


def _bcm(r: BCM, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    mean = y[1] * r.tau / r.tau_theta
    return r.eta * x[0] * (y[0] - mean**2 / r.y_0) if side == "post" else 0.0


def _covariance(r: Covariance, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    other = y if side == "pre" else x
    return r.eta * (other[0] - other[1] * r.tau / r.tau_mean)


def _reward(r: RewardSTDP, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    return -r.a_minus * y[0] if side == "pre" else r.a_plus * x[0]


def _delta(r: DeltaRule, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    return -r.eta * r.own * x[0] if side == "post" else 0.0


def _anti_hebbian(r: AntiHebbian, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    return -r.eta * (y[0] - 2 * r.rho_0 / 1000 * r.tau) if side == "pre" else -r.eta * x[0]


def _charge(r: ChargeSTDP, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    if side == "pre":
        return 0.0
    age = -math.log(x[0]) * r.pre_traces[0].tau if x[0] > 0 else 0.0
    return r.eta * (r.gain * (max(age, 0.0) / r.window) ** r.mu - w)


def _volley(r: VolleySTDP, side: str, w: float, x: Sequence[float], y: Sequence[float]) -> float:
    pre_spiked, post_spiked = (r.window * math.log(1 / z[0]) <= r.window if z[0] > 0 else False for z in (x, y))
    if side == "pre":
        return r.eta * (r.w_max - r.w_min) if post_spiked and not pre_spiked else 0.0
    return r.eta * ((r.w_max if pre_spiked else r.w_min) - w)


_CHANGES: Mapping[type[Plasticity], Callable[..., float]] = {
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
