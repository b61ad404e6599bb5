"""What a run records and counts: parts of populations, every few steps, weights, bins of counts, rates."""

import math
from typing import Any

import numpy as np
import pytest

from snnsim import (
    IF,
    LIF,
    FixedProbability,
    Network,
    Poisson,
    Record,
    Result,
    SimulationError,
    Simulator,
    Sparse,
    Uniform,
    cpu_backend,
)

DT = 0.5


def network() -> Network:
    net = Network(dt=DT, seed=8)
    noise = net.population("noise", 90, Poisson(rate=200.0))
    n = net.population("n", 70, LIF(tau_m=10.0, v_threshold=0.5, t_ref=1.0))
    net.connect(noise, n, FixedProbability(0.3), weight=Uniform(0.05, 0.2))
    net.connect(n, n, FixedProbability(0.2), weight=-0.05)
    net.connect(noise[:2], n[:3], [[1.0, 0.0, 2.0], [3.0, 4.0, 5.0]])
    return net


def run(record: Any, *, steps: int = 30, copies: int = 1, threads: int = 1, **options: Any) -> Result:
    return Simulator(network(), copies=copies, threads=threads).run(steps * DT, record=record, **options)


# --- parts of a population --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("neurons", [
    [3], [69, 0, 64], [5, 5], np.arange(70)[::-1], slice(None), slice(10, 20), slice(None, None, 7), slice(-3, None),
    np.array([63, 64], dtype=np.uint8),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("every", [None, 0.5, 1.5, 7.0, 1000.0])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_part_every_few_steps_is_that_of_the_whole(
    neurons: Any, every: float | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 64)
    whole = run({"n": "v"}).v("n")
    result = run({"n": [Record("v", neurons, every), "i"]}, threads=threads)
    step = 1 if every is None else round(every / DT)
    assert np.array_equal(result.v("n"), whole[:, ::step][:, :, neurons])
    assert result.states["n", "i"].shape == (1, 30, 70)
    assert result.every == {("n", "v"): step, ("n", "i"): 1}
    assert np.array_equal(result.sample_times("n", "v"), np.arange(30)[::step] * DT)


def test_samples_count_from_the_start_of_each_run() -> None:
    simulator = Simulator(network())
    whole = Simulator(network()).run(15.0, record={"n": "v"}).v("n")
    record = {"n": Record("v", every=2.0)}
    simulator.run(2.5, record=record)
    result = simulator.run(5.0, record=record)
    assert np.array_equal(result.v("n"), whole[:, [5, 9, 13]])
    assert result.sample_times("n", "v").tolist() == [2.5, 4.5, 6.5]


def test_the_spikes_of_some_neurons() -> None:
    whole = run({"n": "spikes", "noise": "spikes"}, copies=3).spikes
    neurons = [60, 3, 4]
    part = run({"n": Record("spikes", neurons), "noise": [Record("spikes", slice(80, None))]}, copies=3).spikes
    for name, kept in (("n", np.isin(whole["n"].neurons, neurons)), ("noise", whole["noise"].neurons >= 80)):
        assert kept.sum() > 5
        for field in ("copies", "steps", "neurons"):
            assert np.array_equal(getattr(part[name], field), getattr(whole[name], field)[kept]), (name, field)
        assert part[name].size == whole[name].size


@pytest.mark.parametrize("record", ["spikes", ["spikes"], Record("spikes"), [Record("spikes", slice(None))]])
def test_one_thing_to_record_need_not_be_a_list(record: Any) -> None:
    assert run({"n": record}).spikes["n"] == run({"n": ["spikes", "v"]}).spikes["n"]


# --- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_weights_are_recorded_by_the_name_of_the_projection(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 64)
    net = network()
    names = [projection.name for projection in net.projections]
    assert names == ["noise->n", "n->n", "noise->n#2"]
    drawn, one, dense = (projection.connection.weights for projection in net.projections)
    record = {names[0]: Record("weights", [7, 3]), names[1]: "weights", names[2]: [Record("weights", every=5.0)]}
    for copies in (1, 2):
        result = run(record, copies=copies, threads=threads)
        assert np.array_equal(result.states[names[0], "weights"], np.tile(drawn[[7, 3]], (copies, 30, 1)))
        assert np.array_equal(result.states[names[1], "weights"], np.tile(one[:1], (copies, 30, 1)))
        assert np.array_equal(result.states[names[2], "weights"], np.tile(dense.ravel(), (copies, 3, 1)))
        assert result.sample_times(names[2], "weights").tolist() == [0, 5, 10]


def test_a_population_and_a_projection_may_be_recorded_together() -> None:
    result = run({"n": ["v", "spikes"], "n->n": "weights"})
    assert result.states.keys() == {("n", "v"), ("n->n", "weights")}


# --- counts and rates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [1, 2, 7, 30, 31, 1000])
@pytest.mark.parametrize(("copies", "threads"), [(1, 1), (1, 2), (3, 2)])
def test_counts_in_bins_are_sums_of_those_per_step(
    bins: int, copies: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 64)
    whole = run(None, copies=copies)
    result = run(None, copies=copies, threads=threads, count_every=bins * DT)
    assert result.count_every == bins
    for name in ("acs", "macs", "membrane_updates", "encoder_operations", "spikes", "events", "fired"):
        each = getattr(whole.operations, name)
        binned = np.add.reduceat(each, np.arange(0, 30, bins), axis=1)
        assert np.array_equal(getattr(result.operations, name), binned), name
    assert whole.operations.acs.sum() > 1000


