"""The benchmark networks: sizes, synapses, weights and input as published, and activity at small scales."""

from collections import defaultdict
from decimal import Decimal, getcontext
from typing import Any

import numpy as np
import pytest

import snnsim as sn
from snnsim import Network, NetworkError, Simulator
from snnsim.networks import NETWORKS, brunel, coba, cuba, diehl_cook, microcircuit, stdp
from snnsim.networks.diehl_cook import IMAGE, PIXELS, REST, TOTAL, shown
from snnsim.networks.microcircuit import (
    BACKGROUND_INPUTS,
    NEURONS,
    POPULATIONS,
    PROBABILITIES,
    RATES,
    compensation,
    psc,
    synapses,
    weights,
)


@pytest.fixture
def stimuli(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[float, float]]:
    """What networks give to ``Network.stimulate`` from here on: (rate, weight) by target."""
    calls: dict[str, tuple[float, float]] = {}
    stimulate = Network.stimulate

    def noted(self: Network, target: Any, source: Any, *, weight: float, receptor: str | None = None) -> Any:
        calls[target.name] = source.rate, weight
        return stimulate(self, target, source, weight=weight, receptor=receptor)

    monkeypatch.setattr(Network, "stimulate", noted)
    return calls


def projections(net: Network) -> dict[tuple[str, str], sn.Projection]:
    return {(p.source.population.name, p.target.population.name): p for p in net.projections}


def activity(net: Network, time: float, discard: float = 0.0) -> tuple[dict[str, float], float]:
    """Return the rate of each population (Hz) and the mean CV of the intervals of all neurons."""
    simulator = Simulator(net, precision="float32")
    neurons = [population.name for population in net.populations.values() if population.model.receptor_map]
    if discard:
        simulator.run(discard)
    result = simulator.run(time, record={name: ["spikes"] for name in neurons})
    cv = np.concatenate([train.interval_cv()[0] for train in result.spikes.values()])
    return {name: float(train.rates().mean()) for name, train in result.spikes.items()}, float(np.nanmean(cv))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_the_same_for_a_seed_and_another_for_another(name: str) -> None:
    def first(seed: int) -> tuple[np.ndarray, np.ndarray]:
        joined = NETWORKS[name](0.15 if name in ("brunel", "stdp") else 0.025, seed).projections[0].connection
        assert isinstance(joined, sn.Sparse)
        return joined.pointers, joined.targets

    for ours, again in zip(first(3), first(3), strict=True):
        assert np.array_equal(ours, again)
    assert not np.array_equal(first(3)[1], first(4)[1])


@pytest.mark.parametrize(
    ("name", "scale", "words"),
    [
        ("cuba", 0.02, "at least 0.025"), ("coba", 0.0, "at least 0.025"), ("brunel", 0.09, "at least 0.1"),
        ("brunel", float("nan"), "at least 0.1"),
        ("stdp", 0.09, "at least 0.1"), ("microcircuit", 0.0, "above 0"), ("microcircuit", 1.5, "at most 1"),
        ("microcircuit", 1e-4, "without neurons"),
    ],
)  # fmt: skip
def test_a_scale_out_of_bounds_is_refused(name: str, scale: float, words: str) -> None:
    with pytest.raises(NetworkError, match=f"{name}: .*{words}"):
        NETWORKS[name](scale)


@pytest.mark.parametrize("make", [cuba, coba])
def test_the_balanced_networks_keep_80_inputs_at_every_scale(make: Any) -> None:
    for scale in (0.1, 0.5):
        net = make(scale, fixed_in_degree=True)
        sizes = {name: population.size for name, population in net.populations.items()}
        assert (sizes["exc"], sizes["inh"]) == (round(3200 * scale), round(800 * scale))
        joined = projections(net)
        for target in ("exc", "inh"):
            for source, inputs in (("exc", 64), ("inh", 16)):
                connection = joined[source, target].connection
                assert isinstance(connection, sn.Sparse)
                assert np.all(np.bincount(connection.targets, minlength=sizes[target]) == inputs)
    drawn = make(0.5, 7)
    neurons = drawn.populations["exc"].size + drawn.populations["inh"].size
    recurrent = sum(p.connection.n_synapses for p in drawn.projections if p.source.population.name != "start")
    assert recurrent == pytest.approx(80 * neurons, rel=0.02)


