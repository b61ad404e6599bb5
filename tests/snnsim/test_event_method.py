"""The event method: exact spike times, one instant, every spike delivered once, sources, and the grid beside it."""

import math
from typing import Any

import numpy as np
import pytest
from event_networks import alone, driven, fired, given_times, run

from snnsim import (
    IF,
    LIF,
    Delta,
    EventSimulator,
    EventTrain,
    ExponentialCurrent,
    FixedInDegree,
    FixedProbability,
    Network,
    Poisson,
    SimulationError,
    Simulator,
    Sparse,
    SpikeArray,
    SpikeTrain,
    StepCurrent,
)

EXACT = 1e-9  # ms


# --- closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t_ref", [0.0, 2.5, 3.3333])
@pytest.mark.parametrize("source", ["v_rest", "input"])
def test_a_constant_current_fires_at_the_closed_form_times(t_ref: float, source: str) -> None:
    """T = tau_m ln((v_inf - v_reset) / (v_inf - threshold)) after the end of refractoriness, from v_initial the first time."""
    tau, v_inf, reset, start = 13.7, 1.3, -0.4, 0.25
    model = LIF(
        tau_m=tau, v_rest=v_inf if source == "v_rest" else 0.0, v_reset=reset, v_initial=start, t_ref=t_ref, r_m=2.0
    )
    inputs = {"inputs": {"n": [v_inf / 2.0]}} if source == "input" else {}
    found = alone(model, 200.0, **inputs)
    first = tau * math.log((v_inf - start) / (v_inf - 1.0))
    period = t_ref + tau * math.log((v_inf - reset) / (v_inf - 1.0))
    expected = np.arange(first, 200.0, period)
    assert len(found) == len(expected) >= 5
    np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT)


def test_a_delta_synapse_fires_its_target_when_it_arrives() -> None:
    """v = sum of w exp(-(t - t_k) / tau); the third of three spikes lifts it over the threshold, by as little as 1e-9."""
    tau, times, delay = 10.0, [3.05, 7.77, 11.123456789], 0.3
    before = sum(0.5 * math.exp(-(times[2] - t) / tau) for t in times[:2])
    over, under = (1 - before) * (1 + 1e-9), (1 - before) * (1 - 1e-9)
    for last, expected in ((over, [times[2] + delay]), (under, [])):
        net = driven(LIF(tau_m=tau), [0.5, last], delay=delay)
        found = fired(net, given_times(times, [0, 0, 1], 2))
        assert len(found) == len(expected)
        np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT)


def test_the_threshold_is_strict() -> None:
    assert fired(driven(IF(v_threshold=1.0), [1.0]), given_times([5.0])) == []
    assert fired(driven(IF(v_threshold=1.0), [np.nextafter(1.0, 2.0)]), given_times([5.0])) == [5.0]


@pytest.mark.parametrize("weight", [0.7, 1.1, 3.0])
def test_an_exponential_current_whose_crossing_is_quadratic(weight: float) -> None:
    """tau_m = 2 tau: v = w (y - y^2) with y = exp(-t / tau_m), so w y^2 - w y + threshold = 0."""
    tau_m, threshold = 12.0, 0.17
    net = driven(LIF(tau_m=tau_m, v_threshold=threshold, receptors={"e": ExponentialCurrent(tau=tau_m / 2)}), [weight])
    found = fired(net, given_times([4.4]))
    # The larger root is the rise, the smaller the fall.
    y = (1 + math.sqrt(1 - 4 * threshold / weight)) / 2
    assert found[0] == pytest.approx(4.4 - tau_m * math.log(y), abs=EXACT)


def test_an_exponential_current_of_the_membrane_time_constant() -> None:
    """tau = tau_m: v = w (t / tau) exp(-t / tau), which reaches w / e at t = tau and x exp(-x) w at t = x tau before."""
    tau, weight, x = 8.0, 2.0, 0.35
    model = LIF(
        tau_m=tau, v_threshold=weight * x * math.exp(-x), t_ref=50.0, receptors={"e": ExponentialCurrent(tau=tau)}
    )
    assert fired(driven(model, [weight]), given_times([1.0])) == pytest.approx([1.0 + x * tau], abs=EXACT)
    # Just below the peak there is a crossing, just above it none.
    for factor, n in ((1 - 1e-12, 1), (1 + 1e-12, 0)):
        model = LIF(
            tau_m=tau, v_threshold=weight / math.e * factor, t_ref=90.0, receptors={"e": ExponentialCurrent(tau=tau)}
        )
        assert len(fired(driven(model, [weight]), given_times([1.0]))) == n


