"""The event method as a simulator: the same from any saved state on, its trains, and what it refuses."""

import itertools
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from event_networks import driven, given_times, run

import snnsim as sn
from snnsim import (
    IF,
    LIF,
    AllToAll,
    Delta,
    EventSimulator,
    EventTrain,
    ExponentialCurrent,
    FixedProbability,
    Network,
    NetworkError,
    Poisson,
    SimulationError,
    Simulator,
    SpikeArray,
    SpikeTrain,
    Uniform,
)

# --- the same again -----------------------------------------------------------------------------------------------------


def lively(seed: int = 31) -> Network:
    """Recurrent, with delays of their own, three kinds of receptors, noise and given spikes."""
    net = Network(dt=0.5, seed=seed)
    noise, source = net.population("noise", 12, Poisson(rate=300.0)), net.population("in", 3, SpikeArray())
    receptors = {"now": Delta(), "slow": ExponentialCurrent(tau=7.0), "inh": ExponentialCurrent(tau=3.0)}
    exc = net.population("exc", 40, LIF(tau_m=10.0, t_ref=1.5, v_threshold=1.0, receptors=receptors))
    inh = net.population("inh", 9, IF(v_threshold=1.0, reset="soft"))
    net.connect(noise, exc, FixedProbability(0.4), weight=Uniform(0.1, 0.9), delay=Uniform(0.0, 9.0))
    net.connect(source, exc[:10], AllToAll(), weight=0.6, delay=3.5)
    net.connect(exc, exc, FixedProbability(0.3, autapses=False), weight=0.2, delay=Uniform(0.5, 6.0), receptor="slow")
    net.connect(exc, inh, np.random.default_rng(1).random((40, 9)) / 8, delay=1.0)
    net.connect(inh, exc, FixedProbability(0.5), weight=-0.9, delay=2.0, receptor="inh")
    return net


EVERYTHING = {"noise": ["spikes"], "in": ["spikes"], "exc": ["spikes"], "inh": ["spikes"]}


def some_input(duration: float) -> EventTrain:
    rng = np.random.default_rng(5)
    times = np.sort(rng.uniform(0, duration, 200))
    return EventTrain.from_times(times, rng.integers(0, 3, 200), size=3, dt=0.5, duration=duration)


@pytest.mark.parametrize("ends", [[37.5], [0.5, 1.0, 10.0, 10.5, 99.0], [float(k) for k in range(1, 100)]])
def test_split_runs_equal_one_run_to_the_bit(ends: list[float]) -> None:
    sim = EventSimulator(lively())
    whole = EventSimulator(lively()).run(100.0, record=EVERYTHING)
    parts = [sim.run(b - a, record=EVERYTHING) for a, b in itertools.pairwise([0.0, *ends, 100.0])]
    for name in ("noise", "exc", "inh"):
        assert len(whole.spikes[name]) > 100
        joined = np.concatenate([part.spikes[name].times for part in parts])
        assert np.array_equal(joined, whole.spikes[name].times), name
        assert np.array_equal(np.concatenate([part.spikes[name].neurons for part in parts]), whole.spikes[name].neurons)
    for count in ("acs", "spikes", "membrane_updates", "encoder_operations"):
        assert sum(getattr(part.operations, count).sum() for part in parts) == getattr(whole.operations, count).sum()


def test_two_simulators_agree_to_the_bit() -> None:
    one, two = (
        EventSimulator(lively()).run(200.0, inputs={"in": some_input(200.0)}, record=EVERYTHING) for _ in range(2)
    )
    assert all(one.spikes[name] == two.spikes[name] for name in EVERYTHING)
    other = EventSimulator(lively(32)).run(200.0, record=EVERYTHING)
    assert other.spikes["exc"] != one.spikes["exc"]


CONTINUE = """
import sys
import numpy as np
sys.path[:0] = [sys.argv[3], sys.argv[4]]
from test_event_simulator import EVERYTHING, lively
from snnsim import EventSimulator
sim = EventSimulator(lively(), copies=2)
sim.load(sys.argv[1])
result = sim.run(1000.0, record=EVERYTHING)
np.savez(sys.argv[2], **{f"{name}.{key}": getattr(train, key) for name, train in result.spikes.items()
         for key in ("copies", "times", "neurons")})
"""