def test_coba_has_the_published_conductances() -> None:
    net = coba(0.025)
    model = net.populations["exc"].model
    assert (model.tau_m, model.r_m, model.t_ref) == (20.0, 0.1, 5.0)
    assert (model.v_rest, model.v_threshold, model.v_reset) == (-60.0, -50.0, -60.0)
    assert (model.receptors["exc"].tau, model.receptors["exc"].e_rev) == (5.0, 0.0)
    assert (model.receptors["inh"].tau, model.receptors["inh"].e_rev) == (10.0, -80.0)
    weight = {(p.source.population.name, p.receptor): set(p.connection.weights.tolist()) for p in net.projections}
    assert weight == {("exc", "exc"): {6.0}, ("inh", "inh"): {67.0}, ("start", "exc"): {6.0}}


def test_coba_sustains_its_activity_without_input() -> None:
    rates, cv = activity(coba(0.5, 1), 300.0, discard=300.0)
    assert 14 < rates["exc"] < 25
    assert 14 < rates["inh"] < 25
    assert 0.7 < cv < 1.6


def test_brunel_is_the_published_network(stimuli: dict[str, tuple[float, float]]) -> None:
    net = brunel(0.1, fixed_in_degree=True)
    assert {name: population.size for name, population in net.populations.items()} == {"exc": 1000, "inh": 250}
    joined = projections(net)
    for target in ("exc", "inh"):
        for source, inputs, weight in (("exc", 1000, 0.1), ("inh", 250, -0.5)):
            projection = joined[source, target]
            connection = projection.connection
            assert isinstance(connection, sn.Sparse)
            assert projection.delay == 1.5
            assert set(connection.weights.tolist()) == {weight}
            assert np.all(np.bincount(connection.targets) == inputs)
    # eta = 2: twice the rate at which C_E = 1,000 inputs bring the mean potential to the threshold, 20 mV / (0.1 mV 20 ms).
    assert stimuli == {target: (pytest.approx(2 * 20.0 / (0.1 * 0.020)), 0.1) for target in ("exc", "inh")}
    assert brunel(0.2).n_synapses == pytest.approx(2500 * 1250, rel=0.01)


def test_brunel_fires_asynchronously_at_its_rate() -> None:
    rates, cv = activity(brunel(0.2, 1, fixed_in_degree=True), 300.0, discard=100.0)
    assert 33 < rates["exc"] < 45
    assert rates["inh"] == pytest.approx(rates["exc"], rel=0.05)
    assert 0.3 < cv < 0.7


def test_stdp_is_brunels_network_with_plastic_excitation(stimuli: dict[str, tuple[float, float]]) -> None:
    net = stdp(0.1, fixed_in_degree=True)
    assert {name: population.size for name, population in net.populations.items()} == {"exc": 400, "inh": 100}
    joined = projections(net)
    for target in ("exc", "inh"):
        for source, inputs, weight in (("exc", 400, 0.2), ("inh", 100, -1.0)):
            projection = joined[source, target]
            connection = projection.connection
            assert isinstance(connection, sn.Sparse)
            assert (projection.delay, projection.delay_side) == (1.5, "axonal")
            assert set(connection.weights.tolist()) == {weight}
            assert np.all(np.bincount(connection.targets) == inputs)
            assert (projection.plasticity is not None) == (source == target == "exc")
    rule = joined["exc", "exc"].plasticity
    assert isinstance(rule, sn.PairSTDP)
    assert (rule.w_min, rule.w_max, rule.tau_plus, rule.tau_minus) == (0.0, 0.4, 20.0, 20.0)
    assert (rule.dependence, rule.pairing) == ("additive", "all-to-all")
    assert (rule.a_plus, rule.a_minus) == (pytest.approx(4e-4), pytest.approx(4.2e-4))
    assert stimuli == {target: (10_000.0, 0.2) for target in ("exc", "inh")}
    assert stdp(1.0).n_synapses == pytest.approx(2_500_000, rel=0.01)
    assert all(projection.plasticity is None for projection in stdp(0.1, learns=False).projections)