def test_currents_decay_on_while_a_neuron_is_refractory() -> None:
    """Each spike after the first starts from v_reset at the end of refractoriness with what is left of the current."""
    tau, weight, threshold, t_ref = 10.0, 8.0, 0.5, 3.0
    model = LIF(tau_m=tau, v_threshold=threshold, t_ref=t_ref, receptors={"e": ExponentialCurrent(tau=tau)})
    times = fired(driven(model, [weight]), given_times([2.0]))
    assert len(times) >= 3
    for start, time in zip([2.0, *(t + t_ref for t in times)], times, strict=False):
        x = (time - start) / tau
        left = weight * math.exp(-(start - 2.0) / tau)
        assert left * x * math.exp(-x) == pytest.approx(threshold, abs=1e-12)


def test_input_is_discarded_until_exactly_t_ref_after_the_spike() -> None:
    model = LIF(tau_m=1e9, v_threshold=1.0, v_reset=0.25, t_ref=3.0)
    for late, left in ((2.999, 0.25), (3.0, 0.75), (3.001, 0.75)):
        net = driven(model, [2.0, 0.5])
        sim = EventSimulator(net)
        sim.run(20.0, inputs={"in": given_times([5.1, 5.1 + late], [0, 1], 2, 20.0)})
        assert sim.state("n", "v")[0, 0] == pytest.approx(left, abs=1e-7), late


def test_a_step_current_and_a_bias_move_an_if_neuron_on_a_line() -> None:
    """From 2 ms on v rises by 0.3 + 0.2 mV/ms, before by 0.2; soft reset keeps the period, from v_initial = 0.1."""
    net = driven(IF(v_threshold=1.0, v_initial=0.1, bias=0.2, reset="soft"), [0.3], receptors=["step"])
    found = fired(net, given_times([2.0]))
    first = 2.0 + (1.0 - 0.1 - 0.4) / 0.5
    np.testing.assert_allclose(found, np.arange(first, 100.0, 2.0), rtol=0, atol=EXACT)


def test_a_soft_reset_keeps_the_excess_and_fires_as_often_as_it_allows() -> None:
    net = driven(IF(v_threshold=1.0, reset="soft"), [3.5])
    sim = EventSimulator(net)
    result = sim.run(10.0, inputs={"in": given_times([4.0], duration=10.0)}, record={"n": ["spikes"]})
    assert result.spikes["n"].times.tolist() == [4.0, 4.0, 4.0]
    assert sim.state("n", "v").tolist() == [[0.5]]


def test_neurons_have_parameters_of_their_own() -> None:
    tau, v_inf = np.array([5.0, 10.0, 20.0]), np.array([1.5, 2.0, 1.1])
    net = Network(dt=0.1)
    net.population("n", 3, LIF(tau_m=tau, v_rest=v_inf, v_initial=[0.0, 0.5, -1.0], t_ref=[1e6, 1e6, 1e6]))
    times = run(net, 100.0, record={"n": ["spikes"]}).spikes["n"]
    expected = tau * np.log((v_inf - [0.0, 0.5, -1.0]) / (v_inf - 1))
    assert times.neurons.tolist() == np.argsort(expected).tolist()
    np.testing.assert_allclose(times.times, np.sort(expected), rtol=0, atol=EXACT)


def test_a_chain_of_neurons_adds_up_latencies_and_delays() -> None:
    """Each fires the next through an exponential current of its own time constant: t = tau_m (x + ...) after each delay."""
    tau, weight, n, x, delay = 10.0, 3.0, 6, 0.2, 1.7
    model = LIF(
        tau_m=tau, v_threshold=weight * x * math.exp(-x), t_ref=200.0, receptors={"e": ExponentialCurrent(tau=tau)}
    )
    net = Network(dt=0.1)
    source, chain = net.population("in", 1, SpikeArray()), net.population("n", n, model)
    net.connect(source, chain[:1], [[weight]], delay=delay)
    net.connect(chain, chain, weight * np.eye(n, k=1), delay=delay)
    found = fired(net, given_times([0.55]))
    np.testing.assert_allclose(found, 0.55 + np.arange(1, n + 1) * (delay + x * tau), rtol=0, atol=EXACT)


