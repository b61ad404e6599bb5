"""What encoders send: closed forms for the deterministic codes, statistics and known draws for the Poisson code."""

import math

import numpy as np
import pytest
from reference_simulator import uniforms
from snnsim_models import Model

from snnsim import IF, Graded, Latency, Network, Poisson, Simulator, SpikeTrain


def spikes_of(
    model: Model, values: np.ndarray, steps: int, *, dt: float = 1.0, seed: int = 0, precision: str = "float64",
    first_sample: int = 0, threads: int = 1, before: int = 0,
) -> SpikeTrain:  # fmt: skip
    """The spikes of an encoder of one neuron per value; ``values`` of shape (neurons,) or (copies, neurons)."""
    values = np.atleast_2d(values)
    net = Network(dt=dt, seed=seed)
    if before:
        net.population("before", before, IF())
    net.population("x", values.shape[1], model)
    simulator = Simulator(net, copies=len(values), precision=precision, threads=threads)
    simulator.reset(first_sample=first_sample)
    return simulator.run(steps * dt, inputs={"x": values}, record={"x": ["spikes"]}).spikes["x"]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_regular_rate_code_counts_as_its_closed_form(precision: str) -> None:
    x, steps = np.arange(257) / 256, 100
    from_zero = spikes_of(IF(v_threshold=1.0, reset="soft"), x, steps, precision=precision)
    # Strictly above the threshold: the spikes of T steps are the whole thresholds in x T that were passed, not only reached.
    assert from_zero.counts()[0].tolist() == np.minimum(np.maximum(np.ceil(x * steps) - 1, 0), steps).tolist()
    centred = spikes_of(IF(v_threshold=1.0, v_initial=0.5, reset="soft"), x, steps, precision=precision)
    assert centred.counts()[0].tolist() == np.maximum(np.ceil(x * steps - 0.5), 0).tolist()  # round, halves down


def test_the_regular_rate_code_is_regular() -> None:
    train = spikes_of(IF(v_threshold=1.0, v_initial=0.5, reset="soft"), np.array([0.25, 1.0]), 40)
    assert train.steps[train.neurons == 0].tolist() == list(range(2, 40, 4))
    assert train.steps[train.neurons == 1].tolist() == list(range(40))


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("window", "dt"), [(16.0, 1.0), (3.2, 0.1), (12.5, 0.5)])
def test_latency_is_n_minus_the_rounded_share_of_the_window(window: float, dt: float, precision: str) -> None:
    n = round(window / dt)
    x = np.concatenate([np.arange(257) / 256, [1e-30, -0.5, -1e-3]])
    train = spikes_of(Latency(window=window), x, 2 * n, dt=dt, precision=precision)
    level = np.floor(np.maximum(x, 0) * n + 0.5)
    assert train.counts()[0].tolist() == (level > 0).astype(int).tolist()
    assert train.steps[np.argsort(train.neurons)].tolist() == (n - level[level > 0]).tolist()
    assert train.steps.min() == 0
    assert train.steps.max() == n - 1


def test_latency_falls_silent_after_its_window_and_starts_anew_after_a_reset() -> None:
    net = Network(dt=1.0)
    net.population("x", 2, Latency(window=4.0))
    simulator = Simulator(net)
    assert simulator.run(2.0, inputs={"x": [1.0, 0.5]}, record={"x": ["spikes"]}).spikes["x"].steps.tolist() == [0]
    assert simulator.run(9.0, record={"x": ["spikes"]}).spikes["x"].steps.tolist() == [2]
    simulator.reset()
    assert len(simulator.run(9.0, record={"x": ["spikes"]}).spikes["x"]) == 0


def test_a_value_above_one_is_the_earliest_spike_not_none() -> None:
    assert spikes_of(Latency(window=4.0), np.array([1.0, 1.2, 3.0]), 8).steps.tolist() == [0, 0, 0]


def test_graded_sends_in_the_first_step_in_which_its_value_is_not_zero_once_after_every_reset() -> None:
    net = Network(dt=1.0)
    net.population("x", 3, Graded())
    simulator = Simulator(net)

    def run(values: list[float]) -> list[tuple[int, int]]:
        train = simulator.run(2.0, inputs={"x": values}, record={"x": ["spikes"]}).spikes["x"]
        return list(zip(train.steps.tolist(), train.neurons.tolist(), strict=True))

    assert run([0.5, 0.0, 0.0]) == [(0, 0)]
    assert run([0.25, -1.0, 0.0]) == [(2, 1)]
    assert run([1.0, 1.0, 1.0]) == [(4, 2)]
    simulator.reset()
    assert run([0.5, 0.5, 0.5]) == [(0, 0), (0, 1), (0, 2)]


def test_graded_sends_each_value_once() -> None:
    values = np.array([0.5, 0.0, -2.0, 1e-9])
    train = spikes_of(Graded(), values, 5)
    assert train.neurons.tolist() == [0, 2, 3]
    assert train.steps.tolist() == [0, 0, 0]


# --- Poisson -------------------------------------------------------------------------------------------------------------


