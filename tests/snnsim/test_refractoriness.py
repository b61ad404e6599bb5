"""Refractory neurons: how long they are held, alone and in teams, within a calendar and beyond it, over checkpoints."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_neuron import train

from snnsim import (
    IF,
    LIF,
    TTFS,
    Delta,
    ExponentialCurrent,
    Graded,
    Network,
    Poisson,
    PoissonInput,
    Simulator,
    SpikeArray,
    compilation,
    cpu_backend,
)

few = settings(max_examples=25, deadline=None, derandomize=True, database=None)
DAYS = pytest.mark.parametrize("days", [2, 3, 7, 2**16])
"""Steps that a calendar covers: who is held for longer is entered again on the way."""


def firing(t_ref: np.ndarray, dt: float = 0.5) -> Network:
    """Neurons that fire as soon as they may."""
    net = Network(dt=dt)
    net.population("n", len(t_ref), LIF(tau_m=1.0, v_rest=10.0, v_threshold=1.0, t_ref=t_ref))
    return net


@DAYS
@pytest.mark.parametrize("threads", [1, 4])
@given(seed=st.integers(0, 2**31))
@few
def test_neurons_are_held_for_their_own_refractoriness_whatever_the_calendar(
    days: int, threads: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    held = rng.choice([0, 1, 2, 3, 5, 8, 13, 60], 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation, "_MOST_DAYS", days)
        patch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
        spikes = Simulator(firing(held * 0.5), threads=threads).run(100.0, record={"n": "spikes"}).spikes["n"]
    for neuron, steps in enumerate(held):
        assert spikes.steps[spikes.neurons == neuron].tolist() == list(range(0, 200, max(steps, 1))), steps


@DAYS
def test_a_refractory_neuron_discards_what_arrives_and_counts_what_arrives_right_after(
    days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "_MOST_DAYS", days)
    held = 11
    net = Network(dt=1.0)
    trigger, late = net.population("trigger", 1, SpikeArray()), net.population("late", 1, SpikeArray())
    n = net.population("n", 1, LIF(tau_m=1e300, v_threshold=1.0, v_reset=0.25, t_ref=float(held)))
    net.connect(trigger, n, [[2.0]])
    net.connect(late, n, [[0.5]])
    simulator = Simulator(net)
    for after in range(held + 4):  # the neuron fires in step 1
        simulator.reset()
        inputs = {"trigger": train([0], duration=30), "late": train([1 + after], duration=30)}
        v = simulator.run(30.0, inputs=inputs, record={"n": "v"}).v("n")[0, :, 0]
        assert v[1] == 2.0
        assert (v[2 : 2 + held] == 0.25).all()
        assert v[-1] == (0.75 if after >= held else 0.25), after


@DAYS
def test_the_currents_of_a_refractory_neuron_go_on_decaying(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_MOST_DAYS", days)
    model = LIF(
        tau_m=20.0, v_initial=2.0, v_threshold=1.0, t_ref=10.0,
        receptors={"now": Delta(), "slow": ExponentialCurrent(tau=5.0)},
    )  # fmt: skip
    net = Network(dt=1.0)
    source, n = net.population("in", 1, SpikeArray()), net.population("n", 1, model)
    net.connect(source, n, [[3.0]], receptor="slow")
    result = Simulator(net).run(20.0, inputs={"in": train([2], duration=20)}, record={"n": ["v", "slow.i", "spikes"]})
    assert result.spikes["n"].steps.tolist() == [0]
    i = result.states["n", "slow.i"][0, :, 0]
    np.testing.assert_allclose(i[3:], 3.0 * np.exp(-np.arange(1, 18) / 5.0), rtol=1e-12)
    v = result.v("n")[0, :, 0]
    assert (v[1:10] == 0).all()
    assert v[10] > 0  # the first update of the free neuron has the current as it is then


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("days", [3, 2**16])
def test_refractoriness_outlives_cuts_and_checkpoints_at_every_step(
    precision: str, days: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "_MOST_DAYS", days)
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
    held = np.arange(50) % 17
    net = firing(held * 0.5)
    whole = Simulator(net, precision=precision).run(30.0, record={"n": ["spikes", "v"]})
    assert len(whole.spikes["n"]) > 200
    for step in range(1, 60):
        before = Simulator(net, precision=precision, threads=1 + step % 4)
        before.run(step * 0.5)
        before.save(tmp_path / "state.npz")
        after = Simulator(net, precision=precision, threads=1 + step % 3)
        after.load(tmp_path / "state.npz")
        rest = after.run(30.0 - step * 0.5, record={"n": ["spikes", "v"]})
        later = whole.spikes["n"].steps >= step
        assert np.array_equal(rest.spikes["n"].steps, whole.spikes["n"].steps[later]), step
        assert np.array_equal(rest.spikes["n"].neurons, whole.spikes["n"].neurons[later]), step
        assert np.array_equal(rest.v("n"), whole.v("n")[:, step:]), step


def test_the_state_says_how_many_steps_are_left() -> None:
    net = firing(np.array([0.0, 0.5, 1.0, 3.0]))
    simulator = Simulator(net)
    simulator.run(0.5)  # all have fired in step 0; held for one step less than their refractoriness
    assert simulator._state.held.tolist() == [[0, 0, 2, 6]]
    simulator.run(0.5)
    assert simulator._state.held.tolist() == [[0, 0, 1, 5]]
    simulator.reset()
    assert simulator._state.held.tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_neuron_that_is_held_for_ever_fires_once_until_a_reset(
    threads: int, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
    net = Network(dt=1.0)
    net.population("n", 100, TTFS(v_threshold=3.0, v_initial=np.arange(100) % 4))
    simulator = Simulator(net, threads=threads, precision=precision)
    for _ in range(2):
        first = simulator.run(2.0, record={"n": "spikes"}).spikes["n"]
        simulator.save(tmp_path / "state.npz")
        simulator.load(tmp_path / "state.npz")
        rest = simulator.run(200.0, record={"n": "spikes"}).spikes["n"]
        assert (first.counts() + rest.counts() == 1).all()
        assert len(first) == len(rest) == 50
        simulator.reset()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_longest_refractoriness_that_is_allowed_outlasts_any_run(precision: str) -> None:
    net = Network(dt=1.0)
    net.population("n", 1, LIF(tau_m=1.0, v_rest=10.0, v_threshold=1.0, t_ref=2.0**31 - 1))
    spikes = Simulator(net, precision=precision).run(1000.0, record={"n": "spikes"}).spikes["n"]
    assert spikes.steps.tolist() == [0]


def test_no_interval_is_shorter_than_the_refractoriness_under_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 64)
    held = np.random.default_rng(0).integers(1, 40, 300)
    net = Network(dt=0.5, seed=2)
    n = net.population("n", 300, LIF(tau_m=10.0, v_threshold=1.0, t_ref=held * 0.5))
    net.connect(net.population("noise", 100, Poisson(rate=300.0)), n, np.full((100, 300), 0.05))
    net.stimulate(n, PoissonInput(2000.0), weight=0.2)
    spikes = Simulator(net, threads=4).run(400.0, record={"n": "spikes"}).spikes["n"]
    shortest = np.array([np.diff(spikes.steps[spikes.neurons == neuron]).min() for neuron in range(300)])
    # The first update of a free neuron starts from the reset potential: input moves it from the next one on.
    assert (shortest > held).all()
    assert (shortest == held + 1).sum() > 100


def test_a_refractory_graded_source_is_no_refractory_neuron_of_others() -> None:
    """Populations keep their own calendars and their own neurons."""
    net = Network(dt=1.0)
    x = net.population("x", 3, Graded())
    a = net.population("a", 2, LIF(tau_m=1.0, v_rest=10.0, v_threshold=1.0, t_ref=[2.0, 5.0]))
    b = net.population("b", 1, IF(v_threshold=0.5, bias=1.0))
    net.connect(x, b, np.ones((3, 1)))
    net.connect(b, a, np.zeros((1, 2)))
    result = Simulator(net).run(
        10.0, inputs={"x": [1.0, 0.0, 1.0]}, record={"x": "spikes", "a": "spikes", "b": "spikes"}
    )
    assert result.spikes["x"].neurons.tolist() == [0, 2]
    assert result.spikes["a"].counts().tolist() == [[5, 2]]
    assert result.spikes["b"].counts().tolist() == [[10]]