def test_inhibition_and_excitation_of_three_receptors_agree_with_the_grid_at_its_finest() -> None:
    receptors = {
        "fast": ExponentialCurrent(tau=2.0),
        "slow": ExponentialCurrent(tau=15.0),
        "v": Delta(),
        "i": StepCurrent(),
    }
    times, spikes = [1.0, 2.0, 2.0, 6.0, 9.0], [0, 1, 2, 3, 0]
    weights, names = [14.0, -2.0, 0.2, 1.3], ["fast", "slow", "v", "i"]
    net = driven(LIF(tau_m=10.0, t_ref=2.0, receptors=receptors), weights, receptors=names)
    exact = fired(net, given_times(times, spikes, 4))
    fine = Network(dt=0.001)
    source, n = fine.population("in", 4, SpikeArray()), fine.population("n", 1, net.populations["n"].model)
    for j in range(4):
        fine.connect(source[j : j + 1], n, [[weights[j]]], receptor=names[j])
    train = SpikeTrain.from_times(times, spikes, size=4, dt=0.001, duration=100.0)
    grid = Simulator(fine).run(100.0, inputs={"in": train}, record={"n": ["spikes"]}).spikes["n"].times
    assert len(grid) == len(exact) >= 3
    # The k-th interval is rounded up to a step, as is every one before it.
    assert np.all(np.abs(grid - exact) <= 0.001 * np.arange(1, len(grid) + 1) + 1e-9)


# --- the same instant ---------------------------------------------------------------------------------------------------


def test_what_arrives_in_one_instant_is_summed_before_the_threshold_is_compared() -> None:
    """Sources 0 (+1.5) and 1 (-1) fire at times that coincide after their delays, but for a rounding."""
    assert 0.1 + 0.2 != 0.3
    for order in ((1.5, -1.0), (-1.0, 1.5)):
        net = Network(dt=0.1)
        source, n = net.population("in", 2, SpikeArray()), net.population("n", 1, IF(v_threshold=1.0))
        net.connect(source[:1], n, [[order[0]]], delay=0.2)
        net.connect(source[1:], n, [[order[1]]], delay=0.0)
        assert fired(net, given_times([0.1, 0.3], [0, 1], 2)) == []
        assert len(fired(net, given_times([0.1, 0.3 + 1e-6], [0, 1], 2))) == (order[0] > 0)


def test_a_spike_without_delay_passes_a_chain_in_one_instant() -> None:
    net = Network(dt=0.1)
    source, n = net.population("in", 1, SpikeArray()), net.population("n", 50, IF(v_threshold=0.5))
    net.connect(source, n[:1], [[1.0]])
    net.connect(n, n, np.eye(50, k=1))
    assert fired(net, given_times([7.7])) == [7.7] * 50


def test_a_neuron_with_a_hard_reset_ignores_its_own_spike_of_the_same_instant() -> None:
    for t_ref in (0.0, 1.0):
        net = driven(LIF(tau_m=1e9, v_threshold=0.5, t_ref=t_ref), [1.0])
        net.connect(net.populations["n"], net.populations["n"], [[1.0]])
        assert fired(net, given_times([7.7])) == [7.7]


def test_an_endless_chain_without_delay_is_told() -> None:
    net = driven(IF(v_threshold=0.5, reset="soft"), [1.0])
    net.connect(net.populations["n"], net.populations["n"], [[1.0]])
    sim = EventSimulator(net)
    with pytest.raises(SimulationError, match=r"7\.7 ms.*delay above 0"):
        sim.run(100.0, inputs={"in": given_times([7.7])})
    with pytest.raises(SimulationError, match=r"interrupted.*reset"):
        sim.run(100.0)
    sim.reset()
    assert sim.run(100.0).operations.spikes.sum() == 0


# --- conservation -------------------------------------------------------------------------------------------------------


