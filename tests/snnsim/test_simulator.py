"""The schedule of a step, recurrence, and runs: continued, reset, interrupted; worked out by hand."""

import math

import numpy as np
import pytest
from one_neuron import driven, simulate, train

import snnsim as sn
from snnsim import IF, LIF, TTFS, Network, Simulator, SpikeArray, SpikeTrain

# --- schedule ---------------------------------------------------------------------------------------------------------


def test_a_delivered_spike_acts_on_the_next_update() -> None:
    v, _ = simulate(IF(v_threshold=math.inf), [3], 1.0, duration=6)
    assert v.tolist() == [0, 0, 0, 0, 1, 1]


def test_a_chain_passes_a_spike_on_by_one_population_per_step() -> None:
    net = Network(dt=1.0)
    before = net.population("in", 1, SpikeArray())
    for name in ("a", "b", "c"):
        after = net.population(name, 1, IF(v_threshold=0.5))
        net.connect(before, after, [[1.0]])
        before = after
    names = ("a", "b", "c")
    result = Simulator(net).run(8.0, inputs={"in": train([2], duration=8)}, record={name: ["spikes"] for name in names})
    assert [result.spikes[name].steps.tolist() for name in names] == [[3], [4], [5]]


def test_the_order_in_which_populations_were_added_does_not_matter() -> None:
    steps = []
    for order in (("a", "b"), ("b", "a")):
        net = Network(dt=1.0)
        made = {name: net.population(name, 1, IF(v_threshold=1.5, bias=1.0 if name == "a" else 0.0)) for name in order}
        net.connect(made["a"], made["b"], [[1.0]])
        net.connect(made["b"], made["a"], [[-1.0]])
        spikes = Simulator(net).run(24.0, record={"a": ["spikes"], "b": ["spikes"]}).spikes
        steps.append((spikes["a"].steps.tolist(), spikes["b"].steps.tolist()))
    assert steps[0] == steps[1]
    assert steps[0][0][:2] == [1, 3]
    assert steps[0][1][0] == 4


def test_the_threshold_is_strict() -> None:
    assert simulate(IF(v_threshold=1.0), [0], 1.0)[1] == []
    assert simulate(IF(v_threshold=1.0), [0], math.nextafter(1.0, 2.0))[1] == [1]
    lif = LIF(tau_m=1e300, v_threshold=1.0)  # no decay to speak of
    assert simulate(lif, [0], 1.0)[1] == []
    assert simulate(lif, [0], math.nextafter(1.0, 2.0))[1] == [1]
    net = Network(dt=1.0)
    net.population("n", 2, TTFS(v_threshold=3.0, v_initial=[0.0, 0.5]))
    assert Simulator(net).run(5.0, record={"n": ["spikes"]}).spikes["n"].steps.tolist() == [2, 3]


def test_a_negative_weight_takes_away() -> None:
    v, spikes = simulate(IF(v_threshold=1.0), [0, 1], -0.75, duration=4)
    assert v.tolist() == [0, -0.75, -1.5, -1.5]
    assert spikes == []


# --- recurrence -------------------------------------------------------------------------------------------------------


def test_a_self_connection_acts_on_the_next_update() -> None:
    net = Network(dt=1.0)
    n = net.population("n", 1, IF(v_threshold=1.0, reset="soft", v_initial=1.5))
    net.connect(n, n, [[1.0]])
    result = Simulator(net).run(5.0, record={"n": ["v", "spikes"]})
    assert result.v("n")[0, :, 0].tolist() == [1.5] * 5
    assert result.spikes["n"].steps.tolist() == [0, 1, 2, 3, 4]
    assert result.operations.acs.tolist() == [[1] * 5]


def test_a_self_connection_is_wiped_by_a_hard_reset() -> None:
    net = Network(dt=1.0)
    n = net.population("n", 1, IF(v_threshold=1.0, v_initial=1.5))
    net.connect(n, n, [[5.0]])
    result = Simulator(net).run(3.0, record={"n": ["v"]})
    assert result.v("n")[0, :, 0].tolist() == [1.5, 0, 0]
    assert result.operations.acs.tolist() == [[1, 0, 0]]


def test_a_ring_carries_one_spike_round() -> None:
    net = Network(dt=1.0)
    n = net.population("n", 5, IF(v_threshold=0.5, v_initial=[1.0, 0, 0, 0, 0]))
    net.connect(n, n, np.roll(np.eye(5), 1, axis=1))
    spikes = Simulator(net).run(12.0, record={"n": ["spikes"]}).spikes["n"]
    assert spikes.steps.tolist() == list(range(12))
    assert spikes.neurons.tolist() == [k % 5 for k in range(12)]


