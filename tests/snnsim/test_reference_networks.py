"""Random networks against the reference simulator: sliced and recurrent projections of all kinds, delays, several receptors."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_simulator import Reference

import snnsim as sn
from snnsim import (
    IF,
    LIF,
    TTFS,
    AdaptiveThresholdLIF,
    AlphaCurrent,
    Delta,
    ExponentialConductance,
    ExponentialCurrent,
    Graded,
    Network,
    Simulator,
    Sparse,
    StepCurrent,
)

many = settings(max_examples=60, deadline=None, derandomize=True, database=None)

FOREVER = 2.0**1000
"""A time constant with which nothing decays: with a resistance as large, a current moves v by exactly i dt in a step."""


def sources_of(rng: np.random.Generator, net: Network) -> list[Any]:
    return [
        net.population("noise", int(rng.integers(1, 19)), sn.Poisson(rate=500.0)),
        net.population("values", int(rng.integers(1, 9)), sn.Latency(window=4.0), active=(0.0, 4.0)),
        net.population("graded", int(rng.integers(1, 9)), Graded()),
    ]


def connect(rng: np.random.Generator, net: Network, source: Any, target: Any, *, exact: bool) -> None:
    """Join random slices by random weights to a random receptor, with no delay, one for all, or one for each synapse."""
    a, b = sorted(rng.choice(source.size + 1, 2, replace=False))
    c, d = sorted(rng.choice(target.size + 1, 2, replace=False))
    shape = (b - a, d - c)
    w = rng.integers(-16, 17, shape) / 8 if exact else rng.normal(0.5, 1.0, shape)
    if rng.random() < 0.3:
        w = np.full(shape, 0.75)
    w = w * (rng.random(shape) < 0.6)
    receptor = list(target.model.receptor_map)[int(rng.integers(len(target.model.receptor_map)))]
    if isinstance(target.model.receptor_map[receptor], ExponentialConductance):
        w = np.abs(w)
    graded = source.model.GRADED  # its value is read at delivery: no delays
    delay = 0.0 if graded else net.dt * int(rng.integers(0, 7)) * int(rng.integers(0, 2))
    kind = rng.choice(["dense", "sparse"] if graded else ["dense", "sparse", "delays", "multapses"])
    connection: Any = w
    if kind != "dense":
        connection = Sparse.from_matrix(w)
    if kind in ("delays", "multapses"):
        at, delay = connection, 0.0
        k = 1 if kind == "delays" else 2  # each synapse twice, with delays of its own
        delays = net.dt * rng.integers(0, 6, k * at.n_synapses)
        connection = Sparse(k * at.pointers, np.repeat(at.targets, k), np.repeat(at.weights, k), at.size, delays)
    net.connect(source[a:b], target[c:d], connection, receptor=receptor, delay=delay)


def run_both(rng: np.random.Generator, net: Network, targets: list[Any], steps: int) -> tuple[Any, Any]:
    inputs = {name: rng.integers(0, 17, (3, net.populations[name].size)) / 16 for name in ("noise", "values", "graded")}
    record = {p.name: ["spikes", *p.model.states] for p in net.populations.values()}
    result = Simulator(net, copies=3, threads=1).run(steps * net.dt, inputs=inputs, record=record)
    keys = tuple((p.name, variable) for p in targets for variable in p.model.states)
    return result, Reference(net).run(steps, 3, inputs, seed=net.seed, record=keys)


def assert_same_events(net: Network, result: Any, expected: Any) -> None:
    for name in net.populations:
        for ours, theirs in zip(("copies", "steps", "neurons"), expected.events(name), strict=True):
            assert np.array_equal(getattr(result.spikes[name], ours), theirs), name
    assert np.array_equal(result.operations.acs, expected.acs)
    assert np.array_equal(result.operations.macs, expected.macs)
    assert np.array_equal(result.operations.spikes, expected.fired)
    assert np.array_equal(result.operations.membrane_updates, expected.membrane_updates)
    assert np.array_equal(result.operations.encoder_operations, expected.encoder_operations)


@given(seed=st.integers(0, 2**31))
@many
def test_random_networks_equal_the_reference(seed: int) -> None:
    """All kinds of populations, weights that no sum rounds: equal to the last bit."""
    rng = np.random.default_rng(seed)
    net = Network(dt=0.5, seed=int(rng.integers(2**63)))
    lasting = {"inh": ExponentialCurrent(tau=FOREVER), "now": Delta(), "exc": ExponentialCurrent(tau=FOREVER)}
    choices: list[Any] = [
        lambda n: IF(v_threshold=1.0, v_initial=0.5, bias=rng.integers(-4, 8, n) / 16, reset="soft"),
        lambda n: IF(v_threshold=rng.integers(4, 12, n) / 8, v_reset=-0.25, t_open=2.0),
        lambda n: TTFS(v_threshold=4.0, ramp=0.5, t_open=rng.integers(0, 8, n) / 2),
        # With the step receptor: r_m (1 - decay) is 0 at this tau_m, so that a current is counted but does nothing.
        lambda n: LIF(tau_m=1e300, v_threshold=1.0, v_reset=-0.5, v_initial=0.875, t_ref=rng.integers(0, 4, n) / 2),
        lambda n: LIF(tau_m=1e300, v_threshold=1.0, reset="soft"),
        lambda n: LIF(
            tau_m=FOREVER,
            r_m=FOREVER,
            v_threshold=1.0,
            v_reset=-0.5,
            t_ref=rng.integers(0, 4, n) / 2,
            receptors=lasting,
        ),
        lambda n: LIF(tau_m=FOREVER, r_m=FOREVER, v_threshold=2.0, reset="soft", receptors=lasting),
        lambda n: AdaptiveThresholdLIF(
            tau_m=1e300, theta_plus=rng.integers(0, 4, n) / 8, tau_theta=math.inf, theta_initial=0.5, v_threshold=0.5
        ),
    ]
    sources = sources_of(rng, net)
    targets = [
        net.population(f"p{k}", n := int(rng.integers(1, 19)), choices[rng.integers(len(choices))](n)) for k in range(3)
    ]
    for _ in range(6):
        connect(rng, net, [*sources, *targets][rng.integers(6)], targets[rng.integers(3)], exact=True)
    result, expected = run_both(rng, net, targets, 20)
    assert_same_events(net, result, expected)
    for key, values in expected.states.items():
        assert np.array_equal(result.states[key], values), key


LEAKY: list[tuple[type[LIF], dict[str, tuple[float, float]]]] = [
    (LIF, {}),
    (AdaptiveThresholdLIF, {"theta_plus": (0.0, 0.2), "tau_theta": (5.0, 50.0), "theta_initial": (0.0, 0.2)}),
    (sn.AdaptiveCurrentLIF, {"b": (0.0, 0.5), "tau_w": (25.0, 50.0)}),
    (sn.EscapeNoiseLIF, {"rho_0": (50.0, 300.0), "delta_v": (0.1, 0.4)}),
    (sn.NoisyLIF, {"sigma": (0.1, 0.5)}),
]
"""Neurons with dynamics, and the ranges of the parameters that LIF lacks."""


@pytest.mark.parametrize(("kind", "own"), LEAKY, ids=[kind.__name__ for kind, _ in LEAKY])
@pytest.mark.parametrize("conducting", [False, True], ids=["currents", "conductances"])
@given(seed=st.integers(0, 2**31))
@settings(many, max_examples=12)
def test_random_networks_with_dynamics_equal_the_reference(
    kind: type[LIF], own: dict[str, tuple[float, float]], conducting: bool, seed: int
) -> None:
    """Weights of any value, so that no potential lies within a rounding of its threshold: the same spikes, states to 1e-10."""
    rng = np.random.default_rng(seed)
    net = Network(dt=0.5, seed=int(rng.integers(2**63)))
    sources = sources_of(rng, net)
    targets = []
    for k in range(2):
        n = int(rng.integers(1, 19))
        per_neuron = rng.random() < 0.5
        value = (lambda low, high, n=n: rng.uniform(low, high, n)) if per_neuron else rng.uniform
        receptors: dict[str, Any] = {
            "alpha": AlphaCurrent(tau=value(0.5, 4.0)), "now": Delta(), "fast": ExponentialCurrent(tau=value(0.2, 4.0)),
            "slow": ExponentialCurrent(tau=value(30.0, 90.0)), "on": StepCurrent(),
        }  # fmt: skip
        if conducting:
            receptors["exc"] = ExponentialConductance(tau=value(0.5, 4.0), e_rev=value(2.0, 5.0))
            receptors["inh"] = ExponentialConductance(tau=value(0.5, 9.0), e_rev=value(-2.0, 0.0))
        hard = rng.random() < 0.7
        model = kind(
            tau_m=value(6.0, 20.0), v_rest=-0.3, r_m=value(1.0, 4.0), v_threshold=0.7, v_reset=-0.5, receptors=receptors,
            i_offset=value(-0.1, 0.2), reset="hard" if hard else "soft",
            t_ref=0.0 if not hard else rng.integers(0, 5, n) / 2 if per_neuron else 1.0,
            **{name: value(*bounds) for name, bounds in own.items()},
        )  # fmt: skip
        targets.append(net.population(f"p{k}", n, model))
    for k in range(7):
        # Two at least from a source that fires in every copy, and the rest from anywhere.
        source = sources[0] if k < 2 else [*sources, *targets][rng.integers(5)]
        connect(rng, net, source, targets[k % 2], exact=False)
    result, expected = run_both(rng, net, targets, 60)
    assert_same_events(net, result, expected)
    for key, values in expected.states.items():
        np.testing.assert_allclose(result.states[key], values, rtol=1e-10, atol=1e-10, err_msg=str(key))
