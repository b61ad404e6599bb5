"""Poisson stimuli: their distribution, their independence, when they act, and what is counted."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from reference_simulator import words

from snnsim import (
    IF,
    LIF,
    Delta,
    ExponentialCurrent,
    Network,
    NetworkError,
    Poisson,
    PoissonInput,
    Result,
    Simulator,
    cpu_backend,
)

FIRST_STREAM = 2**31 + 2**30
"""The random stream of the first stimulus of a network."""


def counts_of(rate: float, *, size: int = 100, steps: int = 200, copies: int = 1, seed: int = 0) -> np.ndarray:
    """Spikes that arrive per copy, step and neuron, read off potentials that add them up."""
    net = Network(dt=1.0, seed=seed)
    net.stimulate(net.population("n", size, IF(v_threshold=math.inf)), PoissonInput(rate), weight=1.0)
    result = Simulator(net, copies=copies).run(steps + 1.0, record={"n": "v"})
    counts = np.diff(result.v("n"), axis=1)
    # What arrives in the last step has not acted yet.
    assert np.array_equal(result.operations.events[:, :-1, 0], counts.sum(axis=2))
    return counts.astype(np.int64)


def expected_counts(net: Network, steps: int, copies: int = 1) -> list[np.ndarray]:
    """Counts of each stimulus per copy, step and target neuron, from NumPy and SciPy alone."""
    found = []
    for number, stimulus in enumerate(net.stimuli):
        mean = stimulus.input.rate * net.dt / 1000.0
        size = stimulus.target.population.size
        drawn = np.stack(
            [words(net.seed, step, FIRST_STREAM + number, np.arange(copies), size) for step in range(steps)],
            axis=1,
        )
        quantiles = scipy.stats.poisson.ppf((drawn + 0.5) / 2**32, mean) if mean else np.zeros(drawn.shape)
        found.append(quantiles[:, :, stimulus.target.start : stimulus.target.stop].astype(np.int64))
    return found


# --- distribution -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize("mean", [1e-6, 0.01, 0.5, 1.0, 3.7, 20.0, 123.4, 999.0])
def test_thresholds_are_the_cumulative_distribution(mean: float, dt: float) -> None:
    thresholds = PoissonInput(mean / dt * 1000).thresholds(dt)
    assert thresholds.dtype == np.uint32
    assert len(thresholds) % 4 == 0
    reached = thresholds[thresholds < 2**32 - 1]  # what follows no word exceeds
    exact = scipy.stats.poisson.cdf(np.arange(len(reached)), mean) * 2.0**32
    np.testing.assert_allclose(reached, exact, rtol=1e-12, atol=2.0)
    assert (np.diff(thresholds.astype(np.int64)) >= 0).all()
    # What is left out is less than one word.
    assert scipy.stats.poisson.sf(len(reached), mean) < 2.0**-31


@pytest.mark.parametrize("rate", [20.0, 400.0, 1000.0, 6500.0, 40_000.0])
def test_counts_follow_the_poisson_distribution(rate: float) -> None:
    mean = rate / 1000.0
    counts = counts_of(rate, size=250, steps=400, seed=7).ravel()
    bins = np.arange(scipy.stats.poisson.ppf(1e-4, mean), scipy.stats.poisson.ppf(1 - 1e-4, mean) + 1)
    edges = np.concatenate([[-0.5], bins + 0.5, [math.inf]])
    probabilities = np.diff(scipy.stats.poisson.cdf(np.floor(edges), mean), prepend=0.0)[1:]
    observed = np.histogram(counts, edges)[0]
    enough = probabilities * counts.size > 5
    rest = np.array([observed[~enough].sum(), probabilities[~enough].sum() * counts.size])
    chi_square = (((observed - probabilities * counts.size) ** 2) / (probabilities * counts.size))[enough].sum()
    assert enough.sum() > 1
    assert chi_square < scipy.stats.chi2.ppf(0.999, enough.sum() - 1)
    assert abs(rest[0] - rest[1]) <= 5 * math.sqrt(rest[1]) + 1


def test_counts_are_independent_over_neurons_steps_copies_and_stimuli() -> None:
    drawn = counts_of(800.0, size=130, steps=150, copies=6, seed=1) - 0.8
    other = counts_of(800.0, size=130, steps=150, copies=6, seed=2) - 0.8
    net = Network(dt=1.0, seed=1)
    n = net.population("n", 130, LIF(tau_m=1e300, v_threshold=math.inf, receptors={"a": Delta(), "b": Delta()}))
    net.stimulate(n, PoissonInput(800.0), weight=1.0)
    second = net.stimulate(n, PoissonInput(800.0), weight=1000.0, receptor="b")
    sums = np.diff(Simulator(net, copies=6).run(151.0, record={"n": "v"}).v("n"), axis=1)
    assert np.array_equal(np.rint(sums) % 1000 - 0.8, drawn)  # a further stimulus does not change the first
    assert second.name == "stimulus->n#2"
    pairs = {
        "neurons": (drawn[:, :, 1:], drawn[:, :, :-1]),
        "neurons of a block": (drawn[:, :, 16:], drawn[:, :, :-16]),
        "neurons of two groups": (drawn[:, :, 64:], drawn[:, :, :-64]),
        "steps": (drawn[:, 1:], drawn[:, :-1]),
        "copies": (drawn[1:], drawn[:-1]),
        "seeds": (drawn, other),
        "stimuli": (drawn, np.rint(sums) // 1000 - 0.8),
    }
    for name, (left, right) in pairs.items():
        # The product of two independent variables has the variance 0.8 x 0.8.
        assert abs((left * right).mean()) < 5 * 0.8 / math.sqrt(left.size), name


@pytest.mark.parametrize("dt", [0.1, 0.5, 2.0])
def test_the_rate_is_per_second_whatever_the_step(dt: float) -> None:
    net = Network(dt=dt, seed=4)
    net.stimulate(net.population("n", 500, IF(v_threshold=math.inf)), PoissonInput(150.0), weight=1.0)
    events = Simulator(net).run(1000.0, count_every=1000.0).operations.events[0, 0, 0]
    assert abs(events - 150.0 * 500) < 5 * math.sqrt(150.0 * 500)


# --- the same everywhere ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("copies", "threads"), [(1, 1), (1, 4), (3, 2)])
@pytest.mark.parametrize(("start", "stop"), [(0, 300), (0, 1), (1, 64), (63, 65), (64, 128), (70, 299), (255, 300)])
def test_a_slice_gets_the_draws_of_its_neurons(
    start: int, stop: int, copies: int, threads: int, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against NumPy: three stimuli, one of them onto a slice that no group of 64 ends at, others beside and over it."""
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 64)
    net = Network(dt=0.5, seed=2**63 + 5)
    net.population("before", 37, IF())
    n = net.population("n", 300, IF(v_threshold=math.inf))
    net.stimulate(n, PoissonInput(0.0), weight=64.0)
    net.stimulate(n[start:stop], PoissonInput(3000.0), weight=0.25)
    net.stimulate(n[100:], PoissonInput(500.0), weight=-2.0)
    steps = 25
    result = Simulator(net, copies=copies, threads=threads, precision=precision).run(steps * 0.5, record={"n": "v"})
    counts = expected_counts(net, steps, copies)
    arrived = np.zeros((copies, steps, 300))
    for stimulus, count in zip(net.stimuli, counts, strict=True):
        arrived[:, :, stimulus.target.start : stimulus.target.stop] += stimulus.weight * count
    assert np.array_equal(result.v("n")[:, 1:], np.cumsum(arrived, axis=1)[:, :-1])
    assert not result.v("n")[:, 0].any()  # acts on the next update
    assert np.array_equal(result.operations.events, np.stack([count.sum(axis=2) for count in counts], axis=2))
    assert np.array_equal(result.operations.acs, result.operations.events.sum(axis=2))