def test_stdp_fires_at_its_rate_and_keeps_its_mean_weight() -> None:
    net = stdp(1.0, 1, fixed_in_degree=True)
    simulator = sn.Simulator(net, precision="float32")
    rate = simulator.run(300.0, count_every=100.0).population_rate("exc").mean()
    assert 38 < rate < 48
    weights = simulator.weights("exc->exc")
    assert len(weights) == 1_600_000
    assert 0.1985 < weights.mean() < 0.2
    assert 0.0002 < weights.std() < 0.002


def test_the_microcircuit_has_the_published_number_of_synapses() -> None:
    """Against the defining equation in 50 digits, and against two numbers worked out by hand."""
    getcontext().prec = 50
    found = synapses()
    for i, target in enumerate(NEURONS.tolist()):
        for j, source in enumerate(NEURONS.tolist()):
            p, pairs = Decimal(str(PROBABILITIES[i, j])), Decimal(target * source)
            assert found[i, j] == pytest.approx(float((1 - p).ln() / (1 - 1 / pairs).ln()), rel=1e-12)
    # With many pairs K = -ln(1 - p) N N: 0.106361 x 20683^2 for the largest projection, 0.466171 x 4850 x 1065 for the densest.
    assert found[0, 0] == pytest.approx(0.106361 * 427_786_489, rel=1e-5)
    assert found[4, 5] == pytest.approx(0.466171 * 5_165_250, rel=1e-5)
    assert NEURONS.sum() == 77_169
    assert found.sum() == pytest.approx(298_880_969, abs=40)


def test_the_amplitude_of_a_current_gives_the_potential() -> None:
    """87.8 pA through 250 pF for 0.15 mV; and a simulated neuron agrees."""
    assert psc(0.15) == pytest.approx(87.81, abs=0.005)
    net = Network(dt=0.01)
    receptors = {"current": sn.ExponentialCurrent(tau=0.5)}
    neuron = net.population("n", 1, sn.LIF(tau_m=10.0, r_m=0.04, v_threshold=9.0, receptors=receptors))
    net.connect(net.population("s", 1, sn.SpikeArray()), neuron, [[psc(0.15)]])
    train = sn.SpikeTrain.from_times([0.0], [0], size=1, dt=0.01, duration=10.0)
    v = Simulator(net).run(10.0, inputs={"s": train}, record={"n": ["v"]}).v("n")
    assert v.max() == pytest.approx(0.15, rel=1e-5)


