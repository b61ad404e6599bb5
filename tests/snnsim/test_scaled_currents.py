"""Exponential currents that are kept scaled: the same as those that decay step by step, within rounding, wherever they are used."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snnsim_kernels.scaling import CYCLE

from snnsim import (
    LIF,
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    Convolution,
    ExponentialCurrent,
    FixedInDegree,
    FixedProbability,
    Graded,
    Network,
    OrPooling,
    Poisson,
    PoissonInput,
    Record,
    Result,
    Simulator,
    SpikeArray,
    SpikeTrain,
    Uniform,
    compilation,
    cpu_backend,
)

ROUNDING = {"float32": 3e-5, "float64": 1e-12}
precisions = pytest.mark.parametrize("precision", ["float32", "float64"])


def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, no network is compiled with scaled currents."""
    monkeypatch.setattr(compilation, "_LEAST_POWER", math.inf)


def receptors() -> dict[str, ExponentialCurrent]:
    return {"e": ExponentialCurrent(tau=3.0), "i": ExponentialCurrent(tau=9.0), "slow": ExponentialCurrent(tau=80.0)}


def network(model: type[LIF] = LIF, *, v_threshold: float = math.inf, graded: bool = True, **more: Any) -> Network:
    """All kinds of arrivals, at slices: dense, sparse with one weight and with several, pooled, graded, a stimulus, recurrent."""
    net = Network(dt=0.25, seed=8)
    noise = net.population("noise", 36, Poisson(rate=120.0))
    n = net.population(
        "n", 50, model(tau_m=12.0, v_threshold=v_threshold, t_ref=2.0, i_offset=0.3, receptors=receptors(), **more)
    )
    rng = np.random.default_rng(0)
    net.connect(noise[:20], n[10:45], rng.normal(0.0, 1.0, (20, 35)), receptor="e", delay=0.5)
    net.connect(noise, n, FixedProbability(0.2), weight=0.7, delay=Uniform(0.0, 5.0), receptor="i")
    net.connect(noise[5:], n[20:], FixedInDegree(4), weight=Uniform(-1.0, 1.0), receptor="slow")
    net.connect(noise, n[3:19], Convolution(rng.normal(0.0, 1.0, (1, 3, 3, 1)), 6, 6), receptor="e")
    net.connect(noise, n[7:16], OrPooling(2, 2, 1, 6, 6, 1.5), receptor="slow")
    net.connect(n, n[:30], FixedProbability(0.1), weight=-0.5, delay=0.75, receptor="i")
    net.stimulate(n[30:], PoissonInput(300.0), weight=0.4, receptor="e")
    if graded:
        net.connect(net.population("pixels", 3, Graded()), n[40:], np.full((3, 10), 0.2), receptor="slow")
    return net


STATES = ["v", "e.i", "i.i", "slow.i"]
RECORD: dict[str, Any] = {"n": [*STATES, "spikes"]}


def run(net: Network, *, duration: float = 60.0, **options: Any) -> Result:
    inputs = {"pixels": [0.1, 0.5, 1.0]} if "pixels" in net.populations else {}
    return Simulator(net, **options).run(duration, inputs=inputs, record=RECORD)


def assert_close(found: Result, expected: Result, precision: str) -> None:
    for key, value in expected.states.items():
        scale = np.abs(value).max()
        assert scale > 0.1
        np.testing.assert_allclose(found.states[key] / scale, value / scale, rtol=0, atol=ROUNDING[precision])
    assert np.array_equal(found.operations.events, expected.operations.events)
    assert found.spikes == expected.spikes