@pytest.mark.parametrize("count_every", [None, 1.0, 2.5])
@pytest.mark.parametrize("width", [None, 2.5, 5.0, 10.0, 100.0])
def test_the_rate_of_a_population_is_spikes_per_neuron_and_second(
    count_every: float | None, width: float | None
) -> None:
    counted = DT if count_every is None else count_every
    if width is not None and abs(width / counted - round(width / counted)) > 1e-9:
        with pytest.raises(SimulationError, match=f"width must be a positive multiple of dt = {counted:g} ms"):
            run(None, count_every=count_every).population_rate("n", width)
        return
    result = run({"n": "spikes"}, copies=2, steps=32, count_every=count_every)
    rate = result.population_rate("n", width)
    train, steps = result.spikes["n"], round((width or counted) / DT)
    edges = [*range(0, 32, steps), 32]
    for copy in range(2):
        found = np.histogram(train.steps[train.copies == copy], edges)[0] / (np.diff(edges) * DT / 1000.0) / 70
        np.testing.assert_allclose(rate[copy], found, rtol=1e-12)
    assert rate.max() > 0


def test_the_rate_over_a_whole_run_is_the_mean_rate_of_its_train() -> None:
    result = run({"noise": "spikes"}, steps=400)
    rate = result.population_rate("noise", 200.0)
    np.testing.assert_allclose(rate, result.spikes["noise"].rates().mean(axis=1, keepdims=True), rtol=1e-12)
    assert abs(rate[0, 0] - 200.0) < 5 * math.sqrt(200.0 / (90 * 0.2))


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("record", "words"), [
    ({"m": "v"}, ("record", "'m'", "noise, n, noise->n")),
    ({"n": "w"}, ("record", "'n'", "'w'", "spikes", "'v'")),
    ({"n": Record("exc.i")}, ("record", "'n'", "'exc.i'")),
    ({"noise->n": "v"}, ("'noise->n'", "'v'", "weights")),
    ({"n": "weights"}, ("'n'", "'weights'")),
    ({"n": ["v", Record("v", [1])]}, ("'v' of 'n'", "twice")),
    ({"n": ["spikes", Record("spikes", [1])]}, ("'spikes' of 'n'", "twice")),
    ({"n": Record("v", [70])}, ("neurons of 'n'", "0 and 69", "70")),
    ({"n": Record("v", [-1])}, ("neurons of 'n'", "0 and 69", "-1")),
    ({"n": Record("v", 3)}, ("neurons of 'n'", "one-dimensional")),
    ({"n": Record("v", [0.5])}, ("neurons of 'n'", "whole numbers")),
    ({"n": Record("v", np.ones(70, bool))}, ("neurons of 'n'", "whole numbers")),
    ({"n": Record("v", [])}, ("neurons of 'n'", "at least one of 70")),
    ({"n": Record("v", slice(70, None))}, ("neurons of 'n'", "at least one of 70")),
    ({"n": Record("v", every=0.7)}, ("every", "'n'", "0.5 ms", "0.7")),
    ({"n": Record("v", every=0.0)}, ("every", "'n'", "positive")),
    ({"n": Record("v", every="often")}, ("every", "'n'", "'often'")),
    ({"n": Record("spikes", every=1.0)}, ("spikes", "'n'", "every step", "1 ms")),
    ({"noise->n#2": Record("weights", [6])}, ("'noise->n#2'", "0 and 5", "6")),
    ({"n": 5}, ("record", "'n'", "5")),
    ({"n": [5]}, ("record", "'n'", "5")),
    ({"n": None}, ("record", "'n'", "None")),
])  # fmt: skip
def test_what_cannot_be_recorded_is_named_and_nothing_runs(record: Any, words: tuple[str, ...]) -> None:
    simulator = Simulator(network())
    with pytest.raises(SimulationError) as raised:
        simulator.run(5.0, record=record)
    for word in words:
        assert word in str(raised.value)
    assert simulator.step == 0
    simulator.run(5.0, record={"n": "v"})


def test_what_was_not_recorded_is_named() -> None:
    result = run({"n": "spikes"})
    with pytest.raises(SimulationError, match=r"'v' of 'n' was not recorded"):
        result.sample_times("n", "v")
    with pytest.raises(SimulationError, match=r"no population 'm', there are noise, n"):
        result.population_rate("m")


def test_weights_are_recorded_in_the_order_in_which_synapses_are_stored() -> None:
    """Whatever order they were given in: by source, then delay, then target."""
    net = Network(dt=1.0)
    a, b = net.population("a", 2, IF()), net.population("b", 3, IF())
    given = Sparse([0, 3, 5], [2, 0, 1, 1, 0], [1.0, 2.0, 3.0, 4.0, 5.0], 3, [3.0, 0.0, 1.0, 2.0, 0.0])
    net.connect(a, b, given)
    net.connect(a, b, Sparse([0, 3, 5], [2, 0, 1, 1, 0], [1.0, 2.0, 3.0, 4.0, 5.0], 3))
    record = {"a->b": "weights", "a->b#2": Record("weights", [4, 0])}
    simulator = Simulator(net)
    result = simulator.run(1.0, record=record)
    stored = simulator.synapses("a->b")
    assert stored.sources.tolist() == [0, 0, 0, 1, 1]
    assert stored.targets.tolist() == [0, 1, 2, 0, 1]
    assert stored.delays.tolist() == [0, 1, 3, 0, 2]
    assert result.states["a->b", "weights"][0, 0].tolist() == stored.weights.tolist() == [2, 3, 1, 5, 4]
    assert result.states["a->b#2", "weights"][0, 0].tolist() == [4, 2]