def test_the_microcircuit_is_the_published_one(stimuli: dict[str, tuple[float, float]]) -> None:
    net = microcircuit(0.1, 5)
    assert {name: population.size for name, population in net.populations.items()} == dict(
        zip(POPULATIONS, (2068, 583, 2192, 548, 485, 106, 1440, 295), strict=True)
    )
    joined = projections(net)
    assert len(joined) == 64 - 9  # the zeros of the table
    grown = 0.1**-0.5
    for (source, target), projection in joined.items():
        i, j = POPULATIONS.index(target), POPULATIONS.index(source)
        connection = projection.connection
        assert isinstance(connection, sn.Sparse)
        number = connection.n_synapses
        assert number == round(float(synapses()[i, j]) * 0.01)
        mean = grown * (-4 * 87.8085 if j % 2 else 2 * 87.8085 if (i, j) == (0, 2) else 87.8085)
        spread = 6 / np.sqrt(number)  # six standard errors, in standard deviations
        assert connection.weights.mean() == pytest.approx(mean, abs=spread * 0.1 * abs(mean))
        assert connection.weights.std() == pytest.approx(0.1 * abs(mean), rel=spread)
        assert np.all(np.sign(connection.weights) == np.sign(mean))
        # Drawn delays below a step are raised to it, which moves their mean by a hundredth.
        delay = 0.75 if j % 2 else 1.5
        assert connection.delays is not None
        assert connection.delays.min() > 0.09
        assert connection.delays.mean() == pytest.approx(delay, abs=0.012 * delay + spread * 0.5 * delay)
        assert np.allclose(connection.delays / 0.1, np.rint(connection.delays / 0.1))
    for i, (name, population) in enumerate(net.populations.items()):
        assert stimuli[name] == (pytest.approx(8.0 * BACKGROUND_INPUTS[i] / 10), pytest.approx(grown * 87.8085))
        assert population.model.tau_m / population.model.r_m == pytest.approx(250.0)  # pF
    assert np.mean(net.populations["L4E"].model.v_initial) == pytest.approx(-63.33, abs=0.7)
    assert np.std(net.populations["L4E"].model.v_initial) == pytest.approx(4.74, rel=0.1)


def test_the_direct_current_worked_out_by_hand() -> None:
    """L23E and L5I, K scaled to a quarter: half of the mean input of the table's rates is lost."""
    row = [4995.06, 5284.97]  # recurrent inputs of a neuron of L23E and of L23I, from all populations
    assert synapses()[:2].sum(axis=1) / NEURONS[:2] == pytest.approx(row, rel=1e-5)
    # Mean recurrent current of L23E at full scale: 0.5 ms x 87.8085 pA x sum of sign, strength, inputs, rate.
    inputs = -np.log1p(-PROBABILITIES[0]) * NEURONS
    drive = inputs * RATES * [1, -4, 2, -4, 1, -4, 1, -4]
    recurrent = 0.5e-3 * 87.8085 * drive.sum()
    background = 0.5e-3 * 87.8085 * 1600 * 8.0
    assert compensation(0.25, "poisson")[0] == pytest.approx(0.5 * (recurrent + background), rel=1e-5)
    assert compensation(0.25, "dc")[0] == pytest.approx(0.5 * recurrent + background, rel=1e-5)
    assert np.all(compensation(1.0, "poisson") == 0)
    assert compensation(1.0, "dc")[5] == pytest.approx(0.5e-3 * 87.8085 * 1900 * 8.0, rel=1e-5)


@pytest.mark.parametrize("background", ["poisson", "dc"])
@pytest.mark.parametrize(("n_scaling", "k_scaling"), [(0.05, 0.05), (0.02, 0.1), (0.1, 0.02)])
def test_scaling_keeps_the_mean_input(
    n_scaling: float, k_scaling: float, background: Any, stimuli: dict[str, tuple[float, float]]
) -> None:
    """At the published rates the built network receives what the full table says, whatever was scaled away."""
    net = microcircuit(n_scaling=n_scaling, k_scaling=k_scaling, background=background)
    received: dict[str, float] = defaultdict(float)
    for (source, target), projection in projections(net).items():
        rate = RATES[POPULATIONS.index(source)]
        received[target] += projection.connection.weights.sum() / len(projection.target) * rate
    assert set(stimuli) == (set(POPULATIONS) if background == "poisson" else set())
    for i, name in enumerate(POPULATIONS):
        rate, weight = stimuli.get(name, (0.0, 0.0))
        current = net.populations[name].model.i_offset + 0.5e-3 * (received[name] + rate * weight)
        full = 0.5e-3 * ((synapses() * weights() @ RATES)[i] / NEURONS[i] + 8.0 * BACKGROUND_INPUTS[i] * 87.8085)
        # The weights are drawn, and in-degrees of the background and numbers of neurons are rounded.
        assert current == pytest.approx(full, abs=0.02 * 0.5e-3 * 8.0 * BACKGROUND_INPUTS[i] * 87.8085), name


