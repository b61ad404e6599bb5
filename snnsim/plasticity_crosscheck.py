"""Learning in snnsim and in Brian2: equal weights after random trains, for every rule in every variant.

Each case joins 30 sources to 20 neurons by hundreds of plastic synapses. The neurons fire when a train of their own tells them to,
and when what they have learned drives them that far.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from snnsim_models import (
    BCM,
    LIF,
    AntiHebbian,
    ChargeSTDP,
    Covariance,
    DeltaRule,
    Oja,
    PairSTDP,
    Plasticity,
    PostTriggeredSTDP,
    RewardSTDP,
    SpikeArray,
    TripletSTDP,
    VolleySTDP,
)

from .connections import Sparse
from .crosscheck import Comparison
from .inputs import Inputs, TimedInput
from .network import Network
from .rules import OneToOne
from .simulator import Simulator
from .spikes import SpikeTrain

__all__ = ["PLASTIC", "PlasticCase", "compare_learning", "make_learning"]


@dataclasses.dataclass(frozen=True)
class PlasticCase:
    """A rule, and what it learns on: dense or sparse synapses, and delays (ms) of either side, one per synapse if several."""

    rule: Plasticity
    dense: bool = False
    delays: tuple[float, ...] = (0.0,)
    delay_side: str = "axonal"
    sign: float = 1.0


_SEVERAL = (0.0, 1.0, 2.0, 5.0, 12.0)


def _pair(**options: Any) -> PairSTDP:
    return PairSTDP(**{"w_max": 2.0, "a_plus": 0.02, "a_minus": 0.021, **options})


def _triplet(**options: Any) -> TripletSTDP:
    return TripletSTDP(w_max=2.0, a2_plus=5e-3, a3_plus=8e-3, a2_minus=9e-3, a3_minus=3e-3, **options)


def _reward(**options: Any) -> RewardSTDP:
    return RewardSTDP(w_max=2.0, a_plus=1e-3, a_minus=1.2e-3, **options)


PLASTIC: Mapping[str, PlasticCase] = {
    "pair STDP, additive, dense": PlasticCase(_pair(), dense=True, delays=(1.0,)),
    "pair STDP, additive, sparse": PlasticCase(_pair(), delays=(2.0,)),
    "pair STDP, additive, axonal delays": PlasticCase(_pair(), delays=_SEVERAL),
    "pair STDP, additive, dendritic delays": PlasticCase(_pair(), delays=_SEVERAL, delay_side="dendritic"),
    "pair STDP, additive, nearest": PlasticCase(_pair(pairing="nearest")),
    "pair STDP, multiplicative": PlasticCase(_pair(dependence="multiplicative"), dense=True),
    "pair STDP, multiplicative, nearest": PlasticCase(_pair(w_min=0.1, dependence="multiplicative", pairing="nearest")),
    "pair STDP, soft": PlasticCase(_pair(dependence="soft", mu=0.3)),
    "pair STDP, power-law": PlasticCase(_pair(w_max=5.0, dependence="power-law"), delays=_SEVERAL),
    "triplet STDP": PlasticCase(_triplet()),
    "triplet STDP, dense": PlasticCase(_triplet(), dense=True),
    "triplet STDP, nearest, dendritic delays": PlasticCase(
        _triplet(pairing="nearest"), delays=_SEVERAL, delay_side="dendritic"
    ),
    "post-triggered STDP": PlasticCase(PostTriggeredSTDP(w_max=2.0, eta=0.05), dense=True),
    "post-triggered STDP, hard bounds": PlasticCase(
        PostTriggeredSTDP(w_max=2.0, eta=0.02, mu=0.0, pairing="all-to-all")
    ),
    "Oja": PlasticCase(Oja(w_max=10.0, eta=5e-3), delays=_SEVERAL),
    "BCM": PlasticCase(BCM(w_max=2.0, eta=2e-3, y_0=2.0, tau_theta=1000.0)),
    "covariance": PlasticCase(Covariance(w_max=2.0, eta=0.01), dense=True),
    "reward-modulated STDP": PlasticCase(_reward()),
    "reward-modulated STDP, dense": PlasticCase(_reward(tau_e=300.0, tau_d=40.0), dense=True, delays=(1.0,)),
    "reward-modulated STDP, nearest, dendritic delays": PlasticCase(
        _reward(pairing="nearest"), delays=_SEVERAL, delay_side="dendritic"
    ),
    "delta rule": PlasticCase(DeltaRule(eta=0.01), dense=True),
    "delta rule, signal alone": PlasticCase(DeltaRule(w_min=0.0, w_max=2.0, eta=0.02, own=0.0), delays=_SEVERAL),
    "volley STDP": PlasticCase(VolleySTDP(w_min=0.0, w_max=2.0, eta=0.02, window=30.0), dense=True),
    "charge STDP": PlasticCase(ChargeSTDP(eta=0.02, gain=0.3, window=50.0, mu=1.0), dense=True),
    "anti-Hebbian": PlasticCase(AntiHebbian(w_min=-2.0, eta=0.02, rho_0=15.0), sign=-1.0, delays=(1.0,)),
}
"""The cases by name."""

_SOURCES, _CELLS, _RATE_HZ, _DT = 30, 20, 15.0, 1.0
_TOLERANCE = 1e-9


def make_learning(name: str, duration: float) -> tuple[Network, Inputs, dict[str, TimedInput]]:
    """Return the network of a case, and its inputs and modulators for a run of ``duration`` ms."""
    case, steps = PLASTIC[name], round(duration / _DT)
    rng = np.random.default_rng([list(PLASTIC).index(name), 1])
    net = Network(dt=_DT, seed=3)
    sources, driver = net.population("sources", _SOURCES, SpikeArray()), net.population("driver", _CELLS, SpikeArray())
    neuron = LIF(tau_m=10.0, v_rest=0.0, v_threshold=20.00371, v_reset=0.0, v_initial=0.0, t_ref=2.0)
    cells = net.population("cells", _CELLS, neuron)
    net.connect(driver, cells, OneToOne(), weight=25.0)
    learning: dict[str, Any] = {"plasticity": case.rule, "delay_side": case.delay_side}
    weights = case.sign * rng.uniform(0.5, 1.5, (_SOURCES, _CELLS))
    if case.dense:
        net.connect(sources, cells, weights, delay=case.delays[0], **learning)
    else:
        i, j = np.nonzero(rng.random(weights.shape) < 0.6)
        each = rng.choice(case.delays, len(i))
        made = Sparse.from_arrays(i, j, weights[i, j], each, n_sources=_SOURCES, n_targets=_CELLS)
        net.connect(sources, cells, made, **learning)
    inputs = {}
    for population, size in (("sources", _SOURCES), ("driver", _CELLS)):
        step, neurons = np.nonzero(rng.random((steps, size)) < _RATE_HZ * _DT / 1000.0)
        inputs[population] = SpikeTrain.from_times(step * _DT, neurons, size=size, dt=_DT, duration=duration)
    if case.rule.MODULATOR is None:
        return net, inputs, {}
    at = np.sort(rng.choice(steps, max(1, steps // 50), replace=False))
    shape = (len(at), _CELLS) if case.rule.MODULATOR == "teaching" else (len(at),)
    return net, inputs, {"sources->cells": TimedInput(at * _DT, rng.uniform(-1.0, 2.0, shape))}


def compare_learning(name: str, duration: float) -> Comparison:
    """Run a case for ``duration`` ms in both simulators and compare spikes and learned weights."""
    net, inputs, modulators = make_learning(name, duration)
    trains, weights = [], []
    for backend in ("cpu", "brian2"):
        simulator = Simulator(net, backend=backend, threads=1)
        result = simulator.run(duration, inputs=inputs, modulators=modulators, record={"cells": "spikes"})
        trains.append(result.spikes["cells"])
        weights.append(simulator.weights("sources->cells"))
    ours, theirs = (train.steps * train.size + train.neurons for train in trains)
    different = np.setxor1d(ours, theirs) // _CELLS
    dw = float(np.abs(weights[0] - weights[1]).max())
    return Comparison(
        name=name,
        agrees=len(different) == 0 and dw <= _TOLERANCE,
        spikes=len(ours),
        first_divergence_ms=float(different.min() * _DT) if len(different) else None,
        max_dv_mv=None,
        max_dw=dw,
    )
