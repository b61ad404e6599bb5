"""One seed, one result: whatever the threads, the batch, the recorders or the number of spikes."""

from typing import Any

import numpy as np
import pytest

import snnsim as sn
from snnsim import IF, LIF, Network, Simulator, SpikeArray, SpikeTrain
from snnsim.results import Result

STEPS, COPIES = 60, 11
COUNTS = ("acs", "macs", "membrane_updates", "encoder_operations", "spikes", "events", "fired")


def network() -> Network:
    """A recurrent network with weights that round, Poisson and spike-array input, so that any disorder would show."""
    rng = np.random.default_rng(4)
    net = Network(dt=0.5, seed=77)
    noise = net.population("noise", 23, sn.Poisson(rate=300.0))
    given = net.population("in", 5, SpikeArray())
    exc = net.population("exc", 37, LIF(tau_m=10.0, t_ref=1.0, v_threshold=1.0))
    inh = net.population("inh", 9, LIF(tau_m=rng.uniform(5, 15, 9), v_threshold=1.0))
    net.connect(noise, exc, rng.normal(0.2, 0.2, (23, 37)))
    net.connect(given, exc[:20], rng.normal(0.3, 0.1, (5, 20)))
    net.connect(exc, exc, sn.Sparse.from_matrix(rng.normal(0, 0.2, (37, 37)) * (rng.random((37, 37)) < 0.3)))
    net.connect(exc, inh, rng.normal(0.2, 0.1, (37, 9)))
    net.connect(inh, exc, rng.normal(-0.3, 0.1, (9, 37)))
    return net


def samples(start: int = 0, stop: int = COPIES) -> dict[str, Any]:
    fires = np.random.default_rng(6).random((COPIES, STEPS, 5)) < 0.4
    train = SpikeTrain(*np.nonzero(fires[start:stop]), 5, stop - start, 0.5, 0, STEPS)
    return {"in": train, "noise": np.random.default_rng(8).random((COPIES, 23))[start:stop]}


ALL = {"noise": ["spikes"], "in": ["spikes"], "exc": ["spikes", "v", "i"], "inh": ["v", "spikes"]}


def simulate(
    precision: str = "float32", *, record: Any = ALL, threads: int = 1, start: int = 0, stop: int = COPIES
) -> Result:
    simulator = Simulator(network(), copies=stop - start, precision=precision, threads=threads)
    simulator.reset(first_sample=start)
    return simulator.run(STEPS * 0.5, inputs=samples(start, stop), record=record)


def assert_equal(a: Result, b: Result) -> None:
    for key in a.states.keys() & b.states.keys():
        assert np.array_equal(a.states[key], b.states[key]), key
    for name in a.spikes.keys() & b.spikes.keys():
        assert a.spikes[name] == b.spikes[name], name
    for name in COUNTS:
        assert np.array_equal(getattr(a.operations, name), getattr(b.operations, name)), name


@pytest.fixture(scope="module", params=["float32", "float64"])
def whole(request: pytest.FixtureRequest) -> tuple[str, Result]:
    result = simulate(request.param)
    assert all(len(train) > 500 for train in result.spikes.values())
    return request.param, result


@pytest.mark.parametrize("threads", [1, 2, 4, 32])
def test_threads_change_nothing(whole: tuple[str, Result], threads: int) -> None:
    precision, expected = whole
    for _ in range(3):
        assert_equal(simulate(precision, threads=threads), expected)


@pytest.mark.parametrize("batch", [1, 2, 4, 10])
@pytest.mark.parametrize("threads", [1, 3])
def test_batches_change_nothing(whole: tuple[str, Result], batch: int, threads: int) -> None:
    precision, expected = whole
    for start in range(0, COPIES, batch):
        stop = min(start + batch, COPIES)
        part = simulate(precision, threads=threads, start=start, stop=stop)
        for key, values in expected.states.items():
            assert np.array_equal(part.states[key], values[start:stop]), key
        for name, train in expected.spikes.items():
            for copy in range(start, stop):
                assert part.spikes[name].copy(copy - start) == train.copy(copy), name
        for name in COUNTS:
            assert np.array_equal(getattr(part.operations, name), getattr(expected.operations, name)[start:stop]), name


@pytest.mark.parametrize("record", [
    None, {}, {"exc": "spikes"}, {"exc": ["v"]}, {"inh": ["spikes"], "noise": ["spikes", "x"]}, {"in": ["spikes"], "exc": ["i"]},
])  # fmt: skip
def test_recorders_change_nothing(whole: tuple[str, Result], record: Any) -> None:
    precision, expected = whole
    result = simulate(precision, record=record)
    assert_equal(result, expected)
    wanted = {(name, variable) for name, names in (record or {}).items() for variable in np.atleast_1d(names)}
    assert {key for key in wanted if key[1] != "spikes"} == result.states.keys()
    assert {key[0] for key in wanted if key[1] == "spikes"} == result.spikes.keys()


def test_precisions_agree_while_rounding_is_small() -> None:
    single, double = (simulate(precision).v("exc")[:, :5] for precision in ("float32", "float64"))
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5)
    assert not np.array_equal(single, double)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("copies", [1, 3])
def test_more_spikes_than_the_log_holds_are_all_kept(threads: int, copies: int) -> None:
    """Every neuron fires in every step: 1.2 million spikes, the log's buffer holds 65,536."""
    size, steps = 1000, 1200 // copies
    net = Network(dt=1.0)
    net.population("quiet", 10, IF())
    net.population("n", size, IF(v_threshold=0.5, bias=1.0))
    simulator = Simulator(net, copies=copies, precision="float32", threads=threads)
    result = simulator.run(float(steps), record={"n": ["spikes", "v"], "quiet": ["spikes"]})
    train = result.spikes["n"]
    assert len(train) == copies * size * steps
    assert np.array_equal(train.neurons, np.tile(np.arange(size), copies * steps))
    assert np.array_equal(train.steps, np.tile(np.repeat(np.arange(steps), size), copies))
    assert np.array_equal(train.copies, np.repeat(np.arange(copies), size * steps))
    assert len(result.spikes["quiet"]) == 0
    assert (result.operations.spikes == size).all()
    assert (result.operations.membrane_updates == size + 10).all()
    assert (result.v("n") == 1.0).all()


def test_a_population_larger_than_the_log_loses_nothing() -> None:
    size = 70_001
    net = Network(dt=1.0)
    net.population("n", size, IF(v_threshold=0.5, bias=1.0))
    train = Simulator(net, precision="float32", threads=1).run(9.0, record={"n": ["spikes"]}).spikes["n"]
    assert np.array_equal(train.steps, np.repeat(np.arange(9), size))
    assert np.array_equal(train.neurons, np.tile(np.arange(size), 9))