@pytest.mark.parametrize(("background", "n_scaling", "k_scaling"), [("poisson", 0.1, 0.1), ("dc", 0.05, 0.3)])
def test_the_microcircuit_is_active_as_published(background: Any, n_scaling: float, k_scaling: float) -> None:
    """Every layer fires, inhibitory neurons of most more than excitatory ones, 2 to 4.5 Hz in all."""
    net = microcircuit(1.0, 1, n_scaling=n_scaling, k_scaling=k_scaling, background=background)
    rates, cv = activity(net, 400.0, discard=100.0)
    mean = sum(rates[name] * net.populations[name].size for name in POPULATIONS) / net.n_neurons
    assert 2.0 < mean < 4.5
    assert 0.2 < cv < 1.1
    for layer in ("L23", "L4", "L6"):
        assert rates[f"{layer}I"] > rates[f"{layer}E"]
    for name, published in zip(POPULATIONS, RATES, strict=True):
        assert 0.4 * published - 0.1 < rates[name] < 1.7 * published + 0.5, name


def test_unknown_background_is_refused() -> None:
    with pytest.raises(NetworkError, match="background must be 'poisson' or 'dc', got 'none'"):
        microcircuit(0.05, background="none")  # type: ignore[arg-type]


def test_diehl_and_cooks_network_is_built_as_published() -> None:
    net = diehl_cook(30, 1)
    joined = {pair: p.connection for pair, p in projections(net).items()}
    weights = joined["pixels", "exc"].weights.reshape(PIXELS, 30)
    np.testing.assert_allclose(weights.sum(axis=0), TOTAL)
    assert np.array_equal(joined["inh", "exc"].weights, 17.0 * (1 - np.eye(30)))
    to_inh = joined["exc", "inh"]
    assert isinstance(to_inh, sn.Sparse)
    assert np.array_equal(to_inh.targets, np.arange(30))
    assert set(to_inh.weights) == {10.4}
    assert [p.plasticity is not None for p in net.projections] == [True, False, False]
    assert not any(p.plasticity for p in diehl_cook(30, learns=False).projections)
    with pytest.raises(NetworkError, match="diehl_cook: neurons"):
        diehl_cook(1)


def test_diehl_and_cooks_network_learns_what_it_is_shown() -> None:
    """Each excitatory spike is answered by the neuron's own inhibitory one; only images make spikes; sums of weights stay."""
    images = np.zeros((6, PIXELS))
    images[::2, :100] = images[1::2, 300:400] = 1.0
    sim = Simulator(diehl_cook(20, 3), precision="float32")
    before = sim.weights("pixels->exc").reshape(PIXELS, 20)
    result = sim.run(
        len(images) * (IMAGE + REST),
        inputs={"pixels": shown(images)},
        record={"pixels": ["spikes"], "exc": ["spikes", "theta"], "inh": ["spikes"]},
    )
    exc, inh = result.spikes["exc"], result.spikes["inh"]
    assert len(exc) > 30
    assert exc.counts().tolist() == inh.counts().tolist()
    for train in (exc, inh, result.spikes["pixels"]):
        assert (train.steps % 1000 < 700 + 30).all()  # a spike or two may follow the image
    expected = 100 * len(images) * IMAGE / 1000 * 63.75
    assert abs(len(result.spikes["pixels"]) - expected) < 4 * np.sqrt(expected)
    theta = result.states["exc", "theta"][0, -1]
    np.testing.assert_allclose(theta, 20 + 0.05 * exc.counts()[0], atol=0.02)
    weights = sim.weights("pixels->exc").reshape(PIXELS, 20)
    np.testing.assert_allclose(weights.sum(axis=0), TOTAL, rtol=1e-4)
    # Weights of pixels in the images have grown, at the cost of those that never spiked.
    grown = (weights - before).mean(axis=1)
    assert min(grown[:100].mean(), grown[300:400].mean()) > 1e-3
    assert grown[500:].mean() < -5e-4