def test_a_stimulus_goes_on_in_the_next_run_and_starts_anew_after_a_reset() -> None:
    net = Network(dt=1.0, seed=6)
    net.stimulate(net.population("n", 70, IF(v_threshold=math.inf)), PoissonInput(700.0), weight=1.0)
    simulator = Simulator(net)
    parts = [simulator.run(duration, record={"n": "v"}).v("n") for duration in (1.0, 9.0, 20.0)]
    whole = Simulator(net).run(30.0, record={"n": "v"}).v("n")
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
    simulator.reset()
    assert np.array_equal(simulator.run(30.0, record={"n": "v"}).v("n"), whole)
    simulator.reset(seed=7)
    assert not np.array_equal(simulator.run(30.0, record={"n": "v"}).v("n"), whole)
    simulator.reset(first_sample=1)
    assert not np.array_equal(simulator.run(30.0, record={"n": "v"}).v("n"), whole)


# --- what it does -----------------------------------------------------------------------------------------------------


def test_what_arrives_at_a_receptor_decays_as_its_current() -> None:
    net = Network(dt=1.0, seed=1)
    model = LIF(v_threshold=math.inf, receptors={"now": Delta(), "slow": ExponentialCurrent(tau=4.0)})
    net.stimulate(net.population("n", 20, model), PoissonInput(900.0), weight=0.5, receptor="slow")
    i = Simulator(net).run(50.0, record={"n": "slow.i"}).states["n", "slow.i"]
    (counts,) = expected_counts(net, 50)
    expected = np.zeros((51, 20))
    for step in range(
        50
    ):  # the state is that after the update: what arrived until the step before, decayed by one step
        expected[step + 1] = (expected[step] + 0.5 * counts[0, step]) * math.exp(-1.0 / 4.0)
    np.testing.assert_allclose(i[0, 1:], expected[1:50], rtol=1e-12)