def test_a_saved_state_goes_on_in_another_process_to_the_bit(tmp_path: Path) -> None:
    whole = EventSimulator(lively(), copies=2).run(2000.0, record=EVERYTHING)
    sim = EventSimulator(lively(), copies=2)
    sim.run(1000.0)
    sim.save(tmp_path / "state.npz")
    done = subprocess.run(
        [
            sys.executable, "-c", CONTINUE, tmp_path / "state.npz", tmp_path / "out.npz",
            Path(__file__).parent, Path(__file__).parents[1],
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npz")
    for name, train in whole.spikes.items():
        late = train.times >= 1000.0
        assert name == "in" or late.sum() > 1000
        for key in ("copies", "times", "neurons"):
            assert np.array_equal(found[f"{name}.{key}"], getattr(train, key)[late]), (name, key)


def test_a_state_comes_back_whole(tmp_path: Path) -> None:
    sim = EventSimulator(lively())
    sim.run(50.0)
    sim.save(tmp_path / "state.npz")
    first = sim.run(50.0, record=EVERYTHING)
    sim.load(tmp_path / "state.npz")
    assert sim.time == 50.0
    assert sim.step == 100
    again = sim.run(50.0, record=EVERYTHING)
    assert all(first.spikes[name] == again.spikes[name] for name in EVERYTHING)


# --- interface ----------------------------------------------------------------------------------------------------------


def test_a_train_with_exact_times_reads_like_any_other() -> None:
    train = EventTrain([1, 0, 1, 0], [6, 2, 3, 3], [0, 1, 2, 0], 3, 2, 0.5, 2, 8, [3.21, 1.2, 1.7, 1.6])
    assert train.times.tolist() == [1.2, 1.6, 1.7, 3.21]
    assert train.neurons.tolist() == [1, 0, 2, 0]
    assert (train.copies.tolist(), train.steps.tolist()) == ([0, 0, 1, 1], [2, 3, 3, 6])
    assert train.duration == 3.0
    assert train.counts().tolist() == [[1, 1, 0], [1, 0, 1]]
    assert train.copy(1).times.tolist() == [1.7, 3.21]
    assert train.copy(1) == EventTrain([0, 0], [3, 6], [2, 0], 3, 1, 0.5, 2, 8, [1.7, 3.21])
    assert train.copy(1) != EventTrain([0, 0], [3, 6], [2, 0], 3, 1, 0.5, 2, 8, [1.7, 3.22])
    assert train.on_grid(1.0) == SpikeTrain([0, 0, 1, 1], [1, 1, 1, 3], [1, 0, 2, 0], 3, 2, 1.0, 1, 4)
    assert type(train.on_grid()) is SpikeTrain
    assert train.trace(2.0).sum(axis=(0, 2))[0] == 1.0
    intervals = EventTrain.from_times([0.0, 1.0, 4.0], [0, 0, 0], size=1, dt=0.5, duration=5.0).interval_cv()
    assert intervals[0, 0] == pytest.approx(0.5)
    with pytest.raises(SimulationError, match="disagree"):
        EventTrain.from_times([0.0, 1.0], [0], size=1, dt=0.5, duration=5.0)
    with pytest.raises(SimulationError, match=r"EventTrain\.on_grid"):
        train.on_grid(0.7)


def test_times_on_the_grid_fall_into_their_own_steps() -> None:
    times = np.arange(1000) * 0.1
    train = EventTrain.from_times(times, np.zeros(1000, int), size=1, dt=0.1, duration=100.0)
    assert train.steps.tolist() == list(range(1000))


def test_a_picture_and_the_reference_networks_work_on_events() -> None:
    from snnsim.networks import cuba
    from snnsim.raster import draw_raster

    net = cuba(0.05)
    result = run(net, 300.0, record={"exc": ["spikes"], "inh": ["spikes"]})
    assert draw_raster(result).axes
    rates = [train.rates().mean() for train in result.spikes.values()]
    grid = Simulator(net).run(300.0, record={"exc": ["spikes"], "inh": ["spikes"]})
    for name, rate in zip(result.spikes, rates, strict=True):
        assert rate == pytest.approx(grid.spikes[name].rates().mean(), rel=0.25)


def test_potentials_are_those_of_the_closed_form_wherever_they_are_read() -> None:
    sim = EventSimulator(driven(LIF(tau_m=10.0, v_rest=-2.0, v_initial=0.5), [0.3]))
    sim.run(20.0, inputs={"in": given_times([7.0], duration=20.0)})
    expected = -2 + 2.5 * math.exp(-2.0) + 0.3 * math.exp(-1.3)
    assert sim.state("n", "v")[0, 0] == pytest.approx(expected, abs=1e-13)
    assert sim.state("n", "i").tolist() == [[0.0]]
    assert sim.step == 200
    assert sim.backend == "event"
    sim.run(10.0, inputs={"n": [1.5]})
    expected = -0.5 + (expected + 0.5) * math.exp(-1.0)
    assert sim.state("n", "v")[0, 0] == pytest.approx(expected, abs=1e-13)


def test_progress_is_told() -> None:
    told: list[float] = []
    EventSimulator(lively(), copies=3).run(300.0, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_an_interrupted_run_is_not_continued(tmp_path: Path) -> None:
    sim = EventSimulator(lively(), copies=2)

    def interrupt(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sim.run(300.0, progress=interrupt)
    for action in (lambda: sim.run(1.0), lambda: sim.save(tmp_path / "state.npz"), lambda: sim.state("exc", "v")):
        with pytest.raises(SimulationError, match=r"interrupted.*reset"):
            action()
    sim.reset()
    fresh = EventSimulator(lively(), copies=2).run(100.0, record=EVERYTHING)
    assert all(fresh.spikes[name] == train for name, train in sim.run(100.0, record=EVERYTHING).spikes.items())


def network_of(model: Any, **options: Any) -> Network:
    net = Network(dt=0.1)
    net.population("pop", 2, model, **options)
    return net


def stimulated() -> Network:
    net = network_of(IF())
    net.stimulate(net.populations["pop"], sn.PoissonInput(10.0), weight=1.0)
    return net


def regulated(model: Any, rule: Any) -> Network:
    net = network_of(model)
    pop = net.populations["pop"]
    net.regulate(net.connect(pop, pop, np.ones((2, 2))) if isinstance(rule, sn.Normalisation) else pop, rule)
    return net


def pooled() -> Network:
    net = Network(dt=0.1)
    net.connect(net.population("a", 4, SpikeArray()), net.population("b", 1, IF()), sn.OrPooling(2, 2, 1, 2, 2, 1.0))
    return net


def convolved() -> Network:
    net = Network(dt=0.1)
    net.connect(
        net.population("a", 9, SpikeArray()), net.population("b", 4, IF()), sn.Convolution(np.ones((1, 2, 2, 1)), 3, 3)
    )
    return net


BAD_NETWORKS = [
    (lambda: network_of(sn.TTFS()), ("'pop'", "TTFS", "LIF")),
    (lambda: network_of(sn.Latency()), ("'pop'", "Latency")),
    (lambda: network_of(sn.Graded()), ("'pop'", "Graded")),
    (lambda: network_of(IF(t_open=1.0)), ("'pop'", "t_open")),
    (lambda: network_of(IF(), active=(0.0, 1.0)), ("'pop'", "active")),
    (lambda: network_of(LIF(receptors={"a": sn.AlphaCurrent(tau=1.0)})), ("'pop'", "'a'", "AlphaCurrent")),
    (lambda: network_of(LIF(receptors={"g": sn.ExponentialConductance()})), ("'pop'", "'g'", "ExponentialConductance")),
    (lambda: network_of(sn.AdaptiveThresholdLIF()), ("'pop'", "AdaptiveThresholdLIF")),
    (lambda: network_of(sn.AdaptiveCurrentLIF()), ("'pop'", "AdaptiveCurrentLIF")),
    (lambda: network_of(sn.EscapeNoiseLIF()), ("'pop'", "EscapeNoiseLIF")),
    (lambda: network_of(sn.NoisyLIF()), ("'pop'", "NoisyLIF")),
    (stimulated, ("stimulus->pop", "no stimuli")),
    (lambda: regulated(LIF(), sn.WinnerTakeAll(1.0)), ("rules", "WinnerTakeAll")),
    (lambda: regulated(IF(), sn.Normalisation(1.0, 1.0)), ("rules", "Normalisation")),
    (pooled, ("a->b", "Dense and Sparse", "OrPooling")),
    (convolved, ("a->b", "Convolution", "Dense and Sparse")),
    (lambda: "a text", ("Network", "'a text'", "EventSimulator")),
    (lambda: Network(), ("no population",)),
]


@pytest.mark.parametrize(("make", "words"), BAD_NETWORKS, ids=[case[1][-1] for case in BAD_NETWORKS])
def test_what_has_no_closed_form_is_refused(make: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(NetworkError) as raised:
        EventSimulator(make())
    for word in words:
        assert word in str(raised.value)


BAD_RUNS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"duration": 0.05}, ("duration", "dt")),
    ({"record": {"n": ["v"]}}, ("'v'", "'n'", "state()")),
    ({"record": {"n": ["w"]}}, ("'w'", "'n'")),
    ({"record": {"m": ["spikes"]}}, ("'m'", "in, n")),
    ({"record": {"n": sn.Record("spikes")}}, ("'n'", "only the name 'spikes'", "Record")),
    ({"record": {"n": [sn.Record("v", every=1.0)]}}, ("'n'", "only the name 'spikes'", "Record(variable='v'")),
    ({"inputs": {"n": sn.TimedInput([0.0], [1.0])}}, ("'n'", "no TimedInput")),
    ({"inputs": {"m": [1.0]}}, ("'m'",)),
    ({"inputs": {"in": [1.0]}}, ("'in'", "SpikeTrain")),
    ({"inputs": {"n": [1.0, 2.0]}}, ("'n'", "(1,)", "(2,)")),
    ({"inputs": {"n": [np.nan]}}, ("'n'", "finite")),
    ({"inputs": {"n": given_times([1.0])}}, ("'n'", "takes no such input")),
    ({"inputs": {"in": given_times([15.0])}}, ("'in'", "after the end")),
    ({"inputs": {"in": given_times([1.0], [1], 2)}}, ("'in'", "2 neurons")),
]


@pytest.mark.parametrize(("options", "words"), BAD_RUNS, ids=[" ".join(case[1]) for case in BAD_RUNS])
def test_bad_runs_are_named_and_change_nothing(options: dict[str, Any], words: tuple[str, ...]) -> None:
    sim = EventSimulator(driven(LIF(), [2.0]))
    with pytest.raises(SimulationError) as raised:
        sim.run(**({"duration": 10.0} | options))
    for word in words:
        assert word in str(raised.value)
    train = given_times([1.0], duration=10.0)
    assert sim.run(10.0, inputs={"in": train}, record={"n": ["spikes"]}).spikes["n"].times.tolist() == [1.0]


def test_bad_simulators_are_named(tmp_path: Path) -> None:
    net = driven(LIF(), [2.0])
    sim = EventSimulator(net)
    with pytest.raises(SimulationError, match="'w'"):
        sim.state("n", "w")
    with pytest.raises(SimulationError, match="no population 'm'"):
        sim.state("m", "v")
    sim.save(tmp_path / "state.npz")
    with pytest.raises(SimulationError, match="another network"):
        EventSimulator(driven(LIF(), [2.5])).load(tmp_path / "state.npz")
    with pytest.raises(SimulationError, match="copies"):
        EventSimulator(net, copies=2).load(tmp_path / "state.npz")
    with pytest.raises(SimulationError, match="another network"):
        Simulator(net).load(tmp_path / "state.npz")
    with np.load(tmp_path / "state.npz") as data:
        arrays = dict(data)
    for name in ("step", "seed", "first_sample", "copies"):
        for value in (None, np.ones(2, np.uint64), np.str_("1")):
            numbers = arrays | {name: value}
            np.savez(tmp_path / "damaged.npz", **{key: array for key, array in numbers.items() if array is not None})
            with pytest.raises(SimulationError, match=name):
                sim.load(tmp_path / "damaged.npz")
    for name, damaged in (("0.first", np.array([7], np.int32)), ("0.neurons", np.zeros((1, 2)))):
        np.savez(tmp_path / "damaged.npz", **(arrays | {name: damaged}))
        with pytest.raises(SimulationError, match=r"damaged|neurons"):
            sim.load(tmp_path / "damaged.npz")