def test_every_spike_is_delivered_once_per_synapse_after_its_delay() -> None:
    """Read-outs that never fire count what arrives: each synapse adds its weight, and sums of powers of two tell which."""
    rng = np.random.default_rng(4)
    n_sources, n_targets, duration = 30, 7, 50.0
    net = Network(dt=0.1)
    source, target = (
        net.population("in", n_sources, SpikeArray()),
        net.population("n", n_targets, IF(v_threshold=math.inf)),
    )
    counts = rng.integers(0, 12, n_sources)
    pointers = np.concatenate([[0], np.cumsum(counts)])
    targets, delays = rng.integers(0, n_targets, pointers[-1]), rng.integers(0, 200, pointers[-1]) * 0.1
    weights = 2.0 ** rng.integers(0, 20, pointers[-1])
    net.connect(source, target, Sparse(pointers, targets, weights, n_targets, delays))
    dense = rng.integers(0, 3, (n_sources, n_targets)).astype(float)
    net.connect(source, target, dense, delay=3.3)
    times, neurons = np.sort(rng.uniform(0, duration - 0.1, 400)), rng.integers(0, n_sources, 400)
    sim = EventSimulator(net)
    train = given_times(times.tolist(), neurons.tolist(), n_sources, duration)
    for end in (20.0, 30.0, 30.0):  # two runs of 20 and 30 ms, and one more in which the last delays pass
        begin = sim.time
        part = (times >= begin) & (times < begin + end)
        train = EventTrain.from_times(times[part] - begin, neurons[part], size=n_sources, dt=0.1, duration=end)
        sim.run(end, inputs={"in": train})
        expected = np.zeros(n_targets)
        for t, j in zip(times, neurons, strict=True):
            for k in range(pointers[j], pointers[j + 1]):
                if t + delays[k] < sim.time:
                    expected[targets[k]] += weights[k]
            if t + 3.3 < sim.time:
                expected += dense[j]
        assert sim.state("n", "v")[0].tolist() == expected.tolist()


