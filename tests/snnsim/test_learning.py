"""Learning in the simulator: parts of runs, precisions, threads, slices, saved states, recording, changed weights, counts."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from plastic_networks import DT, RULES, network, train
from plastic_runs import INITIAL, N_POST, N_PRE, POST, PRE, SOME, STEPS, final, inputs, made, reward, run

from snnsim import (
    IF,
    LIF,
    FixedProbability,
    Network,
    OneToOne,
    PairSTDP,
    Poisson,
    Record,
    SimulationError,
    Simulator,
    Sparse,
    SpikeArray,
    TimedInput,
)

# --- runs, precisions, threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOME)
def test_two_runs_learn_what_one_does(name: str) -> None:
    simulator = Simulator(made(name), threads=1)
    run(simulator, name, 0, 137)
    run(simulator, name, 137, STEPS)
    assert np.array_equal(simulator.weights("pre->post"), final(name))


@pytest.mark.parametrize("name", SOME)
def test_float32_learns_the_same_to_its_precision(name: str) -> None:
    ours = final(name, precision="float32")
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, final(name), rtol=0, atol=2e-7 * STEPS**0.5)


def test_threads_change_nothing() -> None:
    """A large network, which without plasticity a team of threads would run."""
    net = Network(dt=1.0, seed=2)
    a = net.population("a", 40_000, Poisson(rate=20.0))
    b = net.population("b", 10_000, LIF(tau_m=10.0, v_rest=0.0, v_threshold=1.0, v_reset=0.0, t_ref=0.0))
    net.connect(a, b, FixedProbability(0.001), weight=0.3, plasticity=PairSTDP(a_plus=0.01, a_minus=0.011))
    found = []
    for threads in (1, 2, 3):
        simulator = Simulator(net, threads=threads)
        simulator.run(30.0)
        found.append(simulator.weights("a->b"))
    assert np.ptp(found[0]) > 0.01
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_slices_learn_only_from_their_own_spikes() -> None:
    """Two projections between parts of the same populations: each as if it were alone."""
    rule = RULES["triplet"]
    net = Network(dt=DT, seed=1)
    pre, driver = net.population("pre", N_PRE, SpikeArray()), net.population("driver", N_POST, SpikeArray())
    post = net.population("post", N_POST, LIF(tau_m=2.0, v_rest=0.0, v_reset=0.0, v_threshold=1.0, t_ref=0.0))
    net.connect(driver, post, OneToOne(), weight=100.0)
    net.connect(pre[2:7], post[3:], np.full((5, 5), INITIAL), plasticity=rule, delay=1.0)
    net.connect(
        pre[1:], post[:4], FixedProbability(0.99), weight=INITIAL, plasticity=rule, delay_side="dendritic", delay=2.0
    )
    simulator = Simulator(net, threads=1)
    simulator.run(STEPS * DT, inputs=inputs())
    whole = Simulator(network(rule, np.full((N_PRE, N_POST), INITIAL), N_PRE, N_POST, delay=1.0), threads=1)
    whole.run(STEPS * DT, inputs=inputs())
    want = whole.weights("pre->post").reshape(N_PRE, N_POST)[2:7, 3:]
    np.testing.assert_allclose(simulator.weights("pre->post").reshape(5, 5), want, rtol=0, atol=1e-16)
    dendritic = network(rule, np.full((N_PRE, N_POST), INITIAL), N_PRE, N_POST, delay=2.0, delay_side="dendritic")
    whole = Simulator(dendritic, threads=1)
    whole.run(STEPS * DT, inputs=inputs())
    found = simulator.synapses("pre->post#2")
    want = whole.weights("pre->post").reshape(N_PRE, N_POST)[found.sources, found.targets]
    np.testing.assert_allclose(found.weights, want, rtol=0, atol=1e-16)


def test_what_is_delivered_is_the_weight_before_it_learns() -> None:
    """The post spike of step 4 has not been seen when the spike of that step arrives; that of step 6 brings what was learned."""
    rule = PairSTDP(w_max=0.5, a_plus=0.1, a_minus=0.0, tau_plus=1e9)
    net = network(rule, np.array([[0.2]]), 1, 1)
    given = {"pre": train([(1, 0), (4, 0), (6, 0)], 1, 9), "driver": train([(3, 0)], 1, 9)}
    v = Simulator(net, threads=1).run(9 * DT, inputs=given, record={"post": "v"}).v("post")[0, :, 0]
    decay = math.exp(-DT / 2.0)
    assert v[2] == pytest.approx(0.2 * decay)
    assert v[5] == 0.0  # what arrived in the step of its spike was reset away
    assert v[7] == pytest.approx(0.4 * decay)  # the post spike of step 4 met two pre spikes


def test_weights_that_move_by_themselves_are_delivered_as_they_are() -> None:
    rule = dataclasses.replace(RULES["reward"], w_min=-1.0, w_max=1.0)  # type: ignore[type-var]
    net = network(rule, np.array([[0.2]]), 1, 1)
    given = {"pre": train([(1, 0), (300, 0)], 1, 310), "driver": train([(3, 0)], 1, 310)}
    simulator = Simulator(net, threads=1)
    result = simulator.run(
        310 * DT,
        inputs=given,
        record={"post": "v", "pre->post": "weights"},
        modulators={"pre->post": TimedInput([20.0], [500.0])},
    )
    weights = result.states["pre->post", "weights"][0, :, 0]
    assert weights[300] > 0.25
    assert result.v("post")[0, 301, 0] == pytest.approx(weights[300] * math.exp(-DT / 2.0))


# --- saved, recorded, changed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOME)
def test_a_saved_state_learns_on_where_it_was(name: str, tmp_path: Path) -> None:
    first = Simulator(made(name), threads=1)
    run(first, name, 0, 211)
    first.save(tmp_path / "state.npz")
    weights = first.weights("pre->post")
    second = Simulator(made(name), threads=1)
    second.load(tmp_path / "state.npz")
    assert np.array_equal(second.weights("pre->post"), weights)
    run(second, name, 211, STEPS)
    assert np.array_equal(second.weights("pre->post"), final(name))
    with np.load(tmp_path / "state.npz") as data:
        assert {"traces", "eligibility", "clock", "levels", "weights"} <= set(data.files)
        assert data["traces"].any()
        assert data["eligibility"].any() == name.startswith("reward")


@pytest.mark.parametrize("name", ["pair, additive", "reward"])
def test_a_state_loaded_into_a_frozen_simulator_stays(name: str, tmp_path: Path) -> None:
    first = Simulator(made(name), threads=1)
    run(first, name, 0, 300)
    first.save(tmp_path / "state.npz")
    second = Simulator(made(name), threads=1, frozen=True)
    second.load(tmp_path / "state.npz")
    run(second, name, 300, STEPS)
    assert np.array_equal(second.weights("pre->post"), first.weights("pre->post"))


def test_a_state_of_another_rule_or_with_an_impossible_clock_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    first = Simulator(made("pair, additive"), threads=1)
    run(first, "pair, additive", 0, 100)
    first.save(path)
    with pytest.raises(SimulationError, match="the state of another network"):
        Simulator(made("pair, additive, nearest")).load(path)
    with np.load(path) as data:
        arrays = {key: data[key] for key in data.files}
    for name, value, match in (
        ("clock", arrays["clock"] + 1000, "clock of plastic projections must lie within 0 and the step 100"),
        ("traces", arrays["traces"][:-1], "traces must be float64"),
        ("traces", arrays["traces"] * math.nan, "traces must be finite"),
    ):
        np.savez(path, **{**arrays, name: value})
        with pytest.raises(SimulationError, match=match):
            Simulator(made("pair, additive")).load(path)


@pytest.mark.parametrize("name", ["triplet", "reward", "reward, nearest"])
def test_recorded_weights_are_those_of_each_step_and_recording_changes_nothing(name: str) -> None:
    simulator = Simulator(made(name), threads=1)
    record = {"pre->post": [Record("weights", every=10.0)]}
    result = run(simulator, name, record=record)
    recorded = result.states["pre->post", "weights"][0]
    assert np.array_equal(simulator.weights("pre->post"), final(name))
    other = Simulator(made(name), threads=1)
    for sample, first in enumerate(range(0, STEPS, 20)):
        assert np.array_equal(other.weights("pre->post"), recorded[sample])
        run(other, name, first, first + 20)
    picked = run(Simulator(made(name), threads=1), name, record={"pre->post": Record("weights", [5, 2], every=10.0)})
    assert np.array_equal(picked.states["pre->post", "weights"][0], recorded[:, [5, 2]])
    assert np.ptp(recorded, axis=0).max() > 1e-5


@pytest.mark.parametrize("name", ["triplet", "reward"])
def test_changed_weights_learn_on_from_there(name: str) -> None:
    simulator, other = Simulator(made(name), threads=1), Simulator(made(name), threads=1)
    run(simulator, name, 0, 200)
    run(other, name, 0, 200)
    simulator.set_weights("pre->post", 0.01)
    assert np.array_equal(simulator.weights("pre->post"), np.full(len(other.weights("pre->post")), 0.01))
    other.set_weights("pre->post", 0.012)
    run(simulator, name, 200, STEPS)
    run(other, name, 200, STEPS)
    np.testing.assert_allclose(
        other.weights("pre->post") - simulator.weights("pre->post"), 0.002, rtol=0, atol=1e-15
    )  # additive rules, far from their bounds
    with pytest.raises(SimulationError, match=r"must lie within 0 and 0.02, the bounds of its .*, got 0.03 to 0.03"):
        simulator.set_weights("pre->post", 0.03)


def test_a_reset_keeps_weights_and_forgets_traces() -> None:
    for name in ("triplet", "reward"):
        simulator = Simulator(made(name), threads=1)
        run(simulator, name)
        learned = simulator.weights("pre->post")
        simulator.reset()
        assert np.array_equal(simulator.weights("pre->post"), learned)
        fresh = Simulator(made(name), threads=1)
        fresh.set_weights("pre->post", learned)
        for each in (simulator, fresh):
            run(each, name)
        assert np.array_equal(simulator.weights("pre->post"), fresh.weights("pre->post"))


# --- counts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_every_updated_synapse_is_counted_by_what_updated_it(gaps: bool, sparse: bool) -> None:
    there = np.random.default_rng(1).random((N_PRE, N_POST)) < (0.5 if gaps else 2.0)
    weights = INITIAL * there
    made = Sparse.from_matrix(weights) if sparse else weights
    fan_out, fan_in = there.sum(axis=1), there.sum(axis=0)
    late = PRE[:, 0] + 4 < STEPS
    arrived = fan_out[PRE[late, 1]].sum()
    fired = fan_in[POST[POST[:, 0] + 1 < STEPS, 1]].sum()
    for rule, want in (
        (RULES["triplet"], [arrived, fired, 0]),
        (RULES["post-triggered"], [0, fired, 0]),
        (RULES["delta, signal alone"], [0, 0, 5 * there.sum()]),
        (RULES["reward"], [arrived, fired, 0]),
    ):
        simulator = Simulator(network(rule, made, N_PRE, N_POST, delay=2.0), threads=1)
        given = reward() if rule.MODULATOR else None
        operations = simulator.run(STEPS * DT, inputs=inputs(), modulators=given, count_every=50.0).operations
        assert operations.updated.shape == (1, 4, 1, 3)
        assert operations.updated.sum(axis=(0, 1, 2)).tolist() == want
        assert operations.plasticity_updates.sum() == sum(want)
        assert operations.plastic == ("pre->post",)
        assert operations.acs.sum() == arrived + len(POST)


def test_a_network_without_plasticity_counts_none() -> None:
    net = Network(dt=1.0)
    net.population("a", 3, IF(bias=0.6))
    operations = Simulator(net).run(5.0).operations
    assert operations.plasticity_updates.tolist() == [[0] * 5]
    assert operations.updated.shape == (1, 5, 0, 3)


def test_where_no_synapse_is_none_is_learned() -> None:
    weights = INITIAL * (np.random.default_rng(1).random((N_PRE, N_POST)) < 0.5)
    for name in ("pair, additive", "reward", "delta"):
        simulator = Simulator(network(RULES[name], weights, N_PRE, N_POST), threads=1)
        run(simulator, name)
        assert not simulator.weights("pre->post")[weights.ravel() == 0].any()
