"""Plastic projections between neurons whose spikes a test chooses."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from snnsim import (
    BCM,
    LIF,
    AntiHebbian,
    ChargeSTDP,
    Covariance,
    DeltaRule,
    Network,
    Oja,
    OneToOne,
    PairSTDP,
    Plasticity,
    PostTriggeredSTDP,
    RewardSTDP,
    Simulator,
    SpikeArray,
    SpikeTrain,
    TimedInput,
    TripletSTDP,
    VolleySTDP,
)

__all__ = ["RULES", "network", "train", "weights_after"]

RULES: Mapping[str, Plasticity] = {
    "pair, additive": PairSTDP(w_max=0.02, a_plus=2e-4, a_minus=2.1e-4),
    "pair, additive, nearest": PairSTDP(w_max=0.02, a_plus=2e-4, a_minus=2.1e-4, tau_minus=35.0, pairing="nearest"),
    "pair, multiplicative": PairSTDP(w_min=0.001, w_max=0.02, a_plus=4e-4, a_minus=3e-4, dependence="multiplicative"),
    "pair, soft": PairSTDP(w_max=0.02, a_plus=3e-4, a_minus=2e-4, dependence="soft", mu=0.3),
    "pair, power-law": PairSTDP(w_max=0.05, a_plus=0.02, a_minus=0.022, dependence="power-law", w_0=0.012),
    "triplet": TripletSTDP(w_max=0.02, a2_plus=5e-5, a3_plus=8e-5, a2_minus=9e-5, a3_minus=3e-5),
    "triplet, nearest": TripletSTDP(w_max=0.02, a2_plus=5e-5, a3_plus=8e-5, a2_minus=9e-5, a3_minus=3e-5, pairing="nearest"),
    "post-triggered": PostTriggeredSTDP(w_max=0.02, eta=1e-3, x_target=0.4),
    "post-triggered, hard": PostTriggeredSTDP(w_max=0.02, eta=2e-4, x_target=0.5, mu=0.0, pairing="all-to-all"),
    "Oja": Oja(w_max=10.0, eta=1e-4, alpha=40.0),
    "BCM": BCM(w_max=0.02, eta=5e-5, y_0=2.0, tau_theta=1000.0),
    "covariance": Covariance(w_max=0.02, eta=1e-4),
    "reward": RewardSTDP(w_max=0.02, a_plus=1e-5, a_minus=1.2e-5, tau_e=300.0, tau_d=100.0),
    "reward, nearest": RewardSTDP(w_max=0.02, a_plus=1e-5, a_minus=1.2e-5, tau_e=40.0, tau_d=5.0, pairing="nearest"),
    "delta": DeltaRule(eta=2e-5),
    "delta, signal alone": DeltaRule(w_min=0.0, w_max=0.02, eta=5e-5, own=0.0, tau=50.0),
    "charge": ChargeSTDP(w_max=0.02, eta=1e-3, gain=0.02, window=50.0, mu=1.0),
    "anti-Hebbian": AntiHebbian(w_min=-0.02, eta=2e-4, rho_0=8.0),
    "volley": VolleySTDP(w_min=-0.01, w_max=0.02, eta=0.02, window=30.2),
}  # fmt: skip
"""Every rule in every variant, for weights of about 0.01, with amplitudes at which bounds are reached now and then."""

INITIAL = 0.01
DT = 0.5


def network(rule: Plasticity, connection: Any, n_pre: int, n_post: int, **options: Any) -> Network:
    """Return neurons ``post`` that fire whenever ``driver`` fired in the step before, and plastic synapses from ``pre``."""
    net = Network(dt=DT, seed=4)
    pre, driver = net.population("pre", n_pre, SpikeArray()), net.population("driver", n_post, SpikeArray())
    neuron = LIF(tau_m=2.0, v_rest=0.0, v_reset=0.0, v_threshold=1.0, v_initial=0.0, t_ref=0.0)
    post = net.population("post", n_post, neuron)
    net.connect(driver, post, OneToOne(), weight=100.0)
    net.connect(pre, post, connection, plasticity=rule, **options)
    return net


def train(spikes: Any, size: int, steps: int) -> SpikeTrain:
    """Return a train from pairs of step and neuron, shape (spikes, 2)."""
    pairs = np.asarray(spikes, dtype=np.int64).reshape(-1, 2)
    return SpikeTrain.from_times(pairs[:, 0] * DT, pairs[:, 1], size=size, dt=DT, duration=steps * DT)


def weights_after(
    rule: Plasticity, pre: Any, post: Any, *, weight: float, steps: int, rewards: Mapping[int, float] | None = None
) -> float:
    """Return the weight of one synapse after spikes at these steps (post: from step 1 on)."""
    net = network(rule, np.array([[weight]]), 1, 1)
    inputs = {
        "pre": train([(step, 0) for step in pre], 1, steps),
        "driver": train([(step - 1, 0) for step in post], 1, steps),
    }
    modulators = None
    if rewards:
        modulators = {"pre->post": TimedInput([step * DT for step in rewards], list(rewards.values()))}
    simulator = Simulator(net, threads=1)
    result = simulator.run(steps * DT, inputs=inputs, record={"post": "spikes"}, modulators=modulators)
    assert result.spikes["post"].steps.tolist() == list(post)
    return float(simulator.weights("pre->post")[0])