def test_operations_are_counted_where_the_work_is_done() -> None:
    net = Network(dt=0.1)
    source = net.population("in", 3, SpikeArray())
    a, b = net.population("a", 4, IF(v_threshold=0.5)), net.population("b", 2, IF(v_threshold=math.inf))
    net.connect(source, a, np.array([[1.0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]), delay=1.0)
    net.connect(a, b, np.ones((4, 2)), delay=0.5)
    train = given_times([1.0, 1.0, 2.0], [0, 1, 2], 3)
    operations = run(net, 100.0, inputs={"in": train}).operations
    assert operations.fired.tolist() == [[[3, 3, 0]]]
    assert operations.events.tolist() == [[[3, 6]]]
    assert (operations.acs.sum(), operations.spikes.sum(), operations.macs.sum()) == (9, 6, 0)
    # Three neurons of a reached at 2 ms, and both of b once, because all arrives in one instant.
    assert operations.membrane_updates.sum() == 5


def test_a_quiet_network_costs_nothing() -> None:
    net = Network(dt=0.1)
    n = net.population("n", 1000, LIF(v_rest=0.9))
    net.connect(n, n, FixedProbability(0.1), weight=0.1)
    operations = run(net, 1e6).operations
    assert operations.membrane_updates.sum() == operations.acs.sum() == 0


# --- sources ------------------------------------------------------------------------------------------------------------


def test_poisson_intervals_are_exponential() -> None:
    net = Network(dt=0.1, seed=11)
    net.population("p", 400, Poisson(rate=50.0))
    values = np.repeat([0.0, 0.5, 1.0, 3.0], 100)
    result = run(net, 5000.0, inputs={"p": values}, record={"p": ["spikes"]})
    train = result.spikes["p"]
    counts = train.counts()[0].reshape(4, 100)
    assert counts[0].sum() == 0
    for value, mine in zip((0.5, 1.0, 3.0), counts[1:], strict=True):
        mean = 250.0 * value
        assert abs(mine.mean() - mean) < 4 * math.sqrt(mean / 100)
        assert 0.6 < mine.var() / mean < 1.5  # a Poisson count varies as its mean; chi-squared with 99 degrees
    intervals = np.sort(
        np.concatenate([np.diff(train.times[train.neurons == n]) for n in range(300, 400)]) / (1000.0 / 150.0)
    )
    uniform = 1 - np.exp(-intervals)
    distance = np.abs(uniform - (np.arange(len(uniform)) + 0.5) / len(uniform)).max()
    assert len(intervals) > 70_000
    assert distance < 1.95 / math.sqrt(len(uniform))  # Kolmogorov-Smirnov at 0.1 %
    assert not np.any(train.times == train.steps * 0.1)
    assert result.operations.encoder_operations.sum() == result.operations.spikes.sum() == len(train)


def test_poisson_streams_depend_on_the_seed_and_on_the_sample_alone() -> None:
    net = Network(dt=0.1, seed=5)
    net.population("p", 10, Poisson(rate=100.0))
    both = EventSimulator(net, copies=3)
    first = both.run(300.0, record={"p": ["spikes"]}).spikes["p"]
    assert not np.array_equal(first.copy(0).times, first.copy(1).times)
    single = EventSimulator(net)
    single.reset(first_sample=2)
    assert single.run(300.0, record={"p": ["spikes"]}).spikes["p"] == first.copy(2)
    both.reset(seed=6)
    assert both.run(300.0, record={"p": ["spikes"]}).spikes["p"] != first
    both.reset()
    assert both.run(300.0, record={"p": ["spikes"]}).spikes["p"] == first


# --- beside the grid ----------------------------------------------------------------------------------------------------


def feed_forward(dt: float) -> Network:
    """Sources onto leaky neurons with exponential currents, each of which fires once: crossings that have to be found."""
    net = Network(dt=dt, seed=8)
    source = net.population("in", 20, SpikeArray())
    model = LIF(tau_m=10.0, t_ref=200.0, receptors={"e": ExponentialCurrent(tau=4.0)})
    net.connect(source, net.population("n", 30, model), FixedInDegree(6), weight=2.0, delay=1.2)
    return net


def recurrent(dt: float) -> Network:
    """The same, and the layer inhibits itself: who fires earlier delays others."""
    net = feed_forward(dt)
    inhibited = net.populations["n"]
    rows = np.random.default_rng(1).random((30, 30)) < 0.2
    net.connect(inhibited, inhibited, Sparse.from_matrix(np.where(rows, -0.7, 0.0)), delay=0.8)
    return net


def once_each(dt: float) -> tuple[SpikeTrain, EventTrain]:
    times, neurons = np.random.default_rng(4).integers(0, 25, 20) * 0.4, np.arange(20)
    return tuple(kind.from_times(times, neurons, size=20, dt=dt, duration=40.0) for kind in (SpikeTrain, EventTrain))  # type: ignore[return-value]


def by_neuron(train: SpikeTrain) -> np.ndarray:
    return train.times[np.lexsort((train.times, train.neurons))]


@pytest.mark.parametrize("make", [feed_forward, recurrent])
def test_grid_times_converge_to_the_exact_times(make: Any) -> None:
    """A grid spike is late by up to a step. What its lateness does to others (inhibits them later) is less than that here."""
    record = {"n": ["spikes"]}
    exact = run(make(0.4), 40.0, inputs={"in": once_each(0.4)[1]}, record=record).spikes["n"]
    assert len(exact) == 30
    worst = []
    for dt in (0.4, 0.2, 0.1, 0.05):
        grid = Simulator(make(dt)).run(40.0, inputs={"in": once_each(dt)[0]}, record=record).spikes["n"]
        assert grid.counts().tolist() == exact.counts().tolist()
        late = by_neuron(grid) - by_neuron(exact)
        assert late.min() > (0 if make is feed_forward else -dt)
        assert late.max() < dt
        worst.append(np.abs(late).max())
    assert worst[3] < worst[0] / 4


def test_recurrence_changes_the_times_that_are_compared() -> None:
    times = [
        by_neuron(run(make(0.4), 40.0, inputs={"in": once_each(0.4)[1]}, record={"n": ["spikes"]}).spikes["n"])
        for make in (feed_forward, recurrent)
    ]
    assert np.count_nonzero(times[1] > times[0] + 0.4) >= 5