def test_a_switched_on_current_wakes_the_state_that_is_otherwise_not_read() -> None:
    net = Network(dt=1.0, seed=1)
    n = net.population("n", 5, IF(v_threshold=math.inf))
    net.stimulate(n[3:], PoissonInput(1000.0), weight=1.0, receptor="step")
    result = Simulator(net).run(40.0, record={"n": ["v", "i"]})
    (counts,) = expected_counts(net, 40)
    i = np.concatenate([[[0, 0]], np.cumsum(counts[0], axis=0)[:-1]])
    assert np.array_equal(result.states["n", "i"][0, :, 3:], i)
    assert np.array_equal(result.v("n")[0, :, 3:], np.cumsum(i, axis=0))
    assert not result.v("n")[0, :, :3].any()


def test_rate_zero_sends_nothing_and_costs_no_event() -> None:
    assert (PoissonInput(0.0).thresholds(0.1) == 2**32 - 1).all()
    assert not counts_of(0.0).any()


def test_a_stimulus_reaches_a_population_that_sleeps_and_a_refractory_neuron_discards_it() -> None:
    net = Network(dt=1.0, seed=3)
    late = net.population("late", 1, IF(v_threshold=math.inf), active=(9.0, 20.0))
    held = net.population("held", 1, LIF(tau_m=1e300, v_initial=2.0, v_threshold=1.0, t_ref=20.0))
    for population in (late, held):
        net.stimulate(population, PoissonInput(2000.0), weight=0.125)
    result: Result = Simulator(net).run(20.0, record={"late": "v", "held": ["v", "spikes"]})
    slept, _ = expected_counts(net, 20)
    assert result.v("late")[0, 9, 0] == slept[0, :9].sum() / 8 > 0
    assert result.v("held")[0, 1:, 0].tolist() == [0.0] * 19
    assert result.spikes["held"].steps.tolist() == [0]
    assert result.operations.events[0, :, 1].sum() > 10  # delivered, and counted, all the same


def test_a_neuron_that_is_driven_by_a_stimulus_has_the_mean_of_its_closed_form() -> None:
    """Campbell: the mean of v is rate x weight x tau_m, its variance rate x weight^2 x tau_m / 2, up to the step."""
    net = Network(dt=0.1, seed=9)
    net.stimulate(net.population("n", 2000, LIF(tau_m=10.0, v_threshold=math.inf)), PoissonInput(2000.0), weight=0.1)
    v = Simulator(net).run(100.0, record={"n": "v"}).v("n")[0, -1]
    decay = math.exp(-0.1 / 10.0)
    mean = 0.1 * 0.2 * decay / (1 - decay)
    variance = 0.01 * 0.2 * decay**2 / (1 - decay**2)
    assert abs(v.mean() - mean) < 5 * math.sqrt(variance / 2000)
    assert abs(v.var() - variance) < 5 * variance * math.sqrt(2 / 2000)


@pytest.mark.parametrize(("options", "words"), [
    ({"rate": -1.0}, ("PoissonInput.rate", "at least 0 Hz", "-1")), ({"rate": math.nan}, ("PoissonInput.rate", "nan")),
    ({"rate": math.inf}, ("PoissonInput.rate", "finite", "inf")), ({"rate": "often"}, ("PoissonInput.rate", "number", "often")),
    ({"rate": 2.1e6}, ("stimulus->n", "1000 spikes per step of 0.5 ms", "1050")),
    ({"weight": 0.0}, ("stimulus->n", "weight", "not 0")), ({"weight": math.nan}, ("stimulus->n", "weight", "finite", "nan")),
    ({"weight": [1.0, 2.0]}, ("stimulus->n", "weight", "number")), ({"receptor": "gaba"}, ("stimulus->n", "'gaba'", "delta")),
    ({"target": "source"}, ("stimulus->source", "Poisson", "no receptor")),
    ({"stimulus": 5.0}, ("stimulus->n", "PoissonInput", "5.0")),
    ({"target": "nobody"}, ("'nobody'", "no population")),
])  # fmt: skip
def test_bad_stimuli_are_refused_and_leave_the_network_as_it_was(
    options: dict[str, Any], words: tuple[str, ...]
) -> None:
    net = Network(dt=0.5)
    made = {"n": net.population("n", 3, IF()), "source": net.population("source", 3, Poisson())}
    target = made.get(options.get("target", "n"), options.get("target"))
    with pytest.raises(NetworkError) as raised:
        net.stimulate(
            target,
            options.get("stimulus") or PoissonInput(options.get("rate", 10.0)),
            weight=options.get("weight", 1.0),
            receptor=options.get("receptor"),
        )
    for word in words:
        assert word in str(raised.value)
    assert not net.stimuli


@pytest.mark.parametrize("weight", [1e300, -1e300, 1e-300])
def test_a_weight_beyond_single_precision_is_refused_there(weight: float) -> None:
    net = Network(dt=1.0)
    net.stimulate(net.population("n", 3, IF()), PoissonInput(10.0), weight=weight)
    with pytest.raises(NetworkError, match=r"stimulus->n.*float32"):
        Simulator(net, precision="float32")
    Simulator(net, precision="float64")