# --- runs -------------------------------------------------------------------------------------------------------------


def lively(dt: float = 0.5) -> Network:
    """A recurrent network of several kinds with per-copy input and Poisson noise."""
    rng = np.random.default_rng(11)
    net = Network(dt=dt, seed=99)
    noise = net.population("noise", 9, sn.Poisson(rate=400.0))
    spikes = net.population("in", 3, SpikeArray())
    lif = net.population("lif", 17, LIF(tau_m=8.0, t_ref=1.5, v_threshold=1.0))
    iff = net.population("if", 6, IF(v_threshold=2.0, reset="soft"))
    net.connect(noise, lif, rng.integers(-2, 6, (9, 17)) / 8)
    net.connect(spikes, lif[3:9], rng.integers(-4, 9, (3, 6)) / 8)
    net.connect(lif, iff, sn.Sparse.from_matrix(rng.integers(-1, 2, (17, 6)) / 4))
    net.connect(iff, lif, rng.integers(-3, 3, (6, 17)) / 8)
    net.connect(lif[:4], iff[2:], np.full((4, 4), 2.0**-6), receptor="step")
    return net


def lively_train(steps: int, copies: int, dt: float = 0.5) -> SpikeTrain:
    rng = np.random.default_rng(5)
    c, s, n = np.nonzero(rng.random((copies, steps, 3)) < 0.3)
    return SpikeTrain(c, s, n, 3, copies, dt, 0, steps)


def cut(train: SpikeTrain, start: int, stop: int) -> SpikeTrain:
    part = (train.steps >= start) & (train.steps < stop)
    return SpikeTrain(
        train.copies[part], train.steps[part], train.neurons[part], train.size, train.n_copies, train.dt, start, stop
    )


EVERYTHING = {"noise": ["spikes", "x"], "in": ["spikes"], "lif": ["spikes", "v", "i"], "if": ["spikes", "v", "i"]}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("split", [1, 37, 99])
def test_a_run_in_two_parts_equals_one_run(split: int, precision: str) -> None:
    net, given = lively(), lively_train(100, 3)
    whole = Simulator(net, copies=3, precision=precision).run(50.0, inputs={"in": given}, record=EVERYTHING)
    sim = Simulator(net, copies=3, precision=precision)
    first = sim.run(split * 0.5, inputs={"in": cut(given, 0, split)}, record=EVERYTHING)
    assert (sim.step, sim.time) == (split, split * 0.5)
    second = sim.run(50.0 - split * 0.5, inputs={"in": cut(given, split, 100)}, record=EVERYTHING)
    assert (first.start, first.stop, second.start, second.stop) == (0, split, split, 100)
    assert np.array_equal(np.concatenate([first.times, second.times]), whole.times)
    for key, values in whole.states.items():
        assert np.array_equal(np.concatenate([first.states[key], second.states[key]], axis=1), values), key
    for name, spikes in whole.spikes.items():
        assert first.spikes[name] == cut(spikes, 0, split), name
        assert second.spikes[name] == cut(spikes, split, 100), name
        assert len(spikes) > 50, name
    for count in ("acs", "membrane_updates", "encoder_operations", "spikes", "events", "fired"):
        parts = [getattr(part.operations, count) for part in (first, second)]
        assert np.array_equal(np.concatenate(parts, axis=1), getattr(whole.operations, count)), count


def test_reset_goes_back_to_the_start() -> None:
    sim, given = Simulator(lively(), copies=2), lively_train(60, 2)
    first = sim.run(30.0, inputs={"in": given}, record=EVERYTHING)
    sim.run(7.0)
    sim.reset()
    assert (sim.step, sim.time) == (0, 0.0)
    again = sim.run(30.0, inputs={"in": given}, record=EVERYTHING)
    for key, values in first.states.items():
        assert np.array_equal(again.states[key], values), key
    for name, spikes in first.spikes.items():
        assert again.spikes[name] == spikes, name


def test_analog_input_stays_until_it_is_set_again_and_reset_removes_it() -> None:
    net = Network(dt=1.0)
    net.population("n", 2, IF(v_threshold=math.inf))
    sim = Simulator(net, copies=2)
    assert sim.run(1.0, inputs={"n": [[1.0, 2.0], [3.0, 4.0]]}, record={"n": ["v"]}).v("n")[:, 0].tolist() == [
        [1, 2],
        [3, 4],
    ]
    assert sim.run(1.0, record={"n": ["v"]}).v("n")[:, 0].tolist() == [[2, 4], [6, 8]]
    assert sim.run(1.0, inputs={"n": [0.0, -1.0]}, record={"n": ["v"]}).v("n")[:, 0].tolist() == [[2, 3], [6, 7]]
    sim.reset()
    assert not sim.run(1.0, record={"n": ["v"]}).v("n").any()


