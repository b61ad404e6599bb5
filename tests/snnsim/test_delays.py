"""Delays: a spike is delivered as many steps after its own as its synapse delays it, exactly once, whatever comes between."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_neuron import train

import snnsim as sn
from snnsim import (
    IF,
    LIF,
    AllToAll,
    Delta,
    ExponentialCurrent,
    FixedProbability,
    Graded,
    Network,
    NetworkError,
    Simulator,
    Sparse,
    SpikeArray,
    SpikeTrain,
    Uniform,
)

few = settings(max_examples=40, deadline=None, derandomize=True, database=None)
COUNTS = ("acs", "macs", "membrane_updates", "encoder_operations", "spikes", "events", "fired")


def delayed(delay: float, model: Any = None, *, weight: float = 1.0, dt: float = 1.0) -> Network:
    """One spike source onto one neuron."""
    net = Network(dt=dt)
    target = net.population("n", 1, model or IF(v_threshold=math.inf))
    net.connect(net.population("in", 1, SpikeArray()), target, [[weight]], delay=delay)
    return net


def own_delays(delays: list[float], weights: Any = None) -> Sparse:
    """One source onto as many targets as delays."""
    n = len(delays)
    return Sparse([0, n], np.arange(n), np.ones(n) if weights is None else weights, n, delays)


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [0, 1, 2, 3, 7, 100])
def test_a_spike_is_delivered_once_after_its_delay(d: int) -> None:
    steps = [0, 1, 5]
    sim = Simulator(delayed(float(d)))
    result = sim.run(120.0, inputs={"in": train(steps, duration=120)}, record={"n": ["v"]})
    arrivals = np.zeros(120, int)
    arrivals[np.array(steps) + d] = 1
    assert result.operations.acs[0].tolist() == arrivals.tolist()
    # What is delivered in a step shows in the next.
    assert result.v("n")[0, :, 0].tolist() == [0, *np.cumsum(arrivals)[:-1]]
    assert sim.network.projections[0].delay == d


@pytest.mark.parametrize("dt", [0.1, 0.3, 0.7, 1 / 3, 0.025])
def test_a_delay_of_a_multiple_of_the_step_is_that_many_steps(dt: float) -> None:
    """0.3 / 0.1 is 2.9999999999999996, and the like."""
    n = 40
    multiples = [k * dt for k in range(n)]
    net = Network(dt=dt)
    source = net.population("in", 1, SpikeArray())
    uniform, each = (net.population(name, n, IF(v_threshold=math.inf)) for name in ("uniform", "each"))
    for k, delay in enumerate(multiples):
        net.connect(source, uniform[k : k + 1], [[1.0]], delay=delay)
    net.connect(source, each, own_delays(multiples))
    spike = SpikeTrain.from_times([0.0], [0], size=1, dt=dt, duration=dt)
    result = Simulator(net).run(dt * (n + 2), inputs={"in": spike}, record={"uniform": ["v"], "each": ["v"]})
    expected = np.arange(n + 2)[:, None] > np.arange(n)
    assert np.array_equal(result.v("uniform")[0], expected)
    assert np.array_equal(result.v("each")[0], expected)


def test_synapses_have_delays_of_their_own() -> None:
    net = Network(dt=0.5)
    source, target = net.population("in", 2, SpikeArray()), net.population("n", 3, IF(v_threshold=math.inf))
    # Source 0 reaches target 2 twice, late and at once; source 1 reaches target 0 alone.
    net.connect(source, target, Sparse([0, 3, 4], [2, 1, 2, 0], [1.0, 2.0, 4.0, 8.0], 3, [2.0, 0.5, 0.0, 1.5]))
    spikes = SpikeTrain.from_times([0.0, 0.5, 0.5], [0, 0, 1], size=2, dt=0.5, duration=5.0)
    result = Simulator(net).run(5.0, inputs={"in": spikes}, record={"n": ["v"]})
    v = result.v("n")[0].T
    assert v[0].tolist() == [0, 0, 0, 0, 0, 8, 8, 8, 8, 8]
    assert v[1].tolist() == [0, 0, 2, 4, 4, 4, 4, 4, 4, 4]
    assert v[2].tolist() == [0, 4, 8, 8, 8, 9, 10, 10, 10, 10]
    assert result.operations.acs[0].tolist() == [1, 2, 1, 0, 2, 1, 0, 0, 0, 0]


def test_projections_of_one_population_wait_independently() -> None:
    net = Network(dt=1.0)
    source = net.population("in", 3, SpikeArray())
    targets = [net.population(f"n{k}", 3, IF(v_threshold=math.inf)) for k in range(4)]
    for target, delay in zip(targets, (0.0, 9.0, 2.0, 2.0), strict=True):
        net.connect(source, target, np.eye(3), delay=delay)
    net.connect(source[1:], targets[0][:2], np.eye(2), delay=5.0)
    spikes = SpikeTrain.from_times([0, 3, 3], [0, 1, 2], size=3, dt=1.0, duration=4.0)
    result = Simulator(net).run(15.0, inputs={"in": spikes}, record={f"n{k}": ["v"] for k in range(4)})
    rises = [[np.nonzero(np.diff(result.v(f"n{k}")[0, :, n]))[0].tolist() for n in range(3)] for k in range(4)]
    # Neurons 1 and 2 of the source also reach neurons 0 and 1 of the first target, five steps late.
    assert rises == [[[0, 8], [3, 8], [3]], [[9], [12], [12]], [[2], [5], [5]], [[2], [5], [5]]]


def test_a_ring_with_delays_carries_one_spike_round() -> None:
    net = Network(dt=0.5)
    n = net.population("n", 5, IF(v_threshold=0.5, v_initial=[1.0, 0, 0, 0, 0]))
    net.connect(n, n, np.roll(np.eye(5), 1, axis=1), delay=1.5)
    spikes = Simulator(net).run(30.0, record={"n": ["spikes"]}).spikes["n"]
    assert spikes.steps.tolist() == list(range(0, 60, 4))  # three steps of delay, and it acts on the update after
    assert spikes.neurons.tolist() == [k % 5 for k in range(15)]


def test_a_population_that_sleeps_still_delivers_what_it_sent_and_keeps_what_it_gets() -> None:
    net = Network(dt=1.0)
    source = net.population("in", 1, SpikeArray(), active=(0.0, 2.0))
    net.connect(source, net.population("awake", 1, IF(v_threshold=math.inf)), [[1.0]], delay=4.0)
    net.connect(source, net.population("late", 1, IF(v_threshold=1.5), active=(8.0, 9.0)), [[1.0]], delay=4.0)
    result = Simulator(net).run(
        10.0, inputs={"in": train([0, 1], duration=10)}, record={"awake": ["v"], "late": ["spikes"]}
    )
    assert result.v("awake")[0, :, 0].tolist() == [0] * 5 + [1] + [2] * 4
    assert result.spikes["late"].steps.tolist() == [8]


def test_a_graded_source_with_a_delay_is_refused() -> None:
    """Its value is read at delivery, so that a delay would deliver what it has become."""
    net = Network(dt=1.0)
    source, target = net.population("x", 1, Graded()), net.population("n", 1, IF(v_threshold=math.inf))
    with pytest.raises(NetworkError, match=r"x->n.*graded.*delay"):
        net.connect(source, target, [[2.0]], delay=3.0)
    assert not net.projections


# --- refractoriness and reset -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [0, 1, 4])
@pytest.mark.parametrize("r", [1, 3])
def test_refractoriness_counts_at_the_arrival_of_a_spike(r: int, d: int) -> None:
    """The neuron fires in step 10 and is refractory until step 10 + r: what arrives before is void, whenever it was sent."""
    model = LIF(tau_m=1e300, v_threshold=1.0, v_reset=0.25, t_ref=float(r))
    net = delayed(float(d), model, weight=0.5)
    trigger = net.population("trigger", 1, SpikeArray())
    net.connect(trigger, net.populations["n"], [[2.0]])
    sim = Simulator(net)
    for arrival in range(10, 16):
        sim.reset()
        inputs = {"in": train([arrival - d], duration=20), "trigger": train([9], duration=20)}
        result = sim.run(20.0, inputs=inputs, record={"n": ["v", "spikes"]})
        assert result.spikes["n"].steps.tolist() == [10]
        assert result.v("n")[0, -1, 0] == (0.75 if arrival >= 10 + r else 0.25), arrival


def test_a_neuron_does_not_reset_what_it_sent_to_itself() -> None:
    net = Network(dt=1.0)
    n = net.population("n", 1, IF(v_threshold=1.0, v_initial=1.5))
    net.connect(n, n, [[5.0]], delay=2.0)
    result = Simulator(net).run(8.0, record={"n": ["v", "spikes"]})
    assert result.v("n")[0, :, 0].tolist() == [1.5, 0, 0, 5, 0, 0, 5, 0]
    assert result.spikes["n"].steps.tolist() == [0, 3, 6]


# --- runs -------------------------------------------------------------------------------------------------------------


def lively() -> Network:
    """Recurrent, with uniform and own delays from 0 to 9 ms onto two kinds of receptors, and Poisson noise."""
    net = Network(dt=0.5, seed=31)
    noise = net.population("noise", 12, sn.Poisson(rate=300.0))
    given_spikes = net.population("in", 3, SpikeArray())
    receptors = {"now": Delta(), "slow": ExponentialCurrent(tau=7.0)}
    exc = net.population("exc", 40, LIF(tau_m=10.0, t_ref=1.5, v_threshold=1.0, receptors=receptors))
    inh = net.population("inh", 9, IF(v_threshold=1.0, reset="soft"))
    net.connect(noise, exc, FixedProbability(0.4), weight=Uniform(0.1, 0.9), delay=Uniform(0.0, 9.0))
    net.connect(given_spikes, exc[:10], AllToAll(), weight=0.6, delay=3.5)
    net.connect(exc, exc, FixedProbability(0.3, autapses=False), weight=0.2, delay=Uniform(0.5, 6.0), receptor="slow")
    net.connect(exc, inh, np.random.default_rng(1).random((40, 9)) / 8, delay=1.0)
    net.connect(inh, exc, FixedProbability(0.5), weight=-0.3, delay=2.0)
    return net


def lively_train(steps: int, copies: int) -> SpikeTrain:
    c, s, n = np.nonzero(np.random.default_rng(5).random((copies, steps, 3)) < 0.3)
    return SpikeTrain(c, s, n, 3, copies, 0.5, 0, steps)


def cut(spikes: SpikeTrain, start: int, stop: int) -> SpikeTrain:
    part = (spikes.steps >= start) & (spikes.steps < stop)
    return SpikeTrain(
        spikes.copies[part], spikes.steps[part], spikes.neurons[part], spikes.size, spikes.n_copies, 0.5, start, stop
    )


EVERYTHING = {"noise": ["spikes"], "in": ["spikes"], "exc": ["spikes", "v", "slow.i"], "inh": ["spikes", "v"]}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "splits", [[1], [37], [3, 4, 5, 90], list(range(1, 100))], ids=lambda splits: f"{len(splits) + 1} runs"
)
def test_split_runs_equal_one_run(splits: list[int], precision: str) -> None:
    net, spikes = lively(), lively_train(100, 3)
    whole = Simulator(net, copies=3, precision=precision).run(50.0, inputs={"in": spikes}, record=EVERYTHING)
    sim = Simulator(net, copies=3, precision=precision)
    bounds = [0, *splits, 100]
    parts = [
        sim.run((b - a) * 0.5, inputs={"in": cut(spikes, a, b)}, record=EVERYTHING)
        for a, b in itertools.pairwise(bounds)
    ]  # fmt: skip
    for key, values in whole.states.items():
        assert np.array_equal(np.concatenate([part.states[key] for part in parts], axis=1), values), key
    for name, fired in whole.spikes.items():
        assert len(fired) > 50, name
        for part, a, b in zip(parts, bounds, bounds[1:], strict=False):
            assert part.spikes[name] == cut(fired, a, b), name
    for name in COUNTS:
        joined = np.concatenate([getattr(part.operations, name) for part in parts], axis=1)
        assert np.array_equal(joined, getattr(whole.operations, name)), name


def test_a_delay_may_be_longer_than_a_run() -> None:
    sim = Simulator(delayed(10.0))
    found = [sim.run(3.0, inputs={"in": train([2], duration=3)}, record={"n": ["v"]})]
    found += [sim.run(3.0, record={"n": ["v"]}) for _ in range(4)]
    assert [result.operations.acs.sum() for result in found] == [0, 0, 0, 0, 1]
    assert np.concatenate([result.v("n")[0, :, 0] for result in found]).tolist() == [0] * 13 + [1, 1]


def test_a_reset_forgets_the_spikes_under_way() -> None:
    sim = Simulator(delayed(5.0))
    sim.run(3.0, inputs={"in": train([0, 1, 2], duration=3)})
    sim.reset()
    result = sim.run(20.0, record={"n": ["v"]})
    assert not result.v("n").any()
    assert not result.operations.acs.any()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_copies_are_the_same_alone_and_together(threads: int) -> None:
    copies, spikes = 5, lively_train(80, 5)
    together = Simulator(lively(), copies=copies, threads=threads).run(40.0, inputs={"in": spikes}, record=EVERYTHING)
    for copy in range(copies):
        sim = Simulator(lively(), threads=1)
        sim.reset(first_sample=copy)
        alone = sim.run(40.0, inputs={"in": spikes.copy(copy)}, record=EVERYTHING)
        for key, values in alone.states.items():
            assert np.array_equal(together.states[key][copy], values[0]), key
        for name in COUNTS:
            assert np.array_equal(getattr(together.operations, name)[copy], getattr(alone.operations, name)[0]), name


def test_a_saved_state_holds_the_spikes_under_way(tmp_path: Any) -> None:
    net, spikes = lively(), lively_train(60, 2)
    sim = Simulator(net, copies=2)
    sim.run(30.0, inputs={"in": spikes})
    sim.save(tmp_path / "state.npz")
    expected = sim.run(20.0, record=EVERYTHING)
    other = Simulator(net, copies=2)
    other.load(tmp_path / "state.npz")
    found = other.run(20.0, record=EVERYTHING)
    for key, values in expected.states.items():
        assert np.array_equal(found.states[key], values), key
    assert found.operations.acs.sum() == expected.operations.acs.sum() > 0


# --- conservation -----------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**31), rest=st.integers(0, 12))
@few
def test_every_spike_causes_as_many_events_as_it_has_synapses(seed: int, rest: int) -> None:
    """Noise for 20 steps, then ``rest`` steps: counted is every synapse whose delay has passed, once, when it passes."""
    rng = np.random.default_rng(seed)
    net = Network(dt=1.0, seed=seed)
    source = net.population("noise", int(rng.integers(1, 15)), sn.Poisson(rate=300.0), active=(0.0, 20.0))
    target = net.population("n", int(rng.integers(1, 15)), IF(v_threshold=math.inf))
    a, b = sorted(rng.choice(source.size + 1, 2, replace=False))
    uniform = float(rng.integers(0, 12))
    net.connect(source[a:b], target, FixedProbability(0.5), weight=1.0, delay=Uniform(0.0, 11.0))
    net.connect(source, target, sn.FixedOutDegree(4), weight=1.0, delay=uniform)
    steps = 20 + rest
    result = Simulator(net, copies=2).run(float(steps), record={"noise": ["spikes"], "n": ["v"]})
    expected = np.zeros((2, steps, 2), int)
    own, fixed = (projection.connection for projection in net.projections)
    spikes = result.spikes["noise"]
    for copy, step, neuron in zip(spikes.copies, spikes.steps, spikes.neurons, strict=True):
        if a <= neuron < b:
            for delay in own.delays[own.pointers[neuron - a] : own.pointers[neuron - a + 1]]:
                if step + delay < steps:
                    expected[copy, step + int(delay), 0] += 1
        if step + uniform < steps:
            expected[copy, step + int(uniform), 1] += 4
    assert np.array_equal(result.operations.events, expected)
    if rest == 12:  # all have been delivered
        fan_out = np.full(source.size, 4)
        fan_out[a:b] += np.diff(own.pointers)
        assert result.operations.acs.sum() == fan_out[spikes.neurons].sum()
    # Each event adds a weight of 1: what was delivered before the last step stands in v.
    assert result.v("n")[:, -1].sum() == expected[:, :-1].sum()
    assert len(fixed.weights) == 4 * source.size


def test_spikes_under_way_survive_an_overflow_of_the_spike_log() -> None:
    """300,000 recorded spikes, more than the log's buffer holds, each delivered three steps later."""
    size, steps = 3000, 100
    net = Network(dt=1.0)
    n = net.population("n", size, IF(v_threshold=0.5, bias=1.0))
    net.connect(n, net.population("sum", 1, IF(v_threshold=math.inf)), np.ones((size, 1)), delay=3.0)
    result = Simulator(net).run(float(steps), record={"n": ["spikes"], "sum": ["v"]})
    assert len(result.spikes["n"]) == size * steps
    assert result.v("sum")[0, :, 0].tolist() == [size * max(k - 3, 0) for k in range(steps)]