@precisions
def test_they_are_those_that_decay_step_by_step(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several cycles, wherever arrivals come from."""
    simulator = Simulator(network(), copies=2, precision=precision)
    assert len(simulator._compiled.factors) == 3
    found = run(network(), copies=2, precision=precision)
    plain(monkeypatch)
    assert not Simulator(network())._compiled.factors
    assert found.stop > 6 * CYCLE
    assert_close(found, run(network(), copies=2, precision=precision), precision)


@pytest.mark.parametrize(
    ("model", "more"),
    [(LIF, {}), (AdaptiveCurrentLIF, {"b": 0.2}), (AdaptiveThresholdLIF, {"theta_plus": 0.1, "tau_theta": 50.0})],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_neurons_that_fire_spike_in_the_same_steps(
    model: type[LIF], more: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = network(model, v_threshold=1.0, **more)
    found = run(net)
    assert found.spikes["n"].counts().sum() > 100
    plain(monkeypatch)
    assert_close(found, run(network(model, v_threshold=1.0, **more)), "float64")


def test_an_analog_input_beside_them_acts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, the constant current of a neuron is not even read: that is another kernel."""
    given = {"n": np.linspace(0, 2, 50), "pixels": np.ones(3)}
    found = Simulator(network()).run(20.0, inputs=given, record=RECORD)
    silent = run(network(), duration=20.0)
    assert np.all(found.v("n")[0, -1, 1:] != silent.v("n")[0, -1, 1:])
    plain(monkeypatch)
    assert_close(found, Simulator(network()).run(20.0, inputs=given, record=RECORD), "float64")


@precisions
def test_runs_can_be_cut_and_carried_over_at_any_step(precision: str, tmp_path: Path) -> None:
    """To the last bit, within a cycle and at its ends."""
    net = network(v_threshold=1.0, graded=False)
    whole = run(net, duration=0.25 * 4 * CYCLE, precision=precision)
    parts, simulator = [], Simulator(net, precision=precision)
    cuts = [0, 1, CYCLE - 1, CYCLE, CYCLE + 1, 2 * CYCLE - 2, 3 * CYCLE, 3 * CYCLE + 5, 4 * CYCLE]
    for first, last in itertools.pairwise(cuts):
        parts.append(simulator.run(0.25 * (last - first), record=RECORD))
        simulator.save(tmp_path / "state.npz")
        simulator = Simulator(net, precision=precision)
        simulator.load(tmp_path / "state.npz")
    for key, value in whole.states.items():
        assert np.array_equal(np.concatenate([part.states[key] for part in parts], axis=1), value)
    steps = np.concatenate([part.spikes["n"].steps for part in parts])
    assert np.array_equal(steps, whole.spikes["n"].steps)


def test_some_neurons_at_some_steps_are_recorded_as_all_are() -> None:
    net = network()
    whole = run(net)
    picked = [49, 3, 3, 17]
    simulator = Simulator(net)
    simulator.run(0.75, inputs={"pixels": [0.1, 0.5, 1.0]})  # so that samples lie anywhere in a cycle
    part = simulator.run(
        57.5, record={"n": [Record("e.i", neurons=picked, every=1.75), Record("slow.i", neurons=slice(5, 20, 3), every=0.5)]}
    )  # fmt: skip
    assert np.array_equal(part.states["n", "e.i"], whole.states["n", "e.i"][:, 3:233:7][:, :, picked])
    assert np.array_equal(part.states["n", "slow.i"], whole.states["n", "slow.i"][:, 3:233:2, 5:20:3])


def test_any_number_of_workers_leaves_the_same_currents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker rescales its own neurons."""

    def wide() -> Network:
        net = Network(dt=0.25, seed=2)
        noise = net.population("noise", 90, Poisson(rate=150.0))
        n = net.population("n", 400, LIF(tau_m=12.0, v_threshold=1.0, receptors=receptors()))
        net.connect(noise, n[30:350], FixedProbability(0.2), weight=Uniform(0.0, 0.8), receptor="e")
        net.connect(n, n, FixedProbability(0.1), weight=-0.3, delay=Uniform(0.0, 3.0), receptor="i")
        net.stimulate(n[100:333], PoissonInput(400.0), weight=0.3, receptor="slow")
        return net

    alone = run(wide(), threads=1)
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 100)
    together = run(wide(), threads=3)
    assert alone.spikes["n"].counts().sum() > 100
    assert together.spikes == alone.spikes
    for key, value in alone.states.items():
        assert np.array_equal(together.states[key], value)


def test_a_current_is_the_closed_form_after_any_delay_in_a_cycle() -> None:
    """One spike at each step of a cycle, each onto a neuron of its own: w exp(-t / tau) from the step after on."""
    n = CYCLE + 3
    net = Network(dt=0.5)
    given = net.population("given", n, SpikeArray())
    target = net.population("n", n, LIF(v_threshold=math.inf, receptors={"e": ExponentialCurrent(tau=4.0)}))
    net.connect(given, target, 2.0 * np.eye(n))
    train = SpikeTrain.from_times(0.5 * np.arange(n), np.arange(n), size=n, dt=0.5, duration=60.0)
    current = Simulator(net).run(60.0, inputs={"given": train}, record={"n": "e.i"}).states["n", "e.i"][0]
    since = 0.5 * (np.arange(120)[:, None] - np.arange(n))
    np.testing.assert_allclose(current, np.where(since > 0, 2.0 * np.exp(-since / 4.0), 0.0), rtol=1e-13)


def test_pooling_takes_the_larger_of_the_current_and_the_weight() -> None:
    """At any step of a cycle, which is where it once forgot the scale."""
    net = Network(dt=1.0)
    given = net.population("given", 4, SpikeArray())
    target = net.population("n", 1, LIF(v_threshold=math.inf, receptors={"e": ExponentialCurrent(tau=20.0)}))
    net.connect(given, target, OrPooling(2, 2, 1, 2, 2, 1.5))
    steps = np.array([2, 2, 5, 37, 38, 38])
    train = SpikeTrain.from_times(steps.astype(float), [0, 3, 1, 2, 0, 1], size=4, dt=1.0, duration=50.0)
    current = Simulator(net).run(50.0, inputs={"given": train}, record={"n": "e.i"}).states["n", "e.i"][0, :, 0]
    since = np.array([t - steps[steps < t].max(initial=-1000) for t in range(50)])
    np.testing.assert_allclose(
        current, np.where(since < 1000, 1.5 * np.exp(-since / 20.0), 0.0), rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize("tau", [0.05, 0.8, 0.87])
def test_a_current_that_decays_fast_is_not_scaled(tau: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of it after a cycle must not be so little that its inverse leaves the range of numbers."""
    net = Network(dt=0.25)
    net.population("n", 1, LIF(receptors={"e": ExponentialCurrent(tau=tau)}))
    assert bool(Simulator(net)._compiled.factors) == (math.exp(-0.25 * CYCLE / tau) >= 1e-4)


def test_a_state_saved_with_scaled_currents_is_refused_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = Simulator(network(graded=False))
    simulator.run(3.0)
    simulator.save(tmp_path / "state.npz")
    plain(monkeypatch)
    with pytest.raises(ValueError, match="another network"):
        Simulator(network(graded=False)).load(tmp_path / "state.npz")