def test_a_train_does_not_outlive_its_run() -> None:
    net = driven(IF(v_threshold=math.inf))
    sim = Simulator(net)
    sim.run(4.0, inputs={"in": train([0, 3], duration=4)})
    result = sim.run(4.0, record={"n": ["v"], "in": ["spikes"]})
    assert result.v("n")[0, :, 0].tolist() == [2, 2, 2, 2]
    assert len(result.spikes["in"]) == 0


def test_a_train_counts_from_the_start_of_its_run_and_a_short_one_is_followed_by_silence() -> None:
    sim = Simulator(driven(IF(v_threshold=math.inf)))
    sim.run(5.0)
    result = sim.run(6.0, inputs={"in": train([0, 2], duration=3)}, record={"in": ["spikes"], "n": ["v"]})
    assert result.spikes["in"].steps.tolist() == [5, 7]
    assert result.v("n")[0, :, 0].tolist() == [0, 1, 1, 2, 2, 2]


def test_two_trains_of_two_sources_keep_apart() -> None:
    net = Network(dt=1.0)
    a, b = net.population("a", 2, SpikeArray()), net.population("b", 3, SpikeArray())
    n = net.population("n", 5, IF(v_threshold=math.inf))
    net.connect(a, n[:2], np.eye(2))
    net.connect(b, n[2:], np.eye(3))
    inputs = {
        "b": SpikeTrain([0, 1, 1], [0, 2, 2], [2, 0, 1], 3, 2, 1.0, 0, 4),
        "a": SpikeTrain([0, 1], [1, 3], [1, 0], 2, 2, 1.0, 0, 4),
    }
    result = Simulator(net, copies=2).run(5.0, inputs=inputs, record={"n": ["v"]})
    assert result.v("n")[:, -1].tolist() == [[0, 1, 0, 0, 1], [1, 0, 1, 1, 0]]


def test_every_copy_runs_on_its_own_input() -> None:
    net = Network(dt=1.0)
    net.population("n", 2, IF(v_threshold=2.5, reset="soft"))
    drive = np.arange(14.0).reshape(7, 2) / 4
    together = Simulator(net, copies=7).run(20.0, inputs={"n": drive}, record={"n": ["v"]}).v("n")
    for copy in range(7):
        alone = Simulator(net).run(20.0, inputs={"n": drive[copy]}, record={"n": ["v"]}).v("n")
        assert np.array_equal(together[copy], alone[0])


def test_states_are_recorded_as_compared_with_the_threshold() -> None:
    v, spikes = simulate(IF(v_threshold=0.5), [0, 3], 0.75, duration=6)
    assert v.tolist() == [0, 0.75, 0, 0, 0.75, 0]
    assert spikes == [1, 4]
    assert (v[spikes] > 0.5).all()


def test_float32_states_come_back_as_float32() -> None:
    for precision in ("float32", "float64"):
        result = Simulator(lively(), precision=precision).run(1.0, record={"lif": ["v"]})
        assert result.v("lif").dtype == precision


def test_progress_rises_to_one() -> None:
    seen: list[float] = []
    Simulator(lively(), copies=3, threads=1).run(500.0, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 2
    assert seen[-1] == 1.0


def test_what_is_done_to_the_network_later_does_not_reach_the_simulator() -> None:
    net, given = lively(), lively_train(20, 1)
    expected = Simulator(net).run(10.0, inputs={"in": given}, record=EVERYTHING)
    sim = Simulator(net)
    net.seed = 12345
    late = net.population("late", 3, IF())
    net.connect(net.populations["lif"], late, np.ones((17, 3)))
    result = sim.run(10.0, inputs={"in": given}, record=EVERYTHING)
    for name, spikes in expected.spikes.items():
        assert result.spikes[name] == spikes, name
    assert np.array_equal(result.operations.acs, expected.operations.acs)


def test_a_run_that_was_interrupted_leaves_no_half_state() -> None:
    """Copies that stand at different steps must not go on as if nothing had happened."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    net = Network(dt=1.0)
    net.population("n", 2, IF(v_threshold=math.inf, bias=1.0))
    sim = Simulator(net, copies=64, threads=1)
    with pytest.raises(KeyboardInterrupt):
        sim.run(1000.0, progress=interrupt)
    try:
        v = sim.run(1.0, record={"n": ["v"]}).v("n")
    except sn.SimulationError as error:
        assert "reset" in str(error)  # noqa: PT017
        sim.reset()
        v = sim.run(1.0, record={"n": ["v"]}).v("n")
    assert (v == sim.step).all()