def test_poisson_draws_are_the_generators() -> None:
    seed, first, n, steps = 2**63 + 11, 10**6, 13, 50
    x = np.arange(n) / (n - 1)
    values = np.stack([x, x[::-1]])
    train = spikes_of(Poisson(rate=500.0), values, steps, seed=seed, first_sample=first, before=5)
    expected = np.array([uniforms(seed, t, 5, np.array([first, first + 1]), n) < 0.5 * values for t in range(steps)])
    copies, where, neurons = np.nonzero(expected.transpose(1, 0, 2))
    assert train.copies.tolist() == copies.tolist()
    assert train.steps.tolist() == where.tolist()
    assert train.neurons.tolist() == neurons.tolist()


def test_poisson_counts_have_the_binomial_mean_and_variance() -> None:
    p, neurons, steps, copies = np.array([0.02, 0.1, 0.5, 0.9]), 250, 200, 4
    train = spikes_of(Poisson(rate=1000.0), np.tile(np.repeat(p, neurons), (copies, 1)), steps, seed=3)
    counts = train.counts().reshape(copies, len(p), neurons).transpose(1, 0, 2).reshape(len(p), -1)
    draws = counts.shape[1]
    mean, variance = steps * p, steps * p * (1 - p)
    # Five standard errors: a fixed seed, so this cannot flicker, and a bias of a percent would show.
    assert (np.abs(counts.mean(axis=1) - mean) < 5 * np.sqrt(variance / draws)).all()
    kurtosis = 3 + (1 - 6 * p * (1 - p)) / variance
    assert (np.abs(counts.var(axis=1) - variance) < 5 * variance * np.sqrt((kurtosis - 1) / draws)).all()


def test_poisson_draws_are_independent_over_neurons_steps_copies_and_populations() -> None:
    net = Network(dt=1.0, seed=1)
    for name in ("a", "b"):
        net.population(name, 100, Poisson(rate=500.0))
    spikes = Simulator(net, copies=10).run(100.0, record={"a": ["spikes"], "b": ["spikes"]}).spikes
    drawn = {}
    for name, train in spikes.items():
        drawn[name] = np.zeros((10, 100, 100))
        drawn[name][train.copies, train.steps, train.neurons] = 1
    a, b = drawn["a"] - 0.5, drawn["b"] - 0.5
    pairs = {
        "neurons": (a[:, :, 1:], a[:, :, :-1]),
        "neurons of a block": (a[:, :, 16:], a[:, :, :-16]),
        "steps": (a[:, 1:], a[:, :-1]),
        "copies": (a[1:], a[:-1]),
        "populations": (a, b),
    }
    for name, (left, right) in pairs.items():
        assert abs((left * right).mean()) * 4 < 5 / math.sqrt(left.size), name


def test_poisson_rate_is_per_second_whatever_the_step() -> None:
    for dt in (0.1, 1.0, 2.0):
        train = spikes_of(Poisson(rate=100.0), np.ones(200), round(1000 / dt), dt=dt, seed=2)
        assert abs(train.rates().mean() - 100.0) < 5 * math.sqrt(100.0 / 200)


def test_poisson_extremes() -> None:
    train = spikes_of(Poisson(rate=1000.0), np.array([0.0, 1.0, -1.0]), 500)
    assert train.counts().tolist() == [[0, 500, 0]]


def test_poisson_precision_does_not_change_dyadic_probabilities() -> None:
    x = np.arange(257) / 256
    both = [spikes_of(Poisson(rate=250.0), x, 64, precision=precision) for precision in ("float32", "float64")]
    assert both[0] == both[1]
    assert len(both[0]) > 1000


def test_poisson_seeds_and_samples_differ() -> None:
    x = np.full(50, 0.5)
    trains = [
        spikes_of(Poisson(rate=1000.0), x, 20, seed=seed, first_sample=sample)
        for seed, sample in ((0, 0), (1, 0), (2**32, 0), (2**63, 0), (0, 1), (0, 2**31))
    ]
    for k, train in enumerate(trains):
        assert all(train != other for other in trains[:k])


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_sample_draws_the_same_in_any_batch_on_any_threads(threads: int) -> None:
    values = np.random.default_rng(0).random((12, 21))
    whole = spikes_of(Poisson(rate=700.0), values, 30, seed=9, threads=threads)
    for start, stop in ((0, 5), (5, 6), (6, 12)):
        part = spikes_of(Poisson(rate=700.0), values[start:stop], 30, seed=9, first_sample=start, threads=threads)
        for copy in range(stop - start):
            assert part.copy(copy) == whole.copy(start + copy)


def test_encoders_are_counted_apart() -> None:
    net = Network(dt=1.0)
    net.population("p", 3, Poisson(rate=1000.0))
    net.population("l", 5, Latency(window=2.0), active=(0.0, 2.0))
    net.population("e", 7, IF(v_threshold=0.5, bias=1.0), encoder=True)
    net.population("n", 11, IF(v_threshold=0.5, bias=1.0))
    operations = Simulator(net).run(4.0, inputs={"l": np.ones(5)}).operations
    assert operations.encoder_operations.tolist() == [[15, 15, 10, 10]]
    assert operations.membrane_updates.tolist() == [[11] * 4]
    assert operations.spikes.tolist() == [[3 + 5 + 7 + 11, 21, 21, 21]]
